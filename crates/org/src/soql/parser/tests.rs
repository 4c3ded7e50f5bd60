//! What is SOQL and what is not, and that printing undoes parsing.

use super::*;
use proptest::prelude::*;

#[test]
fn queries_print_as_they_mean() {
    let table = [
        ("select id from account", "SELECT id FROM account"),
        (
            "SELECT Id, Account.Name FROM Contact c WHERE c.Name = 'O\\'Neil' LIMIT 5",
            "SELECT Id, Account.Name FROM Contact AS c WHERE c.Name = 'O\\'Neil' LIMIT 5",
        ),
        ("SELECT COUNT() FROM Lead", "SELECT COUNT() FROM Lead"),
        (
            "SELECT COUNT(Id) n FROM Lead GROUP BY Status HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) desc nulls last",
            "SELECT COUNT(Id) AS n FROM Lead GROUP BY Status HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC NULLS LAST",
        ),
        (
            "SELECT Id FROM A WHERE (x = 1 OR y != null) AND NOT z LIKE 'a\\%b%'",
            "SELECT Id FROM A WHERE (x = 1 OR y != null) AND NOT z LIKE 'a\\%b%'",
        ),
        (
            "SELECT Id FROM A WHERE d >= 2026-01-02T03:04:05+01:00 AND e = LAST_N_DAYS:30 AND f < -1.5e3",
            "SELECT Id FROM A WHERE d >= 2026-01-02T03:04:05+01:00 AND e = LAST_N_DAYS:30 AND f < -1.5e3",
        ),
        (
            "SELECT Id, (SELECT Id FROM Contacts WHERE LastName IN ('a','b') LIMIT 1) FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact) FOR VIEW",
            "SELECT Id, (SELECT Id FROM Contacts WHERE LastName IN ('a', 'b') LIMIT 1) FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact) FOR VIEW",
        ),
        (
            "SELECT FIELDS(all) FROM A LIMIT 200 OFFSET 10 ALL ROWS",
            "SELECT FIELDS(ALL) FROM A LIMIT 200 OFFSET 10 ALL ROWS",
        ),
        (
            "SELECT TYPEOF What WHEN Account THEN Name, Phone ELSE Id END FROM Event WITH SECURITY_ENFORCED",
            "SELECT TYPEOF What WHEN Account THEN Name, Phone ELSE Id END FROM Event WITH SECURITY_ENFORCED",
        ),
        (
            "SELECT Id FROM A USING SCOPE mine WHERE M INCLUDES ('a;b')",
            "SELECT Id FROM A USING SCOPE mine WHERE M INCLUDES ('a;b')",
        ),
    ];
    for (text, expected) in table {
        let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.to_string(), expected);
        assert_eq!(parse(expected).unwrap(), query);
    }
}

#[test]
fn what_is_not_soql_says_where() {
    let table = [
        ("", 1, "'<EOF>'"),
        ("SELECT Id FORM Account", 16, "'Account'"),
        ("SELECT FROM Account", 8, "'FROM'"),
        ("SELECT Id FROM Account WHERE", 29, "'<EOF>'"),
        ("SELECT Id FROM Account WHERE Name = 'x' AND Id = '1' OR Id = '2'", 54, "'OR'"),
        ("SELECT Id FROM Account WHERE Name = \"x\"", 37, "'\"'"),
        ("SELECT Id FROM Account WHERE Name = 'x", 37, "'''"),
        ("SELECT Id FROM Account WHERE Name = x", 37, "'x'"),
        ("SELECT Id FROM Account LIMIT x", 30, "'x'"),
        ("SELECT Id FROM Account WHERE A = 2026-02-30", 34, "'2026-02-30'"),
        ("SELECT Id FROM Account; DROP", 23, "';'"),
        ("SELECT Id FROM Account WHERE A IN ()", 36, "')'"),
    ];
    for (text, column, near) in table {
        let error = parse(text).unwrap_err();
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.message.contains(near), "{text}: {error}");
    }
    assert_eq!(parse("SELECT Id\nFROM\n ?").unwrap_err().row, 3);
}

