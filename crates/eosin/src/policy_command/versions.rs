//! Versions of the policies: texts in a folder that gateways share, and a log that says which one holds.
//!
//! The log is a ledger with a key of its own, so that whoever can write to the folder cannot put a version in force, and
//! what was ever in force can be proved. Its lock keeps two people from activating at once.
//! Source: spec/policies.md.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use ledger::{CreateError, Ledger, ReadError, Reader, durable};
use mark::{
    checkpoint::Checkpoint,
    digest::{Hash, sha256},
    merkle::leaf_hash,
    note::VerifierKey,
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use policy::Policies;
use serde::{Deserialize, Serialize};

use super::policy_text;
use crate::{
    config::{Emergency, PolicyFiles, PolicyLog},
    emergency_command::{
        self,
        entries::{self, Activated, Book},
        statement::Signers,
    },
    keys, wiring,
};

/// The folder of the log, in the folder of versions.
pub(crate) const LOG: &str = "log";
const TEXTS: &str = "versions";
const ENTRY_KIND: &str = "policy-activation@1";
/// Most entries that are read of a log.
const ENTRIES_MAX: u64 = 100_000;

/// The versions in one folder.
pub(crate) struct Versions {
    log: PolicyLog,
    // The text that holds until one of them is activated; the shipped one where absent.
    before: Option<PathBuf>,
    emergency: Emergency,
}

/// One entry of the log: a version was put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) at: String,
    pub(crate) by: String,
    eosin: String,
    pub(crate) event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<String>,
    pub(crate) reason: String,
    pub(crate) sha256: String,
    pub(crate) version: String,
}

impl Change {
    /// Reads an entry of the log, if it is about a version of the policies.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|change: &Self| change.eosin == ENTRY_KIND)
    }
}

/// Who puts what in force, and why.
pub(crate) struct Wish<'a> {
    pub(crate) event: &'static str,
    pub(crate) by: &'a str,
    pub(crate) reason: &'a str,
    /// The version that has to be in force until then; empty: none may be.
    pub(crate) expect: Option<&'a str>,
}

/// Somebody activated another version than the one that was looked at.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is in force, and not {}: somebody has activated another version meanwhile",
    in_force.as_deref().unwrap_or("no version of the log"),
    if expected.is_empty() { "none" } else { expected }
)]
pub(crate) struct Meanwhile {
    /// What is in force.
    pub(crate) in_force: Option<String>,
    /// What was expected to be.
    pub(crate) expected: String,
}

impl Meanwhile {
    /// That what was expected is in force, where something was; both are empty where nothing was activated.
    pub(crate) fn unless(in_force: &str, expected: Option<&str>) -> Result<(), Self> {
        let Some(expected) = expected.filter(|expected| in_force != *expected) else { return Ok(()) };
        let in_force = Some(in_force).filter(|version| !version.is_empty()).map(str::to_owned);
        Err(Self { in_force, expected: expected.to_owned() })
    }
}

impl miette::Diagnostic for Meanwhile {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new("look at `eosin policy history` and at what changed, then activate again"))
    }
}

/// A version would stop attested care while an emergency version is in force.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StopsCare(String);

impl miette::Diagnostic for StopsCare {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new("stand the emergency version down first, or let these policies permit it"))
    }
}

/// The text of a version cannot be read, or is another one than was put in force; the cause says where it lies, and why.
#[derive(Debug, thiserror::Error)]
#[error("the text of {0} is damaged or cannot be read")]
struct Hurt(String);

/// What others than whoever sits at this machine are told of a report: which version's text is hurt, if one is. Where it
/// lies, and what the system said, goes to the log, here.
pub(crate) fn told_elsewhere(report: &miette::Report) -> String {
    tracing::error!("policies cannot be read: {report:#}");
    let hurt = report.downcast_ref::<Hurt>().map(ToString::to_string);
    let told = hurt.unwrap_or_else(|| "the policies cannot be read".to_owned());
    format!("{told}; the console's log says why")
}

