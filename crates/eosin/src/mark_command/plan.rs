//! What a dataset will say of itself, from what was asked, the configuration and the data.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use jiff::{Timestamp, civil};
use mark::{
    Authorship, FieldList, Manifest, Method, Salt, Source, Subject,
    digest::{Key, sha256},
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::{description::Description, recognised::Recognised};
use crate::{arguments::MethodWord, config::Config};

/// A manifest without salt, field lists, and what the data itself says.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whom the records are about.
    pub(super) subject: Subject,
    description: Description,
    method: Method,
    authorship: Authorship,
    jurisdictions: Vec<String>,
    retain_until: Option<String>,
    generated_at: Option<String>,
    parameters_digest: Option<String>,
}

impl Plan {
    /// The plan that is asked for.
    ///
    /// Errors: a report: a boundary that may not attest, a date or a code that is none, parameters that cannot be read.
    pub(super) fn of(description: Description, config: &Config) -> miette::Result<Self> {
        let (subject, method, usual) = match &description.attest {
            Some(_) if description.seed.is_some() => {
                return Err(miette!("people have no seed: leave `seed` out where a boundary attests"));
            }
            Some(boundary) => {
                may_attest(boundary, config)?;
                (Subject::Attested, Method::Collected, Authorship::Human)
            }
            None => {
                let word = description.method.unwrap_or(MethodWord::RuleBased);
                let usual =
                    if word == MethodWord::GenerativeModel { Authorship::Ai } else { Authorship::Algorithm };
                (Subject::Synthetic, method(word), usual)
            }
        };
        Ok(Self {
            subject,
            method,
            authorship: description.authorship.unwrap_or(usual),
            jurisdictions: description
                .jurisdictions
                .iter()
                .map(|code| jurisdiction(code))
                .collect::<Result<_, _>>()?,
            retain_until: description.retain_until.as_deref().map(date).transpose()?,
            generated_at: description.generated_at.as_deref().map(moment).transpose()?,
            parameters_digest: description.parameters.as_deref().map(digest_of_file).transpose()?,
            description,
        })
    }

    /// What was asked.
    pub(super) fn description(&self) -> &Description {
        &self.description
    }

    /// What the records come from: what was asked, else what the data says of itself.
    ///
    /// Errors: a report where neither says anything.
    pub(super) fn source(&self, recognised: Option<&Recognised>) -> miette::Result<Source> {
        let asked = &self.description;
        if let Some(boundary) = &asked.attest {
            return Ok(Source::SystemOfRecord { boundary: boundary.clone() });
        }
        let agrees = |name: &str| recognised.filter(|found| found.name.eq_ignore_ascii_case(name));
        let (name, found) = match (&asked.generator, recognised) {
            (Some(name), _) => (name.clone(), agrees(name)),
            (None, Some(found)) => (found.name.to_owned(), Some(found)),
            (None, None) => {
                return Err(miette!(
                    help = "or attest it with `--attest BOUNDARY`, if it is about people",
                    "the data does not say what made it; say it with `--generator NAME`"
                ));
            }
        };
        let version =
            asked.generator_version.clone().or_else(|| found.and_then(|found| found.version.clone()));
        Ok(Source::Generator { name, version })
    }

    /// The generator that the data names, where another was asked for.
    pub(super) fn contradiction(&self, recognised: Option<&Recognised>) -> Option<&'static str> {
        let asked = self.description.generator.as_deref()?;
        let found = recognised?.name;
        // «Synthea 3.3» and «our Synthea fork» name it.
        (!asked.to_ascii_lowercase().contains(&found.to_ascii_lowercase())).then_some(found)
    }

    /// The manifest, with what the survey found and a salt.
    ///
    /// With a seed the salt follows from it and from everything else that the manifest says, so that marking the same
    /// again gives the same bytes; without one it is `random`.
    pub(super) fn manifest(
        &self,
        source: Source,
        objects: BTreeMap<String, FieldList>,
        random: Salt,
    ) -> Manifest {
        let asked = &self.description;
        let mut manifest = Manifest {
            name: asked.name.clone(),
            source,
            subject: self.subject,
            authorship: self.authorship,
            method: self.method,
            purposes: asked.purposes.clone(),
            jurisdictions: self.jurisdictions.clone(),
            generated_at: self.generated_at.clone(),
            retain_until: self.retain_until.clone(),
            operator: asked.operator.clone(),
            parameters_digest: self.parameters_digest.clone(),
            seed_commitment: asked.seed.as_deref().map(|seed| sha256(&[seed.as_bytes()]).to_hex()),
            salt: random,
            objects,
        };
        if let Some(seed) = asked.seed.as_deref() {
            manifest.salt = salt_of_seed(seed, &manifest);
        }
        manifest
    }
}

