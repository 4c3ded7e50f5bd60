//! The User Interface API: rows as `{"apiName","fields"}`, one or a batch.

use std::borrow::Cow;

use mark::{
    Unreadable,
    json::{Json, Members},
};

use super::{
    door::is_name,
    plan::{array, envelope, take},
    record::shape,
};

/// One row to be written: its place, its object, its fields.
pub(super) type Row<'a> = (String, Result<(Cow<'a, str>, Members<'a>), Unreadable>);

/// The row that `POST /ui-api/records` creates.
pub(super) fn created(body: Json<'_>) -> Result<(Cow<'_, str>, Members<'_>), Unreadable> {
    let mut members = envelope(body)?;
    let Some(Json::Text(object)) = take(&mut members, "apiName") else {
        return Err(shape("does not say its object in `apiName`"));
    };
    Ok((object, fields(&mut members)?))
}

/// The row that `PATCH /ui-api/records/<id>` changes. The id tells its object; `apiName` may say it again.
///
/// Errors: also where a row with a mark has an id whose object is not known here, for a mark is proven of an object.
pub(super) fn updated<'a>(body: Json<'a>, prefix: &str) -> Result<(Cow<'a, str>, Members<'a>), Unreadable> {
    let mut members = envelope(body)?;
    let named = match take(&mut members, "apiName") {
        None | Some(Json::Null) => None,
        Some(Json::Text(object)) => Some(object),
        Some(_) => return Err(shape("does not say its object in `apiName`")),
    };
    let fields = fields(&mut members)?;
    let known = PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, object)| *object);
    let object = match (known, named) {
        (Some(known), Some(named)) if !named.eq_ignore_ascii_case(known) => {
            return Err(shape("names another object than its id"));
        }
        (_, Some(named)) => named,
        (Some(known), None) => Cow::Borrowed(known),
        (None, None) if fields.iter().any(|(name, _)| name.to_ascii_lowercase().contains("eosin_")) => {
            return Err(shape("does not say its object; send `apiName` beside `fields`"));
        }
        (None, None) => Cow::Borrowed(UNTOLD),
    };
    Ok((object, fields))
}

/// The object of a row that does not tell it, and carries no mark that would have to be proven of one.
const UNTOLD: &str = "Record";

/// The rows of `POST /ui-api/records/batch`; what is only removed is none.
pub(super) fn batch(body: Json<'_>) -> Result<Vec<Row<'_>>, Unreadable> {
    let mut rows = Vec::new();
    for (at, operation) in array(&mut envelope(body)?, "operations")?.into_iter().enumerate() {
        let mut operation = envelope(operation)?;
        let kind = match take(&mut operation, "type") {
            Some(Json::Text(kind)) => kind.to_ascii_lowercase(),
            _ => return Err(shape("has an operation without a type")),
        };
        for (row, record) in array(&mut operation, "records")?.into_iter().enumerate() {
            let place = format!("operations[{at}].records[{row}]");
            match kind.as_str() {
                "create" => rows.push((place, created(record))),
                "update" => {
                    let id = record.get("fields").and_then(|fields| {
                        let id = fields.members().iter().find(|(name, _)| name.eq_ignore_ascii_case("Id"));
                        id.and_then(|(_, id)| id.text()).and_then(|id| id.get(..3)).map(str::to_owned)
                    });
                    rows.push((place, updated(record, id.as_deref().unwrap_or_default())));
                }
                "delete" => {}
                _ => return Err(shape("has an operation that is not read here")),
            }
        }
    }
    Ok(rows)
}

fn fields<'a>(members: &mut Members<'a>) -> Result<Members<'a>, Unreadable> {
    match take(members, "fields") {
        Some(Json::Object(fields)) => plain(fields),
        _ => Err(shape("has no `fields`")),
    }
}

