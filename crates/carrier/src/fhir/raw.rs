//! JSON taken apart one level deep: every value stays as it was written, so that decimals keep their spelling.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One JSON object as its members in source order, each value still text, borrowed until it is changed.
pub(super) struct RawObject<'t> {
    members: Vec<(Cow<'t, str>, Cow<'t, str>)>,
}

impl<'t> RawObject<'t> {
    /// The members of `text`, or nothing if it is not an object.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let RawMembers(members) = serde_json::from_str(text).ok()?;
        let members = members.into_iter().map(|(Name(name), value)| (name, Cow::Borrowed(value.get())));
        Some(Self { members: members.collect() })
    }

    /// The same, or nothing if two members have one name: readers differ in which of them counts.
    pub(super) fn with_distinct_names(text: &'t str) -> Option<Self> {
        let object = Self::parse(text)?;
        let mut names: Vec<&str> = object.names().collect();
        names.sort_unstable();
        let is_distinct = names.iter().zip(names.iter().skip(1)).all(|(one, other)| one != other);
        is_distinct.then_some(object)
    }

    /// The text of a member's value. A `null` is a member that is not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.members.iter().find(|(key, _)| key == name)?;
        (value != "null").then_some(value)
    }

    /// The names of the members, in source order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_ref())
    }

    /// Gives a member this value, where it stands, or at the end if it is new.
    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.members.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = Cow::Owned(value),
            None => self.members.push((Cow::Owned(name.to_owned()), Cow::Owned(value))),
        }
    }

    /// Gives each member the value that `other` has for it; whether there was one.
    ///
    /// Errors: those of `other`.
    pub(super) fn change<E>(
        &mut self,
        mut other: impl FnMut(&str, &str) -> Result<Option<String>, E>,
    ) -> Result<bool, E> {
        let mut is_other = false;
        for (name, value) in &mut self.members {
            if let Some(new) = other(name, value)? {
                *value = Cow::Owned(new);
                is_other = true;
            }
        }
        Ok(is_other)
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
            push_quoted(name, &mut out);
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
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(text, &mut out);
    out
}

fn push_quoted(text: &str, out: &mut String) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&serde_json::Value::from(text).to_string());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        reader.deserialize_str(Read)
    }
}

struct RawMembers<'a>(Vec<(Name<'a>, &'a RawValue)>);

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
        assert!(RawObject::with_distinct_names(r#"{"a":1,"b":2,"\u0061":3}"#).is_none());
        assert!(items("{}").is_none());
    }
}
