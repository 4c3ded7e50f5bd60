//! `docs/index.md`: every table and column is in it, and every query in it runs on both databases.

use index::{Index, TABLES, VIEWS};

use crate::stage::{Databases, Growing};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/index.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_table_and_column_is_documented() {
    let page = page();
    for table in TABLES {
        let heading = format!("\n### {}\n", table.name);
        let (_, after) = page.split_once(&heading).unwrap_or_else(|| panic!("no `{}`", table.name));
        let section = after.split("\n### ").next().unwrap();
        for column in table.columns {
            let said = section.contains(&format!("`{}`", column.name));
            assert!(said, "`{}.{}` is not in docs/index.md", table.name, column.name);
        }
    }
    for (view, _) in VIEWS {
        assert!(page.contains(&format!("\n### {view}\n")), "no `{view}`");
    }
}

#[test]
fn every_query_of_the_page_runs_and_gives_the_same_on_both_databases() {
    let databases = Databases::new();
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(600);
    let page = page();
    let queries: Vec<&str> = page
        .split("```sql\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().trim().trim_end_matches(';'))
        .collect();
    assert!(queries.len() >= 6, "only {} queries", queries.len());
    let mut answers = Vec::new();
    for place in databases.places() {
        let mut index = Index::renew(&place).unwrap();
        index.follow(&ledger.path(), &mut |_| {}).unwrap();
        let answer =
            |query: &&str| index.query(query, &[]).unwrap_or_else(|error| panic!("{query}: {error:?}"));
        answers.push(queries.iter().map(answer).collect::<Vec<_>>());
    }
    for one in &answers {
        for (query, answer) in queries.iter().zip(one) {
            assert!(!answer.rows.is_empty(), "nothing for {query}");
        }
    }
    assert!(answers.iter().all(|one| *one == answers[0]));
}
