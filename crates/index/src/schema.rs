//! The tables: their names, columns and keys, once, for both databases and for `docs/index.md`.

/// The schema's version. An index of another one is made again.
pub const SCHEMA_VERSION: i64 = 4;

/// The words of the verdicts, which are columns of counts too: what is proven, what is not, what is wrong.
pub const VERDICTS: [&str; 9] = [
    "synthetic",
    "attested",
    "mixed",
    "unproven",
    "suspected",
    "transplanted",
    "forged",
    "untrusted",
    "unreadable",
];

/// The words of the decisions.
pub const DECISIONS: [&str; 3] = ["pass", "warn", "block"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text that is always there.
    Text,
    /// A text that may be missing.
    MaybeText,
    /// A number that is always there.
    Integer,
    /// A number that may be missing.
    MaybeInteger,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// One table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// How many of the first columns are its key.
    pub key: usize,
    /// What happens where a row of that key is there.
    pub(crate) again: Again,
    /// Further indexes: the columns of each, and where only some rows are in it, `WHERE` and which.
    pub(crate) indexes: &'static [&'static str],
}

/// What happens where a row of the same key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It cannot be: each entry is read once.
    Never,
    /// The row that is there stays.
    Stays,
    /// These columns are added up, these taken from the later row; [`EARLIEST`] and [`LATEST`], where they are neither, are the
    /// bounds of both rows; the others stay.
    Grows { added: &'static [&'static str], latest: &'static [&'static str] },
}

/// The earliest moment of what a growing row stands for. Entries are not in the order of their moments: a long upload has its
/// moment when it begins, and its entry when it was judged.
pub(crate) const EARLIEST: &str = "first_at";
/// The latest.
pub(crate) const LATEST: &str = "last_at";

/// What a database calls things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

macro_rules! columns {
    ($($name:ident: $kind:ident),* $(,)?) => {
        &[$(Column { name: stringify!($name), kind: Kind::$kind }),*]
    };
}

/// A place in [`TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Ledgers,
    Rulings,
    RulingPolicies,
    RecordVerdicts,
    RecordGroups,
    Questions,
    Settlements,
    Boundaries,
    Hours,
    Clients,
    Policies,
    PolicyChanges,
    Emergencies,
    Announcements,
    Datasets,
    Batches,
    DatasetSightings,
    Quarantine,
    Certificates,
    Deliveries,
    DeliveredRecords,
    RegistrySnapshots,
    RecordActs,
    RecordStandings,
    Incidents,
}

impl Name {
    pub(crate) fn table(self) -> &'static Table {
        // The order of the names is that of the tables; a test holds it.
        TABLES.get(self as usize).unwrap_or(&LEDGERS)
    }
}

const LEDGERS: Table = Table {
    name: "ledgers",
    columns: columns! { origin: Text, entries: Integer, last_leaf: Text, last_at: MaybeText },
    key: 1,
    again: Again::Stays,
    indexes: &[],
};

