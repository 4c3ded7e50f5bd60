//! Fits the weights: rows that `tools/recognise/` made in, `src/weights.csv` and a table of figures out.
//!
//! `cargo run -p recognise --example fit -- ROWS [--write]`. Without `--write` only the figures are printed.
//! Prints counts and shares, never a row.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a tool at the desk: it stops at the first surprise, prints, and writes one file"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use mark::{
    Claim, Form, Record,
    json::{self, Json},
};
use recognise::{Person, Recogniser, SUSPECTED_FROM_DECIBITS};

#[path = "../tests/it/rows.rs"]
mod rows;

/// The classes in the order of the weights' columns; `other` is made of the ones before it.
const CLASSES: [&str; 8] =
    ["Synthea", "Faker", "faker-js", "Mimesis", "Snowfakery", "Mockaroo", "chance", "other"];

/// No group speaks louder than this for a generator, nor than that against it, in tenths of a bit.
const MOST: f64 = 110.0;
const LEAST: f64 = -50.0;
/// Of groups that name a generator outright.
const MOST_OUTRIGHT: f64 = 150.0;

type Counts = BTreeMap<&'static str, f64>;

/// A share that is taken as given.
struct Assumed {
    signal: String,
    class: String,
    bound: String,
    share: f64,
}

fn main() {
    let folder = env::args().nth(1).unwrap();
    let folder = Path::new(&folder);
    if env::args().any(|argument| argument == "--write") {
        let weights = fit(folder);
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/weights.csv"), weights).unwrap();
        println!("weights written; build again to measure them");
    } else {
        measure(folder);
    }
}

fn fit(folder: &Path) -> String {
    let recogniser = Recogniser::built_in();
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for class in CLASSES.iter().copied().chain(["background"]) {
        let of_class = counts.entry(class).or_default();
        for file in files(folder, class, "fit") {
            each(&file, |record, person| {
                for name in recogniser.observe(record, person) {
                    *of_class.entry(name).or_default() += 1.0;
                }
            });
        }
    }
    let assumed = assumed();
    let mut text = "# Tenths of a bit that each signal says for each generator, against the background.\n\
         # Written by `cargo run -p recognise --example fit -- ROWS --write`; see docs/recognisers.md. Never by hand.\n"
        .to_owned();
    text.push_str(&format!("signal,{}\n", CLASSES.join(",")));
    let groups = groups();
    for (signal, group) in Recogniser::signals_with_groups() {
        let of_group = &groups[group];
        let background = share(&counts, &assumed, "background", signal, of_group);
        let known: Vec<Option<f64>> =
            CLASSES[..7].iter().map(|class| share(&counts, &assumed, class, signal, of_group)).collect();
        let with_data: Vec<f64> = known.iter().flatten().copied().collect();
        let mean = with_data.iter().sum::<f64>() / with_data.len().max(1) as f64;
        let other = given(&assumed, "other", signal, "is")
            .map(|least| least.max(mean))
            .or((!with_data.is_empty()).then_some(mean));
        let most = if ["text", "identifier"].contains(&group) { MOST_OUTRIGHT } else { MOST };
        let cells: Vec<String> = known
            .into_iter()
            .chain([other])
            .map(|class| match (class, background) {
                (Some(class), Some(background)) => {
                    ((class / background).log2() * 10.0).clamp(LEAST, most).round() as i32
                }
                _ => 0,
            })
            .map(|decibits| decibits.to_string())
            .collect();
        text.push_str(&format!("{signal},{}\n", cells.join(",")));
    }
    text
}

fn groups() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (signal, group) in Recogniser::signals_with_groups() {
        groups.entry(group).or_default().insert(signal);
    }
    groups
}

