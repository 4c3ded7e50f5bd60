//! The parameters of a search: which of them can be isolated, and how the server is asked instead.

use std::{collections::BTreeMap, fmt};

use super::interaction::{is_id, is_type_name};
use crate::route::pairs;

/// The parameters of a search, in order, decoded.
///
/// Debug shows counts only: values can be names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

/// How much of the resources a client wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of them.
    Full,
    /// A part, which the server chooses: `_elements`, `_summary`.
    Part,
    /// Only how many there are.
    Count,
}

/// Parameters that change only what an answer looks like, or where in the results it begins.
const SHAPE: [&str; 9] = [
    "_count",
    "_offset",
    "_total",
    "_totalMethod",
    "_summary",
    "_elements",
    "_maxresults",
    "_pretty",
    "_format",
];

/// Parameters with an underscore that look at the resource itself, or bring others that are judged by themselves.
const OWN: [&str; 21] = [
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_source",
    "_text",
    "_content",
    "_language",
    "_type",
    "_sort",
    "_include",
    "_revinclude",
    "_score",
    "_since",
    "_at",
    "_contained",
    "_containedType",
    "_typeFilter",
    "_outputFormat",
    "_until",
];

/// Words by which servers find a place in results they have counted themselves.
const PLACES: [&str; 8] =
    ["page", "ct", "cursor", "offset", "skip", "pagetoken", "page_token", "search-offset"];

impl Query {
    /// The parameters of a query, or of a form's body.
    ///
    /// Errors: nothing for a bad escape, or text that is not UTF-8.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { pairs: pairs(text)? })
    }

    /// The same parameters and these.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.pairs.extend(other.pairs);
        self
    }

    /// Why a search with these parameters cannot be isolated; nothing if it can.
    ///
    /// Source: spec/carriers.md section 3.9.
    pub fn closed(&self) -> Option<&'static str> {
        self.pairs.iter().find_map(|(name, value)| closed(name, value))
    }

    /// Whether a write with these parameters may do more than write what it names, such as `_cascade`.
    pub fn reaches_further(&self) -> bool {
        let is_known = |name: &str| SHAPE.contains(&name) || OWN.contains(&name);
        self.pairs.iter().any(|(name, _)| stem(name).starts_with('_') && !is_known(stem(name)))
    }

    /// Why an export with these parameters cannot be isolated; nothing if it can.
    ///
    /// Source: spec/carriers.md section 3.9.
    pub fn export_closed(&self) -> Option<&'static str> {
        self.closed().or_else(|| self.pairs.iter().find_map(|(name, value)| export_closed(name, value)))
    }

    /// The patients of whom alone an export is asked: the type and the id of each.
    pub fn patients(&self) -> Vec<(&str, &str)> {
        let values = self.pairs.iter().filter(|(name, _)| stem(name) == "patient");
        values.flat_map(|(_, value)| value.split(',')).filter_map(|one| patient(one.trim())).collect()
    }

    /// The same query with other ids for some of those patients.
    pub fn with_patients(&self, others: &BTreeMap<(String, String), String>) -> String {
        let other = |written: &str| {
            let (kind, id) = patient(written.trim())?;
            let other = others.get(&(kind.to_owned(), id.to_owned()))?;
            Some(if written.contains('/') { format!("{kind}/{other}") } else { other.clone() })
        };
        let mut pairs = self.pairs.clone();
        for (_, value) in pairs.iter_mut().filter(|(name, _)| stem(name) == "patient") {
            let listed: Vec<String> =
                value.split(',').map(|one| other(one).unwrap_or_else(|| one.to_owned())).collect();
            *value = listed.join(",");
        }
        encoded(&pairs)
    }

    /// The same parameters for whole resources; one that wants their number alone still does.
    #[must_use]
    pub fn undetailed(&self) -> Self {
        let mut whole = self.clone();
        if self.detail() == Detail::Part {
            whole.pairs.retain(|(name, _)| !matches!(stem(name), "_elements" | "_summary"));
        }
        whole
    }

    /// The last value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// How many matches the client wants at a time.
    pub fn count(&self) -> Option<usize> {
        self.get("_count").and_then(|count| count.parse().ok())
    }

    /// How many matches the client wants to pass over.
    pub fn offset(&self) -> usize {
        self.get("_offset").and_then(|offset| offset.parse().ok()).unwrap_or(0)
    }

    /// Whether the client asks how many matches there are.
    pub fn wants_total(&self) -> bool {
        self.detail() == Detail::Count
            || matches!(self.get("_total"), Some("accurate" | "estimate"))
            || self.get("_totalMethod").is_some()
    }

    /// Whether the client wants no number at all.
    pub fn wants_no_total(&self) -> bool {
        self.get("_total") == Some("none")
    }

    /// How much the client wants to see.
    pub fn detail(&self) -> Detail {
        if self.get("_summary") == Some("count") || self.count() == Some(0) {
            return Detail::Count;
        }
        let part = matches!(self.get("_summary"), Some("true" | "text" | "data"));
        if part || self.get("_elements").is_some() { Detail::Part } else { Detail::Full }
    }

    /// Whether resources come that match nothing.
    pub fn includes(&self) -> bool {
        self.pairs.iter().any(|(name, _)| matches!(stem(name), "_include" | "_revinclude"))
    }

    /// The query that finds the same, whole, and from the beginning.
    ///
    /// Shape:  how many at a time, or as many as the server likes.
    pub fn whole(&self, count: Option<usize>) -> String {
        let mut kept: Vec<(String, String)> =
            self.pairs.iter().filter(|(name, _)| !SHAPE.contains(&stem(name))).cloned().collect();
        kept.extend(count.map(|count| ("_count".to_owned(), count.to_string())));
        encoded(&kept)
    }

    /// The query that shows these resources in the detail that the client asked for.
    pub fn detailed(&self, ids: &[&str]) -> String {
        let mut kept: Vec<(String, String)> = self
            .pairs
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "_elements" | "_summary"))
            .cloned()
            .collect();
        kept.push(("_id".to_owned(), ids.join(",")));
        kept.push(("_count".to_owned(), ids.len().to_string()));
        encoded(&kept)
    }

    /// The same question, and that what it finds is one of these.
    ///
    /// Shape:  ids that it asks for itself are replaced: servers differ in whether two lists of ids are both heeded.
    #[must_use]
    pub fn only(&self, ids: &[&str]) -> Self {
        let mut pairs: Vec<(String, String)> =
            self.pairs.iter().filter(|(name, _)| name != "_id").cloned().collect();
        pairs.push(("_id".to_owned(), ids.join(",")));
        Self { pairs }
    }

    /// The parameters as a query string, in one spelling: what is looked up is what is asked.
    pub fn to_text(&self) -> String {
        encoded(&self.pairs)
    }

    /// The parameters without escapes, as servers say them in errors.
    pub fn decoded(&self) -> String {
        let pairs: Vec<String> = self.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// Whether a question mark stands in a parameter's name, so that a server could read another search.
    pub fn is_ambiguous(&self) -> bool {
        self.pairs.iter().any(|(name, _)| name.contains(['?', '#', '/']))
    }

    /// The parameters as a query string, with some left out.
    pub fn without(&self, names: &[&str]) -> String {
        encoded(
            &self
                .pairs
                .iter()
                .filter(|(name, _)| !names.contains(&name.as_str()))
                .cloned()
                .collect::<Vec<_>>(),
        )
    }
}

