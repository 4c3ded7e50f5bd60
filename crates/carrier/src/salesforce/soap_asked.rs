//! What a SOAP call asks to see, and the same call with another question in its place.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use mark::Unreadable;

use crate::{
    route::Target,
    span::{Edit, edited},
    xml::{Element, XSI, escaped},
};

use super::{
    door::is_name,
    id::{RecordId, words},
    named::Renamed,
    record::shape,
    soap::{Edition, endpoint, walk},
};

/// A call of the partner or the enterprise API: what it asks, and the ids that it names.
///
/// Debug shows neither: a session, a statement and an id are each a way to records.
#[derive(Clone)]
pub struct Envelope {
    /// The session that it is made in.
    pub session: SoapSession,
    /// What it asks.
    pub asks: SoapAsks,
    ids: Vec<(RecordId, String, Range<usize>)>,
    objects: BTreeMap<RecordId, String>,
    rows: BTreeSet<RecordId>,
    statement: Option<Range<usize>>,
}

/// The session of a call.
#[derive(Clone, PartialEq, Eq)]
pub enum SoapSession {
    /// It names none.
    None,
    /// This one.
    One(String),
    /// It names more than one, or one in a place where another reader finds none.
    Unclear,
}

impl std::fmt::Debug for SoapSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SoapSession")
    }
}

impl SoapSession {
    /// The same, once another header of the envelope was read.
    fn and(self, header: &Element<'_>, namespace: &str) -> Self {
        if !header.name.local.eq_ignore_ascii_case("SessionHeader") {
            return self;
        }
        let is_own = |element: &Element<'_>| element.name.namespace == namespace;
        match (self, header.children.as_slice()) {
            (Self::None, [id])
                if header.name.local == "SessionHeader"
                    && is_own(header)
                    && id.name.local == "sessionId"
                    && is_own(id)
                    && id.children.is_empty() =>
            {
                Self::One(id.text.trim().to_owned())
            }
            // As good as none: it says nothing.
            (before, []) => before,
            _ => Self::Unclear,
        }
    }
}

/// What a call asks.
#[derive(Clone, PartialEq, Eq)]
pub enum SoapAsks {
    /// The rows of this SOQL: `query`, `queryAll`.
    Query(String),
    /// The rows that this SOSL finds: `search`.
    Search(String),
    /// A further page of the query with this locator: `queryMore`.
    FurtherPage(String),
    /// Rows by their ids: `retrieve`.
    Retrieve,
    /// The ids of rows that changed or went: `getUpdated`, `getDeleted`.
    Changes,
    /// That rows are written, removed or brought back: its answer can name others.
    Writes,
    /// Anything else.
    Other,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Envelope")
    }
}

impl std::fmt::Debug for SoapAsks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SoapAsks")
    }
}

impl Envelope {
    /// Reads a call.
    ///
    /// Shape:  nothing for another endpoint, and for what is not one envelope with one call.
    /// Bounds: those of the XML reader.
    /// Source: spec/carriers.md sections 2.6 and 2.9.
    pub fn read(target: &str, body: &[u8]) -> Option<Self> {
        let target = Target::parse(target)?;
        let edition = match endpoint(&target)?.first()?.as_str() {
            "u" => Edition::Partner,
            "c" => Edition::Enterprise,
            _ => return None,
        };
        let (mut session, mut call) = (SoapSession::None, None);
        walk(
            body,
            |header| {
                let before = std::mem::replace(&mut session, SoapSession::None);
                session = before.and(&header, edition.namespace());
                Ok(())
            },
            |xml, tag| {
                call = Some(xml.element(tag.clone())?);
                Ok(())
            },
        )
        .ok()?;
        let call = call?;
        let (asks, statement) = asked(&call);
        let mut read = Self {
            session,
            asks,
            ids: Vec::new(),
            objects: BTreeMap::new(),
            rows: BTreeSet::new(),
            statement,
        };
        read.named_in(&call);
        let said = call.child("sObjectType").map(|said| said.text.trim().to_owned());
        if let Some(said) = said.filter(|said| is_name(said)) {
            let rows = read.rows.iter().map(|id| (*id, said.clone())).collect::<Vec<_>>();
            read.objects.extend(rows);
        }
        Some(read)
    }