/// Every table, in the order of the documentation.
pub const TABLES: &[Table] = &[
    LEDGERS,
    Table {
        name: "rulings",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, kind: Text, boundary: Text, environment: Text, mode: Text,
            client: MaybeText, peer: MaybeText, protocol: MaybeText, route: MaybeText, action: Text,
            decision: Text, policy: Text, claim: MaybeText, proof: MaybeText, ai_disclosure: MaybeText,
            records: Integer, synthetic: Integer, attested: Integer, mixed: Integer, unproven: Integer,
            suspected: Integer, transplanted: Integer, forged: Integer, untrusted: Integer,
            unreadable: Integer, modified: Integer, claimed: Integer, strongly_suspected: Integer,
            out_of_jurisdiction: Integer, weakened: Integer, would_block: Integer,
            findings_omitted: Integer, quarantine_item: MaybeText, not_kept: MaybeText,
            recogniser: MaybeText, registry: MaybeText, record_root: Text, question: MaybeText, objects: MaybeText, contract: MaybeText,
        },
        key: 2,
        again: Again::Never,
        indexes: &[
            "at",
            "boundary, at",
            "client, at",
            "decision, at",
            "at WHERE synthetic > 0",
            "at WHERE attested > 0",
            "at WHERE mixed > 0",
            "at WHERE unproven > 0",
            "at WHERE suspected > 0",
            "at WHERE transplanted > 0",
            "at WHERE forged > 0",
            "at WHERE untrusted > 0",
            "at WHERE unreadable > 0",
        ],
    },
    Table {
        name: "ruling_policies",
        columns: columns! { origin: Text, entry: Integer, policy_id: Text },
        key: 3,
        again: Again::Never,
        indexes: &[],
    },
    Table {
        name: "record_verdicts",
        columns: columns! {
            origin: Text, entry: Integer, position: Integer, reference: Text, verdict: Text, decision: Text,
            at: Text, object: MaybeText, dataset: MaybeText, record_group: Text,
        },
        key: 3,
        again: Again::Never,
        indexes: &[
            "reference",
            "verdict, origin, entry, position",
            "decision, origin, entry, position",
            "at, origin, entry, position",
            "record_group, origin, at, entry, position",
        ],
    },
    Table {
        name: "record_groups",
        columns: columns! {
            origin: Text, record_group: Text, entry: Integer, first_at: Text, last_entry: Integer, last_at: Text,
            boundary: Text, verdict: Text, decision: Text, object: MaybeText, dataset: MaybeText,
            generator: MaybeText, purposes: MaybeText, records: Integer,
        },
        key: 2,
        again: Again::Grows { added: &["records"], latest: &["last_entry"] },
        indexes: &["dataset"],
    },
    Table {
        name: "questions",
        columns: columns! { origin: Text, question: Text, entry: Integer, asked: Text },
        key: 2,
        again: Again::Stays,
        indexes: &[],
    },
    Table {
        name: "settlements",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, ruling: Integer, outcome: Text, status: MaybeInteger,
            upstream_request: MaybeText,
        },
        key: 2,
        again: Again::Never,
        indexes: &["origin, ruling", "outcome, at"],
    },
    Table {
        name: "boundaries",
        columns: columns! {
            origin: Text, boundary: Text, entry: Integer, first_at: Text, last_entry: Integer, last_at: Text,
            environment: Text, mode: Text, protocol: MaybeText, transactions: Integer, blocked: Integer,
            records: Integer, would_block: Integer,
        },
        key: 2,
        again: Again::Grows {
            added: &["transactions", "blocked", "records", "would_block"],
            latest: &["last_entry", "environment", "mode", "protocol"],
        },
        indexes: &[],
    },
    Table {
        name: "hours",
        columns: columns! {
            origin: Text, boundary: Text, hour: Text, entry: Integer, last_entry: Integer, environment: Text,
            transactions: Integer, blocked: Integer, records: Integer, synthetic: Integer, attested: Integer,
            mixed: Integer, unproven: Integer, suspected: Integer, transplanted: Integer, forged: Integer,
            untrusted: Integer, unreadable: Integer,
        },
        key: 3,
        again: Again::Grows {
            added: &[
                "transactions",
                "blocked",
                "records",
                "synthetic",
                "attested",
                "mixed",
                "unproven",
                "suspected",
                "transplanted",
                "forged",
                "untrusted",
                "unreadable",
            ],
            latest: &["last_entry", "environment"],
        },
        indexes: &["hour"],
    },
    Table {
        name: "clients",
        columns: columns! {
            origin: Text, client: Text, entry: Integer, first_at: Text, last_entry: Integer, last_at: Text,
            transactions: Integer, blocked: Integer, records: Integer,
        },
        key: 2,
        again: Again::Grows { added: &["transactions", "blocked", "records"], latest: &["last_entry"] },
        indexes: &[],
    },
    Table {
        name: "policies",
        columns: columns! {
            origin: Text, version: Text, entry: Integer, first_at: Text, last_entry: Integer, last_at: Text,
            transactions: Integer, blocked: Integer,
        },
        key: 2,
        again: Again::Grows { added: &["transactions", "blocked"], latest: &["last_entry"] },
        indexes: &[],
    },
    Table {
        name: "policy_changes",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, event: Text, version: Text, previous: MaybeText,
            sha256: MaybeText, who: MaybeText, reason: MaybeText, activation: MaybeText,
        },
        key: 2,
        again: Again::Never,
        indexes: &[],
    },
    Table {
        name: "emergencies",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, event: Text, version: Text, scope: MaybeText, until: MaybeText,
            who: MaybeText, approved: MaybeText, reason: MaybeText, activation: MaybeText, sha256: MaybeText,
        },
        key: 2,
        again: Again::Never,
        indexes: &[],
    },
    Table {
        name: "announcements",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, event: Text, announcement: Text, kind: Text, about: Text,
            version: Text, consumer: Text, attempts: Integer, status: MaybeInteger,
        },
        key: 2,
        again: Again::Never,
        indexes: &[],
    },
    Table {
        name: "datasets",
        columns: columns! {
            origin: Text, dataset: Text, entry: Integer, first_at: Text, last_entry: Integer, last_at: Text,
            manifest: Text, batches: Integer, records: Integer, synthetic: Integer, attested: Integer,
            mixed: Integer,
        },
        key: 2,
        again: Again::Grows {
            added: &["batches", "records", "synthetic", "attested", "mixed"],
            latest: &["last_entry"],
        },
        indexes: &[],
    },
    Table {
        name: "batches",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, dataset: Text, batch: Integer, batch_root: Text,
            manifest: Text, records: Integer, synthetic: Integer, attested: Integer, mixed: Integer,
        },
        key: 2,
        again: Again::Never,
        indexes: &["dataset"],
    },
    Table {
        name: "dataset_sightings",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, boundary: Text, dataset: Text, batches: Integer,
        },
        key: 2,
        again: Again::Never,
        indexes: &["dataset"],
    },
    Table {
        name: "quarantine",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, item: Text, event: Text, boundary: Text, ruling: Text,
            who: MaybeText, reason: MaybeText, decision: MaybeText, policy: MaybeText, outcome: MaybeText,
            status: MaybeInteger, overruled: Integer,
        },
        key: 2,
        again: Again::Never,
        indexes: &["item"],
    },
    Table {
        name: "certificates",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, outcome: Text, boundary: MaybeText, rule: Text,
            records: Integer, policy: MaybeText, subjects: Text, content_root: MaybeText,
        },
        key: 2,
        again: Again::Never,
        indexes: &["subjects"],
    },
    Table {
        name: "deliveries",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, boundary: Text, client: Text, route: Text, policy: Text,
            bytes: Integer, records: Integer, read: Integer, withheld: Integer, subjects: Text,
        },
        key: 2,
        again: Again::Never,
        indexes: &["at", "boundary, at", "client, at", "origin, boundary, client, route, entry"],
    },
    Table {
        name: "delivered_records",
        columns: columns! { origin: Text, entry: Integer, verdict: Text, shown: Integer, withheld: Integer },
        key: 3,
        again: Again::Never,
        indexes: &[],
    },
    Table {
        name: "registry_snapshots",
        columns: columns! {
            origin: Text, entry: Integer, at: Text, generation: Integer, fingerprints: Integer,
            registry_key: Text, registry_root: Text,
        },
        key: 2,
        again: Again::Never,
        indexes: &[],
    },
    Table {
        name: "record_acts",
        columns: columns! {
            origin: Text, entry: Integer, position: Integer, at: Text, event: Text, reference: Text,
            assignee: MaybeText, who: Text, reason: MaybeText,
        },
        key: 3,
        again: Again::Never,
        indexes: &["reference"],
    },
    Table {
        name: "record_standings",
        columns: columns! {
            origin: Text, reference: Text, act: Text, entry: Integer, first_at: Text, last_entry: Integer,
            last_at: Text, value: MaybeText, who: Text, reason: MaybeText,
        },
        key: 3,
        again: Again::Grows { added: &[], latest: &["last_entry", "last_at", "value", "who", "reason"] },
        indexes: &["reference", "act, value"],
    },
    Table {
        name: "incidents",
        columns: columns! {
            origin: Text, entry: Integer, at: MaybeText, kind: Text, boundary: MaybeText, amount: Integer,
            detail: MaybeText,
        },
        key: 2,
        again: Again::Never,
        indexes: &[],
    },
];

