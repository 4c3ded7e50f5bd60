//! The members of a target's query, each at most once, and only those that its route knows.

use std::collections::BTreeMap;

use crate::problem::Problem;

/// Members of a query at most.
const MEMBERS_MAX: usize = 32;
/// Bytes of a target at most.
const TARGET_MAX: usize = 8 * 1024;

/// The members of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the query of a target.
    ///
    /// Bounds: 8 KiB, 32 members.
    /// Errors: a problem 400: it is too long, has a member twice, or one that the route does not know.
    pub(crate) fn read(target: &str, known: &[&str]) -> Result<Self, Problem> {
        if target.len() > TARGET_MAX {
            return Err(Problem::new(400, "the address is longer than 8 KiB: take conditions away"));
        }
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let mut members = BTreeMap::new();
        for (at, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            if at >= MEMBERS_MAX {
                return Err(Problem::new(400, "the address has more than 32 conditions"));
            }
            if !known.contains(&&*name) {
                let all = if known.is_empty() { "none".to_owned() } else { known.join("`, `") };
                return Err(Problem::new(400, &format!("this is no condition here; there are: `{all}`")));
            }
            if members.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::new(400, &format!("`{name}` is given twice")));
            }
        }
        Ok(Self(members))
    }

    /// A member.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// A part of a path without its percent signs.
pub(crate) fn decoded(segment: &str) -> String {
    let pair = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_what_its_route_knows_and_each_once() {
        let query = Query::read("/x?a=1%26&b=", &["a", "b"]).unwrap();
        assert_eq!((query.get("a"), query.get("b"), query.get("c")), (Some("1&"), Some(""), None));
        for bad in ["/x?c=1", "/x?a=1&a=2", &format!("/x?a={}", "x".repeat(9_000))] {
            assert_eq!(Query::read(bad, &["a", "b"]).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn a_part_of_a_path_is_decoded_once() {
        for (segment, expected) in
            [("a%2Fb", "a/b"), ("a+b", "a+b"), ("a%2520", "a%20"), ("a&b", "a&b"), ("", "")]
        {
            assert_eq!(decoded(segment), expected);
        }
    }
}
