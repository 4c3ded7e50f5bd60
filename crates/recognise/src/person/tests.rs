//! Which values of a record say who it is about.

use mark::{Claim, Form, Record, json};

use super::*;

fn record<'a>(form: Form, object: &'a str, members: &'a str) -> Record<'a> {
    let Ok(Json::Object(fields)) = json::parse(members.as_bytes()) else { panic!("{members}") };
    Record { form, object: object.into(), fields, mark: None, claim: Claim::None }
}

/// Everything of a person in one line: what Debug hides, a test of invented people can show.
fn show(person: Option<&Person<'_>>) -> String {
    let Some(person) = person else { return "nobody".to_owned() };
    let text = |value: &Option<Cow<'_, str>>| value.as_deref().unwrap_or("-").to_owned();
    let mut out = Vec::new();
    for name in &person.names {
        let parts = [
            text(&name.prefix),
            name.given.join("+"),
            text(&name.family),
            text(&name.suffix),
            text(&name.whole),
        ];
        out.push(format!("name {}", parts.join("/")));
    }
    out.extend(person.birth_date.iter().map(|date| format!("born {date}")));
    out.extend(person.emails.iter().map(|email| format!("mail {email}")));
    out.extend(person.phones.iter().map(|phone| format!("phone {phone}")));
    out.extend(person.identifiers.iter().map(|one| format!("id {}={}", one.system, one.value)));
    for one in &person.addresses {
        let parts = [
            one.lines.join("+"),
            text(&one.city),
            text(&one.state),
            text(&one.postal_code),
            text(&one.country),
        ];
        out.push(format!("at {}", parts.join("/")));
    }
    out.join("; ")
}

fn check(form: Form, object: &str, members: &str, want: &str) {
    let record = record(form, object, members);
    assert_eq!(show(Person::of(&record).as_ref()), want, "{object} {members}");
}

