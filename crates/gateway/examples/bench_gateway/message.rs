//! HTTP/1.1 by hand, for the load and the upstream: heads, and bodies of known length or in chunks.

use std::io::{BufRead, Read, Write, copy};

/// Reads one message; its first line. The body goes to `into`. Nothing at the end of the connection.
pub(crate) fn message(reader: &mut impl BufRead, into: &mut impl Write) -> Option<String> {
    let mut first = String::new();
    let mut length = 0;
    let mut is_chunked = false;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.by_ref().take(16_384).read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            line.trim_end().clone_into(&mut first);
            continue;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    if is_chunked {
        chunks(reader, into)?;
    } else {
        exactly(reader, into, length)?;
    }
    Some(first)
}

fn chunks(reader: &mut impl BufRead, into: &mut impl Write) -> Option<()> {
    let mut line = String::new();
    loop {
        line.clear();
        reader.by_ref().take(100).read_line(&mut line).ok()?;
        let length = u64::from_str_radix(line.trim(), 16).unwrap();
        exactly(reader, into, length)?;
        // The end of the chunk, or of the trailers, of which nobody here sends any.
        reader.by_ref().take(2).read_line(&mut line).ok()?;
        if length == 0 {
            return Some(());
        }
    }
}

fn exactly(reader: &mut impl BufRead, into: &mut impl Write, length: u64) -> Option<()> {
    let copied = copy(&mut reader.by_ref().take(length), into).ok()?;
    (copied == length).then_some(())
}
