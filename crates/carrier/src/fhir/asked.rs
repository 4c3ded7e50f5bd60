//! What a read asks of a FHIR server, known from method and target alone.

use super::interaction::{is_id, is_type_name};
use crate::route::Target;

/// What the answer to a read will show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing about anybody: what the server can do, discovery, terminology.
    Nothing,
    /// One resource by its id.
    Resource {
        /// The type in the address.
        resource_type: String,
        /// The id in the address.
        id: String,
    },
    /// One resource as it once was.
    Version {
        /// The type in the address.
        resource_type: String,
        /// The id in the address.
        id: String,
    },
    /// The versions of one resource, of a type, or of all.
    History {
        /// The type in the address, if there is one.
        resource_type: Option<String>,
        /// The id in the address, if there is one.
        id: Option<String>,
    },
    /// Resources that a search finds.
    Search {
        /// The type in the address, if there is one.
        resource_type: Option<String>,
        /// The resource in whose compartment is searched.
        within: Option<(String, String)>,
    },
    /// `$everything` about one resource.
    Everything {
        /// The type in the address.
        resource_type: String,
        /// The id in the address.
        id: String,
    },
    /// `$export`: files are made, to be fetched later.
    Export {
        /// The id of the group whose members are exported, if the address names one.
        group: Option<String>,
    },
    /// A path that FHIR does not name: only the answer tells what it shows.
    Elsewhere,
    /// An operation, or an address, whose answer cannot be filtered.
    Closed,
}

impl Asked {
    /// A short name for the ledger and for logs; holds no id and no value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Nothing => "open call",
            Self::Resource { .. } => "read",
            Self::Version { .. } => "version",
            Self::History { .. } => "history",
            Self::Search { .. } => "search",
            Self::Everything { .. } => "everything",
            Self::Export { .. } => "export",
            Self::Elsewhere => "other path",
            Self::Closed => "closed",
        }
    }

    /// The resource that the address names, if it names one.
    pub fn named(&self) -> Option<(&str, &str)> {
        match self {
            Self::Resource { resource_type, id }
            | Self::Version { resource_type, id }
            | Self::Everything { resource_type, id }
            | Self::History { resource_type: Some(resource_type), id: Some(id) } => Some((resource_type, id)),
            Self::Search { within, .. } => within.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str())),
            Self::Export { group } => group.as_deref().map(|id| ("Group", id)),
            Self::Nothing | Self::History { .. } | Self::Elsewhere | Self::Closed => None,
        }
    }
}

/// Operations that are about terms and not about records.
const OPEN_OPERATIONS: [&str; 7] =
    ["$expand", "$lookup", "$validate-code", "$translate", "$subsumes", "$versions", "$conforms"];
/// Resource types that those operations stand on.
const TERMS: [&str; 4] = ["ValueSet", "CodeSystem", "ConceptMap", "NamingSystem"];

/// What a request that writes nothing asks for.
///
/// Shape:  method; target as in the request line; the path of the upstream's FHIR base, empty for the root.
/// Bounds: [`crate::route::TARGET_BYTES_MAX`]; a longer target is closed.
/// Errors: none; what is not understood is [`Asked::Closed`].
/// Source: FHIR R4 `http.html`, `search.html`, `operations.html`; spec/carriers.md section 3.9.
pub fn asked(method: &str, target: &str, base: &str) -> Asked {
    if method == "OPTIONS" {
        return Asked::Nothing;
    }
    let (Some(base), Some(target)) = (Target::parse(base), Target::parse(target)) else {
        return Asked::Closed;
    };
    if target.segments().first().is_some_and(|first| first == ".well-known") {
        return Asked::Nothing;
    }
    let Some(path) = target.segments().strip_prefix(base.segments()) else { return Asked::Elsewhere };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let path = match path.as_slice() {
        [within @ .., "_search"] => within,
        path => path,
    };
    if path.iter().any(|word| word.starts_with('$')) {
        return operation(path);
    }
    let owned = |word: &str| word.to_owned();
    match path {
        ["metadata"] | [".well-known", ..] => Asked::Nothing,
        [] => Asked::Search { resource_type: None, within: None },
        ["_history"] => Asked::History { resource_type: None, id: None },
        [kind] if is_type_name(kind) => Asked::Search { resource_type: Some(owned(kind)), within: None },
        [kind, "_history"] if is_type_name(kind) => {
            Asked::History { resource_type: Some(owned(kind)), id: None }
        }
        [kind, id] if is_type_name(kind) && is_id(id) => {
            Asked::Resource { resource_type: owned(kind), id: owned(id) }
        }
        [kind, id, "_history"] if is_type_name(kind) && is_id(id) => {
            Asked::History { resource_type: Some(owned(kind)), id: Some(owned(id)) }
        }
        [kind, id, "_history", version] if is_type_name(kind) && is_id(id) && is_id(version) => {
            Asked::Version { resource_type: owned(kind), id: owned(id) }
        }
        [kind, id, inner] if is_type_name(kind) && is_id(id) && (is_type_name(inner) || *inner == "*") => {
            Asked::Search {
                resource_type: is_type_name(inner).then(|| owned(inner)),
                within: Some((owned(kind), owned(id))),
            }
        }
        _ => Asked::Elsewhere,
    }
}

