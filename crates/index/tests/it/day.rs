//! The last day, on both databases.

use index::Index;

use crate::stage::{Databases, Growing};

#[test]
fn a_day_is_the_same_on_both_databases_and_its_sums_are_those_of_its_boundaries() {
    let databases = Databases::new();
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(600);
    let mut days = databases.places().into_iter().map(|place| {
        let mut index = Index::renew(&place).unwrap();
        index.follow(&ledger.path(), &mut |_| {}).unwrap();
        index.day("2026-11-01T09:05:30.000Z").unwrap()
    });
    let day = days.next().unwrap();
    assert!(days.all(|other| other == day), "{day:?}");
    let sum = |of: fn(&index::BoundaryDay) -> u64| day.boundaries.iter().map(of).sum::<u64>();
    assert_eq!(day.since, "2026-11-01T09:00:00Z");
    assert_eq!((day.entries, day.boundaries.is_empty()), (600, false));
    assert_eq!(
        (day.transactions, day.blocked, day.synthetic, day.unproven),
        (sum(|of| of.transactions), sum(|of| of.blocked), sum(|of| of.synthetic), sum(|of| of.unproven))
    );
    assert!(day.boundaries.iter().all(|of| !of.environment.is_empty() && !of.mode.is_empty()), "{day:?}");
}
