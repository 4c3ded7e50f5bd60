//! Tables of facts: assigned area codes, postal prefixes of states, frequent names. Parsed once.

/// What signals look things up in.
#[derive(Debug)]
pub(crate) struct Facts {
    /// By area code less 200: `None` where it is assigned to nobody, else the states it serves.
    area_codes: Vec<Option<States>>,
    /// By the first three digits: the states they are in.
    postal_prefixes: Vec<States>,
    given_names: Words,
    family_names: Words,
    faker_js_family_names: Words,
    generator_names: Words,
    street_endings: Words,
}

/// A set of states, one bit each in the order of [`STATES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct States(u64);

/// A lower-case word of at most [`WORD_BYTES_MAX`] ASCII letters, for look-ups without allocating.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lower {
    bytes: [u8; WORD_BYTES_MAX],
    length: usize,
}

/// Longest word that is looked up, in bytes; no listed word is longer.
pub(crate) const WORD_BYTES_MAX: usize = 24;

impl Lower {
    /// The letters of `text` in lower case without apostrophes; nothing if there is another sign in it or it is too long.
    pub(crate) fn word(text: &str) -> Option<Self> {
        let mut word = Self { bytes: [0; WORD_BYTES_MAX], length: 0 };
        for byte in text.bytes().filter(|byte| *byte != b'\'') {
            if !byte.is_ascii_alphabetic() {
                return None;
            }
            *word.bytes.get_mut(word.length)? = byte.to_ascii_lowercase();
            word.length += 1;
        }
        (word.length > 0).then_some(word)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Facts {
    pub(crate) fn built_in() -> Self {
        let mut area_codes = vec![None; 800];
        for (number, states) in numbered(include_str!("../facts/area-codes.txt")) {
            if let Some(place) = number.checked_sub(200).and_then(|at| area_codes.get_mut(at)) {
                *place = Some(states);
            }
        }
        let mut postal_prefixes = vec![States::default(); 1000];
        for (number, states) in numbered(include_str!("../facts/zip-prefixes.txt")) {
            if let Some(place) = postal_prefixes.get_mut(number) {
                *place = states;
            }
        }
        Self {
            area_codes,
            postal_prefixes,
            given_names: Words::of(include_str!("../facts/given-names.txt")),
            family_names: Words::of(include_str!("../facts/family-names.txt")),
            faker_js_family_names: Words::of(include_str!("../facts/faker-js-family-names.txt")),
            generator_names: Words::of(include_str!("../facts/generator-names.txt")),
            street_endings: Words::of(include_str!("../facts/street-endings.txt")),
        }
    }

    /// The states of an area code: `None` if it is assigned to nobody, an empty set if to no one state.
    pub(crate) fn area_code(&self, code: usize) -> Option<States> {
        code.checked_sub(200).and_then(|at| self.area_codes.get(at)).copied().flatten()
    }

    pub(crate) fn postal_prefix(&self, prefix: usize) -> States {
        self.postal_prefixes.get(prefix).copied().unwrap_or_default()
    }

    pub(crate) fn is_given_name(&self, word: &[u8]) -> bool {
        self.given_names.contains(word)
    }

    pub(crate) fn is_family_name(&self, word: &[u8]) -> bool {
        self.family_names.contains(word) || self.faker_js_family_names.contains(word)
    }

    /// Whether it is a frequent name or one that generators make streets and cities of.
    pub(crate) fn is_name(&self, word: &[u8]) -> bool {
        self.is_given_name(word) || self.is_family_name(word) || self.generator_names.contains(word)
    }

    pub(crate) fn is_family_name_of_faker_js(&self, word: &[u8]) -> bool {
        self.faker_js_family_names.contains(word)
    }

    pub(crate) fn is_unusual_street_ending(&self, word: &[u8]) -> bool {
        self.street_endings.contains(word)
    }
}

impl States {
    /// The state with this name or code, in any case; nothing for what is no state.
    pub(crate) fn called(text: &str) -> Option<Self> {
        let text = text.trim();
        STATES
            .iter()
            .position(|(code, name)| code.eq_ignore_ascii_case(text) || name.eq_ignore_ascii_case(text))
            .map(|at| Self(1 << at))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn shares(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The states, the district and the territories, in the order of their bits.
const STATES: [(&str, &str); 59] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
    ("AS", "American Samoa"),
    ("GU", "Guam"),
    ("MP", "Northern Mariana Islands"),
    ("PR", "Puerto Rico"),
    ("VI", "Virgin Islands"),
    // Military post offices are addressed as states.
    ("AA", "Armed Forces Americas"),
    ("AE", "Armed Forces Europe"),
    ("AP", "Armed Forces Pacific"),
];

/// The lines `number STATE,STATE` of a table; `#` begins a comment, `-` is no state.
fn numbered(text: &'static str) -> impl Iterator<Item = (usize, States)> {
    lines(text).filter_map(|line| {
        let (number, names) = line.split_once(' ')?;
        let states = names.split(',').filter_map(States::called).fold(0, |all, state| all | state.0);
        Some((number.parse().ok()?, States(states)))
    })
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

/// A set of lower-case words: open addressing in a power of two, at most half full.
#[derive(Debug)]
struct Words {
    places: Vec<&'static str>,
}

impl Words {
    fn of(text: &'static str) -> Self {
        let words: Vec<&str> = lines(text).flat_map(str::split_whitespace).collect();
        let mut places = vec![""; (words.len() * 2).next_power_of_two().max(2)];
        let mask = places.len() - 1;
        for word in words {
            let mut at = hash(word.as_bytes()) & mask;
            while places.get(at).is_some_and(|place| !place.is_empty() && *place != word) {
                at = (at + 1) & mask;
            }
            if let Some(place) = places.get_mut(at) {
                *place = word;
            }
        }
        Self { places }
    }

    fn contains(&self, word: &[u8]) -> bool {
        let mask = self.places.len() - 1;
        let mut at = hash(word) & mask;
        loop {
            match self.places.get(at) {
                Some(&"") | None => return false,
                Some(place) if place.as_bytes() == word => return true,
                Some(_) => at = (at + 1) & mask,
            }
        }
    }
}

/// FNV-1a: short words, a fixed list, nobody who could choose collisions to gain by.
fn hash(word: &[u8]) -> usize {
    let mixed = word.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    usize::try_from((mixed ^ (mixed >> 32)) & 0xFFFF_FFFF).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_everybody_can_look_up() {
        let facts = Facts::built_in();
        let state = |name| States::called(name).unwrap();
        assert!(facts.area_code(212).unwrap().shares(state("NY")));
        assert!(facts.area_code(800).unwrap().is_empty(), "a free call is in no state");
        assert_eq!(facts.area_code(555), None);
        assert_eq!(facts.area_code(199), None);
        assert!(facts.postal_prefix(902).shares(state("california")));
        assert!(!facts.postal_prefix(902).shares(state("Texas")));
        assert!(facts.is_family_name(b"smith") && facts.is_given_name(b"mary"));
        assert!(facts.is_family_name_of_faker_js(b"mosciski"));
        assert!(!facts.is_name(b"") && !facts.is_name(b"xqzt"));
        assert!(facts.is_unusual_street_ending(b"mews") && !facts.is_unusual_street_ending(b"street"));
    }
}
