//! Deployed validation rules: read when they arrive, kept by the store that enforces them.

use std::collections::BTreeMap;

use super::Deployments;
use crate::formula::{self, Rule};
use crate::schema::Schema;
use crate::store::Store;
use crate::xml::Element;

/// Reads a rule; an inactive one must be right too, and is not enforced.
///
/// Errors: a sentence for whoever deploys it.
pub(super) fn read(schema: &Schema, object: &str, root: &Element) -> Result<Option<Rule>, String> {
    let object = schema
        .object(object)
        .ok_or_else(|| format!("Entity of type 'CustomObject' named '{object}' cannot be found"))?;
    let text =
        root.text_of("errorConditionFormula").ok_or("Required field is missing: errorConditionFormula")?;
    let condition = formula::parse(text)?;
    formula::check(&condition, object)?;
    let message = root.text_of("errorMessage").ok_or("Required field is missing: errorMessage")?.to_owned();
    let field = root.text_of("errorDisplayField").map(str::to_owned);
    Ok((root.text_of("active") == Some("true")).then_some(Rule { condition, message, field }))
}

/// Gives the store the rules that are deployed.
pub(crate) fn enforce(store: &mut Store, deployments: &Deployments) {
    let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (name, root) in deployments.defined("ValidationRule") {
        let Some((object, _)) = name.split_once('.') else { continue };
        if let Ok(Some(rule)) = read(&store.schema, object, root) {
            let object =
                store.schema.object(object).map_or_else(|| object.to_owned(), |object| object.name.clone());
            rules.entry(object).or_default().push(rule);
        }
    }
    store.rules = rules;
}
