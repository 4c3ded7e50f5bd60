//! The org on disk: one JSON file, replaced whole.
//!
//! Kept: added objects and fields, records, counters, names of deployed components. Not kept: sessions,
//! jobs and cursors, which end with the process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::deploy::{Effect, rules};
use crate::schema::{Field, Object};
use crate::state::State;
use crate::store::Row;
use crate::xml::Element;

/// Why a snapshot could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file or its folder refused; nothing was changed.
    #[error("cannot {action} the snapshot {path}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a snapshot of this version; move it away to begin anew.
    #[error("{path} is not a snapshot of an org; move it away to begin with an empty one")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    /// Id of the organization; without one, that of every org that is no sandbox.
    #[serde(default)]
    organization: Option<String>,
    serial: u64,
    numbers: BTreeMap<String, u64>,
    objects: Vec<Object>,
    fields: BTreeMap<String, Vec<Field>>,
    rows: BTreeMap<String, BTreeMap<String, Row>>,
    components: Vec<(String, String, bool)>,
    #[serde(default)]
    definitions: Vec<(String, String, Element)>,
}

/// Writes the org to a file: beside it first, then in its place.
pub(crate) fn save(state: &State, path: &Path) -> Result<(), SnapshotError> {
    let disk = |action| move |source| SnapshotError::Disk { action, path: path.to_owned(), source };
    let beside = path.with_extension("partial");
    let file = File::create(&beside).map_err(disk("create"))?;
    let mut writer = BufWriter::new(file);
    serde_json::to_writer(&mut writer, &kept(state))
        .map_err(|error| disk("write")(std::io::Error::from(error)))?;
    writer.flush().map_err(disk("write"))?;
    let file = writer.into_inner().map_err(|error| disk("write")(error.into_error()))?;
    file.sync_all().map_err(disk("sync"))?;
    fs::rename(&beside, path).map_err(disk("replace"))?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk("sync the folder of"))
}

/// Reads the org from a file; a file that is not there is an empty org.
///
/// Bounds: the first 4 GB of the file.
pub(crate) fn load(state: &mut State, path: &Path) -> Result<bool, SnapshotError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(SnapshotError::Disk { action: "open", path: path.to_owned(), source }),
    };
    let kept: Kept = serde_json::from_reader(BufReader::new(file.take(BYTES_MAX)))
        .map_err(|source| SnapshotError::Unreadable { path: path.to_owned(), source })?;
    for object in kept.objects {
        state.store.schema.restore(object);
    }
    for (object, fields) in kept.fields {
        for field in fields {
            state.store.schema.add_field(&object, field);
        }
    }
    if let Some(id) = kept.organization.filter(|id| *id != state.access.organization) {
        state.store.forget("Organization", &state.access.organization);
        state.access.organization = id;
    }
    state.store.restore_counters(kept.serial, kept.numbers);
    for (object, rows) in kept.rows {
        for (id, row) in rows {
            state.store.restore(&object, &id, row);
        }
    }
    for (kind, name, acted) in kept.components {
        let effect = if acted { Effect::Acted } else { Effect::Kept };
        state.deployments.kept.insert((kind, name), effect);
    }
    for (kind, name, root) in kept.definitions {
        state.deployments.definitions.insert((kind, name), root);
    }
    rules::enforce(&mut state.store, &state.deployments);
    Ok(true)
}

fn kept(state: &State) -> Kept {
    let store = &state.store;
    let (serial, numbers) = store.counters();
    let standard = store.schema.objects().filter(|object| !object.added());
    let fields = standard.filter_map(|object| {
        let custom: Vec<Field> = object.fields.iter().filter(|field| field.custom).cloned().collect();
        (!custom.is_empty()).then(|| (object.name.clone(), custom))
    });
    let rows = store.schema.objects().filter_map(|object| {
        let rows: BTreeMap<String, Row> =
            store.rows(&object.name).map(|(id, row)| (id.clone(), row.clone())).collect();
        (!rows.is_empty()).then(|| (object.name.clone(), rows))
    });
    let components = &state.deployments.kept;
    Kept {
        version: 1,
        organization: Some(state.access.organization.clone()),
        serial,
        numbers,
        objects: store
            .schema
            .objects()
            .filter(|object| object.added())
            .map(|object| (**object).clone())
            .collect(),
        fields: fields.collect(),
        rows: rows.collect(),
        components: components
            .iter()
            .map(|((kind, name), effect)| (kind.clone(), name.clone(), *effect == Effect::Acted))
            .collect(),
        definitions: state
            .deployments
            .definitions
            .iter()
            .map(|((kind, name), root)| (kind.clone(), name.clone(), root.clone()))
            .collect(),
    }
}

const BYTES_MAX: u64 = 4 << 30;
