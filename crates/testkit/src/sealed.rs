//! A small dataset, sealed and logged: for tests that need a record with a genuine mark.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise, also here")]

use std::collections::BTreeMap;

use mark::{
    Authorship, BatchReceipt, DatasetFile, Draft, FieldList, Manifest, Mark, Method, Record, Salt, Source,
    Subject, Survey, TrustStore, checkpoint::Checkpoint, merkle, note::SignerKey, seal,
    tlog_proof::TlogProof,
};

/// What sealing gave: marks in the order of the records, and all that is needed to judge them.
#[derive(Debug)]
pub struct Sealed {
    /// One a record.
    pub marks: Vec<Mark>,
    /// The manifest and the batch's receipt.
    pub dataset: DatasetFile,
    /// The key of the log that holds the batch as its only entry.
    pub signer: SignerKey,
    /// Trusts that log for this dataset's subject, and knows the dataset.
    pub trust: TrustStore,
}

/// Seals records as synthetic in a log of their own, `generator.example/log`.
///
/// The same records give the same bytes every time: key, salt and moment are fixed.
///
/// Shape:  1 to 4,096 records of any forms -> as many marks.
pub fn synthetic(records: &[Record<'_>]) -> Sealed {
    let source = Source::Generator { name: "testkit".to_owned(), version: None };
    sealed(records, Subject::Synthetic, source, "generator.example/log", [1; 32])
}

/// Seals records as attested by the boundary `ehr`, in a log of their own, `ehr.example/log`.
pub fn attested(records: &[Record<'_>]) -> Sealed {
    let source = Source::SystemOfRecord { boundary: "ehr".to_owned() };
    sealed(records, Subject::Attested, source, "ehr.example/log", [2; 32])
}

/// Seals records in a log of this name and key.
///
/// Never:  draws randomness: salts are made from the key's bytes.
pub fn sealed(records: &[Record<'_>], subject: Subject, source: Source, log: &str, key: [u8; 32]) -> Sealed {
    let [first, ..] = key;
    let manifest = Manifest {
        name: "testkit".to_owned(),
        source,
        subject,
        authorship: Authorship::Algorithm,
        method: if subject == Subject::Attested { Method::Collected } else { Method::RuleBased },
        purposes: vec!["staging-testing".to_owned()],
        jurisdictions: Vec::new(),
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt: Salt([first; 16]),
        objects: field_lists(records),
    };
    let salt = (subject != Subject::Synthetic).then_some(Salt([first.wrapping_add(64); 16]));
    let drafts: Vec<_> = records.iter().map(|record| Draft { salt, ..Draft::new(record) }).collect();
    let sealed = seal(&manifest, 0, &drafts, MOMENT).expect("records that can be sealed");

    let signer = SignerKey::generate(log, key).expect("a name that can name a log");
    let entry = sealed.entry.to_bytes();
    let leaf = merkle::leaf_hash(&entry);
    let checkpoint = Checkpoint::new(log, 1, leaf).expect("the name was accepted above");
    let note = checkpoint.sign(&signer).expect("a checkpoint is a note");
    let entry = String::from_utf8(entry).expect("entries are JSON");
    let proof = TlogProof::new(0, Vec::new(), note).to_string();
    let dataset = DatasetFile { manifest, receipts: vec![BatchReceipt { entry, proof }] };

    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), [subject].into());
    trust.admit(&dataset).expect("its own log is trusted");
    Sealed { marks: sealed.marks, dataset, signer, trust }
}

/// When everything here was sealed.
const MOMENT: &str = "2026-11-21T00:00:00Z";

fn field_lists(records: &[Record<'_>]) -> BTreeMap<String, FieldList> {
    let mut survey = Survey::default();
    for record in records {
        survey.observe(record);
    }
    let identity = |_: &str, present: &[&str]| {
        let wanted = |name: &&&str| IDENTITY.iter().any(|id| id.eq_ignore_ascii_case(name));
        present.iter().filter(wanted).map(|name| (*name).to_owned()).collect()
    };
    survey.field_lists(identity).expect("names that can be covered")
}

/// What identifies, in all formats at once.
const IDENTITY: [&str; 7] =
    ["FirstName", "LastName", "Birthdate", "PersonBirthdate", "name", "PID-5", "PID-7"];

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use mark::{Claim, Form, Place, Reading, json::Json, judge};

    use super::*;

    #[test]
    fn what_is_sealed_here_is_judged_as_it_was_sealed() {
        let record = |mark: Option<String>| Record {
            form: Form::Salesforce,
            object: Cow::Borrowed("Contact"),
            fields: vec![(Cow::Borrowed("LastName"), Json::Text(Cow::Borrowed("Bell")))],
            mark: mark.map(Cow::Owned),
            claim: Claim::None,
        };
        for (sealed, want) in [
            (synthetic(&[record(None)]), "synthetic, intact"),
            (attested(&[record(None)]), "attested, intact"),
        ] {
            let marked = record(sealed.marks.first().map(Mark::to_text));
            let reading = Reading { place: Place::default(), content: Ok(marked) };
            assert_eq!(judge(&reading, &sealed.trust).to_string(), want);
        }
    }
}
