//! `Content-Digest`: a digest of the bytes of one message, after content coding.
//!
//! Source: RFC 9530; spec/http.md section 7.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use data_encoding::BASE64;
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

/// The field's name, in the spelling that HTTP/2 needs too.
pub const HEADER: &str = "content-digest";

/// Longest value that is read, over all its lines, in bytes.
pub const VALUE_BYTES_MAX: usize = 4096;

/// The value of `Content-Digest` for these bytes: SHA-256.
///
/// Shape:  `sha-256=:…:`.
pub fn header(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(digest(&SHA256, body).as_ref()))
}

/// What the lines of a `Content-Digest` say of a body.
///
/// Every digest of a known algorithm counts: one that fits does not make up for one that does not.
///
/// Bounds: [`VALUE_BYTES_MAX`]; one pass over the body an algorithm.
pub fn check<'l>(lines: impl IntoIterator<Item = &'l [u8]>, body: &[u8]) -> Checked {
    let lines: Vec<&[u8]> = lines.into_iter().collect();
    if lines.is_empty() {
        return Checked::Absent;
    }
    if lines.iter().map(|line| line.len()).sum::<usize>() > VALUE_BYTES_MAX {
        return Checked::Malformed;
    }
    let Ok(said) = Parser::new(&lines.join(&b", "[..])).parse::<Dictionary>() else {
        return Checked::Malformed;
    };
    let mut checked = Checked::Unknown;
    for (name, algorithm) in [("sha-256", &SHA256), ("sha-512", &SHA512)] {
        match said.get(name) {
            None => {}
            Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. })) => {
                if digest(algorithm, body).as_ref() != bytes.as_slice() {
                    return Checked::Differs;
                }
                checked = Checked::Fits;
            }
            Some(ListEntry::Item(_) | ListEntry::InnerList(_)) => return Checked::Malformed,
        }
    }
    checked
}

/// What a `Content-Digest` says of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// There is none.
    Absent,
    /// Every digest of a known algorithm is of this body, and there is at least one.
    Fits,
    /// One is of another body.
    Differs,
    /// It has no algorithm that is known here.
    Unknown,
    /// It is not a dictionary of byte sequences, or longer than the bound.
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_fits_its_bytes_and_no_others() {
        let scene = |lines: &[&str], body: &str, want: Checked| {
            let lines = lines.iter().map(|line| line.as_bytes());
            assert_eq!(check(lines, body.as_bytes()), want, "{body}");
        };
        // RFC 9530, appendix B.1 and B.2, and RFC 9421, appendix B.2.
        let hello = r#"{"hello": "world"}"#;
        let sha_256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        let sha_512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
        scene(&[], hello, Checked::Absent);
        scene(&[sha_256], hello, Checked::Fits);
        scene(&[sha_512], hello, Checked::Fits);
        scene(&[sha_256, sha_512], hello, Checked::Fits);
        scene(&[&format!("{sha_256}, {sha_512}")], hello, Checked::Fits);
        scene(&["md5=:abcd:", sha_512], hello, Checked::Fits);
        scene(&["md5=:abcd:"], hello, Checked::Unknown);
        scene(&[""], hello, Checked::Unknown);
        scene(&[sha_256], "{}", Checked::Differs);
        scene(&[sha_512, "sha-256=:AAAA:"], hello, Checked::Differs);
        scene(&["sha-256=abcd"], hello, Checked::Malformed);
        scene(&["sha-256=:"], hello, Checked::Malformed);
        scene(&["sha-256"], hello, Checked::Malformed);
        scene(&[&"a, ".repeat(2000)], hello, Checked::Malformed);
        scene(&[&header(b"")], "", Checked::Fits);
    }
}
