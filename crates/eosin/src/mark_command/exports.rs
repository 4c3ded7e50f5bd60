//! The manifest in public vocabularies, written beside OUT.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde::Deserialize;

use super::{growing::Grown, summary::Summary, survey::Fate};
use crate::export::{self, DataFile, Described};

/// A public vocabulary that says what our manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Export {
    /// Croissant 1.1: `OUT.croissant.json`
    Croissant,
    /// OASIS Data Provenance Metadata 1.0: `OUT.provenance.json`
    Oasis,
    /// W3C PROV-JSON: `OUT.prov.json`
    Prov,
    /// None of them
    None,
}

impl Export {
    /// All that there are.
    pub(super) const ALL: [Self; 3] = [Self::Croissant, Self::Oasis, Self::Prov];

    /// What it is called beside `out`; nothing for none.
    pub(super) fn beside(self, out: &Path) -> Option<PathBuf> {
        let end = match self {
            Self::Croissant => ".croissant.json",
            Self::Oasis => ".provenance.json",
            Self::Prov => ".prov.json",
            Self::None => return None,
        };
        Some(beside(out, end))
    }
}

/// `out` with more at its end.
pub(super) fn beside(out: &Path, more: &str) -> PathBuf {
    let out: PathBuf = out.components().collect();
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(more);
    out.with_file_name(name)
}

/// The bytes of each export, in the order asked for; `at` is when the dataset was sealed.
pub(super) fn write_all(
    asked: &[Export],
    summary: &Summary<'_>,
    grown: &BTreeMap<usize, Grown>,
    at: &str,
) -> Vec<Vec<u8>> {
    let files = data_files(summary, grown);
    let described = Described {
        manifest: summary.manifest,
        records: &summary.surveyed.by_object,
        files: &files,
        at: summary.manifest.generated_at.as_deref().unwrap_or(at),
        sealed_at: at,
        log: summary.origin,
        first: summary.first,
        last: summary.last,
        location: summary.places.out_name(),
    };
    let written = |export: &Export| {
        let value = match export {
            Export::Croissant => export::croissant(&described),
            Export::Oasis => export::oasis(&described),
            Export::Prov => export::prov(&described),
            Export::None => return None,
        };
        let mut bytes = serde_json::to_vec_pretty(&value).unwrap_or_default();
        bytes.push(b'\n');
        Some(bytes)
    };
    asked.iter().filter_map(written).collect()
}

/// The marked files by their names beside the export.
fn data_files(summary: &Summary<'_>, grown: &BTreeMap<usize, Grown>) -> Vec<DataFile> {
    let out = summary.places.out_name();
    let file = |(number, grown): (&usize, &Grown)| {
        let source = summary.sources.files.get(*number)?;
        let Some(Fate::Marked { .. }) = summary.surveyed.files.get(*number) else { return None };
        let name =
            if summary.sources.is_folder { format!("{out}/{}", source.name.display()) } else { out.clone() };
        Some(DataFile {
            name,
            written_as: summary.surveyed.written.get(number)?.clone(),
            bytes: grown.bytes,
            sha256: grown.sha256.clone(),
        })
    };
    let files: Vec<DataFile> = grown.iter().filter_map(file).collect();
    debug_assert_eq!(
        files.iter().map(|file| &file.name).collect::<BTreeSet<_>>().len(),
        files.len(),
        "names in a folder are distinct"
    );
    files
}
