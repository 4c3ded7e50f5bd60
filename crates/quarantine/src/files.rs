//! The three files of an item, byte by byte: what is said of it, its wrapped key, and what is sealed.

use serde::{Deserialize, Serialize};

use crate::{
    cipher::{KEY_BYTES, KeyEncryptionKey, NONCE_BYTES, NotOpened, TAG_BYTES, open, seal},
    item::{Item, ItemId, Kept, Withheld},
};

/// What is said of an item: authenticated, not secret.
///
/// Shape:  `eosin-quarantine-state/1`, one line of JSON, one line with the base64 of an HMAC-SHA-256 over both lines
///         before.
/// Source: spec/quarantine.md section 3.
#[derive(Debug, Clone, Copy)]
pub struct StateFile;

impl StateFile {
    /// The bytes of the file.
    pub fn write(kept: &Kept, key: &KeyEncryptionKey) -> Vec<u8> {
        let mut text = STATE_MAGIC.to_vec();
        // Text and numbers only: writing cannot fail.
        text.extend_from_slice(&serde_json::to_vec(kept).unwrap_or_default());
        text.push(b'\n');
        let tag = key.sign(&text);
        text.extend_from_slice(data_encoding::BASE64.encode(&tag).as_bytes());
        text.push(b'\n');
        text
    }

    /// Reads the file of the item with this id.
    ///
    /// Bounds: 64 KiB.
    /// Errors: [`NotOpened`]: not written with this key, or for another item.
    pub fn read(bytes: &[u8], id: &ItemId, key: &KeyEncryptionKey) -> Result<Kept, NotOpened> {
        if bytes.len() > STATE_BYTES_MAX {
            return Err(NotOpened);
        }
        let text = bytes.strip_suffix(b"\n").ok_or(NotOpened)?;
        let end = text.iter().rposition(|byte| *byte == b'\n').ok_or(NotOpened)?;
        let (said, tag) = bytes.split_at_checked(end + 1).ok_or(NotOpened)?;
        let tag = data_encoding::BASE64.decode(tag.strip_suffix(b"\n").ok_or(NotOpened)?);
        if !key.said(said, &tag.map_err(|_| NotOpened)?) {
            return Err(NotOpened);
        }
        let json = said.strip_prefix(STATE_MAGIC).ok_or(NotOpened)?;
        let kept: Kept = serde_json::from_slice(json).map_err(|_| NotOpened)?;
        if kept.item.id == *id { Ok(kept) } else { Err(NotOpened) }
    }
}

/// The file with an item's wrapped key. Destroying it erases the item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyFile;

impl KeyFile {
    pub(crate) fn write(
        id: &ItemId,
        item_key: &[u8; KEY_BYTES],
        nonce: [u8; NONCE_BYTES],
        key: &KeyEncryptionKey,
    ) -> Vec<u8> {
        let mut bytes = KEY_MAGIC.to_vec();
        bytes.extend_from_slice(&key.wrap(item_key, nonce, &about_key(id)));
        bytes
    }

    pub(crate) fn read(
        bytes: &[u8],
        id: &ItemId,
        key: &KeyEncryptionKey,
    ) -> Result<[u8; KEY_BYTES], NotOpened> {
        key.unwrap(bytes.strip_prefix(KEY_MAGIC).ok_or(NotOpened)?, &about_key(id))
    }
}

fn about_key(id: &ItemId) -> Vec<u8> {
    [KEY_MAGIC, id.as_str().as_bytes()].concat()
}

/// What is sealed: the request, bound to its item.
///
/// Shape:  `eosin-quarantine-item/1`, one line of JSON with boundary, id, received, ruling and sequence, then nonce (12) ‖
///         ciphertext ‖ tag (16). The first two lines are the associated data.
/// Source: spec/quarantine.md section 4.
#[derive(Debug, Clone, Copy)]
pub struct SealedFile;

