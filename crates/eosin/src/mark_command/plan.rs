//! What a dataset will say of itself, from the command line and the configuration.

use std::collections::BTreeMap;

use jiff::civil;
use mark::{Authorship, FieldList, Manifest, Method, Salt, Source, Subject};
use miette::miette;

use crate::{
    arguments::{MarkArguments, MethodWord},
    config::Config,
};

/// A manifest without salt and field lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Whom the records are about.
    pub(super) subject: Subject,
    name: String,
    source: Source,
    authorship: Authorship,
    method: Method,
    purposes: Vec<String>,
    jurisdictions: Vec<String>,
    retain_until: Option<String>,
}

impl Plan {
    /// The plan that the arguments ask for.
    ///
    /// Errors: a report: a boundary that may not attest, a date or a code that is none.
    pub(super) fn of(arguments: &MarkArguments, config: &Config) -> miette::Result<Self> {
        let (subject, source, method) = match (&arguments.attest, &arguments.generator) {
            (Some(boundary), _) => {
                may_attest(boundary, config)?;
                (Subject::Attested, Source::SystemOfRecord { boundary: boundary.clone() }, Method::Collected)
            }
            (None, Some(name)) => {
                let (name, version) = (name.clone(), arguments.generator_version.clone());
                (Subject::Synthetic, Source::Generator { name, version }, method(arguments.method))
            }
            (None, None) => return Err(miette!("say what made the records with `--generator NAME`")),
        };
        let usual = if subject == Subject::Attested { Authorship::Human } else { Authorship::Algorithm };
        let retain_until = arguments.retain_until.as_deref().map(date).transpose()?;
        let jurisdictions =
            arguments.jurisdictions.iter().map(|code| jurisdiction(code)).collect::<Result<_, _>>()?;
        Ok(Self {
            subject,
            name: arguments.dataset.clone(),
            source,
            authorship: arguments.authorship.unwrap_or(usual),
            method,
            purposes: arguments.purposes.clone(),
            jurisdictions,
            retain_until,
        })
    }

    /// The manifest, with what the survey found.
    pub(super) fn manifest(self, objects: BTreeMap<String, FieldList>, salt: Salt) -> Manifest {
        Manifest {
            name: self.name,
            source: self.source,
            subject: self.subject,
            authorship: self.authorship,
            method: self.method,
            purposes: self.purposes,
            jurisdictions: self.jurisdictions,
            generated_at: None,
            retain_until: self.retain_until,
            operator: None,
            parameters_digest: None,
            seed_commitment: None,
            salt,
            objects,
        }
    }
}

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
