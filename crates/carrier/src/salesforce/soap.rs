//! The SOAP endpoints: which call it is stands in the body. Logins and reads go on, writes of rows are judged, and
//! every other call is a write that nobody reads.

use std::ops::Range;

use mark::Unreadable;

use super::door::Route;
use crate::{
    Action, Door,
    route::Target,
    xml::{Element, Tag, Xml, elements_named},
};

/// A call of the partner or the enterprise API that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soap {
    /// What is called.
    pub call: Call,
    /// Whose description of the API the client has.
    pub edition: Edition,
}

/// A call that writes or reads rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `create`.
    Create,
    /// `update`.
    Update,
    /// `upsert`.
    Upsert,
    /// `merge`: one row is changed, others are removed.
    Merge,
    /// `delete`: has no records to read.
    Delete,
    /// `undelete`: has no records to read.
    Undelete,
    /// `emptyRecycleBin`: has no records to read.
    EmptyRecycleBin,
    /// `query`, `queryAll`, `queryMore`, `retrieve`, `search`, `getUpdated`, `getDeleted`: has no records to write.
    Query,
}

/// Which description of the API a call follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// `/services/Soap/u/…`: one for all orgs; a row names its object in `type`.
    Partner,
    /// `/services/Soap/c/…`: an org's own; a row's object is its XML type.
    Enterprise,
}

/// What stands between the tags of the elements of these local names, in whatever case, of a body in XML.
///
/// Shape:  in order, none within another; nothing of an element that is one tag alone.
/// Errors: [`Unreadable`]: another reader could find others.
pub fn contents_of(body: &[u8], names: &[&str]) -> Result<Vec<Range<usize>>, Unreadable> {
    let found = elements_named(body, |local| names.iter().any(|name| local.eq_ignore_ascii_case(name)))?;
    let is_open = |element: &Element<'_>| element.inside.end < element.span.end;
    Ok(found.into_iter().filter(is_open).map(|element| element.inside).collect())
}

impl Soap {
    pub(super) fn action(self) -> Action {
        match self.call {
            Call::Create | Call::Upsert => Action::Create,
            Call::Update | Call::Merge | Call::Undelete => Action::Update,
            Call::Delete | Call::EmptyRecycleBin => Action::Delete,
            Call::Query => Action::Read,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self.call {
            Call::Create => "soap create",
            Call::Update => "soap update",
            Call::Upsert => "soap upsert",
            Call::Merge => "soap merge",
            Call::Delete => "soap delete",
            Call::Undelete => "soap undelete",
            Call::EmptyRecycleBin => "soap empty recycle bin",
            Call::Query => "soap query",
        }
    }
}

impl Edition {
    /// The namespace of calls and answers.
    pub(super) fn namespace(self) -> &'static str {
        match self {
            Self::Partner => "urn:partner.soap.sforce.com",
            Self::Enterprise => "urn:enterprise.soap.sforce.com",
        }
    }

    /// The namespace of rows.
    pub(super) fn row_namespace(self) -> &'static str {
        match self {
            Self::Partner => "urn:sobject.partner.soap.sforce.com",
            Self::Enterprise => "urn:sobject.enterprise.soap.sforce.com",
        }
    }
}

/// Looks into the body of a request that [`super::route`] called unknown.
///
/// Shape:  method, target and body -> for a SOAP envelope with one call: [`Door::Open`] if it logs in, describes, or
///         deploys metadata, [`Door::Judged`] if it writes or queries rows; else [`Door::Unknown`].
/// Bounds: linear in the body; what is kept is one part of the envelope at a time.
/// Never:  opens a call by its `SOAPAction`, which servers ignore, nor a body that two readers could read differently.
/// Source: spec/carriers.md section 2.6.
pub fn route_by_body(method: &str, target: &str, body: &[u8]) -> Door<Route> {
    if !method.eq_ignore_ascii_case("POST") {
        return Door::Unknown;
    }
    Target::parse(target).and_then(|target| door(&target, body)).unwrap_or(Door::Unknown)
}

/// Whether a body is the SOAP login that clients send before they have a session.
pub fn soap_is_login(body: &[u8]) -> bool {
    called(body).is_ok_and(|(_, call)| call == "login")
}

/// Why the body of a request to a SOAP endpoint is no call, if it is none.
///
/// Never:  holds anything of the body.
pub fn unreadable_call(target: &str, body: &[u8]) -> Option<Unreadable> {
    let target = Target::parse(target)?;
    is_endpoint(&target).then(|| called(body).err()).flatten()
}

