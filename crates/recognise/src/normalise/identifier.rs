//! Identifiers: who issued one, whatever they are called, and its letters and digits.

use super::fold::fold;

/// What a well-known system is called here, by any of its names: an address, an object id, an HL7 type, a word.
///
/// Source: spec/identity.md section 7; HL7 table 0203; FHIR R4 "Known Identifier Systems".
pub(crate) fn known_system(name: &str) -> Option<&'static str> {
    let name = name.trim();
    if name.len() > 100 {
        return None;
    }
    let bare = strip(strip(name, "urn:oid:"), "http://hl7.org/fhir/sid/");
    let found = SYSTEMS.iter().find(|(known, _)| known.eq_ignore_ascii_case(bare));
    // One arc for the driving licences of each state.
    let is_licence = || bare.starts_with("2.16.840.1.113883.4.3.");
    found.map(|(_, word)| *word).or_else(|| is_licence().then_some("driving-licence"))
}

fn strip<'t>(text: &'t str, prefix: &str) -> &'t str {
    match text.get(..prefix.len()) {
        Some(head) if head.eq_ignore_ascii_case(prefix) => text.get(prefix.len()..).unwrap_or_default(),
        _ => text,
    }
}

const SYSTEMS: [(&str, &str); 34] = [
    ("ssn", "ssn"),
    ("ss", "ssn"),
    ("usssa", "ssn"),
    ("us-ssn", "ssn"),
    ("2.16.840.1.113883.4.1", "ssn"),
    ("social security number", "ssn"),
    ("npi", "npi"),
    ("us-npi", "npi"),
    ("2.16.840.1.113883.4.6", "npi"),
    ("mbi", "mbi"),
    ("us-mbi", "mbi"),
    ("2.16.840.1.113883.4.927", "mbi"),
    ("nhs", "nhs"),
    ("nhsnbr", "nhs"),
    ("nhsnmbr", "nhs"),
    ("nh", "nhs"),
    ("https://fhir.nhs.uk/id/nhs-number", "nhs"),
    ("2.16.840.1.113883.2.1.4.1", "nhs"),
    ("driving-licence", "driving-licence"),
    ("dl", "driving-licence"),
    ("dln", "driving-licence"),
    ("drivers license", "driving-licence"),
    ("driver's license number", "driving-licence"),
    ("driver's license", "driving-licence"),
    ("passport", "passport"),
    ("ppn", "passport"),
    ("passport number", "passport"),
    ("passport-usa", "passport"),
    ("http://standardhealthrecord.org/fhir/structuredefinition/passportnumber", "passport"),
    ("uuid", "uuid"),
    ("guid", "uuid"),
    ("urn:ietf:rfc:4122", "uuid"),
    ("urn:uuid", "uuid"),
    ("social-security", "ssn"),
];

/// Appends the system and the value, a NUL between them; false, and nothing appended, if they identify nobody.
///
/// A UUID is one thing's only, whoever says so: its system does not count. A word that names a kind of number and not
/// who gives it, such as `MRN`, is no system.
///
/// Source: spec/identity.md section 7.
pub(super) fn identifier(system: &str, value: &str, out: &mut String) -> bool {
    if value.len() > 200 || system.len() > 200 {
        return false;
    }
    let value = strip(value.trim(), "urn:uuid:");
    let start = out.len();
    let known = if is_uuid(value) { Some("uuid") } else { known_system(system) };
    if let Some(word) = known {
        out.push_str(word);
    } else {
        fold(system.trim().trim_end_matches('/'), out);
        if out.get(start..).is_none_or(|system| system.is_empty() || VAGUE.contains(&system)) {
            out.truncate(start);
            return false;
        }
    }
    out.push('\0');
    let begins = out.len();
    let mut folded = String::with_capacity(value.len());
    fold(value, &mut folded);
    out.extend(folded.chars().filter(|letter| letter.is_alphanumeric()));
    let is_somebody = out.get(begins..).is_some_and(|text| is_somebody(known, &folded, text));
    if !is_somebody {
        out.truncate(start);
    }
    is_somebody
}