/// The query that finds resources by their ids.
pub fn by_ids(ids: &[&str]) -> String {
    encoded(&[("_id".to_owned(), ids.join(",")), ("_count".to_owned(), ids.len().to_string())])
}

fn closed(name: &str, value: &str) -> Option<&'static str> {
    if name == "_has" || name.starts_with("_has:") {
        return Some(
            "`_has` asks about resources that could be hidden; search for those and read what they point at",
        );
    }
    let bare = stem(name);
    if name.contains('.') {
        return Some(
            "a chained parameter asks about resources that could be hidden; search for those first, then by their ids",
        );
    }
    match bare {
        "_filter" | "_query" | "_list" | "_graph" => Some(
            "`_filter`, `_query` and `_list` ask about resources that could be hidden; use parameters of the resource itself",
        ),
        "_contained" if value != "false" => {
            Some("contained resources are not shown without what contains them")
        }
        "_sort" if value.contains('.') => Some("results cannot be sorted by resources that could be hidden"),
        "_typeFilter" if value.contains('.') || value.contains("_has") => {
            Some("an export cannot be chosen by resources that could be hidden")
        }
        _ if SHAPE.contains(&bare) || OWN.contains(&bare) => None,
        _ if bare.starts_with('_') || PLACES.contains(&bare.to_ascii_lowercase().as_str()) => Some(
            "this parameter is not one that can be isolated; pages are those of the `next` links that this address gives",
        ),
        _ => None,
    }
}

/// Why a parameter cannot stand in an export whose files are judged line by line.
fn export_closed(name: &str, value: &str) -> Option<&'static str> {
    let is_part = |text: &str| text.contains("_elements") || text.contains("_summary");
    // Some servers read several filters in one, with commas between them.
    let filters = || {
        let any =
            |filter: &str| pairs(filter).is_none_or(|inner| inner.iter().any(|(name, _)| is_part(name)));
        value.split(',').any(any)
    };
    match stem(name) {
        "_elements" | "_summary" => Some("an export is of whole resources: a part of one has no mark"),
        "_typeFilter" if filters() => Some("an export is of whole resources, also by its filters"),
        _ => None,
    }
}

/// The type and the id of a patient as an export names one: by a reference, or by the id alone.
fn patient(written: &str) -> Option<(&str, &str)> {
    referenced(written).or_else(|| is_id(written).then_some(("Patient", written)))
}