    /// Which object it says that ids are of: of rows that name it, and of those that are asked for.
    pub fn objects(&self) -> BTreeMap<RecordId, String> {
        self.objects.clone()
    }

    /// The ids that stand where nothing but the id of a row can.
    pub fn rows(&self) -> BTreeSet<RecordId> {
        self.rows.clone()
    }

    /// Finds the ids in an element, and what is said of them.
    fn named_in(&mut self, element: &Element<'_>) {
        let text = element.text.trim();
        if let Some(id) = RecordId::parse(text) {
            self.ids.push((id, text.to_owned(), element.inside.clone()));
            if ROWS.iter().any(|row| element.name.local.eq_ignore_ascii_case(row)) {
                self.rows.insert(id);
            }
        }
        let typed = element.attribute(XSI, "type").map(|typed| typed.rsplit(':').next().unwrap_or(typed));
        let said = element.child("type").map(|said| said.text.trim()).or(typed).filter(|said| is_name(said));
        let own = element.children.iter().filter(|child| child.name.local.eq_ignore_ascii_case("Id"));
        let own = own.filter_map(|child| RecordId::parse(child.text.trim()));
        self.objects.extend(own.filter_map(|id| Some((id, said?.to_owned()))));
        for child in &element.children {
            self.named_in(child);
        }
    }

    /// The ids that it names: elements whose text is one.
    pub fn named(&self) -> BTreeSet<RecordId> {
        self.ids.iter().map(|(id, ..)| *id).collect()
    }

    /// The body that was read, with another statement.
    pub fn with_statement(&self, body: &[u8], statement: &str) -> Option<Vec<u8>> {
        let at = self.statement.clone()?;
        Some(edited(body, vec![Edit { at, with: escaped(statement).into_bytes() }]))
    }

    /// The body that was read, with other ids; nothing where nothing changes.
    pub fn renamed(&self, body: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
        let edits: Vec<Edit> = self
            .ids
            .iter()
            .filter_map(|(id, like, at)| {
                let with = renamed.get(id)?.spelled_like(like).into_bytes();
                Some(Edit { at: at.clone(), with })
            })
            .collect();
        (!edits.is_empty()).then(|| edited(body, edits))
    }
}

/// The ids that the answer to `getUpdated` or `getDeleted` lists, and where each stands.
///
/// Shape:  an element `ids`, or `deletedRecords` with an `id`, in the call's `result`.
/// Bounds: those of the XML reader; `rows_max` ids.
/// Errors: what is not one envelope with one answer, lists something that is no id, or lists more.
pub fn soap_changes(answer: &[u8], rows_max: usize) -> Result<Vec<(RecordId, Range<usize>)>, Unreadable> {
    let mut listed = Vec::new();
    walk(
        answer,
        |_| Ok(()),
        |xml, tag| {
            let whole = xml.element(tag.clone())?;
            for row in whole.children.iter().flat_map(|result| &result.children) {
                let text = match row.name.local {
                    "ids" => Some(row.text.as_ref()),
                    "deletedRecords" => Some(row.child("id").map_or("", |id| id.text.as_ref())),
                    _ => None,
                };
                let Some(text) = text else { continue };
                let id = RecordId::parse(text.trim()).ok_or_else(|| shape("lists what is no id"))?;
                listed.push((id, row.span.clone()));
            }
            Ok(())
        },
    )?;
    if listed.len() > rows_max {
        return Err(Unreadable::TooMany { limit: rows_max });
    }
    Ok(listed)
}

/// What the answer to a write tells of other rows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SoapTold {
    /// Rows that came along with a merge, or are like one that was written, and where each stands.
    pub related: Vec<(RecordId, Range<usize>)>,
    /// Ids in the words of errors, and where each stands.
    pub named: Vec<(RecordId, Range<usize>)>,
}

impl std::fmt::Debug for SoapTold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SoapTold")
    }
}