/// The share of a class's records of this group that show the signal, with half a count added to each (Krichevsky and
/// Trofimov); nothing if the class has no such records and nothing is assumed.
fn share(
    counts: &BTreeMap<&str, Counts>,
    assumed: &[Assumed],
    class: &str,
    signal: &str,
    of_group: &BTreeSet<&'static str>,
) -> Option<f64> {
    if let Some(share) = given(assumed, class, signal, "is") {
        return Some(share);
    }
    let of_class = &counts[class];
    let count = |name: &str| of_class.get(name).copied().unwrap_or_default();
    let total: f64 = of_group.iter().map(|name| count(name)).sum();
    if total == 0.0 {
        return None;
    }
    let mut share = (count(signal) + 0.5) / (total + of_group.len() as f64 / 2.0);
    if let Some(least) = given(assumed, class, signal, "least") {
        share = share.max(least);
    }
    if let Some(most) = given(assumed, class, signal, "most") {
        share = share.min(most);
    }
    Some(share)
}

fn given(assumed: &[Assumed], class: &str, signal: &str, bound: &str) -> Option<f64> {
    assumed
        .iter()
        .find(|one| one.class == class && one.signal == signal && one.bound == bound)
        .map(|one| one.share)
}

fn assumed() -> Vec<Assumed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/recognise/assumed.csv");
    let text = fs::read_to_string(path).unwrap();
    let assumed: Vec<Assumed> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<&str> = line.splitn(5, ',').collect();
            Assumed {
                signal: cells[0].to_owned(),
                class: cells[1].to_owned(),
                bound: cells[2].to_owned(),
                share: cells[3].parse().unwrap(),
            }
        })
        .collect();
    for one in &assumed {
        assert!(Recogniser::signals().any(|(name, _)| name == one.signal), "no signal `{}`", one.signal);
    }
    assumed
}

/// What is counted of one class in one half.
#[derive(Default)]
struct Figures {
    records: usize,
    with_three_fields: usize,
    /// Weights of those, in tenths of a bit.
    decibits: Vec<i32>,
    named_right: usize,
    /// Persons among them, and how many are found when only three kinds of identity are left, any three in turn.
    persons: usize,
    found_by_three: usize,
}

impl Figures {
    fn absorb(&mut self, other: &Self) {
        self.records += other.records;
        self.with_three_fields += other.with_three_fields;
        self.decibits.extend(&other.decibits);
        self.named_right += other.named_right;
        self.persons += other.persons;
        self.found_by_three += other.found_by_three;
    }

    fn print(&mut self, name: &str) {
        self.decibits.sort_unstable();
        let found = self.decibits.iter().filter(|d| **d >= SUSPECTED_FROM_DECIBITS).count();
        let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        let percent = |part: usize| share(part, self.with_three_fields);
        let low = self.decibits.get(self.decibits.len() / 100).copied().unwrap_or_default();
        let high = self.decibits.last().copied().unwrap_or_default();
        println!(
            "| {name} | {} | {} | {:.2} % | {:.2} % | {:.1} % | {low} | {high} |",
            self.records,
            self.with_three_fields,
            percent(found),
            percent(self.named_right),
            share(self.found_by_three, self.persons),
        );
    }
}

fn measure(folder: &Path) {
    let recogniser = Recogniser::built_in();
    println!("version {}, threshold {SUSPECTED_FROM_DECIBITS} tenths of a bit", recogniser.version());
    println!("| class, half | records | 3 fields | found | named | found by any 3 | 1 % have less | most |");
    println!("|---|---|---|---|---|---|---|---|");
    for class in CLASSES.iter().copied().chain(["background"]) {
        for half in ["fit", "held"] {
            let mut whole = Figures::default();
            for file in files(folder, class, half) {
                let mut figures = figures(&recogniser, class, &file);
                figures.print(&format!("{class}, {}", file.file_name().unwrap().to_string_lossy()));
                whole.absorb(&figures);
            }
            whole.print(&format!("**{class}, {half}**"));
        }
    }
}

