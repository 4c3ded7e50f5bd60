//! References by another field than the id: what a row that is written says of the row that it points at.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use mark::json::{self, Json};

use super::{
    door::{Route, route},
    field::is_dataset_relationship,
    id::RecordId,
    row_parts::rows_at,
    soap::walk,
};
use crate::{
    Door,
    span::{self, Edit, Member, edited},
    xml::{Element, XSI, escaped},
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
    /// What is pointed at, and where. A row that does not say its object has an empty one.
    pub asked: BTreeMap<Foreign, Vec<Place>>,
    /// What rows that are written with it bring: values by object and field, these in lower case.
    pub made: BTreeMap<(String, String), BTreeSet<String>>,
    /// Whether one request, or one within it, writes more rows than an org takes.
    pub is_over: bool,
    rows: usize,
}

/// Where a reference stands.
#[derive(Clone, Debug)]
pub struct Place {
    at: At,
    /// The names in its row, in lower case.
    beside: Arc<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
enum At {
    Json(Member),
    /// An element, and the namespace of its name.
    Xml(Range<usize>, String),
}

impl Place {
    /// Whether the row gives this field too: an org takes one of the two.
    pub fn is_beside(&self, field: &str) -> bool {
        self.beside.contains(&field.to_ascii_lowercase())
    }
}

/// Rows that an org takes in one request.
const ROWS_MAX: usize = 200;

impl std::fmt::Debug for Foreigns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Foreigns({})", self.asked.len())
    }
}