fn is_somebody(system: Option<&str>, written: &str, text: &str) -> bool {
    let is_same = text.chars().zip(text.chars().skip(1)).all(|(one, next)| one == next);
    let is_masked = written.contains('*') || text.contains("xxx");
    if text.len() < 3 || is_same || is_masked || PLACEHOLDERS.contains(&text) {
        return false;
    }
    let digits = |count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    match system {
        Some("ssn") => digits(9) && !SSN_PLACEHOLDERS.contains(&text),
        Some("npi" | "nhs") => digits(10),
        Some("uuid") => text.len() == 32,
        _ => text.bytes().any(|byte| byte.is_ascii_digit()),
    }
}

/// Whether a value is a UUID, which needs no system to be one thing's only.
pub(crate) fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Kinds of numbers that many give: HL7 table 0203 and plain words.
const VAGUE: [&str; 24] = [
    "mr",
    "mrn",
    "mrt",
    "pi",
    "pt",
    "pn",
    "an",
    "vn",
    "id",
    "ids",
    "identifier",
    "internal",
    "external",
    "local",
    "ei",
    "en",
    "medical record number",
    "medical-record-number",
    "patient",
    "patient id",
    "member id",
    "account number",
    "other",
    "null",
];

const PLACEHOLDERS: [&str; 9] =
    ["123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "1234567890", "0123456789"];

/// Printed in advertisements and forms, or shorthand for "not known".
///
/// Source: spec/identity.md section 7; Social Security Administration, "Meaning of the SSN".
const SSN_PLACEHOLDERS: [&str; 6] =
    ["123456789", "987654321", "078051120", "219099999", "012345678", "123121234"];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(system: &str, value: &str) -> String {
        let mut out = "before".to_owned();
        let found = identifier(system, value, &mut out);
        let rest = out.strip_prefix("before").unwrap();
        assert_eq!(found, !rest.is_empty(), "{system} {value}");
        rest.replace('\0', " ")
    }

    #[test]
    fn spellings_of_one_identifier_are_one() {
        for (system, value) in [
            ("ssn", "999-53-8547"),
            ("SS", "999538547"),
            ("USSSA", " 999 53 8547 "),
            ("http://hl7.org/fhir/sid/us-ssn", "999-53-8547"),
            ("urn:oid:2.16.840.1.113883.4.1", "999.53.8547"),
            ("2.16.840.1.113883.4.1", "999-53-8547"),
        ] {
            assert_eq!(of(system, value), "ssn 999538547", "{system} {value}");
        }
        for system in ["DL", "urn:oid:2.16.840.1.113883.4.3.25", "driving-licence"] {
            assert_eq!(of(system, "s9991-7151"), "driving-licence s99917151");
        }
        for system in ["", "uuid", "http://hospital.example.org", "MR"] {
            assert_eq!(
                of(system, "001EA705-d3ba-5329-0b27-a7fbde2f4007"),
                "uuid 001ea705d3ba53290b27a7fbde2f4007"
            );
        }
        assert_eq!(of("http://Hospital.example.org/", "A-17 b"), "http://hospital.example.org a17b");
    }

    #[test]
    fn what_identifies_nobody_gives_none() {
        for (system, value) in [
            ("ssn", "000-00-0000"),
            ("ssn", "999-99-9999"),
            ("ssn", "123-45-6789"),
            ("ssn", "078-05-1120"),
            ("ssn", "xxx-xx-8547"),
            ("ssn", "***-**-8547"),
            ("ssn", "8547"),
            ("ssn", "99953854a"),
            ("npi", "123"),
            ("", "A17345"),
            ("MRN", "A17345"),
            ("MR", "A17345"),
            ("http://hospital.example.org", ""),
            ("http://hospital.example.org", "-"),
            ("http://hospital.example.org", "unknown"),
            ("http://hospital.example.org", "N/A"),
            ("http://hospital.example.org", "0000000"),
            ("http://hospital.example.org", "12345"),
        ] {
            assert_eq!(of(system, value), "", "{system} {value}");
        }
        assert_eq!(of("http://hospital.example.org", &"7a".repeat(200)), "");
    }
}
