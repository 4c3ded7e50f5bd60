//! What was asked for: a path and the members of its query, within bounds.

use std::collections::BTreeMap;

/// Bytes of a target at most.
const TARGET_MAX: usize = 8 * 1024;
/// Members of a query at most.
const MEMBERS_MAX: usize = 32;

/// A target that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: String,
    members: BTreeMap<String, String>,
}

/// A target that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the address is longer than {TARGET_MAX} bytes: take conditions away")]
    Long,
    #[error("the address has more than {MEMBERS_MAX} conditions: take some away")]
    Many,
}

impl Target {
    /// Reads the target of a request line. Of members of the same name the last one counts; empty ones do not.
    pub(crate) fn read(target: &str) -> Result<Self, TargetError> {
        if target.len() > TARGET_MAX {
            return Err(TargetError::Long);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut members = BTreeMap::new();
        for (at, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            if at >= MEMBERS_MAX {
                return Err(TargetError::Many);
            }
            let value = value.trim();
            if !value.is_empty() {
                members.insert(name.into_owned(), value.to_owned());
            }
        }
        Ok(Self { path: path.to_owned(), members })
    }

    /// A target that the console asks itself.
    pub(crate) fn of<'m>(path: &str, members: impl IntoIterator<Item = (&'m str, &'m str)>) -> Self {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { path: path.to_owned(), members: members.collect() }
    }

    /// A member of the query.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.members.get(name).map(String::as_str)
    }

    /// A member that is an entry's index.
    pub(crate) fn entry(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok().filter(|entry| *entry >= 0)
    }

    /// The same path with one member changed.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let mut members = self.members.clone();
        members.insert(name.to_owned(), value.to_owned());
        link(&self.path, members.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The same with one member set.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.members.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same without one member.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut same = self.clone();
        same.members.remove(name);
        same
    }

    /// The query with some members left out.
    pub(crate) fn query_without(&self, names: &[&str]) -> String {
        let left = self.members.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(left).finish()
    }

    /// Another path with the same members.
    pub(crate) fn elsewhere(&self, path: &str) -> String {
        link(path, self.members.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// The page of a transaction, of its place: `origin#entry`.
pub(crate) fn transaction(place: &str) -> String {
    let (ledger, entry) = place.rsplit_once('#').unwrap_or((place, ""));
    link("/transaction", [("ledger", ledger), ("entry", entry)])
}

/// Transactions by their places, each with its page.
pub(crate) fn transactions(places: &[String]) -> Vec<(String, &str)> {
    places.iter().map(|place| (transaction(place), place.as_str())).collect()
}

/// A path with members, as a browser's form would write it.
pub(crate) fn link<'a>(path: &str, members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_and_members_within_bounds() {
        let target = Target::read("/transactions?boundary=a%26b+c&client=&entry=7&entry=8").unwrap();
        assert_eq!(target.path, "/transactions");
        assert_eq!(target.get("boundary"), Some("a&b c"));
        assert_eq!(target.get("client"), None, "an empty field of a form is no condition");
        assert_eq!(target.entry("entry"), Some(8));
        assert_eq!(Target::read("/x?entry=-1").unwrap().entry("entry"), None);
        assert_eq!(target.with("before", "x y"), "/transactions?before=x+y&boundary=a%26b+c&entry=8");
        assert_eq!(Target::read(&"x".repeat(9_000)), Err(TargetError::Long));
        assert_eq!(Target::read(&format!("/x?{}", "a=b&".repeat(40))), Err(TargetError::Many));
        assert_eq!(Target::read("/x?%ff=%ff").unwrap().get("\u{fffd}"), Some("\u{fffd}"), "not UTF-8");
    }
}
