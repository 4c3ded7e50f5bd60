//! Finding a field by its name: a small hash table, made once a list and asked for every field of every record.

use super::Field;
use crate::{canonical, record::Form};

/// The names of a list, hashed; and each as it stands in canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    // Positions of fields, or VACANT. INVARIANT: a power of two long, at least one is vacant.
    slots: Vec<u16>,
    /// For each field `"Name":`.
    pub(super) quoted: Vec<Vec<u8>>,
}

const VACANT: u16 = u16::MAX;

impl Names {
    /// The names of these fields, which are distinct even without ASCII case and fewer than [`VACANT`].
    pub(super) fn of(fields: &[Field]) -> Self {
        let mut names =
            Self { slots: vec![VACANT; (fields.len() * 2 + 1).next_power_of_two()], quoted: Vec::new() };
        for (at, field) in fields.iter().enumerate() {
            let mut quoted = Vec::with_capacity(field.name.len() + 3);
            canonical::write_text(&field.name, &mut quoted);
            quoted.push(b':');
            names.quoted.push(quoted);
            let mut place = names.place(&field.name);
            while names.slots.get(place).is_some_and(|slot| *slot != VACANT) {
                place = (place + 1) & (names.slots.len() - 1);
            }
            if let Some(slot) = names.slots.get_mut(place) {
                *slot = u16::try_from(at).unwrap_or(VACANT);
            }
        }
        names
    }

    /// The position of the field called `name`, in the manner of `form`.
    ///
    /// Bounds: about one comparison; as many as there are fields for a list made to collide.
    pub(super) fn position(&self, fields: &[Field], form: Form, name: &str) -> Option<usize> {
        let mut place = self.place(name);
        loop {
            let slot = *self.slots.get(place)?;
            if slot == VACANT {
                return None;
            }
            let at = usize::from(slot);
            let found = fields.get(at).is_some_and(|field| match form {
                Form::Salesforce => field.name.eq_ignore_ascii_case(name),
                Form::Fhir | Form::Table | Form::Hl7v2 => field.name == name,
            });
            if found {
                return Some(at);
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }

    /// Where the search for a name begins: alike for all spellings of its ASCII letters.
    fn place(&self, name: &str) -> usize {
        let bytes = name.as_bytes();
        let tail = bytes.get(bytes.len().saturating_sub(8)..).unwrap_or_default();
        let mixed = (word(bytes) ^ word(tail).rotate_left(29) ^ bytes.len() as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // The upper bits are the well-mixed ones.
        usize::try_from(mixed >> 40).unwrap_or(0) & (self.slots.len() - 1)
    }
}

/// Up to eight bytes with bit 5 set, which makes a lower-case letter of an upper-case one.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from | 0x20);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{FieldList, Kind};

    proptest! {
        #[test]
        fn a_name_is_found_as_by_looking_at_all(
            names in proptest::collection::btree_set("[a-cA-C_é]{1,10}", 0..40),
            wanted in "[a-cA-C_é]{0,10}",
        ) {
            let field = |name: &String| Field { name: name.clone(), kind: Kind::Text, identity: false };
            let mut distinct: Vec<Field> = Vec::new();
            for name in &names {
                if !distinct.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
                    distinct.push(field(name));
                }
            }
            let list = FieldList::new(distinct).unwrap();
            for name in names.iter().chain([&wanted]) {
                let exact = list.fields.iter().position(|field| field.name == *name);
                let loose = list.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
                prop_assert_eq!(list.names.position(&list.fields, Form::Fhir, name), exact);
                prop_assert_eq!(list.names.position(&list.fields, Form::Salesforce, name), loose);
            }
        }
    }
}
