//! Scenes of deployments: what touches nothing of ours, what would weaken it, what cannot be read.

use std::io::Write as _;

use zip::write::SimpleFileOptions;

use super::*;

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 10 };

fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The sentences about a deployment, by REST and by SOAP alike.
fn check(files: &[(&str, &str)], want: &[&str]) {
    check_zip(&zipped(files), want);
}

fn check_zip(zip: &[u8], want: &[&str]) {
    let said = |found: Result<Vec<String>, Unreadable>| match found {
        Ok(found) => found,
        Err(reason) => vec![reason.to_string()],
    };
    let head = b"--b\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n\
        {\"deployOptions\":{}}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"deploy.zip\"\r\n\
        Content-Type: application/zip\r\n\r\n";
    let body = [head, zip, b"\r\n--b--\r\n"].concat();
    let rest = weakens(&Route::Api(Api::Deploy), Some("multipart/form-data; boundary=b"), &body, &LIMITS);
    assert_eq!(said(rest), want);
    let encoded = data_encoding::BASE64.encode(zip);
    let soap = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><deploy><ZipFile>{encoded}</ZipFile></deploy></e:Body></e:Envelope>"
    );
    assert_eq!(said(soap_weakens("/services/Soap/m/67.0", soap.as_bytes())), want);
}

fn field(name: &str, rest: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><CustomObject xmlns=\"http://soap.sforce.com/2006/04/metadata\"><fields>\
         <fullName>{name}</fullName>{rest}</fields></CustomObject>"
    )
}

fn destroys(member: &str) -> String {
    format!("<Package><types><members>{member}</members><name>CustomField</name></types></Package>")
}

#[test]
fn a_deployment_that_leaves_eosin_alone_says_nothing() {
    check(&[("package.xml", "<Package/>"), ("classes/Billing.cls", "class Billing {}")], &[]);
    check(&[("objects/Contact.object", &field("Shoe_Size__c", "<type>Text</type><length>3</length>"))], &[]);
    check(
        &[(
            "objects/Contact.object",
            &field(
                "Eosin_Mark__c",
                "<type>LongTextArea</type><length>32768</length><externalId>false</externalId>",
            ),
        )],
        &[],
    );
    check(
        &[(
            "objects/Lead.object",
            &field("Eosin_Mark_Id__c", "<type>Text</type><length>64</length><externalId>true</externalId>"),
        )],
        &[],
    );
    check(&[("destructiveChanges.xml", &destroys("Contact.Shoe_Size__c"))], &[]);
    let route = Route::Create { object: "Contact".to_owned() };
    assert_eq!(weakens(&route, None, b"{", &LIMITS), Ok(Vec::new()));
    assert_eq!(soap_weakens("/services/Soap/u/67.0", b"<deploy/>"), Ok(Vec::new()));
}

#[test]
fn what_is_removed_or_weakened_is_said() {
    for (name, member, want) in [
        ("destructiveChanges.xml", "Contact.Eosin_Mark__c", "removes Contact.Eosin_Mark__c"),
        ("x/destructiveChangesPre.xml", "Contact.EOSIN_mark__c", "removes Contact.EOSIN_mark__c"),
        ("destructiveChangesPost.xml", "acme__Eosin_Dataset__c", "removes acme__Eosin_Dataset__c"),
        ("DestructiveChanges.xml", "Contact.<![CDATA[Eosin_Mark__c]]>", "removes Contact.Eosin_Mark__c"),
        ("destructiveChanges.xml", "Contact.&#69;osin_Mark__c", "removes Contact.Eosin_Mark__c"),
        ("destructiveChanges.xml", "Contact.<!-- x -->Eosin_Mark__c", "removes Contact.Eosin_Mark__c"),
        ("destructiveChanges.xml", " Eosin_Reader ", "removes Eosin_Reader"),
    ] {
        check(&[(name, &destroys(member))], &[want]);
    }
    for (name, rest, want) in [
        ("Eosin_Mark__c", "<type>LongTextArea</type><length>256</length>", "shortens contact.Eosin_Mark__c"),
        ("Eosin_Mark__c", "<type>Text</type>", "changes the type of contact.Eosin_Mark__c"),
        (
            "Eosin_Synthetic__c",
            "<formula>false</formula><type>Text</type>",
            "changes the type of contact.Eosin_Synthetic__c",
        ),
        (
            "Eosin_Subject__c",
            "<type>Picklist</type><required>true</required>",
            "requires contact.Eosin_Subject__c",
        ),
        (
            "Eosin_Mark_Id__c",
            "<type>Text</type><externalId>false</externalId>",
            "takes the external id from contact.Eosin_Mark_Id__c",
        ),
    ] {
        check(&[("unpackaged/objects/Contact.object", &field(name, rest))], &[want]);
    }
    let rights = |readable: &str| {
        format!(
            "<Profile><fieldPermissions><field>Contact.Eosin_Synthetic__c</field><readable>{readable}</readable>\
             <editable>false</editable></fieldPermissions></Profile>"
        )
    };
    check(&[("profiles/Agent.profile", &rights("true"))], &[]);
    check(&[("profiles/Agent.profile", &rights("false"))], &["hides Contact.Eosin_Synthetic__c from agent"]);
    check(
        &[("permissionsets/Eosin_Reader.permissionset", "<PermissionSet><label>x</label></PermissionSet>")],
        &["empties the permission set eosin_reader"],
    );
    check(&[("classes/Eosin_Guard.cls", "class Eosin_Guard {}")], &["replaces eosin_guard.cls"]);
}