impl SealedFile {
    pub(crate) fn write(
        item: &Item,
        withheld: &Withheld,
        key: &[u8; KEY_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) -> Vec<u8> {
        let mut bytes = about_item(item);
        let sealed = seal(key, nonce, &bytes, &Self::plaintext(withheld));
        bytes.extend_from_slice(&sealed);
        bytes
    }

    pub(crate) fn read(bytes: &[u8], item: &Item, key: &[u8; KEY_BYTES]) -> Result<Withheld, NotOpened> {
        let about = about_item(item);
        let sealed = bytes.strip_prefix(about.as_slice()).ok_or(NotOpened)?;
        Self::withheld(&open(key, &about, sealed)?).ok_or(NotOpened)
    }

    /// How long the file of a body is at most.
    pub(crate) fn bytes_max(item: &Item) -> usize {
        let body = usize::try_from(item.bytes).unwrap_or(usize::MAX);
        let head = WITHHELD_HEAD_BYTES_MAX + ABOUT_BYTES_MAX + NONCE_BYTES + TAG_BYTES;
        body.saturating_add(head)
    }

    /// What is encrypted: one line of JSON, then the body as it is.
    pub fn plaintext(withheld: &Withheld) -> Vec<u8> {
        let head = Head {
            content_type: withheld.content_type.clone(),
            method_override: withheld.method_override.clone(),
            target: withheld.target.clone(),
        };
        let mut text = serde_json::to_vec(&head).unwrap_or_default();
        text.push(b'\n');
        text.extend_from_slice(&withheld.body);
        text
    }

    /// Reads what [`Self::plaintext`] wrote; nothing if it is not that.
    ///
    /// Bounds: the first line is at most [`WITHHELD_HEAD_BYTES_MAX`] long.
    pub fn withheld(text: &[u8]) -> Option<Withheld> {
        let bound = text.get(..text.len().min(WITHHELD_HEAD_BYTES_MAX))?;
        let end = bound.iter().position(|byte| *byte == b'\n')?;
        let Head { content_type, method_override, target } = serde_json::from_slice(text.get(..end)?).ok()?;
        let body = text.get(end + 1..)?.to_vec();
        Some(Withheld { target, content_type, method_override, body })
    }
}

/// The associated data of an item's content.
fn about_item(item: &Item) -> Vec<u8> {
    let about = About {
        boundary: &item.boundary,
        id: item.id.as_str(),
        received: &item.received,
        ruling: &item.ruling,
        sequence: item.sequence,
    };
    let mut bytes = SEALED_MAGIC.to_vec();
    bytes.extend_from_slice(&serde_json::to_vec(&about).unwrap_or_default());
    bytes.push(b'\n');
    bytes
}

#[derive(Serialize)]
struct About<'a> {
    boundary: &'a str,
    id: &'a str,
    received: &'a str,
    ruling: &'a str,
    sequence: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    content_type: Option<String>,
    method_override: Option<String>,
    target: String,
}

const STATE_MAGIC: &[u8] = b"eosin-quarantine-state/1\n";
const KEY_MAGIC: &[u8] = b"eosin-quarantine-key/1\n";
const SEALED_MAGIC: &[u8] = b"eosin-quarantine-item/1\n";