/// The version in force.
pub(crate) struct Current {
    /// Where it was put in force.
    pub(crate) place: String,
    /// The entry.
    pub(crate) change: Change,
    /// Its text.
    pub(crate) text: String,
}

impl Current {
    /// Its policies.
    pub(crate) fn policies(&self) -> miette::Result<Policies> {
        parsed(&self.change, &self.text)
    }
}

fn parsed(change: &Change, text: &str) -> miette::Result<Policies> {
    let policies = policy_text::parse(name_in(&change.version), text, &change.version)?;
    if policies.version() != change.version {
        return Err(miette!("version {} reads as {}", change.version, policies.version()));
    }
    Ok(policies)
}

/// What holds at a moment: a version, and emergency versions on top of it, by their places. Of the version what the log says:
/// whoever puts another one in its place does not need its text.
struct Standing {
    current: Option<Change>,
    emergencies: BTreeMap<String, Activated>,
}

impl Standing {
    fn version(&self) -> Option<String> {
        self.current.as_ref().map(|change| change.version.clone())
    }

    /// Whether what was proven of another moment is proven of this one: nothing came meanwhile.
    fn is_within(&self, proven: &Self) -> bool {
        self.version() == proven.version()
            && self.emergencies.keys().all(|place| proven.emergencies.contains_key(place))
    }
}

/// How often care is proven of what is in force, where that changes each time meanwhile.
const TRIES_MAX: u32 = 3;

/// The name of the policies in a version: `name@digest`.
pub(crate) fn name_in(version: &str) -> &str {
    version.rsplit_once('@').map_or(version, |(name, _)| name)
}

impl Versions {
    /// Those of a configuration, if it has a log of them.
    pub(crate) fn of(files: &PolicyFiles) -> Option<Self> {
        let log = files.log.clone()?;
        Some(Self { log, before: files.file.clone(), emergency: files.emergency.clone() })
    }

    fn log(&self) -> PathBuf {
        self.log.folder.join(LOG)
    }

    /// How many entries the log has published; cheap, and checked by nobody.
    pub(crate) fn size(&self) -> miette::Result<u64> {
        match Reader::open(&self.log()) {
            Ok(reader) => Ok(reader.size()),
            Err(ReadError::Missing { .. }) => Ok(0),
            Err(error) => Err(error).into_diagnostic(),
        }
    }

    /// The log's checkpoint, to the letter, empty where there is none; cheap, and checked by nobody.
    pub(crate) fn checkpoint(&self) -> miette::Result<Arc<str>> {
        match Reader::open(&self.log()) {
            Ok(reader) => Ok(reader.checkpoint()),
            Err(ReadError::Missing { .. }) => Ok(Arc::default()),
            Err(error) => Err(error).into_diagnostic(),
        }
    }

    /// The log as its key signed it, with the key; nothing before anything was activated.
    fn reader(&self) -> miette::Result<Option<(Reader, VerifierKey)>> {
        let reader = match Reader::open(&self.log()) {
            Ok(reader) => reader,
            Err(ReadError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error).into_diagnostic(),
        };
        let key = keys::verifier(&self.log.vkey)?;
        Checkpoint::open(&reader.checkpoint(), std::slice::from_ref(&key)).into_diagnostic().wrap_err_with(
            || format!("the log of policy versions in {} is not signed by its key", self.log().display()),
        )?;
        Ok(Some((reader, key)))
    }

    /// Everything that was put in force, the newest first.
    pub(crate) fn history(&self) -> miette::Result<Vec<(String, Change)>> {
        self.newest(usize::MAX)
    }

    /// What was put in force last, at most so many, the newest first.
    pub(crate) fn newest(&self, most: usize) -> miette::Result<Vec<(String, Change)>> {
        let Some((reader, key)) = self.reader()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for index in (0..reader.size()).rev().take(usize::try_from(ENTRIES_MAX).unwrap_or(usize::MAX)) {
            if found.len() == most {
                break;
            }
            if let Some(change) = Change::of(&proven(&reader, &key, index)?) {
                found.push((format!("{}#{index}", reader.origin()), change));
            }
        }
        Ok(found)
    }

