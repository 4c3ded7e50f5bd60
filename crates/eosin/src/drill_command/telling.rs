//! The table of a drill: for people, and for machines.

use mark::Strength;

use super::means::Seen;
use crate::printer::{Printer, Style};

/// What became of the records of one step.
#[derive(Clone, Debug)]
pub(super) struct Row {
    name: &'static str,
    /// Records to which the step applies.
    pub(super) records: u64,
    mark: u64,
    strong: u64,
    weak: u64,
    recogniser: u64,
    found: u64,
    nothing: u64,
}

impl Row {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, records: 0, mark: 0, strong: 0, weak: 0, recogniser: 0, found: 0, nothing: 0 }
    }

    pub(super) fn add(&mut self, seen: Seen) {
        self.records += 1;
        self.mark += u64::from(seen.mark);
        self.strong += u64::from(seen.registry == Some(Strength::Strong));
        self.weak += u64::from(seen.registry == Some(Strength::Weak));
        self.recogniser += u64::from(seen.recogniser);
        self.found += u64::from(seen.is_found);
        self.nothing += u64::from(!seen.is_found && seen.registry.is_none());
    }

    /// The counts under [`COLUMNS`].
    fn counts(&self) -> [u64; 6] {
        [self.mark, self.strong, self.weak, self.recogniser, self.found, self.nothing]
    }
}

const COLUMNS: [&str; 6] = ["mark", "registry strong", "registry weak", "recogniser", "found", "nothing"];

/// A drill's outcome.
pub(super) struct Table<'t> {
    pub(super) file: &'t str,
    pub(super) is_rehearsed: bool,
    pub(super) left_out: u64,
    pub(super) rows: &'t [Row],
}

impl Table<'_> {
    pub(super) fn print(&self, printer: &Printer) {
        let head = format!("{:<26}{:>8}", "what was done", "records");
        let columns: Vec<String> =
            COLUMNS.iter().map(|name| format!("{name:>width$}", width = width(name))).collect();
        printer.line(&printer.paint(Style::Strong, &format!("{head}{}", columns.concat())));
        for row in self.rows {
            let counts = COLUMNS.iter().zip(row.counts()).map(|(name, count)| {
                let text = format!("{:>width$}", share(count, row.records), width = width(name));
                match (*name, count) {
                    (_, 0) => printer.paint(Style::Faint, &text),
                    ("nothing", _) => printer.paint(Style::Stop, &text),
                    _ => text,
                }
            });
            let counts: Vec<String> = counts.collect();
            printer.line(&format!("{:<26}{:>8}{}", row.name, row.records, counts.concat()));
        }
        printer.line("");
        printer.line("found: proven by its mark, or strongly suspected by registry and recogniser together.");
        printer.line("nothing: neither found nor known to the registry by a single value. Records without the value count in no row of it.");
        if self.is_rehearsed {
            printer
                .line("The records were marked and registered for this drill alone; nothing of it is kept.");
        }
        if self.left_out > 0 {
            printer.line(&format!("Left out: {} that identify nobody or cannot be read.", self.left_out));
        }
    }

    pub(super) fn to_json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            serde_json::json!({
                "step": row.name,
                "records": row.records,
                "mark": row.mark,
                "registry": { "strong": row.strong, "weak": row.weak },
                "recogniser": row.recogniser,
                "found": row.found,
                "nothing": row.nothing,
            })
        });
        serde_json::json!({
            "file": self.file,
            "rehearsed": self.is_rehearsed,
            "leftOut": self.left_out,
            "steps": rows.collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn width(column: &str) -> usize {
    column.len().max(6) + 3
}

/// Of all, none, or in percent to one place, rounded away from both ends: 99.96 % is not all.
fn share(count: u64, of: u64) -> String {
    if of == 0 {
        return "-".to_owned();
    }
    if count == of || count == 0 {
        return if count == 0 { "0".to_owned() } else { "all".to_owned() };
    }
    let permille = u128::from(count) * 1000 / u128::from(of);
    let permille = permille.max(1);
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_all_only_if_it_is() {
        for (count, of, want) in [
            (0, 0, "-"),
            (0, 9, "0"),
            (9, 9, "all"),
            (9_999, 10_000, "99.9 %"),
            (1, 100_000, "0.1 %"),
            (1, 3, "33.3 %"),
        ] {
            assert_eq!(share(count, of), want);
        }
    }
}
