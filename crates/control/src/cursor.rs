//! Where a list goes on: the key of the last row, as a word that nobody has to understand.

use data_encoding::BASE64URL_NOPAD;
use index::Value;

use crate::lists::List;

/// Characters of a cursor at most.
pub(crate) const CURSOR_MAX: usize = 1_500;

/// The cursor after a row with this key.
pub(crate) fn after(list: &List, key: &[Value]) -> String {
    let key: Vec<serde_json::Value> = key.iter().map(crate::list::json).collect();
    BASE64URL_NOPAD.encode(serde_json::json!([list.name, key]).to_string().as_bytes())
}

/// The key in a cursor of this list; nothing for what is none.
pub(crate) fn key(list: &List, cursor: &str) -> Option<Vec<Value>> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
    let (name, key): (String, Vec<serde_json::Value>) = serde_json::from_slice(&bytes).ok()?;
    let key: Option<Vec<Value>> = key
        .iter()
        .map(|value| match value {
            serde_json::Value::String(text) => Some(Value::text(text)),
            serde_json::Value::Number(number) => number.as_i64().map(Value::Integer),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        })
        .collect();
    let key = key?;
    let fits = name == list.name
        && key.len() == list.order.len()
        && list
            .order
            .iter()
            .zip(&key)
            .all(|((_, is_text), value)| *is_text == matches!(value, Value::Text(_)));
    fits.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::LISTS;

    #[test]
    fn a_cursor_is_of_its_list_and_of_its_kinds() {
        let find = |name: &str| LISTS.iter().find(|list| list.name == name).unwrap();
        let (transactions, records) = (find("transactions"), find("records"));
        let last = [Value::text("2026-11-22T08:00:00Z"), Value::text("a#b c"), Value::Integer(7)];
        let cursor = after(transactions, &last);
        assert_eq!(key(transactions, &cursor).unwrap(), last);
        assert_eq!(key(records, &cursor), None);
        for bad in ["", "x", "AAAA", &BASE64URL_NOPAD.encode(b"[\"transactions\",[1,2,3]]")] {
            assert_eq!(key(transactions, bad), None, "{bad}");
        }
        assert!(cursor.len() < CURSOR_MAX);
    }
}
