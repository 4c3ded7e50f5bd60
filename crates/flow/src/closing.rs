//! The end of a delivery: its entry in the ledger, the manifest for whoever got the file, and its certificate.
//!
//! Source: spec/deliveries.md.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use certificate::{
    FileRead, JudgedAgainst, LEAVES_OF_BYTES, Predicate, Receipt, RecogniserUsed, RegistryUsed, Rule,
    Statement, Subject, SubjectDigest, canonical_of, says, subjects_commitment,
};
use jiff::{Timestamp, tz::Offset};
use ledger::AskError;
use mark::{Salt, digest::sha256, dsse::key_hint, note::SignerKey};
use serde::Serialize;

use crate::{
    archived::Member,
    attest::Salts,
    delivery::{FileDelivery, Tally},
    entry::EntryKind,
    recognition::Recognition,
    world::Flow,
};

/// What certifies delivered files: the ledger's own key, and a source of salts.
pub struct Certifier {
    signer: SignerKey,
    salts: Salts,
    /// The snapshot of the registry that was last read whole.
    verified: Mutex<Option<RegistryUsed>>,
}

/// What a delivery ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The manifest, as JSON.
    pub manifest: Vec<u8>,
    /// The certificate, where there may be one.
    pub certificate: Option<Vec<u8>>,
}

/// Why a delivery was not closed.
#[derive(Debug, thiserror::Error)]
pub enum NotClosed {
    /// Nothing is certified here.
    #[error("no key certifies what is delivered here")]
    NoCertifier,
    /// The ledger did not take an entry, or did not prove it.
    #[error("the ledger could not record the delivery")]
    Ledger,
    /// The registry's table is not what was written.
    #[error("the registry cannot be believed, so nothing can be certified against it")]
    Registry,
    /// What was made would not verify.
    #[error("the certificate would not verify: {0}")]
    Unsound(String),
}

/// Who may be told how much was withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// Only whoever reads the ledger: the number would tell the client what it may not know.
    InLedger,
    /// Whoever fetches the manifest too.
    Told,
}

impl Certifier {
    /// What certifies with the ledger's key.
    pub fn new(signer: SignerKey, salts: Salts) -> Self {
        Self { signer, salts, verified: Mutex::default() }
    }

    /// The name of the log whose key signs.
    pub(crate) fn log(&self) -> &str {
        self.signer.verifier().name()
    }

    pub(crate) fn salt(&self) -> Option<Salt> {
        (self.salts)()
    }

    /// What is asked, the registry read whole once for each of its snapshots.
    fn registry(&self, recognition: &Recognition) -> Result<Option<RegistryUsed>, NotClosed> {
        let Some(registry) = recognition.registry() else { return Ok(None) };
        let root = registry.snapshot().root.to_hex();
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = verified.as_ref().filter(|known| known.root == root) {
            return Ok(Some(known.clone()));
        }
        let snapshot = registry.verify().map_err(|_| NotClosed::Registry)?;
        let used = RegistryUsed {
            entries: snapshot.entries,
            generation: snapshot.generation,
            key: snapshot.key.to_string(),
            root: snapshot.root.to_hex(),
        };
        *verified = Some(used.clone());
        Ok(Some(used))
    }
}

impl Flow {
    /// Ends a delivery that reached its end: the entry that says what it was, then the certificate, if what was shown may
    /// have one, then the manifest.
    ///
    /// Shape:  every piece was recorded and sent -> what may be fetched from now on.
    /// Errors: [`NotClosed`]: there is neither manifest nor certificate.
    /// Never:  call it on an async worker: it waits for the disk.
    /// Source: spec/deliveries.md sections 3 to 5.
    #[expect(clippy::needless_pass_by_value, reason = "a delivery is closed once")]
    pub fn close_delivery(&self, delivery: FileDelivery, told: Withheld) -> Result<Closed, NotClosed> {
        let certifier = self.certifier.as_ref().filter(|_| !delivery.id.is_empty());
        let certifier = certifier.ok_or(NotClosed::NoCertifier)?;
        let sha256 = delivery.digest.clone().finish().to_hex();
        let entry = self.delivery_entry(&delivery, &sha256);
        let place = self.log(entry)?;
        let is_certified = delivery.against.total() == 0;
        let certificate = if delivery.shown.total() > 0 && is_certified {
            let statement = self.stated(certifier, &delivery, &sha256)?;
            Some(statement.sign(&certifier.signer).map_err(NotClosed::Unsound)?)
        } else {
            None
        };
        let manifest = Manifest::of(&delivery, &sha256, certificate.as_deref(), told, place.as_str());
        let mut manifest = canonical_of(&manifest);
        manifest.push(b'\n');
        Ok(Closed { manifest, certificate })
    }

