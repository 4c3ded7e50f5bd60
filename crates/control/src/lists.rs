//! What of the index can be listed: each list with its columns, its conditions and its order.

use access::Action;
use index::{Column, DECISIONS, Kind, TABLES, VERDICTS};

/// One list: the same table makes its statement, its answer and its page of the document.
#[derive(Debug)]
pub struct List {
    /// Its name in paths.
    pub name: &'static str,
    /// What a row is.
    pub(crate) row: &'static str,
    pub(crate) says: &'static str,
    pub(crate) needs: Action,
    pub(crate) from: &'static str,
    /// The table whose columns a row has.
    pub(crate) table: &'static str,
    /// Further columns, and whose they are.
    pub(crate) more: &'static [(&'static str, Column)],
    pub(crate) conditions: &'static [Condition],
    /// The columns that say the order, the newest first, and whether each is a text. Together they name one row.
    pub(crate) order: &'static [(&'static str, bool)],
}

/// One condition that a query may state.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) sql: Test,
}

/// How a condition is put.
#[derive(Debug)]
pub(crate) enum Test {
    /// The column is this text.
    Is(&'static str),
    /// The column is one of these words.
    OneOf(&'static str, &'static [&'static str]),
    /// The column is this moment or later.
    From(&'static str),
    /// The column is earlier than this moment.
    Before(&'static str),
    /// The transaction has records of this verdict.
    Counts(&'static [&'static str]),
}

const fn is(name: &'static str, says: &'static str, column: &'static str) -> Condition {
    Condition { name, says, sql: Test::Is(column) }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

const SINCE: Condition =
    Condition { name: "since", says: "From this moment, or this day, on, in UTC.", sql: Test::From("t.at") };
const UNTIL: Condition =
    Condition { name: "until", says: "Before this moment, or this day, in UTC.", sql: Test::Before("t.at") };
const LEDGER: Condition = is("ledger", "Of the ledger of this name.", "t.origin");
const BOUNDARY: Condition = is("boundary", "At the boundary of this name.", "t.boundary");
const BY_TIME: &[(&str, bool)] = &[("t.at", true), ("t.origin", true), ("t.entry", false)];
const BY_ENTRY: &[(&str, bool)] = &[("t.origin", true), ("t.entry", false)];

/// Every list.
pub(crate) const LISTS: &[List] = &[
    List {
        name: "transactions",
        row: "Transaction",
        says: "What crossed and was ruled on, with what then became of it.",
        needs: Action::SeeTransactions,
        from: "transactions t",
        table: "rulings",
        more: &[
            ("t", column("settled_entry", Kind::MaybeInteger)),
            ("t", column("settled_at", Kind::MaybeText)),
            ("t", column("outcome", Kind::MaybeText)),
            ("t", column("status", Kind::MaybeInteger)),
            ("t", column("upstream_request", Kind::MaybeText)),
        ],
        conditions: &[
            SINCE,
            UNTIL,
            LEDGER,
            BOUNDARY,
            is("client", "Of the client of this name.", "t.client"),
            is("policy", "Ruled on under this version of the policies.", "t.policy"),
            is("route", "Along this route.", "t.route"),
            Condition {
                name: "decision",
                says: "With this decision.",
                sql: Test::OneOf("t.decision", &DECISIONS),
            },
            Condition {
                name: "verdict",
                says: "With at least one record of this verdict.",
                sql: Test::Counts(&VERDICTS),
            },
        ],
        order: BY_TIME,
    },
    List {
        name: "records",
        row: "Record",
        says: "What was found about single records: by reference, never by content.",
        needs: Action::SeeRecords,
        from: "record_verdicts t JOIN rulings r ON r.origin = t.origin AND r.entry = t.entry \
               JOIN record_groups g ON g.origin = t.origin AND g.record_group = t.record_group",
        table: "record_verdicts",
        more: &[
            ("r", column("boundary", Kind::Text)),
            ("r", column("client", Kind::MaybeText)),
            ("r", column("route", Kind::MaybeText)),
            ("r", column("policy", Kind::Text)),
            ("g", column("generator", Kind::MaybeText)),
            ("g", column("purposes", Kind::MaybeText)),
        ],
        conditions: &[
            SINCE,
            UNTIL,
            is("reference", "The record of this reference.", "t.reference"),
            is("object", "Of this object or resource type.", "g.object"),
            is("dataset", "Of the dataset of this name.", "g.dataset"),
            is("generator", "Made, or probably made, by this generator.", "g.generator"),
            Condition {
                name: "verdict",
                says: "With this verdict.",
                sql: Test::OneOf("t.verdict", &VERDICTS),
            },
            Condition {
                name: "decision",
                says: "With this decision.",
                sql: Test::OneOf("t.decision", &DECISIONS),
            },
            is("boundary", "At the boundary of this name.", "r.boundary"),
            LEDGER,
        ],
        order: &[("t.origin", true), ("t.entry", false), ("t.position", false)],
    },
    List {
        name: "datasets",
        row: "Dataset",
        says: "Datasets whose batches were sealed, with their counts.",
        needs: Action::SeeDatasets,
        from: "datasets t",
        table: "datasets",
        more: &[],
        conditions: &[is("dataset", "The dataset of this name.", "t.dataset"), LEDGER],
        order: &[("t.origin", true), ("t.dataset", true)],
    },
    List {
        name: "batches",
        row: "Batch",
        says: "Sealed batches of datasets.",
        needs: Action::SeeDatasets,
        from: "batches t",
        table: "batches",
        more: &[],
        conditions: &[is("dataset", "Of the dataset of this name.", "t.dataset"), SINCE, UNTIL, LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "sightings",
        row: "Sighting",
        says: "Which datasets were known at which boundary.",
        needs: Action::SeeRecords,
        from: "dataset_sightings t",
        table: "dataset_sightings",
        more: &[],
        conditions: &[is("dataset", "The dataset of this name.", "t.dataset"), BOUNDARY, LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "boundaries",
        row: "Boundary",
        says: "The boundaries that transactions crossed, with their sums.",
        needs: Action::SeePosture,
        from: "boundaries t",
        table: "boundaries",
        more: &[],
        conditions: &[BOUNDARY, LEDGER],
        order: &[("t.origin", true), ("t.boundary", true)],
    },
    List {
        name: "clients",
        row: "Client",
        says: "The clients that asked for transactions, as they named themselves, with their sums.",
        needs: Action::SeeTransactions,
        from: "clients t",
        table: "clients",
        more: &[],
        conditions: &[is("client", "The client of this name.", "t.client"), LEDGER],
        order: &[("t.origin", true), ("t.client", true)],
    },
    List {
        name: "policy-uses",
        row: "PolicyUse",
        says: "The versions of the policies that transactions were ruled on with, with their sums.",
        needs: Action::SeePolicies,
        from: "policies t",
        table: "policies",
        more: &[],
        conditions: &[is("version", "This version.", "t.version"), LEDGER],
        order: &[("t.origin", true), ("t.version", true)],
    },
    List {
        name: "policy-changes",
        row: "PolicyChange",
        says: "When which version of the policies was put in force, and when a gateway took it up.",
        needs: Action::SeePolicies,
        from: "policy_changes t",
        table: "policy_changes",
        more: &[],
        conditions: &[SINCE, UNTIL, is("version", "This version.", "t.version"), LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "emergency-events",
        row: "EmergencyEvent",
        says: "What was written about emergency versions: prepared, asked for, put in force, ended.",
        needs: Action::SeePolicies,
        from: "emergencies t",
        table: "emergencies",
        more: &[],
        conditions: &[SINCE, UNTIL, is("version", "This version.", "t.version"), LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "quarantine-events",
        row: "QuarantineEvent",
        says: "The steps in the life of what was withheld and kept.",
        needs: Action::SeeQuarantine,
        from: "quarantine t",
        table: "quarantine",
        more: &[],
        conditions: &[SINCE, UNTIL, BOUNDARY, is("item", "Of the item of this name.", "t.item"), LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "certificates",
        row: "Certificate",
        says: "Certificates that were written, and those that were refused.",
        needs: Action::SeeTransactions,
        from: "certificates t",
        table: "certificates",
        more: &[],
        conditions: &[SINCE, UNTIL, BOUNDARY, LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "deliveries",
        row: "Delivery",
        says: "Files that were delivered to their end, with how much was shown and withheld.",
        needs: Action::SeeTransactions,
        from: "deliveries t",
        table: "deliveries",
        more: &[],
        conditions: &[
            SINCE,
            UNTIL,
            BOUNDARY,
            is("client", "To the client of this name.", "t.client"),
            LEDGER,
        ],
        order: BY_ENTRY,
    },
    List {
        name: "registry-snapshots",
        row: "RegistrySnapshot",
        says: "States of the registry of fingerprints that are in a ledger.",
        needs: Action::SeeDatasets,
        from: "registry_snapshots t",
        table: "registry_snapshots",
        more: &[],
        conditions: &[SINCE, UNTIL, LEDGER],
        order: BY_ENTRY,
    },
    List {
        name: "incidents",
        row: "Incident",
        says: "What went otherwise than it should: gaps, faults of clocks, overruled policies, emergencies.",
        needs: Action::SeePosture,
        from: "incidents t",
        table: "incidents",
        more: &[],
        conditions: &[is("kind", "Of this kind.", "t.kind"), BOUNDARY, LEDGER],
        order: BY_ENTRY,
    },
];

impl List {
    /// Its columns, each with the name of whose it is.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&'static str, Column)> {
        let table = TABLES.iter().find(|table| table.name == self.table);
        let own = table.into_iter().flat_map(|table| table.columns).map(|column| ("t", *column));
        own.chain(self.more.iter().copied())
    }

    /// The names of what its query may state.
    pub(crate) fn known(&self) -> Vec<&'static str> {
        self.conditions.iter().map(|condition| condition.name).chain(["limit", "after"]).collect()
    }
}

/// A column's name as JSON has it: `settled_at` is `settledAt`.
pub(crate) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_has_a_table_and_an_order_by_its_columns() {
        for list in LISTS {
            let columns: Vec<(&str, Column)> = list.columns().collect();
            assert!(TABLES.iter().any(|table| table.name == list.table), "{}", list.name);
            for (by, is_text) in list.order {
                let (whose, name) = by.split_once('.').unwrap();
                let (_, column) = columns.iter().find(|(of, one)| (*of, one.name) == (whose, name)).unwrap();
                let kind = if *is_text { Kind::Text } else { Kind::Integer };
                assert_eq!(column.kind, kind, "{}: an order by {by}, which must always be there", list.name);
            }
        }
    }

    #[test]
    fn columns_are_named_as_json_does() {
        assert_eq!(camel("settled_at"), "settledAt");
        assert_eq!(camel("out_of_jurisdiction"), "outOfJurisdiction");
        assert_eq!(camel("at"), "at");
    }
}
