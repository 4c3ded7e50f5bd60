//! What each column of a table holds: told by whoever knows the table, or guessed from the columns' names.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::spelling::{self, Field, Part};

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// First name, `given-name`.
    GivenName,
    /// Middle names or initials, `middle-name`.
    MiddleName,
    /// Last name, `family-name`.
    FamilyName,
    /// A whole name in one column, `whole-name`.
    WholeName,
    /// `Dr.` and the like, `prefix`.
    Prefix,
    /// `Jr.` and the like, `suffix`.
    Suffix,
    /// Date of birth, `birth-date`.
    BirthDate,
    /// An e-mail address, `email`.
    Email,
    /// A telephone number, `phone`.
    Phone,
    /// An identifier and who issues it, `identifier:SYSTEM`: `identifier:ssn`, `identifier:urn:oid:1.2.3`.
    Identifier(String),
    /// The first or only street line, or a whole address, `street`.
    Street,
    /// A further street line, `street-more`.
    StreetMore,
    /// `city`.
    City,
    /// `state`.
    State,
    /// `postal-code`.
    PostalCode,
    /// `country`.
    Country,
    /// Content that a mark covers and that says nothing of who it is, `covered`.
    Covered,
    /// Never covered by a mark: it changes on the way, `ignore`.
    Ignore,
}

impl Role {
    const PLAIN: [Self; 17] = [
        Self::GivenName,
        Self::MiddleName,
        Self::FamilyName,
        Self::WholeName,
        Self::Prefix,
        Self::Suffix,
        Self::BirthDate,
        Self::Email,
        Self::Phone,
        Self::Street,
        Self::StreetMore,
        Self::City,
        Self::State,
        Self::PostalCode,
        Self::Country,
        Self::Covered,
        Self::Ignore,
    ];

    /// The word before any system.
    fn word(&self) -> &'static str {
        match self {
            Self::GivenName => "given-name",
            Self::MiddleName => "middle-name",
            Self::FamilyName => "family-name",
            Self::WholeName => "whole-name",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::BirthDate => "birth-date",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Identifier(_) => "identifier",
            Self::Street => "street",
            Self::StreetMore => "street-more",
            Self::City => "city",
            Self::State => "state",
            Self::PostalCode => "postal-code",
            Self::Country => "country",
            Self::Covered => "covered",
            Self::Ignore => "ignore",
        }
    }

    /// Whether the column says who a row is about.
    pub fn is_identity(&self) -> bool {
        !matches!(self, Self::Covered | Self::Ignore)
    }

    pub(super) fn field(&self) -> Option<Field<'_>> {
        Some(match self {
            Self::GivenName => Field::Given,
            Self::MiddleName => Field::Middle,
            Self::FamilyName => Field::Family,
            Self::WholeName => Field::Whole,
            Self::Prefix => Field::Prefix,
            Self::Suffix => Field::Suffix,
            Self::BirthDate => Field::BirthDate,
            Self::Email => Field::Email,
            Self::Phone => Field::Phone,
            Self::Identifier(system) => Field::Identifier(system),
            Self::Street => Field::At(Part::Line),
            Self::StreetMore => Field::At(Part::FurtherLine),
            Self::City => Field::At(Part::City),
            Self::State => Field::At(Part::State),
            Self::PostalCode => Field::At(Part::PostalCode),
            Self::Country => Field::At(Part::Country),
            Self::Covered | Self::Ignore => return None,
        })
    }

    fn of_field(field: Field<'_>) -> Self {
        match field {
            Field::Given => Self::GivenName,
            Field::Middle => Self::MiddleName,
            Field::Family => Self::FamilyName,
            Field::Whole | Field::PlainName => Self::WholeName,
            Field::Prefix => Self::Prefix,
            Field::Suffix => Self::Suffix,
            Field::BirthDate => Self::BirthDate,
            Field::Email => Self::Email,
            Field::Phone => Self::Phone,
            Field::Identifier(system) => Self::Identifier(system.to_owned()),
            Field::At(Part::Line) => Self::Street,
            Field::At(Part::FurtherLine) => Self::StreetMore,
            Field::At(Part::City) => Self::City,
            Field::At(Part::State) => Self::State,
            Field::At(Part::PostalCode) => Self::PostalCode,
            Field::At(Part::Country) => Self::Country,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        if let Self::Identifier(system) = self {
            write!(f, ":{system}")?;
        }
        Ok(())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        if let Some(system) = text.strip_prefix("identifier:").map(str::trim).filter(|it| !it.is_empty()) {
            return Ok(Self::Identifier(system.to_owned()));
        }
        Self::PLAIN
            .into_iter()
            .find(|role| role.word() == text)
            .ok_or_else(|| UnknownRole { word: text.chars().take(60).collect() })
    }
}

