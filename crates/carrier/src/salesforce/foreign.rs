//! References by another field than the id: what a row that is written says of the row that it points at.

use std::collections::BTreeSet;

use mark::json::{self, Json};

use super::{
    door::{Route, route},
    field::is_dataset_relationship,
    row_parts::rows_at,
    soap::walk,
};
use crate::{
    Door,
    xml::{Element, XSI},
};

/// A reference to a row by the value of one of its fields.
///
/// Debug shows names only: a value can be a person's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    /// The object of the row that points.
    pub object: String,
    /// The relationship.
    pub way: String,
    /// The object that it says it points at, where it could be several.
    pub kind: Option<String>,
    /// The field; nothing where it is not one field with one value.
    pub field: Option<String>,
    /// The value.
    pub value: Scalar,
}

/// The value of a field, as a statement needs to write it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    /// In quotes.
    Text(String),
    /// As it is: a number, `true`, `false`.
    Plain(String),
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scalar")
    }
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Foreign({}.{})", self.object, self.way)
    }
}

/// The references of a request, and the values that its own rows bring.
#[derive(Clone, Default)]
pub struct Foreigns {
    /// What is pointed at.
    pub asked: BTreeSet<Foreign>,
    /// Object, field and value of rows that are written with it, in lower case.
    pub made: BTreeSet<(String, String, String)>,
}

impl std::fmt::Debug for Foreigns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Foreigns({})", self.asked.len())
    }
}

