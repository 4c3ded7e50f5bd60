//! The pages, one file each, and the rows that several of them show.

pub(crate) mod absent;
pub(crate) mod account;
pub(crate) mod boundaries;
pub(crate) mod dataset;
pub(crate) mod datasets;
pub(crate) mod emergency;
pub(crate) mod ledgers;
pub(crate) mod operators;
pub(crate) mod policies;
pub(crate) mod quarantine;
pub(crate) mod record;
pub(crate) mod records;
pub(crate) mod sign_in;
pub(crate) mod today;
pub(crate) mod told;
pub(crate) mod transaction;
pub(crate) mod transactions;

/// Rows of a list on one page.
const ROWS: usize = 50;
/// The verdicts, in the order in which they are counted: what is proven, what is not, what is wrong.
pub(crate) const VERDICTS: [&str; 9] = [
    "synthetic",
    "attested",
    "mixed",
    "unproven",
    "suspected",
    "transplanted",
    "forged",
    "untrusted",
    "unreadable",
];
/// The decisions.
const DECISIONS: [&str; 3] = ["pass", "warn", "block"];

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