/// Every view: its name, and the query that it is.
pub const VIEWS: &[(&str, &str)] = &[
    (
        "transactions",
        "SELECT r.*, s.entry AS settled_entry, s.at AS settled_at, s.outcome, s.status, s.upstream_request \
         FROM rulings r LEFT JOIN settlements s ON s.origin = r.origin AND s.ruling = r.entry",
    ),
    (
        "quarantine_items",
        "SELECT q.* FROM quarantine q WHERE q.entry = \
         (SELECT MAX(l.entry) FROM quarantine l WHERE l.origin = q.origin AND l.item = q.item)",
    ),
    (
        "certified_deliveries",
        "SELECT d.*, c.entry AS certificate_entry, c.at AS certified_at, c.outcome AS certificate, c.rule, c.content_root \
         FROM deliveries d LEFT JOIN certificates c ON c.origin = d.origin AND c.subjects = d.subjects",
    ),
];

/// Whether a table or a view of this name may be asked by whoever asks.
pub(crate) fn is_documented(name: &str) -> bool {
    TABLES.iter().any(|table| table.name == name) || VIEWS.iter().any(|(view, _)| *view == name)
}

impl Table {
    /// What makes it, and its further indexes.
    pub(crate) fn create(&self, dialect: Dialect) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| column.declared(dialect)).collect();
        let key: Vec<&str> = self.columns.iter().take(self.key).map(|column| column.name).collect();
        // Rows are met in the order of their key, so that a table that is its key's tree grows at its end.
        let ending = match dialect {
            Dialect::Sqlite => " WITHOUT ROWID",
            Dialect::Postgres => "",
        };
        let (name, columns, key) = (self.name, columns.join(", "), key.join(", "));
        let table = format!("CREATE TABLE {name} ({columns}, PRIMARY KEY ({key})){ending};\n");
        let index = |on: &&str| {
            let (columns, rows) = split(on);
            format!("CREATE INDEX {} ON {name} ({columns}){rows};\n", self.index_name(on))
        };
        std::iter::once(table).chain(self.indexes.iter().map(index)).collect()
    }

    /// What an index is called.
    pub(crate) fn index_name(&self, on: &str) -> String {
        let (columns, rows) = split(on);
        let of = rows.split(' ').nth(2).map(|column| format!("_{column}")).unwrap_or_default();
        format!("{}_{}{of}", self.name, columns.replace(", ", "_"))
    }

    /// What inserts so many rows: the same text for both databases.
    pub(crate) fn insert(&self, rows: usize) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let width = self.columns.len();
        let row = |row: usize| {
            let places: Vec<String> =
                (1..=width).map(|column| format!("${}", row * width + column)).collect();
            format!("({})", places.join(","))
        };
        let values: Vec<String> = (0..rows).map(row).collect();
        let name = self.name;
        let key: Vec<&str> = names.iter().copied().take(self.key).collect();
        let key = key.join(", ");
        let again = match self.again {
            Again::Never => String::new(),
            Again::Stays => format!(" ON CONFLICT ({key}) DO NOTHING"),
            Again::Grows { added, latest } => {
                let added =
                    added.iter().map(|column| format!("{column} = {name}.{column} + excluded.{column}"));
                let later = latest.iter().map(|column| format!("{column} = excluded.{column}"));
                let bounds = [(EARLIEST, "<"), (LATEST, ">")].into_iter();
                let bounds = bounds.filter(|(column, _)| names.contains(column) && !latest.contains(column));
                // LEAST and GREATEST are called otherwise by the other database.
                let bounds = bounds.map(|(column, than)| {
                    format!(
                        "{column} = CASE WHEN excluded.{column} {than} {name}.{column} \
                         THEN excluded.{column} ELSE {name}.{column} END"
                    )
                });
                let set: Vec<String> = added.chain(later).chain(bounds).collect();
                format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
            }
        };
        format!("INSERT INTO {name} ({}) VALUES {}{again}", names.join(", "), values.join(","))
    }
}