#[test]
fn depth_is_bounded() {
    let deep =
        |count: usize| format!("SELECT Id FROM A WHERE {}a = 1{}", "(".repeat(count), ")".repeat(count));
    assert!(parse(&deep(20)).is_ok());
    assert!(parse(&deep(50_000)).is_err());
    assert!(parse(&format!("SELECT Id FROM A WHERE {} a = 1", "NOT ".repeat(10_000))).is_err());
    let nested =
        (0..10).fold("SELECT Id FROM A".to_owned(), |inner, _| format!("SELECT Id, ({inner}) FROM A"));
    assert!(parse(&nested).is_err());
    assert!(parse(&format!("SELECT Id FROM A WHERE a = '{}'", "x".repeat(200_000))).is_err());
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9_]{0,6}".prop_filter("not a keyword", |word| {
        let upper = word.to_ascii_uppercase();
        let reserved = ["INCLUDES", "EXCLUDES", "TYPEOF", "NULL", "TRUE", "FALSE", "BY", "END", "FIELDS"];
        !KEYWORDS.contains(&upper.as_str()) && !reserved.contains(&upper.as_str())
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        (-1_000_000i64..1_000_000).prop_map(|n| Literal::Number(n.to_string())),
        "[a-zA-Z0-9 '%_\\\\\n\t\u{e9}]{0,8}".prop_map(|text| Literal::Text(settle(&text))),
        Just(Literal::Date("2026-01-02".into())),
        Just(Literal::DateTime("2026-01-02T03:04:05.000Z".into())),
        (1u32..99).prop_map(|n| Literal::Named("LAST_N_DAYS".into(), Some(n))),
        Just(Literal::Named("TODAY".into(), None)),
    ]
}

/// Text as the lexer can give it: what it is after being printed and read once.
fn settle(text: &str) -> String {
    let printed = format!("SELECT a FROM b WHERE c = {}", Literal::Text(text.to_owned()));
    match parse(&printed).unwrap().filter {
        Some(Condition::Compare(_, _, Literal::Text(read))) => read,
        other => panic!("{other:?}"),
    }
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        name().prop_map(Operand::Field),
        (name(), name()).prop_map(|(a, b)| Operand::Field(format!("{a}.{b}"))),
        (name(), proptest::option::of(name()))
            .prop_map(|(function, argument)| Operand::Call { function, argument }),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::GreaterOrEqual),
        Just(Comparison::Like),
    ];
    let leaf = prop_oneof![
        (operand(), comparison, literal()).prop_map(|(a, b, c)| Condition::Compare(a, b, c)),
        (
            operand(),
            prop_oneof![Just(Membership::In), Just(Membership::NotIn)],
            proptest::collection::vec(literal(), 1..4)
        )
            .prop_map(|(a, b, c)| Condition::Among(a, b, c)),
    ];
    leaf.prop_recursive(4, 20, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}

fn query() -> impl Strategy<Value = Query> {
    let items = proptest::collection::vec(
        (operand(), proptest::option::of(name())).prop_map(|(operand, alias)| Item::Value { operand, alias }),
        1..4,
    );
    let order = proptest::collection::vec(
        (operand(), any::<bool>(), proptest::option::of(any::<bool>()))
            .prop_map(|(by, descending, nulls_last)| Order { by, descending, nulls_last }),
        0..3,
    );
    let filter = proptest::option::of(condition());
    (
        items,
        name(),
        proptest::option::of(name()),
        filter,
        order,
        proptest::option::of(0u64..5_000),
        any::<bool>(),
    )
        .prop_map(|(select, from, alias, filter, order, limit, all_rows)| Query {
            select,
            from,
            alias,
            scope: None,
            filter,
            security: None,
            group: Vec::new(),
            having: None,
            order,
            limit,
            offset: None,
            purpose: None,
            all_rows,
        })
}

proptest! {
    #[test]
    fn parsing_undoes_printing(query in query()) {
        prop_assert_eq!(parse(&query.to_string()), Ok(query));
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,80}") {
        drop(parse(&text));
    }

    #[test]
    fn parsing_words_never_panics(words in proptest::collection::vec(
        prop_oneof![Just("SELECT"), Just("FROM"), Just("WHERE"), Just("("), Just(")"), Just("a"), Just("'x'"), Just("="),
            Just("IN"), Just("NOT"), Just(","), Just("1"), Just("AND"), Just("LIMIT"), Just("ORDER BY"), Just("TYPEOF"),
            Just("2026-01-01"), Just("LAST_N_DAYS:5"), Just("."), Just("-"), Just("\\")], 0..20)) {
        let text = format!("SELECT a FROM b {}", words.join(" "));
        drop(parse(&text));
    }
}
