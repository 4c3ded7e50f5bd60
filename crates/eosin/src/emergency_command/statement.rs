//! What people sign: a request to put an emergency version in force, and that it is stood down. Signed notes, so that
//! anybody with the public keys can verify them without Eosin.
//!
//! Source: spec/policies.md section 5.

use jiff::{SignedDuration, Timestamp};
use mark::note::{SignedNote, SignerKey, VerifierKey};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use policy::EmergencyScope;

use crate::{
    config::{Config, Emergency},
    keys,
};

const REQUEST: &str = "eosin-emergency@1";
const STAND_DOWN: &str = "eosin-emergency-stand-down@1";

/// Shortest time that an emergency version is put in force for.
pub(crate) const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// How long a request waits for the second person.
pub(crate) const LAPSE: SignedDuration = SignedDuration::from_mins(15);
/// How far the clocks of two machines may differ.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_mins(1);
/// Longest reason, in characters.
pub(crate) const REASON_MAX: usize = 200;
/// Longest text or note, in bytes: a scope of all its names and a few signatures.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 10;

/// What two people sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The name of the log of versions.
    pub(crate) log: String,
    /// The entry that says it was prepared.
    pub(crate) prepared: u64,
    /// The version.
    pub(crate) version: String,
    /// The digest of its text.
    pub(crate) sha256: String,
    /// Within what it decides.
    pub(crate) scope: EmergencyScope,
    /// When the first person asked.
    pub(crate) asked: Timestamp,
    /// When it ends by itself.
    pub(crate) until: Timestamp,
    /// Why.
    pub(crate) reason: String,
}

impl Request {
    /// The text that is signed.
    pub(crate) fn text(&self) -> String {
        let Self { log, prepared, version, sha256, scope, asked, until, reason } = self;
        format!(
            "{REQUEST}\nlog {log}\nprepared {prepared}\nversion {version}\nsha256 {sha256}\nscope {scope}\n\
             asked {asked}\nuntil {until}\nreason {reason}\n"
        )
    }

    /// Reads a text in its one spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = Members(text.lines());
        lines.0.next().filter(|first| *first == REQUEST)?;
        let parsed = Self {
            log: lines.next("log")?.to_owned(),
            prepared: lines.next("prepared")?.parse().ok()?,
            version: lines.next("version")?.to_owned(),
            sha256: lines.next("sha256")?.to_owned(),
            scope: lines.next("scope")?.parse().ok()?,
            asked: lines.next("asked")?.parse().ok()?,
            until: lines.next("until")?.parse().ok()?,
            reason: lines.next("reason")?.to_owned(),
        };
        (parsed.text() == text).then_some(parsed)
    }

    /// Until when a second person can approve it.
    pub(crate) fn lapses(&self) -> Timestamp {
        lapse(self.asked)
    }
}

/// Until when what was signed at a moment counts.
pub(crate) fn lapse(signed: Timestamp) -> Timestamp {
    signed.checked_add(LAPSE).unwrap_or(Timestamp::MAX)
}

/// What one person signs to end an emergency version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandDown {
    /// The name of the log of versions.
    pub(crate) log: String,
    /// The entry that put it in force: `origin#index`.
    pub(crate) activation: String,
    /// When.
    pub(crate) at: Timestamp,
    /// Why.
    pub(crate) reason: String,
}

impl StandDown {
    /// The text that is signed.
    pub(crate) fn text(&self) -> String {
        let Self { log, activation, at, reason } = self;
        format!("{STAND_DOWN}\nlog {log}\nactivation {activation}\nat {at}\nreason {reason}\n")
    }

    /// Reads a text in its one spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = Members(text.lines());
        lines.0.next().filter(|first| *first == STAND_DOWN)?;
        let parsed = Self {
            log: lines.next("log")?.to_owned(),
            activation: lines.next("activation")?.to_owned(),
            at: lines.next("at")?.parse().ok()?,
            reason: lines.next("reason")?.to_owned(),
        };
        (parsed.text() == text).then_some(parsed)
    }
}