/// The first half of HMAC-SHA-256, keyed with a digest of the seed, over the manifest with a salt of zeros.
///
/// Source: spec/mark.md section 1.1.
fn salt_of_seed(seed: &str, manifest: &Manifest) -> Salt {
    let key = sha256(&[b"eosin salt of a seed\0", seed.as_bytes()]);
    let rest = Manifest { salt: Salt([0; 16]), ..manifest.clone() }.to_canonical();
    let mut salt = [0; 16];
    if let Some(key) = Key::new(key.as_bytes()) {
        salt.iter_mut().zip(key.hmac(&[&rest]).as_bytes()).for_each(|(to, from)| *to = *from);
    }
    Salt(salt)
}

/// SHA-256 of a file's bytes, in hex.
fn digest_of_file(path: &Path) -> miette::Result<String> {
    let digest = || -> std::io::Result<String> {
        let mut file = File::open(path)?.take(PARAMETERS_BYTES_MAX + 1);
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            digest.update(buffer.get(..length).unwrap_or_default());
        }
        if file.limit() == 0 {
            return Err(std::io::Error::other(format!("it is longer than {PARAMETERS_BYTES_MAX} bytes")));
        }
        Ok(data_encoding::HEXLOWER.encode(digest.finish().as_ref()))
    };
    digest().into_diagnostic().wrap_err_with(|| format!("cannot read the parameters in {}", path.display()))
}

/// Parameters are configurations, or a model's description; not the model.
const PARAMETERS_BYTES_MAX: u64 = 1 << 30;

fn may_attest(name: &str, config: &Config) -> miette::Result<()> {
    let known: Vec<&str> = config.boundaries.iter().map(|known| known.boundary.name.as_str()).collect();
    match config.boundaries.iter().find(|known| known.boundary.name == name) {
        Some(found) if found.boundary.system_of_record => Ok(()),
        Some(_) => Err(miette!(
            help = "only a boundary with `system_of_record = true` vouches for people; say so in the configuration if \
                    it does",
            "boundary `{name}` is not a system of record, so nothing can be attested in its name"
        )),
        None => Err(miette!(
            help = format!("{} has: {}", config.file.display(), known.join(", ")),
            "there is no boundary `{name}`"
        )),
    }
}

fn method(word: MethodWord) -> Method {
    match word {
        MethodWord::RuleBased => Method::RuleBased,
        MethodWord::Statistical => Method::Statistical,
        MethodWord::GenerativeModel => Method::GenerativeModel,
        MethodWord::Anonymised => Method::Anonymised,
        MethodWord::Augmented => Method::Augmented,
    }
}

fn date(text: &str) -> miette::Result<String> {
    match text.parse::<civil::Date>() {
        Ok(date) => Ok(date.to_string()),
        Err(_) => Err(miette!("`--retain-until {text}` is not a date such as 2027-12-31")),
    }
}

fn moment(text: &str) -> miette::Result<String> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Ok(Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()),
        Err(_) => Err(miette!("`--generated-at {text}` is not a moment such as 2026-11-01T08:00:00Z")),
    }
}

/// A country or a part of one: `US`, `US-AL`.
fn jurisdiction(code: &str) -> miette::Result<String> {
    let upper = code.to_ascii_uppercase();
    let (country, part) = upper.split_once('-').unwrap_or((&upper, "X"));
    let fits = country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=3).contains(&part.len())
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        Ok(upper)
    } else {
        Err(miette!("`--jurisdiction {code}` is not an ISO 3166 code such as US or US-AL"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_dates_are_what_they_are_called() {
        for (code, want) in [
            ("us", Some("US")),
            ("US-al", Some("US-AL")),
            ("AT", Some("AT")),
            ("USA", None),
            ("U1", None),
            ("US-", None),
        ] {
            assert_eq!(jurisdiction(code).ok().as_deref(), want, "{code}");
        }
        for (text, want) in [("2027-12-31", Some("2027-12-31")), ("2027-02-30", None), ("soon", None)] {
            assert_eq!(date(text).ok().as_deref(), want, "{text}");
        }
    }
}
