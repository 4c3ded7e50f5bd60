//! Which fields of a message say whom it is about.

use mark::Form;

/// The fields of a message type that identify, out of those that are present in a dataset.
///
/// Name and birth date, or identifiers if there is neither, and whoever else is named: further PID segments whole, and whom a
/// merge ends. None means that the whole content identifies, which is the careful answer for a message that names nobody.
/// What names somebody else and is not in the dataset at all needs no field here: [`Form::others`].
///
/// Shape:  message type and field names -> some of these names.
/// Source: spec/hl7v2.md section 5.
pub fn identity_fields(_object: &str, present: &[&str]) -> Vec<String> {
    let of = |wanted: &[&str]| -> Vec<String> {
        wanted.iter().filter(|name| present.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    let mut named = of(&["PID-5", "PID-7"]);
    if named.is_empty() {
        named = of(&["PID-3"]);
    }
    if !named.is_empty() {
        named.extend(of(Form::Hl7v2.others()));
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_name_and_a_birth_date() {
        for (present, want) in [
            (&["PID-3", "PID-5", "PID-7", "PV1-2"][..], &["PID-5", "PID-7"][..]),
            (&["PID-5", "PID[2..]"], &["PID-5", "PID[2..]"]),
            (&["PID-3", "PID-8"], &["PID-3"]),
            (&["PID-3", "PID[2..]"], &["PID-3", "PID[2..]"]),
            (&["PID-3", "PID-5", "MRG-1", "MRG-2", "MRG-7"], &["PID-5", "MRG-1", "MRG-7"]),
            (&["PID[2..]"], &[]),
            (&["MSA-1", "segments"], &[]),
        ] {
            assert_eq!(identity_fields("ADT", present), want);
        }
    }
}
