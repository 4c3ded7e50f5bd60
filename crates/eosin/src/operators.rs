//! The operators' folder: the register in one file, and a log of its own that says who changed what and who signed in.
//!
//! A change is an entry first and then the file, both under one lock, so that several processes may change operators at once.
//! Source: spec/operators.md.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use access::{Action, Change, Name, Register, Role};
use ledger::{Ledger, durable};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde::Serialize;

use crate::{config::Config, init, keys, wiring};

/// The log's folder, and the file with the key that it is verified with.
pub(crate) const LOG: &str = "log";
pub(crate) const VERIFIER: &str = "log.vkey";
const SIGNER: &str = "log.skey";
const REGISTER: &str = "register.json";
const LOCK: &str = "lock";
const ENTRY_KIND: &str = "operator@1";
/// Largest register that is read.
const REGISTER_BYTES_MAX: u64 = 8 << 20;

/// The operators of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Operators {
    folder: PathBuf,
    ledger_vkey: PathBuf,
}

/// What the log says of one act. No secret is ever in it, nor a name that nobody has.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Entry {
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
    /// From which address, where it was asked over a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    at: String,
    /// Who did it.
    pub(crate) by: String,
    eosin: &'static str,
    /// What was done.
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Action>,
    /// What it is done to, where that is no operator: items, versions, places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Where it was asked: `command`, `console` or `api`.
    pub(crate) via: &'static str,
}

/// Who changes something, and from where.
#[derive(Clone, Debug)]
pub(crate) struct By {
    name: String,
    via: &'static str,
    address: Option<String>,
}

impl By {
    /// Somebody on the command line.
    pub(crate) fn on_command_line(name: String) -> Self {
        Self { name, via: "command", address: None }
    }

    /// Somebody in the console, who came from this address.
    pub(crate) fn in_console(name: &str, address: &str) -> Self {
        Self { name: name.to_owned(), via: "console", address: Some(address.to_owned()) }
    }

    /// Somebody whose program asks the control API, from this address.
    pub(crate) fn through_api(name: &str, address: &str) -> Self {
        Self { via: "api", ..Self::in_console(name, address) }
    }

    /// Their name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// An entry of theirs about something that is no operator, and why they do it.
    pub(crate) fn act(&self, event: &'static str, subjects: Vec<String>, reason: &str) -> Entry {
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        Entry { reason, subjects, ..self.entry(event, None) }
    }

    /// An entry of theirs.
    pub(crate) fn entry(&self, event: &'static str, about: Option<&Name>) -> Entry {
        Entry {
            about: about.map(Name::to_string),
            address: self.address.clone(),
            at: wiring::moment(),
            by: self.name.clone(),
            eosin: ENTRY_KIND,
            event,
            via: self.via,
            ..Entry::default()
        }
    }
}

impl Operators {
    pub(crate) fn of(config: &Config) -> Self {
        Self { folder: config.operators.clone(), ledger_vkey: config.ledger.vkey.clone() }
    }

    /// The register; nothing before anybody was added.
    pub(crate) fn read(&self) -> miette::Result<Option<Register>> {
        let path = self.folder.join(REGISTER);
        let mut text = String::new();
        match File::open(&path) {
            Ok(file) => {
                file.take(REGISTER_BYTES_MAX + 1)
                    .read_to_string(&mut text)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot read {}", path.display()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot read {}", path.display()));
            }
        }
        let register: Register = serde_json::from_str(&text)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} is no register of operators: restore it", path.display()))?;
        if !register.is_known_form() || text.len() as u64 > REGISTER_BYTES_MAX {
            return Err(miette!("{} is of a form that this version does not know", path.display()));
        }
        Ok(Some(register))
    }

    /// Changes an operator; where the entry is.
    ///
    /// Shape:  the entry is in the log before the file says so: a crash between them leaves an intention that anybody can see.
    /// Errors: a report, and nothing has changed: the change is refused, or the disk would not write.
    pub(crate) fn change(
        &self,
        by: &By,
        name: &Name,
        change: &Change,
        expect: Option<u64>,
    ) -> miette::Result<String> {
        let _lock = self.lock()?;
        let mut register = self.read()?.unwrap_or_default();
        register.change(name, change, expect, wiring::posix_seconds()).into_diagnostic()?;
        let mut entry = by.entry(change.event(), Some(name));
        match change {
            Change::Add { role, .. }
            | Change::AddOpenId { role, .. }
            | Change::Role(role)
            | Change::ClaimedRole(role) => {
                entry.role = Some(*role);
            }
            Change::MakeToken { label, scopes, until, digest } => {
                entry.label = Some(label.clone());
                entry.scopes = scopes.iter().copied().collect();
                entry.token = digest.get(..12).map(str::to_owned);
                entry.until = Some(moment_of(*until));
            }
            Change::RevokeToken(id) => entry.token = Some(id.clone()),
            Change::Disable
            | Change::Enable
            | Change::TakeOff
            | Change::PutBack
            | Change::VouchedIn
            | Change::Password { .. }
            | Change::Totp(_)
            | Change::UsedStep(_) => {}
        }
        let place = self.commit(&entry)?;
        let text = serde_json::to_vec_pretty(&register).into_diagnostic()?;
        durable::replace_private(&self.folder.join(REGISTER), &text).into_diagnostic()?;
        Ok(place)
    }

    /// Puts an entry into the log that changes nobody.
    pub(crate) fn note(&self, entry: &Entry) -> miette::Result<String> {
        let _lock = self.lock()?;
        self.commit(entry)
    }

    /// Waits until nobody else changes anything, which takes some milliseconds each; the folder is made where there is none.
    fn lock(&self) -> miette::Result<File> {
        let failed = |what: &str| format!("cannot {what} {}", self.folder.display());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .into_diagnostic()
            .wrap_err_with(|| failed("make"))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(LOCK))
            .into_diagnostic()
            .wrap_err_with(|| failed("lock"))?;
        lock.lock().into_diagnostic().wrap_err_with(|| failed("lock"))?;
        Ok(lock)
    }

    /// Only under the lock.
    fn commit(&self, entry: &Entry) -> miette::Result<String> {
        let mut ledger =
            self.log().wrap_err("the log of operators cannot be written; nothing was changed")?;
        let bytes = serde_json::to_vec(entry).into_diagnostic()?;
        let logged = ledger.commit(vec![()], |()| bytes.clone()).into_diagnostic()?;
        let index = logged.first().map_or(0, ledger::Logged::index);
        ledger.publish().into_diagnostic()?;
        Ok(format!("{}#{index}", ledger.origin()))
    }

    fn log(&self) -> miette::Result<Ledger> {
        let log = self.folder.join(LOG);
        if !self.folder.join(SIGNER).exists() && !log.exists() {
            let origin = keys::verifier(&self.ledger_vkey)?;
            let signer = keys::new_signer(&format!("{}/operators", origin.name()))?;
            init::write_keys(&self.folder, LOG, &signer)?;
        }
        let signer = keys::signer(&self.folder.join(SIGNER))?;
        if log.join("checkpoint").exists() {
            Ledger::open(&log, signer).into_diagnostic()
        } else if self.folder.join(REGISTER).exists() {
            Err(miette!(
                help = "restore the folder: without its log nobody can tell who made these operators",
                "there are operators in {} and no log of them",
                self.folder.display()
            ))
        } else {
            Ledger::create(&log, signer).into_diagnostic()
        }
    }
}

/// A moment in seconds since 1970 as entries write it.
pub(crate) fn moment_of(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "never".to_owned(), |moment| moment.to_string())
}