fn operation(path: &[&str]) -> Asked {
    match path {
        ["$export"] | ["Patient", "$export"] => Asked::Export { group: None },
        // Of which versions of FHIR the server is.
        ["$versions"] => Asked::Nothing,
        // The state of an export, as HAPI names it: the answer is its manifest.
        ["$export-poll-status"] => Asked::Elsewhere,
        ["Group", id, "$export"] if is_id(id) => Asked::Export { group: Some((*id).to_owned()) },
        [kind, id, "$everything"] if is_type_name(kind) && is_id(id) => {
            Asked::Everything { resource_type: (*kind).to_owned(), id: (*id).to_owned() }
        }
        // Everything about everybody is a search of every type.
        [kind, "$everything"] if is_type_name(kind) => Asked::Search { resource_type: None, within: None },
        [kind, word] | [kind, _, word] if TERMS.contains(kind) && OPEN_OPERATIONS.contains(word) => {
            Asked::Nothing
        }
        _ => Asked::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, want: &Asked) {
        assert_eq!(asked("GET", target, "/fhir"), *want, "{target}");
    }

    fn search(kind: Option<&str>, within: Option<(&str, &str)>) -> Asked {
        Asked::Search {
            resource_type: kind.map(str::to_owned),
            within: within.map(|(kind, id)| (kind.to_owned(), id.to_owned())),
        }
    }

    #[test]
    fn every_read_says_what_it_will_show() {
        let (patient, id) = ("Patient".to_owned(), "17".to_owned());
        check("/fhir/Patient/17", &Asked::Resource { resource_type: patient.clone(), id: id.clone() });
        check("/fhir//Patient/./17/", &Asked::Resource { resource_type: patient.clone(), id: id.clone() });
        check(
            "/fhir/Patient/17/_history/2",
            &Asked::Version { resource_type: patient.clone(), id: id.clone() },
        );
        check(
            "/fhir/Patient/17/_history",
            &Asked::History { resource_type: Some(patient.clone()), id: Some(id.clone()) },
        );
        check("/fhir/_history?_since=2020", &Asked::History { resource_type: None, id: None });
        check("/fhir/Patient/17/$everything", &Asked::Everything { resource_type: patient, id });
        for target in ["/fhir/Patient?name=a", "/fhir/Patient/_search", "/fhir/%50atient"] {
            check(target, &search(Some("Patient"), None));
        }
        check("/fhir?_type=Patient", &search(None, None));
        check("/fhir/Patient/17/Observation", &search(Some("Observation"), Some(("Patient", "17"))));
        check("/fhir/Patient/17/*", &search(None, Some(("Patient", "17"))));
        check("/fhir/Patient/$everything", &search(None, None));
    }

    #[test]
    fn what_is_not_about_anybody_is_open() {
        for target in [
            "/fhir/metadata",
            "/.well-known/smart-configuration",
            "/fhir/ValueSet/$expand?url=x",
            "/fhir/ValueSet/1/$expand",
            "/fhir/CodeSystem/$lookup",
            "/fhir/$versions",
        ] {
            check(target, &Asked::Nothing);
        }
        assert_eq!(asked("OPTIONS", "/fhir/Patient", "/fhir"), Asked::Nothing);
    }

    #[test]
    fn what_a_server_computes_is_closed() {
        for target in [
            "/fhir/Observation/$lastn?max=1",
            "/fhir/Observation/$stats",
            "/fhir/$graphql?query={}",
            "/fhir/Patient/17/$graphql",
            "/fhir/Composition/1/$document",
            "/fhir/Patient/$match",
            "/fhir/Patient/17/$meta",
            "/fhir/Patient/$expand",
            "/fhir/%24meta",
            "/fhir/Patient/..%2fx",
        ] {
            check(target, &Asked::Closed);
        }
        for target in [
            "/files/1.ndjson",
            "/fhir/status/17",
            "/fhir/$export-poll-status?_jobId=1",
            "/fhir/a/b/c/d",
            "/other/Patient/1",
        ] {
            check(target, &Asked::Elsewhere);
        }
        for target in ["/fhir/$export", "/fhir/Patient/$export?_type=Patient"] {
            check(target, &Asked::Export { group: None });
        }
        check("/fhir/Group/1/$export", &Asked::Export { group: Some("1".to_owned()) });
    }
}
