//! Statements cut and joined at any place: what is still read is isolated with every byte of the client's kept.

use proptest::{prelude::*, sample::Index};
use soql::{
    Bearing, Condition, Hidden, Marks, Schema, Unknown, isolate, isolate_search, parse, parse_condition,
    parse_search, print,
};

const EXCERPT: &str = include_str!("../../../../fixtures/soql/statements.txt");

/// Nothing of the client's was taken away or put elsewhere.
fn kept(before: &str, after: &str) -> bool {
    let mut rest = after.bytes();
    before.bytes().all(|wanted| rest.any(|byte| byte == wanted))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_splice_is_refused_or_isolated_whole(picks in any::<[Index; 2]>(), cuts in any::<[Index; 2]>()) {
        let lines: Vec<&str> = EXCERPT.lines().collect();
        let [one, other] = picks.map(|pick| lines[pick.index(lines.len())]);
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (one, other) = (words(one), words(other));
        let (to, from) = (cuts[0].index(one.len() + 1), cuts[1].index(other.len() + 1));
        let text = [&one[..to], &other[from..]].concat().join(" ");

        let mut schema =
            Schema::standard().unstated_objects(Unknown::Open).unknown_relationships(Unknown::AssumedToBear);
        schema.set("Contact", Bearing::Fields).set("Account", Bearing::Fields);
        let hidden = Hidden::synthetic().marks(Marks::Asked);
        if let Ok(tree) = parse(&text) {
            let printed = print(&tree);
            prop_assert_eq!(parse(&printed), Ok(tree.clone()), "{}", printed);
            if let Ok(isolated) = isolate(&text, &hidden, &schema) {
                prop_assert!(kept(&text, &isolated.text), "{}", isolated.text);
                let after = parse(&isolated.text);
                prop_assert!(after.is_ok(), "{}", isolated.text);
                let after = after.unwrap();
                if tree.from.alias.is_none() && ["Contact", "Account"].contains(&&*tree.from.object.text()) {
                    let Some(Condition::And(parts)) = after.filter else { panic!("no conditions: {}", isolated.text) };
                    let ours = hidden.visible("").into_iter().map(|one| parse_condition(&one).unwrap());
                    prop_assert!(ours.eq(parts.into_iter().take(2)), "{}", isolated.text);
                }
            }
        }
        if let Ok(tree) = parse_search(&text) {
            prop_assert_eq!(parse_search(&tree.to_string()).unwrap(), tree);
            if let Ok(isolated) = isolate_search(&text, &hidden, &schema) {
                prop_assert!(kept(&text, &isolated.text), "{}", isolated.text);
                prop_assert!(parse_search(&isolated.text).is_ok(), "{}", isolated.text);
            }
        }
    }
}