/// The longest state file that is read.
pub(crate) const STATE_BYTES_MAX: usize = 64 << 10;
/// A key file is this long.
pub(crate) const KEY_FILE_BYTES: usize = KEY_MAGIC.len() + NONCE_BYTES + KEY_BYTES + TAG_BYTES;
/// The longest first line of what is sealed: a target, a content type and an override.
pub const WITHHELD_HEAD_BYTES_MAX: usize = 256 << 10;
const ABOUT_BYTES_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::State;

    fn item(id: [u8; 10]) -> Item {
        Item {
            id: ItemId::of(id),
            boundary: "feed".to_owned(),
            sequence: 3,
            received: "2026-11-22T05:00:00.000Z".to_owned(),
            ruling: "gateway.example/log#7".to_owned(),
            policies: vec!["no-moved-mark".to_owned()],
            reason: "refused: a moved mark".to_owned(),
            counts: [("transplanted".to_owned(), 1)].into(),
            records: 1,
            client: "nightly".to_owned(),
            protocol: "salesforce".to_owned(),
            route: "sobjects create".to_owned(),
            method: "POST".to_owned(),
            bytes: 4,
            idempotent: false,
            waits_for: None,
            upstream: None,
            environment: None,
        }
    }

    fn withheld(body: &[u8]) -> Withheld {
        Withheld {
            target: "/services/data/v67.0/sobjects/Contact".to_owned(),
            content_type: Some("application/json".to_owned()),
            method_override: None,
            body: body.to_vec(),
        }
    }

    #[test]
    fn a_state_of_another_item_or_key_is_not_believed() {
        let key = KeyEncryptionKey::new(&[1; 32]);
        let kept = Kept {
            item: item([1; 10]),
            state: State::Held,
            since: "2026-11-22T05:00:00.000Z".to_owned(),
            attempts: 0,
            note: String::new(),
            recorded: false,
        };
        let bytes = StateFile::write(&kept, &key);
        assert_eq!(StateFile::read(&bytes, &kept.item.id, &key), Ok(kept.clone()));
        assert_eq!(StateFile::read(&bytes, &ItemId::of([2; 10]), &key), Err(NotOpened));
        let other = KeyEncryptionKey::new(&[2; 32]);
        assert_eq!(StateFile::read(&bytes, &kept.item.id, &other), Err(NotOpened));
        let text = String::from_utf8(bytes.clone()).unwrap().replace("\"held\"", "\"released\"");
        assert_eq!(StateFile::read(text.as_bytes(), &kept.item.id, &key), Err(NotOpened));
        for end in 0..bytes.len() {
            assert_eq!(StateFile::read(&bytes[..end], &kept.item.id, &key), Err(NotOpened), "cut at {end}");
        }
    }

    #[test]
    fn sealed_content_cannot_be_moved_to_another_item_boundary_or_ruling() {
        let key = [5; 32];
        let own = item([1; 10]);
        let bytes = SealedFile::write(&own, &withheld(b"body"), &key, [6; 12]);
        assert_eq!(SealedFile::read(&bytes, &own, &key), Ok(withheld(b"body")));
        assert!(bytes.len() <= SealedFile::bytes_max(&own));
        for other in [
            Item { id: ItemId::of([2; 10]), ..own.clone() },
            Item { boundary: "lab".to_owned(), ..own.clone() },
            Item { ruling: "gateway.example/log#8".to_owned(), ..own.clone() },
            Item { sequence: 4, ..own.clone() },
        ] {
            assert_eq!(SealedFile::read(&bytes, &other, &key), Err(NotOpened));
            // Nor by writing the other's own words in front.
            let mut moved = about_item(&other);
            moved.extend_from_slice(&bytes[about_item(&own).len()..]);
            assert_eq!(SealedFile::read(&moved, &other, &key), Err(NotOpened));
        }
    }

    #[test]
    fn a_key_file_is_of_one_item() {
        let key = KeyEncryptionKey::new(&[1; 32]);
        let (one, two) = (ItemId::of([1; 10]), ItemId::of([2; 10]));
        let bytes = KeyFile::write(&one, &[9; 32], [3; 12], &key);
        assert_eq!(bytes.len(), KEY_FILE_BYTES);
        assert_eq!(KeyFile::read(&bytes, &one, &key), Ok([9; 32]));
        assert_eq!(KeyFile::read(&bytes, &two, &key), Err(NotOpened));
        assert_eq!(KeyFile::read(&[0; KEY_FILE_BYTES], &one, &key), Err(NotOpened));
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_is_read(
            target in "[ -~]{0,200}", kind: Option<String>, over: Option<String>, body: Vec<u8>
        ) {
            let all = Withheld { target, content_type: kind, method_override: over, body };
            proptest::prop_assert_eq!(SealedFile::withheld(&SealedFile::plaintext(&all)), Some(all));
        }
    }
}
