//! FHIR's XML: one record whichever way it is written, and what two readers could see differently is refused.

use super::*;

const XML: Option<&str> = Some("application/fhir+xml");

fn reading(resource_type: &str, xml: &str) -> Result<String, String> {
    let readings = read(&create(resource_type), XML, xml.as_bytes(), &LIMITS);
    match only(&readings) {
        Ok(record) => Ok(shown(record)),
        Err(reason) => Err(reason.to_string()),
    }
}

fn shown(record: &Record<'_>) -> String {
    let members = record.fields.clone();
    let fields = mark::canonical::to_vec(&json::Json::Object(members));
    format!("{} {} {:?}", record.object, String::from_utf8(fields).unwrap(), record.claim)
}

fn agrees(resource_type: &str, xml: &str, json: &str) {
    let other = read(&create(resource_type), JSON, json.as_bytes(), &LIMITS);
    assert_eq!(reading(resource_type, xml).as_deref(), Ok(shown(only(&other).as_ref().unwrap()).as_str()));
}

#[test]
fn a_resource_in_xml_is_the_same_record() {
    agrees(
        "Patient",
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <!-- a comment between elements -->
        <Patient xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xsi:schemaLocation="http://hl7.org/fhir ../../patient.xsd">
          <id value="7"/><meta><versionId value="2"/>
            <security><system value="http://terminology.hl7.org/CodeSystem/v3-ActReason"/><code value="HTEST"/></security></meta>
          <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">mixed <b>text</b>&#160;&amp;</div></text>
          <extension url="https://example.org/e"><valueDecimal value="1.50"/></extension>
          <identifier><system value="https://example.org/mrn"/><value value="9"/></identifier>
          <active value="true"/>
          <name id="n1"><family value="Z&amp;z"/><given value="Canary"/>
            <given><extension url="https://example.org/absent"><valueCode value="masked"/></extension></given></name>
          <birthDate id="b" value="1984-02-29"/>
          <multipleBirthInteger value="2"/>
        </Patient>"#,
        r#"{"resourceType":"Patient","id":"7","multipleBirthInteger":2,"birthDate":"1984-02-29","_birthDate":{"id":"b"},
        "meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]},
        "extension":[{"url":"https://example.org/e","valueDecimal":1.5}],"active":true,
        "identifier":[{"system":"https://example.org/mrn","value":"9"}],
        "name":[{"id":"n1","family":"Z&z","given":["Canary",null],
            "_given":[null,{"extension":[{"url":"https://example.org/absent","valueCode":"masked"}]}]}]}"#,
    );
    agrees(
        "Appointment",
        r##"<f:Appointment xmlns:f="http://hl7.org/fhir"><f:contained><f:Patient><f:id value="p"/></f:Patient></f:contained>
          <f:status value="booked"/><f:minutesDuration value="30"/>
          <f:participant><f:actor><f:reference value="#p"/></f:actor><f:status value="accepted"/></f:participant></f:Appointment>"##,
        r##"{"resourceType":"Appointment","contained":[{"resourceType":"Patient","id":"p"}],"status":"booked",
        "minutesDuration":30,"participant":[{"actor":{"reference":"#p"},"status":"accepted"}]}"##,
    );
}