/// Whether a body is an envelope with this call and no other.
pub(super) fn calls(body: &[u8], call: &str) -> bool {
    called(body).is_ok_and(|(_, called)| called == call)
}

/// Whether a target is one of the SOAP endpoints, where errors are faults.
pub(super) fn is_endpoint(target: &Target) -> bool {
    endpoint(target).is_some()
}

/// What follows `/services/Soap` in a target, in lower case.
pub(super) fn endpoint(target: &Target) -> Option<Vec<String>> {
    let lower: Vec<String> = target.segments().iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let start = lower.iter().position(|segment| segment == "services")?;
    (lower.get(start + 1)? == "soap").then(|| lower.get(start + 2..).unwrap_or_default().to_vec())
}

fn door(target: &Target, body: &[u8]) -> Option<Door<Route>> {
    let endpoint = endpoint(target)?;
    let (namespace, call) = called(body).ok()?;
    let call = call.as_str();
    let edition = match endpoint.first()?.as_str() {
        "m" if METADATA.contains(&call) => return Some(Door::Open),
        // Tooling objects are code and settings: what reads them is open, what writes them is not read here.
        "t" | "s" if READS.contains(&call) || QUERIES.contains(&call) => return Some(Door::Open),
        "u" => Edition::Partner,
        "c" => Edition::Enterprise,
        _ => return None,
    };
    if READS.contains(&call) {
        return Some(Door::Open);
    }
    let call = match call {
        query if QUERIES.contains(&query) => Call::Query,
        // Whoever finds the call by its name alone writes; whoever minds the namespace does not: unknown.
        _ if namespace != edition.namespace() => return None,
        "create" => Call::Create,
        "update" => Call::Update,
        "upsert" => Call::Upsert,
        "merge" => Call::Merge,
        "delete" => Call::Delete,
        "undelete" => Call::Undelete,
        "emptyRecycleBin" => Call::EmptyRecycleBin,
        _ => return None,
    };
    Some(Door::Judged(Route::Soap(Soap { call, edition })))
}

const READS: [&str; 15] = [
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
    "getServerTimestamp",
    "getUserInfo",
];

const QUERIES: [&str; 7] =
    ["getDeleted", "getUpdated", "query", "queryAll", "queryMore", "retrieve", "search"];

/// Calls of the Metadata API: none has rows. What they would take from Eosin is looked at as in a deployment.
const METADATA: [&str; 16] = [
    "cancelDeploy",
    "checkDeployStatus",
    "checkRetrieveStatus",
    "checkStatus",
    "createMetadata",
    "deleteMetadata",
    "deploy",
    "deployRecentValidation",
    "describeMetadata",
    "describeValueType",
    "listMetadata",
    "readMetadata",
    "renameMetadata",
    "retrieve",
    "updateMetadata",
    "upsertMetadata",
];

/// The namespace of SOAP 1.1, the only one that Salesforce speaks.
pub(super) const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The namespace and the local name of the only element in the envelope's body.
pub(super) fn called(body: &[u8]) -> Result<(String, String), Unreadable> {
    let mut name = None;
    walk(
        body,
        |_| Ok(()),
        |xml, call| {
            name = Some((call.name.namespace.to_owned(), call.name.local.to_owned()));
            xml.element(call.clone()).map(drop)
        },
    )?;
    name.ok_or_else(|| shape("has no call in its body"))
}

