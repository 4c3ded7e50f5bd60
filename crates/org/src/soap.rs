//! SOAP: partner and enterprise calls on records, deployments of metadata, anonymous Apex.
//!
//! Source: Salesforce, "SOAP API Developer Guide", and its partner and enterprise WSDL.

mod apex;
mod convert;
mod describe;
mod login;
mod metadata;
mod query;
pub(crate) mod record;
mod save;

use crate::call::{Call, Reply};
use crate::datetime;
use crate::failure::Failure;
use crate::rest::limits::REQUESTS_MAX;
use crate::state::Visit;
use crate::xml::{self, Element, escape};
use record::Dialect;

/// Which of the doors was asked, and what the envelope's header says.
#[derive(Debug, Clone, Copy)]
struct Asked {
    dialect: Dialect,
    all_or_none: bool,
    /// Rows a page, if said.
    batch_size: Option<usize>,
}

/// A refusal of a whole call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    code: String,
    message: String,
    /// `sf` for the platform's own, `soapenv` for what is not a call at all.
    prefix: &'static str,
}

/// Answers `/services/Soap/{u,c,m,s}/NN`; `kind` is that letter.
pub(crate) fn answer(visit: &mut Visit<'_>, call: &Call, kind: &str, version: &str) -> Reply {
    let number = version.strip_suffix(".0").unwrap_or(version);
    visit.version = format!("v{number}.0");
    let dialect = if kind == "c" { Dialect::Enterprise } else { Dialect::Partner };
    match dispatch(visit, call, kind, dialect) {
        Ok(reply) => reply,
        Err(fault) => fault.reply(dialect),
    }
}

fn dispatch(visit: &mut Visit<'_>, call: &Call, kind: &str, dialect: Dialect) -> Result<Reply, Fault> {
    let text = std::str::from_utf8(&call.body).map_err(|_| Fault::client("the envelope is not UTF-8"))?;
    let envelope_read = xml::read(text).map_err(|error| Fault::client(&error.message))?;
    let header = envelope_read.child("Header");
    let body = envelope_read.child("Body").and_then(|body| body.children.first());
    let body = body.ok_or_else(|| Fault::client("the envelope has no body"))?;
    let asked = Asked::read(dialect, header);
    if body.name == "login" && matches!(kind, "u" | "c") {
        let answer = login::login(visit, call, asked, body)?;
        return Ok(asked.reply(visit, &answer));
    }
    let session = header.and_then(|header| header.find("sessionId")).map(|id| id.text.trim().to_owned());
    let user = session.as_deref().and_then(|session| visit.state.access.session(session, visit.now_ms));
    visit.user = user.ok_or_else(|| {
        let message = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash";
        Fault::new("INVALID_SESSION_ID", message)
    })?;
    if !visit.enters() {
        return Err(Fault::new("INVALID_SESSION_ID", "the user is not active"));
    }
    visit.state.requests += 1;
    match kind {
        "m" => return metadata::answer(visit, body),
        "s" => return apex::answer(visit, body),
        _ => {}
    }
    if body.name == "logout" {
        visit.state.access.close(session.as_deref().unwrap_or(""));
        return Ok(asked.reply(visit, "<logoutResponse/>"));
    }
    let answer = operation(visit, asked, body)?;
    Ok(asked.reply(visit, &answer))
}

/// The operations of the partner and enterprise doors: each gives its response element.
fn operation(visit: &mut Visit<'_>, asked: Asked, body: &Element) -> Result<String, Fault> {
    match body.name.as_str() {
        "create" | "update" | "upsert" | "delete" | "undelete" => save::answer(visit, asked, body),
        "merge" => save::merge(visit, asked, body),
        "convertLead" => convert::answer(visit, asked, body),
        "describeTabs" => Ok(describe::tabs(visit)),
        "emptyRecycleBin" => save::empty_recycle_bin(visit, body),
        "query" | "queryAll" => query::start(visit, asked, body),
        "queryMore" => query::more(visit, asked, body),
        "search" => query::search(visit, asked, body),
        "retrieve" => query::retrieve(visit, asked, body),
        "describeSObject" | "describeSObjects" => describe::objects(visit, body),
        "describeGlobal" => Ok(describe::global(visit)),
        "getUpdated" | "getDeleted" => describe::changed(visit, body),
        "getUserInfo" => Ok(result("getUserInfo", &login::user_info(visit))),
        "getServerTimestamp" => {
            Ok(result("getServerTimestamp", &format!("<timestamp>{}</timestamp>", moment(visit.now_ms))))
        }
        name => Err(Fault::no_such_operation(asked.namespace(), name)),
    }
}

/// A moment as XML Schema spells it.
fn moment(ms: i64) -> String {
    let rest = datetime::spell_date_time(ms);
    rest.strip_suffix("+0000").map_or_else(|| rest.clone(), |moment| format!("{moment}Z"))
}