#[test]
fn what_xml_could_say_twice_is_refused() {
    let patient = |inner: &str| format!(r#"<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>"#);
    for (inner, want) in [
        (r#"<birthDate value="1984"/><birthDate value="1985"/>"#, "twice"),
        (r#"<name/><active value="true"/><name/>"#, "at different places"),
        (r#"<nickname value="Zzyzx"/>"#, "R4 does not know"),
        (r#"<active value="1"/>"#, "neither true nor false"),
        (r#"<multipleBirthInteger value=" 2"/>"#, "not written as one"),
        (r#"<multipleBirthInteger value="9007199254740993"/>"#, "beyond"),
        ("<active/>", "without a value"),
        (r#"<name use="official"/>"#, "attribute"),
        (r#"<birthDate value="1984" x="1"/>"#, "attribute"),
        (r#"<birthDate xmlns="urn:x" value="1984"/>"#, "another namespace"),
        ("<contained/>", "no resource"),
        ("<contained><Basic/><Basic/></contained>", "two resources"),
        ("<contained><HumanName/></contained>", "not a resource"),
        (r#"Zzyzx<active value="true"/>"#, "text beside"),
        (r#"<birthDate value="&zzyzx;"/>"#, "entity"),
    ] {
        let said = reading("Patient", &patient(inner)).unwrap_err();
        assert!(said.contains(want) && !said.contains("Zzyzx"), "{inner}: {said}");
    }
    let document_type = r#"<!DOCTYPE Patient [<!ENTITY a "Zzyzx">]><Patient xmlns="http://hl7.org/fhir"/>"#;
    assert!(reading("Patient", document_type).unwrap_err().contains("document type"));
    assert!(reading("Patient", "<Patient/>").unwrap_err().contains("not a resource"));
    assert!(
        reading("Patient", &patient("").replace("Patient", "Slot")).unwrap_err().contains("does not fit")
    );
    let deep = format!("{}{}", "<extension url=\"x\">".repeat(40), "</extension>".repeat(40));
    assert!(reading("Patient", &patient(&deep)).unwrap_err().contains("nests deeper"));
}

#[test]
fn a_mark_in_xml_is_found_and_a_batch_in_xml_is_whole() {
    let mark = format!(
        r#"<Slot xmlns="http://hl7.org/fhir"><extension url="{MARK_EXTENSION}"><valueString value="eosin1.AAAA"/></extension></Slot>"#
    );
    let readings = read(&create("Slot"), Some("text/xml; charset=utf-8"), mark.as_bytes(), &LIMITS);
    assert_eq!(only(&readings).as_ref().unwrap().mark.as_deref(), Some("eosin1.AAAA"));
    let batch = r#"<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>
        <entry><resource><Slot><status value="free"/></Slot></resource>
          <request><method value="POST"/><url value="Slot"/></request></entry>
        <entry><resource><Patient/></resource><request><method value="PATCH"/><url value="Patient/7"/></request></entry>
      </Bundle>"#;
    let readings = read(&Route::Bundle, XML, batch.as_bytes(), &LIMITS);
    assert_eq!((readings.unit, readings.records.len()), (Unit::Whole, 2));
    assert_eq!(readings.records[0].place.reference, "entry[0] Slot");
    assert!(readings.records[1].content.is_err());
}

proptest! {
    #[test]
    fn any_changed_xml_has_a_reading(at in 0_usize..400, with in "\\PC{0,3}|[<>/&\"' =]{0,3}") {
        let text = r#"<Patient xmlns="http://hl7.org/fhir"><id value="7"/><extension url="https://example.org/e"><valueDecimal value="1.50"/></extension><active value="true"/><name id="n1"><family value="Z&amp;z"/><given value="Canary"/></name><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a <b>b</b></div></text></Patient>"#;
        let mut changed = text.to_owned();
        let at = at.min(changed.len());
        changed.insert_str(at, &with);
        prop_assert_eq!(read(&create("Patient"), XML, changed.as_bytes(), &LIMITS).records.len(), 1);
    }
}

/// What JSON says, through XML and back.
fn survives(json: &str) {
    let xml = in_xml(json).unwrap();
    let name = Key::of(json).unwrap().resource_type;
    agrees(&name, &xml, json);
}

#[test]
fn a_resource_in_json_is_the_same_record_in_xml() {
    survives(
        r#"{"multipleBirthInteger":2,"resourceType":"Patient","id":"7","birthDate":"1984-02-29","_birthDate":{"id":"b"},
        "meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}],"versionId":"2"},
        "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a <b>b</b> &amp;</div>"},
        "extension":[{"url":"https://example.org/e","valueDecimal":1.50}],"active":true,"contained":[{"resourceType":"Patient","id":"p"}],
        "identifier":[{"system":"https://example.org/mrn","value":"9 <>&\"'\n\t9"}],
        "name":[{"id":"n1","family":"Z&z","given":["Canary",null],
            "_given":[null,{"extension":[{"url":"https://example.org/absent","valueCode":"masked"}]}]}]}"#,
    );
    let fixture = include_str!("../../../../../fixtures/fhir/resources.ndjson");
    fixture.lines().for_each(survives);
}

#[test]
fn xml_is_in_the_order_of_the_schema_and_keeps_decimals() {
    let json = r#"{"resourceType":"Observation","valueQuantity":{"unit":"mg","value":1.50},"subject":{"reference":"Patient/1"},
        "effectiveDateTime":"2026-01-01","code":{"text":"c"},"status":"final","id":"o","meta":{"project":"p","versionId":"1"}}"#;
    assert_eq!(
        in_xml(json).unwrap(),
        r#"<?xml version="1.0" encoding="UTF-8"?><Observation xmlns="http://hl7.org/fhir"><id value="o"/><meta><versionId value="1"/></meta><status value="final"/><code><text value="c"/></code><subject><reference value="Patient/1"/></subject><effectiveDateTime value="2026-01-01"/><valueQuantity><value value="1.50"/><unit value="mg"/></valueQuantity></Observation>"#
    );
}

#[test]
fn what_has_no_form_in_xml_is_not_given_one() {
    for json in [
        r"[]",
        r#"{"resourceType":"Dragon"}"#,
        r#"{"resourceType":"Patient","nickname":"Z"}"#,
        r#"{"resourceType":"Patient","active":{"a":1}}"#,
        r#"{"resourceType":"Patient","name":{"family":"Z"}}"#,
        r#"{"resourceType":"Patient","text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"></p>"}}"#,
        r#"{"resourceType":"Patient","contained":[{"resourceType":"Patient","text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"/></text></Patient></contained><contained><Patient><text><status value=\"empty\"/>"}}]}"#,
        r#"{"resourceType":"Patient","text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"/><!-- -->"}}"#,
        r#"{"resourceType":"Patient","text":{"div":"</text><active value=\"true\"/><text>"}}"#,
    ] {
        assert!(in_xml(json).is_err(), "{json}");
    }
}
