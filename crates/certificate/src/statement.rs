//! What a certificate states, as it is written; and the ledger entry and the sentences that follow from it.
//!
//! Source: spec/certificate.md.

use std::collections::BTreeMap;

use mark::{
    Claim, Salt, Strength, Verdict, VerdictName, canonical, digest::sha256, dsse::Envelope, json,
    note::SignerKey,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::sentences::are_said;

/// The type of a certificate's payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://eosin.example/certificate/v1";
const ENTRY_KIND: &str = "certificate@1";
/// The word in [`Predicate::leaves`] where the content root is over the bytes of records, and not over what was read
/// of them.
pub const LEAVES_OF_BYTES: &str = "bytes";

/// An in-toto Statement with our predicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// What is stated.
    pub predicate: Predicate,
    #[serde(rename = "predicateType")]
    predicate_kind: String,
    /// The files that it is stated of.
    pub subject: Vec<Subject>,
}

/// One file that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What tells it from every other file.
    pub digest: SubjectDigest,
    /// What it was called.
    pub name: String,
}

/// The digest of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// In hex.
    pub sha256: String,
}

/// What is stated of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predicate {
    /// When, in UTC.
    pub at: String,
    /// The boundary that it was certified for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// The root over all records, in hex.
    pub content_root: String,
    /// Records by verdict, all nine words.
    pub counts: BTreeMap<String, u64>,
    /// What was read, in order.
    pub files: Vec<FileRead>,
    /// What was asked about each record.
    pub judged_against: JudgedAgainst,
    /// What the leaves of the content root are made of, where it is not what was read: [`LEAVES_OF_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
    /// The ledger's receipt.
    pub receipt: Receipt,
    /// How many records there are.
    pub records: u64,
    /// The word of a [`Rule`].
    pub rule: String,
    /// What the content root and the ledger's commitment to the files are salted with.
    pub salt: Salt,
    /// What the counts mean; see [`crate::says`].
    pub says: Vec<String>,
    /// The key that signs, as `name+hash`.
    pub signer: String,
    /// The suspected records by strength.
    pub suspected: Suspected,
}

/// How one file, or one member of an archive, was read: what it takes to read it again in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRead {
    /// What columns of a table hold, by the words of `spec/identity.md`, where somebody said: who its rows are about was
    /// read by it. Empty where their names were all that was known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// What it holds, in words.
    pub format: String,
    /// The subject's name; of a member, with a slash and its name in the archive.
    pub name: String,
    /// What the rows of a table are, where it had to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// How many records it holds.
    pub records: u64,
}

/// What the records were judged against. Absence is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedAgainst {
    /// The names of the trusted logs, sorted.
    pub logs: Vec<String>,
    /// The version of the policies.
    pub policy: String,
    /// The recognisers, or null: generators were not looked for.
    #[serde(deserialize_with = "stated")]
    pub recogniser: Option<RecogniserUsed>,
    /// The registry, or null: there was none.
    #[serde(deserialize_with = "stated")]
    pub registry: Option<RegistryUsed>,
}

/// A member that may be null and may not be left out.
fn stated<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(reader)
}

/// The recognisers that were asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecogniserUsed {
    /// From how many tenths of a bit on a suspicion is strong.
    pub threshold_decibits: i32,
    /// Their version.
    pub version: String,
}

/// The registry snapshot that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryUsed {
    /// How many fingerprints it holds.
    pub entries: u64,
    /// Which of its snapshots it is.
    pub generation: u64,
    /// The name of the key that its fingerprints are made with.
    pub key: String,
    /// The root over its table, in hex.
    pub root: String,
}

/// The ledger's receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The entry's bytes, as text.
    pub entry: String,
    /// Its `c2sp.org/tlog-proof@v1`.
    pub proof: String,
}

/// The suspected records by strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspected {
    /// Strongly.
    pub strong: u64,
    /// Weakly.
    pub weak: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary: Option<&'a str>,
    content_root: &'a str,
    counts: &'a BTreeMap<String, u64>,
    eosin: &'static str,
    judged_against: &'a JudgedAgainst,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves: Option<&'a str>,
    records: u64,
    rule: &'a str,
    subjects: String,
    suspected: Suspected,
}

