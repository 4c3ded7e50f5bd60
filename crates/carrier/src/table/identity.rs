//! Which columns of a table say whom a row is about.

/// The columns of a table that say who a row is about, out of those that are present.
///
/// Names and birth dates in the spellings that exports use, and beside them whatever could be a name: of what is left out, a
/// mark says nothing if it changes. None means that the whole row identifies: so it does where there is no whole name and no
/// family name, for many people are born on one day, and many have one given name.
///
/// Shape:  table and column names -> some of these names.
/// Source: spec/carriers.md section 4.2.
pub fn identity_columns(_table: &str, present: &[&str]) -> Vec<String> {
    let found: Vec<(&str, Identifying)> =
        present.iter().filter_map(|name| identifying(name).map(|part| (*name, part))).collect();
    if !found.iter().any(|(_, part)| *part == Identifying::Name) {
        return Vec::new();
    }
    found.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// What a column says of whom a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identifying {
    /// Enough, with whatever else there is.
    Name,
    /// Too little by itself.
    Further,
}

/// `patient_last_name`, `NAME_LAST`, `surname1` and `acme__Last_Name__c` are one spelling each of what they say.
fn identifying(column: &str) -> Option<Identifying> {
    let lower = column.to_lowercase();
    let custom = lower.strip_suffix("__c").or_else(|| lower.strip_suffix("__pc"));
    let local = custom.map_or(lower.as_str(), |base| base.rsplit_once("__").map_or(base, |(_, local)| local));
    let letters: String = local.chars().map(plain).filter(char::is_ascii_alphanumeric).collect();
    let whole = letters.trim_end_matches(|last: char| last.is_ascii_digit());
    let mut word = whole;
    loop {
        if NAMES.contains(&word) {
            return Some(Identifying::Name);
        }
        if FURTHER.contains(&word) {
            return Some(Identifying::Further);
        }
        let Some(rest) = WHOSE.iter().find_map(|whose| word.strip_prefix(whose)) else { break };
        word = rest;
    }
    could_be_a_name(local, whole).then_some(Identifying::Further)
}

/// Whether a column that nobody here knows could hold a name: `patient_nm`, `cust_fn`, `second_apellido`, `имя`.
fn could_be_a_name(local: &str, letters: &str) -> bool {
    let words = || local.split(|letter: char| !letter.is_alphanumeric());
    if letters.strip_suffix("name").is_some_and(|of| THINGS.iter().any(|thing| of.ends_with(thing))) {
        return false;
    }
    // Of another writing than ours nothing is known.
    local.chars().any(|letter| letter.is_alphabetic() && !plain(letter).is_ascii())
        || HELD.iter().any(|held| letters.contains(held))
        || words().any(|word| SHORT.contains(&word.trim_end_matches(|last: char| last.is_ascii_digit())))
        || ENDS.iter().any(|end| letters.ends_with(end))
}

/// A letter without its accent, of the languages whose words are below.
fn plain(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'ç' | 'ć' => 'c',
        'é' | 'è' | 'ê' | 'ë' | 'ę' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' => 'n',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ś' => 's',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ź' | 'ż' => 'z',
        other => other,
    }
}

/// Whole names and family names, without punctuation, accents and case.
const NAMES: [&str; 33] = [
    "achternaam",
    "apellido",
    "apellidos",
    "cognome",
    "displayname",
    "efternamn",
    "efternavn",
    "familienname",
    "family",
    "familyname",
    "fullname",
    "last",
    "lastname",
    "lname",
    "naam",
    "nachname",
    "name",
    "namefull",
    "namelast",
    "nazwisko",
    "nom",
    "nombre",
    "nombrecompleto",
    "nomcomplet",
    "nomdefamille",
    "nome",
    "nomecompleto",
    "noms",
    "sobrenome",
    "sukunimi",
    "surname",
    "surnames",
    "wholename",
];

/// Given and middle names, and birth dates.
const FURTHER: [&str; 40] = [
    "bday",
    "birthdate",
    "birthdatetime",
    "birthday",
    "birthdt",
    "borndate",
    "bornon",
    "christianname",
    "datebirth",
    "datedenaissance",
    "datenaissance",
    "dateofbirth",
    "dob",
    "etunimi",
    "fechadenacimiento",
    "fechanacimiento",
    "first",
    "firstname",
    "firstnames",
    "fname",
    "forename",
    "fornamn",
    "fornavn",
    "geboortedatum",
    "geburtsdatum",
    "given",
    "givenname",
    "givennames",
    "imie",
    "middle",
    "middlename",
    "mname",
    "namefirst",
    "namemiddle",
    "nombredepila",
    "prenom",
    "prenoms",
    "voornaam",
    "vorname",
    "vornamen",
];

/// Words in front that say whose it is.
const WHOSE: [&str; 12] = [
    "beneficiary",
    "client",
    "contact",
    "current",
    "customer",
    "legal",
    "member",
    "paciente",
    "patient",
    "person",
    "pt",
    "subscriber",
];

/// What a longer word holds that could be a name.
const HELD: [&str; 17] = [
    "apellid", "cognom", "etunimi", "forenam", "fornam", "fornavn", "imie", "naam", "nachn", "name",
    "nazwisk", "nombre", "prenom", "sukunimi", "surn", "voorn", "vorn",
];

/// Words that by themselves could be names, in short.
const SHORT: [&str; 15] = [
    "alias", "first", "fn", "fnm", "given", "initials", "last", "ln", "lnm", "nick", "nm", "nom", "nome",
    "noms", "sn",
];

/// What has a name and is no person.
const THINGS: [&str; 55] = [
    "brand",
    "building",
    "city",
    "clinic",
    "column",
    "company",
    "country",
    "county",
    "department",
    "device",
    "district",
    "document",
    "drug",
    "employer",
    "event",
    "facility",
    "file",
    "folder",
    "generic",
    "group",
    "hospital",
    "host",
    "insurance",
    "lab",
    "medication",
    "medicine",
    "month",
    "org",
    "organisation",
    "organization",
    "payer",
    "pharmacy",
    "plan",
    "policy",
    "practice",
    "procedure",
    "product",
    "program",
    "project",
    "queue",
    "room",
    "school",
    "sheet",
    "site",
    "species",
    "state",
    "street",
    "system",
    "table",
    "team",
    "test",
    "town",
    "trade",
    "unit",
    "ward",
];

/// What ends a word that could be a name.
const ENDS: [&str; 3] = ["nm", "fname", "lname"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_specification() {
        let spec: serde_json::Value =
            serde_json::from_str(include_str!("../../../../spec/column-names.json")).unwrap();
        let lists: [(&str, &[&str]); 7] = [
            ("whose", &WHOSE),
            ("names", &NAMES),
            ("further", &FURTHER),
            ("held", &HELD),
            ("ends", &ENDS),
            ("words", &SHORT),
            ("things", &THINGS),
        ];
        for (name, words) in lists {
            assert_eq!(spec[name], serde_json::json!(words), "{name}");
        }
    }
}
