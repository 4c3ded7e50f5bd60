//! Record ids: 15 case-sensitive characters, or 18 with a suffix that restores their case.

/// Gives the 18-character form of an id, from either form, or nothing when it is not an id.
///
/// Shape:  15 base-62 characters, or 18 whose last three restore the case of the others -> 18 characters.
/// Source: Salesforce, "Object Reference", ID field type.
pub fn widen(text: &str) -> Option<String> {
    if !text.is_ascii() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match text.len() {
        15 => Some(format!("{text}{}", suffix(text))),
        18 => {
            let (body, given) = text.split_at_checked(15)?;
            let restored = restore_case(body, given)?;
            Some(format!("{restored}{}", given.to_ascii_uppercase()))
        }
        _ => None,
    }
}

/// Makes the id of the `serial`th record under a three-character key prefix.
pub(crate) fn make(prefix: &str, serial: u64) -> String {
    let mut digits = [b'0'; 9];
    let mut rest = serial;
    for digit in digits.iter_mut().rev() {
        let place = usize::try_from(rest % 62).unwrap_or(0);
        *digit = BASE62.get(place).copied().unwrap_or(b'0');
        rest /= 62;
    }
    let body = format!("{prefix:0<3}Ey0{}", String::from_utf8_lossy(&digits));
    let suffix = suffix(&body);
    body + &suffix
}

/// The key prefix of an id: which object it belongs to.
pub(crate) fn prefix(id: &str) -> &str {
    id.get(..3).unwrap_or("")
}

/// The case suffix of a 15-character id: one character for each five, one bit for each capital.
fn suffix(body: &str) -> String {
    body.as_bytes()
        .chunks(5)
        .map(|chunk| {
            let bits = chunk
                .iter()
                .enumerate()
                .fold(0usize, |bits, (at, byte)| bits | usize::from(byte.is_ascii_uppercase()) << at);
            char::from(SUFFIX.get(bits).copied().unwrap_or(b'A'))
        })
        .collect()
}

/// Puts back the capitals that the suffix remembers; nothing when the suffix cannot be right.
fn restore_case(body: &str, given: &str) -> Option<String> {
    let mut restored = String::with_capacity(18);
    for (chunk, mark) in body.as_bytes().chunks(5).zip(given.bytes()) {
        let bits = SUFFIX.iter().position(|known| *known == mark.to_ascii_uppercase())?;
        for (at, byte) in chunk.iter().enumerate() {
            let capital = bits >> at & 1 == 1;
            if capital && !byte.is_ascii_alphabetic() {
                return None;
            }
            restored.push(char::from(if capital {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            }));
        }
    }
    Some(restored)
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_give_the_long_one() {
        let table = [
            ("001000000000001", Some("001000000000001AAA")),
            ("00D000000000001EAA", Some("00D000000000001EAA")),
            ("00d000000000001eaa", Some("00D000000000001EAA")),
            ("0015f00002EyAbC", Some("0015f00002EyAbCAAV")),
            ("00D000000000001AAA", Some("00d000000000001AAA")),
            ("001000000000001B", None),
            ("001000000000001BAA", None),
            ("00100000000000-", None),
            ("", None),
            ("001000000000001éé", None),
        ];
        for (given, expected) in table {
            assert_eq!(widen(given).as_deref(), expected, "{given}");
        }
    }

    proptest! {
        #[test]
        fn what_we_make_widens_to_itself(serial in 0u64..1_000_000_000_000) {
            let made = make("003", serial);
            prop_assert_eq!(widen(&made), Some(made.clone()));
            prop_assert_eq!(widen(made.get(..15).unwrap()), Some(made.clone()));
            prop_assert_eq!(widen(&made.to_lowercase()), Some(made));
        }

        #[test]
        fn later_ids_sort_later(serial in 0u64..1_000_000_000) {
            prop_assert!(make("003", serial) < make("003", serial + 1));
        }

        #[test]
        fn widen_never_panics(text in "\\PC{0,24}") {
            let _ = widen(&text);
        }
    }
}