/// Fields whose values are values. Elsewhere an object is a way to another row and no content; here it could be both.
pub(super) fn plain(fields: Members<'_>) -> Result<Members<'_>, Unreadable> {
    if fields.iter().any(|(_, value)| matches!(value, Json::Object(_))) {
        return Err(shape("has a field whose value is an object"));
    }
    if fields.iter().any(|(name, _)| !is_name(name)) {
        return Err(shape("has a field that has no API name"));
    }
    Ok(fields)
}

/// What the first three characters of an id stand for; only standard objects have the same in every org.
///
/// Source: Salesforce help, "Standard field record ID prefix decoder".
const PREFIXES: [(&str, &str); 15] = [
    ("001", "Account"),
    ("003", "Contact"),
    ("005", "User"),
    ("006", "Opportunity"),
    ("00P", "Attachment"),
    ("00Q", "Lead"),
    ("00T", "Task"),
    ("00U", "Event"),
    ("015", "Document"),
    ("02i", "Asset"),
    ("02s", "EmailMessage"),
    ("068", "ContentVersion"),
    ("069", "ContentDocument"),
    ("08p", "ServiceAppointment"),
    ("500", "Case"),
];

#[cfg(test)]
mod tests {
    use mark::json;

    use super::*;

    fn shown(row: &Result<(Cow<'_, str>, Members<'_>), Unreadable>) -> String {
        match row {
            Ok((object, fields)) => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
                format!("{object} {}", names.join(" "))
            }
            Err(reason) => reason.to_string(),
        }
    }

    #[test]
    fn a_row_says_its_object_or_its_id_does() {
        let check = |prefix: Option<&str>, body: &str, want: &str| {
            let body = json::parse(body.as_bytes()).unwrap();
            let row = match prefix {
                None => created(body),
                Some(prefix) => updated(body, prefix),
            };
            assert_eq!(shown(&row), want, "{prefix:?}");
        };
        let untold = "does not say its object in `apiName`";
        check(None, r#"{"apiName":"Contact","fields":{"LastName":"B"}}"#, "Contact LastName");
        check(None, r#"{"fields":{"LastName":"B"}}"#, untold);
        check(
            None,
            r#"{"apiName":"Contact","apiname":"Lead","fields":{}}"#,
            "names a member twice, if upper and lower case are one",
        );
        check(None, r#"{"apiName":"Contact","Fields":{"LastName":"B"}}"#, "has no `fields`");
        check(None, r#"{"apiName":"Contact","fields":[]}"#, "has no `fields`");
        check(
            None,
            r#"{"apiName":"Contact","fields":{"LastName":{"value":"B"}}}"#,
            "has a field whose value is an object",
        );
        check(
            None,
            r#"{"apiName":"Contact","fields":{"Account.Name":"B"}}"#,
            "has a field that has no API name",
        );
        check(Some("003"), r#"{"fields":{"Phone":"1"}}"#, "Contact Phone");
        check(
            Some("003"),
            r#"{"apiName":"Lead","fields":{"Phone":"1"}}"#,
            "names another object than its id",
        );
        check(Some("a01"), r#"{"apiName":"X__c","fields":{"Phone":"1"}}"#, "X__c Phone");
        check(Some("a01"), r#"{"apiName":null,"fields":{"Phone":"1"}}"#, "Record Phone");
        check(
            Some("a01"),
            r#"{"fields":{"EOSIN_Mark__c":"x"}}"#,
            "does not say its object; send `apiName` beside `fields`",
        );
        check(Some("003"), r#"{"apiName":7,"fields":{}}"#, untold);
    }

    #[test]
    fn a_batch_is_all_its_operations() {
        let body = br#"{"allOrNone":false,"operations":[
            {"type":"CREATE","records":[{"apiName":"Contact","fields":{"LastName":"B"}},{"fields":{}}]},
            {"type":"Update","records":[{"fields":{"Id":"003xx","Phone":"1"}}]},
            {"type":"Delete","records":[{"fields":{"Id":"003xx"}}]}]}"#;
        let rows: Vec<String> = batch(json::parse(body).unwrap())
            .unwrap()
            .iter()
            .map(|(place, row)| format!("{place}: {}", shown(row)))
            .collect();
        assert_eq!(
            rows,
            [
                "operations[0].records[0]: Contact LastName",
                "operations[0].records[1]: does not say its object in `apiName`",
                "operations[1].records[0]: Contact Id Phone",
            ]
        );
        let upsert = br#"{"operations":[{"type":"Upsert","records":[{}]}]}"#;
        assert!(batch(json::parse(upsert).unwrap()).is_err());
    }
}
