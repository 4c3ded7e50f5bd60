//! The manifest of a part: what it holds, of what, by which ruling. See spec/manifest.md.

use std::path::Path;

use flow::{FileRuling, SplitPart};
use ledger::Logged;
use miette::IntoDiagnostic as _;
use policy::Counts;
use serde::Serialize;

use super::part::{Written, manifest_beside};
use crate::appearing::Placed;

/// What both manifests say.
pub(super) struct Manifest<'m> {
    pub(super) logged: &'m Logged<FileRuling>,
    pub(super) at: &'m str,
    pub(super) source: &'m Path,
    pub(super) action: policy::Action,
}

/// Which part.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Kept,
    Withheld,
}

impl Manifest<'_> {
    /// Writes the manifest of a part beside its place.
    pub(super) fn write(&self, placed: &mut Placed, part: &Written, side: Side) -> miette::Result<()> {
        let path = manifest_beside(part.place());
        let ruling = self.logged.item();
        let (name, facts) = match side {
            Side::Kept => ("kept", &ruling.split().kept),
            Side::Withheld => ("withheld", &ruling.split().withheld),
        };
        let body = Body {
            eosin: "part@1",
            part: name,
            file: file_name(part.place()),
            bytes: part.bytes,
            sha256: part.sha256.to_hex(),
            records: facts.records,
            root: facts.root.to_hex(),
            positions: &part.positions,
            source: self.source(),
            decision: self.decision(),
        };
        let mut text = serde_json::to_vec(&body).into_diagnostic()?;
        text.push(b'\n');
        placed.put(&path, &text)
    }

    /// What is said of both parts together, for machines.
    pub(super) fn to_json(&self, kept: &Path, withheld: &Path) -> String {
        let ruling = self.logged.item();
        let part = |path: &Path, facts: &SplitPart| {
            serde_json::json!({
                "file": path.display().to_string(),
                "manifest": manifest_beside(path).display().to_string(),
                "records": facts.records,
                "root": facts.root.to_hex(),
                "sha256": facts.sha256.to_hex(),
            })
        };
        serde_json::json!({
            "source": self.source(),
            "kept": part(kept, &ruling.split().kept),
            "withheld": part(withheld, &ruling.split().withheld),
            "decision": self.decision(),
        })
        .to_string()
    }

    fn source(&self) -> Source {
        let ruling = self.logged.item();
        Source {
            file: file_name(self.source),
            sha256: ruling.split().source_sha256.to_hex(),
            records: ruling.counts().records,
        }
    }

    fn decision(&self) -> DecisionBody<'_> {
        let ruling = self.logged.item();
        DecisionBody {
            at: self.at,
            action: self.action.as_str(),
            boundary: ruling.boundary(),
            counts: *ruling.counts(),
            policies: ruling.policies().collect(),
            policy: ruling.version(),
            recogniser: ruling.recognised_by().recogniser.as_deref(),
            registry: ruling.recognised_by().registry.as_deref(),
            ruling: format!("{}#{}", self.logged.origin(), self.logged.index()),
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[derive(Serialize)]
struct Body<'b> {
    eosin: &'static str,
    part: &'static str,
    file: String,
    bytes: u64,
    sha256: String,
    records: u64,
    root: String,
    positions: &'b [(u64, u64)],
    source: Source,
    decision: DecisionBody<'b>,
}

#[derive(Serialize)]
struct Source {
    file: String,
    sha256: String,
    records: u64,
}

#[derive(Serialize)]
struct DecisionBody<'b> {
    at: &'b str,
    action: &'static str,
    boundary: &'b str,
    counts: Counts,
    policies: Vec<&'b str>,
    policy: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recogniser: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'b str>,
    ruling: String,
}
