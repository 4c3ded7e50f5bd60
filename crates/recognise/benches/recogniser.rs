//! What weighing a record costs beside reading the person in it, in one run.
//!
//! `cargo bench -p recognise --bench recogniser`. Prints processor nanoseconds a record and records a second.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::{borrow::Cow, hint::black_box, sync::LazyLock, time::Instant};

use mark::{
    Claim, Form, Record,
    json::{self, Json},
};
use recognise::{Batch, Evidence, Person, Recogniser};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FAKER: &str = include_str!("../../../fixtures/recognise/faker.csv");
const NOBODY: &str = include_str!("../../../fixtures/recognise/background.csv");
const PATIENTS: &str = include_str!("../../../fixtures/fhir/patients.ndjson");

const ROUNDS: usize = 31;
const RECORDS: usize = 4096;
const REPEATS: usize = 64;

fn main() {
    println!(
        "| processor ns a record, least of {ROUNDS} rounds of {RECORDS} | rows of nobody's | rows of Faker | Synthea Patients |"
    );
    println!("|---|---|---|---|");
    let all = [measure(&rows(NOBODY)), measure(&rows(FAKER)), measure(&patients())];
    let lines: [Line; 6] = [
        ("(a) Person::of", |m| format!("{:.0}", m.person)),
        ("(b) weigh, the person at hand", |m| format!("{:.0}", m.weigh)),
        ("(c) Person::of and weigh", |m| format!("{:.0}", m.both)),
        ("(d) Batch::observe", |m| format!("{:.0}", m.observe)),
        ("records a second of (b), one core", |m| format!("{:.0}", 1e9 / m.weigh)),
        ("c/a", |m| format!("{:.2}", m.both / m.person)),
    ];
    for (name, show) in lines {
        let cells: Vec<String> = all.iter().map(show).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// A line of the table: its name, and what it shows.
type Line = (&'static str, fn(&Measured) -> String);

struct Measured {
    person: f64,
    weigh: f64,
    both: f64,
    observe: f64,
}

fn measure(records: &[Record<'_>]) -> Measured {
    let recogniser = Recogniser::built_in();
    let records: Vec<&Record<'_>> = records.iter().cycle().take(RECORDS).collect();
    let people: Vec<Option<Person<'_>>> = records.iter().map(|record| Person::of(record)).collect();
    let evidence: Vec<Evidence> = records
        .iter()
        .zip(&people)
        .map(|(record, person)| recogniser.weigh(record, person.as_ref()))
        .collect();
    assert!(people.iter().all(Option::is_some));
    let mut batch = Batch::default();
    let mut person = || {
        for record in &records {
            black_box(Person::of(record));
        }
    };
    let mut weigh = || {
        for (record, person) in records.iter().zip(&people) {
            black_box(recogniser.weigh(record, person.as_ref()));
        }
    };
    let mut both = || {
        for record in &records {
            black_box(recogniser.weigh(record, Person::of(record).as_ref()));
        }
    };
    // So quick that the system's account of the processor would miss a single round.
    let mut observe =
        || (0..REPEATS).for_each(|_| evidence.iter().for_each(|one| batch.observe(black_box(one))));
    let [person, weigh, both, observe] = least([&mut person, &mut weigh, &mut both, &mut observe]);
    Measured { person, weigh, both, observe: observe / REPEATS as f64 }
}

/// Nanoseconds a record of the quickest round of each; the rounds take turns, so that a slow moment is everybody's.
fn least<const N: usize>(mut rounds: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..ROUNDS {
        for (round, least) in rounds.iter_mut().zip(&mut least) {
            let start = on_processor();
            round();
            *least = least.min((on_processor() - start) / RECORDS as f64);
        }
    }
    least
}

/// Nanoseconds this process was on a processor; where the system does not tell, nanoseconds that passed.
fn on_processor() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Off the processor for a moment: an idle machine brings its accounts up to date only at a switch or a tick.
    std::thread::sleep(std::time::Duration::from_nanos(1));
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next().and_then(|word| word.parse().ok()));
    told.unwrap_or_else(|| START.elapsed().as_nanos() as f64)
}

fn rows(text: &'static str) -> Vec<Record<'static>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let cells = header.iter().zip(line.split(','));
            let fields =
                cells.map(|(name, value)| (Cow::Borrowed(*name), Json::Text(Cow::Borrowed(value)))).collect();
            record(Form::Table, "rows", fields)
        })
        .collect()
}

fn patients() -> Vec<Record<'static>> {
    let resource = |line: &'static str| match json::parse(line.as_bytes()) {
        Ok(Json::Object(fields)) => record(Form::Fhir, "Patient", fields),
        _ => std::process::abort(),
    };
    PATIENTS.lines().map(resource).collect()
}

fn record(form: Form, object: &'static str, fields: json::Members<'static>) -> Record<'static> {
    Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None }
}
