//! The store: a folder of sealed requests, one writer, and the order of writes after which a crash may come.

use std::{collections::BTreeMap, fmt, io, path::Path, sync::Arc};

use ledger::{Folder, Store};

use crate::{
    cipher::{KEY_BYTES, KeyEncryptionKey, NONCE_BYTES, NotOpened},
    files::{KEY_FILE_BYTES, KeyFile, STATE_BYTES_MAX, SealedFile, StateFile},
    item::{Item, ItemId, Kept, State, Withheld},
    life::StepError,
    room::{Bounds, Reservation, Room, Total},
};

/// Where random bytes come from: fills the slice, or says that it could not.
pub type Random = Arc<dyn Fn(&mut [u8]) -> bool + Send + Sync>;

/// Withheld requests in a folder, each sealed under a key of its own.
///
/// An item is kept from the moment [`Self::hold`] returns. A crash before that leaves nothing; a crash while it was
/// being sent leaves it [`State::Uncertain`].
///
/// Bounds: [`Bounds`]; what is known of items is in memory, about a kilobyte each; at most ten thousand of those
///         whose content is gone are remembered.
/// Never:  reads a clock, draws randomness, or keeps a body that is not encrypted.
/// Source: spec/quarantine.md.
pub struct Quarantine {
    pub(crate) disk: Box<dyn Store>,
    pub(crate) key: KeyEncryptionKey,
    random: Random,
    room: Arc<Room>,
    pub(crate) kept: BTreeMap<ItemId, Kept>,
    damaged: Vec<(String, String)>,
}

/// What is new about an item when it is kept; the store adds its place in the boundary's sequence.
pub type Fresh = Item;

impl Quarantine {
    /// Opens the quarantine in a folder for its one writer, and makes it if there is none.
    ///
    /// Errors: see [`OpenError`].
    /// Never:  waits for another writer.
    pub fn open(
        folder: &Path,
        key: KeyEncryptionKey,
        bounds: Bounds,
        random: Random,
        now: &str,
    ) -> Result<(Self, Recovery), OpenError> {
        let disk = Folder::lock(folder).map_err(OpenError::Lock)?;
        #[cfg(unix)]
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .map_err(|source| OpenError::Io { step: "protect", file: ".".to_owned(), source })?;
        Self::open_store(Box::new(disk), key, bounds, random, now)
    }

    /// [`Self::open`] for any store.
    pub fn open_store(
        mut disk: Box<dyn Store>,
        key: KeyEncryptionKey,
        bounds: Bounds,
        random: Random,
        now: &str,
    ) -> Result<(Self, Recovery), OpenError> {
        introduce(disk.as_mut(), &key)?;
        let Found { kept, damaged, strays } = find(disk.as_ref(), &key)?;
        let room = Room::new(bounds);
        let mut store = Self { disk, key, random, room, kept, damaged };
        let recovery = store.recover(strays, now)?;
        Ok((store, recovery))
    }

