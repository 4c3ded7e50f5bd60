//! The SOQL or SOSL that a request asks, and the same request with another statement in its place.

use std::ops::Range;

use serde_json::Value;

use crate::{
    route::Target,
    span::{self, Edit, edited},
};

use super::named::{encoded_text, pieces};

/// The statement in a target's `q`; nothing if there is none, or more than one.
pub fn statement_of(target: &str) -> Option<String> {
    let target = Target::parse(target)?;
    let mut statements = target.query("q");
    let statement = statements.next()?.to_owned();
    statements.next().is_none().then_some(statement)
}

/// Whether a target has a query parameter of this name.
pub fn has_parameter(target: &str, name: &str) -> bool {
    Target::parse(target).is_some_and(|target| target.query(name).next().is_some())
}

/// The names of a target's query parameters.
pub fn parameter_names(target: &str) -> Vec<String> {
    Target::parse(target).map(|target| target.query_names().map(str::to_owned).collect()).unwrap_or_default()
}

/// The values of a target's query parameter, and what stands before `?`.
pub fn parameters(target: &str, name: &str) -> Vec<String> {
    Target::parse(target).map(|target| target.query(name).map(str::to_owned).collect()).unwrap_or_default()
}

/// The target with another statement in its `q`.
pub fn with_statement(target: &str, statement: &str) -> String {
    let mut out = String::with_capacity(target.len() + statement.len());
    for piece in pieces(target) {
        out.push_str(piece.before);
        if piece.is_query_text {
            out.push_str(&encoded_text(statement));
        } else {
            out.push_str(piece.text);
        }
    }
    out
}

/// A target that asks a query below a version: `/services/data/v67.0/query?q=…`.
pub fn query_target(version: &str, resource: &str, statement: &str) -> String {
    format!("/services/data/{version}/{resource}?q={}", encoded_text(statement))
}

/// The version that a target names: `v67.0`; one that every org has where it names none.
pub fn version_of(target: &str) -> String {
    let segments = Target::parse(target).map(|target| target.segments().to_vec()).unwrap_or_default();
    let at = segments.iter().position(|segment| segment.eq_ignore_ascii_case("data"));
    at.and_then(|at| segments.get(at + 1))
        .filter(|version| super::door::is_version(&version.to_ascii_lowercase()))
        .map_or_else(|| "v60.0".to_owned(), |version| format!("v{}", version.trim_start_matches(['v', 'V'])))
}

/// The last segment of a path or a target: an id, a locator.
pub fn last_segment(target: &str) -> Option<String> {
    Target::parse(target)?.segments().last().cloned()
}

/// The job whose rows a target asks for: of `jobs/query/<id>/…` below a version, or of a Bulk v1 job.
///
/// Never:  a job named before `services`, where a login host may have segments of its own.
pub fn query_job(target: &str) -> Option<String> {
    let target = Target::parse(target)?;
    let start = target.segments().iter().position(|segment| segment.eq_ignore_ascii_case("services"))?;
    let below = target.segments().get(start + 1..)?;
    let is = |at: usize, word: &str| below.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(word));
    let at = match (is(0, "async") && is(2, "job"), is(0, "data") && is(2, "jobs") && is(3, "query")) {
        (true, _) => 3,
        (_, true) => 4,
        _ => return None,
    };
    below.get(at).cloned()
}

/// A row that a target names below `sobjects`, also of the Tooling API, by two words: a field and its value, or an id and what it points at.
///
/// Debug shows the object only: a value can be a person's.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedRow {
    /// The object that is named first.
    pub object: String,
    /// The field, or the id.
    pub by: String,
    /// The field's value, or what the row points by.
    pub value: String,
    /// The path of the row, in one spelling, whatever follows it.
    pub path: String,
    /// The path of the row's object.
    pub base: String,
    /// Whether something follows it.
    pub leads_on: bool,
}

impl std::fmt::Debug for NamedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NamedRow({})", self.object)
    }
}

/// The row that a target names by two words; nothing where it names none, or by its id alone.
pub fn named_row(target: &str) -> Option<NamedRow> {
    let target = Target::parse(target)?;
    let is = |at: usize, word: &str| {
        target.segments().get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(word))
    };
    let start = (0..target.segments().len()).find(|at| is(*at, "services"))?;
    let tooling = usize::from(is(start + 3, "tooling"));
    if !is(start + 1, "data") || !is(start + 3 + tooling, "sobjects") {
        return None;
    }
    let [object, by, value, rest @ ..] = target.segments().get(start + 4 + tooling..)? else { return None };
    // Each segment is one word in this form, too.
    let plain = target.to_origin_form();
    let path = plain.split('?').next()?.trim_start_matches('/').split('/').skip(start);
    let path: Vec<&str> = path.take(7 + tooling).collect();
    let to = |segments: usize| path.get(..segments).map(|path| format!("/{}", path.join("/")));
    Some(NamedRow {
        object: object.clone(),
        by: by.clone(),
        value: value.clone(),
        path: to(path.len())?,
        base: to(5 + tooling)?,
        leads_on: !rest.is_empty(),
    })
}

