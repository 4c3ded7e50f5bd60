//! The SOAP endpoints: which call it is stands in the body, and only reads, logins and deployments are let through.

use quick_xml::{Reader, events::Event};

use super::door::Route;
use crate::{Door, route::Target};

/// Looks into the body of a request that [`super::route`] called unknown.
///
/// Shape:  method, target and body -> [`Door::Open`] for a SOAP envelope with one call that reads, logs in or deploys
///         metadata; else [`Door::Unknown`].
/// Bounds: linear in the body; nothing is kept.
/// Never:  opens a call by its `SOAPAction`, which servers ignore, nor a body with a document type.
/// Source: spec/carriers.md section 2.6.
pub fn route_by_body(method: &str, target: &str, body: &[u8]) -> Door<Route> {
    let open = method.eq_ignore_ascii_case("POST")
        && Target::parse(target).is_some_and(|target| opens(&target, body).unwrap_or(false));
    if open { Door::Open } else { Door::Unknown }
}

/// Whether a body is the SOAP login that clients send before they have a session.
pub fn soap_is_login(body: &[u8]) -> bool {
    call(body).as_deref() == Some("login")
}

fn opens(target: &Target, body: &[u8]) -> Option<bool> {
    let lower: Vec<String> = target.segments().iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let start = lower.iter().position(|segment| segment == "services")?;
    if lower.get(start + 1)? != "soap" {
        return None;
    }
    let open: &[&[&str]] = match lower.get(start + 2)?.as_str() {
        "u" | "c" | "t" | "s" => &[&READS],
        "m" => &[&METADATA],
        _ => return None,
    };
    let call = call(body)?;
    Some(open.iter().any(|calls| calls.contains(&call.as_str())))
}

const READS: [&str; 22] = [
    "login",
    "logout",
    "describeDataCategoryGroups",
    "describeDataCategoryGroupStructures",
    "describeGlobal",
    "describeGlobalTheme",
    "describeLayout",
    "describeSObject",
    "describeSObjects",
    "describeSoftphoneLayout",
    "describeTabs",
    "describeTheme",
    "describeWorkitemActions",
    "getDeleted",
    "getServerTimestamp",
    "getUpdated",
    "getUserInfo",
    "query",
    "queryAll",
    "queryMore",
    "retrieve",
    "search",
];

const METADATA: [&str; 11] = [
    "cancelDeploy",
    "checkDeployStatus",
    "checkRetrieveStatus",
    "checkStatus",
    "deploy",
    "deployRecentValidation",
    "describeMetadata",
    "describeValueType",
    "listMetadata",
    "readMetadata",
    "retrieve",
];

/// The local name of the only element in the envelope's body; `None` if there is none, or more than one.
fn call(body: &[u8]) -> Option<String> {
    let mut reader = Reader::from_reader(body);
    let mut path: Vec<String> = Vec::new();
    let (mut found, mut rooted) = (None, false);
    loop {
        let (start, empty) = match reader.read_event().ok()? {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                path.pop();
                continue;
            }
            Event::Eof => return found.filter(|_| path.is_empty()),
            Event::DocType(_) => return None,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::GeneralRef(_) => continue,
        };
        let name = start.local_name().as_ref().to_owned();
        let at: Vec<&str> = path.iter().map(String::as_str).collect();
        match at.as_slice() {
            [] if name != "Envelope" || rooted => return None,
            [] => rooted = true,
            ["Envelope"] if name != "Header" && name != "Body" => return None,
            ["Envelope", "Body"] if found.is_some() => return None,
            ["Envelope", "Body"] => found = Some(name.clone()),
            _ => {}
        }
        if !empty {
            if path.len() >= DEPTH_MAX {
                return None;
            }
            path.push(name);
        }
    }
}

const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope(body: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
            xmlns:urn="urn:partner.soap.sforce.com"><soapenv:Header><urn:SessionHeader/></soapenv:Header>
            <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"#
        )
    }

    fn check(target: &str, body: &str, want: &Door<Route>) {
        assert_eq!(&route_by_body("POST", target, body.as_bytes()), want, "{target} {body}");
    }

    #[test]
    fn only_reads_logins_and_deployments_are_open() {
        let check_call = |target: &str, call: &str, want| check(target, &envelope(call), want);
        check_call(
            "/services/Soap/u/67.0",
            "<urn:login><urn:username>a</urn:username></urn:login>",
            &Door::Open,
        );
        check_call("/d.salesforce.com/services/Soap/u/59.0", "<login/>", &Door::Open);
        check_call("/services/Soap/c/67.0/00D", "<urn:query/>", &Door::Open);
        check_call("//services/soap/U/67.0", "<urn:queryMore/>", &Door::Open);
        check_call("/services/Soap/m/67.0", "<deploy><ZipFile>UEs=</ZipFile></deploy>", &Door::Open);
        check_call("/services/Soap/m/67.0", "<checkDeployStatus/>", &Door::Open);
        check_call("/services/Soap/u/67.0", "<urn:create/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<urn:upsert/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<deploy/>", &Door::Unknown);
        check_call("/services/Soap/s/67.0", "<executeAnonymous/>", &Door::Unknown);
        check_call("/services/Soap/class/Mine", "<query/>", &Door::Unknown);
        check_call("/services/data/v67.0/sobjects/Contact", "<login/>", &Door::Unknown);
    }

    #[test]
    fn an_envelope_with_two_readings_is_unknown() {
        let target = "/services/Soap/u/67.0";
        check(target, &envelope("<login/><create/>"), &Door::Unknown);
        check(target, &envelope(""), &Door::Unknown);
        check(target, &envelope("<login>"), &Door::Unknown);
        check(target, "<login/>", &Door::Unknown);
        check(target, "<Envelope><Body><login/></Body><Body><create/></Body></Envelope>", &Door::Unknown);
        check(target, "<Envelope><Body><login/></Body></Envelope><Envelope/>", &Door::Unknown);
        check(
            target,
            "<!DOCTYPE a [<!ENTITY b 'c'>]><Envelope><Body><login/></Body></Envelope>",
            &Door::Unknown,
        );
        check(target, "", &Door::Unknown);
        check(target, &format!("{}<login/>", "<Envelope>".repeat(100)), &Door::Unknown);
        assert!(soap_is_login(envelope("<urn:login/>").as_bytes()));
        assert!(!soap_is_login(envelope("<urn:query/>").as_bytes()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_open_or_unknown(body in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert_eq!(route_by_body("POST", "/services/Soap/u/67.0", &body), Door::Unknown);
        }
    }
}
