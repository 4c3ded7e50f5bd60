//! A sealed dataset, handed in so that its marks are proved here: what is handed in, what is answered, and the route.

use access::Action;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::route::{Call, Route, read};

/// A dataset whose marks are proved from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetRegistered {
    /// Its name: the beginning of its manifest's digest.
    pub dataset: String,
    /// How many of its batches are known here now.
    pub batches: u64,
    /// How many of them were not known before.
    pub added: u64,
}

/// The file itself is the body. `mark` reads it, and says what a schema cannot.
fn file(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "A dataset file, as `eosin mark` writes it beside what it marked: spec/mark.md.",
        "required": ["eosin", "manifest", "receipts"],
        "additionalProperties": false,
        "properties": {
            "eosin": { "const": "dataset@1" },
            "manifest": { "type": "object", "description": "What the dataset is, as it was sealed." },
            "receipts": {
                "type": "array",
                "minItems": 1,
                "description": "A receipt of each batch.",
                "items": {
                    "type": "object",
                    "required": ["entry", "proof"],
                    "additionalProperties": false,
                    "properties": {
                        "entry": { "type": "string", "description": "The batch's entry, exactly as logged." },
                        "proof": { "type": "string", "description": "A proof of c2sp.org/tlog-proof@v1 that it is in its log." },
                    },
                },
            },
        },
    })
}

pub(crate) fn route() -> Route {
    Route {
        method: "POST",
        body: Some(file),
        answer: Some(SchemaGenerator::subschema_for::<DatasetRegistered>),
        ..read(
            Call::DatasetRegister,
            "/datasets",
            "registerDataset",
            "datasets",
            Some(Action::RegisterDatasets),
            "Have a dataset known that a trusted log has sealed: every gateway that shares the folder proves its marks from now on.",
        )
    }
}