/// The body with references by id: each place, with the field that holds the id, and the id.
pub fn with_ids(body: &[u8], others: &[(&Place, &str, RecordId)]) -> Vec<u8> {
    let mut edits = Vec::new();
    for (place, field, id) in others {
        let id = id.long();
        match &place.at {
            At::Json(member) => {
                let quoted = |text: &str| serde_json::Value::from(text).to_string().into_bytes();
                edits.push(Edit { at: member.name.clone(), with: quoted(field) });
                edits.push(Edit { at: member.value.clone(), with: quoted(&id) });
            }
            At::Xml(at, namespace) => {
                let with = format!("<{field} xmlns=\"{}\">{id}</{field}>", escaped(namespace));
                edits.push(Edit { at: at.clone(), with: with.into_bytes() });
            }
        }
    }
    edited(body, edits)
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
        for at in std::iter::once(0..body.len()).chain(rows) {
            let text = body.get(at.clone()).unwrap_or_default();
            if let (Ok(json), Some(within)) = (json::parse(text), span::whole(text)) {
                let at = at.start + within.start..at.start + within.end;
                found.of_route(&route, &Part { text: body, json: &json, at });
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

/// A value of a JSON text, and where it stands.
struct Part<'j, 'a> {
    text: &'j [u8],
    json: &'j Json<'a>,
    at: Range<usize>,
}

impl<'j> Part<'j, '_> {
    /// Its members, with their names.
    fn members(&self) -> impl Iterator<Item = (&'j str, Member, Self)> {
        let spans = span::members(self.text, &self.at).unwrap_or_default();
        let text = self.text;
        self.json.members().iter().zip(spans).map(move |((name, json), span)| {
            let at = span.value.clone();
            (name.as_ref(), span, Self { text, json, at })
        })
    }

    fn get(&self, name: &str) -> Option<Self> {
        self.json.get(name)?;
        self.members().find(|(other, _, _)| *other == name).map(|(_, _, part)| part)
    }

    /// The items of the list of this name.
    fn items(&self, name: &str) -> Vec<Self> {
        let Some(list) = self.get(name) else { return Vec::new() };
        let spans = span::items(self.text, &list.at).unwrap_or_default();
        let items = list.json.items().iter().zip(spans);
        items.map(|(json, at)| Self { text: self.text, json, at }).collect()
    }

    /// What it says that it is.
    fn said(&self) -> Option<&'j str> {
        self.json.get("attributes")?.get("type")?.text()
    }
}

impl Foreigns {
    fn of_route(&mut self, route: &Route, body: &Part<'_, '_>) {
        self.rows = 0;
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
        self.is_over |= self.rows > ROWS_MAX;
    }

    /// The requests within a request.
    fn many(&mut self, body: &Part<'_, '_>) {
        for graph in body.items("graphs") {
            self.many(&graph);
        }
        for (list, input) in [("compositeRequest", "body"), ("batchRequests", "richInput")] {
            for inner in body.items(list) {
                let text = |name| inner.json.get(name).and_then(Json::text).unwrap_or_default();
                let url = text("url");
                let full = if url.trim_start_matches('/').to_ascii_lowercase().starts_with("services/") {
                    url.to_owned()
                } else {
                    format!("/services/data/{}", url.trim_start_matches('/'))
                };
                if let (Door::Judged(route), Some(body)) =
                    (route(text("method"), &full, None), inner.get(input))
                {
                    self.of_route(&route, &body);
                }
            }
        }
    }

    /// Rows that say their objects, and the rows below them.
    fn list(&mut self, object: Option<&str>, body: &Part<'_, '_>) {
        for row in body.items("records") {
            self.row(row.said().or(object).unwrap_or_default(), &row);
        }
    }

    fn row(&mut self, object: &str, row: &Part<'_, '_>) {
        self.rows += 1;
        let names = row.json.members().iter().map(|(name, _)| name.to_ascii_lowercase());
        let beside = Arc::new(names.collect());
        for (name, span, value) in row.members() {
            if let Some(value) = Scalar::of(value.json) {
                self.brings(object, name, value.text());
            }
            let is_way = matches!(value.json, Json::Object(_)) && name != "attributes";
            if !is_way || is_dataset_relationship(name) {
                continue;
            }
            let mut besides = ["attributes"].as_slice();
            if value.json.get("records").is_some() {
                self.list(None, &value);
                besides = &["attributes", "records", "totalSize", "done"];
            }
            let fields = value.json.members().iter().filter(|(name, _)| !besides.contains(&name.as_ref()));
            let fields: Vec<(&str, Option<Scalar>)> =
                fields.map(|(name, value)| (name.as_ref(), Scalar::of(value))).collect();
            let place = Place { at: At::Json(span), beside: Arc::clone(&beside) };
            self.points((object, name, value.said()), &fields, place);
        }
    }

    /// The rows in a call, however deep: `sObjects`, and the row that others are merged into.
    fn of_call(&mut self, call: &Element<'_>) {
        for child in &call.children {
            let is_row = ["sObjects", "masterRecord"];
            if is_row.iter().any(|row| child.name.local.eq_ignore_ascii_case(row)) {
                self.of_element(child);
            } else {
                self.of_call(child);
            }
        }
    }

    fn of_element(&mut self, row: &Element<'_>) {
        self.rows += 1;
        self.is_over |= self.rows > ROWS_MAX;
        let names = row.children.iter().map(|field| field.name.local.to_ascii_lowercase());
        let beside: Arc<BTreeSet<String>> = Arc::new(names.collect());
        // Where it says two, nobody here knows which counts.
        let mut objects = said(row);
        if objects.is_empty() {
            objects.push("");
        }
        for (object, field) in
            objects.iter().flat_map(|object| row.children.iter().map(move |f| (*object, f)))
        {
            let name = field.name.local;
            if field.children.is_empty() {
                self.brings(object, name, &field.text);
                continue;
            }
            if is_dataset_relationship(name) {
                continue;
            }
            let kinds = said(field);
            let kind = match kinds.as_slice() {
                [] => None,
                [kind] => Some(*kind),
                _ => Some(""),
            };
            let is_nil = |child: &Element<'_>| {
                child.children.is_empty() && matches!(child.attribute(XSI, "nil"), Some("true" | "1"))
            };
            let fields = field.children.iter().filter(|child| child.name.local != "type" && !is_nil(child));
            let text =
                |child: &Element<'_>| child.children.is_empty().then(|| Scalar::Text(child.text.to_string()));
            let fields: Vec<_> = fields.map(|child| (child.name.local, text(child))).collect();
            let at = At::Xml(field.span.clone(), field.name.namespace.to_owned());
            self.points((object, name, kind), &fields, Place { at, beside: Arc::clone(&beside) });
        }
    }

    fn brings(&mut self, object: &str, field: &str, value: &str) {
        let key = (object.to_ascii_lowercase(), field.to_ascii_lowercase());
        self.made.entry(key).or_default().insert(value.to_owned());
    }

    fn points(
        &mut self,
        (object, way, kind): (&str, &str, Option<&str>),
        fields: &[(&str, Option<Scalar>)],
        place: Place,
    ) {
        let (field, value) = match fields {
            [] => return,
            [(_, Some(value))] if value.text().contains("@{") => return,
            // An id is looked up as one.
            [(field, Some(_))] if field.eq_ignore_ascii_case("Id") => return,
            [(field, Some(value))] => (Some((*field).to_owned()), value.clone()),
            _ => (None, Scalar::Plain(String::new())),
        };
        let (object, way, kind) = (object.to_owned(), way.to_owned(), kind.map(str::to_owned));
        self.asked.entry(Foreign { object, way, kind, field, value }).or_default().push(place);
    }
}

/// The objects that an element says it is of: in `type`, or as its XML type, which can be that of any row.
fn said<'e>(row: &'e Element<'_>) -> Vec<&'e str> {
    let named = row.children.iter().filter(|child| child.name.local == "type");
    let mut said: Vec<&str> = named.map(|named| named.text.trim()).collect();
    let typed = row.attribute(XSI, "type").map(|typed| typed.rsplit(':').next().unwrap_or(typed));
    said.extend(typed.filter(|typed| *typed != "sObject"));
    said.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    said
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
        found.asked.keys().map(told).collect()
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
        for (field, value) in [("key__c", "K"), ("ext__c", "A1")] {
            assert!(found.made[&("account".to_owned(), field.to_owned())].contains(value));
        }
    }
}
