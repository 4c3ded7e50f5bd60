//! The rewrite of a search: each object of `RETURNING` by itself.

use super::{
    CannotIsolate, Isolated, Rows,
    rewrite::{Conditions, Rewrite, Stand},
    scope::{Scope, fields_of},
};
use crate::{
    hidden::Hidden,
    parse::parse_search,
    query::{From, Item, Path},
    schema::Schema,
    search::FoundObject,
};

/// Rewrites one SOSL statement.
///
/// Shape: each object of `RETURNING` is filtered; one without a list of fields gets `(Id WHERE …)`, which is what it means.
/// Errors: a search that names no objects cannot be filtered. Bounds: those of [`crate::parse()`].
pub fn isolate_search(text: &str, hidden: &Hidden, schema: &Schema) -> Result<Isolated, CannotIsolate> {
    let search = parse_search(text)?;
    if search.returning.is_empty() {
        return Err(CannotIsolate::NoObjects);
    }
    let mut rewrite = Rewrite::new(hidden, schema);
    for found in &search.returning {
        rewrite.found(found)?;
    }
    rewrite.finish(text, Rows::Records)
}

impl Rewrite<'_> {
    fn found(&mut self, found: &FoundObject) -> Result<(), CannotIsolate> {
        let (conditions, stand, uses) = self.found_conditions(found)?;
        let place = [found.object.text.to_string()];
        if !found.select.is_empty() {
            // First: where nothing stands between them, fields and conditions go to the same place.
            self.ask(&stand, &uses, &found.select, found.select_span.end, &place)?;
            self.put(conditions.text(), found.filter.as_ref(), found.filter_span, found.source_span.end);
            return Ok(());
        }
        let Some(text) = conditions.text() else { return Ok(()) };
        let at = found.span.end;
        self.edit(at, "(Id".to_owned());
        let id = super::scope::Use {
            ways: Vec::new(),
            field: Some("Id".to_owned()),
            selected: true,
            position: at,
        };
        self.ask(&stand, &[id], &[], at, &place)?;
        self.edit(at, format!(" WHERE {text})"));
        Ok(())
    }

    pub(super) fn found_conditions(
        &self,
        found: &FoundObject,
    ) -> Result<(Conditions, Stand, Vec<super::scope::Use>), CannotIsolate> {
        let position = found.span.start;
        let object = found.object.text.to_string();
        let from = From {
            span: found.object.span,
            object: Path { names: vec![found.object.clone()] },
            alias: None,
            joined: Vec::new(),
        };
        let scope = Scope::new(&from, &object, self.schema)?;
        let stand = Stand::on(&object, String::new(), position);
        let mut conditions = Conditions::default();
        self.rows(&mut conditions, &stand)?;
        let mut uses = scope.of_items(&found.select, self.schema);
        if let Some(filter) = &found.filter {
            uses.extend(scope.of_condition(filter, self.schema));
            let mut joins = 0;
            filter.each_join(&mut |_| joins += 1);
            if joins > 0 {
                return Err(CannotIsolate::NoJoinHere { position });
            }
        }
        for order in &found.order_by {
            uses.extend(scope.of_expression(&order.value, self.schema));
        }
        for one in &uses {
            self.used(&mut conditions, &stand, one)?;
        }
        if found
            .select
            .iter()
            .any(|item| matches!(item, Item::Value { value, .. } if fields_of(value).is_some()))
        {
            self.every_field(&mut conditions, &stand)?;
        }
        if conditions.needs_joins() {
            return Err(CannotIsolate::NoJoinHere { position });
        }
        Ok((conditions, stand, uses))
    }
}