    /// Where the version in force was put in force, if one was ever activated, and what the log says of it; whether its text can
    /// be read or not.
    ///
    /// Errors: a report: there is no log. Without it nobody knows what was in force, and guessing would let somebody who
    ///         removes a folder put other policies in force.
    pub(crate) fn in_force(&self) -> miette::Result<Option<(String, Change)>> {
        let Some((reader, key)) = self.reader()? else {
            return Err(miette!(
                help = "restore the folder; if nothing was ever activated, `eosin policy activate` begins the log",
                "there is no log of policy versions in {}",
                self.log().display()
            ));
        };
        for index in (0..reader.size()).rev() {
            if let Some(change) = Change::of(&proven(&reader, &key, index)?) {
                return Ok(Some((format!("{}#{index}", reader.origin()), change)));
            }
        }
        Ok(None)
    }

    /// The version in force, if one was ever activated.
    ///
    /// Errors: as [`Versions::in_force`]; or its text cannot be read.
    pub(crate) fn current(&self) -> miette::Result<Option<Current>> {
        let Some((place, change)) = self.in_force()? else { return Ok(None) };
        let text = self.text(&change.version, &change.sha256)?;
        Ok(Some(Current { place, change, text }))
    }

    /// The text of a version, if it is the one that was put in force.
    pub(crate) fn text(&self, version: &str, digest: &str) -> miette::Result<String> {
        self.kept_text(version, digest).wrap_err_with(|| Hurt(version.to_owned()))
    }

    fn kept_text(&self, version: &str, digest: &str) -> miette::Result<String> {
        let path = self.log.folder.join(TEXTS).join(file_of(version));
        let text = keys::file(&path, policy::POLICY_BYTES_MAX as u64)?;
        if sha256(&[text.as_bytes()]).to_hex() != digest {
            return Err(miette!(
                help = "put the text back that was activated; `eosin policy history --json` has its SHA-256",
                "{} is not the text of {version}: it was changed",
                path.display()
            ));
        }
        Ok(text)
    }

    /// Puts a text in force: the text first, then the entry; whoever reads the entry finds the text.
    ///
    /// Shape:  what takes seconds is proven while the log is free: an emergency version is stood down meanwhile. Under the lock
    ///         it is only looked whether what it was proven of still holds.
    /// Errors: a report, and nothing has changed: another version is in force than was expected, somebody else is
    ///         activating, the key is not here.
    pub(crate) fn activate(
        &self,
        policies: &Policies,
        text: &str,
        wish: &Wish<'_>,
    ) -> miette::Result<String> {
        let mut tries = TRIES_MAX;
        let (mut ledger, before) = loop {
            let proven = self.standing(wish.expect)?;
            self.keeps_care(&proven, policies, text)?;
            let ledger = self.locked()?;
            let now = self.standing(wish.expect)?;
            if now.is_within(&proven) {
                break (ledger, now.version());
            }
            tries -= 1;
            if tries == 0 {
                return Err(miette!(
                    "what is in force changed each time that care was proven of it; try again"
                ));
            }
        };
        let version = policies.version().to_owned();
        self.keep_text(&version, text)?;
        let change = Change {
            at: wiring::moment(),
            by: wish.by.to_owned(),
            eosin: ENTRY_KIND.to_owned(),
            event: wish.event.to_owned(),
            previous: before,
            reason: wish.reason.to_owned(),
            sha256: sha256(&[text.as_bytes()]).to_hex(),
            version,
        };
        let bytes = serde_json::to_vec(&change).into_diagnostic()?;
        append(&mut ledger, &bytes)
    }

