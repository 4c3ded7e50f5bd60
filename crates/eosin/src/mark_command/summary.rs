//! What was marked, for people and for machines.

use std::path::Path;

use mark::{Manifest, Source, Subject};
use miette::miette;

use super::{
    Places,
    registering::Registered,
    shown,
    sources::Sources,
    survey::{Fate, Surveyed},
};
use crate::{
    config::Config,
    printer::{Printer, Style, plural},
};

/// Everything worth telling about a dataset that was just sealed.
pub(super) struct Summary<'s> {
    pub(super) manifest: &'s Manifest,
    pub(super) surveyed: &'s Surveyed,
    pub(super) sources: &'s Sources,
    pub(super) contradicted: Option<&'static str>,
    pub(super) batches: usize,
    pub(super) origin: &'s str,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) registered: Option<&'s Registered>,
    pub(super) snapshot: Option<u64>,
    pub(super) places: &'s Places,
    pub(super) config: &'s Config,
    pub(super) config_as_given: &'s Path,
}

/// So many rejected records are shown, and so many with `-v`.
const SHOWN: [usize; 2] = [10, 200];

impl Summary<'_> {
    /// Tells it, to a person or to a machine.
    pub(super) fn tell(&self, json: bool, printer: &Printer) {
        if json {
            printer.line(&self.to_json());
        } else {
            self.print(printer);
        }
    }

    fn print(&self, printer: &Printer) {
        let row = |name: &str, value: &str| printer.line(&format!("  {name:<11}{value}"));
        let total: u64 = self.surveyed.by_object.values().sum();
        let (style, subject) = match self.manifest.subject {
            Subject::Synthetic => (Style::Synthetic, "synthetic"),
            Subject::Attested => (Style::Good, "attested"),
            Subject::Mixed => (Style::Strong, "mixed"),
        };
        let by = match &self.manifest.source {
            Source::Generator { name, version: Some(version) } => format!("made by {name} {version}"),
            Source::Generator { name, version: None } => format!("made by {name}"),
            Source::SystemOfRecord { boundary } => format!("vouched for by `{boundary}`"),
            Source::Derivation { tool } => format!("derived by {tool}"),
        };
        printer.line(&format!(
            "{} marked as {}: `{}`, {by}",
            plural(total, "record", "records"),
            printer.paint(style, subject),
            self.manifest.name
        ));
        row("dataset", &self.manifest.id().to_string());
        for (object, count) in &self.surveyed.by_object {
            let identity = self.identity(object);
            let identity =
                if identity.is_empty() { "its whole content".to_owned() } else { identity.join(", ") };
            row("records", &format!("{count} {object}, identified by {identity}"));
        }
        let entries = if self.first == self.last {
            format!("entry {}", self.first)
        } else {
            format!("entries {} to {}", self.first, self.last)
        };
        let batches = plural(self.batches as u64, "batch", "batches");
        row("logged", &format!("{batches}, {entries} of `{}`", self.origin));
        if let (Some(registered), Some(entry)) = (self.registered, self.snapshot) {
            row(
                "registered",
                &format!(
                    "{}, snapshot in entry {entry}",
                    plural(registered.added, "fingerprint", "fingerprints")
                ),
            );
        }
        self.print_files(&row);
        self.print_notes(printer);
        printer.line("");
        let (out, config) = (shown(&self.places.out), shown(self.config_as_given));
        printer.line(&format!("Next: eosin judge {out} --config {config}"));
        if let Some(folder) = &self.config.datasets {
            let folder = std::env::current_dir()
                .ok()
                .and_then(|here| folder.strip_prefix(&here).ok().map(Path::to_path_buf))
                .unwrap_or_else(|| folder.clone());
            let dataset = shown(&self.places.dataset);
            printer.line(&format!("To let a gateway know it: cp {dataset} {}", shown(&folder)));
        }
    }

    fn print_files(&self, row: &impl Fn(&str, &str)) {
        row("written", &self.places.out.display().to_string());
        row("", &format!("{}   travels with the data", self.places.dataset.display()));
        for export in &self.places.exports {
            row("", &export.display().to_string());
        }
        if self.surveyed.rejected.count > 0 {
            let count = plural(self.surveyed.rejected.count, "record", "records");
            row(
                "rejected",
                &format!("{}   {count} that cannot be marked, as they were", self.places.rejected.display()),
            );
        }
        for (name, why) in self.copied() {
            row("copied", &format!("{name}   {why}"));
        }
        for (name, why) in &self.sources.left_out {
            row("left out", &format!("{}   {why}", name.display()));
        }
    }

    fn print_notes(&self, printer: &Printer) {
        if let Some(object) = self.surveyed.assumed.as_deref() {
            printer.note(&format!("The rows were taken for `{object}`; `--object NAME` says otherwise."));
        }
        if let (Some(found), Source::Generator { name, .. }) = (self.contradicted, &self.manifest.source) {
            printer.note(&format!(
                "The data says that {found} made it; it was marked as made by {name}, as you said."
            ));
        }
        let [few, many] = SHOWN;
        let shown = if printer.verbosity() > 0 { many } else { few };
        let rejected = &self.surveyed.rejected;
        for (place, reason) in rejected.named.iter().take(shown) {
            printer.note(&format!("rejected: {place}: {reason}"));
        }
        let rest = rejected.count.saturating_sub(shown as u64);
        if rest > 0 {
            printer.note(&format!("… and {rest} more; `-v` shows more, `--json` up to 1000"));
        }
    }

    /// The files that were copied as they are, and what is known of them.
    fn copied(&self) -> Vec<(String, &'static str)> {
        let files = self.sources.files.iter().zip(&self.surveyed.files);
        let copied = files.filter(|(_, fate)| **fate == Fate::Copied);
        let empty = copied.map(|(file, _)| (&file.name, "holds no records"));
        let others = self.sources.others.iter().map(|name| (name, "was not looked into"));
        let mut names: Vec<_> = empty.chain(others).map(|(name, why)| (path_of(name), why)).collect();
        names.sort();
        names
    }

    fn identity(&self, object: &str) -> Vec<&str> {
        let fields = self.manifest.objects.get(object).map(mark::FieldList::fields).unwrap_or_default();
        fields.iter().filter(|field| field.identity).map(|field| field.name.as_str()).collect()
    }

    fn to_json(&self) -> String {
        let path = path_of;
        let rejected = &self.surveyed.rejected;
        let named: Vec<_> = rejected
            .named
            .iter()
            .map(|(place, reason)| serde_json::json!({"place": place, "reason": reason}))
            .collect();
        serde_json::json!({
            "dataset": self.manifest.id().to_string(),
            "name": self.manifest.name,
            "subject": self.manifest.subject.as_str(),
            "source": self.manifest.source,
            "contradictedBy": self.contradicted,
            "records": self.surveyed.by_object,
            "assumedObject": self.surveyed.assumed,
            "batches": self.batches,
            "ledger": { "origin": self.origin, "first": self.first, "last": self.last },
            "registry": self.registered.map(|registered| serde_json::json!({
                "fingerprints": registered.added,
                "entries": registered.snapshot.entries,
                "root": registered.snapshot.root.to_hex(),
                "entry": self.snapshot,
            })),
            "out": path(&self.places.out),
            "datasetFile": path(&self.places.dataset),
            "exports": self.places.exports.iter().map(|export| path(export)).collect::<Vec<_>>(),
            "copied": self.copied().into_iter().map(|(name, _)| name).collect::<Vec<String>>(),
            "leftOut": self.sources.left_out.iter().map(|(name, _)| path(name)).collect::<Vec<_>>(),
            "rejected": {
                "count": rejected.count,
                "file": (rejected.count > 0).then(|| path(&self.places.rejected)),
                "named": named,
            },
        })
        .to_string()
    }
}

fn path_of(path: &Path) -> String {
    path.display().to_string()
}

/// Why nothing was written although something could have been.
pub(super) fn refused(surveyed: &Surveyed) -> miette::Report {
    let rejected = &surveyed.rejected;
    let (place, reason) = rejected.named.first().cloned().unwrap_or_default();
    let more = match rejected.count {
        0 | 1 => String::new(),
        count => format!(", and {} more like it", count - 1),
    };
    miette!(
        help = "without `--strict` what can be marked is, and the rest is put aside",
        "{place}: {reason}{more}; nothing was written"
    )
}
