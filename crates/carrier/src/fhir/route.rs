//! Which FHIR requests write, known from method and target alone.

use crate::{Action, Door, route::Target};

/// A write that [`super::read()`] can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `POST [base]/Type`, also with `If-None-Exist`.
    Create {
        /// The type in the address.
        resource_type: String,
    },
    /// `PUT [base]/Type/id` or, with a search in the query, `PUT [base]/Type`.
    Update {
        /// The type in the address.
        resource_type: String,
    },
    /// `POST [base]`: a transaction or a batch.
    Bundle,
    /// `DELETE`, of one resource or of what a search finds: there is no record to judge.
    Delete,
}

impl Route {
    /// What the request does to records.
    ///
    /// A `PUT` may make a resource that was not there, and a Bundle may do anything: both count as creating, so
    /// that a rule against creating cannot be walked round.
    pub fn action(&self) -> Action {
        match self {
            Self::Create { .. } | Self::Update { .. } | Self::Bundle => Action::Create,
            Self::Delete => Action::Delete,
        }
    }

    /// A short name for the ledger and for logs; holds no id and no value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Bundle => "bundle",
            Self::Delete => "delete",
        }
    }
}

/// What a request asks of a FHIR server.
///
/// Reads are open, also a search that is posted. A patch, an operation by `POST`, and any other write are unknown:
/// what they write is not in their body as records.
///
/// Shape:  method; target as in the request line; the value of `X-HTTP-Method-Override` if the client sent one; the
///         path of the upstream's FHIR base, such as `/fhir`, empty for the root.
/// Bounds: [`crate::route::TARGET_BYTES_MAX`]; a write to a longer target is unknown.
/// Errors: none; what is not understood is [`Door::Unknown`].
/// Source: FHIR R4 `http.html`; spec/carriers.md section 3.
pub fn route(method: &str, target: &str, method_override: Option<&str>, base: &str) -> Door<Route> {
    // Some upstreams follow an override and some do not: only where both answers are reads is there one answer.
    if let Some(other) = method_override.map(str::trim).filter(|other| *other != method) {
        return if is_read(method) && is_read(other) { Door::Open } else { Door::Unknown };
    }
    if is_read(method) {
        return Door::Open;
    }
    let (Some(base), Some(target)) = (Target::parse(base), Target::parse(target)) else {
        return Door::Unknown;
    };
    let Some(path) = target.segments().strip_prefix(base.segments()) else { return Door::Unknown };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let typed = |name: &str| is_type_name(name).then(|| name.to_owned());
    let judged = match (method, path.as_slice()) {
        ("POST", [within @ .., "_search"]) if within.iter().all(|word| is_id(word)) => return Door::Open,
        ("POST", []) => Some(Route::Bundle),
        ("POST", [name]) => typed(name).map(|resource_type| Route::Create { resource_type }),
        ("PUT", [name]) => typed(name).map(|resource_type| Route::Update { resource_type }),
        ("PUT", [name, id]) if is_id(id) => typed(name).map(|resource_type| Route::Update { resource_type }),
        ("DELETE", [name]) => typed(name).map(|_| Route::Delete),
        ("DELETE", [name, id]) if is_id(id) => typed(name).map(|_| Route::Delete),
        _ => None,
    };
    judged.map_or(Door::Unknown, Door::Judged)
}

fn is_read(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS"].contains(&method)
}

