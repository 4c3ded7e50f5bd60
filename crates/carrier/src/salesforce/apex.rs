//! Apex REST: what a class does with a body only its author knows, so a map in the configuration says what is a record.

use std::sync::Arc;

use mark::{
    Place, Reading, Unreadable,
    json::{self, Json},
};

use super::{
    door::is_name,
    record::{record, shape},
};
use crate::{Action, Limits, route::Target};

/// Where the records of one Apex REST resource's bodies are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApexMap {
    /// Path below `/services/apexrest`, such as `/patients`; a segment `*` stands for any one.
    pub path: String,
    /// The method, in upper case.
    pub method: String,
    /// The object that the records are of.
    pub object: String,
    /// Where the record or the array of records is, as an RFC 6901 pointer; empty for the whole body.
    pub records: String,
    /// Names in the body and the fields that they mean; names that are not here mean themselves.
    pub fields: Vec<(String, String)>,
}

/// What a boundary says of code that runs in the org.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doors {
    /// The Apex REST resources whose bodies are known.
    pub apex: Vec<Arc<ApexMap>>,
    /// Whether anonymous Apex may be run, unjudged.
    pub anonymous_apex: AnonymousApex,
}

/// Whether anonymous Apex may be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnonymousApex {
    /// It is a write that nobody can read.
    #[default]
    Refuse,
    /// It runs, and the ledger says that it was not judged.
    Allow,
}

impl ApexMap {
    /// What a request to this resource does.
    pub fn action(&self) -> Action {
        match self.method.as_str() {
            "DELETE" => Action::Delete,
            "PATCH" | "PUT" => Action::Update,
            _ => Action::Create,
        }
    }

    /// Why a map could not be used: the first of its words that makes no sense.
    pub fn fault(&self) -> Option<&'static str> {
        if !["POST", "PUT", "PATCH", "DELETE"].contains(&self.method.as_str()) {
            return Some("a method is POST, PUT, PATCH or DELETE: reads need no map");
        }
        if !self.path.starts_with('/') || self.path.contains(['?', ';', '%', '#']) || self.path.contains("..")
        {
            return Some("a path begins with `/` and is written without escapes");
        }
        if !is_name(&self.object) {
            return Some("an object is an API name, such as `Contact`");
        }
        if !(self.records.is_empty() || self.records.starts_with('/')) {
            return Some("where the records are is a JSON pointer: empty, or beginning with `/`");
        }
        let named = self.fields.iter().all(|(name, field)| !name.is_empty() && is_name(field));
        (!named).then_some("a field is an API name, such as `LastName`")
    }
}

/// The map of a request to `/services/apexrest/…`, if there is one.
///
/// Shape:  path below `apexrest`, compared segment by segment, ASCII case ignored, as Salesforce does.
pub(super) fn apex_map(doors: &Doors, method: &str, path: &[String]) -> Option<Arc<ApexMap>> {
    let fits = |map: &Arc<ApexMap>| {
        let mut wanted = map.path.split('/').filter(|segment| !segment.is_empty());
        let same = path.iter().all(|segment| {
            wanted.next().is_some_and(|wanted| wanted == "*" || wanted.eq_ignore_ascii_case(segment))
        });
        same && wanted.next().is_none() && map.method.eq_ignore_ascii_case(method)
    };
    doors.apex.iter().find(|map| fits(map)).cloned()
}

/// The records of a mapped body.
///
/// Shape:  one reading an item where the pointer finds an array, else one; a `DELETE` without a body has none.
/// Bounds: `limits`.
/// Errors: none; a pointer that finds nothing is an unreadable body, for the class may read another place.
pub(super) fn read_apex<'a>(map: &ApexMap, body: &'a [u8], limits: &Limits) -> Vec<Reading<'a>> {
    if body.is_empty() && map.method == "DELETE" {
        return Vec::new();
    }
    let whole = |reason| {
        let place = Place { index: 0, reference: "body".to_owned() };
        vec![Reading { place, content: Err(reason) }]
    };
    if body.len() > limits.body_bytes {
        return whole(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let found = match json::parse(body) {
        Ok(value) => pointed(value, &map.records),
        Err(reason) => return whole(reason.into()),
    };
    let items = match found {
        Some(Json::Array(items)) => items,
        Some(one) => vec![one],
        None => return whole(shape("has nothing where its map in eosin.toml says the records are")),
    };
    if items.len() > limits.records {
        return whole(Unreadable::TooMany { limit: limits.records });
    }
    let readings = items.into_iter().enumerate().map(|(index, item)| Reading {
        place: Place { index, reference: format!("record[{index}]") },
        content: mapped(&map.object, &map.fields, item),
    });
    readings.collect()
}

/// The record of one item of a mapped body.
///
/// Shape:  its object, names in the item and the fields that they mean, the item.
pub(crate) fn mapped<'a>(
    object: &str,
    fields: &[(String, String)],
    item: Json<'a>,
) -> Result<mark::Record<'a>, Unreadable> {
    let Json::Object(members) = item else { return Err(shape("is not an object")) };
    let renamed = members.into_iter().map(|(name, value)| {
        let field = fields.iter().find(|(from, _)| *from == name).map(|(_, field)| field.clone());
        let value = match value {
            // What a class makes of a nested value nobody knows: it is content, not a way to another row.
            Json::Object(inner) => Json::Array(vec![Json::Object(inner)]),
            other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_)) => other,
        };
        (field.map_or(name, Into::into), value)
    });
    record(object.to_owned().into(), renamed.collect())
}

