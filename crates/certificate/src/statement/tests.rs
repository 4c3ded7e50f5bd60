//! What a statement may say, and what it may not.

use super::*;
use crate::sentences::as_before;

pub(crate) fn counts(above: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> =
        VerdictName::ALL.iter().map(|name| (name.as_str().to_owned(), 0)).collect();
    counts.extend(above.iter().map(|(name, count)| ((*name).to_owned(), *count)));
    counts
}

pub(crate) fn statement() -> Statement {
    let judged_against = JudgedAgainst {
        logs: vec!["log.example".to_owned()],
        policy: "shipped@1".to_owned(),
        recogniser: None,
        registry: Some(RegistryUsed {
            entries: 3,
            generation: 1,
            key: "00".repeat(8),
            root: "00".repeat(32),
        }),
    };
    let counts = counts(&[("attested", 1), ("unproven", 2), ("suspected", 1)]);
    let suspected = Suspected { strong: 0, weak: 1 };
    let predicate = Predicate {
        at: "2026-02-03T04:05:06Z".to_owned(),
        boundary: None,
        content_root: "11".repeat(32),
        // As the vectors have it, which were published so.
        says: as_before(&counts, suspected, &judged_against),
        counts,
        files: vec![FileRead {
            columns: BTreeMap::new(),
            format: "a table of text".to_owned(),
            name: "people.csv".to_owned(),
            object: Some("people".to_owned()),
            records: 4,
        }],
        judged_against,
        leaves: None,
        receipt: Receipt::default(),
        records: 4,
        rule: "usual".to_owned(),
        salt: Salt([1; 16]),
        signer: "log.example+00000000".to_owned(),
        suspected,
    };
    let digest = SubjectDigest { sha256: "22".repeat(32) };
    Statement::new(vec![Subject { digest, name: "people.csv".to_owned() }], predicate)
}

#[test]
fn a_statement_comes_back_and_its_entry_holds_no_name_of_a_file() {
    let statement = statement();
    assert_eq!(Statement::parse(&statement.canonical()), Ok(statement.clone()));
    let entry = String::from_utf8(statement.entry()).unwrap();
    assert!(entry.starts_with(r#"{"at":"2026-02-03T04:05:06Z","contentRoot":"11"#), "{entry}");
    assert!(entry.contains(r#""eosin":"certificate@1""#) && !entry.contains("people"), "{entry}");
    assert!(!entry.contains("2222"), "a digest without salt could be tested against guesses: {entry}");
}

#[test]
fn what_a_statement_does_not_say_rightly_is_refused() {
    let check = |what: &str, change: &dyn Fn(&mut Statement), want: &str| {
        let mut changed = statement();
        change(&mut changed);
        let error = Statement::parse(&changed.canonical()).unwrap_err();
        assert!(error.contains(want), "{what}: {error}");
    };
    check("a count", &|it| *it.predicate.counts.get_mut("attested").unwrap() = 2, "do not add up");
    check("records", &|it| it.predicate.records = 5, "do not add up");
    check("a file's records", &|it| it.predicate.files[0].records = 5, "do not add up");
    check("a word missing", &|it| assert!(it.predicate.counts.remove("forged").is_some()), "nine verdicts");
    check("no sentence", &|it| it.predicate.says.clear(), "in words");
    check("another sentence", &|it| it.predicate.says[0].push('!'), "in words");
    check("a stricter rule", &|it| it.predicate.rule = "strict".to_owned(), "no certificate");
    check("an unknown rule", &|it| it.predicate.rule = "lax".to_owned(), "rule");
    check("strength", &|it| it.predicate.suspected = Suspected { strong: 1, weak: 0 }, "no certificate");
    check("more suspected", &|it| it.predicate.suspected.weak = 2, "suspected");
    check("other leaves", &|it| it.predicate.leaves = Some("lines".to_owned()), "content root");
    check("another kind", &|it| it.predicate_kind.push('2'), "later release");
    check("one subject more", &|it| it.subject.push(it.subject[0].clone()), "how it was read");
    check("another name", &|it| it.predicate.files[0].name.push('2'), "how it was read");
    let empty = FileRead {
        columns: BTreeMap::new(),
        format: String::new(),
        name: "other.csv".to_owned(),
        object: None,
        records: 0,
    };
    check("one file more", &|it| it.predicate.files.push(empty.clone()), "no subject");
    let text = String::from_utf8(statement().canonical()).unwrap();
    for (text, want) in [
        (text.replace(":4,", ": 4,"), "one spelling"),
        (text.replace("\"recogniser\":null,", ""), "shape"),
        (text.replace("\"records\":4,\"rule\"", "\"more\":1,\"records\":4,\"rule\""), "shape"),
        (text.replace("{\"_type\"", "{\"_type\":1,\"_type\""), "twice"),
    ] {
        let error = Statement::parse(text.as_bytes()).unwrap_err();
        assert!(error.contains(want), "{error}: {text}");
    }
}

#[test]
fn the_rule_lets_nothing_through_that_is_or_may_be_synthetic() {
    let usual = Rule::default();
    let strict = Rule { strict: true, ..usual };
    let only_attested = Rule { only_attested: true, ..usual };
    let check = |above: &[(&str, u64)], suspected: Suspected, want: [bool; 3]| {
        let counts = counts(above);
        let got = [usual, strict, only_attested].map(|rule| rule.allows(&counts, suspected));
        assert_eq!(got, want, "{above:?} {suspected:?}");
    };
    let none = Suspected::default();
    check(&[("attested", 9)], none, [true, true, true]);
    check(&[("attested", 9), ("unproven", 1)], none, [true, true, false]);
    check(&[("suspected", 1)], Suspected { strong: 0, weak: 1 }, [true, false, false]);
    check(&[("suspected", 1)], Suspected { strong: 1, weak: 0 }, [false, false, false]);
    for word in ["synthetic", "mixed", "transplanted", "forged", "untrusted", "unreadable"] {
        check(&[("attested", 9), (word, 1)], none, [false, false, false]);
    }
}