/// Whether a word can be the name of a resource type: at most 64 letters and digits after a capital.
pub(super) fn is_type_name(word: &str) -> bool {
    word.len() <= 64
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a word can be a logical id. An operation's `$` and a history's `_` cannot begin one.
fn is_id(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(request: &str, want: &Door<Route>) {
        let (method, target) = request.split_once(' ').unwrap();
        assert_eq!(route(method, target, None, "/fhir"), *want, "{request}");
    }

    fn create(resource_type: &str) -> Door<Route> {
        Door::Judged(Route::Create { resource_type: resource_type.to_owned() })
    }

    fn update(resource_type: &str) -> Door<Route> {
        Door::Judged(Route::Update { resource_type: resource_type.to_owned() })
    }

    #[test]
    fn every_write_has_its_route() {
        for request in [
            "POST /fhir/Patient",
            "POST /fhir/Patient/",
            "POST //fhir///Patient?_format=json",
            "POST /fhir/%50atient",
            "POST /fhir/x/../Patient",
            "POST https://ehr.example.org/fhir/Patient",
        ] {
            check(request, &create("Patient"));
        }
        check("PUT /fhir/Patient/17", &update("Patient"));
        check("PUT /fhir/Patient?identifier=a%7Cb", &update("Patient"));
        check("POST /fhir", &Door::Judged(Route::Bundle));
        check("POST /fhir/?_pretty=true", &Door::Judged(Route::Bundle));
        check("DELETE /fhir/Patient/17", &Door::Judged(Route::Delete));
        check("DELETE /fhir/Patient?name=a", &Door::Judged(Route::Delete));
    }

    #[test]
    fn reads_are_open() {
        for request in [
            "GET /fhir/Patient/17",
            "GET /fhir/Patient/17/$everything",
            "GET /fhir/metadata",
            "GET /.well-known/smart-configuration",
            "HEAD /fhir/Patient/17",
            "OPTIONS /fhir",
            "POST /fhir/Patient/_search",
            "POST /fhir/_search",
            "POST /fhir/Patient/17/Observation/_search",
        ] {
            check(request, &Door::Open);
        }
    }

    #[test]
    fn a_write_that_cannot_be_read_is_unknown() {
        for request in [
            "PATCH /fhir/Patient/17",
            "POST /fhir/$process-message",
            "POST /fhir/Patient/$validate",
            "POST /fhir/Patient/%24validate",
            "POST /fhir/Patient/17/$meta-add",
            "POST /fhir/Patient/17",
            "POST /fhir/patient",
            "POST /fhir/Patient;v=1",
            "POST /fhir/Patient%2F17",
            "POST /fhir/Patient/_search;x",
            "POST /fhir/Patient/$import/_search",
            "POST /fhir/_history/_search",
            "PUT /fhir/Patient/17/_history/1",
            "PUT /fhir",
            "DELETE /fhir",
            "DELETE /fhir/Patient/$expunge",
            "POST /Patient",
            "POST /FHIR/Patient",
            "POST /fhirx/Patient",
            "POST /fhir/../Patient",
            "post /fhir/Patient",
            "get /fhir/Patient",
            "TRACE /fhir/Patient",
            "POST /fhir/Patient#x",
            "POST /fhir/%zz",
        ] {
            check(request, &Door::Unknown);
        }
    }

    #[test]
    fn an_override_counts_for_both_methods() {
        let check =
            |method, other, want| assert_eq!(route(method, "/fhir/Patient", Some(other), "/fhir"), want);
        check("POST", "POST", create("Patient"));
        check("POST", "PATCH", Door::Unknown);
        check("GET", "DELETE", Door::Unknown);
        check("POST", "GET", Door::Unknown);
        check("GET", "HEAD", Door::Open);
    }

    #[test]
    fn a_base_may_be_the_root() {
        assert_eq!(route("POST", "/Patient", None, "/"), create("Patient"));
        assert_eq!(route("POST", "Patient", None, ""), create("Patient"));
        assert_eq!(route("POST", "/a/b/Patient", None, "/a/b/"), create("Patient"));
    }

    proptest! {
        #[test]
        fn any_request_has_a_door(method in "[A-Z]{0,7}", target in "\\PC{0,60}", other in prop::option::of("[A-Z]{0,7}")) {
            let door = route(&method, &target, other.as_deref(), "/fhir");
            if door == Door::Open {
                prop_assert!(is_read(&method) || target.contains("_search"));
            }
        }
    }
}
