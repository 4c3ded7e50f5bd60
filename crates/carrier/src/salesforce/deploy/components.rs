//! Components one by one, as calls of the Metadata API write, rename and remove them.

use mark::Unreadable;

use super::{Element, in_fields, in_rights, is_ours, told, weakened};
use crate::{
    salesforce::{record::shape, soap},
    xml::{self, Tag},
};

/// What a call on components would take away.
///
/// Shape:  the body of a request to the Metadata API -> a sentence for each; none for any other call.
/// Bounds: those of the XML reader.
/// Errors: a component that does not say what it is: nobody knows what it would do.
pub(super) fn in_call(body: &[u8]) -> Result<Vec<String>, Unreadable> {
    let mut found = Vec::new();
    let walked = soap::walk(
        body,
        |_| Ok(()),
        |xml, call| match call.name.local {
            "createMetadata" | "updateMetadata" | "upsertMetadata" => {
                while let Some(tag) = xml.child(call)? {
                    if tag.name.local != "metadata" {
                        return Err(shape("has an argument that is not read here"));
                    }
                    let kind = kind(&tag)?;
                    in_component(&kind, &xml.element(tag)?, &mut found);
                }
                Ok(())
            }
            "deleteMetadata" => named(&xml.element(call.clone())?, "removes", &mut found),
            "renameMetadata" => named(&xml.element(call.clone())?, "renames", &mut found),
            _ => xml.element(call.clone()).map(drop),
        },
    );
    // What is no call at all is said where its door is looked for.
    match walked {
        Err(reason) if soap::called(body).is_ok() => Err(reason),
        _ => Ok(found),
    }
}

/// The metadata type of a component: of any other attribute that is called so, another reader could take its word.
fn kind(tag: &Tag<'_>) -> Result<String, Unreadable> {
    let mut kinds = tag.attributes.iter().filter(|attribute| attribute.name.local == "type");
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(kind.value.rsplit(':').next().unwrap_or_default().trim().to_owned()),
        _ => Err(shape("has a component that does not say its type in `xsi:type`")),
    }
}

fn in_component(kind: &str, component: &xml::Element<'_>, found: &mut Vec<String>) {
    let name = component.child("fullName").map_or("", |name| name.text.trim());
    let all = |local: &str| -> Vec<Element> {
        component.children.iter().filter(|child| child.name.local == local).map(flat).collect()
    };
    match kind.to_ascii_lowercase().as_str() {
        "customfield" => {
            let mut field = flat(component);
            field.0.retain(|(own, _)| own != "fullName");
            field.0.push(("fullName".to_owned(), name.rsplit('.').next().unwrap_or(name).to_owned()));
            found.extend(weakened(&field).map(|why| format!("{why} {}", told(name))));
        }
        "customobject" => in_fields(name, &all("fields"), found),
        "permissionset" => in_rights(name, true, &all("fieldPermissions"), found),
        "profile" => in_rights(name, false, &all("fieldPermissions"), found),
        "apexclass" | "apextrigger" | "flow" | "flowdefinition" | "validationrule"
            if name.split(['.', '-']).any(is_ours) =>
        {
            found.push(format!("puts another {kind} in the place of {}", told(name)));
        }
        _ => {}
    }
}

/// Names that a call goes by, of whatever type.
fn named(call: &xml::Element<'_>, what: &str, found: &mut Vec<String>) -> Result<(), Unreadable> {
    if call.children.iter().any(|part| !part.children.is_empty()) {
        return Err(shape("has an argument that is not read here"));
    }
    let ours = call.children.iter().filter(|part| part.text.split(['.', '-']).any(is_ours));
    found.extend(ours.map(|part| format!("{what} {}", told(&part.text))));
    Ok(())
}