/// Walks an envelope: each element of its header, then the one call in its body, which `call` has to read to its end.
///
/// Errors: what is not one envelope of SOAP 1.1 with at most one header and a body with one call.
pub(crate) fn walk<'a>(
    body: &'a [u8],
    mut header: impl FnMut(Element<'a>) -> Result<(), Unreadable>,
    call: impl FnOnce(&mut Xml<'a>, &Tag<'a>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let (mut xml, envelope) = Xml::open(body)?;
    let is = |tag: &Tag<'_>, local: &str| tag.name.namespace == ENVELOPE && tag.name.local == local;
    if !is(&envelope, "Envelope") {
        return Err(shape("is not an envelope of SOAP 1.1"));
    }
    let mut part = xml.child(&envelope)?;
    if let Some(tag) = part.as_ref().filter(|tag| is(tag, "Header")).cloned() {
        while let Some(of) = xml.child(&tag)? {
            header(xml.element(of)?)?;
        }
        part = xml.child(&envelope)?;
    }
    let tag = part.filter(|tag| is(tag, "Body")).ok_or_else(|| shape("has no body in its envelope"))?;
    let only = xml.child(&tag)?.ok_or_else(|| shape("has no call in its body"))?;
    call(&mut xml, &only)?;
    if xml.child(&tag)?.is_some() {
        return Err(shape("has two calls in its body"));
    }
    if xml.child(&envelope)?.is_some() {
        return Err(shape("has something beside the body in its envelope"));
    }
    xml.finish()
}

fn shape(sentence: &str) -> Unreadable {
    super::record::shape(sentence)
}

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
        let check_call = |target: &str, call: &str, want: &Door<Route>| check(target, &envelope(call), want);
        check_call(
            "/services/Soap/u/67.0",
            "<urn:login><urn:username>a</urn:username></urn:login>",
            &Door::Open,
        );
        check_call("/d.salesforce.com/services/Soap/u/59.0", "<login/>", &Door::Open);
        let judged = |call, edition| Door::Judged(Route::Soap(Soap { call, edition }));
        let partner = |call| judged(call, Edition::Partner);
        check_call("/services/Soap/c/67.0/00D", "<urn:query/>", &judged(Call::Query, Edition::Enterprise));
        check_call("//services/soap/U/67.0", "<urn:queryMore/>", &partner(Call::Query));
        check_call("/services/Soap/t/67.0", "<queryMore/>", &Door::Open);
        check_call("/services/Soap/u/67.0", "<urn:create/>", &partner(Call::Create));
        check_call("/services/Soap/u/67.0", "<urn:update><urn:a/></urn:update>", &partner(Call::Update));
        check_call("/services/Soap/u/67.0", "<urn:upsert/>", &partner(Call::Upsert));
        check_call("/services/Soap/u/67.0", "<urn:merge/>", &partner(Call::Merge));
        check_call("/services/Soap/u/67.0/00D", "<urn:delete/>", &partner(Call::Delete));
        check_call("/services/Soap/u/67.0", "<urn:undelete/>", &partner(Call::Undelete));
        check_call("/services/Soap/u/67.0", "<urn:emptyRecycleBin/>", &partner(Call::EmptyRecycleBin));
        check_call("/services/Soap/m/67.0", "<deploy><ZipFile>UEs=</ZipFile></deploy>", &Door::Open);
        check_call("/services/Soap/m/67.0", "<checkDeployStatus/>", &Door::Open);
        check_call("/services/Soap/m/67.0", "<updateMetadata/>", &Door::Open);
        check_call("/services/Soap/m/67.0", "<create/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<updateMetadata/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<create/>", &Door::Unknown);
        check_call("/services/Soap/c/67.0", "<urn:create/>", &Door::Unknown);
        check_call("/services/Soap/t/67.0", "<urn:create/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<urn:convertLead/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<urn:process/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<urn:sendEmail/>", &Door::Unknown);
        check_call("/services/Soap/u/67.0", "<urn:setPassword/>", &Door::Unknown);
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
        let soap = |inner: &str| format!(r#"<s:Envelope xmlns:s="{ENVELOPE}">{inner}</s:Envelope>"#);
        check(target, &soap("<s:Body><login/></s:Body>"), &Door::Open);
        check(target, &soap("<s:Body><login/></s:Body><s:Body><create/></s:Body>"), &Door::Unknown);
        check(target, &soap("<s:Body><login/></s:Body><s:Header/>"), &Door::Unknown);
        check(target, &soap("<s:Header/><s:Header/><s:Body><login/></s:Body>"), &Door::Unknown);
        check(target, &soap("<Body><login/></Body>"), &Door::Unknown);
        check(target, "<Envelope><Body><login/></Body></Envelope>", &Door::Unknown);
        let open = soap("<s:Body><login/></s:Body>");
        check(target, &format!("{open}{open}"), &Door::Unknown);
        check(target, &format!("{open}<a/>"), &Door::Unknown);
        check(target, &format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{open}"), &Door::Unknown);
        check(target, &format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{open}"), &Door::Unknown);
        check(target, &format!("<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n{open}"), &Door::Open);
        check(target, "", &Door::Unknown);
        check(target, &format!("{}<login/>", "<Envelope>".repeat(100)), &Door::Unknown);
        assert!(soap_is_login(envelope("<urn:login/>").as_bytes()));
        let why = |target: &str, body: &str| {
            unreadable_call(target, body.as_bytes()).map(|reason| reason.to_string())
        };
        assert_eq!(why(target, &envelope("<login/><create/>")).unwrap(), "has two calls in its body");
        assert_eq!(why(target, &envelope("<convertLead/>")), None);
        assert_eq!(why("/services/apexrest/x", ""), None);
        assert!(!soap_is_login(envelope("<urn:query/>").as_bytes()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_open_or_unknown(body in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert_eq!(route_by_body("POST", "/services/Soap/u/67.0", &body), Door::Unknown);
        }
    }
}
