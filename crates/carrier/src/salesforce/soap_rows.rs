//! The rows of a SOAP call: read, taken out where they are refused, and put back into the answer as results.

use std::{collections::BTreeMap, fmt::Write as _, ops::Range};

use mark::{Place, Reading, Unreadable};

use super::{
    fate::{ROLLED_BACK, UNBOUNDED},
    record::shape,
    soap::{Call, ENVELOPE, Edition, Soap, walk},
    span::{Edit, edited},
    xml_row::{Dialect, is_known, row},
};
use crate::{
    Answer, Limits, Readings, Refusal, Unit,
    xml::{Element, Tag, XSI, Xml, escaped},
};

/// Reads the rows of a call.
///
/// A call that removes or asks has no records.
///
/// Bounds: `limits`, and those of the XML reader.
/// Source: spec/carriers.md section 2.6.
pub(super) fn read<'a>(route: Soap, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    match rows(route, body, limits) {
        Ok(rows) => Readings {
            unit: if rows.is_whole { Unit::Whole } else { Unit::PerRecord },
            records: rows.list.into_iter().map(|row| row.reading).collect(),
        },
        Err(reason) => Readings { unit: Unit::Whole, records: vec![super::plan::unreadable("body", reason)] },
    }
}

/// The rows of one call.
#[derive(Default)]
struct Rows<'a> {
    list: Vec<Row<'a>>,
    /// Whether one refused row refuses all.
    is_whole: bool,
}

struct Row<'a> {
    reading: Reading<'a>,
    /// The element to be taken out.
    at: Range<usize>,
}

fn rows<'a>(route: Soap, body: &'a [u8], limits: &Limits) -> Result<Rows<'a>, Unreadable> {
    if body.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let mut rows = Rows::default();
    let mut all_or_none = false;
    walk(
        body,
        |header| {
            all_or_none |= is_all_or_none(&header);
            Ok(())
        },
        |xml, call| match route.call {
            Call::Create | Call::Update | Call::Upsert => written(route, xml, call, limits, &mut rows.list),
            Call::Merge => merged_rows(route, xml, call, limits, &mut rows.list),
            Call::Delete | Call::Undelete | Call::EmptyRecycleBin | Call::Query => {
                xml.element(call.clone()).map(drop)
            }
        },
    )?;
    rows.is_whole = all_or_none || route.call == Call::Merge || rows.list.is_empty();
    Ok(rows)
}

/// Whether a header's element says that all or nothing is to be written. What is not understood is the stricter.
fn is_all_or_none(header: &Element<'_>) -> bool {
    let says_no = |flag: &Element<'_>| {
        flag.children.is_empty() && matches!(flag.text.trim().to_ascii_lowercase().as_str(), "false" | "0")
    };
    header.name.local.eq_ignore_ascii_case("AllOrNoneHeader")
        && !(header.children.len() == 1 && header.children.iter().all(says_no))
}

/// The rows of `create`, `update` and `upsert`.
fn written<'a>(
    route: Soap,
    xml: &mut Xml<'a>,
    call: &Tag<'a>,
    limits: &Limits,
    rows: &mut Vec<Row<'a>>,
) -> Result<(), Unreadable> {
    let mut has_key = false;
    while let Some(tag) = xml.child(call)? {
        if !is_known(&tag.name) {
            return Err(shape("has an argument in a namespace that is not Salesforce's"));
        }
        match tag.name.local {
            "sObjects" => one(route, xml, tag, "sObjects", limits, rows)?,
            "externalIDFieldName" if route.call == Call::Upsert && !has_key => {
                has_key = true;
                xml.element(tag)?;
            }
            _ => return Err(shape("has an argument that is not read here")),
        }
    }
    Ok(())
}

/// The row that stays, of each request of a `merge`. The WSDL says `request`; jsforce writes `mergeRequests`.
fn merged_rows<'a>(
    route: Soap,
    xml: &mut Xml<'a>,
    call: &Tag<'a>,
    limits: &Limits,
    rows: &mut Vec<Row<'a>>,
) -> Result<(), Unreadable> {
    while let Some(request) = xml.child(call)? {
        if !matches!(request.name.local, "request" | "mergeRequests") || !is_known(&request.name) {
            return Err(shape("has an argument that is not read here"));
        }
        while let Some(tag) = xml.child(&request)? {
            match tag.name.local {
                "masterRecord" if is_known(&tag.name) => {
                    one(route, xml, tag, "masterRecord", limits, rows)?;
                }
                "recordToMergeIds" if is_known(&tag.name) => {
                    let id = xml.element(tag)?;
                    if !id.children.is_empty() {
                        return Err(shape("has an argument that is not read here"));
                    }
                }
                _ => return Err(shape("has an argument that is not read here")),
            }
        }
    }
    Ok(())
}

fn one<'a>(
    route: Soap,
    xml: &mut Xml<'a>,
    tag: Tag<'a>,
    name: &str,
    limits: &Limits,
    rows: &mut Vec<Row<'a>>,
) -> Result<(), Unreadable> {
    let index = rows.len();
    if index >= limits.records {
        return Err(Unreadable::TooMany { limit: limits.records });
    }
    let named = tag.attribute(XSI, "type").and_then(|kind| xml.qualified(&tag, kind));
    let element = xml.element(tag)?;
    let at = element.span.clone();
    let content = match route.edition {
        Edition::Partner => row(Dialect::Partner, None, element),
        Edition::Enterprise => match named {
            Some((namespace, object))
                if namespace == route.edition.row_namespace() && object != "sObject" =>
            {
                row(Dialect::Enterprise, Some(&object), element)
            }
            _ => Err(shape("does not say its object in `xsi:type`")),
        },
    };
    let place = Place { index, reference: format!("{name}[{index}]") };
    rows.push(Row { reading: Reading { place, content }, at });
    Ok(())
}

