//! `SandboxPostCopy`: the class that is run once in a new sandbox, for the part of Apex that this org runs.
//!
//! Source: Salesforce, "Apex Reference Guide", `SandboxPostCopy` and `SandboxContext`.

use serde_json::Value;

use super::execute_in;
use crate::state::{State, Visit};

/// What `SandboxContext` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    /// `organizationId()`: the org that was copied.
    pub(crate) organization: String,
    /// `sandboxId()`: the new org.
    pub(crate) sandbox: String,
    /// `sandboxName()`.
    pub(crate) name: String,
}

/// The name and the text of a class of the org, by name or id.
pub(crate) fn source(state: &State, class: &str) -> Option<(String, String)> {
    let is = |id: &str, row: &crate::store::Row| {
        id == class
            || row.get("Name").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(class))
    };
    let found = state.store.rows("ApexClass").find(|(id, row)| is(id, row));
    found.and_then(|(_, row)| {
        let text = |name: &str| row.get(name)?.as_str().map(str::to_owned);
        Some((text("Name")?, text("Body")?))
    })
}

/// Runs `runApexClass` of a class; what it writes is kept only if all of it succeeds.
///
/// Errors: a sentence, if the class is none for this or goes beyond what this org runs, or fails.
pub(crate) fn run(visit: &mut Visit<'_>, text: &str, context: Context) -> Result<(), String> {
    let (parameter, body) =
        method(text).ok_or("it has no method `void runApexClass(SandboxContext context)`")?;
    let outcome = execute_in(visit, &body, Some((parameter, context)));
    match (outcome.compile_problem, outcome.exception) {
        (None, None) => Ok(()),
        (Some(problem), _) | (None, Some(problem)) => Err(problem),
    }
}

/// The parameter and the body of `runApexClass`.
fn method(text: &str) -> Option<(String, String)> {
    let plain = blanked(text);
    let at = plain.to_ascii_lowercase().find("void runapexclass")?;
    let (open, close) = (plain.get(at..)?.find('(')? + at, plain.get(at..)?.find(')')? + at);
    let declared = text.get(open + 1..close)?;
    let mut words = declared.split_whitespace();
    let kind = words.next()?;
    let parameter = words.next()?.to_owned();
    if !kind.rsplit('.').next()?.eq_ignore_ascii_case("SandboxContext") {
        return None;
    }
    let begin = plain.get(close..)?.find('{')? + close;
    let mut depth = 0usize;
    for (at, c) in plain.get(begin..)?.char_indices() {
        depth = match c {
            '{' => depth + 1,
            '}' => depth.checked_sub(1)?,
            _ => depth,
        };
        if depth == 0 {
            // Lines before stay as empty lines, so that problems are told where they are.
            let lines = "\n".repeat(text.get(..=begin)?.matches('\n').count());
            return Some((parameter, lines + text.get(begin + 1..begin + at)?));
        }
    }
    None
}

/// The text with strings and comments blanked, byte for byte.
fn blanked(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut inside = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at..at + 2).unwrap_or_default();
        let step = match inside {
            None if pair == b"//" => {
                inside = Some('/');
                2
            }
            None if pair == b"/*" => {
                inside = Some('*');
                2
            }
            None if *byte == b'\'' => {
                inside = Some('\'');
                1
            }
            None => {
                out.push(*byte);
                at += 1;
                continue;
            }
            Some('/') if *byte == b'\n' => {
                inside = None;
                1
            }
            Some('*') if pair == b"*/" => {
                inside = None;
                2
            }
            Some('\'') if *byte == b'\\' => 2,
            Some('\'') if *byte == b'\'' => {
                inside = None;
                1
            }
            Some(_) => 1,
        };
        out.extend(
            bytes
                .get(at..(at + step).min(bytes.len()))
                .into_iter()
                .flatten()
                .map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }),
        );
        at += step;
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_method_is_found_between_its_braces() {
        let class = "global class Mask implements SandboxPostCopy {\n  // void runApexClass(Nothing x) { }\n  \
            global void runApexClass(System.SandboxContext ctx) {\n    String s = '}'; /* } */\n    insert new Account(Name = s);\n  }\n}";
        let (parameter, body) = method(class).unwrap();
        assert_eq!(parameter, "ctx");
        assert_eq!(body.lines().nth(4).unwrap().trim(), "insert new Account(Name = s);");
        assert!(body.ends_with(";\n  "), "{body:?}");
        for other in [
            "",
            "class A { void runApexClass(String a) {} }",
            "class A { void runApexClass(SandboxContext a) { ",
            "class A { void runApexClass() {} }",
        ] {
            assert_eq!(method(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn looking_for_the_method_never_panics(text in "(void runApexClass|\\(SandboxContext c\\)|[{}'/*\\\\ é\n]){0,30}") {
            drop(method(&text));
        }
    }
}
