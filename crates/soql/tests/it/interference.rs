//! The heart: a rewritten statement answers, with hidden rows there, what the client's own answers without them.

use std::cell::Cell as Counter;

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use soql::{Added, Bearing, Class, Hidden, Lookup, Marks, Schema, isolate, parse};

use crate::{
    making::{Choices, query, world},
    world::{Answer, CHILDREN, Cell, LOOKUPS, Line, Row, Value, World},
};

fn schema() -> Schema {
    let mut schema = Schema::empty();
    let describe = br#"{"name":"Contact","fields":[{"name":"Copy__c","calculated":true,"calculatedFormula":"Account.Name"}]}"#;
    schema.learn(describe).unwrap();
    for object in ["Account", "Contact", "Lead"] {
        schema.set(object, Bearing::Fields);
    }
    schema.set("Task", Bearing::Open).set("Contact_Note__c", Bearing::Through(vec!["Contact__r".to_owned()]));
    for (object, relationship, field, targets) in LOOKUPS {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        let lookup = Lookup { relationship: relationship.to_owned(), field: field.to_owned(), targets };
        schema.lookup(object, lookup);
    }
    for (parent, relationship, child, _) in CHILDREN {
        schema.child(parent, relationship, child);
    }
    schema
}

const SETS: [&[Class]; 4] = [
    &[Class::Synthetic, Class::Mixed],
    &[Class::Attested, Class::Mixed],
    &[Class::Attested, Class::Mixed, Class::Unmarked],
    &[Class::Mixed],
];

/// What the specification says a row claims: section 2.2, written again.
fn is_hidden(world: &World, row: &Row, classes: &[Class]) -> bool {
    match row.object {
        "Task" => false,
        "Contact_Note__c" => {
            let contact = world.find(&row.get("Contact__c"));
            contact.is_some_and(|contact| is_hidden(world, contact, classes))
        }
        _ => {
            let ticked = row.get("Eosin_Synthetic__c") == Value::Bool(true);
            let says = |word: &str| row.get("Eosin_Subject__c") == Value::Text(word.to_owned());
            let unmarked = !ticked && row.get("Eosin_Subject__c") == Value::Null;
            classes.iter().any(|class| match class {
                Class::Synthetic => ticked || says("synthetic"),
                Class::Mixed => says("mixed"),
                Class::Attested => says("attested"),
                Class::Unmarked => unmarked,
            })
        }
    }
}

fn without_hidden(world: &World, classes: &[Class]) -> World {
    World { rows: world.rows.iter().filter(|row| !is_hidden(world, row, classes)).cloned().collect() }
}

/// Takes what was added out of an answer again.
fn strip(answer: Answer, added: &[Added]) -> Answer {
    fn lines(all: Vec<Line>, place: &[String], added: &[Added]) -> Vec<Line> {
        all.into_iter()
            .map(|line| {
                let kept = line.into_iter().filter(|(name, cell)| {
                    let matching =
                        added.iter().any(|one| one.place == place && one.field.eq_ignore_ascii_case(name));
                    !(matching && matches!(cell, Cell::Value(_)))
                });
                let inner = kept.map(|(name, cell)| match cell {
                    Cell::Rows(rows) => {
                        let place = [place, std::slice::from_ref(&name)].concat();
                        (name, Cell::Rows(lines(rows, &place, added)))
                    }
                    other => (name, other),
                });
                inner.collect()
            })
            .collect()
    }
    match answer {
        Answer::Lines(all) => Answer::Lines(lines(all, &[], added)),
        count @ Answer::Count(_) => count,
    }
}

#[test]
fn a_rewritten_statement_answers_as_if_hidden_rows_were_not_there() {
    let schema = schema();
    let (rows, hidden_rows, refused, cases) =
        (Counter::new(0_usize), Counter::new(0_usize), Counter::new(0_usize), Counter::new(0_usize));
    let input = (vec(any::<u8>(), 260), vec(any::<u8>(), 60), 0..SETS.len(), any::<bool>());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() });
    let outcome = runner.run(&input, |(of_world, of_query, set, asked)| {
        let all = world(&mut Choices::new(&of_world));
        let text = query(&mut Choices::new(&of_query));
        let classes = SETS[set];
        let marks = if asked { Marks::Asked } else { Marks::NotAsked };
        let hidden = Hidden::of(classes).marks(marks).subqueries_max(64);
        cases.set(cases.get() + 1);
        let isolated = match isolate(&text, &hidden, &schema) {
            Ok(isolated) => isolated,
            Err(soql::CannotIsolate::NoJoinHere { .. }) => {
                refused.set(refused.get() + 1);
                return Ok(());
            }
            Err(other) => panic!("{other}: {text}"),
        };
        let visible = without_hidden(&all, classes);
        let wanted = visible.ask(&parse(&text).unwrap());
        let answer = strip(all.ask(&parse(&isolated.text).unwrap()), &isolated.added);
        rows.set(rows.get() + wanted.size());
        hidden_rows.set(hidden_rows.get() + all.rows.len() - visible.rows.len());
        prop_assert_eq!(answer, wanted, "\n{}\n{}", text, isolated.text);
        Ok(())
    });
    outcome.unwrap();
    // A law that never sees a row, or refuses most, proves nothing.
    assert!(rows.get() > cases.get(), "{} rows in {} answers", rows.get(), cases.get());
    assert!(hidden_rows.get() > 4 * cases.get());
    assert!(refused.get() * 10 < cases.get(), "{} of {} refused", refused.get(), cases.get());
}

#[test]
fn the_law_would_see_a_statement_that_is_not_rewritten() {
    let mut told = 0;
    for seed in 0..=255_u8 {
        let bytes: Vec<u8> = (0..200_u32)
            .map(|at| u8::try_from((u32::from(seed) * 131 + at * at * 17 + at) % 251).unwrap())
            .collect();
        let all = world(&mut Choices::new(&bytes));
        let text = query(&mut Choices::new(&bytes[60..]));
        let query = parse(&text).unwrap();
        told += usize::from(all.ask(&query) != without_hidden(&all, SETS[0]).ask(&query));
    }
    assert!(told > 60, "only {told} of 256 answers change when hidden rows are taken away");
}