/// The call without its refused rows; nothing where none is left, or none may be taken out.
pub(super) fn withhold(route: Soap, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Option<Vec<u8>> {
    let rows = rows(route, body, &UNBOUNDED).ok()?;
    let keep = |index: &usize| !refusals.contains_key(index);
    if rows.is_whole || !(0..rows.list.len()).any(|index| keep(&index)) {
        return None;
    }
    let gone = rows.list.into_iter().enumerate().filter(|(index, _)| !keep(index));
    Some(edited(body, gone.map(|(_, row)| Edit { at: row.at, with: Vec::new() }).collect()))
}

/// The org's answer with the refused rows' results at their places.
///
/// Errors: `None` where the org did not answer row by row: its answer, a fault above all, goes to the client as it is.
pub(super) fn merge(
    route: Soap,
    body: &[u8],
    answer: &[u8],
    refusals: &BTreeMap<usize, Refusal>,
) -> Option<Vec<u8>> {
    let total = rows(route, body, &UNBOUNDED).ok()?.list.len();
    let mut found = None;
    walk(
        answer,
        |_| Ok(()),
        |xml, call| {
            found = Some(xml.element(call.clone())?);
            Ok(())
        },
    )
    .ok()?;
    let response = found?;
    let is_result = |child: &Element<'_>| child.name.local == "result" && child.child("success").is_some();
    if response.name.local != response_name(route.call)?
        || !response.children.iter().all(is_result)
        || response.children.len() + refusals.len() != total
    {
        return None;
    }
    let mut answered = response.children.iter();
    let mut with = Vec::new();
    for position in 0..total {
        match refusals.get(&position) {
            Some(refusal) => with.extend_from_slice(result(route, refusal).as_bytes()),
            None => with.extend_from_slice(answer.get(answered.next()?.span.clone())?),
        }
    }
    Some(edited(answer, vec![Edit { at: response.inside.clone(), with }]))
}

/// The answer to a call of which nothing is sent on.
///
/// Shape:  a result a row where the call has results, as the org answers rows that it refuses itself; else a fault.
pub(super) fn refuse(route: Soap, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Answer {
    let nothing = || Refusal { code: String::new(), message: String::new() };
    let first = refusals.values().next().cloned().unwrap_or_else(nothing);
    let rows = rows(route, body, &UNBOUNDED).map(|rows| rows.list).unwrap_or_default();
    let Some(name) = response_name(route.call).filter(|_| !rows.is_empty()) else {
        return fault(500, &first);
    };
    let rolled_back = Refusal {
        code: ROLLED_BACK.to_owned(),
        message:
            "Record rolled back because not all records were valid and the request was using AllOrNone header"
                .to_owned(),
    };
    let mut results = String::new();
    for position in 0..rows.len() {
        results.push_str(&result(route, refusals.get(&position).unwrap_or(&rolled_back)));
    }
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns="{}" xmlns:xsi="{XSI}"><soapenv:Body><{name}>{results}</{name}></soapenv:Body></soapenv:Envelope>"#,
        route.edition.namespace(),
    );
    Answer { status: 200, content_type: CONTENT_TYPE, body: body.into_bytes() }
}

const CONTENT_TYPE: &str = "text/xml;charset=UTF-8";

/// The element of an answer that has a result for each row.
fn response_name(call: Call) -> Option<&'static str> {
    match call {
        Call::Create => Some("createResponse"),
        Call::Update => Some("updateResponse"),
        Call::Upsert => Some("upsertResponse"),
        Call::Merge | Call::Delete | Call::Undelete | Call::EmptyRecycleBin | Call::Query => None,
    }
}

/// A row's result that says why it was refused.
///
/// Clients made from the description of the API know only its own status codes and fail at any other: the code is the
/// one of a validation rule, and ours stands in front of the message.
fn result(route: Soap, refusal: &Refusal) -> String {
    let mut out = format!(r#"<result xmlns="{}" xmlns:xsi="{XSI}">"#, route.edition.namespace());
    if route.call == Call::Upsert {
        out.push_str("<created>false</created>");
    }
    let (fields, code, message) = if refusal.code == ROLLED_BACK {
        ("", ROLLED_BACK, refusal.message.clone())
    } else {
        let message = format!("{}: {}", refusal.code, refusal.message);
        ("<fields>Eosin_Mark__c</fields>", "FIELD_CUSTOM_VALIDATION_EXCEPTION", message)
    };
    let message = escaped(&message);
    // Writing to a string does not fail.
    let _written = write!(
        out,
        r#"<errors>{fields}<message>{message}</message><statusCode>{code}</statusCode></errors><id xsi:nil="true"/><success>false</success></result>"#
    );
    out
}

/// A fault for a whole call.
///
/// A refusal is a 500, as SOAP 1.1 section 6.2 wants it: toolkits take any other status for a broken connection, and
/// none repeats a `POST` by itself. The detail's code is one that the API's description has.
pub(super) fn fault(status: u16, refusal: &Refusal) -> Answer {
    let known = match refusal.code.as_str() {
        own if !own.starts_with("EOSIN_") => escaped(own),
        _ if status > 500 => "SERVER_UNAVAILABLE".into(),
        _ => "INSUFFICIENT_ACCESS".into(),
    };
    let status = status.max(500);
    let (code, message) = (escaped(&refusal.code), escaped(&refusal.message));
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="{XSI}"><soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail><sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault"><sf:exceptionCode>{known}</sf:exceptionCode><sf:exceptionMessage>{code}: {message}</sf:exceptionMessage></sf:UnexpectedErrorFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#,
    );
    Answer { status, content_type: CONTENT_TYPE, body: body.into_bytes() }
}

#[cfg(test)]
mod tests;