/// What the answer to a write tells of rows that the call does not name.
///
/// Bounds: those of the XML reader; `rows_max` ids of either kind.
/// Errors: what is not one envelope with one answer, or names more.
pub fn soap_told(answer: &[u8], rows_max: usize) -> Result<SoapTold, Unreadable> {
    let mut told = SoapTold::default();
    walk(
        answer,
        |_| Ok(()),
        |xml, tag| {
            tell(&xml.element(tag.clone())?, answer, &mut told);
            Ok(())
        },
    )?;
    if told.related.len().max(told.named.len()) > rows_max {
        return Err(Unreadable::TooMany { limit: rows_max });
    }
    Ok(told)
}

fn tell(element: &Element<'_>, answer: &[u8], told: &mut SoapTold) {
    match element.name.local {
        "updatedRelatedIds" => {
            let id = RecordId::parse(element.text.trim());
            told.related.extend(id.map(|id| (id, element.span.clone())));
        }
        // A record that is like one that was written, whole.
        "matchRecords" => {
            let id = id_within(element).or_else(|| RecordId::parse(NOBODY));
            told.related.extend(id.map(|id| (id, element.span.clone())));
            return;
        }
        "message" | "faultstring" | "exceptionMessage" => {
            let inside = element.inside.clone();
            let text = answer.get(inside.clone()).and_then(|text| std::str::from_utf8(text).ok());
            let found = words(text.unwrap_or_default());
            told.named.extend(found.map(|(at, id)| (id, inside.start + at.start..inside.start + at.end)));
        }
        _ => {}
    }
    for child in &element.children {
        tell(child, answer, told);
    }
}

/// The id of the row that stands in an element.
fn id_within(element: &Element<'_>) -> Option<RecordId> {
    let own = (element.name.local == "Id").then(|| RecordId::parse(element.text.trim())).flatten();
    own.or_else(|| element.children.iter().find_map(id_within))
}

/// What stands for the id of a row that has none: nobody may see it.
const NOBODY: &str = "000000000000000AAA";

/// The text with other words at these places, which must not overlap.
pub fn replaced(text: &[u8], places: Vec<(Range<usize>, &str)>) -> Vec<u8> {
    edited(text, places.into_iter().map(|(at, with)| Edit { at, with: with.as_bytes().to_vec() }).collect())
}

/// The text without what stands at these places, which must not overlap.
pub fn cut(text: &[u8], places: Vec<Range<usize>>) -> Vec<u8> {
    replaced(text, places.into_iter().map(|at| (at, "")).collect())
}

/// The locators that an answer gives for further pages.
pub fn soap_locator(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, after) = text.split_once("queryLocator>")?;
    let (locator, _) = after.split_once('<')?;
    (!locator.trim().is_empty()).then(|| locator.trim().to_owned())
}

fn asked(call: &Element<'_>) -> (SoapAsks, Option<Range<usize>>) {
    let only = |name: &str| match call.children.as_slice() {
        [one] if one.name.local == name && one.children.is_empty() => {
            Some((one.text.as_ref().to_owned(), one.inside.clone()))
        }
        _ => None,
    };
    let found = match call.name.local {
        "query" | "queryAll" => only("queryString").map(|(text, at)| (SoapAsks::Query(text), Some(at))),
        "search" => only("searchString").map(|(text, at)| (SoapAsks::Search(text), Some(at))),
        "queryMore" => {
            only("queryLocator").map(|(text, _)| (SoapAsks::FurtherPage(text.trim().to_owned()), None))
        }
        "retrieve" => Some((SoapAsks::Retrieve, None)),
        "getUpdated" | "getDeleted" => Some((SoapAsks::Changes, None)),
        "create" | "update" | "upsert" | "merge" | "delete" | "undelete" | "emptyRecycleBin" => {
            Some((SoapAsks::Writes, None))
        }
        _ => None,
    };
    found.unwrap_or((SoapAsks::Other, None))
}

