//! What a certificate states, as it is written; and the ledger entry and the sentences that follow from it.
//!
//! Source: spec/certificate.md.

use std::collections::BTreeMap;

use mark::{Salt, VerdictName, canonical, digest::sha256, json};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The type of a certificate's payload.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://eosin.example/certificate/v1";
const ENTRY_KIND: &str = "certificate@1";

/// An in-toto Statement with our predicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    pub(super) predicate: Predicate,
    #[serde(rename = "predicateType")]
    predicate_kind: String,
    pub(super) subject: Vec<Subject>,
}

/// One file that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    pub(super) digest: SubjectDigest,
    pub(super) name: String,
}

/// The digest of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectDigest {
    pub(super) sha256: String,
}

/// What is stated of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Predicate {
    pub(super) at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) boundary: Option<String>,
    pub(super) content_root: String,
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) files: Vec<FileRead>,
    pub(super) judged_against: JudgedAgainst,
    pub(super) receipt: Receipt,
    pub(super) records: u64,
    pub(super) rule: String,
    pub(super) salt: Salt,
    pub(super) says: Vec<String>,
    pub(super) signer: String,
    pub(super) suspected: Suspected,
}

/// How one file, or one member of an archive, was read: what it takes to read it again in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRead {
    pub(super) format: String,
    /// The subject's name; of a member, with a slash and its name in the archive.
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    pub(super) records: u64,
}

/// What the records were judged against. Absence is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JudgedAgainst {
    pub(super) logs: Vec<String>,
    pub(super) policy: String,
    #[serde(deserialize_with = "stated")]
    pub(super) recogniser: Option<RecogniserUsed>,
    #[serde(deserialize_with = "stated")]
    pub(super) registry: Option<RegistryUsed>,
}

/// A member that may be null and may not be left out.
fn stated<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(reader)
}

/// The recognisers that were asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecogniserUsed {
    pub(super) threshold_decibits: i32,
    pub(super) version: String,
}

/// The registry snapshot that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistryUsed {
    pub(super) entries: u64,
    pub(super) generation: u64,
    pub(super) key: String,
    pub(super) root: String,
}

/// The ledger's receipt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    pub(super) entry: String,
    pub(super) proof: String,
}

/// The suspected records by strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suspected {
    pub(super) strong: u64,
    pub(super) weak: u64,
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
    records: u64,
    rule: &'a str,
    subjects: String,
    suspected: Suspected,
}

impl Statement {
    /// The statement of these files.
    pub(super) fn new(subject: Vec<Subject>, predicate: Predicate) -> Self {
        let (kind, predicate_kind) = (STATEMENT_TYPE.to_owned(), PREDICATE_TYPE.to_owned());
        Self { kind, predicate, predicate_kind, subject }
    }

    /// Reads a statement and checks that it is in itself what the specification asks for.
    ///
    /// Errors: a sentence.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
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
    pub(super) fn canonical(&self) -> Vec<u8> {
        canonical_of(self)
    }

    /// The ledger entry that belongs to it.
    ///
    /// Source: spec/certificate.md section 5.
    pub(super) fn entry(&self) -> Vec<u8> {
        let predicate = &self.predicate;
        canonical_of(&Entry {
            at: &predicate.at,
            boundary: predicate.boundary.as_deref(),
            content_root: &predicate.content_root,
            counts: &predicate.counts,
            eosin: ENTRY_KIND,
            judged_against: &predicate.judged_against,
            records: predicate.records,
            rule: &predicate.rule,
            subjects: subjects_commitment(predicate.salt, &predicate.files, &self.subject),
            suspected: predicate.suspected,
        })
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
        let rule = Rule::parse(&predicate.rule).ok_or("names a rule that this release does not know")?;
        if predicate.records == 0 || !rule.allows(&predicate.counts, predicate.suspected) {
            return Err("states counts for which no certificate may be written".to_owned());
        }
        if predicate.says != says(&predicate.counts, predicate.suspected, &predicate.judged_against) {
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
pub(super) fn is_of(read: &str, subject: &str) -> bool {
    read.strip_prefix(subject).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What refuses a certificate beside proof and strong suspicion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Weak suspicion refuses too.
    pub(super) strict: bool,
    /// Anything that is not attested refuses.
    pub(super) only_attested: bool,
}

impl Rule {
    /// Its word.
    pub(super) fn as_str(self) -> &'static str {
        match (self.strict, self.only_attested) {
            (false, false) => "usual",
            (true, false) => "strict",
            (false, true) => "only-attested",
            (true, true) => "strict, only-attested",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [(false, false), (true, false), (false, true), (true, true)];
        all.into_iter()
            .map(|(strict, only_attested)| Self { strict, only_attested })
            .find(|rule| rule.as_str() == word)
    }

    /// Whether records counted so may have a certificate.
    pub(super) fn allows(self, counts: &BTreeMap<String, u64>, suspected: Suspected) -> bool {
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

fn count(counts: &BTreeMap<String, u64>, name: VerdictName) -> u64 {
    counts.get(name.as_str()).copied().unwrap_or(0)
}

/// What the counts mean, in plain sentences.
///
/// Source: spec/certificate.md section 7.
pub(super) fn says(
    counts: &BTreeMap<String, u64>,
    suspected: Suspected,
    against: &JudgedAgainst,
) -> Vec<String> {
    let records: u64 = counts.values().fold(0, |sum, count| sum.saturating_add(*count));
    let mut says = vec![format!(
        "None of {records} records is proven synthetic, mixed, transplanted, forged, untrusted or unreadable, and none is \
         strongly suspected."
    )];
    let attested = count(counts, VerdictName::Attested);
    if attested > 0 {
        says.push(format!("{attested} of them are attested: a system of record vouches for each."));
    }
    let unproven = count(counts, VerdictName::Unproven);
    if unproven > 0 {
        says.push(format!(
            "{unproven} of them are unproven: they carry no mark, and nothing known here recognises them. Nobody vouches \
             for what they are."
        ));
    }
    if suspected.weak > 0 {
        says.push(format!(
            "{} of them are weakly suspected: the registry knows one of their identifying values, which can be chance.",
            suspected.weak
        ));
    }
    if against.registry.is_none() {
        says.push("There was no registry to ask.".to_owned());
    }
    if against.recogniser.is_none() {
        says.push("Generators were not looked for.".to_owned());
    }
    says
}

/// What the ledger holds of the files: nothing that can be tested without the salt.
pub(super) fn subjects_commitment(salt: Salt, files: &[FileRead], subject: &[Subject]) -> String {
    sha256(&[&salt.0, &canonical_of(&(files, subject))]).to_hex()
}

/// The canonical JSON of a value.
pub(super) fn canonical_of<T: Serialize>(value: &T) -> Vec<u8> {
    // Text, numbers below 2^53 and maps of both: neither can fail.
    let written = serde_json::to_vec(value).unwrap_or_default();
    json::parse(&written).map(|value| canonical::to_vec(&value)).unwrap_or_default()
}

fn strictly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    json::parse(bytes).map_err(|error| error.to_string())?;
    serde_json::from_slice(bytes).map_err(|_| "has not the shape of a certificate".to_owned())
}

#[cfg(test)]
pub(super) mod tests;
