//! What a replay reads, and what leads from a row back to its entry, on both databases.

use index::{Index, ProveError, RowName, Since};

use crate::{
    entries,
    stage::{Databases, Growing},
};

#[test]
fn crossings_come_in_order_from_a_moment_on_with_their_questions() {
    let databases = Databases::new();
    let (mut one, mut two) = (Growing::new("one.example/log", 1), Growing::new("two.example/log", 2));
    one.grow(500);
    two.grow(300);
    for place in databases.places() {
        let mut index = Index::renew(&place).unwrap();
        index.follow(&two.path(), &mut |_| {}).unwrap();
        index.follow(&one.path(), &mut |_| {}).unwrap();
        let mut since = Since::moment("2026-11-01T09:01:00.000Z");
        let found = index.crossings(&mut since).unwrap();
        assert!(index.crossings(&mut since).unwrap().is_empty());
        let places: Vec<(String, u64)> = found.iter().map(|one| (one.origin.clone(), one.entry)).collect();
        let rulings = |name: &str, end: u64| {
            (60..end)
                .filter(|number| number % 23 > 18)
                .map(|number| (name.to_owned(), number))
                .collect::<Vec<_>>()
        };
        assert_eq!(places, [rulings("one.example/log", 500), rulings("two.example/log", 300)].concat());
        for crossing in &found {
            assert_eq!(crossing.question.is_none(), crossing.entry % 7 == 0, "{crossing:?}");
            if let Some(name) = &crossing.question {
                let texts = index.questions(&crossing.origin, &[name]).unwrap();
                let asked: serde_json::Value = serde_json::from_str(&texts[name]).unwrap();
                assert_eq!(asked["client"], crossing.client);
                assert_eq!(asked["asked"]["cases"][0]["records"], 1 + crossing.entry % 3);
            }
        }
        assert!(index.questions("one.example/log", &["nobody asked"]).unwrap().is_empty());
    }
}

#[test]
fn a_row_leads_to_its_entry_and_a_changed_one_is_found_out() {
    let databases = Databases::new();
    let (mut one, mut two) = (Growing::new("one.example:8443/log", 1), Growing::new("two.example/log", 2));
    one.grow(100);
    two.grow(46);
    for place in databases.places() {
        let mut index = Index::renew(&place).unwrap();
        for ledger in [&one, &two] {
            index.follow(&ledger.path(), &mut |_| {}).unwrap();
        }
        // Every entry of every kind, by its place: its rows are what it says, and not what another one says.
        for number in 0..100 {
            let name: RowName = format!("one.example:8443/log#{number}").parse().unwrap();
            let found = index.find(&name).unwrap();
            assert_eq!(found.differs_from(&entries::entry(number)), None, "{found}");
            assert!(found.differs_from(&entries::entry(number + 23 * 6 + 1)).is_some(), "{found}");
        }
        let find = |index: &mut Index, text: &str| {
            text.parse::<RowName>().and_then(|name| index.find(&name)).map(|found| found.to_string())
        };
        assert_eq!(find(&mut index, "rulings:65").unwrap(), "one.example:8443/log#65");
        assert_eq!(find(&mut index, "rulings:two.example/log#20").unwrap(), "two.example/log#20");
        assert!(matches!(find(&mut index, "rulings:20"), Err(ProveError::Several { .. })));
        assert!(matches!(find(&mut index, "rulings:0"), Err(ProveError::NoRow { entry: 0 })));
        assert!(matches!(find(&mut index, "two.example/log#99"), Err(ProveError::NoRow { entry: 99 })));
        for sum in ["clients:1", "boundaries:1", "policies:1", "datasets:1", "ledgers:1"] {
            assert!(matches!(find(&mut index, sum), Err(ProveError::Sum { .. })), "{sum}");
        }
        for nothing in ["", "12", "rulings", "rulings:", "rulings:x", "one#", "#", "one.example/log#-1"] {
            assert!(matches!(find(&mut index, nothing), Err(ProveError::NotARow { .. })), "{nothing}");
        }
    }
}

#[test]
fn whoever_asks_changes_nothing() {
    let databases = Databases::new();
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(46);
    for place in databases.places() {
        let mut index = Index::renew(&place).unwrap();
        index.follow(&ledger.path(), &mut |_| {}).unwrap();
        let mut index = index.read_only().unwrap();
        for text in [
            "DELETE FROM rulings",
            "UPDATE rulings SET decision = 'pass'",
            "DROP TABLE rulings",
            "SELECT 1; SELECT 2",
        ] {
            assert!(index.ask(text, 5).is_err(), "{text}");
            assert!(index.query(text, &[]).is_err() || text.starts_with("SELECT"), "{text}");
        }
        let asked = index.ask("SELECT entry FROM rulings ORDER BY entry; ", 3).unwrap();
        let (answer, is_cut) = (asked.answer, asked.is_cut);
        assert_eq!((answer.columns, answer.rows.len(), is_cut), (vec!["entry".to_owned()], 3, true));
        for (rows_max, given, is_cut) in [(0, 0, true), (1, 1, true), (2, 2, false), (3, 2, false)] {
            let asked = index.ask("SELECT 1 AS n UNION ALL SELECT 2", rows_max).unwrap();
            assert_eq!((asked.answer.rows.len(), asked.is_cut), (given, is_cut), "{rows_max}");
        }
    }
}