/// The columns of an index, and which rows are in it where not all are.
pub(crate) fn split(on: &str) -> (&str, &str) {
    on.find(" WHERE ").map_or((on, ""), |at| on.split_at(at))
}

impl Column {
    fn declared(&self, dialect: Dialect) -> String {
        // Texts are compared byte by byte in both, so that the order of rows is the same everywhere.
        let text = match dialect {
            Dialect::Sqlite => "TEXT",
            Dialect::Postgres => "TEXT COLLATE \"C\"",
        };
        let kind = match self.kind {
            Kind::Text => format!("{text} NOT NULL"),
            Kind::MaybeText => text.to_owned(),
            Kind::Integer => "BIGINT NOT NULL".to_owned(),
            Kind::MaybeInteger => "BIGINT".to_owned(),
        };
        format!("{} {kind}", self.name)
    }
}

/// What makes everything.
pub(crate) fn create_all(dialect: Dialect) -> String {
    let tables = TABLES.iter().map(|table| table.create(dialect));
    let views = VIEWS.iter().map(|(name, query)| format!("CREATE VIEW {name} AS {query};\n"));
    let version = format!(
        "CREATE TABLE eosin_index (version BIGINT NOT NULL);\n\
         INSERT INTO eosin_index (version) VALUES ({SCHEMA_VERSION});\n"
    );
    let planning = match dialect {
        Dialect::Sqlite => crate::statistics::fixed(),
        // It counts by itself.
        Dialect::Postgres => String::new(),
    };
    tables.chain(views).chain([version, planning]).collect()
}

