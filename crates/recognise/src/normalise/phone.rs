//! Telephone numbers: E.164 out of the ways people write them.

use super::fold::fold;

/// The numbers that a text can be read as, each as `+` and digits: none, one, or two.
///
/// A number without a country code belongs to the address's country, or to North America: a number with the shape of a
/// North American one is read so too, for the address may be lost on the way.
///
/// Shape:  `(212) 555-0143 x12` -> `+12125550143`; `00 44 20 7946 0143` -> `+442079460143`. The extension is left out.
/// Bounds: texts of up to 60 bytes; numbers of 7 to 15 digits.
/// Source: spec/identity.md section 6; ITU-T E.164 section 6.
pub(super) fn phone(text: &str, country: Option<Plan>, mut emit: impl FnMut(&str)) {
    let Some(number) = Dialled::read(text) else { return };
    let mut buffer = Number::default();
    if number.is_international {
        if buffer.set("", number.digits()) {
            emit(buffer.text());
        }
        return;
    }
    if let Some(plan) = country.filter(|plan| plan.code != "1") {
        let digits = number.digits();
        let national =
            if plan.trunk.is_empty() { digits } else { digits.strip_prefix(plan.trunk).unwrap_or(digits) };
        if (6..=12).contains(&national.len()) && buffer.set(plan.code, national) {
            emit(buffer.text());
        }
    }
    let digits = number.digits();
    let national = match digits.len() {
        11 => digits.strip_prefix('1'),
        10 => Some(digits),
        _ => None,
    };
    if let Some(national) = national.filter(|digits| !digits.starts_with(['0', '1']))
        && buffer.set("1", national)
    {
        emit(buffer.text());
    }
}

/// How a country writes numbers within itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    code: &'static str,
    /// What is dialled in front within the country, and not from abroad.
    trunk: &'static str,
}

impl Plan {
    /// The plan of a country by its name or ISO 3166 code, if it is in the list.
    pub(super) fn of(country: &str) -> Option<Self> {
        if country.len() > 60 {
            return None;
        }
        let mut folded = String::with_capacity(country.len());
        fold(country, &mut folded);
        folded.retain(|letter| letter.is_ascii_lowercase());
        let (_, code, trunk) = PLANS.iter().find(|(names, ..)| names.contains(&folded.as_str()))?;
        Some(Self { code, trunk })
    }
}

/// Countries by ISO 3166 codes and names, calling code, trunk prefix.
///
/// Source: ITU-T E.164 assigned country codes; E.129 national plans.
const PLANS: [(&[&str], &str, &str); 31] = [
    (
        &[
            "us",
            "usa",
            "unitedstates",
            "unitedstatesofamerica",
            "ca",
            "can",
            "canada",
            "pr",
            "pri",
            "puertorico",
        ],
        "1",
        "1",
    ),
    (&["gb", "gbr", "uk", "unitedkingdom", "greatbritain", "england", "scotland", "wales"], "44", "0"),
    (&["ie", "irl", "ireland"], "353", "0"),
    (&["de", "deu", "germany", "deutschland"], "49", "0"),
    (&["fr", "fra", "france"], "33", "0"),
    (&["es", "esp", "spain", "espana"], "34", ""),
    (&["it", "ita", "italy", "italia"], "39", ""),
    (&["pt", "prt", "portugal"], "351", ""),
    (&["nl", "nld", "netherlands", "nederland"], "31", "0"),
    (&["be", "bel", "belgium"], "32", "0"),
    (&["at", "aut", "austria", "osterreich"], "43", "0"),
    (&["ch", "che", "switzerland", "schweiz"], "41", "0"),
    (&["se", "swe", "sweden"], "46", "0"),
    (&["no", "nor", "norway"], "47", ""),
    (&["dk", "dnk", "denmark"], "45", ""),
    (&["fi", "fin", "finland"], "358", "0"),
    (&["pl", "pol", "poland"], "48", ""),
    (&["cz", "cze", "czechia", "czechrepublic"], "420", ""),
    (&["gr", "grc", "greece"], "30", ""),
    (&["tr", "tur", "turkey", "turkiye"], "90", "0"),
    (&["il", "isr", "israel"], "972", "0"),
    (&["za", "zaf", "southafrica"], "27", "0"),
    (&["in", "ind", "india"], "91", "0"),
    (&["cn", "chn", "china"], "86", "0"),
    (&["jp", "jpn", "japan"], "81", "0"),
    (&["kr", "kor", "southkorea", "republicofkorea"], "82", "0"),
    (&["sg", "sgp", "singapore"], "65", ""),
    (&["au", "aus", "australia"], "61", "0"),
    (&["nz", "nzl", "newzealand"], "64", "0"),
    (&["mx", "mex", "mexico"], "52", ""),
    (&["br", "bra", "brazil", "brasil"], "55", "0"),
];

/// The digits that are dialled, without extension.
struct Dialled {
    digits: [u8; 20],
    start: usize,
    length: usize,
    is_international: bool,
}

