//! What crossed, as an `AuditEvent` in the profiles of IHE BALP: who, what, when, and nothing of the record itself.

use mark::json::{self, Json};

use super::{
    AI_CODE, AI_DISPLAY, AI_SYSTEM, TEST_CODE, TEST_DISPLAY, TEST_SYSTEM,
    interaction::{Interaction, LogicalId, Scope, interaction},
    raw::quote,
};

/// What is known of one interaction that crossed, or did not.
#[derive(Clone, Debug)]
pub struct Audited<'a> {
    /// What was asked.
    pub interaction: &'a Interaction,
    /// The resource that a create made, as its `Location` says.
    pub made: Option<(String, LogicalId)>,
    /// The names of the search parameters; their values stay out.
    pub parameters: &'a [String],
    /// RFC 3339 moment.
    pub at: &'a str,
    /// The client as it names itself.
    pub client: &'a str,
    /// The boundary.
    pub boundary: &'a str,
    /// The gateway's log, which names it.
    pub observer: &'a str,
    /// The value of `X-Request-Id`, if there was one.
    pub request_id: Option<&'a str>,
    /// The status of the answer.
    pub status: u16,
    /// Where the ruling stands: `origin#index`.
    pub ruling: Option<&'a str>,
    /// Whether the one record was proven or said to be synthetic.
    pub is_synthetic: bool,
    /// Whether an AI took part in the one record.
    pub is_ai: bool,
}

