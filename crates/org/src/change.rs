//! One record changed by a call that carries many: Bulk batches, SOAP calls.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::schema::Object;
use crate::store::{Author, Store, Upserted};
use crate::value;

/// What to do with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Insert,
    Update,
    /// Goes by this field.
    Upsert(String),
    Delete,
    HardDelete,
    Undelete,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) id: String,
    pub(crate) created: bool,
}

impl Change {
    /// Changes one record; `given` holds its members, `Id` and external id among them.
    ///
    /// Errors: the refusal of this record; what it wrote before that is taken back.
    pub(crate) fn apply(
        &self,
        store: &mut Store,
        author: &Author,
        object: &Object,
        given: Map<String, Value>,
    ) -> Result<Changed, Failure> {
        store.attempt(|store| self.run(store, author, object, given))
    }

    fn run(
        &self,
        store: &mut Store,
        author: &Author,
        object: &Object,
        mut given: Map<String, Value>,
    ) -> Result<Changed, Failure> {
        if let Self::Upsert(field) = self {
            return upsert(store, author, object, (field, given));
        }
        let id = take(&mut given, "Id");
        if *self == Self::Insert {
            if id.is_some() {
                let message = "cannot specify Id in an insert call";
                return Err(Failure::row("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]));
            }
            let id = store.insert(author, &object.name, &given)?;
            return Ok(Changed { id, created: true });
        }
        let id = id
            .ok_or_else(|| Failure::row("MISSING_ARGUMENT", "Id not specified in an update call", &["Id"]))?;
        match self {
            Self::Update => store.update(author, &object.name, &id, &given)?,
            Self::Delete => store.delete(author, &object.name, &id)?,
            Self::HardDelete => {
                store.delete(author, &object.name, &id)?;
                store.purge(&object.name, &id);
            }
            Self::Undelete => store.undelete(author, &object.name, &id)?,
            Self::Insert | Self::Upsert(_) => {}
        }
        Ok(Changed { id: crate::id::widen(&id).unwrap_or(id), created: false })
    }
}

fn upsert(
    store: &mut Store,
    author: &Author,
    object: &Object,
    (field, mut given): (&str, Map<String, Value>),
) -> Result<Changed, Failure> {
    let Some(key) = take(&mut given, field) else {
        if field.eq_ignore_ascii_case("Id") {
            let id = store.insert(author, &object.name, &given)?;
            return Ok(Changed { id, created: true });
        }
        return Err(Failure::row("MISSING_ARGUMENT", format!("{field} not specified"), &[]));
    };
    match store.upsert(author, &object.name, (field, &key), &given)? {
        Upserted::Created(id) => Ok(Changed { id, created: true }),
        Upserted::Updated(id) => Ok(Changed { id, created: false }),
        Upserted::Many(ids) => {
            let message = format!("{field}: more than one record found for external id field: {ids:?}");
            Err(Failure::row("DUPLICATE_EXTERNAL_ID", message, &[field]))
        }
    }
}

/// Takes a member out, in any case of its name; empty text is none.
fn take(given: &mut Map<String, Value>, name: &str) -> Option<String> {
    let key = given.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()?;
    given.shift_remove(&key).map(|found| value::spell(&found)).filter(|text| !text.is_empty())
}
