//! One record of every verdict, with genuine marks: sealed, logged in a log of one entry, and judged.

use std::{borrow::Cow, collections::BTreeSet};

use mark::{
    Authorship, BatchReceipt, Claim, DatasetFile, Draft, Form, Manifest, Mark, Method, Place, Proof, Reading,
    Record, Salt, Source, Subject, Survey, TrustStore, Unreadable, Verdict, checkpoint::Checkpoint,
    json::Json, judge, merkle, note::SignerKey, seal, tlog_proof::TlogProof,
};

/// The name that must be nowhere.
pub(crate) const CANARY: &str = "Canary Zzyzx-7";

fn person(name: &'static str, phone: &'static str) -> Record<'static> {
    let field =
        |name: &'static str, value: &'static str| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value)));
    Record {
        form: Form::Salesforce,
        object: Cow::Borrowed("Contact"),
        fields: vec![field("LastName", name), field("Phone", phone)],
        mark: None,
        claim: Claim::None,
    }
}

fn canary() -> Record<'static> {
    person(CANARY, "555-0100")
}

/// Seals the canary; `trust` then knows her dataset.
fn sealed(
    subject: Subject,
    source: Source,
    jurisdictions: &[&str],
    parents: &[&Proof],
    trust: &mut TrustStore,
) -> Mark {
    let record = canary();
    let mut survey = Survey::default();
    survey.observe(&record);
    let manifest = Manifest {
        name: format!("one {subject} person"),
        source,
        subject,
        authorship: Authorship::Algorithm,
        method: Method::RuleBased,
        purposes: vec!["staging-testing".to_owned()],
        jurisdictions: jurisdictions.iter().map(|&code| code.to_owned()).collect(),
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt: Salt([7; 16]),
        objects: survey.field_lists(|_: &str, _: &[&str]| vec!["LastName".to_owned()]).unwrap(),
    };
    let salt = (subject != Subject::Synthetic).then_some(Salt([8; 16]));
    let draft = Draft { salt, parents: parents.to_vec(), ..Draft::new(&record) };
    let mut sealed = seal(&manifest, 0, &[draft], "2026-11-21T00:00:00Z").unwrap();

    let signer = SignerKey::generate(&format!("{subject}.example/log"), [1; 32]).unwrap();
    let entry = sealed.entry.to_bytes();
    let checkpoint = Checkpoint::new(signer.name(), 1, merkle::leaf_hash(&entry)).unwrap();
    let proof = TlogProof::new(0, Vec::new(), checkpoint.sign(&signer).unwrap()).to_string();
    let receipt = BatchReceipt { entry: String::from_utf8(entry).unwrap(), proof };
    trust.trust(signer.verifier().clone(), BTreeSet::from([subject]));
    trust.admit(&DatasetFile { manifest, receipts: vec![receipt] }).unwrap();
    sealed.marks.remove(0)
}

fn judged(record: Record<'static>, mark: Option<&Mark>, trust: &TrustStore) -> Verdict {
    let record = Record { mark: mark.map(|mark| Cow::Owned(mark.to_text())), ..record };
    judge(&Reading { place: Place::default(), content: Ok(record) }, trust)
}

fn generator() -> Source {
    Source::Generator { name: "hand".to_owned(), version: None }
}

/// A synthetic record whose dataset may be kept in these jurisdictions only.
pub(crate) fn synthetic_kept_in(jurisdictions: &[&str]) -> Verdict {
    let mut trust = TrustStore::default();
    let mark = sealed(Subject::Synthetic, generator(), jurisdictions, &[], &mut trust);
    judged(canary(), Some(&mark), &trust)
}

/// One record of every verdict, and the variants of some.
pub(crate) fn every_verdict() -> Vec<Verdict> {
    let mut trust = TrustStore::default();
    let synthetic = sealed(Subject::Synthetic, generator(), &[], &[], &mut trust);
    let ehr = Source::SystemOfRecord { boundary: "ehr".to_owned() };
    let attested = sealed(Subject::Attested, ehr, &[], &[], &mut trust);
    let proofs: Vec<Verdict> =
        [&synthetic, &attested].map(|mark| judged(canary(), Some(mark), &trust)).into_iter().collect();
    let parents: Vec<&Proof> = proofs.iter().filter_map(Verdict::proof).collect();
    let mixed =
        sealed(Subject::Mixed, Source::Derivation { tool: "merge".to_owned() }, &[], &parents, &mut trust);

    let edited = || person(CANARY, "555-0199");
    let mut flipped = synthetic.clone();
    flipped.index = 9;
    let claiming = Record { claim: Claim::Synthetic, ..canary() };
    let unreadable = Reading { place: Place::default(), content: Err(Unreadable::TooLong { limit: 9 }) };
    vec![
        judged(canary(), Some(&synthetic), &trust),
        judged(edited(), Some(&synthetic), &trust),
        judged(canary(), Some(&attested), &trust),
        judged(edited(), Some(&attested), &trust),
        judged(canary(), Some(&mixed), &trust),
        judged(canary(), None, &trust),
        judged(claiming, None, &trust),
        judged(person("Somebody Else", "555-0100"), Some(&synthetic), &trust),
        judged(canary(), Some(&flipped), &trust),
        judged(canary(), Some(&synthetic), &TrustStore::default()),
        judge(&unreadable, &trust),
    ]
}