/// Lines that begin with a word each.
struct Members<'a>(std::str::Lines<'a>);

impl<'a> Members<'a> {
    fn next(&mut self, word: &str) -> Option<&'a str> {
        self.0.next()?.strip_prefix(word)?.strip_prefix(' ')
    }
}

/// The people who may sign, with their keys; and for how long at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signers {
    // INVARIANT: no two have a name or a key in common.
    known: Vec<(String, VerifierKey)>,
    hours_max: i64,
}

impl Signers {
    /// Those of a configuration.
    ///
    /// Errors: a report: a key cannot be read, or two people have the same one.
    pub(crate) fn of(config: &Config) -> miette::Result<Self> {
        Self::new(&config.policy.emergency)
    }

    /// These people.
    ///
    /// Errors: as [`Signers::of`].
    pub(crate) fn new(emergency: &Emergency) -> miette::Result<Self> {
        let mut known: Vec<(String, VerifierKey)> = Vec::new();
        for signer in &emergency.signers {
            let key = keys::verifier(&signer.key)?;
            if let Some((other, _)) = known.iter().find(|(_, other)| material(other) == material(&key)) {
                return Err(miette!(
                    help = "each person makes a key of their own with `eosin emergency key`",
                    "signers `{other}` and `{}` have the same key: two people are asked for, not two names",
                    signer.name
                ));
            }
            known.push((signer.name.clone(), key));
        }
        Ok(Self { known, hours_max: i64::from(emergency.hours_max) })
    }

    /// The longest time that an emergency version may be in force for.
    pub(crate) fn longest(&self) -> SignedDuration {
        SignedDuration::from_hours(self.hours_max)
    }

    /// Whose key this is.
    pub(crate) fn name_of(&self, signer: &SignerKey) -> miette::Result<&str> {
        let name = self.known.iter().find(|(_, key)| key == signer.verifier()).map(|(name, _)| name.as_str());
        name.ok_or_else(|| {
            miette!(
                help =
                    "add an `[[emergency.signer]]` with the `.vkey` beside it, on every gateway (docs/emergency.md)",
                "key `{}` is no signer's",
                signer.name()
            )
        })
    }

    /// The text of a note and who of these signed it, in the order of the configuration.
    ///
    /// Errors: a report: it is no note, nobody of these signed it, or a signature is forged.
    pub(super) fn signed<'a>(&'a self, note: &'a SignedNote) -> miette::Result<Vec<&'a str>> {
        let keys: Vec<VerifierKey> = self.known.iter().map(|(_, key)| key.clone()).collect();
        let verified = note.verify(&keys).into_diagnostic().wrap_err("no signer's key has signed it")?;
        let has = |key: &VerifierKey| verified.signed_by().contains(&key);
        Ok(self.known.iter().filter(|(_, key)| has(key)).map(|(name, _)| name.as_str()).collect())
    }

    /// A request and who signed it, the first one first.
    ///
    /// Errors: a report that says which rule it breaks: it is not of this log, holds too long, or nobody signed it.
    pub(crate) fn request(&self, note: &str, log: &str) -> miette::Result<(Request, Vec<String>)> {
        let note = SignedNote::parse(note).into_diagnostic()?;
        let request =
            Request::parse(note.unverified_text()).ok_or_else(|| miette!("it is no request as specified"))?;
        let names = self.signed(&note)?;
        if request.log != log {
            return Err(miette!("it was made for the log {}, and this is {log}", request.log));
        }
        let length = request.until.duration_since(request.asked);
        if length < SHORTEST || length > self.longest() {
            return Err(miette!(
                "it is for {}: at least a minute and at most {} hours are allowed",
                told(length),
                self.hours_max
            ));
        }
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let first = note.signatures().first().and_then(|line| {
            let of = |(_, key): &&(String, VerifierKey)| key.name() == line.name() && key.id() == line.id();
            self.known.iter().find(of).map(|(name, _)| name.clone())
        });
        names.sort_by_key(|name| Some(name) != first.as_ref());
        Ok((request, names))
    }