#[test]
fn fhir_elements_that_identify_are_taken() {
    let patient = r#"{"identifier":[{"type":{"coding":[{"code":"MR"}]},"system":"http://h.example.org","value":"A17"},
        {"type":{"coding":[{"code":"SS"}]},"system":"http://own.example.org","value":"999-53-8547"},{"value":"x"}],
        "name":[{"use":"maiden","family":"Ode"},{"use":"official","family":"Bell","given":["Ada","X."],"prefix":["Dr."]}],
        "telecom":[{"system":"phone","value":"555-0100"},{"system":"email","value":"a@example.org"},{"value":"b@example.org"},
        {"system":"url","value":"http://x"}],"birthDate":"1984-02-29","gender":"female",
        "address":[{"line":["812 Kuhn","Apt 3"],"city":"Haverhill","state":"MA","postalCode":"01830","country":"US"},
        {"use":"work","line":["1 Office"]}]}"#;
    let want = "name Dr./Ada+X./Bell/-/-; name -//Ode/-/-; born 1984-02-29; mail a@example.org; mail b@example.org; \
                phone 555-0100; id http://h.example.org=A17; id SS=999-53-8547; id =x; \
                at 812 Kuhn+Apt 3/Haverhill/MA/01830/US";
    check(Form::Fhir, "Patient", patient, want);
    check(
        Form::Fhir,
        "Practitioner",
        r#"{"name":[{"text":"Ada Bell"}],"address":[{"line":["1 Hospital"]},{"use":"home","city":"Haverhill"}],
        "telecom":[{"system":"phone","use":"work","value":"555-0100"},{"system":"phone","value":"555-0101"}]}"#,
        "name -//-/-/Ada Bell; phone 555-0101; at /Haverhill/-/-/-",
    );
    check(Form::Fhir, "Patient", r#"{"birthDate":"1984-02-29","gender":"male"}"#, "nobody");
    check(Form::Fhir, "Appointment", r#"{"identifier":[{"system":"a","value":"b"}]}"#, "nobody");
    check(Form::Fhir, "Patient", r#"{"name":{"family":"Bell"},"telecom":"x","address":[1]}"#, "nobody");
}

#[test]
fn salesforce_fields_of_each_person_object_are_taken() {
    check(
        Form::Salesforce,
        "contact",
        r#"{"Salutation":"Mrs.","FIRSTNAME":"Ada","MiddleName":"X","LastName":"Bell","Birthdate":"1984-02-29",
        "Email":"a@example.org","Phone":"1","MobilePhone":"2","HomePhone":"3","OtherPhone":"4","AssistantPhone":"5","Fax":"6",
        "Title":"Nurse","AssistantName":"Al","OtherStreet":"","OtherCity":"Salem","MailingStreet":"812 Kuhn","MailingCity":null,
        "MailingPostalCode":"01830","SSN__c":"999-53-8547","acme__MRN__c":"A17","Score__c":5,"Name":"Ada X Bell"}"#,
        "name Mrs./Ada+X/Bell/-/Ada X Bell; born 1984-02-29; mail a@example.org; phone 1; phone 2; phone 3; phone 4; phone 5; \
         phone 6; id ssn=999-53-8547; id mrn=A17; at /Salem/-/-/-; at 812 Kuhn/-/-/01830/-",
    );
    check(
        Form::Salesforce,
        "Account",
        r#"{"FirstName":"Ada","LastName":"Bell","PersonBirthdate":"1984-02-29","PersonEmail":"a@example.org",
        "PersonMobilePhone":"2","PersonMailingStreet":"812 Kuhn","PersonMailingCity":"Haverhill","SSN__pc":"999-53-8547"}"#,
        "name -/Ada/Bell/-/-; born 1984-02-29; mail a@example.org; phone 2; id ssn=999-53-8547; at 812 Kuhn/Haverhill/-/-/-",
    );
    check(Form::Salesforce, "Account", r#"{"Name":"Bell Inc","Phone":"1","BillingCity":"Salem"}"#, "nobody");
    check(
        Form::Salesforce,
        "Patient__c",
        r#"{"First_Name__c":"Ada","DOB__c":"x"}"#,
        "name -/Ada/-/-/-; born x",
    );
    check(Form::Salesforce, "Case", r#"{"SuppliedEmail":"a@example.org","Email":"a@example.org"}"#, "nobody");
}

#[test]
fn columns_that_identify_are_guessed_and_places_are_nobody() {
    check(
        Form::Table,
        "patients",
        r#"{"Id":"001ea705-d3ba-5329-0b27-a7fbde2f4007","BIRTHDATE":"1984-02-29","SSN":"999-53-8547","DRIVERS":"S99917151",
        "PASSPORT":"X34328801X","PREFIX":"Mrs.","FIRST":"Ada454","LAST":"Bell723","BIRTHPLACE":"Salem","ADDRESS":"812 Kuhn",
        "CITY":"Haverhill","STATE":"Massachusetts","COUNTY":"Essex","ZIP":"01830","LAT":"42.1"}"#,
        "name Mrs./Ada454/Bell723/-/-; born 1984-02-29; id uuid=001ea705-d3ba-5329-0b27-a7fbde2f4007; id ssn=999-53-8547; \
         id driving-licence=S99917151; id passport=X34328801X; at 812 Kuhn/Haverhill/Massachusetts/01830/-",
    );
    check(
        Form::Table,
        "people",
        r#"{"id":"7","Full Name":"Ada Bell","mobile phone":2125550143}"#,
        "name -//-/-/Ada Bell; phone 2125550143",
    );
    check(
        Form::Table,
        "organizations",
        r#"{"Id":"001ea705-d3ba-5329-0b27-a7fbde2f4007","NAME":"GENERAL HOSPITAL","ADDRESS":"1 Park St","CITY":"Salem","PHONE":"1"}"#,
        "nobody",
    );
    check(
        Form::Table,
        "claims",
        r#"{"Id":"001ea705-d3ba-5329-0b27-a7fbde2f4007","PATIENTID":"x","STATUS1":"CLOSED"}"#,
        "nobody",
    );
}

#[test]
fn given_roles_decide_alone() {
    let map = ColumnMap::new(
        [
            ("vorname", Role::GivenName),
            ("nachname", Role::FamilyName),
            ("email", Role::Covered),
            ("akte", Role::Identifier("http://h.example.org".to_owned())),
        ]
        .map(|(column, role)| (column.to_owned(), role))
        .into(),
    );
    let row = r#"{"vorname":"Ada","nachname":"Bell","email":"a@example.org","akte":"A17","city":"Salem"}"#;
    for form in [Form::Table, Form::Salesforce] {
        let record = record(form, "Kunde", row);
        let person = Person::with(&record, &map);
        assert_eq!(show(person.as_ref()), "name -/Ada/Bell/-/-; id http://h.example.org=A17");
    }
    let patient = record(Form::Fhir, "Patient", r#"{"name":[{"family":"Bell"}],"vorname":"x"}"#);
    assert_eq!(show(Person::with(&patient, &map).as_ref()), "name -//Bell/-/-");
    assert_eq!(show(Person::with(&record(Form::Table, "t", row), &ColumnMap::default()).as_ref()), "nobody");
}

#[test]
fn the_patient_segment_is_read_and_no_other() {
    check(
        Form::Hl7v2,
        "ADT^A01",
        r#"{"PID-3":"A17^^^HOSP&1.2.3&ISO^MR~999538547^^^USSSA^SS~B18^^^HOSP^PI~C19","PID-5":"Bell&van^Ada^X^Jr^Dr~Ode^Ada",
        "PID-7":"19840229","PID-11":"812&Kuhn Rapid^Apt 3^Haverhill^MA^01830^US^H","PID-13":"(212)555-0143^PRN~^NET^Internet^a@example.org",
        "PID-14":"^WPN^PH^^1^212^5550144","PID-18":"V1^^^HOSP","PID-19":"999-53-8547","PID-20":"S99917151^MA","PID[2]-5":"No^One",
        "NK1-2":"Mother^The"}"#,
        "name Dr/Ada+X/Bell/Jr/-; name -/Ada/Ode/-/-; born 19840229; mail a@example.org; phone (212)555-0143; \
         phone +1 212 5550144; id urn:oid:1.2.3=A17; id SS=999538547; id HOSP=B18; id =C19; id HOSP=V1; id ssn=999-53-8547; \
         id driving-licence=S99917151; at 812 Kuhn Rapid+Apt 3/Haverhill/MA/01830/US",
    );
    check(
        Form::Hl7v2,
        "ADT^A01",
        r#"{"PID-5":"O\\T\\Bell^\"\"","PID-5[2]":"Bell^A\\.br\\B\\S\\","PID-11":"^^","PID-7":"\"\""}"#,
        "name -//O&Bell/-/-; name -/A B^/Bell/-/-",
    );
    check(Form::Hl7v2, "ADT^A01", r#"{"NK1-2":"Mother^The"}"#, "nobody");
}

#[test]
fn values_are_bounded_in_length_and_number() {
    let long = "a".repeat(VALUE_BYTES_MAX + 1);
    check(
        Form::Salesforce,
        "Contact",
        &format!(r#"{{"LastName":"{long}","FirstName":"Ada"}}"#),
        "name -/Ada/-/-/-",
    );
    let many = vec![r#"{"value":"a@example.org"}"#; 1000].join(",");
    let members = format!(r#"{{"telecom":[{many}]}}"#);
    let record = record(Form::Fhir, "Patient", &members);
    assert_eq!(Person::of(&record).unwrap().emails.len(), VALUES_MAX);
}