/// Elements whose text is the id of a row, and nothing else.
const ROWS: [&str; 4] = ["Id", "ids", "recordToMergeIds", "sObjectId"];

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(call: &str) -> String {
        format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>00D!key</u:sessionId></u:SessionHeader></e:Header><e:Body>{call}</e:Body></e:Envelope>"#
        )
    }

    const TARGET: &str = "/services/Soap/u/65.0";

    #[test]
    fn a_statement_is_read_as_it_means_and_written_as_xml() {
        let body =
            envelope("<u:query><u:queryString>SELECT Id FROM A WHERE B &lt; 1</u:queryString></u:query>");
        let read = Envelope::read(TARGET, body.as_bytes()).unwrap();
        assert!(read.asks == SoapAsks::Query("SELECT Id FROM A WHERE B < 1".to_owned()));
        assert!(read.session == SoapSession::One("00D!key".to_owned()));
        let other = read.with_statement(body.as_bytes(), "SELECT Id FROM A WHERE B > 2").unwrap();
        let want =
            envelope("<u:query><u:queryString>SELECT Id FROM A WHERE B &gt; 2</u:queryString></u:query>");
        assert_eq!(String::from_utf8(other).unwrap(), want);
    }

    #[test]
    fn ids_are_found_however_they_are_written() {
        let body = envelope(
            "<u:retrieve><u:fieldList>Id</u:fieldList><u:ids>&#48;03000000000001</u:ids><u:ids> 003000000000002AAA\n</u:ids></u:retrieve>",
        );
        let read = Envelope::read(TARGET, body.as_bytes()).unwrap();
        assert!(read.asks == SoapAsks::Retrieve);
        let named = read.named();
        assert_eq!(named.len(), 2);
        let renamed = named.iter().enumerate().map(|(at, id)| (*id, id.absent(at))).collect();
        let other = read.renamed(body.as_bytes(), &renamed).unwrap();
        let again = Envelope::read(TARGET, &other).unwrap().named();
        assert_eq!(again.len(), 2);
        assert!(named.is_disjoint(&again));
    }

    #[test]
    fn what_could_ask_two_things_asks_for_nothing_that_is_known() {
        let two = "<u:query><u:queryString>a</u:queryString><u:queryString>b</u:queryString></u:query>";
        for call in [two, "<u:query/>", "<u:convertLead/>"] {
            let read = Envelope::read(TARGET, envelope(call).as_bytes()).unwrap();
            assert!(read.asks == SoapAsks::Other, "{call}");
        }
        let call = envelope("<u:query><u:queryString>a</u:queryString></u:query>");
        assert!(Envelope::read("/services/Soap/m/65.0", call.as_bytes()).is_none());
        assert!(Envelope::read(TARGET, b"<query/>").is_none());
    }

    #[test]
    fn ids_of_changes_are_listed_with_their_places() {
        let check = |inner: &str, want: &[&str]| {
            let answer = envelope(&format!(
                "<u:getDeletedResponse><u:result>{inner}</u:result></u:getDeletedResponse>"
            ));
            let listed = soap_changes(answer.as_bytes(), 2).unwrap();
            let shown: Vec<&str> = listed.iter().filter_map(|(_, at)| answer.get(at.clone())).collect();
            assert_eq!(shown, want);
            let without = cut(answer.as_bytes(), listed.into_iter().map(|(_, at)| at).collect());
            assert!(soap_changes(&without, 2).unwrap().is_empty());
        };
        check("<u:latestDateCovered>2026-01-01T00:00:00Z</u:latestDateCovered>", &[]);
        let one = "<u:ids>003000000000001AAA</u:ids>";
        check(&format!("{one}<u:latestDateCovered>x</u:latestDateCovered>{one}"), &[one, one]);
        let gone = "<u:deletedRecords><u:deletedDate>x</u:deletedDate><u:id>003000000000001AAA</u:id></u:deletedRecords>";
        check(gone, &[gone]);
        for inner in ["<u:ids>x</u:ids>", "<u:deletedRecords/>", &one.repeat(3)] {
            let answer = envelope(&format!("<u:r><u:result>{inner}</u:result></u:r>"));
            assert!(soap_changes(answer.as_bytes(), 2).is_err(), "{inner}");
        }
        assert!(soap_changes(b"<getUpdatedResponse/>", 2).is_err());
    }

    #[test]
    fn a_write_tells_of_rows_that_it_moves_and_names() {
        let told = |inner: &str| {
            let answer = envelope(inner);
            let told = soap_told(answer.as_bytes(), 1)?;
            let texts = |places: &[(RecordId, Range<usize>)]| -> Vec<String> {
                places.iter().filter_map(|(_, at)| answer.get(at.clone()).map(str::to_owned)).collect()
            };
            Ok::<_, Unreadable>((texts(&told.related), texts(&told.named)))
        };
        let merged = "<u:mergeResponse><u:result><u:id>003000000000001AAA</u:id><u:updatedRelatedIds>500000000000001AAA</u:updatedRelatedIds></u:result></u:mergeResponse>";
        let moved = "<u:updatedRelatedIds>500000000000001AAA</u:updatedRelatedIds>";
        assert_eq!(told(merged).unwrap(), (vec![moved.to_owned()], vec![]));
        let like = "<u:matchRecords><u:matchConfidence>85.0</u:matchConfidence><u:record><u:Id>003000000000002AAA</u:Id><u:LastName>Zzyzx</u:LastName></u:record></u:matchRecords>";
        let nameless = "<u:matchRecords><u:record><u:LastName>Zzyzx</u:LastName></u:record></u:matchRecords>";
        let alike =
            format!("<u:createResponse><u:result><u:errors>{like}</u:errors></u:result></u:createResponse>");
        assert_eq!(told(&alike).unwrap(), (vec![like.to_owned()], vec![]));
        assert_eq!(told(&alike.replace(like, nameless)).unwrap(), (vec![nameless.to_owned()], vec![]));
        let failed = "<u:createResponse><u:result><u:errors><u:message>X duplicates value on record with id: 003000000000001AAA</u:message></u:errors></u:result></u:createResponse>";
        assert_eq!(told(failed).unwrap(), (vec![], vec!["003000000000001AAA".to_owned()]));
        assert!(
            told("<u:createResponse><u:result><u:id>003000000000001AAA</u:id></u:result></u:createResponse>")
                .unwrap()
                == (vec![], vec![])
        );
        assert!(told(&format!("<u:mergeResponse>{moved}{moved}</u:mergeResponse>")).is_err());
        assert!(soap_told(b"{}", 1).is_err());
        let write = Envelope::read(TARGET, envelope("<u:merge/>").as_bytes()).unwrap();
        assert!(write.asks == SoapAsks::Writes);
    }

    #[test]
    fn a_call_is_made_in_one_session_or_in_none_that_is_known() {
        let check = |headers: &str, want: &SoapSession| {
            let body = format!(
                r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com" xmlns:x="urn:other"><e:Header>{headers}</e:Header><e:Body><u:retrieve/></e:Body></e:Envelope>"#
            );
            assert!(Envelope::read(TARGET, body.as_bytes()).unwrap().session == *want, "{headers}");
        };
        let header = |prefix: &str, id: &str| {
            format!(
                "<{prefix}:SessionHeader><{prefix}:sessionId>{id}</{prefix}:sessionId></{prefix}:SessionHeader>"
            )
        };
        let one = SoapSession::One("a".to_owned());
        check("", &SoapSession::None);
        check("<u:SessionHeader/>", &SoapSession::None);
        check("<u:CallOptions><u:client>x</u:client></u:CallOptions>", &SoapSession::None);
        check(&header("u", "a"), &one);
        check(&format!("<u:QueryOptions/>{}", header("u", "\n a ")), &one);
        for unclear in [
            header("u", "a") + &header("u", "b"),
            header("u", "a") + &header("x", "b"),
            header("x", "b") + &header("u", "a"),
            header("x", "a"),
            header("u", "a").replace("SessionHeader", "sessionheader"),
            "<u:SessionHeader><x:sessionId>a</x:sessionId></u:SessionHeader>".to_owned(),
            "<u:SessionHeader><u:sessionId>a</u:sessionId><u:sessionId>b</u:sessionId></u:SessionHeader>"
                .to_owned(),
        ] {
            check(&unclear, &SoapSession::Unclear);
        }
    }

    #[test]
    fn a_locator_is_found_where_there_is_one() {
        let check = |answer: &str, want: Option<&str>| {
            assert_eq!(soap_locator(answer.as_bytes()).as_deref(), want, "{answer}");
        };
        check("<a><queryLocator>01g-200</queryLocator></a>", Some("01g-200"));
        check("<a><u:queryLocator>01g-200</u:queryLocator></a>", Some("01g-200"));
        check("<a><queryLocator xsi:nil=\"true\"/><b>x</b></a>", None);
    }
}
