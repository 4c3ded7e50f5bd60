//! Invented people with genuine marks, the same in every process.

use std::borrow::Cow;

use carrier::{Labels, fhir, salesforce};
use mark::{Claim, Form, Record, Source, Subject, TrustStore, json};
use serde_json::{Value, json};
use testkit::sealed::{self, Sealed};

/// Rows of a table, and of the query's answer.
pub(crate) const CONTACTS: usize = 2_000;
/// Of these, so many are synthetic in the query's answer.
pub(crate) const HIDDEN: usize = 100;

/// What the gateway asks for beside what the client does.
const ASKED: [&str; 3] = ["Eosin_Mark__c", "Eosin_Synthetic__c", "Eosin_Subject__c"];

/// Salesforce contacts: what they are, and the marks of them as attested and as synthetic.
pub(crate) struct Contacts {
    texts: Vec<String>,
    pub(crate) attested: Sealed,
    pub(crate) synthetic: Sealed,
}

impl Contacts {
    pub(crate) fn new() -> Self {
        let texts: Vec<String> = (0..CONTACTS)
            .map(|number| {
                let year = 1930 + number % 80;
                json!({
                    "FirstName": format!("Ada{number}"),
                    "LastName": "Zzyzx",
                    "Birthdate": format!("{year}-02-{:02}", 1 + number % 28),
                    "Phone": format!("555-01{:02}", number % 100),
                    "Email": format!("ada{number}@example.org"),
                })
                .to_string()
            })
            .collect();
        let records: Vec<Record<'_>> = texts.iter().map(|text| contact(text)).collect();
        let source = Source::SystemOfRecord { boundary: "crm".to_owned() };
        let attested = sealed::sealed(&records, Subject::Attested, source, "crm.example/log", [3; 32]);
        let synthetic = sealed::synthetic(&records);
        Self { texts, attested, synthetic }
    }

    /// A row of JSON with its labels.
    pub(crate) fn row(&self, sealed: &Sealed, at: usize) -> String {
        let row = salesforce::place(self.texts[at].as_bytes(), &Labels::of(&sealed.marks[at])).unwrap();
        String::from_utf8(row).unwrap()
    }

    /// The attested rows as a table: its header, and one line each.
    pub(crate) fn table(&self) -> (String, Vec<String>) {
        let mut bare = csv_line(&["FirstName", "LastName", "Birthdate", "Phone", "Email"]);
        for text in &self.texts {
            let row: Value = serde_json::from_str(text).unwrap();
            let cells: Vec<&str> =
                row.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
            bare.push_str(&csv_line(&cells));
        }
        let mut labelled = Vec::new();
        let labels = self.attested.marks.iter().map(Labels::of);
        salesforce::place_csv(bare.as_bytes(), &mut labelled, labels).unwrap();
        let labelled = String::from_utf8(labelled).unwrap();
        let mut lines = labelled.split_inclusive('\n').map(str::to_owned);
        let header = lines.next().unwrap();
        let lines: Vec<String> = lines.collect();
        assert_eq!(lines.len(), CONTACTS);
        (header, lines)
    }

    /// What a query answers: rows as the org has them, with their marks if these were asked for.
    pub(crate) fn answer(&self, with_marks: bool) -> String {
        let rows: Vec<String> = (0..CONTACTS)
            .map(|at| {
                let is_hidden = at % (CONTACTS / HIDDEN) == 0;
                let sealed = if is_hidden { &self.synthetic } else { &self.attested };
                let id = salesforce::RecordId::parse(&format!("003Ey0000{at:06}")).unwrap().long();
                let mut row: Value = serde_json::from_str(&self.row(sealed, at)).unwrap();
                let own = row.as_object_mut().unwrap();
                own.retain(|name, _| {
                    !name.starts_with("Eosin_") || with_marks && ASKED.contains(&name.as_str())
                });
                let url = format!("/services/data/v67.0/sobjects/Contact/{id}");
                let mut whole = json!({ "attributes": { "type": "Contact", "url": url }, "Id": id });
                whole.as_object_mut().unwrap().append(own);
                whole.to_string()
            })
            .collect();
        format!(r#"{{"totalSize":{CONTACTS},"done":true,"records":[{}]}}"#, rows.join(","))
    }
}

fn csv_line(cells: &[&str]) -> String {
    cells.join(",") + "\n"
}

fn contact(text: &str) -> Record<'_> {
    let Ok(json::Json::Object(fields)) = json::parse(text.as_bytes()) else { panic!("an object") };
    Record {
        form: Form::Salesforce,
        object: Cow::Borrowed("Contact"),
        fields,
        mark: None,
        claim: Claim::None,
    }
}

