//! From each contract version to the next: what changes in a refusal of ours.

use flow::Refused;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Bound, Contract};

/// One change of the contract.
struct Step {
    /// The version that begins with it.
    begins: &'static str,
    /// What it changes in a refusal, and the header fields that it adds.
    apply: fn(&mut Refused, &mut HeaderMap),
}

/// Every change, the oldest first. The first version has none: it is what `flow` makes.
const STEPS: [Step; 1] = [Step { begins: "2026-11-22", apply: refusals_are_told_in_members }];

const REFUSAL: HeaderName = HeaderName::from_static("eosin-refusal");
/// The extension of an `OperationOutcome`'s issue.
const EXTENSION: &str = "https://eosin.example/fhir/StructureDefinition/refusal";

/// Makes a refusal what the client's version has: its body here, and the header fields beside the usual ones.
pub(crate) fn shaped(bound: Bound, refused: &mut Refused) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for step in &STEPS {
        if Contract::of(step.begins).is_some_and(|begins| begins <= bound.contract) {
            (step.apply)(refused, &mut headers);
        }
    }
    headers
}

/// 2026-11-22: policies, ruling and item have members of their own, so that nobody has to take a sentence apart.
fn refusals_are_told_in_members(refused: &mut Refused, headers: &mut HeaderMap) {
    if let Some(value) = field(refused) {
        headers.insert(REFUSAL, value);
    }
    if !refused.answer.content_type.contains("json") {
        return;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&refused.answer.body) else { return };
    let facts = json!({ "item": refused.item, "policies": refused.policies, "ruling": refused.ruling });
    let is_told = match &mut body {
        Value::Array(errors) => {
            let mut is_told = false;
            let errors = errors.iter_mut().filter_map(Value::as_object_mut);
            for error in errors.filter(|error| error.contains_key("errorCode")) {
                error.insert("eosin".to_owned(), facts.clone());
                is_told = true;
            }
            is_told
        }
        Value::Object(members)
            if members.get("resourceType").is_some_and(|kind| kind == "OperationOutcome") =>
        {
            let issue = members.get_mut("issue").and_then(|issues| issues.get_mut(0));
            let issue = issue.and_then(Value::as_object_mut);
            issue.is_some_and(|issue| {
                issue.insert("extension".to_owned(), extension(refused));
                true
            })
        }
        Value::Object(members) if members.contains_key("title") => {
            members.insert("eosin".to_owned(), facts);
            true
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => false,
    };
    if is_told {
        refused.answer.body = body.to_string().into_bytes();
    }
}

/// `ruling="…", policies=("a" "b"), item="…"`: a Dictionary of RFC 9651.
fn field(refused: &Refused) -> Option<HeaderValue> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let policies: Vec<String> = refused.policies.iter().map(|policy| quoted(policy)).collect();
    let mut field = format!("ruling={}, policies=({})", quoted(&refused.ruling), policies.join(" "));
    if let Some(item) = &refused.item {
        field.push_str(", item=");
        field.push_str(&quoted(item));
    }
    // A name that is not ASCII has no String; the body tells it.
    field.is_ascii().then(|| HeaderValue::from_str(&field).ok()).flatten()
}

fn extension(refused: &Refused) -> Value {
    let one = |url: &str, text: &str| json!({ "url": url, "valueString": text });
    let mut parts = vec![one("ruling", &refused.ruling)];
    parts.extend(refused.policies.iter().map(|policy| one("policy", policy)));
    parts.extend(refused.item.iter().map(|item| one("item", item)));
    json!([{ "url": EXTENSION, "extension": parts }])
}

#[cfg(test)]
mod tests {
    use flow::Protocol;

    use super::*;

    fn refused(protocol: &Protocol) -> Refused {
        let refusal =
            carrier::Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "Blocked by Eosin".to_owned() };
        Refused {
            answer: flow::error_answer(protocol, 403, &refusal),
            provenance: String::new(),
            ruling: "a.example/log#7".to_owned(),
            policies: vec!["no-synthetic".to_owned(), "stop/all".to_owned()],
            item: Some("item7".to_owned()),
        }
    }

    #[test]
    fn the_oldest_version_is_as_it_was_and_the_newest_has_members() {
        let (old, new) = (Bound::default(), Bound { contract: Contract::newest(), is_pinned: true });
        for protocol in [Protocol::Salesforce, Protocol::Fhir { base: String::new() }, Protocol::Webhook] {
            let mut refused = refused(&protocol);
            let made = refused.answer.body.clone();
            let headers = shaped(old, &mut refused);
            assert!(headers.is_empty() && refused.answer.body == made, "{protocol:?}");
            let headers = shaped(new, &mut refused);
            let said = r#"ruling="a.example/log#7", policies=("no-synthetic" "stop/all"), item="item7""#;
            assert_eq!(headers[REFUSAL], said);
            let body: Value = serde_json::from_slice(&refused.answer.body).unwrap();
            let ruling = match protocol {
                Protocol::Salesforce => &body[0]["eosin"]["ruling"],
                Protocol::Fhir { .. } => &body["issue"][0]["extension"][0]["extension"][0]["valueString"],
                Protocol::Hl7v2 | Protocol::Webhook => &body["eosin"]["ruling"],
            };
            assert_eq!(ruling, "a.example/log#7", "{protocol:?}: {body}");
        }
    }

    #[test]
    fn every_step_begins_a_version() {
        for step in STEPS {
            assert!(Contract::of(step.begins).is_some_and(|contract| contract > Contract::default()));
        }
    }
}
