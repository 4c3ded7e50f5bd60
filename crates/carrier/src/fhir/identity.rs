//! Which elements of a resource say who it is about.

use super::PERSONS;

/// The elements of a resource type that identify, out of those that are present in a dataset.
///
/// None means that the whole content identifies: any change then makes a mark a transplanted one, which is the
/// careful answer for a resource whose subject is only a reference that servers rewrite.
///
/// Shape:  resource type and element names -> some of these names.
/// Source: spec/carriers.md section 3.4.
pub fn identity_elements(object: &str, present: &[&str]) -> Vec<String> {
    let of = |wanted: &[&str]| -> Vec<String> {
        wanted.iter().filter(|name| present.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    if PERSONS.contains(&object) {
        let named = of(&["name", "birthDate"]);
        return if named.is_empty() { of(&["identifier"]) } else { named };
    }
    match object {
        "Appointment" => of(&["start", "end", "participant"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_name_and_a_birth_date() {
        for (object, present, want) in [
            ("Patient", &["birthDate", "gender", "name"][..], &["name", "birthDate"][..]),
            ("Practitioner", &["identifier", "name"], &["name"]),
            ("Patient", &["gender", "identifier"], &["identifier"]),
            ("Appointment", &["start", "status"], &["start"]),
            ("Observation", &["code", "subject"], &[]),
        ] {
            assert_eq!(identity_elements(object, present), want, "{object}");
        }
    }
}