impl Dialled {
    fn read(text: &str) -> Option<Self> {
        if text.len() > 60 {
            return None;
        }
        let mut folded = String::new();
        let text = if text.is_ascii() {
            text.trim()
        } else {
            fold(text, &mut folded);
            folded.trim()
        };
        let text = match text.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => text.get(4..).unwrap_or_default(),
            _ => text,
        };
        let number = without_extension(text)?;
        let plus = number.starts_with('+') || number.starts_with("(+");
        let is_abroad = plus || number.starts_with("00");
        let mut found = Self { digits: [0; 20], start: 0, length: 0, is_international: plus };
        let mut rest = number.chars().peekable();
        // `+44 (0)20`: the zero is dialled only without the code.
        let mut is_bracketed_zero = false;
        while let Some(letter) = rest.next() {
            match letter {
                '(' => is_bracketed_zero = is_abroad && rest.peek() == Some(&'0') && found.length > 0,
                '0' if is_bracketed_zero && rest.peek() == Some(&')') => is_bracketed_zero = false,
                '0'..='9' => {
                    *found.digits.get_mut(found.length)? = u8::try_from(letter).ok()?;
                    found.length += 1;
                }
                '+' if found.length == 0 => {}
                '+' | '*' | '#' | '@' => return None,
                other if other.is_alphanumeric() => return None,
                _ => {}
            }
        }
        if !plus {
            // `00` is how Europe dials abroad, `011` how North America does.
            for abroad in ["00", "011"] {
                if found.digits().starts_with(abroad) && found.length > 10 {
                    found.start = abroad.len();
                    found.is_international = true;
                    break;
                }
            }
        }
        Some(found)
    }

    fn digits(&self) -> &str {
        self.digits
            .get(self.start..self.length)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .unwrap_or_default()
    }
}

/// The number before an extension: `x12`, `ext. 12`, `#12`, `;ext=12`. None where something else than digits follows.
fn without_extension(text: &str) -> Option<&str> {
    let Some(at) =
        text.find(|letter: char| letter.is_ascii_alphabetic() || matches!(letter, '#' | ';' | ','))
    else {
        return Some(text);
    };
    let (number, extension) = (text.get(..at)?, text.get(at..)?);
    let extension = extension.trim_start_matches([',', ';', ' ']);
    let word = extension.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, after) = (extension.get(..word)?, extension.get(word..)?);
    let is_word = ["", "x", "ext", "extn", "extension"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let digits = after.trim_start_matches(['.', ':', '=', '#', ' ', '-']);
    let is_number = digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_word && is_number).then_some(number)
}

/// One E.164 number on the stack.
#[derive(Default)]
struct Number {
    bytes: [u8; 16],
    length: usize,
}

impl Number {
    /// Whether code and digits are a number that can be somebody's.
    fn set(&mut self, code: &str, digits: &str) -> bool {
        self.bytes = [b'+'; 16];
        self.length = 1 + code.len() + digits.len();
        let Some(room) = self.bytes.get_mut(1..self.length) else { return false };
        room.iter_mut().zip(code.bytes().chain(digits.bytes())).for_each(|(to, from)| *to = from);
        let whole = self.text();
        let is_north_american = whole.starts_with("+1");
        let is_long_enough = if is_north_american { self.length == 12 } else { self.length > 7 };
        is_long_enough && !whole.starts_with("+0") && !is_placeholder(whole)
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Whether the last seven digits are all the same, or count up.
fn is_placeholder(number: &str) -> bool {
    let last = number.as_bytes().get(number.len().saturating_sub(7)..).unwrap_or_default();
    let same = last.iter().all(|byte| Some(byte) == last.first());
    same || matches!(
        number,
        "+12345678901" | "+12345678900" | "+11234567890" | "+19876543210" | "+12345678910"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, country: &str, want: &[&str]) {
        let mut found = Vec::new();
        phone(text, Plan::of(country), |number| found.push(number.to_owned()));
        assert_eq!(found, want, "{text} in `{country}`");
    }

    #[test]
    fn spellings_of_one_number_are_one() {
        for text in [
            "(212) 555-0143",
            "212-555-0143",
            "212.555.0143",
            "2125550143",
            "1-212-555-0143",
            "+1 212 555 0143",
            "+1-212-555-0143",
            "001-212-555-0143",
            "0012125550143",
            "011 1 212 555 0143",
            "tel:+1-212-555-0143",
            "212-555-0143x598",
            "212-555-0143 x 598",
            "(212)555-0143 ext. 598",
            "212 555 0143 extension 598",
            "212 555 0143 #598",
            "+1-212-555-0143;ext=598",
            "212\u{a0}555\u{2011}0143",
            "２１２ ５５５ ０１４３",
            " 212 / 555 0143 ",
        ] {
            for country in ["", "US", "Canada"] {
                check(text, country, &["+12125550143"]);
            }
        }
        for text in [
            "020 7946 0143",
            "(020) 7946-0143",
            "+44 20 7946 0143",
            "+44 (0)20 7946 0143",
            "0044 20 7946 0143",
        ] {
            check(text, "GBR", &["+442079460143"]);
        }
        check("06 1234 5678", "Italia", &["+390612345678"]);
    }

    #[test]
    fn a_north_american_shape_is_read_so_in_any_country() {
        check("212-555-0143", "Germany", &["+492125550143", "+12125550143"]);
        check("212-555-0143", "Atlantis", &["+12125550143"]);
        check("+1 212 555 0143", "Germany", &["+12125550143"]);
    }

    #[test]
    fn what_is_no_number_gives_none() {
        for text in [
            "",
            "555-0143",
            "1-800-FLOWERS",
            "212-555-0143 or 212-555-0144",
            "212-555-0143, 212-555-0144",
            "212-555-0143/212-555-0144",
            "000-000-0000",
            "555-555-5555",
            "123-456-7890",
            "+1 234 567 8900",
            "012-555-0143",
            "+1 212 555 014",
            "+123456",
            "+1234567890123456",
            "020 7946 0143",
            "unknown",
            "ada@example.org",
            "2125550143 x",
            "212+5550143",
            "*67 212 555 0143",
        ] {
            let want: &[&str] = if text == "2125550143 x" { &["+12125550143"] } else { &[] };
            check(text, "", want);
        }
        check(&"1".repeat(100), "", &[]);
    }
}
