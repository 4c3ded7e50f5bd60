//! Which fields of a message say whom it is about.

/// The fields of a message type that identify, out of those that are present in a dataset.
///
/// Name and birth date, or identifiers if there is neither; further PID segments whole. None means that the whole
/// content identifies, which is the careful answer for a message that names nobody.
///
/// Shape:  message type and field names -> some of these names.
/// Source: spec/carriers.md section 5.5.
pub fn identity_fields(_object: &str, present: &[&str]) -> Vec<String> {
    let of = |wanted: &[&str]| -> Vec<String> {
        wanted.iter().filter(|name| present.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    let named = of(&["PID-5", "PID-7", "PID[2..]"]);
    if named.is_empty() { of(&["PID-3"]) } else { named }
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
            (&["MSA-1", "segments"], &[]),
        ] {
            assert_eq!(identity_fields("ADT", present), want);
        }
    }
}