/// A parameter's name without its modifier.
fn stem(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

fn encoded(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/$,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
}

/// The type and the id that a reference names, if it is one to a resource of a server: `Patient/17`,
/// `https://…/Patient/17`, also with a version.
pub fn referenced(reference: &str) -> Option<(&str, &str)> {
    let path = reference.split(['#', '?']).next().unwrap_or_default();
    let path = path.split_once("/_history/").map_or(path, |(path, _)| path);
    let (before, id) = path.rsplit_once('/')?;
    let kind = before.rsplit('/').next()?;
    (is_type_name(kind) && is_id(id)).then_some((kind, id))
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({} parameters)", self.pairs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    #[test]
    fn what_asks_about_other_resources_is_closed() {
        for open in [
            "name=a&birthdate=ge1980&_id=1,2",
            "subject:Patient=1&code:not=http%3A%2F%2Floinc.org|8480-6",
            "_sort=-date&_include=Observation:subject&_revinclude:iterate=Provenance:target",
            "_summary=count&_total=accurate&_count=3&_offset=2&_elements=name",
            "_source=x&_lastUpdated=gt2020&_text=a&_content=b&_security:not=s|HTEST&_contained=false",
        ] {
            assert_eq!(query(open).closed(), None, "{open}");
        }
        for closed in [
            "_has:Observation:patient:code=1",
            "subject:Patient.name=a",
            "subject.name=a",
            "_filter=name eq a",
            "_query=x",
            "_list=1",
            "_contained=true",
            "_sort=subject.name",
            "_getpages=1&_getpagesoffset=2",
            "page=2",
            "PageToken=2",
            "_unheard=1",
        ] {
            assert!(query(closed).closed().is_some(), "{closed}");
        }
    }

    #[test]
    fn the_server_is_asked_for_all_of_it() {
        let asked = query("name=a%26b&_summary=count&_count=3&_elements=name&_total=accurate&_offset=4");
        assert_eq!(asked.whole(Some(50)), "name=a%26b&_count=50");
        assert_eq!(asked.whole(None), "name=a%26b");
        assert_eq!((asked.count(), asked.offset(), asked.detail()), (Some(3), 4, Detail::Count));
        assert!(asked.wants_total());
        let part = query("_elements=name&code=s|c");
        assert_eq!(part.detail(), Detail::Part);
        assert_eq!(part.detailed(&["1", "2"]), "_elements=name&_id=1,2&_count=2");
        assert_eq!(part.whole(None), "code=s%7Cc");
        assert_eq!(query("_count=0").detail(), Detail::Count);
        let only = |text: &str| query(text).only(&["7"]).to_text();
        assert_eq!(only("name=a&_sort=b&_count=2"), "name=a&_sort=b&_count=2&_id=7");
        assert_eq!(only("_id=7,8&name=a"), "name=a&_id=7");
        assert_eq!(query("name=s%7Ca%3F").to_text(), "name=s%7Ca%3F");
        assert_eq!(query("name=s%7Ca%3F").decoded(), "name=s|a?");
        assert!(query("name=a&x?_id=1").is_ambiguous() && !query("name=a?").is_ambiguous());
        assert_eq!(query("a=1&_b=2&a=3").without(&["_b"]), "a=1&a=3");
    }

    #[test]
    fn an_export_is_of_whole_resources() {
        for open in ["_type=Patient&_since=2020", "_typeFilter=Observation?code=a%2526b", "patient=Patient/1"]
        {
            assert_eq!(query(open).export_closed(), None, "{open}");
        }
        for closed in [
            "_elements=birthDate",
            "_summary=true",
            "_elements:x=name",
            "_typeFilter=Patient?_elements=name",
            "_typeFilter=Patient%3Factive=true%26%255Felements=name",
            "_typeFilter=Patient?active=true,Observation?_elements=code",
            "_has:Observation:patient:code=1",
        ] {
            assert!(query(closed).export_closed().is_some(), "{closed}");
        }
    }

    #[test]
    fn an_export_of_some_patients_names_others_in_their_place() {
        let asked = query("_type=Patient&patient=Patient/1,2&patient=http://up/fhir/Patient/3");
        assert_eq!(asked.patients(), [("Patient", "1"), ("Patient", "2"), ("Patient", "3")]);
        let other = |id: &str, other: &str| (("Patient".to_owned(), id.to_owned()), other.to_owned());
        let others = BTreeMap::from([other("2", "a"), other("3", "b")]);
        assert_eq!(asked.with_patients(&others), "_type=Patient&patient=Patient/1,a&patient=Patient/b");
    }

    #[test]
    fn a_query_for_whole_resources_keeps_all_else() {
        assert_eq!(query("_elements=code&_count=2&_since=2020").undetailed(), query("_count=2&_since=2020"));
        assert_eq!(query("_summary=data").undetailed(), query(""));
        assert_eq!(query("_summary=count").undetailed(), query("_summary=count"));
    }

    #[test]
    fn references_name_a_type_and_an_id() {
        for (reference, want) in [
            ("Patient/17", Some(("Patient", "17"))),
            ("https://ehr.example.org/fhir/Patient/17/_history/2", Some(("Patient", "17"))),
            ("Patient/17#name", Some(("Patient", "17"))),
            ("urn:uuid:0", None),
            ("#inner", None),
            ("Patient?identifier=a", None),
        ] {
            assert_eq!(referenced(reference), want, "{reference}");
        }
    }
}
