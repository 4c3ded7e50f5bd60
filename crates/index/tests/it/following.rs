//! Following ledgers: live and rebuilt are the same, two may follow at once, another history is found out.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use index::{FollowError, Index, OpenError, Patience, Place, Value};

use crate::stage::{Databases, Growing, everything, rebuilt};

fn follow(index: &mut Index, folder: &Path) -> u64 {
    index.follow(folder, &mut |_| {}).unwrap().indexed
}

#[test]
fn what_was_followed_live_is_what_is_rebuilt_on_every_database() {
    let databases = Databases::new();
    let mut ledgers = [Growing::new("one.example/log", 1), Growing::new("two.example/log", 2)];
    let places = databases.places();
    for place in &places {
        Index::open(place).unwrap();
    }
    // Uneven steps, around the bounds of tiles and of one change, and the database opened anew at each.
    for (step, count) in [0, 1, 2, 22, 255, 257, 700, 4097].into_iter().enumerate() {
        for (at, ledger) in ledgers.iter_mut().enumerate() {
            ledger.grow(count / (at as u64 + 1));
            for place in &places {
                let mut index = Index::open(place).unwrap();
                assert_eq!(follow(&mut index, &ledger.path()), ledger.next, "step {step}");
            }
        }
    }
    let mut texts = Vec::new();
    for place in &places {
        texts.push(everything(&mut Index::open(place).unwrap()));
    }
    let folders: Vec<PathBuf> = ledgers.iter().map(Growing::path).collect();
    let backwards: Vec<PathBuf> = folders.iter().rev().cloned().collect();
    for place in &places {
        texts.push(rebuilt(place, &backwards));
    }
    // Also after the file is gone.
    let Place::File(file) = databases.sqlite() else { panic!("a file") };
    std::fs::remove_file(&file).unwrap();
    texts.push(rebuilt(&databases.sqlite(), &folders));
    let first = texts.first().unwrap().clone();
    assert!(first.lines().count() > 8_000, "{} rows", first.lines().count());
    for text in &texts {
        assert!(*text == first, "live and rebuilt differ");
    }
}

#[test]
fn two_who_follow_at_once_write_no_row_twice() {
    let databases = Databases::new();
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(9_000);
    for place in databases.places() {
        Index::renew(&place).unwrap();
        let folder = ledger.path();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut index = Index::open(&place).unwrap();
                    // Whoever loses a race reads on from where the other one is; a database may call it a conflict.
                    while let Err(error) = index.follow(&folder, &mut |_| {}) {
                        assert!(matches!(error, FollowError::Store(_)), "{error}");
                    }
                });
            }
        });
        let text = everything(&mut Index::open(&place).unwrap());
        assert!(text == rebuilt(&place, &[ledger.path()]), "{place}");
    }
}

#[test]
fn emergencies_and_who_was_told_of_them_are_on_every_database() {
    let databases = Databases::new();
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(200);
    let mut said = Vec::new();
    for place in databases.places() {
        let mut index = Index::renew(&place).unwrap();
        follow(&mut index, &ledger.path());
        let sql = "SELECT 'emergency', event, scope, CAST(COUNT(*) AS TEXT) FROM emergencies GROUP BY event, scope \
                   UNION ALL SELECT 'told', event, consumer, CAST(status AS TEXT) FROM announcements WHERE entry < 100 \
                   UNION ALL SELECT 'incident', kind, detail, CAST(amount AS TEXT) FROM incidents \
                   WHERE kind IN ('emergency', 'not-announced') AND entry < 100 ORDER BY 1, 2, 3, 4";
        let rows = index.query(sql, &[]).unwrap().rows;
        let words: Vec<String> = rows
            .iter()
            .map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
            .collect();
        for has in [
            "emergency|activated|boundary=ehr|",
            "emergency|expired|all|",
            "told|given-up|ops|503",
            "incident|not-announced|",
        ] {
            assert!(words.iter().any(|row| row.starts_with(has)), "{has} in {words:?} at {place}");
        }
        said.push(words);
    }
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
}

