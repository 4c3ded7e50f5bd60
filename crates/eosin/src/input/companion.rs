//! What lies beside data and holds none: told by its name, and by what it holds, which nobody else may have chosen.

use std::io::Read;

use carrier::table;
use certificate::{PAYLOAD_TYPE, Statement};
use mark::{DatasetFile, dsse::Envelope};
use serde_json::Value;

/// Why a file that was found rather than named holds no records; nothing where it has to be read.
///
/// A name alone says nothing: FHIR has resources called `Provenance` and `Manifest`, and somebody can give any file any name.
///
/// Shape:  the name with its folders, and what it holds from its beginning.
/// Bounds: nothing is read of a file of another name, and at most [`BYTES_MAX`] of one with such a name, into `read`.
/// Errors: none; what cannot be read is left to whoever reads records.
pub(crate) fn not_records(name: &str, content: &mut dyn Read, read: &mut Vec<u8>) -> Option<&'static str> {
    let kind = Kind::of(name)?;
    let bytes_max = if kind == Kind::Certificate { mark::dsse::ENVELOPE_BYTES_MAX } else { BYTES_MAX };
    content.take(bytes_max as u64 + 1).read_to_end(read).ok()?;
    let is_so = read.len() <= bytes_max && kind.holds(read.trim_ascii_end());
    is_so.then(|| kind.sentence())
}

/// Whether this is a dataset file or a certificate: what a certificate of a folder passes over.
pub(crate) fn is_signed(name: &str, content: &mut dyn Read) -> bool {
    matches!(Kind::of(name), Some(Kind::Dataset | Kind::Certificate))
        && not_records(name, content, &mut Vec::new()).is_some()
}

/// Most bytes of what describes data: a dataset file of ten thousand batches. A certificate has a bound of its own.
const BYTES_MAX: usize = mark::DATASET_FILE_BYTES_MAX;

/// What a name says that a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dataset,
    Certificate,
    /// Of a part that was split off, or of a delivery.
    Manifest,
    Croissant,
    /// In the OASIS form.
    Provenance,
    /// In W3C's form.
    ProvJson,
    /// Of tables on the web, as Synthea writes it.
    TablesOnTheWeb,
    /// What a Macintosh knows of a folder, and of a file beside its bytes.
    FolderSettings,
    FileSettings,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let last = super::sources::last(name);
        let ends = [
            (".dataset.json", Self::Dataset),
            (".certificate.json", Self::Certificate),
            (".manifest.json", Self::Manifest),
            (".croissant.json", Self::Croissant),
            (".provenance.json", Self::Provenance),
            (".prov.json", Self::ProvJson),
        ];
        match last {
            "csvw_metadata.json" => Some(Self::TablesOnTheWeb),
            ".DS_Store" => Some(Self::FolderSettings),
            _ if last.starts_with("._") => Some(Self::FileSettings),
            _ => ends.into_iter().find(|(end, _)| last.ends_with(end)).map(|(_, kind)| kind),
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::FolderSettings | Self::FileSettings => "was added by a Macintosh",
            Self::Dataset
            | Self::Certificate
            | Self::Manifest
            | Self::Croissant
            | Self::Provenance
            | Self::ProvJson
            | Self::TablesOnTheWeb => "describes the data beside it",
        }
    }

    fn holds(self, bytes: &[u8]) -> bool {
        match self {
            Self::Dataset => DatasetFile::parse(bytes).is_ok(),
            Self::Certificate => is_certificate(bytes),
            Self::Manifest => {
                let is_ours = |top: &Value| matches!(text(top, "eosin"), Some("part@1" | "delivery@1"));
                describes(bytes, &MANIFEST, is_ours)
            }
            Self::Croissant => describes(bytes, &CROISSANT, |top| text(top, "@type") == Some("sc:Dataset")),
            Self::Provenance => describes(bytes, &PROVENANCE, |top| {
                text(top, "$schema")
                    .is_some_and(|schema| schema.starts_with("https://docs.oasis-open.org/dps/"))
            }),
            Self::ProvJson => {
                describes(bytes, &PROV_JSON, |top| top["prefix"].is_object() && top["entity"].is_object())
            }
            Self::TablesOnTheWeb => describes(bytes, &TABLES_ON_THE_WEB, |top| {
                top["@context"].to_string().contains("http://www.w3.org/ns/csvw")
            }),
            Self::FolderSettings => bytes.starts_with(b"\0\0\0\x01Bud1"),
            // AppleSingle and AppleDouble, RFC 1740.
            Self::FileSettings => bytes.starts_with(b"\0\x05\x16\x07"),
        }
    }
}

