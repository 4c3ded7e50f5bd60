//! What a person is told of kept requests: never content, never a control character.

use quarantine::{Kept, State};

use crate::printer::{Printer, Style};

/// What is listed: what has content, or everything; by boundary, in original order.
pub(crate) fn chosen<'a>(kept: &'a [Kept], boundary: Option<&str>, all: bool) -> Vec<&'a Kept> {
    let mut chosen: Vec<&Kept> = kept
        .iter()
        .filter(|kept| all || kept.state.has_content())
        .filter(|kept| boundary.is_none_or(|boundary| kept.item.boundary == boundary))
        .collect();
    chosen.sort_by(|one, other| {
        (&one.item.boundary, one.item.sequence).cmp(&(&other.item.boundary, other.item.sequence))
    });
    chosen
}

/// The list.
pub(crate) fn list(kept: &[&Kept], damaged: &[(String, String)], json: bool, printer: &Printer) {
    for (name, why) in damaged {
        printer.note(&format!("item {} {why}: restore it from a backup", printable(name)));
    }
    if json {
        // Text and numbers only: writing cannot fail.
        printer.line(&serde_json::to_string_pretty(kept).unwrap_or_default());
        return;
    }
    if kept.is_empty() {
        printer.line("nothing is kept");
        return;
    }
    let heading = ["item", "boundary", "order", "received", "state", "records", "bytes", "withheld for"];
    let mut rows: Vec<Vec<String>> = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(kept.iter().map(|kept| {
        let item = &kept.item;
        vec![
            item.id.to_string(),
            item.boundary.clone(),
            format!("#{}", item.sequence),
            item.received.clone(),
            kept.state.as_str().to_owned(),
            item.records.to_string(),
            item.bytes.to_string(),
            why(kept),
        ]
    }));
    for (number, line) in aligned(&rows).into_iter().enumerate() {
        let style = if number == 0 { Style::Strong } else { Style::Faint };
        let text = printable(&line);
        printer.line(&if number == 0 { printer.paint(style, &text) } else { text });
    }
    let uncertain = kept.iter().filter(|kept| kept.state == State::Uncertain).count();
    if uncertain > 0 {
        printer.line("");
        printer.line(&format!(
            "{uncertain} may have been delivered already: look on the other side, then reject, or release with `--again`."
        ));
    }
}

/// One item.
pub(crate) fn show(kept: &Kept, json: bool, printer: &Printer) {
    if json {
        printer.line(&serde_json::to_string_pretty(kept).unwrap_or_default());
        return;
    }
    let item = &kept.item;
    let rows = vec![
        vec!["item".to_owned(), item.id.to_string()],
        vec!["state".to_owned(), format!("{} since {}", kept.state.as_str(), kept.since)],
        vec!["boundary".to_owned(), format!("{} ({})", item.boundary, item.protocol)],
        vec!["order".to_owned(), format!("#{} of what was kept for this boundary", item.sequence)],
        vec!["received".to_owned(), format!("{} from {}", item.received, item.client)],
        vec!["was to".to_owned(), format!("{} ({})", item.route, item.method)],
        vec!["reason".to_owned(), item.reason.clone()],
        vec!["verdicts".to_owned(), counts(kept)],
        vec!["policies".to_owned(), item.policies.join(", ")],
        vec!["ruling".to_owned(), item.ruling.clone()],
        vec!["keeps".to_owned(), format!("{} records, {} bytes, encrypted", item.records, item.bytes)],
        vec!["sent".to_owned(), format!("{} times", kept.attempts)],
        vec!["last".to_owned(), kept.note.clone()],
    ];
    for line in aligned(&rows) {
        printer.line(printable(&line).trim_end());
    }
}

fn why(kept: &Kept) -> String {
    if kept.item.policies.is_empty() { counts(kept) } else { kept.item.policies.join(", ") }
}

fn counts(kept: &Kept) -> String {
    let counts: Vec<String> =
        kept.item.counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    counts.join(", ")
}

fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// Text that moves no cursor: line ends and tabs stay, every other control character is shown as a mark.
pub(crate) fn printable(text: &str) -> String {
    let plain = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(plain).collect()
}
