//! What counts mean, in plain sentences: part of a statement, and refused where they say something else.
//!
//! Source: spec/certificate.md section 7.

use std::collections::BTreeMap;

use mark::VerdictName;

use crate::statement::{JudgedAgainst, Suspected, count};

/// What the counts mean, in plain sentences.
pub fn says(counts: &BTreeMap<String, u64>, suspected: Suspected, against: &JudgedAgainst) -> Vec<String> {
    written(counts, suspected, against, &|count| count == 1)
}

/// Whether these are the sentences of the counts; also as they were written before one record was spoken of as one.
pub(crate) fn are_said(
    said: &[String],
    counts: &BTreeMap<String, u64>,
    suspected: Suspected,
    against: &JudgedAgainst,
) -> bool {
    said == says(counts, suspected, against) || said == as_before(counts, suspected, against)
}

/// As they were written before: one record in the words for several.
pub(crate) fn as_before(
    counts: &BTreeMap<String, u64>,
    suspected: Suspected,
    against: &JudgedAgainst,
) -> Vec<String> {
    written(counts, suspected, against, &|_| false)
}

fn written(
    counts: &BTreeMap<String, u64>,
    suspected: Suspected,
    against: &JudgedAgainst,
    is_one: &dyn Fn(u64) -> bool,
) -> Vec<String> {
    let records: u64 = counts.values().fold(0, |sum, count| sum.saturating_add(*count));
    let mut says = vec![if is_one(records) {
        "The one record is not proven synthetic, mixed, transplanted, forged, untrusted or unreadable, and is not strongly \
         suspected."
            .to_owned()
    } else {
        format!(
            "None of {records} records is proven synthetic, mixed, transplanted, forged, untrusted or unreadable, and none is \
             strongly suspected."
        )
    }];
    let mut of_some = |count: u64, one: &str, several: &str| {
        if count > 0 && is_one(records) {
            says.push(format!("It is {one}"));
        } else if is_one(count) {
            says.push(format!("1 of them is {one}"));
        } else if count > 0 {
            says.push(format!("{count} of them are {several}"));
        }
    };
    of_some(
        count(counts, VerdictName::Attested),
        "attested: a system of record vouches for it.",
        "attested: a system of record vouches for each.",
    );
    of_some(
        count(counts, VerdictName::Unproven),
        "unproven: it carries no mark, and nothing known here recognises it. Nobody vouches for what it is.",
        "unproven: they carry no mark, and nothing known here recognises them. Nobody vouches for what they are.",
    );
    of_some(
        suspected.weak,
        "weakly suspected: the registry knows one of its identifying values, which can be chance.",
        "weakly suspected: the registry knows one of their identifying values, which can be chance.",
    );
    if against.registry.is_none() {
        says.push("There was no registry to ask.".to_owned());
    }
    if against.recogniser.is_none() {
        says.push("Generators were not looked for.".to_owned());
    }
    says
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::tests::counts;

    #[test]
    fn one_record_is_spoken_of_as_one() {
        let against = JudgedAgainst {
            logs: Vec::new(),
            policy: "shipped@1".to_owned(),
            recogniser: None,
            registry: None,
        };
        let none = Suspected { strong: 0, weak: 0 };
        let weak = Suspected { strong: 0, weak: 1 };
        for (of, suspected, want) in [
            (
                &[("unproven", 1)][..],
                none,
                &["The one record is not proven synthetic,", "It is unproven: it carries no mark,"][..],
            ),
            (
                &[("suspected", 1)],
                weak,
                &["The one record", "It is weakly suspected: the registry knows one of its"],
            ),
            (
                &[("attested", 1), ("unproven", 2), ("suspected", 1)],
                weak,
                &[
                    "None of 4 records is",
                    "1 of them is attested:",
                    "2 of them are unproven: they",
                    "1 of them is weakly",
                ],
            ),
            (&[("attested", 2)], none, &["None of 2 records", "2 of them are attested:"]),
        ] {
            let all = says(&counts(of), suspected, &against);
            assert_eq!(all.len(), want.len() + 2, "{all:?}");
            assert!(all.iter().zip(want).all(|(got, want)| got.starts_with(want)), "{all:?}");
            assert!(are_said(&all, &counts(of), suspected, &against));
            // As it was written before.
            let before = as_before(&counts(of), suspected, &against);
            assert!(before[0].starts_with("None of ") && before[1].contains(" of them are "), "{before:?}");
            assert!(are_said(&before, &counts(of), suspected, &against));
            assert!(!are_said(&before[1..], &counts(of), suspected, &against));
        }
    }
}
