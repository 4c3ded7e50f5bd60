//! Rows a second that ledgers become in the index, beside a plain bulk insert of the same rows; and a replay of them.
//!
//! `cargo bench -p index`: SQLite, and PostgreSQL where it is installed. `EOSIN_BENCH_ENTRIES` says how many transactions.
//! With `EOSIN_BENCH_KEEP=FOLDER` a ledger and its SQLite index are made there and stay, for `tests/bench/console.py`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench measures time, prints a table, and stops at the first surprise"
)]

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Instant, SystemTime},
};

use index::{Index, Place, Since, TABLES, Value};
use ledger::Ledger;
use mark::note::SignerKey;
use policy::{Policies, Recorded, Replayed};
use postgres::{
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

#[expect(dead_code, reason = "stories stop and start it")]
#[path = "../tests/it/server.rs"]
mod server;

fn main() {
    let entries: u64 =
        std::env::var("EOSIN_BENCH_ENTRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    if let Some(keep) = std::env::var_os("EOSIN_BENCH_KEEP") {
        return fill(Path::new(&keep), entries);
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("ledger");
    let began = Instant::now();
    ledger(&at, entries);
    println!("{entries} transactions, {} entries, ledger written in {:.1?}\n", entries * 2, began.elapsed());
    println!(
        "{:<12} {:>10} {:>12} {:>14} {:>8}",
        "database", "rows", "index rows/s", "plain rows/s", "share"
    );
    let sqlite = Place::File(folder.path().join("index.sqlite"));
    let (rows, seconds, mut index) = ingest(&sqlite, &at);
    let plain = plain_sqlite(&mut index, &folder.path().join("plain.sqlite"));
    line("SQLite", rows, seconds, plain);
    replay(&mut index);
    if let Some(server) = server::Server::start() {
        let (rows, seconds, mut index) = ingest(&server.place(), &at);
        let plain = plain_postgres(&mut index, &server);
        line("PostgreSQL", rows, seconds, plain);
        replay(&mut index);
    } else {
        println!("PostgreSQL is not installed here");
    }
}

/// A ledger and its index that stay.
fn fill(folder: &Path, transactions: u64) {
    let at = folder.join("ledger");
    ledger(&at, transactions);
    let (rows, seconds, _) = ingest(&Place::File(folder.join("index.sqlite")), &at);
    println!("{transactions} transactions, {rows} rows in {seconds:.1} s");
}

fn line(name: &str, rows: u64, seconds: f64, plain: f64) {
    let (ours, theirs) = (rows as f64 / seconds, rows as f64 / plain);
    println!("{name:<12} {rows:>10} {ours:>12.0} {theirs:>14.0} {:>7.0}%", 100.0 * ours / theirs);
}

/// Each transaction is a ruling and its settlement. They are spread evenly over the thirty days before now.
fn ledger(folder: &Path, transactions: u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let now = i64::try_from(now).unwrap();
    let between = 30 * 86_400_000 / transactions.max(1);
    let signer = SignerKey::generate("bench.example/log", [3; 32]).unwrap();
    let mut ledger = Ledger::create(folder, signer).unwrap();
    let numbers: Vec<u64> = (0..transactions).collect();
    for some in numbers.chunks(2_000) {
        let both: Vec<(u64, bool)> =
            some.iter().flat_map(|number| [(*number, true), (*number, false)]).collect();
        let at = |number| now - i64::try_from((transactions - number) * between).unwrap();
        ledger.commit(both, |(number, is_ruling)| entry(*number, at(*number), *is_ruling)).unwrap();
    }
    ledger.publish().unwrap();
}

const OBJECTS: [&str; 6] = ["Contact", "Account", "Case", "Patient", "Appointment", "Observation"];
const GENERATORS: [&str; 5] = ["Synthea", "Snowfakery", "Faker", "Mockaroo", "Mimesis"];
const PURPOSES: [&str; 3] = ["staging-testing", "training", "emergency-exercise"];

fn entry(number: u64, at: i64, is_ruling: bool) -> Vec<u8> {
    let at = jiff::Timestamp::from_millisecond(at).unwrap().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    if !is_ruling {
        return format!(
            r#"{{"at":"{at}","eosin":"settlement@1","outcome":"answered","ruling":{},"status":201}}"#,
            number * 2
        )
        .into_bytes();
    }
    let (client, records) = (number % 50, 1 + number % 200);
    // One in a hundred thousand is what somebody looks for.
    let verdict = match number {
        rare if rare % 100_000 == 5 => "forged",
        few if few % 100 == 2 => "suspected",
        some if some % 4 == 1 => "unproven",
        _ => "synthetic",
    };
    let decision = if number.is_multiple_of(5) { "warn" } else { "block" };
    // Forty datasets of five generators, and one that hardly anybody met.
    let run = if number % 100_000 == 7 { 99 } else { number % 40 };
    let (dataset, generator) = (format!("dataset-{run}"), GENERATORS[usize::try_from(run % 5).unwrap()]);
    let origin = match verdict {
        "synthetic" => format!(r#""dataset":"{dataset}","#),
        "suspected" => format!(r#""generator":"{generator}","#),
        _ => String::new(),
    };
    let findings: Vec<String> = (0..number % 3)
        .map(|row| {
            let object = OBJECTS[usize::try_from(number / 7 % 6).unwrap()];
            let reference = format!("{object}/003{:012}", number * 3 + row);
            format!(r#"{{{origin}"decision":"{decision}","object":"{object}","reference":"{reference}","verdict":"{verdict}"}}"#)
        })
        .collect();
    let purpose = PURPOSES[usize::try_from(run % 3).unwrap()];
    let datasets = if verdict == "synthetic" && !findings.is_empty() {
        format!(r#""datasets":{{"{dataset}":{{"generator":"{generator}","purposes":["{purpose}"]}}}},"#)
    } else {
        String::new()
    };
    let asked = format!(
        r#"{{"cases":[{{"finding":"permit","records":{records},"verdict":"attested"}}],"continuity":"strict","jurisdiction":"US","scope":"record"}}"#
    );
    format!(
        r#"{{"action":"create","asked":{asked},"at":"{at}","boundary":"crm-{}","claim":"absent","client":"client-{client}","counts":{{"records":{records},"attested":{records}}},{datasets}"decision":"pass","environment":"production","eosin":"ruling@1","findings":[{}],"findingsOmitted":0,"mode":"enforce","policies":["attested-in-production-and-staging"],"policy":"default@0123456789ab","protocol":"salesforce","route":"sobjects/Contact","rows":"{}","wouldBlock":0}}"#,
        number % 8,
        findings.join(","),
        "ab".repeat(32),
    )
    .into_bytes()
}

fn ingest(place: &Place, ledger: &Path) -> (u64, f64, Index) {
    let mut index = Index::renew(place).unwrap();
    let began = Instant::now();
    index.follow(ledger, &mut |_| {}).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let count = |table: &str, index: &mut Index| match index
        .query(&format!("SELECT COUNT(*) FROM {table}"), &[])
        .unwrap()
        .rows[0][0]
    {
        Value::Integer(count) => u64::try_from(count).unwrap(),
        Value::Null | Value::Text(_) => panic!("a count"),
    };
    let rows = TABLES.iter().map(|table| count(table.name, &mut index)).sum();
    (rows, seconds, index)
}

/// The rows of a table in pages: of the entries from one number to another, since skipping costs as much as reading.
fn pages(index: &mut Index, table: &str, mut each: impl FnMut(Vec<Vec<Value>>)) {
    if table == "ledgers" {
        return each(index.query("SELECT * FROM ledgers", &[]).unwrap().rows);
    }
    let last = index.query(&format!("SELECT COALESCE(MAX(entry), -1) FROM {table}"), &[]).unwrap();
    let Value::Integer(last) = last.rows[0][0] else { panic!("a number") };
    for begin in (0..=last).step_by(20_000) {
        let end = begin + 20_000;
        let sql = format!("SELECT * FROM {table} WHERE origin = $1 AND entry >= {begin} AND entry < {end}");
        each(index.query(&sql, &[Value::text("bench.example/log")]).unwrap().rows);
    }
}

/// One prepared statement a table, 4,096 rows a transaction, without keys: only the time to insert is counted.
fn plain_sqlite(index: &mut Index, path: &Path) -> f64 {
    let mut plain = rusqlite::Connection::open(path).unwrap();
    plain.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").unwrap();
    let mut seconds = 0.0;
    for table in TABLES {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        plain.execute_batch(&format!("CREATE TABLE {} ({})", table.name, names.join(","))).unwrap();
        let places: Vec<&str> = names.iter().map(|_| "?").collect();
        let sql = format!("INSERT INTO {} VALUES ({})", table.name, places.join(","));
        pages(index, table.name, |rows| {
            let began = Instant::now();
            for some in rows.chunks(4_096) {
                let change = plain.transaction().unwrap();
                let mut statement = change.prepare_cached(&sql).unwrap();
                for row in some {
                    statement.execute(rusqlite::params_from_iter(row)).unwrap();
                }
                drop(statement);
                change.commit().unwrap();
            }
            seconds += began.elapsed().as_secs_f64();
        });
    }
    seconds
}

/// Binary COPY, a page a transaction, without keys.
fn plain_postgres(index: &mut Index, server: &server::Server) -> f64 {
    let mut plain = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    let mut seconds = 0.0;
    for table in TABLES {
        let kind = |column: &index::Column| match column.kind {
            index::Kind::Text | index::Kind::MaybeText => Type::TEXT,
            index::Kind::Integer | index::Kind::MaybeInteger => Type::INT8,
        };
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{} {}", column.name, kind(column))).collect();
        plain.batch_execute(&format!("CREATE TABLE plain_{} ({})", table.name, columns.join(","))).unwrap();
        let kinds: Vec<Type> = table.columns.iter().map(kind).collect();
        pages(index, table.name, |rows| {
            let began = Instant::now();
            let copy = plain.copy_in(&format!("COPY plain_{} FROM STDIN BINARY", table.name)).unwrap();
            let mut writer = BinaryCopyInWriter::new(copy, &kinds);
            for row in &rows {
                let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(|value| value as _).collect();
                writer.write(&values).unwrap();
            }
            writer.finish().unwrap();
            seconds += began.elapsed().as_secs_f64();
        });
    }
    seconds
}

/// Policies that answer otherwise for large requests, put to every transaction.
fn replay(index: &mut Index) {
    let more = r#"@id("small") @reason("small") forbid (principal, action, resource) when { context.records > 100 && context.attested > 0 };
                  @id("some") @reason("some") forbid (principal == Eosin::Client::"client-7", action, resource);"#;
    let policies = Policies::parse("bench", &format!("{}\n{more}", Policies::default_text())).unwrap();
    let began = Instant::now();
    let (mut since, mut known, mut all, mut changed) = (Since::moment(""), BTreeMap::new(), 0_u64, 0_u64);
    loop {
        let page = index.crossings(&mut since).unwrap();
        if page.is_empty() {
            break;
        }
        for crossing in &page {
            let name = crossing.question.as_deref().unwrap();
            if !known.contains_key(name) {
                let texts = index.questions(&crossing.origin, &[name]).unwrap();
                let recorded: Recorded = serde_json::from_str(&texts[name]).unwrap();
                known.insert(name.to_owned(), recorded.put_to(&policies) != Replayed::Same);
            }
            all += 1;
            changed += u64::from(known[name]);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:<12} {all} transactions replayed in {seconds:.2} s, {} questions, {changed} would change",
        "",
        known.len()
    );
}