/// An attested patient of about 2.2 KB with the mark in place.
pub(crate) fn patient() -> (Vec<u8>, Sealed) {
    let patient = patient_text("Ada");
    let limits =
        carrier::Limits { body_bytes: carrier::Limits::BODY_BYTES, records: carrier::Limits::RECORDS };
    let readings = fhir::read_document(patient.as_bytes(), &limits);
    let record: &Record<'_> = readings.records[0].content.as_ref().expect("a patient");
    let sealed = sealed::attested(&[Record { mark: None::<Cow<'_, str>>, ..record.clone() }]);
    let marked = fhir::place(patient.as_bytes(), &Labels::of(&sealed.marks[0])).unwrap();
    (marked, sealed)
}

fn patient_text(given: &str) -> String {
    let addresses: Vec<String> = (0..17)
        .map(|number| {
            format!(
                r#"{{"use":"old","line":["{number} Sample Street"],"city":"Example","state":"AL","postalCode":"000{number:02}"}}"#
            )
        })
        .collect();
    format!(
        r#"{{"resourceType":"Patient","active":true,"name":[{{"family":"Zzyzx","given":["{given}"]}}],"birthDate":"1984-02-29","telecom":[{{"system":"phone","value":"555-0100"}}],"address":[{}]}}"#,
        addresses.join(",")
    )
}

/// Patients of about 2.2 KB each: what they are, and the marks of them as attested and as synthetic.
pub(crate) struct Patients {
    texts: Vec<String>,
    attested: Sealed,
    synthetic: Sealed,
}

/// Patients of the transaction: with their marks and entries it is 1 MB.
pub(crate) const BUNDLED: usize = 350;
/// Patients that the search finds.
pub(crate) const FOUND: usize = 1_000;
/// Of these, so many are synthetic.
pub(crate) const HIDDEN_FOUND: usize = 50;

impl Patients {
    pub(crate) fn new() -> Self {
        let limits =
            carrier::Limits { body_bytes: carrier::Limits::BODY_BYTES, records: carrier::Limits::RECORDS };
        let texts: Vec<String> = (0..FOUND).map(|number| patient_text(&format!("Ada{number}"))).collect();
        let readings: Vec<_> =
            texts.iter().map(|text| fhir::read_document(text.as_bytes(), &limits)).collect();
        let records: Vec<Record<'_>> =
            readings.iter().map(|one| one.records[0].content.clone().expect("a patient")).collect();
        let source = Source::SystemOfRecord { boundary: "ehr".to_owned() };
        let attested = sealed::sealed(&records, Subject::Attested, source, "ehr.example/log", [5; 32]);
        let source = Source::Generator { name: "bench".to_owned(), version: None };
        let synthetic =
            sealed::sealed(&records, Subject::Synthetic, source, "generator.example/bench", [6; 32]);
        Self { texts, attested, synthetic }
    }

    fn marked(&self, sealed: &Sealed, at: usize) -> String {
        let text = fhir::place(self.texts[at].as_bytes(), &Labels::of(&sealed.marks[at])).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Some of them, attested, to be made at once.
    pub(crate) fn transaction(&self) -> Vec<u8> {
        let entry = |at| {
            let resource = self.marked(&self.attested, at);
            format!(r#"{{"resource":{resource},"request":{{"method":"POST","url":"Patient"}}}}"#)
        };
        let entries: Vec<String> = (0..BUNDLED).map(entry).collect();
        format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","))
            .into_bytes()
    }

    /// What a search answers that finds all of them.
    pub(crate) fn found(&self) -> String {
        let entry = |at| {
            let is_hidden = at % (FOUND / HIDDEN_FOUND) == 0;
            let resource = self.marked(if is_hidden { &self.synthetic } else { &self.attested }, at);
            let resource = resource.replacen('{', &format!(r#"{{"id":"{at}","#), 1);
            format!(r#"{{"resource":{resource},"search":{{"mode":"match"}}}}"#)
        };
        let entries: Vec<String> = (0..FOUND).map(entry).collect();
        format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#, entries.join(","))
    }

    fn trusted(&self, trust: &mut TrustStore) {
        for (sealed, subject) in [(&self.attested, Subject::Attested), (&self.synthetic, Subject::Synthetic)]
        {
            trust.trust(sealed.signer.verifier().clone(), [subject].into());
            trust.admit(&sealed.dataset).unwrap();
        }
    }
}

/// Trusts the logs of all of them, each for what it is.
pub(crate) fn trust() -> TrustStore {
    let contacts = Contacts::new();
    let mut trust = patient().1.trust;
    for (sealed, subject) in
        [(&contacts.attested, Subject::Attested), (&contacts.synthetic, Subject::Synthetic)]
    {
        trust.trust(sealed.signer.verifier().clone(), [subject].into());
        trust.admit(&sealed.dataset).unwrap();
    }
    Patients::new().trusted(&mut trust);
    trust
}
