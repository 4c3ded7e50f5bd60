//! Which FHIR requests write, known from method and target alone.

use super::interaction::{Interaction, LogicalId, OperationKind, interaction};
use crate::{Action, Door};

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
    /// `PATCH [base]/Type/id` or, with a search in the query, `PATCH [base]/Type`.
    Patch {
        /// The type in the address.
        resource_type: String,
        /// The resource; nothing where a search finds it.
        id: Option<LogicalId>,
    },
    /// `POST [base]`: a transaction or a batch, or a notification's one resource.
    Bundle,
    /// `POST` of an operation that hands on what it carries: `$validate`, `$process-message`, `$submit` and its like.
    Operation {
        /// Its name, without the `$`.
        name: String,
    },
    /// `DELETE`, of one resource, of what a search finds or of an export: there is no record to judge.
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
            Self::Patch { .. } => Action::Update,
            Self::Operation { .. } => Action::Deliver,
            Self::Delete => Action::Delete,
        }
    }

    /// A short name for the ledger and for logs; holds no id and no value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Patch { .. } => "patch",
            Self::Bundle => "bundle",
            Self::Operation { .. } => "operation",
            Self::Delete => "delete",
        }
    }
}

/// What a request asks of a FHIR server.
///
/// Reads are open, also a search that is posted and an operation that is known to change nothing. An operation that
/// nobody here knows, and any other write, are unknown: what they write is not in their body as records.
///
/// Shape:  as [`interaction`] -> a door.
/// Errors: none; what is not understood is [`Door::Unknown`].
/// Source: spec/carriers.md section 3.1.
pub fn route(method: &str, target: &str, method_override: Option<&str>, base: &str) -> Door<Route> {
    match interaction(method, target, method_override, base) {
        Some(found) => door(found),
        None => Door::Unknown,
    }
}

fn door(found: Interaction) -> Door<Route> {
    let route = match found {
        Interaction::Capabilities
        | Interaction::Read { .. }
        | Interaction::VersionRead { .. }
        | Interaction::History(_)
        | Interaction::Search { .. }
        | Interaction::Operation { kind: OperationKind::Reads, .. }
        | Interaction::Operation { posted: false, .. } => return Door::Open,
        Interaction::Operation { kind: OperationKind::Unknown, .. } => return Door::Unknown,
        Interaction::Operation { name, kind: OperationKind::Carries, .. } => Route::Operation { name },
        Interaction::Create { resource_type } => Route::Create { resource_type },
        Interaction::Update { resource_type, .. } => Route::Update { resource_type },
        Interaction::Patch { resource_type, id } => Route::Patch { resource_type, id },
        Interaction::Delete { .. } | Interaction::ExportEnd => Route::Delete,
        Interaction::Bundle => Route::Bundle,
    };
    Door::Judged(route)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::interaction::is_read, *};

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
        check(
            "PATCH /fhir/Patient/17",
            &Door::Judged(Route::Patch { resource_type: "Patient".to_owned(), id: LogicalId::parse("17") }),
        );
        for (request, name) in [
            ("POST /fhir/$process-message", "process-message"),
            ("POST /fhir/Patient/$validate", "validate"),
            ("POST /fhir/Patient/%24validate", "validate"),
            ("POST /fhir/Measure/$submit-data", "submit-data"),
        ] {
            check(request, &Door::Judged(Route::Operation { name: name.to_owned() }));
        }
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
            "POST /fhir/Patient/17/$everything",
            "POST /fhir/$export",
        ] {
            check(request, &Door::Open);
        }
    }

    #[test]
    fn a_write_that_cannot_be_read_is_unknown() {
        for request in [
            "POST /fhir/Patient/17/$meta-add",
            "POST /fhir/$import",
            "POST /fhir/$graphql",
            "GET /fhir/Patient/17/$expunge",
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
                prop_assert!(is_read(&method) || target.contains("_search") || target.contains('$'));
            }
        }
    }
}
