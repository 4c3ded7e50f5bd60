//! Any statement: what is read prints and is read again as the same; what is isolated keeps every byte of the client's, in
//! order, and begins its conditions with ours, whatever stands after them.
#![no_main]

use soql::{
    Bearing, Condition, Hidden, Marks, Schema, Unknown, isolate, isolate_parameters, isolate_search, parse,
    parse_condition, parse_search, print,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut schema =
        Schema::standard().unstated_objects(Unknown::Open).unknown_relationships(Unknown::AssumedToBear);
    schema.set("Contact", Bearing::Fields).set("Account", Bearing::Fields);
    let hidden = Hidden::synthetic().marks(Marks::Asked);
    if let Ok(tree) = parse(text) {
        assert_eq!(parse(&print(&tree)).as_ref(), Ok(&tree));
        if let Ok(isolated) = isolate(text, &hidden, &schema) {
            kept(text, &isolated.text);
            let after = parse(&isolated.text).unwrap();
            let plain = tree.from.alias.is_none();
            if plain && tree.from.object.text().eq_ignore_ascii_case("Contact") {
                let ours = hidden.visible("").into_iter().map(|one| parse_condition(&one).unwrap());
                let Some(Condition::And(parts)) = after.filter else { panic!("no conditions") };
                assert!(ours.eq(parts.into_iter().take(2)));
            }
        }
    }
    if let Ok(tree) = parse_search(text) {
        assert_eq!(parse_search(&tree.to_string()).as_ref(), Ok(&tree));
        if let Ok(isolated) = isolate_search(text, &hidden, &schema) {
            kept(text, &isolated.text);
            parse_search(&isolated.text).unwrap();
        }
    }
    if let Ok(isolated) = isolate_parameters(text.as_bytes(), &hidden, &schema) {
        isolate_parameters(isolated.body.as_bytes(), &hidden, &schema).unwrap();
    }
});

/// Nothing of the client's was taken away or put elsewhere.
fn kept(before: &str, after: &str) {
    let mut rest = after.bytes();
    assert!(before.bytes().all(|wanted| rest.any(|byte| byte == wanted)));
}
