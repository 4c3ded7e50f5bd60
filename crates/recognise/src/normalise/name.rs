//! Names: one given name and the family name, whatever stands around them.

use super::fold::{fold, is_dash, is_letter};
use crate::person::{Name, VALUE_BYTES_MAX};

/// The pairs of names under which this name is known: at most two, each in the order of its letters.
///
/// Shape:  name -> pairs of folded words; none where there is not both a given and a family name.
/// Source: spec/identity.md section 3.
pub(super) fn pairs(name: &Name<'_>, mut emit: impl FnMut(&str, &str)) {
    let mut family = Words::default();
    if let Some(text) = &name.family {
        family.add(text);
        family.drop_suffixes();
    }
    let mut given = Words::default();
    name.given.iter().for_each(|text| given.add(text));
    given.drop_prefixes();
    given.drop_suffixes();
    if family.is_empty() || given.is_empty() {
        family.clear();
        given.clear();
        if let Some(text) = &name.whole {
            split_whole(text, &mut given, &mut family);
        }
    }
    let Some(given) = given.first_name() else { return };
    family.join_particles();
    let last = family.words().next_back().unwrap_or_default();
    let mut pair = |family: &str| {
        if family.is_empty()
            || is_initial(family)
            || PLACEHOLDERS.iter().any(|it| *it == given || *it == family)
        {
            return;
        }
        let (one, other) = if given <= family { (given, family) } else { (family, given) };
        emit(one, other);
    };
    pair(last);
    if last.len() < family.text.len() {
        let joined: String = family.words().collect();
        pair(&joined);
    }
}

/// `Bell, Ada X.` is family first; `Ada X. Bell, MD` is not.
fn split_whole(text: &str, given: &mut Words, family: &mut Words) {
    if let Some((before, after)) = text.split_once(',') {
        let mut rest = Words::default();
        rest.add(after);
        rest.drop_suffixes();
        let is_suffix = rest.words().all(|word| SUFFIXES.contains(&word) || DEGREES.contains(&word));
        if !is_suffix {
            family.add(before);
            family.drop_prefixes();
            family.drop_suffixes();
            rest.drop_prefixes();
            *given = rest;
            return;
        }
        given.add(before);
    } else {
        given.add(text);
    }
    given.drop_prefixes();
    given.drop_suffixes();
    // The last word is the family name, `Mac` and `Mc` before it belonging to it.
    let Some((mut at, _)) = given.text.rmatch_indices(' ').next() else { return given.clear() };
    if let Some((earlier, _)) = given.text.get(..at).and_then(|head| head.rmatch_indices(' ').next())
        && given.text.get(earlier + 1..at).is_some_and(|word| word == "mc" || word == "mac")
    {
        at = earlier;
    }
    family.text.push_str(given.text.get(at + 1..).unwrap_or_default());
    given.text.truncate(at);
}

/// Folded words of letters, one space apart.
#[derive(Default)]
struct Words {
    text: String,
}

impl Words {
    /// Adds the words of a text. What is in parentheses is a nickname or a note.
    fn add(&mut self, text: &str) {
        if text.len() > VALUE_BYTES_MAX {
            return;
        }
        let mut folded = String::with_capacity(text.len());
        fold(text, &mut folded);
        self.text.reserve(folded.len() + 1);
        let mut depth = 0_u32;
        let mut begins = true;
        for letter in folded.chars() {
            match letter {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ if is_letter(letter) => {
                    if begins && !self.text.is_empty() {
                        self.text.push(' ');
                    }
                    begins = false;
                    self.text.push(letter);
                }
                '.' | ',' | '/' | '_' | '+' | '&' | ';' => begins = true,
                _ if letter.is_whitespace() || is_dash(letter) => begins = true,
                // Digits that a generator appended, apostrophes, and whatever else is no letter.
                _ => {}
            }
        }
    }

    fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split(' ').filter(|word| !word.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn clear(&mut self) {
        self.text.clear();
    }

    /// Takes `Dr.` and the like away from the beginning, while a word remains.
    fn drop_prefixes(&mut self) {
        while let Some((first, rest)) = self.text.split_once(' ')
            && PREFIXES.contains(&first)
        {
            self.text = rest.to_owned();
        }
    }

    /// Takes `Jr.` and the like away from the end, while a word remains.
    fn drop_suffixes(&mut self) {
        while let Some((rest, last)) = self.text.rsplit_once(' ')
            && SUFFIXES.contains(&last)
        {
            let length = rest.len();
            self.text.truncate(length);
        }
    }

    /// The first word that is no initial.
    fn first_name(&self) -> Option<&str> {
        self.words().find(|word| !is_initial(word))
    }

    /// Makes one word of `O Brien` and `Mac Donald`.
    fn join_particles(&mut self) {
        if !self.text.contains(' ') {
            return;
        }
        let mut out = String::with_capacity(self.text.len());
        let mut joins = true;
        for word in self.words() {
            if !joins {
                out.push(' ');
            }
            out.push_str(word);
            joins = JOINED.contains(&word);
        }
        self.text = out;
    }
}

/// One ASCII letter. One character of another script can be a whole name.
fn is_initial(word: &str) -> bool {
    word.len() == 1
}

const PREFIXES: [&str; 17] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "doctor",
    "prof",
    "professor",
    "rev",
    "reverend",
    "sir",
    "dame",
    "herr",
    "frau",
    "sra",
    "srta",
];

