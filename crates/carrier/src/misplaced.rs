//! Marks and labels that stand where nobody looks for them, in any format: such a thing is seen, and is no content.

use std::sync::LazyLock;

use mark::{Claim, Record, Unreadable};
use memchr::memmem::Finder;

/// Whether a text is that of a mark, to look at, or holds one: what an export wrapped it into does not hide it.
pub(crate) fn is_mark_text(text: &str) -> bool {
    let begins = text.trim_start().get(..7).is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX));
    begins || holds_mark_text(text.as_bytes())
}

/// What the text of a mark begins with, and what it has behind that at the least: sentences about marks are shorter.
const PREFIX: &str = "eosin1.";
const ENCODED_MIN: usize = 100;

/// Whether a mark's text stands anywhere in this, in any case, also folded into lines as mail and printers do.
pub(crate) fn holds_mark_text(text: &[u8]) -> bool {
    if text.len() < PREFIX.len() + ENCODED_MIN {
        return false;
    }
    FINDERS.iter().flat_map(|finder| finder.find_iter(text)).any(|at| {
        let rest = text.get(at + PREFIX.len()..).unwrap_or_default();
        encoded_length(rest) >= ENCODED_MIN
    })
}

/// Whether what a mark's text begins with stands anywhere in this.
pub(crate) fn begins_mark_text(text: &[u8]) -> bool {
    FINDERS.iter().any(|finder| finder.find(text).is_some())
}

/// What a mark's text begins with, as it is written.
static FINDERS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| [PREFIX, "EOSIN1.", "Eosin1."].map(Finder::new));

/// How many letters of base64url a text begins with, up to [`ENCODED_MIN`]: line ends and what indents a line are none.
fn encoded_length(text: &[u8]) -> usize {
    let (mut count, mut is_at_line_end) = (0, false);
    for byte in text {
        match byte {
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') => {
                (count, is_at_line_end) = (count + 1, false);
            }
            b'\r' | b'\n' => is_at_line_end = true,
            // A soft line end of mail stands before the line end.
            b'=' | b'>' | b' ' | b'\t' if is_at_line_end || *byte == b'=' => {}
            _ => break,
        }
        if count == ENCODED_MIN {
            break;
        }
    }
    count
}

/// What is said of a row with a mark where no mark is looked for.
pub(crate) const MISPLACED: &str =
    "holds a mark outside the mark's place; see whether its cells have shifted";

/// Whether this bears a mark, says of itself that it is synthetic, or is unreadable for a mark or a file of such in it.
pub(crate) fn bears_label(content: &Result<Record<'_>, Unreadable>) -> bool {
    match content {
        Ok(record) => record.mark.is_some() || record.claim == Claim::Synthetic,
        Err(Unreadable::Shape(reason)) => reason == HOLDS_LABELLED || reason == MISPLACED,
        Err(_) => false,
    }
}

/// What is said of what holds such a file.
pub(crate) const HOLDS_LABELLED: &str = "holds a file of marked records; give that file as one of its own";