/// The text member of this name at the top of a JSON body; nothing where two have the name, in any case.
pub fn text_member(body: &[u8], name: &str) -> Option<String> {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).ok()?;
    told_member(body, name)
}

/// As [`text_member`], of a text that is known to be one JSON value.
pub fn told_member(body: &[u8], name: &str) -> Option<String> {
    span::unescaped(body, &only_member(body, name)?)
}

/// The body with another text as the member of this name. All else stays byte for byte.
///
/// Never:  where two members have the name, in any case: another reader could take the other one.
pub fn with_text_member(body: &[u8], name: &str, text: &str) -> Option<Vec<u8>> {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).ok()?;
    let at = only_member(body, name)?;
    Some(edited(body, vec![Edit { at, with: Value::String(text.to_owned()).to_string().into_bytes() }]))
}

/// The value of the one member that has this name.
fn only_member(body: &[u8], name: &str) -> Option<Range<usize>> {
    let members = span::members(body, &span::whole(body)?)?;
    let mut named = members.into_iter().filter_map(|member| {
        let own = span::unescaped(body, &member.name)?;
        own.eq_ignore_ascii_case(name).then_some((own, member.value))
    });
    let (own, at) = named.next()?;
    (own == name && named.next().is_none()).then_some(at)
}

/// The target with this value of a query parameter, and no other.
pub fn with_parameter(target: &str, name: &str, value: &str) -> Option<String> {
    let parsed = Target::parse(target)?;
    let path = target.split('?').next().unwrap_or(target);
    let mut out = format!("{path}?{}={}", encoded_text(name), encoded_text(value));
    for (other, value) in parsed.query_names().zip(parsed.query_values()) {
        if !other.eq_ignore_ascii_case(name) {
            out.extend(["&", &encoded_text(other), "=", &encoded_text(value)]);
        }
    }
    Some(out)
}

/// Whether a SOAP call shows rows: their shape is not filtered here.
///
/// Shape:  any element of such a call's name, wherever it stands; a body that is not text could be one.
pub fn soap_shows_rows(target: &str, body: &[u8]) -> bool {
    const SHOWING: [&str; 7] =
        ["query", "queryall", "querymore", "search", "retrieve", "getupdated", "getdeleted"];
    let lower = target.to_ascii_lowercase();
    if !lower.contains("/services/soap/") || lower.contains("/services/soap/m/") {
        return false;
    }
    let Ok(text) = std::str::from_utf8(body) else { return true };
    text.split('<').skip(1).any(|piece| {
        let end = piece.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(piece.len());
        let name = piece.get(..end).unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        SHOWING.iter().any(|showing| local.eq_ignore_ascii_case(showing))
    })
}

/// One request within another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Its method.
    pub method: String,
    /// Its target, with the path that a batch leaves out.
    pub target: String,
    /// The name by which others take something out of its answer.
    pub reference: Option<String>,
    at: Range<usize>,
    is_short: bool,
}

/// The requests in the body of a composite, graph or batch, in order; none in any other.
pub fn inner_requests(body: &[u8]) -> Vec<Inner> {
    let mut found = Vec::new();
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
        && let Some(whole) = span::whole(body)
    {
        gather(body, &whole, &mut found);
    }
    found
}

fn gather(body: &[u8], object: &Range<usize>, found: &mut Vec<Inner>) {
    for list in ["compositeRequest", "batchRequests"] {
        let items =
            span::member(body, object, list).and_then(|at| span::items(body, &at)).unwrap_or_default();
        for item in items {
            let text = |name: &str| span::member(body, &item, name).and_then(|at| span::unescaped(body, &at));
            let (Some(method), Some(url)) = (text("method"), text("url")) else { continue };
            let Some(at) = span::member(body, &item, "url") else { continue };
            let is_short = list == "batchRequests"
                && !url.trim_start_matches('/').to_ascii_lowercase().starts_with("services/");
            let target =
                if is_short { format!("/services/data/{}", url.trim_start_matches('/')) } else { url };
            found.push(Inner { method, target, reference: text("referenceId"), at, is_short });
        }
    }
    let graphs =
        span::member(body, object, "graphs").and_then(|at| span::items(body, &at)).unwrap_or_default();
    for graph in graphs {
        gather(body, &graph, found);
    }
}