    /// What is kept, for those who reserve room.
    pub fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }

    /// A name for an item that is about to be kept.
    ///
    /// Errors: [`HoldError::NoRandom`].
    pub fn new_id(random: &Random) -> Result<ItemId, HoldError> {
        draw(random).map(ItemId::of)
    }

    /// Keeps a request. It is durable when this returns.
    ///
    /// Shape:  room, what is known of the request (its `sequence` is set here), what is sealed -> the item.
    /// Errors: see [`HoldError`]; nothing is kept, and what was written of it is removed as far as the disk lets.
    /// Never:  takes a name that was used before.
    pub fn hold(&mut self, room: Reservation, fresh: Fresh, withheld: &Withheld) -> Result<Item, HoldError> {
        let item = Item { sequence: self.next_sequence(&fresh.boundary), ..fresh };
        if self.kept.contains_key(&item.id) {
            return Err(HoldError::NameTaken);
        }
        let (key, nonce, wrapping): ([u8; KEY_BYTES], [u8; NONCE_BYTES], [u8; NONCE_BYTES]) =
            (draw(&self.random)?, draw(&self.random)?, draw(&self.random)?);
        let sealed = SealedFile::write(&item, withheld, &key, nonce);
        let wrapped = KeyFile::write(&item.id, &key, wrapping, &self.key);
        let kept = Kept {
            state: State::Held,
            since: item.received.clone(),
            attempts: 0,
            note: String::new(),
            recorded: false,
            item: item.clone(),
        };
        let written = self.write_content(&item.id, &sealed, &wrapped).and_then(|()| self.write_state(&kept));
        self.disk.forget();
        if let Err(error) = written {
            // What is left without a state is removed on opening; with one it would be an item nobody was told of.
            drop(self.disk.remove_folder(&item_folder(&item.id)));
            drop(self.disk.sync_folder(ITEMS));
            drop(self.destroy(&item.id));
            return Err(error);
        }
        room.keep();
        self.kept.insert(item.id.clone(), kept);
        Ok(item)
    }

    /// Everything known, in no order that means something.
    pub fn list(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values()
    }

    /// One item.
    pub fn get(&self, id: &ItemId) -> Option<&Kept> {
        self.kept.get(id)
    }

    /// What is known of an item.
    ///
    /// Errors: [`StepError::Damaged`] or [`StepError::NoSuchItem`].
    pub fn known(&self, id: &ItemId) -> Result<&Kept, StepError> {
        self.kept.get(id).ok_or_else(|| {
            let id = id.to_string();
            match self.damaged.iter().find(|(name, _)| *name == id) {
                Some((_, why)) => StepError::Damaged { id, why: why.clone() },
                None => StepError::NoSuchItem { id },
            }
        })
    }

    /// Items that could not be read when the quarantine was opened, and why.
    pub fn damaged(&self) -> &[(String, String)] {
        &self.damaged
    }

    /// What is kept, by boundary.
    pub fn totals(&self) -> BTreeMap<String, Total> {
        Total::of(self.kept.values())
    }

    /// What was sealed.
    ///
    /// Errors: [`OpenError::Io`], or [`OpenError::Sealed`] if files were changed or moved.
    pub fn content(&self, id: &ItemId) -> Result<Withheld, OpenError> {
        let kept = self.kept.get(id).filter(|kept| kept.state.has_content());
        let kept = kept.ok_or_else(|| OpenError::Gone { id: id.to_string() })?;
        content(self.disk.as_ref(), &kept.item, &self.key)
    }

    fn next_sequence(&self, boundary: &str) -> u64 {
        let of_boundary = self.kept.values().filter(|kept| kept.item.boundary == boundary);
        of_boundary.map(|kept| kept.item.sequence).max().unwrap_or(0) + 1
    }

    fn write_content(&mut self, id: &ItemId, sealed: &[u8], key: &[u8]) -> Result<(), HoldError> {
        let folder = secret_folder(id);
        let (sealed_path, key_path) = (format!("{folder}/sealed"), format!("{folder}/key"));
        let disk = &mut self.disk;
        disk.write(&sealed_path, 0, sealed).map_err(at("write", &sealed_path))?;
        disk.write(&key_path, 0, key).map_err(at("write", &key_path))?;
        disk.sync_all(&[sealed_path.clone(), key_path]).map_err(at("sync", &sealed_path))?;
        for folder in [folder.as_str(), SECRETS, ""] {
            disk.sync_folder(folder).map_err(at("sync the folder", folder))?;
        }
        Ok(())
    }

    /// Writes what is said of an item. The rename is the moment of change.
    pub(crate) fn write_state(&mut self, kept: &Kept) -> Result<(), HoldError> {
        self.write_remark(kept)?;
        for folder in [item_folder(&kept.item.id).as_str(), ITEMS, ""] {
            self.disk.sync_folder(folder).map_err(at("sync the folder", folder))?;
        }
        Ok(())
    }

    /// Writes what is said of an item, where it does no harm if a crash takes it back: never half of it.
    pub(crate) fn write_remark(&mut self, kept: &Kept) -> Result<(), HoldError> {
        let folder = item_folder(&kept.item.id);
        let (path, new) = (format!("{folder}/state"), format!("{folder}/state.new"));
        let bytes = StateFile::write(kept, &self.key);
        let disk = &mut self.disk;
        // A leftover of a crash may be longer than what is written now.
        if disk.length(&new).is_ok_and(|length| length > 0) {
            disk.truncate(&new, 0).map_err(at("empty", &new))?;
        }
        disk.write(&new, 0, &bytes).map_err(at("write", &new))?;
        disk.sync(&new).map_err(at("sync", &new))?;
        disk.rename(&new, &path).map_err(at("move into place", &new))
    }

    /// Destroys an item's key, then its content: overwritten, and removed.
    pub(crate) fn destroy(&mut self, id: &ItemId) -> io::Result<()> {
        let folder = secret_folder(id);
        let key = format!("{folder}/key");
        if self.disk.length(&key).is_ok() {
            self.disk.write(&key, 0, &[0; KEY_FILE_BYTES])?;
            self.disk.sync(&key)?;
        }
        self.disk.forget();
        self.disk.remove_folder(&folder)?;
        match self.disk.sync_folder(SECRETS) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn free(&self, bytes: u64) {
        self.room.free(bytes);
    }

    /// Finishes what a crash interrupted.
    fn recover(&mut self, strays: Vec<String>, now: &str) -> Result<Recovery, OpenError> {
        let mut recovery =
            Recovery { damaged: self.damaged.clone(), half_written: strays.len(), ..Recovery::default() };
        let io = |step, file: &str| {
            let file = file.to_owned();
            move |source| OpenError::Io { step, file, source }
        };
        for stray in strays {
            self.disk.remove_folder(&stray).map_err(io("remove", &stray))?;
        }
        let found: Vec<Kept> = self.kept.values().cloned().collect();
        for kept in found {
            let id = kept.item.id.clone();
            if kept.state == State::Releasing {
                let note = format!("{}; whatever sent it stopped before it knew", kept.note);
                let (state, since) = (State::Uncertain, now.to_owned());
                let doubted = Kept { state, since, note, recorded: false, ..kept.clone() };
                self.write_state(&doubted).map_err(OpenError::Recovery)?;
                self.kept.insert(id.clone(), doubted);
                recovery.uncertain.push(id.clone());
            }
            if kept.state.has_content() {
                self.room.found(kept.item.bytes);
            } else if self.disk.length(&format!("{}/key", secret_folder(&id))).is_ok() {
                self.destroy(&id).map_err(io("remove", &secret_folder(&id)))?;
                recovery.erased += 1;
            }
        }
        self.forget_finished().map_err(io("remove", ITEMS))?;
        self.disk.forget();
        Ok(recovery)
    }

    /// Forgets the oldest of those whose content is gone, past ten thousand; never the last of a boundary, which
    /// says how far its sequence has come, nor one of which the ledger may not say what became of it.
    pub(crate) fn forget_finished(&mut self) -> io::Result<()> {
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for kept in self.kept.values() {
            let highest = last.entry(&kept.item.boundary).or_default();
            *highest = (*highest).max(kept.item.sequence);
        }
        let mut finished: Vec<(String, ItemId)> = self
            .kept
            .values()
            .filter(|kept| !kept.state.has_content() && !kept.is_unrecorded())
            .filter(|kept| last.get(kept.item.boundary.as_str()) != Some(&kept.item.sequence))
            .map(|kept| (kept.since.clone(), kept.item.id.clone()))
            .collect();
        finished.sort();
        for (_, id) in finished.iter().take(finished.len().saturating_sub(FINISHED_MAX)) {
            self.disk.remove_folder(&item_folder(id))?;
            self.kept.remove(id);
        }
        Ok(())
    }
}

