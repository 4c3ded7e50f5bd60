//! The store as one user sees it, while a request of that user is answered.

use super::Store;
use crate::failure::Failure;
use crate::schema::{Object, Schema};
use crate::store::Row;
use crate::viewer::{Level, Rights, Viewer};

/// A user's view, and the schema that it hides.
#[derive(Debug)]
pub(crate) struct View {
    viewer: Viewer,
    whole: Schema,
}

impl Store {
    /// Shows the store as this user sees it, until it is shown as another does; nobody means everything.
    pub(crate) fn look_as(&mut self, viewer: Option<Viewer>) {
        if let Some(view) = self.view.take() {
            self.schema = view.whole;
        }
        if let Some(viewer) = viewer {
            let seen = viewer.schema(&self.schema);
            let whole = std::mem::replace(&mut self.schema, seen);
            self.view = Some(View { viewer, whole });
        }
    }

    /// Whether whoever looks may change the setup.
    pub(crate) fn is_whole(&self) -> bool {
        self.view.is_none()
    }

    /// The schema that indexes are kept by: all of it, whoever looks.
    pub(super) fn whole_schema(&self) -> &Schema {
        self.view.as_ref().map_or(&self.schema, |view| &view.whole)
    }

    /// Whether the row is shared with whoever looks.
    pub(super) fn shows(&self, object: &str, row: &Row) -> bool {
        self.view.as_ref().is_none_or(|view| view.viewer.level(object, row) > Level::None)
    }

    /// Refuses what whoever looks may not do with an object, or with one row of it.
    pub(super) fn allow(
        &self,
        object: &Object,
        row: Option<&Row>,
        may: impl Fn(Rights) -> bool,
    ) -> Result<(), Failure> {
        let Some(view) = &self.view else { return Ok(()) };
        let rights = view.viewer.rights(&object.name);
        let shared = row.is_none_or(|row| view.viewer.level(&object.name, row) == Level::Edit);
        if (may(rights) || rights.modify_all) && shared {
            return Ok(());
        }
        if row.is_none() {
            let message = format!("entity type cannot be inserted: {}", object.label);
            return Err(Failure::row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[]));
        }
        Err(Failure::row("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", &[]))
    }
}
