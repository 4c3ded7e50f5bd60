//! The rewrite of a search that comes as JSON, as `POST …/parameterizedSearch` takes it.

use serde_json::{Map, Value};

use super::{Added, CannotIsolate, rewrite::Rewrite};
use crate::{
    hidden::Hidden,
    parse::{parse_condition, parse_item, parse_order},
    query::{Condition, Item, Name},
    schema::Schema,
    search::FoundObject,
    span::Span,
    token::TEXT_CHARACTERS_MAX,
};

/// A body that may be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct IsolatedParameters {
    /// What to send instead, written anew from what was read: nobody else reads the client's own spelling.
    pub body: String,
    /// What was asked for beside what the client wants; the place is the object's name.
    pub added: Vec<Added>,
}

impl std::fmt::Debug for IsolatedParameters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IsolatedParameters")
            .field("bytes", &self.body.len())
            .field("added", &self.added)
            .finish()
    }
}

/// Members of the body that say nothing about rows.
const PLAIN: [&str; 14] = [
    "q",
    "in",
    "defaultLimit",
    "overallLimit",
    "offset",
    "dataCategories",
    "division",
    "metadata",
    "netWorkIds",
    "pricebookId",
    "snippet",
    "spellCorrection",
    "updateTracking",
    "updateViewStat",
];

/// Rewrites the JSON of a search.
///
/// Bounds: a `where` as long as a statement; as many objects and fields as the body holds. Errors: a member that the
/// reference does not name, or one with another case, cannot be isolated; nor can a search that names no objects.
pub fn isolate_parameters(
    body: &[u8],
    hidden: &Hidden,
    schema: &Schema,
) -> Result<IsolatedParameters, CannotIsolate> {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else {
        return Err(CannotIsolate::Parameters);
    };
    let known = |key: &String| PLAIN.contains(&key.as_str()) || key == "fields" || key == "sobjects";
    if !body.keys().all(known) {
        return Err(CannotIsolate::Parameters);
    }
    let everywhere = items(body.get("fields"))?;
    let Some(Value::Array(objects)) = body.get_mut("sobjects") else { return Err(CannotIsolate::NoObjects) };
    if objects.is_empty() {
        return Err(CannotIsolate::NoObjects);
    }
    let mut rewrite = Rewrite::new(hidden, schema);
    let mut added = Vec::new();
    for object in objects {
        let Value::Object(object) = object else { return Err(CannotIsolate::Parameters) };
        one(object, &everywhere, &mut rewrite, &mut added)?;
    }
    Ok(IsolatedParameters { body: Value::Object(body).to_string(), added })
}

fn one(
    object: &mut Map<String, Value>,
    everywhere: &[Item],
    rewrite: &mut Rewrite<'_>,
    added: &mut Vec<Added>,
) -> Result<(), CannotIsolate> {
    let known =
        |key: &String| ["name", "fields", "limit", "offset", "where", "orderBy"].contains(&key.as_str());
    if !object.keys().all(known) {
        return Err(CannotIsolate::Parameters);
    }
    let filter = piece(object, "where")?.map(parse_condition).transpose()?;
    let order_by = piece(object, "orderBy")?.map(parse_order).transpose()?.unwrap_or_default();
    let own = items(object.get("fields"))?;
    let select = own.iter().chain(everywhere).cloned().collect();
    let name = piece(object, "name")?.ok_or(CannotIsolate::Parameters)?;
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || !named {
        return Err(CannotIsolate::Parameters);
    }
    let found = FoundObject {
        object: Name { text: name.into(), span: Span::default() },
        span: Span::default(),
        select,
        list_view: None,
        filter,
        filter_span: Span::default(),
        select_span: Span::default(),
        source_span: Span::default(),
        order_by,
        limit: None,
        offset: None,
    };
    let (conditions, stand, uses) = rewrite.found_conditions(&found)?;
    if let Some(conditions) = conditions.text() {
        let whole = match (piece(object, "where")?, &found.filter) {
            (Some(before), Some(Condition::Or(_) | Condition::Not(_))) => {
                format!("{conditions} AND ({before})")
            }
            (Some(before), _) => format!("{conditions} AND {before}"),
            (None, _) => conditions,
        };
        if whole.len() > TEXT_CHARACTERS_MAX && whole.chars().count() > TEXT_CHARACTERS_MAX {
            return Err(CannotIsolate::TooLong);
        }
        object.insert("where".to_owned(), Value::String(whole));
    }
    if found.select.is_empty() {
        return Ok(());
    }
    let fields = rewrite.unasked(&stand, &uses, &found.select)?;
    let list = object.entry("fields").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.extend(fields.iter().map(|(_, field)| Value::String(field.clone())));
    }
    added.extend(
        fields.into_iter().map(|(_, field)| Added { place: vec![found.object.text.to_string()], field }),
    );
    Ok(())
}

/// A text member; null is as if it were not there.
fn piece<'v>(object: &'v Map<String, Value>, key: &str) -> Result<Option<&'v str>, CannotIsolate> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(CannotIsolate::Parameters),
    }
}

fn items(fields: Option<&Value>) -> Result<Vec<Item>, CannotIsolate> {
    match fields {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(fields)) => {
            let texts = fields.iter().map(|field| field.as_str().ok_or(CannotIsolate::Parameters));
            texts.map(|text| Ok(parse_item(text?)?)).collect()
        }
        Some(_) => Err(CannotIsolate::Parameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bearing, Marks};

    #[test]
    fn each_object_of_a_search_body_is_filtered() {
        let mut schema = Schema::standard();
        schema.set("Contact", Bearing::Fields).set("Product2", Bearing::Open);
        let hidden = Hidden::of(&[crate::Class::Attested]).marks(Marks::Asked);
        let body =
            br#"{"q":"x","q":"y","fields":["id"],"sobjects":[{"name":"Contact","where":"A = 1 OR B = 2"},
            {"name":"Product2","fields":["Name"]}],"in":"ALL"}"#;
        let isolated = isolate_parameters(body, &hidden, &schema).unwrap();
        assert_eq!(
            isolated.body,
            "{\"q\":\"y\",\"fields\":[\"id\"],\"sobjects\":[{\"name\":\"Contact\",\"where\":\"(Eosin_Subject__c = null OR \
             Eosin_Subject__c NOT IN ('attested')) AND (A = 1 OR B = 2)\",\"fields\":[\"Eosin_Subject__c\",\
             \"Eosin_Synthetic__c\",\"Eosin_Mark__c\"]},{\"name\":\"Product2\",\"fields\":[\"Name\"]}],\"in\":\"ALL\"}"
        );
        assert_eq!(isolated.added.len(), 3);
    }

    #[test]
    fn what_the_reference_does_not_name_is_refused() {
        let check = |body: &str| {
            isolate_parameters(body.as_bytes(), &Hidden::synthetic(), &Schema::standard()).unwrap_err()
        };
        for body in [
            "[]",
            r#"{"q":"x","Sobjects":[]}"#,
            r#"{"q":"x","sobjects":[{"name":"User","WHERE":"A = 1"}]}"#,
            r#"{"q":"x","sobjects":[{"name":"User(Id)"}]}"#,
            r#"{"q":"x","sobjects":[{"name":"User","where":7}]}"#,
        ] {
            assert_eq!(check(body), CannotIsolate::Parameters, "{body}");
        }
        assert_eq!(check(r#"{"q":"x"}"#), CannotIsolate::NoObjects);
        let closed = r#"{"q":"x","sobjects":[{"name":"User","where":"A = 1) OR (B = 2"}]}"#;
        assert!(matches!(check(closed), CannotIsolate::Unreadable(_)));
    }
}