fn figures(recogniser: &Recogniser, class: &str, file: &Path) -> Figures {
    let mut figures = Figures::default();
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    each(file, |record, person| {
        figures.records += 1;
        // A place or an account is no person and is weighed for what it has.
        if person.is_some() && rows::identity_fields(person) < 3 && class != "background" {
            return;
        }
        let evidence = recogniser.weigh(record, person);
        let found = evidence.decibits >= SUSPECTED_FROM_DECIBITS;
        let three = person.map(|person| only_three(person, figures.with_three_fields));
        figures.with_three_fields += 1;
        figures.named_right += usize::from(found && evidence.generator == Some(class));
        figures.decibits.push(evidence.decibits);
        if let Some(three) = three {
            let bare = Record {
                form: Form::Table,
                object: "row".into(),
                fields: Vec::new(),
                mark: None,
                claim: Claim::None,
            };
            let weight = recogniser.weigh(&bare, Some(&three)).decibits;
            figures.persons += 1;
            figures.found_by_three += usize::from(weight >= SUSPECTED_FROM_DECIBITS);
        }
        if env::args().any(|argument| argument == "--why") && found == (class == "background") {
            let why: Vec<String> = evidence
                .signals
                .iter()
                .map(|signal| format!("{} {}", signal.name, signal.decibits))
                .collect();
            *missed
                .entry(format!("{:?} {}: {}", evidence.generator, evidence.decibits, why.join(", ")))
                .or_default() += 1;
        }
    });
    let mut missed: Vec<_> = missed.into_iter().collect();
    missed.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (why, count) in missed.iter().take(8) {
        println!("    {count} x {why}");
    }
    figures
}

/// The person with three kinds of identity left, other three for each `turn`.
fn only_three<'a>(person: &Person<'a>, turn: usize) -> Person<'a> {
    let there = |kind: usize, person: &Person<'_>| match kind {
        0 => !person.names.is_empty(),
        1 => person.birth_date.is_some(),
        2 => !person.emails.is_empty(),
        3 => !person.phones.is_empty(),
        4 => !person.identifiers.is_empty(),
        _ => !person.addresses.is_empty(),
    };
    let kinds: Vec<usize> = (0..6).filter(|kind| there(*kind, person)).collect();
    let threes: Vec<u32> = (0_u32..64)
        .filter(|set| {
            set.count_ones() == 3 && (0..6).all(|kind| set & (1 << kind) == 0 || kinds.contains(&kind))
        })
        .collect();
    let mut kept = person.clone();
    let Some(set) = threes.get(turn % threes.len().max(1)) else { return kept };
    for kind in (0..6).filter(|kind| set & (1 << kind) == 0) {
        match kind {
            0 => kept.names.clear(),
            1 => kept.birth_date = None,
            2 => kept.emails.clear(),
            3 => kept.phones.clear(),
            4 => kept.identifiers.clear(),
            _ => kept.addresses.clear(),
        }
    }
    kept
}

/// The files of one class and one half: `FOLDER/class/recipe.half.csv` or `.ndjson`, in order.
fn files(folder: &Path, class: &str, half: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join(class.to_lowercase())) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(&format!(".{half}.")))
        .collect();
    files.sort();
    files
}

/// Calls `then` with every record of a file.
fn each(file: &Path, then: impl FnMut(&Record<'_>, Option<&Person<'_>>)) {
    if file.extension().is_some_and(|extension| extension == "ndjson") {
        each_resource(BufReader::new(File::open(file).unwrap()), then);
    } else {
        rows::each_row(File::open(file).unwrap(), object_of(file), then);
    }
}

/// `world-account.fit.csv` holds accounts, files with Salesforce's names contacts, all others rows.
fn object_of(file: &Path) -> &'static str {
    if file.to_string_lossy().contains("account") { "Account" } else { "Contact" }
}

/// Calls `then` with every line of FHIR resources.
fn each_resource(text: impl std::io::BufRead, mut then: impl FnMut(&Record<'_>, Option<&Person<'_>>)) {
    for line in text.lines() {
        let line = line.unwrap();
        let Json::Object(fields) = json::parse(line.as_bytes()).unwrap() else { continue };
        let object = fields
            .iter()
            .find(|(name, _)| name == "resourceType")
            .and_then(|(_, value)| value.text())
            .unwrap_or_default()
            .to_owned();
        let record =
            Record { form: Form::Fhir, object: object.into(), fields, mark: None, claim: Claim::None };
        let person = Person::of(&record);
        then(&record, person.as_ref());
    }
}