impl Statement {
    /// The statement of these files.
    pub fn new(subject: Vec<Subject>, predicate: Predicate) -> Self {
        let (kind, predicate_kind) = (STATEMENT_TYPE.to_owned(), PREDICATE_TYPE.to_owned());
        Self { kind, predicate, predicate_kind, subject }
    }

    /// Reads a statement and checks that it is in itself what the specification asks for.
    ///
    /// Errors: a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let statement: Self = strictly(bytes)?;
        if statement.kind != STATEMENT_TYPE || statement.predicate_kind != PREDICATE_TYPE {
            return Err("is not a certificate's, or of a later release".to_owned());
        }
        if statement.canonical() != bytes {
            return Err("is not written in its one spelling".to_owned());
        }
        statement.adds_up()?;
        Ok(statement)
    }

    /// Its bytes: what is signed.
    pub fn canonical(&self) -> Vec<u8> {
        canonical_of(self)
    }

    /// The ledger entry that belongs to it.
    ///
    /// Source: spec/certificate.md section 5.
    pub fn entry(&self) -> Vec<u8> {
        let predicate = &self.predicate;
        canonical_of(&Entry {
            at: &predicate.at,
            boundary: predicate.boundary.as_deref(),
            content_root: &predicate.content_root,
            counts: &predicate.counts,
            eosin: ENTRY_KIND,
            judged_against: &predicate.judged_against,
            leaves: predicate.leaves.as_deref(),
            records: predicate.records,
            rule: &predicate.rule,
            subjects: subjects_commitment(predicate.salt, &predicate.files, &self.subject),
            suspected: predicate.suspected,
        })
    }

    /// The certificate's file: signed, and examined as its reader will.
    ///
    /// Errors: what of it would not verify, in sentences. It is not to be given to anybody.
    pub fn sign(&self, signer: &SignerKey) -> Result<Vec<u8>, String> {
        let mut bytes = Envelope::sign(PAYLOAD_TYPE, self.canonical(), signer).to_json();
        bytes.push(b'\n');
        let (parts, examined) = crate::examine(&bytes, std::slice::from_ref(signer.verifier()));
        if examined.is_some() {
            return Ok(bytes);
        }
        let why: Vec<&str> = parts.failed().map(|(_, why)| why).collect();
        Err(why.join("; "))
    }

    fn adds_up(&self) -> Result<(), String> {
        let predicate = &self.predicate;
        let known = VerdictName::ALL.iter().all(|name| predicate.counts.contains_key(name.as_str()));
        if !known || predicate.counts.len() != VerdictName::ALL.len() {
            return Err("does not count each of the nine verdicts".to_owned());
        }
        let sum = predicate.counts.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
        let files = predicate.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.records));
        if sum != Some(predicate.records) || files != Some(predicate.records) {
            return Err("has counts that do not add up to its records".to_owned());
        }
        let suspected = predicate.suspected.strong.checked_add(predicate.suspected.weak);
        if suspected != Some(count(&predicate.counts, VerdictName::Suspected)) {
            return Err("has suspected records that do not add up".to_owned());
        }
        self.names_its_files()?;
        if predicate.leaves.as_deref().is_some_and(|leaves| leaves != LEAVES_OF_BYTES) {
            return Err("has a content root of a kind that this release does not know".to_owned());
        }
        let rule = Rule::parse(&predicate.rule).ok_or("names a rule that this release does not know")?;
        if predicate.records == 0 || !rule.allows(&predicate.counts, predicate.suspected) {
            return Err("states counts for which no certificate may be written".to_owned());
        }
        let (counts, against) = (&predicate.counts, &predicate.judged_against);
        if !are_said(&predicate.says, counts, predicate.suspected, against) {
            return Err("says in words what its counts do not say".to_owned());
        }
        Ok(())
    }
}