const SUFFIXES: [&str; 14] =
    ["jr", "sr", "ii", "iii", "iv", "md", "phd", "dds", "dmd", "dvm", "rn", "esq", "cpa", "facp"];

/// Read as such only after a comma, for they are names too.
const DEGREES: [&str; 9] = ["do", "pa", "np", "v", "vi", "mba", "ma", "ba", "bsc"];

/// Words that belong to the family name after them.
const JOINED: [&str; 4] = ["o", "d", "mc", "mac"];

/// What is written where a name is not known, or not given yet.
const PLACEHOLDERS: [&str; 28] = [
    "unknown",
    "unk",
    "unnamed",
    "anonymous",
    "anon",
    "none",
    "null",
    "nil",
    "na",
    "nan",
    "noname",
    "notknown",
    "undefined",
    "test",
    "testing",
    "patient",
    "doe",
    "xxx",
    "xxxx",
    "tbd",
    "baby",
    "babyboy",
    "babygirl",
    "newborn",
    "infant",
    "twin",
    "male",
    "female",
];

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn check(given: &[&str], family: &str, whole: &str, want: &[&str]) {
        let some = |text: &'static str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        let name = Name {
            given: given.iter().map(|text| Cow::Owned((*text).to_owned())).collect(),
            family: some(family.to_owned().leak()),
            whole: some(whole.to_owned().leak()),
            ..Name::default()
        };
        let mut found = Vec::new();
        pairs(&name, |one, other| found.push(format!("{one} {other}")));
        assert_eq!(found, want, "{given:?} {family:?} {whole:?}");
    }

    #[test]
    fn spellings_of_one_name_are_one_pair() {
        let ada = &["ada bell"][..];
        for (given, family) in [
            (&["Ada"][..], "Bell"),
            (&["Ada", "Xenia"], "Bell"),
            (&["Ada Xenia"], "BELL"),
            (&["Ada454", "Xenia801"], "Bell723"),
            (&["Áda"], "Béll"),
            (&["X.", "Ada"], "Bell"),
            (&["Dr. Ada"], "Bell Jr."),
            (&["Ada (Addie)"], "Bell III"),
            (&["Bell"], "Ada"),
            (&["Ada-Xenia"], "Bell"),
        ] {
            check(given, family, "", ada);
        }
        for whole in [
            "Ada Bell",
            "Mrs. Ada X. Bell",
            "Ada454 Xenia801 Bell723",
            "Bell, Ada X.",
            "BELL, Dr. Ada, PhD",
            "Ada Bell, MD",
            "Ada Bell Jr.",
            "Bell Ada",
            "Dr.Ada Bell",
        ] {
            check(&[], "", whole, ada);
            check(&["Ada"], "", whole, ada);
        }
        check(&["Ada"], "Bell", "Somebody Else", ada);
    }

    #[test]
    fn a_family_name_of_several_words_is_known_by_its_last_and_by_all() {
        for family in ["Smith-Jones", "Smith Jones", "SMITH‐JONES"] {
            check(&["Ada"], family, "", &["ada jones", "ada smithjones"]);
        }
        check(&["Ada"], "SmithJones", "", &["ada smithjones"]);
        check(&[], "", "Ada Smith Jones", &["ada jones"]);
        check(&["Ada"], "de la Cruz", "", &["ada cruz", "ada delacruz"]);
        for family in ["O'Brien", "O’Brien", "O Brien", "OBrien", "o'brien"] {
            check(&["Ada"], family, "", &["ada obrien"]);
        }
        check(&[], "", "Ada Mc Donald", &["ada mcdonald"]);
        check(&["花子"], "山田", "", &["山田 花子"]);
        check(&["静"], "李", "", &["李 静"]);
    }

    #[test]
    fn what_is_no_name_gives_none() {
        for (given, family, whole) in [
            (&[][..], "Bell", ""),
            (&["Ada"], "", ""),
            (&["A."], "Bell", ""),
            (&["Ada"], "B", ""),
            (&["Unknown"], "Bell", ""),
            (&["Baby Boy"], "Bell", ""),
            (&["John"], "Doe", ""),
            (&["Test"], "Patient", ""),
            (&["123"], "456", ""),
            (&[], "", "Ada"),
            (&[], "", "Ada,"),
            (&[], "", ", Ada"),
            (&[], "", "Dr. Bell"),
            (&[], "", "(Ada Bell)"),
        ] {
            check(given, family, whole, &[]);
        }
        check(&[&"Ada ".repeat(200)], "Bell", "", &[]);
    }
}