/// In its one spelling: an envelope with something beside its members would be a file of records to another reader.
fn is_certificate(bytes: &[u8]) -> bool {
    Envelope::parse(bytes).is_ok_and(|envelope| {
        envelope.payload_type() == PAYLOAD_TYPE
            && Statement::parse(envelope.unverified_payload()).is_ok()
            && envelope.to_json() == bytes
    })
}

/// Whether this is JSON of that shape with no other members at its top, which no reader would take for records, and no
/// mark or label stands in it.
fn describes(bytes: &[u8], members: &[&str], is_so: impl FnOnce(&Value) -> bool) -> bool {
    if mark::json::parse(bytes).is_err() {
        return false;
    }
    let Ok(top) = serde_json::from_slice::<Value>(bytes) else { return false };
    // Words of another vocabulary have its prefix before them.
    let is_known = |name: &String| members.contains(&name.as_str()) || name.contains(':');
    top.as_object().is_some_and(|all| all.keys().all(is_known)) && is_so(&top) && !holds_records(&top)
}

fn holds_records(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let is_of_records = match name.as_str() {
                "resourceType" => true,
                "entry" | "records" | "data" => value.is_array(),
                "attributes" => value.is_object(),
                _ => !name.contains(':') && table::label_of(name).is_some(),
            };
            is_of_records || holds_records(value)
        }),
        Value::Array(items) => items.iter().any(holds_records),
        Value::String(text) => table::hidden_label("", text).is_some(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Of the manifests of this repository: spec/manifest.md, spec/deliveries.md section 4.
const MANIFEST: [&str; 19] = [
    "eosin",
    "part",
    "file",
    "bytes",
    "sha256",
    "records",
    "root",
    "positions",
    "source",
    "decision",
    "boundary",
    "entry",
    "format",
    "object",
    "shown",
    "entries",
    "read",
    "withheld",
    "certificate",
];

/// Source: Croissant 1.0, and what schema.org has of a dataset.
const CROISSANT: [&str; 24] = [
    "@context",
    "@type",
    "@id",
    "conformsTo",
    "name",
    "alternateName",
    "description",
    "url",
    "sameAs",
    "identifier",
    "version",
    "datePublished",
    "dateCreated",
    "dateModified",
    "creator",
    "publisher",
    "license",
    "citeAs",
    "citation",
    "keywords",
    "inLanguage",
    "isLiveDataset",
    "distribution",
    "recordSet",
];

/// Source: OASIS Data Provenance Standards 1.0.
const PROVENANCE: [&str; 5] = ["$schema", "set", "source", "provenance", "use"];

/// Source: the W3C member submission PROV-JSON.
const PROV_JSON: [&str; 20] = [
    "prefix",
    "entity",
    "activity",
    "agent",
    "wasGeneratedBy",
    "used",
    "wasInformedBy",
    "wasStartedBy",
    "wasEndedBy",
    "wasInvalidatedBy",
    "wasDerivedFrom",
    "wasAttributedTo",
    "wasAssociatedWith",
    "actedOnBehalfOf",
    "wasInfluencedBy",
    "specializationOf",
    "alternateOf",
    "mentionOf",
    "hadMember",
    "bundle",
];

/// Source: W3C Metadata Vocabulary for Tabular Data.
const TABLES_ON_THE_WEB: [&str; 11] = [
    "@context",
    "@id",
    "@type",
    "url",
    "tables",
    "tableSchema",
    "tableGroup",
    "tableDirection",
    "dialect",
    "notes",
    "transformations",
];

fn text<'v>(top: &'v Value, name: &str) -> Option<&'v str> {
    top.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATES: &str = include_str!("../../../../spec/vectors/certificate.json");

    /// Whether a file is passed over, and whether what was read of it is what it begins with.
    fn is_passed(name: &str, bytes: &[u8]) -> bool {
        let mut read = Vec::new();
        let passed = not_records(name, &mut &*bytes, &mut read).is_some();
        assert!(bytes.starts_with(&read), "{name}");
        passed
    }

    /// A certificate as it was signed, of the vectors.
    fn certificate() -> String {
        let vectors: Value = serde_json::from_str(CERTIFICATES).unwrap();
        let all = vectors["scenes"].as_array().unwrap();
        let texts = all.iter().filter_map(|scene| scene["certificate"].as_str());
        texts.map(str::to_owned).find(|one| is_passed("a.certificate.json", one.as_bytes())).unwrap()
    }

    #[test]
    fn what_describes_is_known_by_what_it_holds() {
        let part = r#"{"eosin":"part@1","part":"kept","records":0,"positions":[]}"#;
        for (name, text) in [
            ("a.csv.certificate.json", format!("{}\n", certificate().trim_end()).as_str()),
            ("f/a.csv.manifest.json", part),
            ("1.manifest.json", r#"{"eosin":"delivery@1","entry":"log#1","entries":[{"file":"a"}]}"#),
            ("a.croissant.json", r#"{"@context":{"data":{"@type":"@json"}},"@type":"sc:Dataset"}"#),
            ("a.provenance.json", r#"{"$schema":"https://docs.oasis-open.org/dps/prov-meta/v1.0/x.json"}"#),
            ("a.prov.json", r#"{"prefix":{},"entity":{}}"#),
            ("csvw_metadata.json", r#"{"@context":"http://www.w3.org/ns/csvw","tables":[]}"#),
            ("__MACOSX/._a.csv", "\0\u{5}\u{16}\u{7}\0"),
            (".DS_Store", "\0\0\0\u{1}Bud1"),
        ] {
            assert!(is_passed(name, text.as_bytes()), "{name}");
            assert!(!is_passed("a.json", text.as_bytes()), "{name}: a name says something too");
        }
    }

    #[test]
    fn records_are_not_passed_over_for_their_name() {
        let patient = r#"{"resourceType":"Patient"}"#;
        let signed = certificate();
        let signed = signed.trim_end();
        let members = signed.strip_prefix('{').unwrap();
        let entry = format!(r#"{{"entry":[{{"resource":{patient}}}],{members}"#);
        let long = format!("{signed}{}{patient}", " ".repeat(mark::dsse::ENVELOPE_BYTES_MAX));
        let mark = format!(r#"{{"prefix":{{}},"entity":{{"a":"eosin1.{}"}}}}"#, "a".repeat(200));
        for (name, text) in [
            ("p.provenance.json", r#"{"resourceType":"Provenance"}"#),
            ("p.manifest.json", patient),
            ("p.manifest.json", &format!(r#"{{"eosin":"part@1","records":[{patient}]}}"#)),
            ("p.manifest.json", r#"{"eosin":"part@1","attributes":{"type":"Contact"},"LastName":"A"}"#),
            (
                "p.croissant.json",
                &format!(r#"{{"@type":"sc:Dataset","recordSet":[{{"data":[{patient}]}}]}}"#),
            ),
            ("p.prov.json", &mark),
            ("p.prov.json", r#"{"prefix":{},"entity":{},"rows":[{"last_name":"A"}]}"#),
            ("p.prov.json", r#"{"prefix":{},"entity":{"a":{"eosin_synthetic":true}}}"#),
            ("p.dataset.json", patient),
            ("p.certificate.json", &entry),
            ("p.certificate.json", &long),
            ("p.certificate.json", &format!("{signed}\n{patient}")),
            ("__MACOSX/a.csv", "first,last\nA,B\n"),
            ("__MACOSX/._a.csv", "first,last\nA,B\n"),
            (".DS_Store", patient),
        ] {
            assert!(!is_passed(name, text.as_bytes()), "{name}");
        }
    }
}