/// One `AuditEvent`; nothing for what concerns no record.
///
/// Shape:  JSON on one line, of the profile `IHE.BasicAudit.…` that fits; an operation and a history have none.
/// Never:  holds an element of a record, a search's values, or anything of a person but a reference.
/// Source: IHE BALP 1.1 (`https://profiles.ihe.net/ITI/BALP`); spec/carriers.md section 3.11.
pub fn audit_event(audited: &Audited<'_>) -> Option<String> {
    let told = told(audited)?;
    let mut entities = Vec::new();
    if let Some((resource_type, id)) = &told.resource {
        entities.push(data(resource_type, id.as_ref(), audited));
    }
    if let Some(id) = &told.patient {
        entities.push(entity(1, 1, &format!(r#","what":{{"reference":"Patient/{}"}}"#, id.as_str())));
    }
    if let Some(scope) = &told.query {
        let names = audited.parameters.join("&");
        let query = if names.is_empty() { scope.clone() } else { format!("{scope}?{names}") };
        let encoded = data_encoding::BASE64.encode(query.as_bytes());
        entities.push(entity(2, 24, &format!(r#","query":"{encoded}""#)));
    }
    if let Some(id) = audited.request_id {
        entities.push(format!(
            r#"{{"what":{{"identifier":{{"value":{}}}}},"type":{{"system":"https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType","code":"XrequestId"}}}}"#,
            quote(id)
        ));
    }
    if let Some(ruling) = audited.ruling {
        entities.push(format!(
            r#"{{"what":{{"identifier":{{"system":"https://eosin.example/ledger","value":{}}}}},"type":{{"system":"{ENTITY_TYPES}","code":"4"}},"name":"ruling"}}"#,
            quote(ruling)
        ));
    }
    let profile = told
        .profile
        .map_or_else(String::new, |profile| format!(r#""meta":{{"profile":["{PROFILES}{profile}"]}},"#));
    let subtypes: Vec<String> =
        told.subtypes.iter().map(|code| format!(r#"{{"system":"{RESTFUL}","code":"{code}"}}"#)).collect();
    let (outcome, said) = outcome(audited);
    Some(format!(
        concat!(
            r#"{{"resourceType":"AuditEvent",{profile}"#,
            r#""type":{{"system":"http://terminology.hl7.org/CodeSystem/audit-event-type","code":"rest","display":"Restful Operation"}},"#,
            r#""subtype":[{subtypes}],"action":"{action}","recorded":"{at}","outcome":"{outcome}"{said},"#,
            r#""agent":[{{"type":{{"coding":[{{"system":"{dicom}","code":"110153","display":"Source Role ID"}}]}},"who":{{"display":{client}}},"requestor":true}},"#,
            r#"{{"type":{{"coding":[{{"system":"{dicom}","code":"110152","display":"Destination Role ID"}}]}},"who":{{"display":{boundary}}},"requestor":false}}],"#,
            r#""source":{{"observer":{{"display":{observer}}}}}{entities}}}"#,
        ),
        profile = profile,
        subtypes = subtypes.join(","),
        action = told.action,
        at = audited.at,
        outcome = outcome,
        said = said,
        dicom = "http://dicom.nema.org/resources/ontology/DCM",
        client = quote(audited.client),
        boundary = quote(audited.boundary),
        observer = quote(audited.observer),
        entities = if entities.is_empty() {
            String::new()
        } else {
            format!(r#","entity":[{}]"#, entities.join(","))
        },
    ))
}

const PROFILES: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const RESTFUL: &str = "http://hl7.org/fhir/restful-interaction";
const ENTITY_TYPES: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLES: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// An interaction in the words of the profiles.
struct Told {
    profile: Option<&'static str>,
    subtypes: &'static [&'static str],
    action: char,
    resource: Option<(String, Option<LogicalId>)>,
    patient: Option<LogicalId>,
    query: Option<String>,
}

fn told(audited: &Audited<'_>) -> Option<Told> {
    let about = |profiles: [&'static str; 2], subtypes, action, name: &str, id: Option<&LogicalId>| {
        let patient = id.filter(|_| name == "Patient").cloned();
        let [plain, of_patient] = profiles;
        let profile = if patient.is_some() { of_patient } else { plain };
        let resource = Some((name.to_owned(), id.cloned()));
        Told { profile: Some(profile), subtypes, action, resource, patient, query: None }
    };
    Some(match audited.interaction {
        Interaction::Capabilities | Interaction::Bundle | Interaction::ExportEnd => return None,
        Interaction::Read { resource_type, id } => {
            about(["Read", "PatientRead"], &["read"], 'R', resource_type, Some(id))
        }
        Interaction::VersionRead { resource_type, id, .. } => {
            about(["Read", "PatientRead"], &["vread"], 'R', resource_type, Some(id))
        }
        Interaction::Create { resource_type } => {
            let made = audited.made.as_ref().filter(|(made, _)| made == resource_type).map(|(_, id)| id);
            about(["Create", "PatientCreate"], &["create"], 'C', resource_type, made)
        }
        Interaction::Update { resource_type, id } => {
            about(["Update", "PatientUpdate"], &["update"], 'U', resource_type, id.as_ref())
        }
        Interaction::Patch { resource_type, id } => {
            about(["Update", "PatientUpdate"], &["update", "patch"], 'U', resource_type, id.as_ref())
        }
        Interaction::Delete { resource_type, id } => {
            about(["Delete", "PatientDelete"], &["delete"], 'D', resource_type, id.as_ref())
        }
        Interaction::Search { scope, .. } => {
            let (patient, query) = scoped(scope);
            let profile = Some(if patient.is_some() { "PatientQuery" } else { "Query" });
            let subtypes: &[&str] = match scope {
                Scope::System => &["search", "search-system"],
                Scope::Type(_) | Scope::Instance { .. } | Scope::Compartment { .. } => {
                    &["search", "search-type"]
                }
            };
            Told { profile, subtypes, action: 'E', resource: None, patient, query: Some(query) }
        }
        Interaction::History(scope) => {
            let (patient, query) = scoped(scope);
            let query = Some(query);
            Told { profile: None, subtypes: &["history"], action: 'R', resource: None, patient, query }
        }
        Interaction::Operation { name, scope, .. } => {
            let (patient, query) = scoped(scope);
            let query = Some(format!("{query}/${name}"));
            Told { profile: None, subtypes: &["operation"], action: 'E', resource: None, patient, query }
        }
    })
}

/// The patient of a scope, and the scope as an address without ids of its own making.
fn scoped(scope: &Scope) -> (Option<LogicalId>, String) {
    let of_patient = |name: &str, id: &LogicalId| Some(id.clone()).filter(|_| name == "Patient");
    match scope {
        Scope::System => (None, String::new()),
        Scope::Type(name) => (None, name.clone()),
        Scope::Instance { resource_type, id } => {
            (of_patient(resource_type, id), format!("{resource_type}/{}", id.as_str()))
        }
        Scope::Compartment { resource_type, id, within } => {
            (of_patient(resource_type, id), format!("{resource_type}/{}/{within}", id.as_str()))
        }
    }
}

fn data(resource_type: &str, id: Option<&LogicalId>, audited: &Audited<'_>) -> String {
    let what = match id {
        Some(id) => format!(r#","what":{{"reference":"{resource_type}/{}"}}"#, id.as_str()),
        None => format!(r#","what":{{"type":"{resource_type}"}}"#),
    };
    let label = |is: bool, system: &str, code: &str, display: &str| {
        is.then(|| format!(r#"{{"system":"{system}","code":"{code}","display":"{display}"}}"#))
    };
    let labels = [
        label(audited.is_synthetic, TEST_SYSTEM, TEST_CODE, TEST_DISPLAY),
        label(audited.is_ai, AI_SYSTEM, AI_CODE, AI_DISPLAY),
    ];
    let labels: Vec<String> = labels.into_iter().flatten().collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!(r#","securityLabel":[{}]"#, labels.join(",")) };
    entity(2, 4, &format!("{what}{labels}"))
}

fn entity(kind: u8, role: u8, more: &str) -> String {
    format!(
        r#"{{"type":{{"system":"{ENTITY_TYPES}","code":"{kind}"}},"role":{{"system":"{ENTITY_ROLES}","code":"{role}"}}{more}}}"#
    )
}

fn outcome(audited: &Audited<'_>) -> (u8, String) {
    match audited.status {
        0..400 => (0, String::new()),
        400..500 => (4, format!(r#","outcomeDesc":"answered {}""#, audited.status)),
        _ => (8, format!(r#","outcomeDesc":"answered {}""#, audited.status)),
    }
}

/// What the entries of a transaction or a batch ask for, in their order.
///
/// Bounds: `max` entries; the others are left out.
pub fn asked_in_bundle(bundle: &[u8], max: usize) -> Vec<Interaction> {
    let Ok(bundle) = json::parse(bundle) else { return Vec::new() };
    let entries = bundle.get("entry").map_or(&[][..], Json::items);
    let asked = entries.iter().take(max).filter_map(|entry| {
        let request = entry.get("request")?;
        interaction(request.get("method")?.text()?, request.get("url")?.text()?, None, "")
    });
    asked.collect()
}

/// The type and id that a `Location` names: `…/Patient/7`, perhaps with a version.
pub fn made_at(location: &str) -> Option<(String, LogicalId)> {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("/_history/").map_or(path, |(before, _)| before);
    let mut segments = path.rsplit('/');
    let id = LogicalId::parse(segments.next()?)?;
    let resource_type = segments.next().filter(|name| super::interaction::is_type_name(name))?;
    Some((resource_type.to_owned(), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(method: &str, target: &str, made: Option<&str>, status: u16) -> Option<serde_json::Value> {
        let asked = interaction(method, target, None, "/fhir").unwrap();
        let parameters = vec!["name".to_owned(), "birthdate".to_owned()];
        let event = audit_event(&Audited {
            interaction: &asked,
            made: made.and_then(made_at),
            parameters: &parameters,
            at: "2026-11-22T09:00:00Z",
            client: "tests \"1\"",
            boundary: "ehr",
            observer: "gateway.example/log",
            request_id: Some("r-1"),
            status,
            ruling: Some("gateway.example/log#7"),
            is_synthetic: true,
            is_ai: true,
        })?;
        Some(serde_json::from_str(&event).unwrap())
    }

    #[test]
    fn every_interaction_has_its_profile() {
        for (method, target, made, profile, action) in [
            ("POST", "/fhir/Patient", Some("https://x/fhir/Patient/7/_history/1"), "PatientCreate", "C"),
            ("POST", "/fhir/Patient", None, "Create", "C"),
            ("POST", "/fhir/Observation", Some("/fhir/Observation/7"), "Create", "C"),
            ("GET", "/fhir/Patient/7", None, "PatientRead", "R"),
            ("GET", "/fhir/Observation/7/_history/2", None, "Read", "R"),
            ("PUT", "/fhir/Patient/7", None, "PatientUpdate", "U"),
            ("PATCH", "/fhir/Patient/7", None, "PatientUpdate", "U"),
            ("DELETE", "/fhir/Patient/7", None, "PatientDelete", "D"),
            ("GET", "/fhir/Patient?name=Zzyzx", None, "Query", "E"),
            ("GET", "/fhir/Patient/7/Observation", None, "PatientQuery", "E"),
        ] {
            let event = event(method, target, made, 200).unwrap();
            let url =
                format!("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.{profile}");
            assert_eq!(
                (&event["meta"]["profile"][0], &event["action"]),
                (&url.into(), &action.into()),
                "{target}"
            );
            assert!(!event.to_string().contains("Zzyzx"));
            let patients =
                event["entity"].as_array().unwrap().iter().filter(|entity| {
                    entity["what"]["reference"] == "Patient/7" && entity["role"]["code"] == "1"
                });
            assert_eq!(patients.count(), usize::from(profile.starts_with("Patient")), "{target}");
        }
        assert_eq!(event("GET", "/fhir/metadata", None, 200), None);
        let failed = event("GET", "/fhir/Patient/7", None, 403).unwrap();
        assert_eq!((&failed["outcome"], &failed["outcomeDesc"]), (&"4".into(), &"answered 403".into()));
        let create = event("POST", "/fhir/Patient", None, 201).unwrap();
        assert_eq!(create["entity"][0]["securityLabel"][0]["code"], "HTEST");
        assert_eq!(create["entity"][0]["securityLabel"][1]["code"], "AIAST");
        assert_eq!(create["agent"][0]["who"]["display"], "tests \"1\"");
    }

    #[test]
    fn a_query_names_its_parameters_and_not_their_values() {
        let event = event("GET", "/fhir/Patient?name=Zzyzx", None, 200).unwrap();
        let query = event["entity"][0]["query"].as_str().unwrap();
        assert_eq!(data_encoding::BASE64.decode(query.as_bytes()).unwrap(), b"Patient?name&birthdate");
    }

    #[test]
    fn the_entries_of_a_bundle_are_interactions() {
        let bundle = br#"{"resourceType":"Bundle","entry":[{"request":{"method":"POST","url":"Patient"}},{},
            {"request":{"method":"DELETE","url":"Patient/7"}},{"request":{"method":"BREW","url":"x"}}]}"#;
        assert_eq!(asked_in_bundle(bundle, 10).len(), 2);
        assert_eq!(asked_in_bundle(bundle, 1).len(), 1);
        assert_eq!(asked_in_bundle(b"[", 1).len(), 0);
        assert_eq!(made_at("urn:uuid:x"), None);
    }
}