    fn delivery_entry(&self, delivery: &FileDelivery, sha256: &str) -> Vec<u8> {
        let (files, subject) = named(delivery, sha256);
        canonical_of(&DeliveryEntry {
            at: &self.clock.now().at,
            boundary: &delivery.reader.boundary.name,
            bytes: delivery.bytes,
            client: &delivery.reader.client,
            eosin: EntryKind::Delivery.as_str(),
            policy: delivery.policies.version(),
            read: delivery.rows(),
            route: delivery.file.route,
            shown: delivery.shown.named(),
            subjects: subjects_commitment(delivery.salt, &files, &subject),
            withheld: delivery.withheld.named(),
        })
    }

    /// Commits an entry and waits for it; its place.
    fn log(&self, entry: Vec<u8>) -> Result<String, NotClosed> {
        let pending = self.appender.append((), entry).map_err(|_| NotClosed::Ledger)?;
        let logged = pending.wait().map_err(|_| NotClosed::Ledger)?;
        Ok(format!("{}#{}", logged.origin(), logged.index()))
    }

    fn stated(
        &self,
        certifier: &Certifier,
        delivery: &FileDelivery,
        sha256: &str,
    ) -> Result<Statement, NotClosed> {
        let judged_against = judged_against(certifier, delivery)?;
        let (files, subject) = named(delivery, sha256);
        let counts = delivery.shown.named();
        let predicate = Predicate {
            at: self.second(),
            boundary: Some(delivery.reader.boundary.name.clone()),
            content_root: delivery.leaves.root().to_hex(),
            says: says(&counts, delivery.suspected, &judged_against),
            records: delivery.shown.total(),
            counts,
            files,
            judged_against,
            leaves: Some(LEAVES_OF_BYTES.to_owned()),
            receipt: Receipt::default(),
            rule: Rule::default().as_str().to_owned(),
            salt: delivery.salt,
            signer: key_hint(certifier.signer.verifier()),
            suspected: delivery.suspected,
        };
        let mut statement = Statement::new(subject, predicate);
        let entry = statement.entry();
        let pending = self.appender.append((), entry.clone()).map_err(|_| NotClosed::Ledger)?;
        let index = pending.wait().map_err(|_| NotClosed::Ledger)?.index();
        let proof = self.appender.prove(index).map_err(|_: AskError| NotClosed::Ledger)?;
        let entry = String::from_utf8(entry).map_err(|error| NotClosed::Unsound(error.to_string()))?;
        statement.predicate.receipt = Receipt { entry, proof: proof.to_string() };
        Ok(statement)
    }

