//! Field names: which are Eosin's own, which no mark covers, and which say who a record is about.

/// The custom object that holds a dataset's manifest and receipt.
pub const DATASET_OBJECT: &str = "Eosin_Dataset__c";

/// One of Eosin's own fields on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Own {
    /// `Eosin_Synthetic__c`, a checkbox.
    Synthetic,
    /// `Eosin_Subject__c`, a picklist.
    Subject,
    /// `Eosin_Authorship__c`, a picklist.
    Authorship,
    /// `Eosin_Dataset__c`, a lookup.
    Dataset,
    /// `Eosin_Mark_Id__c`, an external id.
    MarkId,
    /// `Eosin_Mark__c`, a long text.
    Mark,
}

impl Own {
    /// Every field, in the order they are written.
    pub(super) const ALL: [Self; 6] =
        [Self::Synthetic, Self::Subject, Self::Authorship, Self::Dataset, Self::MarkId, Self::Mark];

    /// Its API name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Synthetic => "Eosin_Synthetic__c",
            Self::Subject => "Eosin_Subject__c",
            Self::Authorship => "Eosin_Authorship__c",
            Self::Dataset => "Eosin_Dataset__c",
            Self::MarkId => "Eosin_Mark_Id__c",
            Self::Mark => "Eosin_Mark__c",
        }
    }

    /// The field that `name` spells: ASCII case ignored, with or without a namespace, also as a person account has it.
    ///
    /// `Eosin_Mark__c`, `acme__eosin_mark__c`, `Eosin_Mark__pc`.
    pub(super) fn of(name: &str) -> Option<Self> {
        let base = without_suffix(name, "__c").or_else(|| without_suffix(name, "__pc"))?;
        let local = match base.split_once("__") {
            Some((namespace, local)) if is_namespace(namespace) => local,
            Some(_) => return None,
            None => base,
        };
        Self::ALL.into_iter().find(|own| {
            without_suffix(own.name(), "__c").is_some_and(|wanted| wanted.eq_ignore_ascii_case(local))
        })
    }
}

/// Whether `name` is the way from a record to its dataset's row: `Eosin_Dataset__r`, perhaps with a field after it.
pub(super) fn is_dataset_relationship(name: &str) -> bool {
    let relation = name.split('.').next().unwrap_or_default();
    without_suffix(relation, "__r")
        .or_else(|| without_suffix(relation, "__pr"))
        .is_some_and(|base| Own::of(&format!("{base}__c")) == Some(Own::Dataset))
}

fn without_suffix<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    let at = name.len().checked_sub(suffix.len())?;
    name.get(at..)?.eq_ignore_ascii_case(suffix).then(|| name.get(..at)).flatten()
}