    /// What holds now, if it is what was expected.
    ///
    /// Errors: a report; one that is [`Meanwhile`] where it is another version.
    fn standing(&self, expect: Option<&str>) -> miette::Result<Standing> {
        // Nothing before the first version: whoever locks the log begins it.
        let current = if self.size()? == 0 { None } else { self.in_force()?.map(|(_, change)| change) };
        let version = current.as_ref().map(|change| change.version.as_str());
        Meanwhile::unless(version.unwrap_or_default(), expect)?;
        let signers = Signers::new(&self.emergency)?;
        let (book, _) = Book::of(&self.logbook(0)?, &signers);
        let emergencies = book.in_force(wiring::clock()()).map(|(place, one)| (place, one.clone())).collect();
        Ok(Standing { current, emergencies })
    }

    /// That care goes on under these policies, with the emergency versions in force on top of them. Without an emergency
    /// there is nothing to prove here.
    ///
    /// Shape:  where the text in force cannot be read, care has to go on whatever it permits, unless this is that very text.
    /// Errors: a report; one that is [`StopsCare`] with a request of attested people that would be stopped, or with what
    ///         cannot be read.
    fn keeps_care(&self, standing: &Standing, policies: &Policies, text: &str) -> miette::Result<()> {
        if standing.emergencies.is_empty() {
            return Ok(());
        }
        let version = policies.version();
        let before = match &standing.current {
            // What is in force already stops nothing that it permits.
            Some(change) if sha256(&[text.as_bytes()]).to_hex() == change.sha256 => None,
            Some(change) => Some(self.read(change).map(|(policies, _)| policies)),
            None => Some(policy_text::file_or_shipped(self.before.as_deref())),
        };
        let why = match before {
            None => None,
            Some(Ok(before)) => emergency_command::stops_care(policies, &before),
            Some(Err(report)) => {
                emergency_command::stops_care(policies, &policy_text::everything()?).map(|_| {
                    format!(
                        "it is not proven that care goes on, for it could not be compared with what is in force: {report}; \
                         activate that very text again, which puts it back"
                    )
                })
            }
        };
        if let Some(why) = why {
            return Err(StopsCare(format!("{version} is not activated during an emergency: {why}")).into());
        }
        for (place, one) in &standing.emergencies {
            let emergency = &one.entry.version;
            let stops = |why: String| {
                let held = format!("{version} is not activated while {emergency} is in force ({place})");
                Err(StopsCare(format!("{held}: {why}")).into())
            };
            match entries::standing(self, place, &one.request) {
                Ok(emergency) => {
                    if let Some(why) = emergency_command::stops_care(&emergency.policies, policies) {
                        return stops(why);
                    }
                }
                Err(report) => return stops(format!("nobody can tell whether that keeps care: {report}")),
            }
        }
        Ok(())
    }

    /// The policies that an entry put in force, and their text.
    ///
    /// Errors: a report: the text is damaged, gone or not understood here.
    pub(crate) fn read(&self, change: &Change) -> miette::Result<(Policies, String)> {
        let text = self.text(&change.version, &change.sha256)?;
        Ok((parsed(change, &text)?, text))
    }

    /// Why a version cannot be compared with the one in force, where that is another one and its text is damaged, gone or not
    /// understood here.
    pub(crate) fn not_compared(&self, version: &str) -> Option<miette::Report> {
        let (_, change) = self.in_force().ok()??;
        if change.version == version { None } else { self.read(&change).err() }
    }

    /// The log, locked: nobody can come between. Everything in it is published.
    fn locked(&self) -> miette::Result<Ledger> {
        let signer = self.log.signer.as_ref().ok_or_else(|| {
            miette!(
                help = "set `[policy] signer` where versions are activated; gateways do without",
                "there is no key here to activate versions with"
            )
        })?;
        let signer = keys::signer(signer)?;
        let log = self.log();
        let mut ledger = if log.join("checkpoint").exists() {
            Ledger::open(&log, signer)
                .into_diagnostic()
                .wrap_err("somebody else may be activating; try again")?
        } else {
            Ledger::create(&log, signer)
                .map_err(|error: CreateError| miette!("cannot begin the log of policy versions: {error}"))?
        };
        ledger.publish().into_diagnostic()?;
        Ok(ledger)
    }