    /// The moment, to the second, as certificates write it.
    fn second(&self) -> String {
        let moment = Timestamp::from_second(self.clock.seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("{}Z", Offset::UTC.to_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

fn judged_against(certifier: &Certifier, delivery: &FileDelivery) -> Result<JudgedAgainst, NotClosed> {
    let mut logs: Vec<String> = delivery.trust.logs().map(|(name, _)| name.to_owned()).collect();
    logs.sort();
    logs.dedup();
    let recognition = &delivery.recognition;
    let recogniser = recognition.recogniser().map(|recogniser| RecogniserUsed {
        threshold_decibits: recognition.suspected_from_decibits(),
        version: recogniser.version().to_owned(),
    });
    let registry = certifier.registry(recognition)?;
    Ok(JudgedAgainst { logs, policy: delivery.policies.version().to_owned(), recogniser, registry })
}

/// The file as certificates name it: how to read it, and what it is.
fn named(delivery: &FileDelivery, sha256: &str) -> (Vec<FileRead>, Vec<Subject>) {
    let file = &delivery.file;
    let read = |format: &str, name: String, object: &Option<String>, records: u64| FileRead {
        columns: BTreeMap::new(),
        format: format.to_owned(),
        name,
        object: object.clone(),
        records,
    };
    let subject = Subject { digest: SubjectDigest { sha256: sha256.to_owned() }, name: file.name.clone() };
    let Some(members) = &delivery.members else {
        let whole = read(file.format, file.name.clone(), &file.object, delivery.shown.total());
        return (vec![whole], vec![subject]);
    };
    let delivered = members.iter().filter(|member| member.is_delivered);
    let reads = delivered.map(|member| {
        let name = format!("{}/{}", file.name, member.name);
        read(member.format.unwrap_or(UNREAD), name, &member.object, member.shown.total())
    });
    (reads.collect(), vec![subject])
}

/// What an entry of an archive is called that is no table.
const UNREAD: &str = "unread";

#[derive(Serialize)]
struct DeliveryEntry<'a> {
    at: &'a str,
    boundary: &'a str,
    bytes: u64,
    client: &'a str,
    eosin: &'static str,
    policy: &'a str,
    read: u64,
    route: &'static str,
    shown: BTreeMap<String, u64>,
    subjects: String,
    withheld: BTreeMap<String, u64>,
}

/// What whoever got a file is told of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    boundary: &'a str,
    bytes: u64,
    certificate: Certified,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Told<'a>>>,
    eosin: &'static str,
    entry: &'a str,
    file: &'a str,
    format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    records: u64,
    sha256: &'a str,
    shown: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<BTreeMap<String, u64>>,
}

/// What whoever got an archive is told of an entry.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    records: u64,
    shown: BTreeMap<String, u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<BTreeMap<String, u64>>,
}

impl<'a> Told<'a> {
    /// What is told of an entry; of one that did not leave nothing, unless how much was withheld is told too.
    fn of(member: &'a Member, told: Withheld) -> Option<Self> {
        let tells = told == Withheld::Told;
        let (records, withheld) = (member.shown.total(), member.withheld.total());
        (member.is_delivered || tells).then(|| Self {
            file: &member.name,
            format: member.format.unwrap_or(UNREAD),
            object: member.object.as_deref(),
            read: tells.then_some(records + withheld),
            records,
            shown: member.shown.named(),
            state: if member.is_delivered { "delivered" } else { "withheld" },
            withheld: tells.then(|| member.withheld.named()),
        })
    }
}

/// What there is of a certificate.
#[derive(Serialize)]
struct Certified {
    /// What of the file stands against one, by verdict.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    against: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    state: &'static str,
}

impl<'a> Manifest<'a> {
    fn of(
        delivery: &'a FileDelivery,
        sha256_hex: &'a str,
        certificate: Option<&[u8]>,
        told: Withheld,
        entry: &'a str,
    ) -> Self {
        let count = |tally: &Tally| (told == Withheld::Told).then(|| tally.total());
        let records = delivery.shown.total();
        let state = match certificate {
            Some(_) => "written",
            None if records == 0 => "nothing to certify",
            None => "refused",
        };
        Self {
            boundary: &delivery.reader.boundary.name,
            bytes: delivery.bytes,
            certificate: Certified {
                against: delivery.against.present(),
                sha256: certificate.map(|bytes| sha256(&[bytes]).to_hex()),
                state,
            },
            entries: delivery
                .members
                .as_ref()
                .map(|members| members.iter().filter_map(|member| Told::of(member, told)).collect()),
            eosin: EntryKind::Delivery.as_str(),
            entry,
            file: &delivery.file.name,
            format: delivery.file.format,
            object: delivery.file.object.as_deref(),
            read: count(&delivery.withheld).map(|withheld| withheld + records),
            records,
            sha256: sha256_hex,
            shown: delivery.shown.named(),
            withheld: (told == Withheld::Told).then(|| delivery.withheld.named()),
        }
    }
}

impl fmt::Debug for Certifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certifier({})", self.signer.name())
    }
}