/// What a pointer finds.
///
/// Source: RFC 6901 section 4.
pub(crate) fn pointed<'a>(mut value: Json<'a>, pointer: &str) -> Option<Json<'a>> {
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        value = match value {
            Json::Object(mut members) => {
                let at = members.iter().position(|(name, _)| *name == token)?;
                members.swap_remove(at).1
            }
            Json::Array(mut items) => {
                let at: usize = token.parse().ok().filter(|at: &usize| at.to_string() == token)?;
                if at >= items.len() {
                    return None;
                }
                items.swap_remove(at)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => return None,
        };
    }
    Some(value)
}

/// Whether a request runs Apex that it brings itself: through the Tooling API, or by SOAP.
///
/// Shape:  method, target and body -> whether it does, and does nothing else.
/// Never:  says so of a request that could be read as another one.
pub fn runs_anonymous_apex(method: &str, target: &str, body: &[u8]) -> bool {
    let Some(target) = Target::parse(target) else { return false };
    let lower: Vec<String> = target.segments().iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let plain = target.query("_HttpMethod").next().is_none() && !target.has_parameters();
    match lower.as_slice() {
        ["services", "data", _, "tooling", "executeanonymous"] => {
            plain && (method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("POST"))
        }
        ["services", "soap", "s", ..] => {
            plain && method.eq_ignore_ascii_case("POST") && super::soap::calls(body, "executeAnonymous")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { body_bytes: 1000, records: 3 };

    fn map(records: &str) -> ApexMap {
        ApexMap {
            path: "/patients/*".to_owned(),
            method: "POST".to_owned(),
            object: "Contact".to_owned(),
            records: records.to_owned(),
            fields: vec![("family".to_owned(), "LastName".to_owned())],
        }
    }

    /// Each record as its place and fields, or the sentence that refuses it.
    fn check(records: &str, body: &str, want: &[&str]) {
        let read = read_apex(&map(records), body.as_bytes(), &LIMITS);
        let shown: Vec<String> = read
            .iter()
            .map(|reading| match &reading.content {
                Ok(record) => {
                    let names: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_ref()).collect();
                    format!("{}: {} {}", reading.place.reference, record.object, names.join(" "))
                }
                Err(reason) => format!("{}: {reason}", reading.place.reference),
            })
            .collect();
        assert_eq!(shown, want, "{body} at {records:?}");
    }

    #[test]
    fn a_map_says_where_the_records_are() {
        check("", r#"{"family":"Bell","Phone":"1"}"#, &["record[0]: Contact LastName Phone"]);
        check("/a", r#"{"a":{"family":"Bell"}}"#, &["record[0]: Contact LastName"]);
        check("/a/1", r#"{"a":[{"x":1},{"family":"B"}]}"#, &["record[0]: Contact LastName"]);
        check("/a~1b", r#"{"a/b":[{"x":1},7]}"#, &["record[0]: Contact x", "record[1]: is not an object"]);
        check("", r#"{"person":{"family":"Bell"}}"#, &["record[0]: Contact person"]);
    }

    #[test]
    fn a_body_that_its_map_does_not_fit_is_unreadable() {
        let nothing = "body: has nothing where its map in eosin.toml says the records are";
        check("/a", r#"{"b":1}"#, &[nothing]);
        check("/a", "[]", &[nothing]);
        check("/a/01", r#"{"a":[1,2]}"#, &[nothing]);
        check("", "[1,2,3,4]", &["body: holds more than 3 records"]);
        check(
            "",
            r#"{"family":"a","LastName":"b"}"#,
            &["record[0]: names a field twice, if upper and lower case are one"],
        );
        let cut = read_apex(&map(""), b"{", &LIMITS);
        assert!(matches!(cut.first().unwrap().content, Err(Unreadable::Json(_))));
    }

    #[test]
    fn a_map_is_found_by_method_and_path() {
        let doors = Doors { apex: vec![Arc::new(map(""))], ..Doors::default() };
        let path = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert!(apex_map(&doors, "POST", &path("Patients/7")).is_some());
        assert!(apex_map(&doors, "PUT", &path("patients/7")).is_none());
        assert!(apex_map(&doors, "POST", &path("patients")).is_none());
        assert!(apex_map(&doors, "POST", &path("patients/7/x")).is_none());
        assert_eq!(map("").fault(), None);
        assert!(map("a").fault().is_some());
        assert!(ApexMap { method: "GET".to_owned(), ..map("") }.fault().is_some());
        assert!(ApexMap { path: "/a/../b".to_owned(), ..map("") }.fault().is_some());
        assert!(ApexMap { object: "../x".to_owned(), ..map("") }.fault().is_some());
    }

    #[test]
    fn anonymous_apex_is_what_it_seems_and_nothing_else() {
        let soap = br#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><executeAnonymous/></Body></Envelope>"#;
        let base = "/services/data/v67.0/tooling/executeAnonymous";
        assert!(runs_anonymous_apex("GET", &format!("{base}/?anonymousBody=x"), b""));
        assert!(runs_anonymous_apex("POST", "/services/Soap/s/67.0/00D", soap));
        assert!(!runs_anonymous_apex("POST", "/services/Soap/u/67.0", soap));
        assert!(!runs_anonymous_apex(
            "POST",
            "/services/Soap/s/67.0",
            b"<Envelope><Body><x/></Body></Envelope>"
        ));
        assert!(!runs_anonymous_apex("DELETE", base, b""));
        assert!(!runs_anonymous_apex("GET", &format!("{base}?_HttpMethod=POST"), b""));
        assert!(!runs_anonymous_apex("GET", &format!("{base};x/"), b""));
    }
}