/// What is in a quarantine, for a reader: no lock, no change.
///
/// Errors: see [`OpenError`]; [`OpenError::Absent`] where there is none.
/// Never:  writes.
pub fn look(folder: &Path, key: &KeyEncryptionKey) -> Result<Contents, OpenError> {
    let disk = Folder::look(folder);
    match disk.read(VERSION, VERSION_BYTES_MAX) {
        Ok(found) => check_version(&found, key)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Absent),
        Err(source) => return Err(OpenError::Io { step: "read", file: VERSION.to_owned(), source }),
    }
    let Found { kept, damaged, .. } = find(&disk, key)?;
    Ok(Contents { disk, key: key.clone(), kept: kept.into_values().collect(), damaged })
}

/// What a reader finds.
#[derive(Debug)]
pub struct Contents {
    disk: Folder,
    key: KeyEncryptionKey,
    /// Every item that is remembered.
    pub kept: Vec<Kept>,
    /// Those that cannot be read, and why: what can be said after the word `item` and the name.
    pub damaged: Vec<(String, String)>,
}

impl Contents {
    /// What was sealed.
    ///
    /// Errors: as [`Quarantine::content`].
    pub fn content(&self, item: &Item) -> Result<Withheld, OpenError> {
        content(&self.disk, item, &self.key)
    }
}