/// `<xResponse><result>…</result></xResponse>`.
fn result(operation: &str, inner: &str) -> String {
    format!("<{operation}Response><result>{inner}</result></{operation}Response>")
}

impl Asked {
    fn read(dialect: Dialect, header: Option<&Element>) -> Self {
        let option = |name: &str| header.and_then(|header| header.find(name)).map(|found| found.text.trim());
        Self {
            dialect,
            all_or_none: matches!(option("allOrNone"), Some("true" | "1")),
            batch_size: option("batchSize").and_then(|text| text.parse().ok()),
        }
    }

    fn letter(self) -> &'static str {
        if self.dialect == Dialect::Enterprise { "c" } else { "u" }
    }

    fn namespace(self) -> &'static str {
        if self.dialect == Dialect::Enterprise { ENTERPRISE } else { PARTNER }
    }

    fn reply(self, visit: &Visit<'_>, inner: &str) -> Reply {
        let header = format!(
            "<soapenv:Header><LimitInfoHeader><limitInfo><current>{}</current><limit>{REQUESTS_MAX}</limit>\
             <type>API REQUESTS</type></limitInfo></LimitInfoHeader></soapenv:Header>",
            visit.state.requests
        );
        envelope(self.namespace(), &header, inner)
    }
}

impl Fault {
    fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), prefix: "sf" }
    }

    /// What is not a call at all.
    fn client(message: &str) -> Self {
        Self { code: "Client".into(), message: message.to_owned(), prefix: "soapenv" }
    }

    fn no_such_operation(namespace: &str, name: &str) -> Self {
        Self::client(&format!("Element {{{namespace}}}{name} invalid at this location"))
    }

    /// HTTP 500, code and message in the platform's own elements.
    fn reply(&self, dialect: Dialect) -> Reply {
        let Self { code, message, prefix } = self;
        let message = escape(message);
        let space = if dialect == Dialect::Enterprise { "enterprise" } else { "partner" };
        let inner = if *prefix == "sf" {
            let kind = self.kind();
            let place = self.place().map_or_else(String::new, |(row, column)| {
                format!("<sf:row>{row}</sf:row><sf:column>{column}</sf:column>")
            });
            format!(
                "<faultstring>{code}: {message}</faultstring><detail><sf:{kind} xsi:type=\"sf:{kind}\">\
                 <sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{message}</sf:exceptionMessage>{place}\
                 </sf:{kind}></detail>"
            )
        } else {
            format!("<faultstring>{message}</faultstring>")
        };
        let text = format!(
            "{DECLARATION}<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:sf=\"urn:fault.{space}.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
             <soapenv:Fault><faultcode>{prefix}:{code}</faultcode>{inner}</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
        );
        Reply::raw(500, "text/xml;charset=UTF-8", text)
    }

    /// The type of fault that the WSDL has for a code.
    fn kind(&self) -> &'static str {
        match self.code.as_str() {
            "INVALID_LOGIN" => "LoginFault",
            "MALFORMED_QUERY" => "MalformedQueryFault",
            "MALFORMED_SEARCH" => "MalformedSearchFault",
            "INVALID_FIELD" => "InvalidFieldFault",
            "INVALID_TYPE" => "InvalidSObjectFault",
            "INVALID_QUERY_LOCATOR" => "InvalidQueryLocatorFault",
            "MALFORMED_ID" | "INVALID_ID_FIELD" => "InvalidIdFault",
            _ => "UnexpectedErrorFault",
        }
    }

    /// Where in a query it went wrong; faults of queries always say, if only `-1`.
    fn place(&self) -> Option<(i64, i64)> {
        if !matches!(self.kind(), "MalformedQueryFault" | "InvalidFieldFault" | "InvalidSObjectFault") {
            return None;
        }
        let found = self.message.split_once("ERROR at Row:").and_then(|(_, rest)| {
            let (row, rest) = rest.split_once(":Column:")?;
            Some((row.parse().ok()?, rest.lines().next()?.trim().parse().ok()?))
        });
        Some(found.unwrap_or((-1, -1)))
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, &failure.message)
    }
}

fn envelope(namespace: &str, header: &str, body: &str) -> Reply {
    let sobject = namespace.replace("urn:", "urn:sobject.");
    let text = format!(
        "{DECLARATION}<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"{namespace}\" \
         xmlns:sf=\"{sobject}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{header}<soapenv:Body>{body}</soapenv:Body>\
         </soapenv:Envelope>"
    );
    Reply::raw(200, "text/xml;charset=UTF-8", text)
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
const PARTNER: &str = "urn:partner.soap.sforce.com";
const ENTERPRISE: &str = "urn:enterprise.soap.sforce.com";
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
