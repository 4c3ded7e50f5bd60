//! The Apex API over SOAP: anonymous blocks.

use super::{DECLARATION, Fault};
use crate::apex;
use crate::call::Reply;
use crate::state::Visit;
use crate::xml::{Element, escape};

/// Answers an operation of `/services/Soap/s`.
pub(super) fn answer(visit: &mut Visit<'_>, body: &Element) -> Result<Reply, Fault> {
    if body.name != "executeAnonymous" {
        return Err(Fault::no_such_operation(APEX, &body.name));
    }
    let source =
        body.child("String").or_else(|| body.child("apexcode")).map_or("", |found| found.text.as_str());
    let outcome = apex::execute(visit, source);
    let log = outcome.debug_log(visit.version.trim_start_matches('v'));
    let text = format!(
        "{DECLARATION}<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"{APEX}\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Header><DebuggingInfo><debugLog>{}</debugLog></DebuggingInfo>\
         </soapenv:Header><soapenv:Body><executeAnonymousResponse><result>{}</result></executeAnonymousResponse></soapenv:Body>\
         </soapenv:Envelope>",
        escape(&log),
        outcome.xml(),
    );
    Ok(Reply::raw(200, "text/xml;charset=UTF-8", text))
}

const APEX: &str = "http://soap.sforce.com/2006/08/apex";