#[test]
fn what_cannot_be_read_is_not_waved_through() {
    check_zip(b"PK no zip", &["deploys an archive that cannot be read"]);
    // Who reads from the beginning finds the first archive, who reads by the directory the second.
    let one = zipped(&[("profiles/Agent.profile", "<Profile/>")]);
    let two = [one, zipped(&[("package.xml", "<Package/>")])].concat();
    check_zip(&two, &["deploys an archive that cannot be read"]);
    check(&[("destructiveChanges.xml", "<Package>")], &["deploys XML that cannot be read"]);
    check(
        &[("destructiveChanges.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><Package/>")],
        &["deploys XML that cannot be read"],
    );
    check(&[("destructiveChanges.xml", "<Package>&own;</Package>")], &["deploys XML that cannot be read"]);
    check(
        &[("objects/A.object", "<CustomObject/>"), ("objects/a.object", "<CustomObject/>")],
        &["deploys an archive with two files of one name"],
    );
    let huge = " ".repeat(17 << 20);
    check(&[("objects/A.object", &huge)], &["deploys an archive that unzips to more than is read"]);
    let many = zipped(&[("package.xml", "<Package/>")]);
    let route = Route::Api(Api::Deploy);
    assert!(weakens(&route, Some("application/zip"), &many, &LIMITS).is_err());
    assert!(soap_weakens("/services/Soap/m/67.0", br#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><deploy/></Body></Envelope>"#).is_err());
}

#[test]
fn a_tooling_write_says_what_it_touches() {
    let check = |kind: &str, change: Change, body: &str, want: &[&str]| {
        let route = Route::Api(Api::Tooling { kind: kind.to_owned(), change });
        assert_eq!(weakens(&route, None, body.as_bytes(), &LIMITS).unwrap(), want, "{kind} {body}");
    };
    check("TraceFlag", Change::Create, "{}", &[]);
    check("TraceFlag", Change::Delete, "", &[]);
    check("ApexClass", Change::Create, r#"{"Name":"Billing","Body":"class Billing {}"}"#, &[]);
    check(
        "ApexClass",
        Change::Create,
        r#"{"Name":"Eosin_Guard"}"#,
        &["puts another ApexClass in the place of Eosin_Guard"],
    );
    check(
        "CustomField",
        Change::Create,
        r#"{"FullName":"Contact.Eosin_Mark__c","Metadata":{"type":"LongTextArea","length":32768}}"#,
        &[],
    );
    check(
        "CustomField",
        Change::Create,
        r#"{"FullName":"Contact.Eosin_Mark__c","Metadata":{"type":"LongTextArea","length":300}}"#,
        &["shortens Contact.Eosin_Mark__c"],
    );
    check(
        "CustomField",
        Change::Delete,
        "",
        &["removes a component of type CustomField by its id, which may be Eosin's"],
    );
    check(
        "ApexClassMember",
        Change::Create,
        r#"{"ContentEntityId":"01p000000000001AAA","Body":"class A {}"}"#,
        &["changes a component of type ApexClassMember by its id, which may be Eosin's"],
    );
}
