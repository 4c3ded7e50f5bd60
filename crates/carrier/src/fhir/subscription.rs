//! Subscriptions of R4: whether what they send comes by a place where it is judged.

use super::{query::Query, raw::RawObject, read::Media};

/// Why a subscription may not be made where something is hidden; nothing if all that it sends is judged on its way.
///
/// A `rest-hook` with a payload is a write of a resource to its endpoint. Where the endpoint is a boundary, each notification is
/// judged there as any other write; everything else goes past.
///
/// Shape:  a `Subscription` as JSON text; `judged` are the addresses of boundaries, each with everything below it.
/// Source: FHIR R4 `subscription.html`; spec/carriers.md section 3.9.
pub fn subscription_fault(text: &str, judged: &[String]) -> Option<&'static str> {
    if judged.is_empty() {
        return Some(NONE);
    }
    checked(text, judged).err()
}

const NONE: &str =
    "a subscription sends what the server finds past this gateway, so none is made where something is hidden";
const SHAPE: &str = "this subscription cannot be read; send it whole, as R4 has it, in JSON";
const CHANNEL: &str = "only a `rest-hook` subscription can be judged: other channels send past this gateway";
const PAYLOAD: &str =
    "a notification without its resource cannot be judged; ask for the payload `application/fhir+json`";
const ENDPOINT: &str = "this endpoint is not one where notifications are judged; `subscription_endpoints` of this boundary lists those";
const EXTENDED: &str = "this subscription has extensions, which could have it send more; leave them out where something is hidden";
const CRITERIA: &str = "criteria are a search of one type, with parameters of the resource itself";

/// Members that say who is told of what, and how.
const TELLING: [&str; 7] =
    ["extension", "modifierExtension", "_criteria", "_type", "_endpoint", "_payload", "_header"];

fn checked(text: &str, judged: &[String]) -> Result<(), &'static str> {
    let whole = RawObject::parse(text).ok_or(SHAPE)?;
    let channel = RawObject::parse(whole.get("channel").ok_or(SHAPE)?).ok_or(SHAPE)?;
    let names: Vec<&str> = whole.names().chain(channel.names()).collect();
    if names.iter().any(|name| TELLING.contains(name) || name.starts_with("contained")) {
        return Err(EXTENDED);
    }
    let is_twice = |object: &RawObject<'_>| {
        let mut names: Vec<&str> = object.names().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        names.len() < count
    };
    if is_twice(&whole) || is_twice(&channel) || text_of(&whole, "resourceType")? != "Subscription" {
        return Err(SHAPE);
    }
    if text_of(&channel, "type")? != "rest-hook" {
        return Err(CHANNEL);
    }
    let payload = text_of(&channel, "payload").map_err(|_| PAYLOAD)?;
    Media::of(&payload).ok_or(PAYLOAD)?;
    let endpoint = text_of(&channel, "endpoint")?;
    if !judged.iter().any(|place| is_below(&endpoint, place)) {
        return Err(ENDPOINT);
    }
    let criteria = text_of(&whole, "criteria")?;
    let (kind, parameters) = criteria.split_once('?').unwrap_or((&criteria, ""));
    let query = Query::parse(parameters).ok_or(CRITERIA)?;
    if !super::interaction::is_type_name(kind) {
        return Err(CRITERIA);
    }
    query.closed().map_or(Ok(()), Err)
}

fn text_of(object: &RawObject<'_>, name: &str) -> Result<String, &'static str> {
    object.get(name).and_then(|text| serde_json::from_str(text).ok()).ok_or(SHAPE)
}

/// Whether an address is this place or below it, whoever reads it.
fn is_below(endpoint: &str, place: &str) -> bool {
    let is_plain = endpoint.bytes().all(|byte| byte.is_ascii_graphic() && !b"%\\@#?\"<>".contains(&byte));
    let rest = endpoint.strip_prefix(place.trim_end_matches('/'));
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_plain && is_below && !endpoint.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_made_where_its_notifications_are_judged() {
        let check = |edit: (&str, &str), want: Option<&'static str>| {
            let text = r#"{"resourceType":"Subscription","status":"requested","reason":"r","criteria":"Patient?active=true",
                "channel":{"type":"rest-hook","endpoint":"https://gateway.example/hooks/a","payload":"application/fhir+json"}}"#;
            assert!(text.contains(edit.0), "{edit:?}");
            let judged = ["https://other.example".to_owned(), "https://gateway.example/hooks/".to_owned()];
            assert_eq!(subscription_fault(&text.replacen(edit.0, edit.1, 1), &judged), want, "{edit:?}");
        };
        check(("", ""), None);
        check(("/hooks/a", "/hooks"), None);
        check(("Patient?active=true", "Patient"), None);
        check(("fhir+json", "fhir+xml"), None);
        check(("gateway.example", "other.example:444"), Some(ENDPOINT));
        check(("/hooks/a", "/hooksaw"), Some(ENDPOINT));
        check(("/hooks/a", "/hooks/../elsewhere"), Some(ENDPOINT));
        check(("/hooks/a", "/hooks/%2e%2e/elsewhere"), Some(ENDPOINT));
        check(("gateway.example", "gateway.example@evil.example"), Some(ENDPOINT));
        check(("https://gateway", "http://gateway"), Some(ENDPOINT));
        check(("rest-hook", "websocket"), Some(CHANNEL));
        check(("rest-hook", "email"), Some(CHANNEL));
        check((r#","payload":"application/fhir+json""#, ""), Some(PAYLOAD));
        check(("application/fhir+json", "text/plain"), Some(PAYLOAD));
        check(("Patient?active=true", "https://topic.example/t"), Some(CRITERIA));
        check((r#""channel":"#, r#""_criteria":{},"channel":"#), Some(EXTENDED));
        check((r#""type":"rest-hook""#, r#""type":"rest-hook","type":"email""#), Some(SHAPE));
        check((r#""channel""#, r#""canal""#), Some(SHAPE));
        let text = r#"{"resourceType":"Subscription"}"#;
        assert_eq!(subscription_fault(text, &[]), Some(NONE));
        assert_eq!(subscription_fault("[]", &["https://a.example".to_owned()]), Some(SHAPE));
        let chained = r#"{"resourceType":"Subscription","criteria":"Observation?subject:Patient.name=Zzyzx","channel":{"type":"rest-hook","endpoint":"https://a.example/","payload":"application/fhir+json"}}"#;
        assert!(subscription_fault(chained, &["https://a.example".to_owned()]).unwrap().contains("chained"));
    }
}