    /// A request that two different people signed in time; `at` is when the log took it.
    ///
    /// Errors: a report that says what is missing.
    pub(crate) fn approved(
        &self,
        note: &str,
        log: &str,
        at: &str,
    ) -> miette::Result<(Request, String, String)> {
        let (request, names) = self.request(note, log)?;
        let [first, second] = <[String; 2]>::try_from(names)
            .map_err(|names| miette!("{} of the signers signed it: two have to", names.len()))?;
        let at: Timestamp = at.parse().map_err(|_| miette!("its moment `{at}` is none"))?;
        let waited = at.duration_since(request.asked);
        if waited > LAPSE || waited < -SKEW {
            return Err(miette!("it was approved {} after it was asked for: it had lapsed", told(waited)));
        }
        Ok((request, first, second))
    }

    /// That somebody stood a version down, and who.
    pub(crate) fn stood_down(&self, note: &str, log: &str) -> miette::Result<(StandDown, String)> {
        let note = SignedNote::parse(note).into_diagnostic()?;
        let said = StandDown::parse(note.unverified_text())
            .filter(|said| said.log == log)
            .ok_or_else(|| miette!("it does not say of this log what is stood down"))?;
        let names = self.signed(&note)?;
        let name = names.first().ok_or_else(|| miette!("no signer's key has signed it"))?;
        Ok((said, (*name).to_owned()))
    }
}

/// The key itself, whatever it is called: what stands behind its name and hash, which may hold plus signs of its own.
fn material(key: &VerifierKey) -> String {
    key.to_string().splitn(3, '+').nth(2).unwrap_or_default().to_owned()
}

/// Signs a text.
pub(crate) fn sign(text: &str, signer: &SignerKey) -> miette::Result<String> {
    Ok(SignedNote::sign(text, signer).into_diagnostic()?.to_string())
}

/// The same note, signed by one more.
pub(crate) fn cosign(note: &str, signer: &SignerKey) -> miette::Result<String> {
    let note = SignedNote::parse(note).into_diagnostic()?;
    let other = SignedNote::sign(note.unverified_text(), signer).into_diagnostic()?;
    let mut note = note;
    for line in other.signatures() {
        note = note.with_signature(line.clone()).into_diagnostic()?;
    }
    Ok(note.to_string())
}

/// As the command printed it: browsers end lines with two characters, and people copy blank lines around it.
pub(crate) fn as_printed(text: &str) -> String {
    format!("{}\n", text.replace("\r\n", "\n").trim())
}

/// A time in words: `2 h`, `15 min`, `40 s`.
pub(crate) fn told(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    match seconds {
        _ if seconds != 0 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        _ if seconds != 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

/// A time as people write it: `90s`, `30m`, `2h`, `3d`.
pub(crate) fn length(text: &str) -> miette::Result<SignedDuration> {
    let read = text.split_at_checked(text.len().saturating_sub(1)).and_then(|(number, unit)| {
        let number: i64 = number.parse().ok().filter(|number| (1..=1_000_000).contains(number))?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return None,
        };
        Some(SignedDuration::from_secs(number * seconds))
    });
    read.ok_or_else(|| miette!(help = "write `30m`, `2h` or `1d`", "`{text}` is no length of time"))
}

/// A reason that can be signed.
pub(crate) fn reason(text: &str) -> miette::Result<String> {
    let text = text.trim();
    let fits = (1..=REASON_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text.to_owned());
    }
    Err(miette!(
        help = "name a ticket, never a person: it is kept for ever",
        "a reason has 1 to {REASON_MAX} characters and one line"
    ))
}

/// As [`reason`], on a command line.
pub(crate) fn one_line(text: &str) -> Result<String, String> {
    reason(text).map_err(|report| report.to_string())
}

#[cfg(test)]
mod tests;
