//! Scenes and laws of the header, and the vectors that anyone can run.

use proptest::prelude::*;

use super::*;

fn said(lines: &[&str]) -> Result<Heard, ProvenanceError> {
    Provenance::parse(lines)
}

fn counts(pairs: &[(VerdictName, u64)]) -> BTreeMap<VerdictName, u64> {
    pairs.iter().copied().collect()
}

#[test]
fn what_is_written_is_a_dictionary_that_people_can_read() {
    let provenance = Provenance {
        counts: counts(&[(VerdictName::Unproven, 0), (VerdictName::Synthetic, 2)]),
        ruling: Some(RulingReference { origin: "eosin.example/gateway#a".into(), index: 7 }),
        ledger: Some("eosin.example/gateway#a".into()),
        is_partial: false,
    };
    let header = provenance.to_header();
    assert_eq!(
        header,
        r#"v=1, synthetic=2, unproven=0, ruling="eosin.example/gateway#a#7", ledger="eosin.example/gateway#a""#
    );
    assert_eq!(said(&[&header]), Ok(Heard { provenance, contradicts_itself: false }));
}

#[test]
fn lines_are_one_dictionary_and_the_last_word_holds() {
    for (lines, synthetic, contradicts) in [
        (&["v=1, synthetic=2"][..], 2, false),
        (&["v=1", "synthetic=2"], 2, false),
        (&["v=1", "", "  synthetic=2 "], 2, false),
        (&["v=1, synthetic=2", "synthetic=0"], 0, true),
        (&["v=1, synthetic=0, synthetic=2"], 2, true),
        (&["v=1, synthetic=2", "v=1, synthetic=2"], 2, false),
        (&["v=1, synthetic=2;note=\"n\", colour=red, colour=blue"], 2, false),
    ] {
        let heard = said(lines).unwrap();
        assert_eq!(heard.provenance.counts, counts(&[(VerdictName::Synthetic, synthetic)]), "{lines:?}");
        assert_eq!(heard.contradicts_itself, contradicts, "{lines:?}");
    }
}

#[test]
fn what_means_nothing_says_why() {
    let long = format!("v=1, x=\"{}\"", "a".repeat(VALUE_BYTES_MAX));
    for (line, want) in [
        ("", ProvenanceError::Version),
        ("synthetic=2", ProvenanceError::Version),
        ("v=2, synthetic=2", ProvenanceError::Version),
        ("v=1, synthetic=2,", ProvenanceError::Malformed),
        ("V=1", ProvenanceError::Malformed),
        ("v=1, synthetic=-1", ProvenanceError::Value { key: "synthetic" }),
        ("v=1, unproven=2.5", ProvenanceError::Value { key: "unproven" }),
        ("v=1, mixed=(1 2)", ProvenanceError::Value { key: "mixed" }),
        ("v=1, attested", ProvenanceError::Value { key: "attested" }),
        ("v=1, ruling=\"no index\"", ProvenanceError::Value { key: "ruling" }),
        ("v=1, ruling=\"a#07\"", ProvenanceError::Value { key: "ruling" }),
        ("v=1, ruling=\"#7\"", ProvenanceError::Value { key: "ruling" }),
        ("v=1, ledger=token", ProvenanceError::Value { key: "ledger" }),
        ("v=1, ledger=\"\"", ProvenanceError::Value { key: "ledger" }),
        ("v=1, synthetic=9999999999999999", ProvenanceError::Malformed),
        (&long, ProvenanceError::TooLong),
    ] {
        assert_eq!(said(&[line]), Err(want), "{line}");
    }
    // A parameter is not a member: the count is simply not there.
    let heard = said(&["v=1; synthetic=2"]).unwrap();
    assert_eq!(heard.provenance, Provenance::default());
}

#[test]
fn a_count_beyond_the_format_is_the_largest_of_the_format() {
    let provenance =
        Provenance { counts: counts(&[(VerdictName::Forged, u64::MAX)]), ..Provenance::default() };
    assert_eq!(provenance.to_header(), format!("v=1, forged={COUNT_MAX}"));
}

fn provenance_of(case: &serde_json::Value) -> Provenance {
    let counts = case["counts"].as_object().unwrap().iter().map(|(word, count)| {
        let name = VerdictName::ALL.into_iter().find(|name| name.as_str() == word).unwrap();
        (name, count.as_u64().unwrap())
    });
    let ruling = case.get("ruling").map(|ruling| RulingReference {
        origin: ruling["origin"].as_str().unwrap().to_owned(),
        index: ruling["index"].as_u64().unwrap(),
    });
    let ledger = case.get("ledger").map(|origin| origin.as_str().unwrap().to_owned());
    Provenance { counts: counts.collect(), ruling, ledger, is_partial: false }
}

#[test]
fn the_header_is_as_published() {
    let vectors = include_str!("../../../../spec/vectors/provenance-header.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    for case in vectors["read"].as_array().unwrap() {
        let lines: Vec<&str> =
            case["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        if case.get("malformed").is_some() {
            assert!(said(&lines).is_err(), "{case}");
        } else {
            let contradicts_itself = case.get("contradicts").is_some();
            assert_eq!(
                said(&lines),
                Ok(Heard { provenance: provenance_of(case), contradicts_itself }),
                "{case}"
            );
        }
    }
    for case in vectors["written"].as_array().unwrap() {
        assert_eq!(provenance_of(case).to_header(), case["header"].as_str().unwrap());
    }
}

proptest! {
    #[test]
    fn any_lines_are_read_or_refused(lines in prop::collection::vec("[ -~\\t]{0,80}", 0..4)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        if let Ok(heard) = said(&lines) {
            prop_assert!(lines.iter().any(|line| line.contains("v=1")), "{heard:?}");
        }
    }

    #[test]
    fn near_misses_are_read_or_refused(text in "v=1(, ?(synthetic|ruling|ledger|[a-z]{1,3})=?(\"[a-z#0-9]{0,4}\"|[0-9-]{0,17}|\\([0-9 ]*\\))?){0,4}") {
        if let Ok(heard) = said(&[&text]) {
            let again = said(&[&heard.provenance.to_header()]).unwrap();
            prop_assert_eq!(again.provenance, heard.provenance);
        }
    }

    #[test]
    fn what_is_written_reads_back(
        values in prop::collection::btree_map(0_usize..8, 0..=COUNT_MAX, 0..8),
        ruling in prop::option::of(("[^\\p{Cc}]{1,40}", any::<u64>())),
        ledger in prop::option::of("[^\\p{Cc}]{1,40}"),
    ) {
        let provenance = Provenance {
            counts: values.into_iter().map(|(at, count)| (VerdictName::ALL[at], count)).collect(),
            ruling: ruling.map(|(origin, index)| RulingReference { origin, index }),
            ledger,
            is_partial: false,
        };
        let header = provenance.to_header();
        prop_assert!(header.is_ascii());
        prop_assert_eq!(said(&[&header]).unwrap().provenance, provenance);
    }
}