impl Statement {
    /// The files that were read are those of the subjects, in their order.
    fn names_its_files(&self) -> Result<(), String> {
        let mut files = self.predicate.files.iter().peekable();
        for subject in &self.subject {
            let mut count = 0;
            while files.next_if(|file| is_of(&file.name, &subject.name)).is_some() {
                count += 1;
            }
            if count == 0 {
                return Err("does not say of each file how it was read".to_owned());
            }
        }
        if files.next().is_some() {
            Err("says of a file how it was read that is no subject".to_owned())
        } else {
            Ok(())
        }
    }
}

/// Whether what was read is this subject or in it.
pub fn is_of(read: &str, subject: &str) -> bool {
    read.strip_prefix(subject).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What refuses a certificate beside proof and strong suspicion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Weak suspicion refuses too.
    pub strict: bool,
    /// Anything that is not attested refuses.
    pub only_attested: bool,
}

impl Rule {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match (self.strict, self.only_attested) {
            (false, false) => "usual",
            (true, false) => "strict",
            (false, true) => "only-attested",
            (true, true) => "strict, only-attested",
        }
    }

    /// Why a record may not be in certified files, or nothing.
    ///
    /// Source: spec/certificate.md section 6.
    pub fn against(self, verdict: &Verdict) -> Option<String> {
        let claims = "nothing proves it, but it says of itself that it is synthetic";
        let why = match verdict {
            Verdict::Unproven(Claim::Synthetic) => claims.to_owned(),
            Verdict::Unproven(_) if self.only_attested => {
                "carries no proof, and only attested ones may pass".to_owned()
            }
            Verdict::Attested(_) | Verdict::Unproven(_) => return None,
            Verdict::Suspected(suspicion) => match suspicion.strength {
                Strength::Strong => suspicion.to_string(),
                Strength::Weak if suspicion.claim == Claim::Synthetic => claims.to_owned(),
                Strength::Weak if self.strict || self.only_attested => suspicion.to_string(),
                Strength::Weak => return None,
            },
            Verdict::Synthetic(proof) | Verdict::Mixed(proof) => {
                format!("its mark proves that it was sealed in `{}`", proof.dataset().manifest().name)
            }
            Verdict::Transplanted(_)
            | Verdict::Forged(_)
            | Verdict::Untrusted(_)
            | Verdict::Unreadable(_) => verdict.to_string(),
        };
        Some(why)
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [(false, false), (true, false), (false, true), (true, true)];
        all.into_iter()
            .map(|(strict, only_attested)| Self { strict, only_attested })
            .find(|rule| rule.as_str() == word)
    }

    /// Whether records counted so may have a certificate.
    pub fn allows(self, counts: &BTreeMap<String, u64>, suspected: Suspected) -> bool {
        let none = |names: &[VerdictName]| names.iter().all(|name| count(counts, *name) == 0);
        none(&[
            VerdictName::Synthetic,
            VerdictName::Mixed,
            VerdictName::Transplanted,
            VerdictName::Forged,
            VerdictName::Untrusted,
            VerdictName::Unreadable,
        ]) && suspected.strong == 0
            && (!self.strict || suspected.weak == 0)
            && (!self.only_attested || none(&[VerdictName::Unproven, VerdictName::Suspected]))
    }
}

pub(crate) fn count(counts: &BTreeMap<String, u64>, name: VerdictName) -> u64 {
    counts.get(name.as_str()).copied().unwrap_or(0)
}

/// What the ledger holds of the files: nothing that can be tested without the salt.
pub fn subjects_commitment(salt: Salt, files: &[FileRead], subject: &[Subject]) -> String {
    sha256(&[&salt.0, &canonical_of(&(files, subject))]).to_hex()
}

/// The canonical JSON of a value.
pub fn canonical_of<T: Serialize>(value: &T) -> Vec<u8> {
    // Text, numbers below 2^53 and maps of both: neither can fail.
    let written = serde_json::to_vec(value).unwrap_or_default();
    json::parse(&written).map(|value| canonical::to_vec(&value)).unwrap_or_default()
}

fn strictly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    json::parse(bytes).map_err(|error| error.to_string())?;
    serde_json::from_slice(bytes).map_err(|_| "has not the shape of a certificate".to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
