//! The SOAP calls that clients still need: login, and deployment of metadata.

use data_encoding::BASE64;

use crate::call::{Call, Reply};
use crate::deploy::{self, Options};
use crate::state::Visit;
use crate::xml::{self, Element, escape};

/// Answers `/services/Soap/{u,c,m}/NN`; `kind` is that letter.
pub(crate) fn answer(visit: &mut Visit<'_>, call: &Call, kind: &str, version: &str) -> Reply {
    let Some(operation) = std::str::from_utf8(&call.body).ok().and_then(|text| xml::read(text).ok()) else {
        return fault("UNKNOWN_EXCEPTION", "the request is not a SOAP envelope");
    };
    let body = operation.child("Body").and_then(|body| body.children.first());
    let Some(body) = body else { return fault("UNKNOWN_EXCEPTION", "the envelope has no body") };
    if body.name == "login" && matches!(kind, "u" | "c") {
        return login(visit, call, body, version);
    }
    let session =
        operation.child("Header").and_then(|header| header.find("sessionId")).map(|id| id.text.trim());
    let user = session.and_then(|session| visit.state.access.session(session, visit.now_ms));
    let Some(user) = user else {
        return fault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session");
    };
    visit.user = user;
    match (kind, body.name.as_str()) {
        ("m", "deploy") => start(visit, body),
        ("m", "checkDeployStatus") => status(visit, body),
        ("m", "cancelDeploy") => cancel(body),
        ("m", "describeMetadata") => describe(),
        ("m", "listMetadata") => envelope(METADATA, "<listMetadataResponse></listMetadataResponse>"),
        ("u" | "c", "getUserInfo") => envelope(
            PARTNER,
            &format!("<getUserInfoResponse><result>{}</result></getUserInfoResponse>", user_info(visit)),
        ),
        ("u" | "c", "logout") => envelope(PARTNER, "<logoutResponse></logoutResponse>"),
        (_, name) => fault("INVALID_TYPE", &format!("the operation {name} is not part of this org")),
    }
}

fn login(visit: &mut Visit<'_>, call: &Call, body: &Element, version: &str) -> Reply {
    let (username, password) =
        (body.text_of("username").unwrap_or(""), body.text_of("password").unwrap_or(""));
    let found = visit.state.access.password(username, password).map(|user| user.username.clone());
    let opened = found.and_then(|username| visit.state.access.open(&username, visit.now_ms));
    let Some((token, user)) = opened else {
        return fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.");
    };
    visit.user.clone_from(&user);
    let organization = &visit.state.access.organization;
    let result = format!(
        "<loginResponse><result><metadataServerUrl>{base}/services/Soap/m/{version}/{organization}</metadataServerUrl>\
         <passwordExpired>false</passwordExpired><sandbox>false</sandbox>\
         <serverUrl>{base}/services/Soap/u/{version}/{organization}</serverUrl>\
         <sessionId>{token}</sessionId><userId>{user}</userId><userInfo>{info}</userInfo></result></loginResponse>",
        base = escape(&call.base),
        version = escape(version),
        info = user_info(visit),
    );
    envelope(PARTNER, &result)
}

fn user_info(visit: &Visit<'_>) -> String {
    let row = visit.state.store.live("User", &visit.user);
    let text = |name: &str| row.and_then(|row| row.get(name)?.as_str()).map(escape).unwrap_or_default();
    format!(
        "<organizationId>{}</organizationId><organizationName>Local Org</organizationName><sessionSecondsValid>7200</sessionSecondsValid>\
         <userEmail>{}</userEmail><userFullName>{}</userFullName><userId>{}</userId><userLanguage>en_US</userLanguage>\
         <userLocale>en_US</userLocale><userName>{}</userName><userTimeZone>UTC</userTimeZone><userType>Standard</userType>",
        visit.state.access.organization,
        text("Email"),
        text("Name"),
        visit.user,
        text("Username"),
    )
}

fn start(visit: &mut Visit<'_>, body: &Element) -> Reply {
    let text: String = body.text_of("ZipFile").unwrap_or("").split_ascii_whitespace().collect();
    let Ok(zip) = BASE64.decode(text.as_bytes()) else {
        return fault("INVALID_ZIP", "ZipFile is not base64");
    };
    let options = body.child("DeployOptions").map(Options::from_xml).unwrap_or_default();
    let id = deploy::start(visit, zip, options);
    let result = format!(
        "<deployResponse><result><done>false</done><id>{id}</id><state>Queued</state></result></deployResponse>"
    );
    envelope(METADATA, &result)
}

fn status(visit: &Visit<'_>, body: &Element) -> Reply {
    let id = body.text_of("asyncProcessId").unwrap_or("");
    match visit.state.deployments.get(id) {
        Some(found) => {
            let details = body.text_of("includeDetails") == Some("true");
            let result = found.xml(details);
            envelope(
                METADATA,
                &format!("<checkDeployStatusResponse><result>{result}</result></checkDeployStatusResponse>"),
            )
        }
        None => fault("INVALID_ID_FIELD", "no deployment has this id"),
    }
}

fn cancel(body: &Element) -> Reply {
    let id = escape(body.text_of("String").or_else(|| body.text_of("asyncProcessId")).unwrap_or(""));
    envelope(
        METADATA,
        &format!(
            "<cancelDeployResponse><result><done>true</done><id>{id}</id></result></cancelDeployResponse>"
        ),
    )
}

fn describe() -> Reply {
    let objects = deploy::TYPES.map(|(directory, name, suffix)| {
        format!(
            "<metadataObjects><directoryName>{directory}</directoryName><inFolder>false</inFolder>\
             <metaFile>false</metaFile><suffix>{suffix}</suffix><xmlName>{name}</xmlName></metadataObjects>"
        )
    });
    let objects = objects.concat();
    envelope(
        METADATA,
        &format!(
            "<describeMetadataResponse><result>{objects}<organizationNamespace></organizationNamespace>\
             <partialSaveAllowed>true</partialSaveAllowed><testRequired>false</testRequired></result></describeMetadataResponse>"
        ),
    )
}

fn envelope(namespace: &str, body: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"{namespace}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Reply::raw(200, "text/xml;charset=UTF-8", text)
}

/// A SOAP fault: HTTP 500, code and message in Salesforce's own elements.
fn fault(code: &str, message: &str) -> Reply {
    let message = escape(message);
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail>\
         <sf:UnexpectedErrorFault xsi:type=\"sf:UnexpectedErrorFault\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:UnexpectedErrorFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    );
    Reply::raw(500, "text/xml;charset=UTF-8", text)
}

const PARTNER: &str = "urn:partner.soap.sforce.com";
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
