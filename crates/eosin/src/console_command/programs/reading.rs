//! What is read: lists, the posture, ledgers and proofs of the index; the quarantine and emergencies of their folders.

use control::{Call, Fault, Found, LedgerCheck, Problem, Proof, Quarantine, QuarantineKept};
use data_encoding::BASE64;
use index::{Index, ProveError, RowName, Value};
use ledger::Reader;
use mark::{digest::sha256, merkle::leaf_hash};
use serde::Serialize;

use super::{Programs, Told};
use crate::{
    emergency_command::{self, telling},
    keys, ledger_command,
    policy_command::versions,
    quarantine_command, wiring,
};

/// An answer as JSON. Texts and numbers: it cannot fail.
pub(super) fn value(answer: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(answer).unwrap_or_default()
}

/// What names this state of a body.
pub(super) fn tag(body: &str) -> String {
    let digest: String = sha256(&[body.as_bytes()]).to_hex().chars().take(32).collect();
    format!("\"{digest}\"")
}

/// Whether an `If-Match` names this state of something, or any.
pub(super) fn is_seen(seen: &str, now: &impl Serialize) -> bool {
    let tag = tag(&value(now).to_string());
    seen.split(',').any(|one| one.trim() == tag || one.trim() == "*")
}

/// What cannot be used now; the log says why, the answer does not.
pub(super) fn away(what: &str, report: &miette::Report) -> Problem {
    tracing::error!("{what} cannot be used: {report:#}");
    Problem::new(503, &format!("{what} cannot be used now; the console's log says why"))
}

/// There is nothing to say of versions.
pub(super) fn no_versions() -> Problem {
    Problem::new(404, "this configuration takes its policies from a file: it has no log of versions")
}

impl Programs {
    /// What the index and the ledgers say.
    pub(super) fn indexed(&self, found: &Found) -> Told {
        match found.route.call {
            Call::LedgerCheck => return self.checked(found.name("ledger")),
            Call::Proof => return self.proof(found),
            _ => {}
        }
        let entry = match found.route.call {
            Call::Transaction => found.entry()?,
            _ => 0,
        };
        self.ask(|index, behind| match found.route.call {
            Call::List(list) => control::list(list, &found.query, behind, index),
            Call::Transaction => control::one(found.name("ledger"), entry, index),
            Call::Posture => {
                let posture = control::posture(&wiring::moment_days_ago(1), behind, index)?;
                Ok(value(&posture))
            }
            Call::Ledgers => self.ledgers(index),
            _ => Err(Fault::Problem(Problem::new(404, "there is no such path"))),
        })
    }

