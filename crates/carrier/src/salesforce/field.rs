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
        let local = without_namespace(base)?;
        Self::ALL.into_iter().find(|own| own.local().eq_ignore_ascii_case(local))
    }

    /// The field that a column of any table spells: as [`Self::of`], and as databases, reports and tables of text have it.
    ///
    /// `Eosin_Mark__c`, `EOSIN_MARK`, `eosin_mark`, `acme__eosin_mark`, `Eosin Mark`, `Eosin_Dataset__r.Eosin_Dataset_Id__c`.
    pub(super) fn in_table(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some(own) = Self::of(name) {
            return Some(own);
        }
        if is_dataset_relationship(name) {
            return Some(Self::Dataset);
        }
        let local = without_namespace(name)?;
        let letters = |text: &'_ str| text.bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<u8>>();
        let is_joined = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b'-');
        if local.len() > 32 || !local.bytes().all(is_joined) {
            return None;
        }
        let letters_of_name = letters(local);
        Self::ALL.into_iter().find(|own| letters(own.local()).eq_ignore_ascii_case(&letters_of_name))
    }

    /// The label that a column gives to another row than its own: `Contact.Eosin_Mark__c`. Its mark's short name is an
    /// external id, by which rows point at each other, and no label.
    pub(super) fn of_another_row(name: &str) -> Option<Self> {
        let (_, field) = name.rsplit_once('.')?;
        Self::in_table(field).filter(|own| own.tells() && !is_dataset_relationship(name))
    }

    /// Whether it says of a record what it is, rather than what it belongs to.
    pub(super) fn tells(self) -> bool {
        match self {
            Self::Synthetic | Self::Subject | Self::Mark => true,
            Self::Authorship | Self::Dataset | Self::MarkId => false,
        }
    }

    /// Its API name without what makes it a custom field.
    fn local(self) -> &'static str {
        without_suffix(self.name(), "__c").unwrap_or_default()
    }
}

/// Whether a column is a field of ours, in one of Salesforce's own spellings.
pub(crate) fn is_field_of_ours(name: &str) -> bool {
    Own::of(name).is_some() || is_dataset_relationship(name)
}

/// Which of our labels a column of any table holds, by their order.
pub(crate) fn label_of_column(name: &str) -> Option<usize> {
    let found = Own::in_table(name)?;
    Own::ALL.iter().position(|own| *own == found)
}

/// `Eosin_Mark` of `acme__Eosin_Mark`; nothing if what stands in front is no namespace.
fn without_namespace(base: &str) -> Option<&str> {
    match base.split_once("__") {
        Some((namespace, local)) if is_namespace(namespace) => Some(local),
        Some(_) => None,
        None => Some(base),
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
/// It is where the record has one of these parts; a name without them is content.
pub(super) fn has_compound_name<'n>(object: &str, mut names: impl Iterator<Item = &'n str>) -> bool {
    has_names_of_people(object)
        && names.any(|name| name.eq_ignore_ascii_case("LastName") || name.eq_ignore_ascii_case("FirstName"))
}

/// Whether rows of this object have the names of people.
pub(super) fn has_names_of_people(object: &str) -> bool {
    ["Account", "Contact", "Lead", "User"].iter().any(|person| object.eq_ignore_ascii_case(person))
}

/// The fields of `object` that say who or what a record is about, among those `present` in a dataset.
///
/// E-mail counts only where the dataset has no birth date: people change their address, not their birthday. For an
/// object not listed the answer is empty, and then the whole content is the identity; so it is where people have no
/// name, for many are born on one day.
///
/// Shape:  names in any case -> the same spellings.
/// Source: spec/carriers.md section 2.3.
pub fn identity_fields(object: &str, present: &[&str]) -> Vec<String> {
    let has = |name: &str| present.iter().any(|other| other.eq_ignore_ascii_case(name));
    let is = |name: &str| object.eq_ignore_ascii_case(name);
    let mut wanted: Vec<&str> = Vec::new();
    if is("Contact") || is("Lead") || is("User") {
        // `Name` is for rows without the others: the rest do not have it when they are read.
        wanted.extend(["FirstName", "MiddleName", "LastName", "Name", "Birthdate"]);
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
    if has_names_of_people(object) && !["FirstName", "LastName", "Name"].into_iter().any(has) {
        return Vec::new();
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
        for (name, want) in [
            ("Eosin_Mark__c", Some(Own::Mark)),
            ("EOSIN_MARK", Some(Own::Mark)),
            ("eosin_mark", Some(Own::Mark)),
            ("acme__Eosin_Mark", Some(Own::Mark)),
            ("Eosin Mark", Some(Own::Mark)),
            ("eosin-mark-id", Some(Own::MarkId)),
            ("EosinSynthetic", Some(Own::Synthetic)),
            ("Eosin_Dataset__r.Eosin_Dataset_Id__c", Some(Own::Dataset)),
            ("Contact.Eosin_Mark__c", None),
            ("Eosin_Mark__x", None),
            ("eosin_marks", None),
            ("my_eosin_mark", None),
            ("", None),
        ] {
            assert_eq!(Own::in_table(name), want, "{name}");
        }
        for (name, want) in [
            ("Contact.Eosin_Mark__c", Some(Own::Mark)),
            ("Case.Contact.acme__Eosin_Synthetic__c", Some(Own::Synthetic)),
            ("contact.eosin_subject", Some(Own::Subject)),
            ("Account.Eosin_Mark_Id__c", None),
            ("Eosin_Dataset__r.Eosin_Dataset_Id__c", None),
            ("Eosin_Mark__c", None),
        ] {
            assert_eq!(Own::of_another_row(name), want, "{name}");
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
        check("Contact", &["Birthdate", "Name", "Phone"], &["Birthdate", "Name"]);
        check("Contact", &["Birthdate", "MiddleName", "Phone"], &[]);
        check("Account", &["PersonBirthdate", "Phone"], &[]);
    }
}
