//! Two versions beside each other: which policies differ, line by line, and which answers.

use askama::Template;

use crate::{
    Told,
    frame::{Answer, Frame, Setting},
};

/// Lines of one policy that are compared line by line; of longer ones both texts are shown whole.
const LINES_MAX: usize = 400;

/// How one version differs from another.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The version as it was.
    pub old: String,
    /// The version as it would be.
    pub new: String,
    /// The policies that are not the same in both.
    pub policies: Vec<ChangedPolicy>,
    /// The answers that differ.
    pub answers: Vec<String>,
}

/// A policy that is not the same in both.
#[derive(Clone, Debug)]
pub struct ChangedPolicy {
    /// Its name.
    pub id: String,
    /// `added`, `removed` or `changed`.
    pub sign: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// ` `, `-` or `+`.
    pub mark: char,
    /// What it says.
    pub text: String,
}

impl Line {
    /// What a style sheet calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.mark {
            '+' => "added",
            '-' => "removed",
            _ => "same",
        }
    }
}

impl ChangedPolicy {
    /// Compares two texts; nothing is a text that is not there.
    pub fn new(id: &str, sign: &'static str, before: Option<&str>, after: Option<&str>) -> Self {
        let lines = lines(before.unwrap_or_default(), after.unwrap_or_default());
        Self { id: id.to_owned(), sign, lines }
    }
}

/// The lines of two texts, those in both said once.
fn lines(before: &str, after: &str) -> Vec<Line> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let line = |mark: char, text: &&str| Line { mark, text: (*text).to_owned() };
    if old.len() > LINES_MAX || new.len() > LINES_MAX {
        return old
            .iter()
            .map(|text| line('-', text))
            .chain(new.iter().map(|text| line('+', text)))
            .collect();
    }
    let longest = common(&old, &new);
    let at =
        |row: usize, column: usize| longest.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0);
    let (mut row, mut column) = (0, 0);
    let mut found = Vec::new();
    loop {
        match (old.get(row), new.get(column)) {
            (Some(one), Some(other)) if one == other => {
                found.push(line(' ', one));
                row += 1;
                column += 1;
            }
            (Some(one), other) if other.is_none() || at(row + 1, column) >= at(row, column + 1) => {
                found.push(line('-', one));
                row += 1;
            }
            (_, Some(other)) => {
                found.push(line('+', other));
                column += 1;
            }
            (Some(_) | None, None) => return found,
        }
    }
}

/// How many lines two texts have in common from each pair of places on.
fn common(old: &[&str], new: &[&str]) -> Vec<Vec<usize>> {
    let mut below = vec![0; new.len() + 1];
    let mut table = vec![below.clone()];
    for one in old.iter().rev() {
        let mut row = vec![0; new.len() + 1];
        let mut right = 0;
        for (column, other) in new.iter().enumerate().rev() {
            let diagonal = below.get(column + 1).copied().unwrap_or(0);
            let down = below.get(column).copied().unwrap_or(0);
            right = if one == other { diagonal + 1 } else { down.max(right) };
            if let Some(cell) = row.get_mut(column) {
                *cell = right;
            }
        }
        table.push(row.clone());
        below = row;
    }
    table.reverse();
    table
}

#[derive(Template)]
#[template(path = "policy_compare.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    versions: &'a [String],
    chosen: (&'a str, &'a str),
    comparison: Option<&'a Comparison>,
}

/// The page: two versions are chosen, and compared if they can be.
pub fn compare(
    setting: &Setting<'_>,
    versions: &[String],
    chosen: (&str, &str),
    comparison: Option<&Comparison>,
    told: Told<'_>,
) -> Answer {
    let frame = Frame::new("/policies", setting);
    Answer::page(&Page { frame, told, versions, chosen, comparison }).with(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_two_texts_are_said_once_where_they_are_the_same() {
        for (before, after, expected) in [
            ("a\nb\nc", "a\nc\nd", " a|-b| c|+d"),
            ("", "a", "+a"),
            ("a\nb", "", "-a|-b"),
            ("a", "a", " a"),
            ("x\ny", "y\nx", "-x| y|+x"),
        ] {
            let said: Vec<String> =
                lines(before, after).iter().map(|line| format!("{}{}", line.mark, line.text)).collect();
            assert_eq!(said.join("|"), expected);
        }
        let long = "a\n".repeat(LINES_MAX + 1);
        assert_eq!(lines(&long, "b").len(), LINES_MAX + 2, "both are shown whole");
    }
}
