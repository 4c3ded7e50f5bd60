//! How long and how nested a policy may be, found before any parser runs.
//!
//! Cedar parses, checks and evaluates by recursion, without a bound of its own: fifty nested brackets overflowed a
//! two-megabyte stack, and a chain of two hundred operators made the strict check run out of stack and report no
//! error at all (cedar-policy-core 4.14.1, `validator/typecheck.rs`). So depth is bounded here, and what is within
//! the bound is read on a stack that is ample for it.

use cedar_policy::PolicySet;

/// Most words and signs of one policy: no expression can be nested deeper than that.
pub(super) const WORDS_MAX: usize = 2_000;
/// Most brackets of any kind inside each other.
pub(super) const BRACKETS_MAX: usize = 32;
/// Stack to read and check policies on, in bytes. The deepest policies within the bounds that we could think of take
/// between 8 and 16 MB without optimisation. Only what is used is ever backed by memory.
pub(super) const STACK_BYTES: usize = 128 << 20;

/// Stack that asking these policies takes, in bytes.
///
/// Cedar answers with an error, which blocks, when it has less than 100 KB left; a chain of 900 operators then blocked
/// everything on a worker of two megabytes. So what a set needs is known before it is asked.
pub(super) fn stack_to_ask(set: &PolicySet) -> usize {
    let depths = set.policies().filter_map(|policy| policy.to_json().ok()).map(|policy| depth(&policy));
    STACK_BASE_BYTES + depths.max().unwrap_or(0) * STACK_LEVEL_BYTES
}

/// How deep a policy's JSON form is: two levels for each of its expressions'.
fn depth(json: &serde_json::Value) -> usize {
    use serde_json::Value;
    match json {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Cedar's reserve, its authorizer, and us.
const STACK_BASE_BYTES: usize = 256 << 10;
/// Measured without optimisation: 24 KB were too few, 40 KB enough.
const STACK_LEVEL_BYTES: usize = 48 << 10;

/// The first place, as a byte offset, where a policy is over a bound, and which bound that is.
///
/// Shape:  Cedar text, well-formed or not; strings and comments count as Cedar reads them.
/// Bounds: one pass, no allocation.
pub(super) fn first_excess(text: &str) -> Option<(usize, Excess)> {
    let mut words = 0;
    let mut brackets = 0_usize;
    let mut inside = Inside::Nothing;
    let mut previous = ' ';
    for (place, sign) in text.char_indices() {
        let before = std::mem::replace(&mut previous, sign);
        match inside {
            Inside::Text if sign == '\\' => inside = Inside::Escape,
            Inside::Text if sign == '"' => inside = Inside::Nothing,
            Inside::Escape => inside = Inside::Text,
            Inside::Comment if sign == '\n' || sign == '\r' => inside = Inside::Nothing,
            Inside::Text | Inside::Comment => {}
            Inside::Nothing if sign == '/' && before == '/' => inside = Inside::Comment,
            Inside::Nothing if sign.is_whitespace() => {}
            Inside::Nothing => {
                let goes_on = is_word(sign) && is_word(before);
                words += usize::from(!goes_on);
                match sign {
                    '"' => inside = Inside::Text,
                    '(' | '[' | '{' => brackets += 1,
                    ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
                    ';' if brackets == 0 => words = 0,
                    _ => {}
                }
                if words > WORDS_MAX {
                    return Some((place, Excess::Words));
                }
                if brackets > BRACKETS_MAX {
                    return Some((place, Excess::Brackets));
                }
            }
        }
    }
    None
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

/// Which bound a policy is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// [`WORDS_MAX`].
    Words,
    /// [`BRACKETS_MAX`].
    Brackets,
}

#[derive(Clone, Copy)]
enum Inside {
    Nothing,
    Text,
    Escape,
    Comment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_brackets_count_as_cedar_reads_them() {
        let check = |text: &str, want: Option<Excess>| {
            let found = first_excess(text).map(|(_, excess)| excess);
            assert_eq!(found, want, "{text:.80}");
        };
        check("", None);
        check(&"(".repeat(BRACKETS_MAX), None);
        check(&"(".repeat(BRACKETS_MAX + 1), Some(Excess::Brackets));
        check(&"([{".repeat(BRACKETS_MAX), Some(Excess::Brackets));
        check(&"()".repeat(BRACKETS_MAX + 1), None);
        check(&format!("\"{}\"", "(".repeat(100)), None);
        check(&format!("\"\\\"{}\"", "(".repeat(100)), None);
        check(&format!("\"\\\\\"{}", "(".repeat(100)), Some(Excess::Brackets));
        check(&format!("// {}\n", "(".repeat(100)), None);
        check(&format!("// \n{}", "(".repeat(100)), Some(Excess::Brackets));
        check(&"word ".repeat(WORDS_MAX), None);
        check(&"word ".repeat(WORDS_MAX + 1), Some(Excess::Words));
        check(&"a.".repeat(WORDS_MAX / 2), None);
        check(&"a.".repeat(WORDS_MAX), Some(Excess::Words));
        check(&"w".repeat(WORDS_MAX + 1), None);
        check(&"a b c;".repeat(WORDS_MAX), None);
        check(&format!("({}", "a b c;".repeat(WORDS_MAX)), Some(Excess::Words));
    }
}
