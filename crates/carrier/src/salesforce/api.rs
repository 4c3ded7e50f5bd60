//! Writes that do not go through the sObject resources: UI API, GraphQL, Apex REST, Tooling and Metadata.

use std::{fmt, sync::Arc};

use super::{
    apex::ApexMap,
    door::{is_id_shaped, is_name},
};
use crate::{Action, Door, route::Target};

/// A write through another API than the sObject resources.
#[derive(Clone, PartialEq, Eq)]
pub enum Api {
    /// `POST /ui-api/records`: the body names the object.
    UiCreate,
    /// `PATCH /ui-api/records/<id>`: the id tells the object.
    UiUpdate {
        /// The id's first three characters, which stand for an object.
        prefix: String,
    },
    /// `DELETE /ui-api/records/<id>`; has no records to read.
    UiDelete,
    /// `POST /ui-api/records/batch`: creations, updates and removals in one body.
    UiBatch,
    /// `POST /graphql`: queries have no records, mutations have.
    GraphQl,
    /// A write to an Apex REST class whose body is mapped.
    Apex(Arc<ApexMap>),
    /// `POST /metadata/deployRequest`: no records, but perhaps a change to what Eosin rests on.
    Deploy,
    /// A write to metadata through the Tooling API.
    Tooling {
        /// The metadata type, as the target spells it.
        kind: String,
        /// What is done with it.
        change: Change,
    },
}

/// Debug shows the label only, as that of [`super::Route`].
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What a Tooling request does with a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new component, which its body names.
    Create,
    /// The component with this id gets another definition.
    Update,
    /// The component with this id goes.
    Delete,
}

impl Api {
    /// What the request does, before its body is read.
    pub fn action(&self) -> Action {
        match self {
            Self::UiCreate | Self::UiBatch | Self::GraphQl | Self::Apex(_) => Action::Create,
            Self::UiUpdate { .. } | Self::Deploy => Action::Update,
            Self::UiDelete => Action::Delete,
            Self::Tooling { change, .. } => match change {
                Change::Create => Action::Create,
                Change::Update => Action::Update,
                Change::Delete => Action::Delete,
            },
        }
    }

    /// The short name for logs and the ledger; never an id or a value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UiCreate => "ui-api create",
            Self::UiUpdate { .. } => "ui-api update",
            Self::UiDelete => "ui-api delete",
            Self::UiBatch => "ui-api batch",
            Self::GraphQl => "graphql",
            Self::Apex(_) => "apex rest",
            Self::Deploy => "metadata deploy",
            Self::Tooling { change: Change::Create, .. } => "tooling create",
            Self::Tooling { change: Change::Update, .. } => "tooling update",
            Self::Tooling { change: Change::Delete, .. } => "tooling delete",
        }
    }
}

/// The door of a target under `/services/data/vNN` that is none of the sObject resources.
///
/// Shape:  method in upper case; segments after the version, in lower case and as sent.
/// Source: spec/carriers.md sections 2.1 and 2.10 to 2.15.
pub(super) fn api_door(verb: &str, target: &Target, lower: &[&str], exact: &[String]) -> Door<Api> {
    let judged = match (verb, lower) {
        ("POST", ["ui-api", "records"]) => Api::UiCreate,
        ("POST", ["ui-api", "records", "batch"]) => Api::UiBatch,
        ("PATCH", ["ui-api", "records", id]) if id.contains("@{") => Api::UiUpdate { prefix: String::new() },
        ("PATCH", ["ui-api", "records", id]) if is_id_shaped(id) => {
            let prefix = exact.get(2).and_then(|id| id.get(..3)).unwrap_or_default();
            Api::UiUpdate { prefix: prefix.to_owned() }
        }
        ("DELETE", ["ui-api", "records", id]) if is_id_shaped(id) || id.contains("@{") => Api::UiDelete,
        ("POST", ["graphql"]) if !asks_in_query(target) => Api::GraphQl,
        ("POST", ["metadata", "deployrequest"]) => Api::Deploy,
        ("POST", ["tooling", "sobjects", kind]) if is_metadata(kind) => tooling(exact, Change::Create),
        ("PATCH", ["tooling", "sobjects", kind, id]) if is_metadata(kind) && is_id_shaped(id) => {
            tooling(exact, Change::Update)
        }
        ("DELETE", ["tooling", "sobjects", kind, id]) if is_metadata(kind) && is_id_shaped(id) => {
            tooling(exact, Change::Delete)
        }
        // Test runs are rolled back, whatever they write.
        ("POST", ["tooling", "runtestsasynchronous" | "runtestssynchronous"]) => return Door::Open,
        _ => return Door::Unknown,
    };
    Door::Judged(judged)
}

fn tooling(exact: &[String], change: Change) -> Api {
    Api::Tooling { kind: exact.get(2).cloned().unwrap_or_default(), change }
}

/// Whether a GraphQL request says in its target what its body should say: two servers could run two documents.
fn asks_in_query(target: &Target) -> bool {
    ["query", "variables", "operationName", "extensions"]
        .iter()
        .any(|name| target.query(name).next().is_some())
}

/// The metadata types that may be written through the Tooling API. None of them runs code when it is written, copies
/// records (`SandboxInfo`) or is a record about anybody. In lower case.
fn is_metadata(kind: &str) -> bool {
    const KINDS: [&str; 44] = [
        "apexclass",
        "apexclassmember",
        "apexcomponent",
        "apexcomponentmember",
        "apexpage",
        "apexpagemember",
        "apextestqueueitem",
        "apextestsuite",
        "apextrigger",
        "apextriggermember",
        "auradefinition",
        "auradefinitionbundle",
        "businessprocess",
        "compactlayout",
        "containerasyncrequest",
        "customapplication",
        "customfield",
        "customobject",
        "customtab",
        "debuglevel",
        "emailtemplate",
        "fieldset",
        "flexipage",
        "flow",
        "flowdefinition",
        "globalvalueset",
        "homepagecomponent",
        "homepagelayout",
        "layout",
        "lightningcomponentbundle",
        "lightningcomponentresource",
        "metadatacontainer",
        "permissionset",
        "permissionsetgroup",
        "profile",
        "quickactiondefinition",
        "recordtype",
        "staticresource",
        "testsuitemembership",
        "traceflag",
        "validationrule",
        "weblink",
        "workflowfieldupdate",
        "workflowrule",
    ];
    is_name(kind) && KINDS.binary_search(&kind).is_ok()
}
