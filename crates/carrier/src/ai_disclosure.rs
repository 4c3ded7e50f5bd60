//! The HTTP header `AI-Disclosure`: whether an AI made what a message holds. It says *AI*, not *synthetic*.
//!
//! Towards us it is a claim that decides nothing: its specification forbids that, and so do we.
//! Source: draft-abaris-aicdh-01, an expired individual draft; spec/http.md section 8.

use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

/// The header's name, in the spelling that HTTP/2 needs too.
pub const HEADER: &str = "ai-disclosure";

/// Longest value that is read, over all its lines, in bytes.
pub const VALUE_BYTES_MAX: usize = 2048;

/// How much of a message an AI made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing.
    None,
    /// Some of it.
    AiModified,
    /// All of it, and people reviewed it.
    AiOriginated,
    /// All of it, with little or no review.
    MachineGenerated,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::None, Self::AiModified, Self::AiOriginated, Self::MachineGenerated];

    /// The word in the header and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AiModified => "ai-modified",
            Self::AiOriginated => "ai-originated",
            Self::MachineGenerated => "machine-generated",
        }
    }

    /// The header's value.
    ///
    /// Shape:  `mode=machine-generated`: a dictionary with commas, which the draft's grammar asks for.
    pub fn to_header(self) -> String {
        format!("mode={}", self.as_str())
    }
}

/// Reads the header's lines.
///
/// Shape:  the dictionary with commas, and the draft's own example with semicolons, in which all but the first key are
///         parameters of it: either way `mode` is a token.
/// Bounds: [`VALUE_BYTES_MAX`]. What cannot be read is as if it were not there: it would decide nothing anyway.
pub fn parse<L: AsRef<str>>(lines: &[L]) -> Option<Mode> {
    if lines.iter().map(|line| line.as_ref().len()).sum::<usize>() > VALUE_BYTES_MAX {
        return None;
    }
    let said: Vec<&str> =
        lines.iter().map(|line| line.as_ref().trim()).filter(|line| !line.is_empty()).collect();
    let dictionary: Dictionary = Parser::new(&said.join(", ")).parse().ok()?;
    let in_parameters = || {
        dictionary.values().find_map(|entry| match entry {
            ListEntry::Item(item) => item.params.get("mode"),
            ListEntry::InnerList(list) => list.params.get("mode"),
        })
    };
    let value = match dictionary.get("mode") {
        Some(ListEntry::Item(Item { bare_item, .. })) => bare_item,
        Some(ListEntry::InnerList(_)) => return None,
        None => in_parameters()?,
    };
    let BareItem::Token(word) = value else { return None };
    Mode::ALL.into_iter().find(|mode| mode.as_str() == word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_anything_else_is_nothing() {
        let check = |lines: &[&str], want: Option<Mode>| assert_eq!(parse(lines), want, "{lines:?}");
        let machine = Some(Mode::MachineGenerated);
        check(&[r#"mode=machine-generated, model="m-1", provider="p", date=@1795290000"#], machine);
        check(
            &[r#"mode=ai-originated; model="gpt-4"; provider="p"; reviewed-by="e"; date=@1745286896"#],
            Some(Mode::AiOriginated),
        );
        check(&[r#"model="m-1"; mode=ai-modified"#], Some(Mode::AiModified));
        check(&["mode=none", ""], Some(Mode::None));
        check(&["mode=none", "mode=machine-generated"], machine);
        for line in ["", "mode", "mode=\"none\"", "mode=(none)", "mode=other", "mode=", "mode=None, ="] {
            check(&[line], None);
        }
        check(&[&format!("mode=none, a=\"{}\"", "b".repeat(VALUE_BYTES_MAX))], None);
        for mode in Mode::ALL {
            check(&[&mode.to_header()], Some(mode));
        }
    }
}
