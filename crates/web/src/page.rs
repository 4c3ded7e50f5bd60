//! The pages, one file each, and the rows that several of them show.

use index::Value;

use crate::{rows::Conditions, target::Target};

pub(crate) mod absent;
pub(crate) mod account;
pub(crate) mod blast;
pub(crate) mod boundaries;
pub(crate) mod boundary_change;
pub(crate) mod dataset;
pub(crate) mod datasets;
pub(crate) mod deliveries;
pub(crate) mod emergency;
pub(crate) mod ledger_health;
pub(crate) mod ledgers;
pub(crate) mod live;
pub(crate) mod operators;
pub(crate) mod policies;
pub(crate) mod quarantine;
pub(crate) mod quarantine_item;
pub(crate) mod record;
pub(crate) mod records;
pub(crate) mod sign_in;
pub(crate) mod today;
pub(crate) mod told;
pub(crate) mod transaction;
pub(crate) mod transactions;

/// Rows of a list on one page.
const ROWS: usize = 50;
const MOMENT: &str = "A moment is written 2026-01-31T08:00:00Z, in UTC, and may be cut short: 2026-01-31.";

/// Adds since when and until when a target asks; what is wrong with that, if anything.
fn between(target: &Target, column: &str, conditions: &mut Conditions) -> Option<&'static str> {
    let (since, until) = match moments(target) {
        Ok(both) => both,
        Err(fault) => return Some(fault),
    };
    for (sign, moment) in [(">=", since), ("<", until)] {
        if let Some(moment) = moment {
            conditions.add(&format!("{column} {sign} ?"), [Value::Text(moment)]);
        }
    }
    None
}

/// Since when and until when a target asks.
///
/// Errors: what is wrong with that.
fn moments(target: &Target) -> Result<(Option<String>, Option<String>), &'static str> {
    let moment = |name| match target.get(name) {
        None => Ok(None),
        // Without its zone it sorts before every moment that it is the beginning of.
        Some(moment) if is_moment(moment) => Ok(Some(moment.trim_end_matches('Z').to_owned())),
        Some(_) => Err(MOMENT),
    };
    Ok((moment("since")?, moment("until")?))
}

/// A field of a filter's form with the values that it can have.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) label: &'static str,
    pub(crate) name: &'static str,
    pub(crate) options: Vec<String>,
    pub(crate) chosen: String,
}

impl Choice {
    fn new(
        label: &'static str,
        name: &'static str,
        options: impl IntoIterator<Item = String>,
        chosen: Option<&str>,
    ) -> Self {
        Self {
            label,
            name,
            options: options.into_iter().collect(),
            chosen: chosen.unwrap_or_default().to_owned(),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether a text can be the beginning of a moment as entries write it.
fn is_moment(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let begins = text.len() >= 4
        && text.len() <= 30
        && text.chars().zip(shape.chars()).all(|(is, must)| match must {
            'd' => is.is_ascii_digit(),
            must => is == must,
        });
    let rest = text.get(shape.len()..).unwrap_or_default();
    begins && rest.chars().all(|char| char.is_ascii_digit() || matches!(char, '.' | 'Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_may_be_cut_short_and_nothing_else() {
        for good in [
            "2026",
            "2026-11",
            "2026-11-22",
            "2026-11-22T08",
            "2026-11-22T08:00:00Z",
            "2026-11-22T08:00:00.5Z",
        ] {
            assert!(is_moment(good), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "22.11.2026",
            "2026-11-22 08:00",
            "2026-11-22T08:00:00' OR 1",
            "2026-11-22T08:00:00+01:00",
        ] {
            assert!(!is_moment(bad), "{bad}");
        }
    }
}
