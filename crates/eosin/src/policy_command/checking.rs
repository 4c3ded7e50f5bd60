//! What is known of policies before anybody puts them in force: whether anything lets synthetic into production.

use policy::{Crossed, Policies, RedLine};

use crate::printer::{Printer, Style};

/// What was found of policies that can be read.
pub(crate) struct Checked {
    /// Their version.
    pub(crate) version: String,
    /// Their names.
    pub(crate) policies: Vec<String>,
    /// Whether a request gets synthetic into production.
    pub(crate) line: RedLine,
}

impl Checked {
    /// Asks the policies everything; some seconds at most.
    pub(crate) fn of(policies: &Policies) -> Self {
        Self {
            version: policies.version().to_owned(),
            policies: policies.ids().map(str::to_owned).collect(),
            line: policies.red_line(),
        }
    }

    /// The same, as programs read it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "version": self.version,
            "policies": self.policies,
            "redLine": match &self.line {
                RedLine::Proven { .. } => "proven",
                RedLine::Crossed(_) => "crossed",
                RedLine::TooMany => "unknown",
            },
            "asked": match &self.line {
                RedLine::Proven { asked } => Some(*asked),
                RedLine::Crossed(_) | RedLine::TooMany => None,
            },
            "counterexample": match &self.line {
                RedLine::Crossed(crossed) => Some(crossed_json(crossed)),
                RedLine::Proven { .. } | RedLine::TooMany => None,
            },
        })
    }
}

/// What the analysis says, for a person: its word, and the rest of the sentence.
pub(crate) fn said(line: &RedLine) -> (&'static str, String) {
    match line {
        RedLine::Proven { asked } => (
            "proven",
            format!("no request lets a record that is proven synthetic into production ({asked} questions)"),
        ),
        RedLine::Crossed(_) => (
            "a way into production",
            "this request carries a synthetic record and is permitted".to_owned(),
        ),
        RedLine::TooMany => (
            "not proven",
            "these policies tell apart more names than can be asked about; use fewer purposes or patterns in the \
             policies that speak of synthetic records"
                .to_owned(),
        ),
    }
}

/// What the analysis says, for a terminal.
pub(crate) fn told_red_line(line: &RedLine, printer: &Printer) -> String {
    let (word, rest) = said(line);
    let word = match line {
        RedLine::Proven { .. } => printer.paint(Style::Good, word),
        RedLine::Crossed(_) => printer.paint(Style::Stop, word),
        RedLine::TooMany => word.to_owned(),
    };
    match line {
        RedLine::Crossed(crossed) => {
            let members = counterexample(crossed);
            let lines: Vec<String> =
                members.iter().map(|(name, value)| format!("  {name:<10}{value}")).collect();
            format!("{word}: {rest}\n{}", lines.join("\n"))
        }
        RedLine::Proven { .. } | RedLine::TooMany => format!("{word}: {rest}"),
    }
}

/// A request that gets in, member by member.
pub(crate) fn counterexample(crossed: &Crossed) -> [(&'static str, String); 7] {
    let what = if crossed.is_system { "a part of Eosin" } else { "client" };
    let mut record = vec!["synthetic"];
    if crossed.modified {
        record.push("modified");
    }
    if crossed.out_of_jurisdiction {
        record.push("out of jurisdiction");
    }
    let purposes: Vec<&str> = crossed.purposes.iter().map(String::as_str).collect();
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let boundary = &crossed.boundary;
    [
        ("asks", format!("{what} `{}`", crossed.caller)),
        ("to", crossed.action.to_string()),
        (
            "at",
            format!(
                "boundary `{}`, production, continuity {}, mode {}{}",
                boundary.name,
                boundary.continuity,
                boundary.mode,
                if boundary.system_of_record { ", a system of record" } else { "" }
            ),
        ),
        ("in", or_none(boundary.jurisdiction.clone())),
        ("a record", record.join(", ")),
        ("made for", or_none(purposes.join(", "))),
        ("by", crossed.policies.join(", ")),
    ]
}

fn crossed_json(crossed: &Crossed) -> serde_json::Value {
    serde_json::json!({
        "action": crossed.action.as_str(),
        "boundary": crossed.boundary.name,
        "caller": crossed.caller,
        "continuity": crossed.boundary.continuity.as_str(),
        "isSystem": crossed.is_system,
        "jurisdiction": crossed.boundary.jurisdiction,
        "mode": crossed.boundary.mode.as_str(),
        "modified": crossed.modified,
        "outOfJurisdiction": crossed.out_of_jurisdiction,
        "policies": crossed.policies,
        "purposes": crossed.purposes,
        "systemOfRecord": crossed.boundary.system_of_record,
    })
}
