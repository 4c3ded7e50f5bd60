//! Scenes of texts that are not taken in, and of those that are.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn check(text: &str, want: &Expect) {
    let said = match Policies::parse("site", text) {
        Ok(policies) => policies.ids().collect::<Vec<_>>().join(" "),
        Err(PolicyError::Faulty { problems, .. }) => {
            problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n") + "\n"
        }
        Err(error) => format!("{error}\n"),
    };
    want.assert_eq(&said);
}

const FINE: &str = r#"@id("a") @reason("b") permit (principal, action, resource);"#;

#[test]
fn a_faulty_text_says_where_and_what_to_do() {
    check(FINE, &expect!["a"]);
    check(
        "",
        &expect![[r#"
        policies `site` are empty, so nothing could ever pass; start from the default policies
    "#]],
    );
    check(
        "// only a comment",
        &expect![[r#"
        policies `site` are empty, so nothing could ever pass; start from the default policies
    "#]],
    );
    check(
        "permit (principal, action, resource)",
        &expect![[r#"
        line 1, column 37: unexpected end of input
    "#]],
    );
    check(
        &format!("{FINE}\n  permit (principal, action, resource);"),
        &expect![[r#"
        line 2, column 3: a policy without id or reason (write `@id("short-name")` and `@reason("one sentence")` above it)
    "#]],
    );
    check(
        &format!("{FINE}\n\n{FINE}"),
        &expect![[r#"
        line 3, column 1: a second policy called `a` (give each policy its own id)
    "#]],
    );
    check(
        r#"@id("a") permit (principal, action, resource);"#,
        &expect![[r#"
        line 1, column 1: a policy without id or reason (write `@id("short-name")` and `@reason("one sentence")` above it)
    "#]],
    );
    check(
        &format!(r#"@id("{}") @reason("b") permit (principal, action, resource);"#, "a".repeat(201)),
        &expect![[r#"
        line 1, column 1: an id of more than 200 characters (refusals, the ledger and the index name the policy by it: say the rest in `@reason`)
    "#]],
    );
    check(
        r#"@id("a") @reason(" ") permit (principal, action, resource);"#,
        &expect![[r#"
        line 1, column 1: a policy without id or reason (write `@id("short-name")` and `@reason("one sentence")` above it)
    "#]],
    );
    check(
        r#"@id("a") @reason("b") permit (principal == ?principal, action, resource);"#,
        &expect![[r#"
        line 1, column 1: a template with `?principal` or `?resource`, which nothing fills in
    "#]],
    );
}

#[test]
fn a_word_that_the_schema_lacks_is_refused_rather_than_never_true() {
    let forbid = |when: &str| {
        format!("@id(\"a\") @reason(\"b\")\nforbid (principal, action, resource)\nwhen {{ {when} }};")
    };
    check(
        &forbid(r#"resource.environment == Eosin::Environment::"prodution""#),
        &expect![[r#"
        line 3, column 32: for policy `a`: entity `Eosin::Environment::"prodution"` is of an enumerated entity type, but `"prodution"` is not declared as a valid eid (valid entity eids: "production", "staging", "sandbox", "test")
    "#]],
    );
    check(
        &forbid(r#"resource.environment == "production""#),
        &expect![[r#"
        line 3, column 8: the types String and Eosin::Environment are not compatible (for policy `a`, both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible)
    "#]],
    );
    check(
        &forbid("context.sinthetic > 0"),
        &expect![[r#"
        line 3, column 8: for policy `a`, attribute `sinthetic` in context for Eosin::Action::"create" not found (did you mean `synthetic`?)
    "#]],
    );
    check(
        &forbid("context.synthetic > 0 && false"),
        &expect![[r#"
        line 1, column 1: for policy `a`, policy is impossible: the policy expression evaluates to false for all valid requests
    "#]],
    );
    check(
        &forbid("resource.environment == Eosin::Mode::\"warn\""),
        &expect![[r#"
        line 1, column 1: for policy `a`, policy is impossible: the policy expression evaluates to false for all valid requests
    "#]],
    );
    check(
        "@id(\"a\") @reason(\"b\")\npermit (principal, action == Eosin::Action::\"raed\", resource);",
        &expect![[r#"
            line 2, column 30: for policy `a`, unrecognized action `Eosin::Action::"raed"` (did you mean `Eosin::Action::"read"`?)
        "#]],
    );
    check(
        "@id(\"a\") @reason(\"b\")\npermit (principal == Eosin::Cliant::\"ada\", action, resource);",
        &expect![[r#"
            line 2, column 22: for policy `a`, unrecognized entity type `Eosin::Cliant` (did you mean `Eosin::Client`?)
        "#]],
    );
    check(
        &forbid("principal.department == \"billing\""),
        &expect![[r#"
        line 3, column 8: for policy `a`, attribute `department` on entity type `Eosin::Client` not found
    "#]],
    );
}

#[test]
fn the_bounds_hold() {
    check(
        &"/".repeat(POLICY_BYTES_MAX + 1),
        &expect![[r#"
        policies `site` are longer than 1000000 bytes; split them over boundaries
    "#]],
    );
    let many = "@id(\"p\") @reason(\"r\") permit (principal, action, resource);".repeat(POLICIES_MAX + 1);
    check(
        &many,
        &expect![[r#"
        policies `site` are 1001 in number; at most 1000 are read
    "#]],
    );
}

const NESTS: [(&str, &str); 7] = [
    ("(", ")"),
    ("[", "]"),
    ("!", ""),
    ("if context.records > 0 then true else ", ""),
    ("true && ", ""),
    ("1 + ", ""),
    ("{a: ", "}"),
];

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!(
        "@id(\"a\") @reason(\"b\") permit (principal, action, resource) when {{ {}context.nonsense{} }};",
        open.repeat(depth),
        close.repeat(depth)
    )
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for (open, close) in NESTS {
        for depth in [100, 1_000, 30_000] {
            assert!(Policies::parse("deep", &nested(open, close, depth)).is_err(), "{open} {depth}");
        }
    }
}

/// Cedar's strict check reports no error when it runs out of stack, so a typo deep inside a policy would be let in.
/// The deepest policies within our bounds leave it stack to spare, without optimisation too.
#[test]
fn a_typo_at_the_greatest_depth_is_still_found() {
    for (open, close) in NESTS {
        let words = open.split_whitespace().count() + 2;
        let depth =
            if close.is_empty() { (extent::WORDS_MAX - 40) / words } else { extent::BRACKETS_MAX - 1 };
        let error = Policies::parse("deep", &nested(open, close, depth)).unwrap_err().to_string();
        assert!(error.contains("nonsense") || open == "!", "{open}: {error:.300}");
    }
    let mixed = format!("({}", "true && ".repeat(120)).repeat(5);
    let text = nested(&mixed, ")))))", 1);
    let error = Policies::parse("deep", &text).unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error:.300}");
}

#[test]
fn the_version_names_the_text() {
    let fine = Policies::parse("site", FINE).unwrap();
    expect!["site@edc4eae239bf"].assert_eq(fine.version());
    let other = Policies::parse("site", &format!("{FINE} ")).unwrap();
    assert_ne!(fine.version(), other.version());
    assert_eq!(Policies::parse("site", FINE).unwrap().version(), fine.version());
    assert_eq!(format!("{fine:?}"), format!("Policies({}, 1 policies)", fine.version()));
}

#[test]
fn the_default_policies_pass_every_check() {
    let policies = Policies::default_set().unwrap();
    expect![[r#"
        no-moved-mark
        no-false-mark
        no-unreadable
        no-synthetic-in-production
        no-mixed-in-production
        no-declared-test-in-production
        no-suspected-in-production
        no-crossing-out-of-jurisdiction
        nothing-carried
        attested-in-production-and-staging
        synthetic-outside-production
        mixed-in-staging
        unproven-outside-production
        suspected-outside-production
        untrusted-outside-production
        read-unmarked-in-production
        delete-anywhere
        read-in-care"#]]
    .assert_eq(&policies.ids().collect::<Vec<_>>().join("\n"));
}

/// What the guide shows can be pasted: each of its `cedar` blocks is taken in, alone and beside the defaults.
#[test]
fn every_example_of_the_guide_is_taken_in() {
    let page = include_str!("../../../../docs/policy.md");
    let blocks: Vec<&str> =
        page.split("```cedar\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    for block in blocks {
        Policies::parse("guide", block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        Policies::parse("guide", &format!("{DEFAULT}\n{block}"))
            .unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_taken_in_or_refused_in_words(text in "\\PC{0,200}") {
        if let Err(error) = Policies::parse("site", &text) {
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_default_text_with_a_hole_never_panics(from in 0_usize..DEFAULT.len(), length in 1_usize..400) {
        let cut: String = DEFAULT.chars().take(from).chain(DEFAULT.chars().skip(from + length)).collect();
        drop(Policies::parse("cut", &cut));
    }
}