/// The children of an element that hold text only.
fn flat(element: &xml::Element<'_>) -> Element {
    let texts = element.children.iter().filter(|child| child.children.is_empty());
    Element(texts.map(|child| (child.name.local.to_owned(), child.text.to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(call: &str, want: &[&str]) {
        let body = format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:m="http://soap.sforce.com/2006/04/metadata"><e:Body>{call}</e:Body></e:Envelope>"#
        );
        let said = in_call(body.as_bytes()).unwrap_or_else(|reason| vec![reason.to_string()]);
        assert_eq!(said, want, "{call}");
    }

    fn written(kind: &str, inner: &str) -> String {
        format!(r#"<m:upsertMetadata><m:metadata xsi:type="{kind}">{inner}</m:metadata></m:upsertMetadata>"#)
    }

    #[test]
    fn components_that_leave_eosin_alone_say_nothing() {
        check(&written("CustomObject", "<fullName>Shoe__c</fullName><label>Shoe</label>"), &[]);
        check(&written("m:CustomField", "<fullName>Contact.Size__c</fullName><type>Text</type>"), &[]);
        let whole =
            "<fullName>Contact.Eosin_Mark__c</fullName><type>LongTextArea</type><length>32768</length>";
        check(&written("CustomField", whole), &[]);
        check(
            "<deleteMetadata><type>CustomObject</type><fullNames>Shoe__c</fullNames></deleteMetadata>",
            &[],
        );
        check(
            "<readMetadata><type>CustomObject</type><fullNames>Eosin_Dataset__c</fullNames></readMetadata>",
            &[],
        );
        assert_eq!(in_call(b"no envelope"), Ok(Vec::new()));
    }

    #[test]
    fn components_that_are_weakened_removed_or_renamed_are_said() {
        let field = "<fullName>Contact.Eosin_Mark__c</fullName><type>Text</type>";
        check(&written("CustomField", field), &["changes the type of Contact.Eosin_Mark__c"]);
        check(&written("tns:customField", field), &["changes the type of Contact.Eosin_Mark__c"]);
        let object = "<fullName>Lead</fullName><fields><fullName>Eosin_Mark__c</fullName><type>LongTextArea</type><length>9</length></fields>";
        check(&written("CustomObject", object), &["shortens Lead.Eosin_Mark__c"]);
        let hides = "<fullName>Agent</fullName><fieldPermissions><field>Contact.Eosin_Synthetic__c</field><readable>false</readable></fieldPermissions>";
        check(&written("Profile", hides), &["hides Contact.Eosin_Synthetic__c from Agent"]);
        check(
            &written("PermissionSet", "<fullName>Eosin_Reader</fullName>"),
            &["empties the permission set Eosin_Reader"],
        );
        check(
            &written("ValidationRule", "<fullName>Contact.Eosin_Guard</fullName>"),
            &["puts another ValidationRule in the place of Contact.Eosin_Guard"],
        );
        check(
            "<deleteMetadata><type>CustomField</type><fullNames>Lead.X__c</fullNames><fullNames>Contact.Eosin_Mark__c</fullNames></deleteMetadata>",
            &["removes Contact.Eosin_Mark__c"],
        );
        check(
            "<renameMetadata><type>CustomObject</type><oldFullName>Eosin_Dataset__c</oldFullName><newFullName>Y__c</newFullName></renameMetadata>",
            &["renames Eosin_Dataset__c"],
        );
    }

    #[test]
    fn a_component_that_does_not_say_what_it_is_cannot_be_read() {
        let untold = "has a component that does not say its type in `xsi:type`";
        check("<createMetadata><metadata><fullName>a</fullName></metadata></createMetadata>", &[untold]);
        check(
            r#"<createMetadata><metadata xsi:type="Layout" type="CustomField"/></createMetadata>"#,
            &[untold],
        );
        let unread = "has an argument that is not read here";
        check("<createMetadata><other/></createMetadata>", &[unread]);
        check("<deleteMetadata><fullNames><a>Eosin_Mark__c</a></fullNames></deleteMetadata>", &[unread]);
    }
}
