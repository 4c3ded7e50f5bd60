//! Patches: what each makes of a resource, and what is refused because it could mean two things.

use super::*;

const CURRENT: &str = r#"{"resourceType":"Patient","id":"7","meta":{"versionId":"3"},"active":true,
    "name":[{"use":"official","family":"Bell","given":["Ada"]},{"use":"nickname","given":["Addie"]}],
    "telecom":[{"system":"phone","value":"555-0100"},{"system":"email","value":"ada@example.org"}]}"#;

fn made(media: &str, patch: &str) -> Result<json::Json<'static>, String> {
    let made = patched(Some(media), patch.as_bytes(), CURRENT.as_bytes(), &LIMITS);
    let made = made.map_err(|reason| reason.to_string())?;
    let text: &'static str = String::from_utf8(made).unwrap().leak();
    Ok(json::parse(text.as_bytes()).unwrap())
}

/// A value of what a patch makes, as text.
fn check(media: &str, patch: &str, member: &str, want: &str) {
    let made = made(media, patch).unwrap_or_else(|reason| panic!("{patch}: {reason}"));
    let value = made.get(member).map(mark::canonical::to_vec).unwrap_or_default();
    assert_eq!(String::from_utf8(value).unwrap(), want, "{patch}");
}

fn refused(media: &str, patch: &str, want: &str) {
    let said = made(media, patch).unwrap_err();
    assert!(said.contains(want) && !said.contains("Zzyzx"), "{patch}: {said}");
}

const POINTED: &str = "application/json-patch+json";

