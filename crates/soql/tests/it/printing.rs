//! What is printed is read again as the same tree.

use proptest::{collection::vec, prelude::*};
use soql::{parse, parse_search, print};

use crate::making::{Choices, query};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_printed_tree_is_read_as_the_same_tree(choices in vec(any::<u8>(), 60)) {
        let tree = parse(&query(&mut Choices::new(&choices))).unwrap();
        prop_assert_eq!(parse(&print(&tree)).unwrap(), tree);
    }

    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,80}") {
        prop_assert!(parse(&text).is_err() || text.len() > 10);
        prop_assert!(parse_search(&text).is_err() || text.len() > 5);
    }

    #[test]
    fn words_in_any_order_have_an_answer_that_prints(words in vec(0..WORDS.len(), 0..24)) {
        let text = words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ");
        if let Ok(tree) = parse(&format!("SELECT Id FROM X {text}")) {
            prop_assert_eq!(parse(&print(&tree)).unwrap(), tree);
        }
    }
}

const WORDS: [&str; 34] = [
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "LIKE",
    "IN",
    "NOT IN",
    "'it\\'s'",
    "1",
    "-2.5e3",
    "USD5",
    "null",
    "TODAY",
    "LAST_N_DAYS:3",
    "2024-02-29",
    "2024-02-29T01:02:03.004+05:30",
    "A",
    "A.B__r.C",
    "COUNT(Id)",
    "GROUP BY",
    "HAVING",
    "ORDER BY",
    "DESC",
    "NULLS LAST",
    "LIMIT",
    "OFFSET",
    "ALL ROWS",
    "FOR VIEW",
    "(SELECT Id FROM Y)",
];