#[test]
fn another_history_and_another_schema_are_told_not_mixed() {
    let databases = Databases::new();
    let place = databases.sqlite();
    let (mut ledger, mut other) = (Growing::new("one.example/log", 1), Growing::new("one.example/log", 1));
    ledger.grow(30);
    let mut index = Index::open(&place).unwrap();
    assert_eq!(follow(&mut index, &ledger.path()), 30);
    // The same name, fewer entries: a backup. The same name, other entries: another ledger.
    other.grow(20);
    let error = index.follow(&other.path(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("eosin index rebuild"), "{error}");
    other.next = 1_000;
    other.grow(20);
    assert!(matches!(index.follow(&other.path(), &mut |_| {}), Err(FollowError::Other(_))));
    assert!(matches!(index.standing(&other.path()), Err(FollowError::Other(_))));
    assert_eq!(index.standing(&ledger.path()).unwrap().behind(), 0);
    ledger.grow(12);
    assert_eq!(index.standing(&ledger.path()).unwrap().behind(), 12);

    index.query("UPDATE eosin_index SET version = 99", &[]).unwrap();
    drop(index);
    assert!(matches!(Index::open(&place), Err(OpenError::Version { version: 99 })));
    rebuilt(&place, &[ledger.path()]);
    assert!(Index::open(&place).is_ok());
}

#[test]
fn a_server_that_goes_away_and_comes_back_costs_nothing() {
    let databases = Databases::new();
    let Some(server) = databases.server() else { return };
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(300);
    let mut index = Index::renew(&server.place()).unwrap();
    assert_eq!(follow(&mut index, &ledger.path()), 300);
    server.down();
    ledger.grow(300);
    let FollowError::Store(error) = index.follow(&ledger.path(), &mut |_| {}).unwrap_err() else {
        panic!("the database is away")
    };
    assert!(error.is_passing(), "{error}");
    assert!(matches!(Index::open(&server.place()), Err(OpenError::Store(error)) if error.is_passing()));
    server.up();
    let mut index = Index::open(&server.place()).unwrap();
    assert_eq!(follow(&mut index, &ledger.path()), 600);
    let text = everything(&mut index);
    assert!(text == rebuilt(&databases.sqlite(), &[ledger.path()]));
}

/// What a page or a gateway that ends has, only less.
const LITTLE: Patience = Patience { lock: Duration::from_millis(200), statement: Duration::from_millis(600) };

#[test]
fn a_lock_of_somebody_else_is_waited_for_and_then_said() {
    let databases = Databases::new();
    let Some(server) = databases.server() else { return };
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(300);
    let mut index = Index::open_with(&server.place(), LITTLE).unwrap();
    assert_eq!(follow(&mut index, &ledger.path()), 300);
    ledger.grow(300);
    let mut analyst = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    for table in ["ledgers", "rulings"] {
        let mut held = analyst.transaction().unwrap();
        held.batch_execute(&format!("LOCK TABLE {table}")).unwrap();
        let FollowError::Store(error) = index.follow(&ledger.path(), &mut |_| {}).unwrap_err() else {
            panic!("the table is locked: {table}")
        };
        assert!(error.is_passing() && error.to_string().contains("holds a lock"), "{error}");
        held.rollback().unwrap();
    }
    // A statement that nobody locks out, and that takes too long.
    let error = index.query("SELECT CAST(COUNT(*) AS BIGINT) FROM pg_sleep(5)", &[]).unwrap_err();
    assert!(error.to_string().contains("or it is busy"), "{error}");
    assert_eq!(follow(&mut index, &ledger.path()), 600);
}

#[test]
fn a_server_that_says_nothing_is_left() {
    // Connections are accepted for it, and never read.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://eosin@{}/index", silent.local_addr().unwrap());
    let place = Place::read(&url, Path::new(""), None).unwrap();
    let Err(OpenError::Store(error)) = Index::open_with(&place, LITTLE) else { panic!("nobody is there") };
    assert!(error.is_passing() && error.to_string().contains("does not answer"), "{error}");
}

#[test]
fn what_cannot_be_read_is_an_incident_with_its_place() {
    let databases = Databases::new();
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(23);
    let mut index = Index::open(&databases.sqlite()).unwrap();
    follow(&mut index, &ledger.path());
    let answer =
        index.query("SELECT entry, kind FROM incidents WHERE kind = 'unread' ORDER BY entry", &[]).unwrap();
    let entries: Vec<&Value> = answer.rows.iter().map(|row| &row[0]).collect();
    assert_eq!(entries, [&Value::Integer(9), &Value::Integer(10), &Value::Integer(11)]);
    // A character that no database takes in a text.
    let answer = index.query("SELECT reference FROM record_verdicts ORDER BY entry LIMIT 1", &[]).unwrap();
    assert_eq!(answer.rows, [[Value::Text("body[0]\u{fffd}é".to_owned())]]);
}
