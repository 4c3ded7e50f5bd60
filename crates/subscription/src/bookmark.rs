//! Where a subscription stopped: one small file a topic, durable before the next event is taken.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use ledger::durable;
use serde_json::{Value, json};

/// The place of one topic in one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    file: PathBuf,
    topic: String,
}

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 16 * 1024;

impl Bookmark {
    /// The bookmark of a topic in a subscription's folder.
    pub(crate) fn of(folder: &Path, topic: &str) -> Self {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
        let name: String = topic.trim_matches('/').chars().map(plain).collect();
        Self { file: folder.join(format!("{name}.replay")), topic: topic.to_owned() }
    }

    /// The replay id of the last event that is done with.
    ///
    /// Errors: the file cannot be read, or was not written here: nobody guesses where to begin.
    pub(crate) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "it is not a bookmark of this topic");
        let value: Value = serde_json::from_str(&text).map_err(|_| wrong())?;
        let said = |name: &str| value.get(name).and_then(Value::as_str).ok_or_else(wrong);
        if said("topic")? != self.topic {
            return Err(wrong());
        }
        BASE64.decode(said("replay")?.as_bytes()).map(Some).map_err(|_| wrong())
    }

    /// Writes it down; it is durable when this returns.
    pub(crate) fn write(&self, replay: &[u8]) -> io::Result<()> {
        let text = json!({ "topic": self.topic, "replay": BASE64.encode(replay) }).to_string();
        durable::replace(&self.file, text.as_bytes()).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_read_as_it_was_written_and_never_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let bookmark = Bookmark::of(folder.path(), "/data/ContactChangeEvent");
        assert_eq!(bookmark.read().unwrap(), None);
        bookmark.write(&[0, 255, 7]).unwrap();
        bookmark.write(&[1, 2]).unwrap();
        assert_eq!(bookmark.read().unwrap(), Some(vec![1, 2]));
        let other = Bookmark { topic: "/data/Other".to_owned(), ..bookmark.clone() };
        assert!(other.read().is_err());
        durable::replace(&bookmark.file, b"{").unwrap();
        assert!(bookmark.read().is_err());
    }
}