fn content(disk: &dyn Store, item: &Item, key: &KeyEncryptionKey) -> Result<Withheld, OpenError> {
    let folder = secret_folder(&item.id);
    let read = |name: &str, limit| {
        let file = format!("{folder}/{name}");
        disk.read(&file, limit).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                return OpenError::Gone { id: item.id.to_string() };
            }
            OpenError::Io { step: "read", file, source }
        })
    };
    let sealed = |source| OpenError::Sealed { id: item.id.to_string(), source };
    let item_key = KeyFile::read(&read("key", KEY_FILE_BYTES)?, &item.id, key).map_err(sealed)?;
    SealedFile::read(&read("sealed", SealedFile::bytes_max(item))?, item, &item_key).map_err(sealed)
}

/// What a folder holds.
struct Found {
    kept: BTreeMap<ItemId, Kept>,
    damaged: Vec<(String, String)>,
    /// Folders without an item: something was interrupted while it was being kept.
    strays: Vec<String>,
}

fn find(disk: &dyn Store, key: &KeyEncryptionKey) -> Result<Found, OpenError> {
    let list = |folder: &str| {
        disk.list(folder, NAMES_MAX).map_err(|source| OpenError::Io {
            step: "list",
            file: folder.to_owned(),
            source,
        })
    };
    let mut found = Found { kept: BTreeMap::new(), damaged: Vec::new(), strays: Vec::new() };
    let mut named = Vec::new();
    for name in list(ITEMS)? {
        let Ok(id) = name.parse::<ItemId>() else { continue };
        match disk.read(&format!("{}/state", item_folder(&id)), STATE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.strays.push(item_folder(&id)),
            Err(error) => found.damaged.push((name.clone(), format!("cannot be read ({error})"))),
            Ok(bytes) => match StateFile::read(&bytes, &id, key) {
                Ok(kept) => {
                    found.kept.insert(id, kept);
                }
                Err(error) => found.damaged.push((name.clone(), format!("cannot be used: {error}"))),
            },
        }
        if found.strays.last().is_none_or(|stray| !stray.ends_with(&name)) {
            named.push(name);
        }
    }
    for name in list(SECRETS)? {
        let Ok(id) = name.parse::<ItemId>() else { continue };
        if !named.contains(&name) {
            found.strays.push(secret_folder(&id));
        }
    }
    Ok(found)
}

/// Writes or checks the file that says which quarantine and which key this is.
fn introduce(disk: &mut dyn Store, key: &KeyEncryptionKey) -> Result<(), OpenError> {
    let io = |step| move |source| OpenError::Io { step, file: VERSION.to_owned(), source };
    match disk.read(VERSION, VERSION_BYTES_MAX) {
        Ok(found) => check_version(&found, key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let new = format!("{VERSION}.new");
            if disk.length(&new).is_ok_and(|length| length > 0) {
                disk.truncate(&new, 0).map_err(io("empty"))?;
            }
            disk.write(&new, 0, version_text(key).as_bytes()).map_err(io("write"))?;
            disk.sync(&new).map_err(io("sync"))?;
            disk.rename(&new, VERSION).map_err(io("move into place"))?;
            disk.sync_folder("").map_err(io("sync the folder of"))
        }
        Err(source) => Err(io("read")(source)),
    }
}