    /// Asks the index; one that fails is opened anew the next time.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&mut Index, u64) -> Result<T, Fault>) -> Result<T, Problem> {
        let gone = || Problem::new(503, "the index does not answer; ask again in a moment");
        let asked = self.pages.with_index(ask);
        match asked {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(Fault::Problem(problem))) => Err(problem),
            Some(Err(Fault::Store(error))) => {
                tracing::warn!("the index did not answer: {error}");
                self.pages.drop_index();
                Err(gone())
            }
            None => Err(gone()),
        }
    }

    fn ledgers(&self, index: &mut Index) -> Result<serde_json::Value, Fault> {
        let mut ledgers = Vec::new();
        for folder in &self.known.ledgers {
            let standing = index.standing(folder).map_err(|error| {
                tracing::warn!("the ledger in {} cannot be read: {error}", folder.display());
                Problem::new(503, "a ledger cannot be read now; the console's log says which")
            })?;
            let checkpoint =
                Reader::open(folder).map(|reader| reader.checkpoint().to_string()).unwrap_or_default();
            ledgers.push(control::Ledger {
                behind: standing.behind(),
                origin: standing.origin,
                published: standing.published,
                indexed: standing.indexed,
                last_at: standing.last_at,
                checkpoint,
            });
        }
        Ok(value(&control::Ledgers { index: self.known.place.to_string(), ledgers }))
    }

    fn checked(&self, origin: &str) -> Told {
        let absent = || Problem::new(404, "there is no ledger of this name here");
        let of_name =
            |folder: &&std::path::PathBuf| Reader::open(folder).is_ok_and(|reader| reader.origin() == origin);
        let folder = self.known.ledgers.iter().find(of_name).ok_or_else(absent)?;
        let files = ledger_command::key_files(&self.config);
        let mut keys = files.iter().filter_map(|file| keys::verifier(file).ok());
        let key = keys.find(|key| key.name() == origin);
        let key = key.ok_or_else(|| Problem::new(404, "there is no key here to check this ledger with"))?;
        let _alone = self.alone()?;
        let report = ledger::verify(folder, &key);
        Ok(value(&LedgerCheck {
            intact: report.is_intact(),
            origin: report.origin,
            size: report.size,
            root: report.root.map(|root| root.to_base64()),
            problem: report.problem.map(|problem| problem.to_string()),
        }))
    }

    fn proof(&self, found: &Found) -> Told {
        let (origin, entry) = (found.name("ledger"), found.entry()?);
        let absent = || Problem::new(404, "there is no such entry in a ledger here");
        let index = u64::try_from(entry).map_err(|_| absent())?;
        let mut readers = self.known.ledgers.iter().filter_map(|folder| Reader::open(folder).ok());
        let reader = readers.find(|reader| reader.origin() == origin).ok_or_else(absent)?;
        if index >= reader.size() {
            return Err(absent());
        }
        let read = reader.entries(index..index + 1).ok().and_then(|mut entries| entries.pop());
        let proved = read.zip(reader.prove(index).ok());
        let damaged = || Problem::new(503, "the ledger is damaged: check it");
        let (bytes, proof) = proved.ok_or_else(damaged)?;
        let place = format!("{origin}#{index}");
        let name: Option<RowName> = place.parse().ok();
        let agrees = self.ask(|index, _| match name.as_ref().map(|name| index.find(name)) {
            Some(Ok(rows)) => Ok(rows.differs_from(&bytes).is_none()),
            Some(Err(ProveError::Store(error))) => Err(Fault::Store(error)),
            // An entry of which no row is made is as the ledger has it.
            Some(Err(_)) | None => Ok(true),
        })?;
        Ok(value(&Proof {
            place,
            entry: BASE64.encode(&bytes),
            leaf: leaf_hash(&bytes).to_hex(),
            proof: proof.to_string(),
            size: reader.size(),
            agrees,
        }))
    }

    /// What folders beside the ledgers say.
    pub(super) fn seen(&self, found: &Found) -> Told {
        match found.route.call {
            Call::Quarantine => self.quarantine(found),
            Call::QuarantineItem => self.kept(found.name("item")).map(|kept| value(&kept)),
            Call::EmergencyVersions => {
                let prepared = telling::prepared(&self.emergencies()?, &self.printer);
                prepared
                    .map(|prepared| value(&prepared))
                    .map_err(|report| away("the log of versions", &report))
            }
            _ => {
                let known = self.emergencies()?;
                let standing = telling::standing(&known, versions::told_elsewhere, &self.printer);
                standing
                    .map(|standing| value(&standing))
                    .map_err(|report| away("the log of versions", &report))
            }
        }
    }

    /// The log of versions, where one is configured, and who signs by the file as it is now: as on the pages.
    pub(super) fn emergencies(&self) -> Result<emergency_command::Known, Problem> {
        if self.config.policy.log.is_none() {
            return Err(no_versions());
        }
        let known = emergency_command::Known::of(&self.config.file);
        known.map_err(|report| away("the keys of those who sign", &report))
    }

    fn contents(&self) -> Result<quarantine::Contents, Problem> {
        let Some(files) = &self.config.quarantine else {
            return Err(Problem::new(404, "this configuration has no quarantine"));
        };
        if !files.folder.exists() {
            return Err(Problem::new(404, "there is no quarantine yet: `eosin run` makes it when it starts"));
        }
        quarantine_command::contents(&self.config).map_err(|report| away("the quarantine", &report))
    }

    fn quarantine(&self, found: &Found) -> Told {
        let all = match found.query.get("all") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::new(400, "`all` is `true` or `false`")),
        };
        let boundary = found.query.get("boundary");
        if boundary.is_some_and(|name| !(1..=200).contains(&name.chars().count())) {
            return Err(Problem::new(400, "`boundary` has 1 to 200 characters"));
        }
        let contents = self.contents()?;
        if let Some(name) = boundary {
            let known = quarantine_command::is_boundary(name, &contents, &self.config);
            known.map_err(|report| {
                let help = report.help().map(|help| format!("; {help}")).unwrap_or_default();
                Problem::new(404, &format!("{report}{help}"))
            })?;
        }
        let items = quarantine_command::telling::chosen(&contents.kept, boundary, all);
        let items = items.into_iter().filter_map(shown).collect();
        Ok(value(&Quarantine { items, damaged: contents.damaged }))
    }

    /// One item, as it is shown.
    pub(super) fn kept(&self, id: &str) -> Result<QuarantineKept, Problem> {
        let contents = self.contents()?;
        let kept = contents.kept.iter().find(|kept| kept.item.id.to_string() == id);
        if let Some((_, why)) = contents.damaged.iter().find(|(name, _)| name == id) {
            return Err(Problem::new(404, &format!("this item {why}; restore it from a backup")));
        }
        kept.and_then(shown).ok_or_else(|| Problem::new(404, &self.not_here(id)))
    }

    /// Why an item is not here: nobody kept it, or another gateway, whose ledger is in the same index.
    fn not_here(&self, id: &str) -> String {
        let sql = "SELECT origin FROM quarantine WHERE item = $1 ORDER BY origin LIMIT 1";
        let found = self.ask(|index, _| Ok(index.query(sql, &[Value::text(id)])?));
        match found.ok().and_then(|answer| answer.rows.into_iter().flatten().next()) {
            Some(Value::Text(origin)) => {
                format!("this item is kept by the gateway whose ledger is {origin}: ask a console beside it")
            }
            Some(Value::Integer(_) | Value::Null) | None => "there is no such item".to_owned(),
        }
    }
}

/// An item in the words of the API, which are those of the command's JSON.
fn shown(kept: &quarantine::Kept) -> Option<QuarantineKept> {
    serde_json::from_value(value(kept)).ok()
}
