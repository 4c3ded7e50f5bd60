//! The demo's people: Synthea patients, as FHIR resources and as Salesforce contacts, sealed as datasets.

use carrier::{Labels, Limits, fhir, salesforce};
use ledger::Ledger;
use mark::{
    Authorship, BatchReceipt, DatasetFile, Draft, Manifest, Method, Record, Source, Subject, Survey, seal,
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{Fingerprint, Person, RegistryKey, fingerprints};
use serde_json::{Value, json};

use crate::keys;

/// Twelve patients that Synthea made, one FHIR resource a line.
const PATIENTS: &str = include_str!("../../../../fixtures/fhir/patients.ndjson");

/// A sealed dataset: its records with their marks in place, and the file that proves them.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// FHIR Patients, marked.
    pub(crate) patients: Vec<String>,
    /// The same people as Salesforce Contacts, marked; none for attested people.
    pub(crate) contacts: Vec<String>,
    /// The manifest with its receipts.
    pub(crate) file: DatasetFile,
    /// Where the batch stands in its ledger.
    pub(crate) place: String,
}

/// The fixture's patients from `skip` on, `take` of them, as JSON lines.
pub(crate) fn patients(skip: usize, take: usize) -> Vec<&'static str> {
    PATIENTS.lines().skip(skip).take(take).collect()
}

/// Seals patients, and contacts made of them if `contacts`, as one dataset in `ledger`.
pub(crate) fn sealed(
    name: &str,
    source: Source,
    patients: &[&str],
    contacts: bool,
    ledger: &mut Ledger,
    now: &str,
) -> miette::Result<Sealed> {
    let contacts: Vec<String> = if contacts {
        patients.iter().map(|line| contact(line)).collect::<miette::Result<_>>()?
    } else {
        Vec::new()
    };
    let records = patients
        .iter()
        .map(|line| patient_record(line))
        .chain(contacts.iter().map(|line| contact_record(line)))
        .collect::<miette::Result<Vec<Record<'_>>>>()?;
    let mut survey = Survey::default();
    for record in &records {
        survey.observe(record);
    }
    let attested = matches!(source, Source::SystemOfRecord { .. });
    let manifest = Manifest {
        name: name.to_owned(),
        source,
        subject: if attested { Subject::Attested } else { Subject::Synthetic },
        authorship: if attested { Authorship::Human } else { Authorship::Algorithm },
        method: if attested { Method::Collected } else { Method::RuleBased },
        purposes: vec!["staging-testing".to_owned()],
        jurisdictions: Vec::new(),
        generated_at: Some(now.to_owned()),
        retain_until: None,
        operator: Some("eosin demo".to_owned()),
        parameters_digest: None,
        seed_commitment: None,
        salt: keys::salt()?,
        objects: survey.field_lists(identity).map_err(|fault| miette!("{fault}"))?,
    };
    let mut drafts = Vec::with_capacity(records.len());
    for record in &records {
        let salt = if attested { Some(keys::salt()?) } else { None };
        drafts.push(Draft { salt, ..Draft::new(record) });
    }
    let batch = seal(&manifest, 0, &drafts, now).into_diagnostic()?;
    let entry = batch.entry.to_bytes();
    let logged = ledger.commit(vec![()], |()| entry.clone()).into_diagnostic()?;
    let logged = logged.first().ok_or_else(|| miette!("the ledger gave no place"))?;
    let proof = ledger.prove(logged.index()).into_diagnostic()?.to_string();
    let entry = String::from_utf8(entry).into_diagnostic()?;
    let file = DatasetFile { manifest, receipts: vec![BatchReceipt { entry, proof }] };
    let (for_patients, for_contacts) = batch.marks.split_at(patients.len());
    let placed = |marks: &[mark::Mark], lines: Vec<&str>, place: Placing<'_>| {
        let pairs = marks.iter().zip(lines);
        pairs
            .map(|(mark, line)| {
                String::from_utf8(place(line.as_bytes(), &Labels::of(mark))?).into_diagnostic()
            })
            .collect::<miette::Result<Vec<String>>>()
    };
    Ok(Sealed {
        patients: placed(for_patients, patients.to_vec(), &|line, labels| {
            fhir::place(line, labels).into_diagnostic()
        })?,
        contacts: placed(for_contacts, contacts.iter().map(String::as_str).collect(), &|line, labels| {
            salesforce::place(line, labels).into_diagnostic()
        })?,
        file,
        place: format!("{}#{}", logged.origin(), logged.index()),
    })
}

/// How a carrier writes labels into a record.
type Placing<'p> = &'p dyn Fn(&[u8], &Labels) -> miette::Result<Vec<u8>>;

fn identity(object: &str, present: &[&str]) -> Vec<String> {
    if object == "Contact" {
        salesforce::identity_fields(object, present)
    } else {
        fhir::identity_elements(object, present)
    }
}

fn patient_record(line: &str) -> miette::Result<Record<'_>> {
    let limits = Limits { body_bytes: 1 << 20, records: 1 };
    let reading = fhir::read_document(line.as_bytes(), &limits).records.into_iter().next();
    reading.ok_or_else(|| miette!("a line of the fixture holds no resource"))?.content.into_diagnostic()
}

/// The keyed fingerprints of a patient.
pub(crate) fn fingerprints_of(line: &str, key: &RegistryKey) -> miette::Result<Vec<Fingerprint>> {
    let record = patient_record(line)?;
    let person = Person::of(&record).ok_or_else(|| miette!("a patient of the fixture identifies nobody"))?;
    Ok(fingerprints(&person, key).into_iter().map(|(_, fingerprint)| fingerprint).collect())
}

fn contact_record(line: &str) -> miette::Result<Record<'_>> {
    let limits = Limits { body_bytes: 1 << 20, records: 1 };
    let reading = salesforce::read_file(line.as_bytes(), Some("Contact"), &limits).records.into_iter().next();
    reading.ok_or_else(|| miette!("a contact could not be read back"))?.content.into_diagnostic()
}

/// The contact that an integration would make of a FHIR Patient.
fn contact(patient: &str) -> miette::Result<String> {
    let patient: Value = serde_json::from_str(patient).into_diagnostic().wrap_err("a line of the fixture")?;
    let text = |pointer: &str| patient.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    Ok(json!({
        "attributes": {"type": "Contact"},
        "FirstName": text("/name/0/given/0"),
        "LastName": text("/name/0/family"),
        "Birthdate": text("/birthDate"),
        "Phone": text("/telecom/0/value"),
        "MailingStreet": text("/address/0/line/0"),
        "MailingCity": text("/address/0/city"),
        "MailingState": text("/address/0/state"),
        "MailingPostalCode": text("/address/0/postalCode"),
    })
    .to_string())
}