fn is_namespace(word: &str) -> bool {
    (1..=15).contains(&word.len())
        && word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether no mark covers the field: what the server owns, and references, which differ between orgs.
///
/// Source: spec/carriers.md section 2.2.
pub(super) fn is_uncovered(name: &str) -> bool {
    name.eq_ignore_ascii_case("attributes")
        || is_reference(name)
        || is_dataset_relationship(name)
        || SYSTEM.iter().any(|system| name.eq_ignore_ascii_case(system))
}

const SYSTEM: [&str; 14] = [
    "CreatedDate",
    "LastModifiedDate",
    "SystemModstamp",
    "LastViewedDate",
    "LastReferencedDate",
    "LastActivityDate",
    "LastCURequestDate",
    "LastCUUpdateDate",
    "IsDeleted",
    "IsPersonAccount",
    "PhotoUrl",
    "Jigsaw",
    "CleanStatus",
    // Bulk results put these in front of the columns that were sent; `sf__Id` is a reference anyway.
    "sf__Created",
];

/// `Id`, and standard fields that end in `Id`. Names such as `IsSelfPaid` and `Uuid` only look like it.
fn is_reference(name: &str) -> bool {
    let ends = |end: &str| {
        name.len()
            .checked_sub(end.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    ends("id") && !["paid", "uid", "valid", "openid"].into_iter().any(ends)
}

/// Whether `Name` is put together by the server from the parts of a person's name.
///
/// Always for contacts, leads and users; for an account if the record has a part of a person's name.
pub(super) fn has_compound_name<'n>(object: &str, mut names: impl Iterator<Item = &'n str>) -> bool {
    if ["Contact", "Lead", "User"].iter().any(|person| object.eq_ignore_ascii_case(person)) {
        return true;
    }
    object.eq_ignore_ascii_case("Account")
        && names.any(|name| name.eq_ignore_ascii_case("LastName") || name.eq_ignore_ascii_case("FirstName"))
}

/// The fields of `object` that say who or what a record is about, among those `present` in a dataset.
///
/// E-mail counts only where the dataset has no birth date: people change their address, not their birthday. For an
/// object not listed the answer is empty, and then the whole content is the identity.
///
/// Shape:  names in any case -> the same spellings.
/// Source: spec/carriers.md section 2.3.
pub fn identity_fields(object: &str, present: &[&str]) -> Vec<String> {
    let has = |name: &str| present.iter().any(|other| other.eq_ignore_ascii_case(name));
    let is = |name: &str| object.eq_ignore_ascii_case(name);
    let mut wanted: Vec<&str> = Vec::new();
    if is("Contact") || is("Lead") || is("User") {
        wanted.extend(["FirstName", "MiddleName", "LastName", "Birthdate"]);
        if !has("Birthdate") {
            wanted.push("Email");
        }
    } else if is("Account") {
        // `Name` is for the businesses among them: a person's row does not have it when it is read.
        wanted.extend(["FirstName", "MiddleName", "LastName", "PersonBirthdate", "Name"]);
        if !has("PersonBirthdate") {
            wanted.push("PersonEmail");
        }
    } else if is("ServiceAppointment") {
        wanted.extend(["Subject", "SchedStartTime", "SchedEndTime"]);
    } else if is("Event") {
        wanted.extend(["Subject", "StartDateTime", "EndDateTime"]);
    } else if is("Case") {
        wanted.extend(["Subject", "SuppliedName", "SuppliedEmail"]);
    }
    let found = present.iter().filter(|name| wanted.iter().any(|other| other.eq_ignore_ascii_case(name)));
    found.map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_fields_are_known_in_every_spelling() {
        for (name, want) in [
            ("Eosin_Mark__c", Some(Own::Mark)),
            ("EOSIN_MARK__C", Some(Own::Mark)),
            ("acme__Eosin_Mark__c", Some(Own::Mark)),
            ("Eosin_Mark__pc", Some(Own::Mark)),
            ("acme__eosin_mark_id__pc", Some(Own::MarkId)),
            ("Eosin_Dataset__c", Some(Own::Dataset)),
            ("Eosin_Mark", None),
            ("Eosin_Mark__x", None),
            ("a__b__Eosin_Mark__c", None),
            ("My_Eosin_Mark__c", None),
            ("Eosin_Dataset_Id__c", None),
            ("__c", None),
            ("ä__Eosin_Mark__c", None),
        ] {
            assert_eq!(Own::of(name), want, "{name}");
        }
        assert!(is_dataset_relationship("Eosin_Dataset__r"));
        assert!(is_dataset_relationship("acme__eosin_dataset__r.Eosin_Dataset_Id__c"));
        assert!(!is_dataset_relationship("Account"));
    }

    #[test]
    fn what_the_server_owns_is_not_covered() {
        for name in
            ["Id", "id", "AccountId", "accountid", "OwnerId", "RecordTypeId", "CreatedById", "SYSTEMMODSTAMP"]
        {
            assert!(is_uncovered(name), "{name}");
        }
        for name in ["LastName", "IsSelfPaid", "Uuid", "IsValid", "Ext_Id__c", "Name", "Birthdate", "id__c"] {
            assert!(!is_uncovered(name), "{name}");
        }
    }

    #[test]
    fn a_person_is_a_name_and_a_birth_date() {
        let check = |object: &str, present: &[&str], want: &[&str]| {
            assert_eq!(identity_fields(object, present), want, "{object} {present:?}");
        };
        check("Contact", &["Email", "LastName", "Phone"], &["Email", "LastName"]);
        check(
            "contact",
            &["birthdate", "Email", "FIRSTNAME", "LastName"],
            &["birthdate", "FIRSTNAME", "LastName"],
        );
        check("Account", &["Name", "Phone"], &["Name"]);
        check("Account", &["LastName", "PersonBirthdate", "PersonEmail"], &["LastName", "PersonBirthdate"]);
        check("ServiceAppointment", &["SchedStartTime", "Status", "Subject"], &["SchedStartTime", "Subject"]);
        check("Case", &["Subject", "SuppliedEmail"], &["Subject", "SuppliedEmail"]);
        check("HealthCondition", &["Name"], &[]);
    }
}