/// What takes everything away, whatever is there of it.
pub(crate) fn drop_all() -> String {
    let views = VIEWS.iter().map(|(name, _)| format!("DROP VIEW IF EXISTS {name};\n"));
    let tables = TABLES.iter().map(|table| format!("DROP TABLE IF EXISTS {};\n", table.name));
    views.chain(tables).chain(["DROP TABLE IF EXISTS eosin_index;\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_the_order_of_the_tables() {
        for (name, table) in [
            (Name::Ledgers, "ledgers"),
            (Name::Rulings, "rulings"),
            (Name::RecordVerdicts, "record_verdicts"),
            (Name::RecordGroups, "record_groups"),
            (Name::Deliveries, "deliveries"),
            (Name::Policies, "policies"),
            (Name::Quarantine, "quarantine"),
            (Name::Incidents, "incidents"),
        ] {
            assert_eq!(name.table().name, table);
        }
        assert_eq!(Name::Incidents as usize + 1, TABLES.len());
    }

    #[test]
    fn every_row_knows_its_ledger_and_its_entry() {
        for table in TABLES.iter().skip(1) {
            let has = |wanted: &str| {
                table.columns.iter().any(|column| {
                    column.name == wanted && !column.declared(Dialect::Sqlite).ends_with("TEXT")
                })
            };
            assert!(has("origin") && has("entry"), "{}", table.name);
            assert!(table.key <= table.columns.len());
            if let Again::Grows { added, latest } = table.again {
                for column in added.iter().chain(latest) {
                    assert!(table.columns.iter().any(|one| one.name == *column), "{}.{column}", table.name);
                }
            }
        }
    }

    #[test]
    fn a_statement_is_the_same_for_both() {
        assert_eq!(
            Name::RulingPolicies.table().insert(2),
            "INSERT INTO ruling_policies (origin, entry, policy_id) VALUES ($1,$2,$3),($4,$5,$6)"
        );
        let clients = Name::Clients.table().insert(1);
        let end = "ON CONFLICT (origin, client) DO UPDATE SET transactions = clients.transactions + \
                   excluded.transactions, blocked = clients.blocked + excluded.blocked, records = clients.records + \
                   excluded.records, last_entry = excluded.last_entry, first_at = CASE WHEN excluded.first_at < \
                   clients.first_at THEN excluded.first_at ELSE clients.first_at END, last_at = CASE WHEN \
                   excluded.last_at > clients.last_at THEN excluded.last_at ELSE clients.last_at END";
        assert!(clients.ends_with(end), "{clients}");
    }
}
