//! The words of the schema as Cedar values, made once; and the words of our enums.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request as CedarRequest,
    RestrictedExpression, Schema,
};

use crate::{
    boundary::{Boundary, Continuity, Environment, Mode},
    counts::{Counts, Marks},
    request::{Action, Caller},
};

/// The schema that every policy is checked against.
const SCHEMA: &str = include_str!("../policies/eosin.cedarschema");

/// The schema and the entities that never change.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    schema: Schema,
    // The actions and their groups, as the schema declares them.
    actions: Entities,
    client: EntityTypeName,
    system: EntityTypeName,
    boundary: EntityTypeName,
    words: BTreeMap<(&'static str, &'static str), EntityUid>,
}

impl Vocabulary {
    /// Reads the built-in schema.
    ///
    /// Errors: a sentence; only a change of this crate can cause it.
    pub(crate) fn new() -> Result<Self, String> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
        let name = |name: &str| EntityTypeName::from_str(name).map_err(|error| error.to_string());
        let mut words = BTreeMap::new();
        let mut add =
            |kind: &'static str, ids: &mut dyn Iterator<Item = &'static str>| -> Result<(), String> {
                let type_name = name(&format!("Eosin::{kind}"))?;
                for id in ids {
                    let uid = EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id));
                    words.insert((kind, id), uid);
                }
                Ok(())
            };
        add("Action", &mut Action::ALL.iter().map(|word| word.as_str()))?;
        add("Environment", &mut Environment::ALL.iter().map(|word| word.as_str()))?;
        add("Mode", &mut Mode::ALL.iter().map(|word| word.as_str()))?;
        add("Continuity", &mut Continuity::ALL.iter().map(|word| word.as_str()))?;
        add("Marks", &mut Marks::ALL.iter().map(|word| word.as_str()))?;
        Ok(Self {
            actions: Entities::from_entities([], Some(&schema)).map_err(|error| error.to_string())?,
            client: name("Eosin::Client")?,
            system: name("Eosin::System")?,
            boundary: name("Eosin::Boundary")?,
            schema,
            words,
        })
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The boundary as an entity, beside the actions.
    pub(crate) fn entities(&self, boundary: &Boundary) -> Result<Entities, String> {
        let attributes = [
            ("environment", self.word("Environment", boundary.environment.as_str())?),
            ("jurisdiction", RestrictedExpression::new_string(boundary.jurisdiction.clone())),
            ("mode", self.word("Mode", boundary.mode.as_str())?),
            ("continuity", self.word("Continuity", boundary.continuity.as_str())?),
            ("systemOfRecord", RestrictedExpression::new_bool(boundary.system_of_record)),
        ];
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let entity = Entity::new(self.boundary(boundary), attributes, std::iter::empty().collect())
            .map_err(|error| error.to_string())?;
        self.actions.clone().add_entities([entity], Some(&self.schema)).map_err(|error| error.to_string())
    }

    /// The question whether `caller` may do this with records so counted.
    pub(crate) fn request(
        &self,
        caller: Caller<'_>,
        action: Action,
        boundary: &Boundary,
        counts: &Counts,
        purposes: &BTreeSet<String>,
    ) -> Result<CedarRequest, String> {
        let mut carried = Vec::with_capacity(17);
        for (name, count) in counts.named() {
            let count = i64::try_from(count).map_err(|_| format!("too many records: {name}"))?;
            carried.push((name.to_owned(), RestrictedExpression::new_long(count)));
        }
        let purposes = purposes.iter().map(|purpose| RestrictedExpression::new_string(purpose.clone()));
        carried.push(("purposes".to_owned(), RestrictedExpression::new_set(purposes)));
        carried.push(("marks".to_owned(), self.word("Marks", counts.marks().as_str())?));
        let context = Context::from_pairs(carried).map_err(|error| error.to_string())?;
        let principal = match caller {
            Caller::Client(name) => {
                EntityUid::from_type_name_and_id(self.client.clone(), EntityId::new(name))
            }
            Caller::System(name) => {
                EntityUid::from_type_name_and_id(self.system.clone(), EntityId::new(name))
            }
        };
        let action = self.uid("Action", action.as_str())?;
        CedarRequest::new(principal, action, self.boundary(boundary), context, Some(&self.schema))
            .map_err(|error| error.to_string())
    }

    fn boundary(&self, boundary: &Boundary) -> EntityUid {
        EntityUid::from_type_name_and_id(self.boundary.clone(), EntityId::new(&boundary.name))
    }

    fn word(&self, kind: &'static str, id: &'static str) -> Result<RestrictedExpression, String> {
        self.uid(kind, id).map(RestrictedExpression::new_entity_uid)
    }

    fn uid(&self, kind: &'static str, id: &'static str) -> Result<EntityUid, String> {
        self.words.get(&(kind, id)).cloned().ok_or_else(|| format!("the schema has no {kind} `{id}`"))
    }
}

/// The word names no known value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{word}` is not one of: {known}")]
pub struct UnknownWord {
    pub(crate) kind: &'static str,
    pub(crate) word: String,
    pub(crate) known: String,
}

/// Gives a plain enum its words: `ALL`, `as_str`, `Display`, `FromStr`, and the same word in JSON.
macro_rules! words {
    ($name:ident, $kind:literal, $($variant:ident => $word:literal),+ $(,)?) => {
        impl $name {
            /// Every value, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in configuration, policies, reports and the ledger.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word).ok_or_else(|| {
                    $crate::vocabulary::UnknownWord {
                        kind: $kind,
                        word: word.chars().take(60).collect(),
                        known: [$($word),+].join(", "),
                    }
                })
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_word_of_ours() {
        let vocabulary = Vocabulary::new().unwrap();
        for environment in Environment::ALL {
            for mode in Mode::ALL {
                for continuity in Continuity::ALL {
                    let boundary = Boundary {
                        name: "a \"quoted\" name".to_owned(),
                        environment: *environment,
                        jurisdiction: "US-AL".to_owned(),
                        mode: *mode,
                        continuity: *continuity,
                        system_of_record: false,
                    };
                    vocabulary.entities(&boundary).unwrap();
                    for action in Action::ALL {
                        for caller in [Caller::Client("c"), Caller::System("s")] {
                            let counts = Counts { records: 1, synthetic: 1, ..Counts::default() };
                            let purposes = BTreeSet::from(["training".to_owned()]);
                            vocabulary.request(caller, *action, &boundary, &counts, &purposes).unwrap();
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_count_that_cedar_cannot_hold_is_an_error() {
        let vocabulary = Vocabulary::new().unwrap();
        let boundary = Boundary {
            name: "b".to_owned(),
            environment: Environment::Test,
            jurisdiction: String::new(),
            mode: Mode::Observe,
            continuity: Continuity::Strict,
            system_of_record: false,
        };
        let counts = Counts { records: u64::MAX, ..Counts::default() };
        let purposes = BTreeSet::new();
        let answer = vocabulary.request(Caller::Client("c"), Action::Read, &boundary, &counts, &purposes);
        assert_eq!(answer.unwrap_err(), "too many records: records");
    }
}
