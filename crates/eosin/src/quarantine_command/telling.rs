//! What a person is told of kept requests: never content, never a control character.

use quarantine::{Kept, State};

use crate::printer::{Printer, Style, steers};

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
        printer.note(&format!("item {} {why}; restore it from a backup", printable(name)));
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
    for line in advice(kept) {
        printer.line("");
        printer.line(&line);
    }
}

/// What to do about items that are not simply held.
fn advice(kept: &[&Kept]) -> Vec<String> {
    let count = |fits: fn(&Kept) -> bool| kept.iter().filter(|kept| fits(kept)).count();
    let waiting = count(|kept| kept.state.has_content() && kept.item.waits_for.is_some());
    let uncertain = |kept: &Kept| kept.state == State::Uncertain && kept.item.waits_for.is_none();
    let twice = kept.iter().filter(|kept| uncertain(kept) && kept.item.idempotent).count();
    let once = kept.iter().filter(|kept| uncertain(kept) && !kept.item.idempotent).count();
    let told = [
        (
            once,
            "may have been delivered already: look on the other side, then reject, or release with `--again`.",
        ),
        (
            twice,
            "may have been delivered already, and sending it twice does what once does: release it, or reject it.",
        ),
        (
            waiting,
            "waiting for an endpoint: the gateway sends again by itself until its `retry_seconds` are used up, then \
             a person decides. A release sends now, without `--again`; a rejection ends it.",
        ),
    ];
    told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

/// One item.
pub(crate) fn show(kept: &Kept, json: bool, printer: &Printer) {
    if json {
        printer.line(&serde_json::to_string_pretty(kept).unwrap_or_default());
        return;
    }
    let item = &kept.item;
    let mut rows = vec![
        vec!["item".to_owned(), item.id.to_string()],
        vec!["state".to_owned(), format!("{} since {}", kept.state.as_str(), kept.since)],
        vec!["boundary".to_owned(), format!("{} ({})", item.boundary, item.protocol)],
        vec!["order".to_owned(), format!("#{} of what was kept for this boundary", item.sequence)],
        vec!["received".to_owned(), format!("{} from {}", item.received, item.client)],
        vec!["was to".to_owned(), format!("{} ({})", item.route, item.method)],
        vec!["behind".to_owned(), behind(kept)],
        vec!["reason".to_owned(), item.reason.clone()],
        vec!["verdicts".to_owned(), counts(kept)],
        vec!["policies".to_owned(), item.policies.join(", ")],
        vec!["ruling".to_owned(), item.ruling.clone()],
        vec!["keeps".to_owned(), format!("{} records, {} bytes, encrypted", item.records, item.bytes)],
        vec!["sent".to_owned(), format!("{} times", kept.attempts)],
        vec!["last".to_owned(), kept.note.clone()],
    ];
    if item.waits_for.is_some() {
        rows.push(vec!["withheld".to_owned(), why(kept)]);
    }
    for line in aligned(&rows) {
        printer.line(printable(&line).trim_end());
    }
}

/// What was behind the boundary when it was kept.
pub(crate) fn behind(kept: &Kept) -> String {
    if kept.item.protocol == "webhook" {
        return "the endpoint of its class".to_owned();
    }
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
    format!("{} ({})", or_unknown(&kept.item.upstream), or_unknown(&kept.item.environment))
}

fn why(kept: &Kept) -> String {
    if let Some(endpoint) = &kept.item.waits_for {
        return format!("nothing: waits for the {endpoint} endpoint");
    }
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
        letter if steers(letter) => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(state: &str, idempotent: bool, waits_for: Option<&str>) -> Kept {
        serde_json::from_value(serde_json::json!({
            "item": {
                "id": "kvsm4uofn6dq2zjb", "boundary": "hooks", "sequence": 1, "received": "2026-11-22T05:00:00.000Z",
                "ruling": "gateway.example/log#1", "policies": ["synthetic-outside-production"], "reason": "",
                "counts": {}, "records": 1, "client": "", "protocol": "webhook", "route": "event", "method": "POST",
                "bytes": 1, "idempotent": idempotent, "waitsFor": waits_for
            },
            "state": state, "since": "2026-11-22T05:00:00.000Z", "attempts": 1, "note": ""
        }))
        .unwrap()
    }

    #[test]
    fn who_sends_an_item_again_is_said() {
        for (kept, withheld, advised) in [
            (kept("held", false, None), "synthetic-outside-production", ""),
            (kept("uncertain", false, None), "synthetic-outside-production", "release with `--again`"),
            (
                kept("uncertain", true, None),
                "synthetic-outside-production",
                "does what once does: release it",
            ),
            (kept("held", true, Some("synthetic")), "nothing: waits for the synthetic endpoint", "by itself"),
            (
                kept("uncertain", true, Some("attested")),
                "nothing: waits for the attested endpoint",
                "by itself",
            ),
            (kept("released", true, Some("attested")), "nothing: waits for the attested endpoint", ""),
        ] {
            assert_eq!(why(&kept), withheld);
            let told = advice(&[&kept]);
            assert_eq!(told.len(), usize::from(!advised.is_empty()), "{told:?}");
            assert!(told.iter().all(|line| line.contains(advised)), "{told:?}");
        }
    }
}