/// The body with other targets for some of its inner requests.
pub fn with_inner_targets(body: &[u8], others: &[(Inner, String)]) -> Vec<u8> {
    let edits = others.iter().map(|(inner, target)| {
        let short = target.strip_prefix("/services/data/").filter(|_| inner.is_short);
        let text = Value::String(short.unwrap_or(target).to_owned());
        Edit { at: inner.at.clone(), with: text.to_string().into_bytes() }
    });
    edited(body, edits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_read_and_replaced() {
        let target = "/services/data/v67.0/query/?q=SELECT+Id%20FROM+Contact&x=a%2Fb";
        assert_eq!(statement_of(target).as_deref(), Some("SELECT Id FROM Contact"));
        let other = with_statement(target, "SELECT Id FROM Contact WHERE Name = 'a&b+c'");
        assert_eq!(statement_of(&other).as_deref(), Some("SELECT Id FROM Contact WHERE Name = 'a&b+c'"));
        assert!(
            other.starts_with("/services/data/v67.0/query/?q=") && other.ends_with("&x=a%2Fb"),
            "{other}"
        );
        for plain in ["/query?q=SELECT+Id+FROM+A+WHERE+B='c'&x=1", "/query?x=1&q==a=b", "/query?q=&x=1"] {
            let other = with_statement(plain, "SELECT Id FROM A WHERE B = 'd'");
            assert_eq!(statement_of(&other).as_deref(), Some("SELECT Id FROM A WHERE B = 'd'"), "{other}");
            assert!(has_parameter(&other, "x") == plain.contains("x=1"), "{other}");
        }
        assert_eq!(statement_of("/query?q=a&Q=b"), None);
        assert_eq!(statement_of("/query?p=a"), None);
        assert_eq!(version_of(target), "v67.0");
        assert_eq!(version_of("/x"), "v60.0");
        let job = |target: &str| query_job(target);
        assert_eq!(job("/services/data/v67.0/jobs/query/750/results").as_deref(), Some("750"));
        assert_eq!(job("/services/Async/67.0/Job/750/batch/751/result/752").as_deref(), Some("750"));
        assert_eq!(job("/query/1/services/async/67.0/job/2/batch/3/result/4").as_deref(), Some("2"));
        assert_eq!(job("/services/data/v67.0/query/750"), None);
        let body = br#"{ "operation":"query", "query" : "SELECT Id FROM Contact" }"#;
        assert_eq!(text_member(body, "query").as_deref(), Some("SELECT Id FROM Contact"));
        for twice in [r#"{"query":"a","query":"b"}"#, r#"{"query":"a","Query":"b"}"#, r#"{"Query":"a"}"#] {
            assert_eq!(text_member(twice.as_bytes(), "query"), None, "{twice}");
            assert_eq!(with_text_member(twice.as_bytes(), "query", "c"), None, "{twice}");
        }
        let paged = with_parameter("/a/b?pageSize=2&q=x%26y&PAGESIZE=3", "pageSize", "9").unwrap();
        assert_eq!(paged, "/a/b?pageSize=9&q=x%26y");
        let other = with_text_member(body, "query", "x\"y").unwrap();
        assert_eq!(String::from_utf8(other).unwrap(), r#"{ "operation":"query", "query" : "x\"y" }"#);
    }

    #[test]
    fn a_row_is_named_by_the_words_at_their_places() {
        let check = |target: &str, want: Option<(&str, &str, &str)>| {
            let row = named_row(target);
            let told = row.as_ref().map(|row| (row.object.as_str(), row.by.as_str(), row.path.as_str()));
            assert_eq!(told, want, "{target}");
        };
        let base = "/services/data/v65.0/sobjects";
        check(
            &format!("{base}/Mrn__c/Mrn__c/a%2Fb%3B?x=1"),
            Some(("Mrn__c", "Mrn__c", &format!("{base}/Mrn__c/Mrn__c/a%2Fb%3B"))),
        );
        check(
            &format!("/x/{base}/Contact//003000000000001AAA/ReportsTo/More"),
            Some(("Contact", "003000000000001AAA", &format!("{base}/Contact/003000000000001AAA/ReportsTo"))),
        );
        check(&format!("{base}/Contact/003000000000001AAA"), None);
        check("/services/data/v65.0/composite/sobjects/Contact/Ext__c/x", None);
    }

    #[test]
    fn inner_requests_are_found_and_retargeted() {
        let body = br#"{"graphs":[{"compositeRequest":[{"method":"GET","url":"/services/data/v67.0/query?q=x","referenceId":"a"}]}],"batchRequests":[{"method":"GET","url":"v67.0/limits"}]}"#;
        let inner = inner_requests(body);
        let told: Vec<(&str, &str)> =
            inner.iter().map(|one| (one.method.as_str(), one.target.as_str())).collect();
        assert_eq!(told, [("GET", "/services/data/v67.0/limits"), ("GET", "/services/data/v67.0/query?q=x")]);
        let others: Vec<_> = inner.iter().map(|one| (one.clone(), format!("{}&y", one.target))).collect();
        let after = String::from_utf8(with_inner_targets(body, &others)).unwrap();
        assert!(
            after.contains(r#""url":"/services/data/v67.0/query?q=x&y""#)
                && after.contains(r#""url":"v67.0/limits&y""#),
            "{after}"
        );
        assert!(inner_requests(b"{").is_empty() && inner_requests(b"[]").is_empty());
    }
}
