//! The fields by whose values an org names rows, as it describes them.

use std::collections::BTreeMap;

use carrier::salesforce::Scalar;
use serde_json::Value;

/// A field by whose value rows may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    form: Form,
    /// Whether a value is there at most once.
    pub(crate) is_unique: bool,
    minds_case: bool,
}

/// How a statement writes the values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    /// As it stands: a time, `true`.
    Plain,
}

/// The keys of an object, and the fields of its relationships. Names in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    keys: BTreeMap<String, Key>,
    lookups: BTreeMap<String, String>,
}

impl Keys {
    /// Takes what a description says of fields. What another user was told stays.
    pub(crate) fn learn(&mut self, description: &Value) {
        for field in description.get("fields").and_then(Value::as_array).into_iter().flatten() {
            let text = |name| field.get(name).and_then(Value::as_str);
            let is = |name| field.get(name).and_then(Value::as_bool) == Some(true);
            let Some(name) = text("name") else { continue };
            if let Some(way) = text("relationshipName") {
                self.lookups.insert(way.to_ascii_lowercase(), name.to_owned());
            }
            if !(is("externalId") || is("idLookup") || is("unique")) {
                continue;
            }
            let form = match text("type").unwrap_or_default() {
                "double" | "int" | "long" | "currency" | "percent" => Form::Number,
                "boolean" | "date" | "datetime" | "time" => Form::Plain,
                _ => Form::Text,
            };
            let key = Key { form, is_unique: is("unique"), minds_case: is("caseSensitive") };
            self.keys.insert(name.to_ascii_lowercase(), key);
        }
    }

    /// The field that holds the id of a row that a relationship leads to.
    pub(crate) fn lookup(&self, way: &str) -> Option<&str> {
        self.lookups.get(&way.to_ascii_lowercase()).map(String::as_str)
    }

    /// The field of this name, if rows may be named by it.
    pub(crate) fn key(&self, field: &str) -> Option<Key> {
        self.keys.get(&field.to_ascii_lowercase()).copied()
    }
}

impl Key {
    /// A value as it is compared: the org minds neither white space at its ends, nor case unless it says so, nor how a
    /// number is written.
    pub(crate) fn plain(self, value: &str) -> String {
        let value = value.trim();
        match self.form {
            Form::Number => {
                value.parse::<f64>().map_or_else(|_| value.to_owned(), |number| number.to_string())
            }
            Form::Text if self.minds_case => value.to_owned(),
            Form::Text | Form::Plain => value.to_lowercase(),
        }
    }

    /// A value as a statement writes it, however the client did; nothing where the field can have no such value.
    pub(crate) fn literal(self, value: &Scalar) -> Option<String> {
        let text = value.text().trim();
        match self.form {
            Form::Text => Some(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))),
            Form::Number => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
                let is_plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
                let digits = text.strip_prefix('-').unwrap_or(text);
                let stays = digits.bytes().all(is_plain)
                    && digits.starts_with(|first: char| first.is_ascii_digit())
                    && digits.ends_with(|last: char| last.is_ascii_digit());
                Some(if stays { text.to_owned() } else { number.to_string() })
            }
            Form::Plain => {
                let is_word =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'+');
                (!text.is_empty() && text.bytes().all(is_word)).then(|| text.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys() -> Keys {
        let mut keys = Keys::default();
        keys.learn(&json!({ "fields": [
            { "name": "No__c", "type": "double", "externalId": true },
            { "name": "Ext__c", "type": "string", "idLookup": true, "unique": true },
            { "name": "Cased__c", "type": "string", "unique": true, "caseSensitive": true },
            { "name": "Name", "type": "string" },
            { "name": "At__c", "type": "datetime", "idLookup": true },
            { "name": "Person__c", "type": "reference", "relationshipName": "Person__r" },
        ]}));
        keys
    }

    #[test]
    fn a_value_is_written_as_the_field_is() {
        let check = |field: &str, value: &str, want: Option<&str>| {
            let key = keys().key(field).unwrap();
            for value in [Scalar::Text(value.to_owned()), Scalar::Plain(value.to_owned())] {
                assert_eq!(key.literal(&value).as_deref(), want, "{field}");
            }
        };
        for (value, want) in [
            ("5", Some("5")),
            (" -5.25 ", Some("-5.25")),
            ("5.", Some("5")),
            ("1e3", Some("1000")),
            ("+.5", Some("0.5")),
            ("90071992547409931", Some("90071992547409931")),
            ("5 OR x", None),
            ("inf", None),
            ("", None),
        ] {
            check("no__c", value, want);
        }
        check("EXT__C", "a'b\\", Some("'a\\'b\\\\'"));
        check("Ext__c", "5", Some("'5'"));
        check("At__c", "2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z"));
        check("At__c", "x) OR (y", None);
        assert_eq!(keys().key("Name"), None);
        assert_eq!(keys().lookup("person__R"), Some("Person__c"));
    }

    #[test]
    fn values_are_one_where_the_field_makes_no_difference() {
        let check = |field: &str, one: &str, other: &str, want: bool| {
            let key = keys().key(field).unwrap();
            assert_eq!(key.plain(one) == key.plain(other), want, "{field} {one} {other}");
        };
        check("No__c", "5", "5.0", true);
        check("Ext__c", "5", "5.0", false);
        check("Ext__c", "a ", "A", true);
        check("Cased__c", "a", "A", false);
    }
}