#[test]
fn a_json_patch_is_carried_out() {
    for (patch, member, want) in [
        (r#"[{"op":"replace","path":"/birthDate","value":"1984"}]"#, "", ""),
        (r#"[{"op":"add","path":"/birthDate","value":"1984"}]"#, "birthDate", r#""1984""#),
        (
            r#"[{"op":"remove","path":"/telecom/0"}]"#,
            "telecom",
            r#"[{"system":"email","value":"ada@example.org"}]"#,
        ),
        (r#"[{"op":"add","path":"/name/0/given/-","value":"B"}]"#, "active", "true"),
        (
            r#"[{"op":"move","from":"/telecom/1","path":"/telecom/0"},{"op":"remove","path":"/telecom/1"}]"#,
            "telecom",
            r#"[{"system":"email","value":"ada@example.org"}]"#,
        ),
        (r#"[{"op":"copy","from":"/active","path":"/deceasedBoolean"}]"#, "deceasedBoolean", "true"),
        (
            r#"[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/active","value":false}]"#,
            "active",
            "false",
        ),
    ] {
        if member.is_empty() {
            refused(POINTED, patch, "does not have");
        } else {
            check(POINTED, patch, member, want);
        }
    }
    for (patch, want) in [
        (r#"[{"op":"test","path":"/active","value":false}]"#, "tests for"),
        (r#"[{"op":"remove","path":"/Zzyzx"}]"#, "does not have"),
        (r#"[{"op":"add","path":"/telecom/01","value":{}}]"#, "does not have"),
        (r#"[{"op":"replace","path":"/id","value":"8"}]"#, "another resource"),
        (r#"[{"op":"replace","path":"","value":{"resourceType":"Zzyzx"}}]"#, "another resource"),
        (r#"[{"op":"move","from":"/name","path":"/name/0"}]"#, "into itself"),
        (r#"{"op":"remove","path":"/name"}"#, "not a JSON Patch"),
        (r#"[{"op":"increment","path":"/name"}]"#, "not a JSON Patch"),
    ] {
        refused(POINTED, patch, want);
    }
    refused("application/merge-patch+json", "{}", "media type");
    refused("application/xml-patch+xml", "<diff/>", "media type");
    let many = format!("[{}]", vec![r#"{"op":"test","path":"/active","value":true}"#; 1_001].join(","));
    refused(POINTED, &many, "more than 1000");
    let doubling: Vec<String> =
        (0..30).map(|n| format!(r#"{{"op":"copy","from":"/name","path":"/name/{}"}}"#, n % 2)).collect();
    refused(POINTED, &format!("[{}]", doubling.join(",")), "longer than");
}

fn parameters(parts: &str) -> String {
    format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{parts}]}}]}}"#)
}

fn step(kind: &str, path: &str, more: &str) -> String {
    parameters(&format!(
        r#"{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{more}"#
    ))
}

#[test]
fn a_fhirpath_patch_is_carried_out() {
    let value = |value: &str| format!(r#",{{"name":"value",{value}}}"#);
    for (kind, path, more, member, want) in [
        ("replace", "Patient.active", value(r#""valueBoolean":false"#), "active", "false"),
        (
            "delete",
            "Patient.telecom.where(system = 'phone')",
            String::new(),
            "telecom",
            r#"[{"system":"email","value":"ada@example.org"}]"#,
        ),
        (
            "delete",
            "Patient.telecom[0]",
            String::new(),
            "telecom",
            r#"[{"system":"email","value":"ada@example.org"}]"#,
        ),
        ("delete", "Patient.birthDate", String::new(), "active", "true"),
        (
            "add",
            "Patient",
            format!(r#",{{"name":"name","valueString":"birthDate"}}{}"#, value(r#""valueDate":"1984""#)),
            "birthDate",
            r#""1984""#,
        ),
        (
            "add",
            "Patient",
            format!(
                r#",{{"name":"name","valueString":"photo"}}{}"#,
                value(r#""valueAttachment":{"title":"a"}"#)
            ),
            "photo",
            r#"[{"title":"a"}]"#,
        ),
        (
            "add",
            "Patient",
            format!(
                r#",{{"name":"name","valueString":"contact"}}{}"#,
                value(r#""part":[{"name":"gender","valueCode":"female"}]"#)
            ),
            "contact",
            r#"[{"gender":"female"}]"#,
        ),
        (
            "insert",
            "Patient.telecom",
            format!(
                r#"{},{{"name":"index","valueInteger":2}}"#,
                value(r#""valueContactPoint":{"system":"url"}"#)
            ),
            "active",
            "true",
        ),
        (
            "move",
            "Patient.telecom",
            r#",{"name":"source","valueInteger":1},{"name":"destination","valueInteger":0}"#.to_owned(),
            "telecom",
            r#"[{"system":"email","value":"ada@example.org"},{"system":"phone","value":"555-0100"}]"#,
        ),
    ] {
        check("application/fhir+json", &step(kind, path, &more), member, want);
    }
}

#[test]
fn a_fhirpath_patch_in_xml_is_the_same_and_one_that_could_mean_two_things_is_refused() {
    let value = |value: &str| format!(r#",{{"name":"value",{value}}}"#);
    let xml = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
        <part><name value="type"/><valueCode value="replace"/></part>
        <part><name value="path"/><valueString value="Patient.active"/></part>
        <part><name value="value"/><valueBoolean value="false"/></part></parameter></Parameters>"#;
    check("application/fhir+xml", xml, "active", "false");
    for (kind, path, more, want) in [
        ("replace", "Patient.name.family", value(r#""valueString":"Zzyzx""#), "more than one element"),
        ("replace", "Observation.status", value(r#""valueCode":"final""#), "another type"),
        (
            "replace",
            "Patient.name.where(family.startsWith('B'))",
            value(r#""valueString":"Zzyzx""#),
            "not read",
        ),
        ("replace", "Patient.name.last()", value(r#""valueString":"Zzyzx""#), "not read"),
        (
            "add",
            "Patient",
            format!(r#",{{"name":"name","valueString":"nickname"}}{}"#, value(r#""valueString":"Zzyzx""#)),
            "does not have",
        ),
        ("replace", "Patient.id", value(r#""valueId":"8""#), "another resource"),
        ("merge", "Patient.id", String::new(), "not a FHIRPath Patch"),
    ] {
        refused("application/fhir+json", &step(kind, path, &more), want);
    }
    refused("application/fhir+json", CURRENT, "neither a JSON Patch nor");
}
