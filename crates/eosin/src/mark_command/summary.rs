//! What was marked, for people and for machines.

use std::{collections::BTreeMap, path::Path};

use mark::{Manifest, Source, Subject};

use super::shown;
use crate::{
    config::Config,
    printer::{Printer, Style},
};

/// Everything worth telling about a dataset that was just sealed.
pub(super) struct Summary<'s> {
    pub(super) manifest: &'s Manifest,
    pub(super) records: &'s BTreeMap<String, u64>,
    pub(super) assumed: Option<&'s str>,
    pub(super) batches: usize,
    pub(super) origin: &'s str,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) out: &'s Path,
    pub(super) out_dataset: &'s Path,
    pub(super) config: &'s Config,
    pub(super) config_as_given: &'s Path,
}

impl Summary<'_> {
    pub(super) fn print(&self, printer: &Printer) {
        let row = |name: &str, value: &str| printer.line(&format!("  {name:<10}{value}"));
        let total: u64 = self.records.values().sum();
        let (style, subject) = match self.manifest.subject {
            Subject::Synthetic => (Style::Synthetic, "synthetic"),
            Subject::Attested => (Style::Good, "attested"),
            Subject::Mixed => (Style::Strong, "mixed"),
        };
        let records = if total == 1 { "1 record".to_owned() } else { format!("{total} records") };
        let by = match &self.manifest.source {
            Source::Generator { name, version: Some(version) } => format!("made by {name} {version}"),
            Source::Generator { name, version: None } => format!("made by {name}"),
            Source::SystemOfRecord { boundary } => format!("vouched for by `{boundary}`"),
            Source::Derivation { tool } => format!("derived by {tool}"),
        };
        printer.line(&format!(
            "{records} marked as {}: `{}`, {by}",
            printer.paint(style, subject),
            self.manifest.name
        ));
        row("dataset", &self.manifest.id().to_string());
        for (object, count) in self.records {
            let identity = self.identity(object);
            let identity =
                if identity.is_empty() { "its whole content".to_owned() } else { identity.join(", ") };
            row("records", &format!("{count} {object}, identified by {identity}"));
        }
        let batches =
            if self.batches == 1 { "1 batch".to_owned() } else { format!("{} batches", self.batches) };
        let places = if self.first == self.last {
            format!("entry {}", self.first)
        } else {
            format!("entries {} to {}", self.first, self.last)
        };
        row("logged", &format!("{batches}, {places} of `{}`", self.origin));
        row("written", &self.out.display().to_string());
        row("", &format!("{}   travels with the data", self.out_dataset.display()));
        if let Some(object) = self.assumed {
            printer.note(&format!("The rows were taken for `{object}`; `--object NAME` says otherwise."));
        }
        printer.line("");
        printer.line(&format!(
            "Next: eosin judge {} --config {}",
            shown(self.out),
            shown(self.config_as_given)
        ));
        if let Some(folder) = &self.config.datasets {
            let folder = std::env::current_dir()
                .ok()
                .and_then(|here| folder.strip_prefix(&here).ok().map(Path::to_path_buf))
                .unwrap_or_else(|| folder.clone());
            printer.line(&format!(
                "To let a gateway know it: cp {} {}",
                shown(self.out_dataset),
                shown(&folder)
            ));
        }
    }

    fn identity(&self, object: &str) -> Vec<&str> {
        let fields = self.manifest.objects.get(object).map(mark::FieldList::fields).unwrap_or_default();
        fields.iter().filter(|field| field.identity).map(|field| field.name.as_str()).collect()
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::json!({
            "dataset": self.manifest.id().to_string(),
            "name": self.manifest.name,
            "subject": self.manifest.subject.as_str(),
            "records": self.records,
            "assumedObject": self.assumed,
            "batches": self.batches,
            "ledger": { "origin": self.origin, "first": self.first, "last": self.last },
            "out": self.out.display().to_string(),
            "datasetFile": self.out_dataset.display().to_string(),
        })
        .to_string()
    }
}
