//! JSON taken apart one level deep: every value stays as it was written, so that decimals keep their spelling.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON object as its members in source order, each value still text.
pub(super) struct RawObject {
    members: Vec<(String, String)>,
}

impl RawObject {
    /// The members of `text`, or nothing if it is not an object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let RawMembers(members) = serde_json::from_str(text).ok()?;
        let members = members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
        Some(Self { members })
    }

    /// The text of a member's value. A `null` is a member that is not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.members.iter().find(|(key, _)| key == name)?;
        (value != "null").then_some(value)
    }

    /// Gives a member this value, where it stands, or at the end if it is new.
    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.members.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.members.push((name.to_owned(), value)),
        }
    }

    /// Takes a member away.
    pub(super) fn remove(&mut self, name: &str) {
        self.members.retain(|(key, _)| key != name);
    }

    /// The object as JSON text.
    pub(super) fn to_text(&self) -> String {
        let written: usize = self.members.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut out = String::with_capacity(written + 2);
        out.push('{');
        for (name, value) in &self.members {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&quote(name));
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        out
    }
}

/// The items of the array `text`, each still text, or nothing if it is not an array.
pub(super) fn items(text: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// The array of these items as JSON text.
pub(super) fn array<S: AsRef<str>>(items: &[S]) -> String {
    let mut out = String::from("[");
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(item.as_ref());
    }
    out.push(']');
    out
}

/// A JSON string.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct RawMembers<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }

        reader.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_spelling() {
        let text = r#"{ "a" : 1.50, "b\n": { "c" : [1e2 ,"x"] }, "n": null }"#;
        let mut object = RawObject::parse(text).unwrap();
        assert_eq!(object.get("a"), Some("1.50"));
        assert_eq!(object.get("n"), None);
        object.set("a", "2.0".to_owned());
        object.set("z", array(&["1", "2"]));
        object.remove("n");
        assert_eq!(object.to_text(), r#"{"a":2.0,"b\n":{ "c" : [1e2 ,"x"] },"z":[1,2]}"#);
        assert_eq!(items("[ 1.0, {} ]").unwrap(), ["1.0", "{}"]);
        assert!(RawObject::parse("[]").is_none());
        assert!(items("{}").is_none());
    }
}
