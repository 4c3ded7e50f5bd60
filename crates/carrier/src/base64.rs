//! Base64 as it stands in records: by many writers, with or without line ends and padding.

use std::borrow::Cow;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};

/// The bytes of a text in the standard alphabet; nothing if it is none.
pub(crate) fn decoded(encoded: &str) -> Option<Vec<u8>> {
    let plain = without_spaces(encoded);
    let form = if plain.contains(&b'=') || plain.len().is_multiple_of(4) { BASE64 } else { BASE64_NOPAD };
    form.decode(&plain).ok()
}

/// The same in either alphabet, that of addresses too.
pub(crate) fn decoded_in_any_alphabet(encoded: &str) -> Option<Vec<u8>> {
    let plain = without_spaces(encoded);
    [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD].iter().find_map(|form| form.decode(&plain).ok())
}

fn without_spaces(encoded: &str) -> Cow<'_, [u8]> {
    if encoded.bytes().any(|byte| byte.is_ascii_whitespace()) {
        Cow::Owned(encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect())
    } else {
        Cow::Borrowed(encoded.as_bytes())
    }
}
