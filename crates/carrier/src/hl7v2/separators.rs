//! The separators that a message names in MSH-1 and MSH-2.

use mark::Unreadable;

use super::shape;

/// The characters that cut a message's text.
///
/// INVARIANT: ASCII punctuation, all different, none that a mark or our labels are written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Separators {
    pub(super) field: u8,
    pub(super) component: u8,
    pub(super) repetition: u8,
    pub(super) escape: u8,
    pub(super) subcomponent: u8,
}

/// Those of the standard's own examples, and of the values that are covered.
pub(super) const CANONICAL: Separators =
    Separators { field: b'|', component: b'^', repetition: b'~', escape: b'\\', subcomponent: b'&' };

impl Separators {
    /// Reads them from the beginning of a message.
    ///
    /// Shape:  `MSH`, one byte, four or five bytes up to the next of that one; the fifth marks cut values, since 2.7.
    pub(super) fn of(message: &[u8]) -> Result<Self, Unreadable> {
        let [b'M', b'S', b'H', field, rest @ ..] = message else {
            return Err(shape("does not begin with MSH and a separator"));
        };
        if !field.is_ascii_punctuation() {
            return Err(shape("does not begin with MSH and a separator"));
        }
        let end = |byte: &u8| *byte == *field || matches!(byte, b'\r' | b'\n');
        let named = rest.split(end).next().unwrap_or_default();
        let [component, repetition, escape, subcomponent, more @ ..] = named else {
            return Err(shape("names fewer than four encoding characters in MSH-2"));
        };
        if more.len() > 1 {
            return Err(shape("names more than five encoding characters in MSH-2"));
        }
        let mut all = vec![*field];
        all.extend_from_slice(named);
        if !all.iter().all(|byte| byte.is_ascii_punctuation() && !RESERVED.contains(byte)) {
            return Err(shape("names a separator in MSH-1 or MSH-2 that cannot be one"));
        }
        all.sort_unstable();
        if all.iter().zip(all.iter().skip(1)).any(|(one, next)| one == next) {
            return Err(shape("names one separator for two things in MSH-1 and MSH-2"));
        }
        Ok(Self {
            field: *field,
            component: *component,
            repetition: *repetition,
            escape: *escape,
            subcomponent: *subcomponent,
        })
    }
}

/// Punctuation that our labels and HL7's null are written with.
const RESERVED: &[u8] = b"-_.:/\"";

/// Whether `text` can stand in any message as it is.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || (RESERVED.contains(&byte) && byte != b'"'))
}