fn check_version(found: &[u8], key: &KeyEncryptionKey) -> Result<(), OpenError> {
    if found == version_text(key).as_bytes() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(found);
    match text.trim_end().strip_prefix("eosin-quarantine/1 ") {
        Some(made_with) => Err(OpenError::OtherKey { made_with: made_with.to_owned(), given: key.id() }),
        None => Err(OpenError::NotAQuarantine),
    }
}

fn version_text(key: &KeyEncryptionKey) -> String {
    format!("eosin-quarantine/1 {}\n", key.id())
}

fn draw<const N: usize>(random: &Random) -> Result<[u8; N], HoldError> {
    let mut bytes = [0; N];
    if random(&mut bytes) { Ok(bytes) } else { Err(HoldError::NoRandom) }
}

fn at<'a>(step: &'static str, file: &'a str) -> impl FnOnce(io::Error) -> HoldError + 'a {
    move |source| HoldError::Io { step, file: file.to_owned(), source }
}

fn item_folder(id: &ItemId) -> String {
    format!("{ITEMS}/{id}")
}

fn secret_folder(id: &ItemId) -> String {
    format!("{SECRETS}/{id}")
}

const ITEMS: &str = "items";
const SECRETS: &str = "secrets";
const VERSION: &str = "version";
const VERSION_BYTES_MAX: usize = 256;
/// Far more than may be kept and remembered.
const NAMES_MAX: usize = 1 << 20;
/// Items without content that are remembered.
pub(crate) const FINISHED_MAX: usize = 10_000;

/// What was found unfinished on opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Items that were being sent: each may have arrived.
    pub uncertain: Vec<ItemId>,
    /// Folders of items that were never acknowledged; they are removed.
    pub half_written: usize,
    /// Items whose erasing was finished now.
    pub erased: usize,
    /// Items that cannot be read, and why; they are left as they are.
    pub damaged: Vec<(String, String)>,
}

/// Why a request was not kept.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The disk refused.
    #[error("cannot {step} `{file}` in the quarantine")]
    Io {
        /// What was tried.
        step: &'static str,
        /// The file.
        file: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// No randomness, no key.
    #[error("the system gave no random bytes for a key")]
    NoRandom,
    /// The name was used before.
    #[error("an item of this name is there already")]
    NameTaken,
}

/// Why a quarantine or an item of it cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else writes here.
    #[error("the quarantine is in use")]
    Lock(#[source] ledger::LockError),
    /// It was made with another key.
    #[error(
        "the quarantine was made with key {made_with}, and this is key {given}: take the key it was made with"
    )]
    OtherKey {
        /// The key's name, in its folder.
        made_with: String,
        /// The name of the key at hand.
        given: String,
    },
    /// The folder is something else.
    #[error("the folder has a `version` that is not a quarantine's: choose another folder")]
    NotAQuarantine,
    /// There is none.
    #[error("there is no quarantine yet: the first item makes it")]
    Absent,
    /// The disk refused.
    #[error("cannot {step} `{file}` in the quarantine")]
    Io {
        /// What was tried.
        step: &'static str,
        /// The file.
        file: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// What a crash interrupted cannot be finished.
    #[error("what was interrupted cannot be finished: mend the disk and open it again")]
    Recovery(#[source] HoldError),
    /// The content was erased, or never there.
    #[error("item {id} has no content any more")]
    Gone {
        /// The item.
        id: String,
    },
    /// The files are not what was written.
    #[error("the content of item {id} cannot be opened: restore its folder under `secrets` from a backup")]
    Sealed {
        /// The item.
        id: String,
        /// What is wrong.
        #[source]
        source: NotOpened,
    },
}

impl fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quarantine({} items, {})", self.kept.len(), self.key.id())
    }
}
