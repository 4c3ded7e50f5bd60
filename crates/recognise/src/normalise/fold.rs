//! Letters without their case, accents and compatibility forms: `José`, `JOSÉ` and `jose` are one text.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Appends `text` folded: NFKD, accents and vowel points removed, lower case, a few letters spelled in Latin ones.
///
/// Shape:  any text -> lower-case text; ASCII stays as long as it is.
/// Bounds: at most 18 times the input, as NFKD.
/// Source: spec/identity.md section 2; Unicode Standard Annex 15.
pub(super) fn fold(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    for letter in text.nfkd() {
        // An iota below is a letter in capitals.
        let letter = if letter == '\u{345}' { 'ι' } else { letter };
        if is_accent(letter) {
            continue;
        }
        for letter in letter.to_lowercase() {
            match letter {
                'ß' => out.push_str("ss"),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'þ' => out.push_str("th"),
                'ø' => out.push('o'),
                'đ' | 'ð' => out.push('d'),
                'ł' => out.push('l'),
                'ħ' => out.push('h'),
                'ı' => out.push('i'),
                'ς' => out.push('σ'),
                other => out.push(other),
            }
        }
    }
}

/// Whether a mark is an accent or a vowel point, without which the letters are still the same word. Vowel signs of
/// Indic scripts and the Japanese sound marks are not: without them it is another word.
fn is_accent(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Whether a folded character belongs to a word of letters.
pub(super) fn is_letter(letter: char) -> bool {
    if letter.is_ascii() {
        letter.is_ascii_lowercase()
    } else {
        letter.is_alphabetic() || is_combining_mark(letter)
    }
}

/// Whether a folded character is a hyphen or dash of any kind.
pub(super) fn is_dash(letter: char) -> bool {
    matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}' | '\u{58a}' | '\u{5be}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_fold_to_one_spelling() {
        for (text, want) in [
            ("ADA", "ada"),
            ("José", "jose"),
            ("Jose\u{301}", "jose"),
            ("JOSÉ", "jose"),
            ("ＡＤＡ", "ada"),
            ("Groß", "gross"),
            ("GROẞ", "gross"),
            ("Łukasz Ødegård", "lukasz odegard"),
            ("İpek Işık", "ipek isik"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
            ("Ὀδυσσεύς", "οδυσσευσ"),
            ("ﬁona", "fiona"),
            ("x²", "x2"),
            ("が", "か\u{3099}"),
        ] {
            let mut out = String::new();
            fold(text, &mut out);
            assert_eq!(out, want, "{text}");
        }
    }
}
