//! Where an event belongs: what it says of its class, against what its content is proven to be.

use carrier::webhook::{Class, Said};
use mark::{Verdict, VerdictName};

/// What the content of an event is, all of its records together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Every record is proven to be of this class.
    Proven(Class),
    /// Nothing is proven, and nothing speaks against anything; or there is no record.
    Open,
    /// Some are about persons, others are not.
    Mixed,
    /// A mark is moved or false, or a record cannot be read.
    Broken,
}

fn content(verdicts: &[Verdict]) -> Content {
    let count = |names: &[VerdictName]| verdicts.iter().filter(|one| names.contains(&one.name())).count();
    let attested = count(&[VerdictName::Attested]);
    if count(&[VerdictName::Transplanted, VerdictName::Forged, VerdictName::Unreadable]) > 0 {
        Content::Broken
    } else if count(&[VerdictName::Mixed]) > 0 || (attested > 0 && attested < verdicts.len()) {
        Content::Mixed
    } else if attested > 0 {
        Content::Proven(Class::Attested)
    } else if !verdicts.is_empty() && count(&[VerdictName::Synthetic]) == verdicts.len() {
        Content::Proven(Class::Synthetic)
    } else {
        Content::Open
    }
}

/// The endpoint that an event belongs to, or why nobody can say.
///
/// A class has to be said, and is believed where the content does not speak against it: for the better only with proof.
///
/// Source: spec/webhooks.md section 3.1.
pub(super) fn destination(said: Said, verdicts: &[Verdict]) -> Result<Class, &'static str> {
    match (said, content(verdicts)) {
        (_, Content::Broken) => {
            Err("it carries a mark that is moved or false, or a record that cannot be read")
        }
        (_, Content::Mixed) => Err("it carries records that belong to different endpoints"),
        (Said::Nothing, _) => Err("it does not say its class"),
        (Said::Other, _) => Err("it says a class that is none, or two"),
        (Said::Class(class), Content::Proven(proven)) if class == proven => Ok(class),
        (Said::Class(Class::Synthetic), Content::Open) => Ok(Class::Synthetic),
        (Said::Class(Class::Attested), Content::Open) => {
            Err("it says that it is attested, and nothing in it proves that")
        }
        (Said::Class(Class::Attested), Content::Proven(_)) => {
            Err("it says that it is attested, and its records are proven synthetic")
        }
        (Said::Class(Class::Synthetic), Content::Proven(_)) => {
            Err("it says that it is synthetic, and its records are attested")
        }
    }
}

/// Where an event goes that nobody sorts: to where its content belongs if that is proven, else where it says, else to
/// where it would have gone without us.
pub(super) fn fallback(said: Said, verdicts: &[Verdict]) -> Class {
    match (content(verdicts), said) {
        (Content::Proven(class), _)
        | (Content::Open | Content::Mixed | Content::Broken, Said::Class(class)) => class,
        (Content::Open | Content::Mixed | Content::Broken, Said::Nothing | Said::Other) => Class::Attested,
    }
}

/// Where an event goes that a person releases although it cannot be sorted; nothing where only the person can say.
///
/// What is proven synthetic, or attested, goes nowhere else whoever says so: not among others either.
pub(super) fn overruled(said: Said, verdicts: &[Verdict]) -> Option<Class> {
    let belongs = |class: &Class| {
        let other = match class {
            Class::Attested => VerdictName::Synthetic,
            Class::Synthetic => VerdictName::Attested,
        };
        verdicts.iter().all(|one| one.name() != other)
    };
    match (content(verdicts), said) {
        (Content::Proven(class), _) => Some(class),
        (Content::Open | Content::Mixed | Content::Broken, Said::Class(class)) => Some(class).filter(belongs),
        (Content::Open | Content::Mixed | Content::Broken, Said::Nothing | Said::Other) => None,
    }
}

#[cfg(test)]
mod tests {
    use mark::{Claim, Forgery, Unreadable};

    use super::*;

    #[test]
    fn a_class_is_believed_for_the_better_only_with_proof() {
        let unproven = || Verdict::Unproven(Claim::None);
        let unreadable = || Verdict::Unreadable(Unreadable::TooLong { limit: 1 });
        let says = |class| Said::Class(class);
        for (said, verdicts, want) in [
            (Said::Nothing, vec![unproven()], None),
            (Said::Other, vec![], None),
            (says(Class::Attested), vec![unproven()], None),
            (says(Class::Attested), vec![], None),
            (says(Class::Synthetic), vec![unproven()], Some(Class::Synthetic)),
            (says(Class::Synthetic), vec![], Some(Class::Synthetic)),
            (says(Class::Synthetic), vec![unproven(), unreadable()], None),
            (says(Class::Synthetic), vec![Verdict::Forged(Forgery::Receipt)], None),
        ] {
            assert_eq!(destination(said, &verdicts).ok(), want, "{said:?} {verdicts:?}");
        }
        assert_eq!(fallback(Said::Nothing, &[unproven()]), Class::Attested);
        assert_eq!(overruled(Said::Nothing, &[unproven()]), None);
        assert_eq!(overruled(says(Class::Attested), &[unproven()]), Some(Class::Attested));
    }
}