/// A word that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is not a role; say given-name, middle-name, family-name, whole-name, prefix, suffix, birth-date, email, \
     phone, identifier:SYSTEM, street, street-more, city, state, postal-code, country, covered or ignore"
)]
pub struct UnknownRole {
    /// Its first 60 characters.
    pub word: String,
}

/// The roles of a table's columns. Names are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap {
    roles: BTreeMap<String, Role>,
}

impl ColumnMap {
    /// The map that says exactly this.
    pub fn new(roles: BTreeMap<String, Role>) -> Self {
        Self { roles }
    }

    /// What the columns' names tell; a column whose name tells nothing of a person is not in the map.
    ///
    /// A guess for each name alone: a table whose only telling column is `name` or `city` need not be about persons.
    ///
    /// Source: spec/identity.md section 1.3.
    pub fn guess<'c>(columns: impl IntoIterator<Item = &'c str>) -> Self {
        let roles = columns.into_iter().filter_map(|column| {
            let field = spelling::field(column)?;
            Some((column.to_owned(), Role::of_field(field)))
        });
        Self { roles: roles.collect() }
    }

    /// This map, and the guess for columns that it does not name.
    #[must_use]
    pub fn or_guess<'c>(mut self, columns: impl IntoIterator<Item = &'c str>) -> Self {
        for (column, role) in Self::guess(columns).roles {
            self.roles.entry(column).or_insert(role);
        }
        self
    }

    /// The columns in the map that the table does not have: a map that matches nothing is a mistake to be told.
    pub fn unmatched<'m, 'c>(&'m self, columns: impl IntoIterator<Item = &'c str>) -> Vec<&'m str> {
        let present: std::collections::BTreeSet<&str> = columns.into_iter().collect();
        self.roles.keys().map(String::as_str).filter(|column| !present.contains(column)).collect()
    }

    /// What this column holds, if the map says.
    pub fn role(&self, column: &str) -> Option<&Role> {
        self.roles.get(column)
    }

    /// The columns and their roles, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.roles.iter().map(|(column, role)| (column.as_str(), role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_back_from_its_word() {
        for role in Role::PLAIN.into_iter().chain([Role::Identifier("urn:oid:1.2.3".to_owned())]) {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for wrong in ["", "Email", "identifier", "identifier:", "name"] {
            assert!(wrong.parse::<Role>().unwrap_err().to_string().contains("is not a role"), "{wrong}");
        }
        assert!(Role::Email.is_identity() && !Role::Covered.is_identity() && !Role::Ignore.is_identity());
    }

    #[test]
    fn a_column_that_the_table_does_not_have_is_told() {
        let map = ColumnMap::new(BTreeMap::from([
            ("mail1".to_owned(), Role::Email),
            ("vorname".to_owned(), Role::GivenName),
        ]));
        assert_eq!(map.unmatched(["vorname", "nachname"]), ["mail1"]);
        assert_eq!(map.unmatched(["vorname", "mail1"]), Vec::<&str>::new());
        let whole = map.or_guess(["vorname", "last_name", "note"]);
        assert_eq!(whole.role("vorname"), Some(&Role::GivenName));
        assert_eq!(whole.role("last_name"), Some(&Role::FamilyName));
        assert_eq!(whole.role("note"), None);
        assert_eq!(whole.roles().count(), 3);
    }
}