impl Scalar {
    /// The value itself.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Plain(text) => text,
        }
    }

    fn of(value: &Json<'_>) -> Option<Self> {
        match value {
            Json::Text(text) => Some(Self::Text(text.to_string())),
            Json::Number(number) => Some(Self::Plain(number.to_string())),
            Json::Bool(yes) => Some(Self::Plain(yes.to_string())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }
}

/// The references by another field than the id in the rows that a request writes.
///
/// Shape:  rows of the sObject resources, also in collections, trees, composites and forms, and of SOAP calls; what leads
///         to a data set, and `@{…}`, which stands for an id, are none.
/// Bounds: those of the JSON and the XML reader.
pub fn foreign(
    method: &str,
    target: &str,
    method_override: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Foreigns {
    let mut found = Foreigns::default();
    if let Door::Judged(route) = route(method, target, method_override) {
        let rows = rows_at(content_type, body).unwrap_or_default();
        let rows = rows.iter().filter_map(|at| body.get(at.clone()));
        for text in std::iter::once(body).chain(rows) {
            if let Ok(json) = json::parse(text) {
                found.of_route(&route, &json);
            }
        }
    } else {
        // A call that cannot be read is refused at its door.
        let _ended = walk(
            body,
            |_| Ok(()),
            |xml, tag| {
                found.of_call(&xml.element(tag.clone())?);
                Ok(())
            },
        )
        .is_ok();
    }
    found
}

impl Foreigns {
    fn of_route(&mut self, route: &Route, body: &Json<'_>) {
        match route {
            Route::Create { object } | Route::Update { object } => self.row(object, body),
            Route::Upsert { object, field, value } => {
                if let Some(value) = value {
                    self.brings(object, field, value);
                }
                self.row(object, body);
            }
            Route::CreateMany | Route::UpdateMany => self.list(None, body),
            Route::UpsertMany { object } | Route::Tree { object } => self.list(Some(object), body),
            Route::Composite | Route::Graph | Route::Batch => self.many(body),
            Route::Delete { .. }
            | Route::DeleteMany
            | Route::BulkJob
            | Route::BulkUpload { .. }
            | Route::BulkV1(_)
            | Route::Soap(_)
            | Route::Api(_) => {}
        }
    }

    /// The requests within a request.
    fn many(&mut self, body: &Json<'_>) {
        for graph in items(body, "graphs") {
            self.many(graph);
        }
        for (list, input) in [("compositeRequest", "body"), ("batchRequests", "richInput")] {
            for inner in items(body, list) {
                let text = |name| inner.get(name).and_then(Json::text).unwrap_or_default();
                let url = text("url");
                let full = if url.trim_start_matches('/').to_ascii_lowercase().starts_with("services/") {
                    url.to_owned()
                } else {
                    format!("/services/data/{}", url.trim_start_matches('/'))
                };
                if let (Door::Judged(route), Some(body)) =
                    (route(text("method"), &full, None), inner.get(input))
                {
                    self.of_route(&route, body);
                }
            }
        }
    }

    /// Rows that say their objects, and the rows below them.
    fn list(&mut self, object: Option<&str>, body: &Json<'_>) {
        for row in items(body, "records") {
            let said = row.get("attributes").and_then(|said| said.get("type")).and_then(Json::text);
            if let Some(object) = said.or(object) {
                self.row(object, row);
            }
        }
    }

    fn row(&mut self, object: &str, row: &Json<'_>) {
        for (name, value) in row.members() {
            if let Some(value) = Scalar::of(value) {
                self.brings(object, name, value.text());
            }
            let is_way = matches!(value, Json::Object(_)) && name != "attributes";
            if !is_way || is_dataset_relationship(name) {
                continue;
            }
            if value.get("records").is_some() {
                self.list(None, value);
                continue;
            }
            let kind = value.get("attributes").and_then(|said| said.get("type")).and_then(Json::text);
            let fields = value.members().iter().filter(|(name, _)| name != "attributes");
            let fields: Vec<(&str, Option<Scalar>)> =
                fields.map(|(name, value)| (name.as_ref(), Scalar::of(value))).collect();
            self.points(object, name, kind, &fields);
        }
    }

    fn of_call(&mut self, call: &Element<'_>) {
        for row in call.children.iter().filter(|child| child.name.local == "sObjects") {
            let said = row.children.first().filter(|first| first.name.local == "type");
            let kind = row
                .attributes
                .iter()
                .find(|attribute| attribute.name.namespace == XSI && attribute.name.local == "type");
            let object = kind.map(|kind| kind.value.as_ref()).filter(|_| said.is_none());
            let object = object.map(|kind| kind.rsplit(':').next().unwrap_or(kind));
            let Some(object) = said.map(|said| said.text.as_ref()).or(object) else { continue };
            for field in &row.children {
                let name = field.name.local;
                if field.children.is_empty() {
                    self.brings(object, name, &field.text);
                } else if !is_dataset_relationship(name) {
                    let kind = field.child("type").map(|kind| kind.text.as_ref());
                    let fields = field.children.iter().filter(|child| child.name.local != "type");
                    let text = |child: &Element<'_>| {
                        child.children.is_empty().then(|| Scalar::Text(child.text.to_string()))
                    };
                    let fields: Vec<_> = fields.map(|child| (child.name.local, text(child))).collect();
                    self.points(object, name, kind, &fields);
                }
            }
        }
    }

    fn brings(&mut self, object: &str, field: &str, value: &str) {
        self.made.insert((
            object.to_ascii_lowercase(),
            field.to_ascii_lowercase(),
            value.trim().to_lowercase(),
        ));
    }

    fn points(&mut self, object: &str, way: &str, kind: Option<&str>, fields: &[(&str, Option<Scalar>)]) {
        let (field, value) = match fields {
            [] => return,
            [(_, Some(value))] if value.text().contains("@{") => return,
            // An id is looked up as one.
            [(field, Some(_))] if field.eq_ignore_ascii_case("Id") => return,
            [(field, Some(value))] => (Some((*field).to_owned()), value.clone()),
            _ => (None, Scalar::Plain(String::new())),
        };
        let (object, way, kind) = (object.to_owned(), way.to_owned(), kind.map(str::to_owned));
        self.asked.insert(Foreign { object, way, kind, field, value });
    }
}

fn items<'j, 'a>(of: &'j Json<'a>, name: &str) -> &'j [Json<'a>] {
    match of.get(name) {
        Some(Json::Array(items)) => items,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "/services/data/v65.0";

    fn told(found: &Foreigns) -> Vec<String> {
        let told = |one: &Foreign| {
            let field = one.field.as_deref().unwrap_or("?");
            let kind = one.kind.as_deref().unwrap_or("-");
            format!("{}.{} {kind} {field}={}", one.object, one.way, one.value.text())
        };
        found.asked.iter().map(told).collect()
    }

    fn check(request: &str, body: &str, want: &[&str]) {
        let (method, target) = request.split_once(' ').unwrap();
        let found = foreign(method, &format!("{BASE}/{target}"), None, None, body.as_bytes());
        assert_eq!(told(&found), want, "{body}");
    }

    #[test]
    fn references_are_found_wherever_rows_are_written() {
        let row =
            r#"{"LastName":"a","Account":{"Ext__c":"x"},"Eosin_Dataset__r":{"Eosin_Dataset_Id__c":"d"}}"#;
        check("POST sobjects/Contact", row, &["Contact.Account - Ext__c=x"]);
        check("PATCH sobjects/Contact/Ext__c/y", row, &["Contact.Account - Ext__c=x"]);
        let typed = r#"{"records":[{"attributes":{"type":"Case"},"Owner":{"attributes":{"type":"User"},"No__c":7}}]}"#;
        check("POST composite/sobjects", typed, &["Case.Owner User No__c=7"]);
        check("PATCH composite/sobjects/Case/Ext__c", typed, &["Case.Owner User No__c=7"]);
        let tree = r#"{"records":[{"attributes":{"type":"Account"},"Contacts":{"records":[{"attributes":{"type":"Contact"},"ReportsTo":{"E__c":"x"}}]}}]}"#;
        check("POST composite/tree/Account", tree, &["Contact.ReportsTo - E__c=x"]);
        let inner = format!(
            r#"{{"graphs":[{{"compositeRequest":[{{"method":"POST","url":"{BASE}/sobjects/Contact","referenceId":"a","body":{row}}}]}}]}}"#
        );
        check("POST composite/graph", &inner, &["Contact.Account - Ext__c=x"]);
        let batch = format!(
            r#"{{"batchRequests":[{{"method":"POST","url":"v65.0/sobjects/Contact","richInput":{row}}}]}}"#
        );
        check("POST composite/batch", &batch, &["Contact.Account - Ext__c=x"]);
        check("POST sobjects/Contact", r#"{"Account":{"A__c":"x","B__c":"y"}}"#, &["Contact.Account - ?="]);
        check("POST sobjects/Contact", r#"{"Account":{"Id":"001"},"A":{"B__c":"@{a.id}"},"C":{}}"#, &[]);
        check("GET sobjects/Contact", row, &[]);
    }

    #[test]
    fn references_of_a_call_are_found_in_both_editions() {
        let call = |row: &str| {
            let body = format!(
                r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="{XSI}" xmlns:u="urn:partner.soap.sforce.com"><e:Body><u:create>{row}</u:create></e:Body></e:Envelope>"#
            );
            told(&foreign("POST", "/services/Soap/u/65.0", None, None, body.as_bytes()))
        };
        let inside =
            "<u:LastName>a</u:LastName><u:Account><u:type>Account</u:type><u:E__c>x</u:E__c></u:Account>";
        let want = ["Contact.Account Account E__c=x"];
        assert_eq!(call(&format!("<u:sObjects><u:type>Contact</u:type>{inside}</u:sObjects>")), want);
        assert_eq!(call(&format!("<u:sObjects xsi:type=\"o:Contact\">{inside}</u:sObjects>")), want);
    }

    #[test]
    fn what_a_request_brings_itself_is_known() {
        let body = r#"{"Ext__c":"A1"}"#;
        let found =
            foreign("PATCH", &format!("{BASE}/sobjects/Account/Key__c/K"), None, None, body.as_bytes());
        for (field, value) in [("key__c", "k"), ("ext__c", "a1")] {
            assert!(found.made.contains(&("account".to_owned(), field.to_owned(), value.to_owned())));
        }
    }
}
