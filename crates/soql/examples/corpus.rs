//! How much of a corpus of statements is read: JSON lines `{"source": …, "text": …}` in, one line a source out.
//!
//! `corpus < statements.jsonl`; with `refused` as argument the statements that were not read are printed too.
#![expect(clippy::print_stdout, reason = "an example prints what it counts")]

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Read as _},
};

use serde_json::Value;
use soql::{parse, parse_search, print};

fn main() -> io::Result<()> {
    let show = std::env::args().nth(1).as_deref() == Some("refused");
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for line in io::stdin().lock().take(256 << 20).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
        let statement = text("text");
        let count = counts.entry(text("source").to_owned()).or_default();
        count.1 += 1;
        let read =
            if statement.trim_ascii_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("FIND")) {
                parse_search(statement)
                    .and_then(|tree| parse_search(&tree.to_string()).map(|again| tree == again))
            } else {
                parse(statement).and_then(|tree| parse(&print(&tree)).map(|again| tree == again))
            };
        match read {
            Ok(true) => count.0 += 1,
            Ok(false) => println!("printed otherwise: {statement}"),
            Err(error) if show => println!("{}: {error}\n    {statement}", text("source")),
            Err(_) => {}
        }
    }
    for (source, (read, all)) in counts {
        println!("{source}: {read} of {all} read");
    }
    Ok(())
}