    /// Writes the text of a version beside the log, durably.
    pub(crate) fn keep_text(&self, version: &str, text: &str) -> miette::Result<()> {
        std::fs::create_dir_all(self.log.folder.join(TEXTS)).into_diagnostic()?;
        durable::replace(&self.log.folder.join(TEXTS).join(file_of(version)), text.as_bytes())
            .into_diagnostic()
    }

    /// Adds an entry that is made, or refused, of what the log says while nobody else can add one.
    pub(crate) fn add(
        &self,
        make: impl FnOnce(&Logbook) -> miette::Result<Vec<u8>>,
    ) -> miette::Result<String> {
        let mut ledger = self.locked()?;
        let bytes = make(&self.logbook(0)?)?;
        append(&mut ledger, &bytes)
    }

    /// The name of the log, as its key signed it; empty before anything was activated.
    pub(crate) fn origin(&self) -> miette::Result<String> {
        Ok(self.reader()?.map(|(reader, _)| reader.origin().to_owned()).unwrap_or_default())
    }

    /// What the log has from an entry on, each entry checked against what the log's key signed.
    ///
    /// Bounds: [`ENTRIES_MAX`] entries.
    pub(crate) fn logbook(&self, from: u64) -> miette::Result<Logbook> {
        let Some((reader, key)) = self.reader()? else { return Ok(Logbook::default()) };
        let checkpoint = reader.checkpoint();
        let signed = Checkpoint::open(&checkpoint, std::slice::from_ref(&key)).into_diagnostic()?;
        let (origin, size) = (reader.origin().to_owned(), reader.size());
        let mut entries = Vec::new();
        for index in from..size.min(from.saturating_add(ENTRIES_MAX)) {
            entries.push((index, proven(&reader, &key, index)?));
        }
        Ok(Logbook { origin, size, checkpoint, root: Some(*signed.root()), entries })
    }
}

/// Entries of the log of versions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logbook {
    /// The log's name.
    pub(crate) origin: String,
    /// How many entries it has.
    pub(crate) size: u64,
    /// The checkpoint that they are under, to the letter.
    pub(crate) checkpoint: Arc<str>,
    /// The root that its key signed; absent where there is no log.
    pub(crate) root: Option<Hash>,
    /// Those that were asked for, with their places.
    pub(crate) entries: Vec<(u64, Vec<u8>)>,
}

/// The entry at a place, after checking that the log's key vouches for it.
fn proven(reader: &Reader, key: &VerifierKey, index: u64) -> miette::Result<Vec<u8>> {
    let read = reader.entries(index..index + 1).into_diagnostic()?;
    let bytes = read.into_iter().next().ok_or_else(|| miette!("the log of policy versions ends early"))?;
    let proof = reader.prove(index).into_diagnostic()?;
    proof
        .verify(&leaf_hash(&bytes), std::slice::from_ref(key))
        .into_diagnostic()
        .wrap_err("the log of policy versions was changed: restore it, then `eosin ledger verify`")?;
    Ok(bytes)
}

/// Adds one entry to a log that is locked, and publishes it.
fn append(ledger: &mut Ledger, bytes: &[u8]) -> miette::Result<String> {
    let logged = ledger.commit(vec![()], |()| bytes.to_vec()).into_diagnostic()?;
    let index = logged.first().map_or(0, ledger::Logged::index);
    ledger.publish().into_diagnostic()?;
    Ok(format!("{}#{index}", ledger.origin()))
}

/// A version's name may have been a file's name; it is one again, and nothing else.
fn file_of(version: &str) -> String {
    let plain = |one: char| if one.is_alphanumeric() || "@-_.".contains(one) { one } else { '_' };
    format!("{}.cedar", version.chars().map(plain).collect::<String>())
}
