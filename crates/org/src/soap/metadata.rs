//! The Metadata API over SOAP: deployments, and components one by one.

mod components;

use data_encoding::BASE64;

use super::{Fault, METADATA, envelope};
use crate::call::Reply;
use crate::deploy::{self, Options};
use crate::state::Visit;
use crate::xml::{Element, escape};

/// Answers an operation of `/services/Soap/m`.
pub(super) fn answer(visit: &mut Visit<'_>, body: &Element) -> Result<Reply, Fault> {
    if let Some(answered) = components::answer(visit, body) {
        return answered;
    }
    match body.name.as_str() {
        "deploy" => start(visit, body),
        "checkDeployStatus" => status(visit, body),
        "cancelDeploy" => Ok(cancel(body)),
        "describeMetadata" => Ok(describe()),
        name => Err(Fault::no_such_operation(METADATA, name)),
    }
}

fn start(visit: &mut Visit<'_>, body: &Element) -> Result<Reply, Fault> {
    let text: String = body.text_of("ZipFile").unwrap_or("").split_ascii_whitespace().collect();
    let Ok(zip) = BASE64.decode(text.as_bytes()) else {
        return Err(Fault::new("INVALID_ZIP", "ZipFile is not base64"));
    };
    let options = body.child("DeployOptions").map(Options::from_xml).unwrap_or_default();
    let id = deploy::start(visit, zip, options);
    let result = format!(
        "<deployResponse><result><done>false</done><id>{id}</id><state>Queued</state></result></deployResponse>"
    );
    Ok(envelope(METADATA, "", &result))
}

fn status(visit: &Visit<'_>, body: &Element) -> Result<Reply, Fault> {
    let id = body.text_of("asyncProcessId").unwrap_or("");
    match visit.state.deployments.get(id) {
        Some(found) => {
            let details = body.text_of("includeDetails") == Some("true");
            let result = found.xml(details);
            Ok(envelope(
                METADATA,
                "",
                &format!("<checkDeployStatusResponse><result>{result}</result></checkDeployStatusResponse>"),
            ))
        }
        None => Err(Fault::new("INVALID_ID_FIELD", "no deployment has this id")),
    }
}

fn cancel(body: &Element) -> Reply {
    let id = escape(body.text_of("String").or_else(|| body.text_of("asyncProcessId")).unwrap_or(""));
    envelope(
        METADATA,
        "",
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
        "",
        &format!(
            "<describeMetadataResponse><result>{objects}<organizationNamespace></organizationNamespace>\
             <partialSaveAllowed>true</partialSaveAllowed><testRequired>false</testRequired></result></describeMetadataResponse>"
        ),
    )
}
