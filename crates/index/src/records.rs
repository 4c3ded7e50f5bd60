//! Single records that a ruling lists, and the groups of those that are alike in whatever a filter asks.
//!
//! A million records are of some hundred groups. Who filters chooses groups first, and then reads the newest of each from an
//! index, so that what fits is found as fast where it is rare as where it is common, whichever conditions come together.

use mark::digest::sha256;
use serde::Deserialize;

use crate::{batch::Batch, rows::At, schema::Name, value::Value};

/// A record as an entry lists it.
#[derive(Deserialize)]
pub(crate) struct Finding {
    pub(crate) dataset: Option<String>,
    decision: String,
    generator: Option<String>,
    pub(crate) object: Option<String>,
    reference: String,
    verdict: String,
}

/// What an entry says of a dataset that its records are of.
#[derive(Deserialize)]
pub(crate) struct Described {
    generator: Option<String>,
    #[serde(default)]
    purposes: Vec<String>,
}

/// Where a record was met.
pub(crate) struct Met<'a> {
    pub(crate) at: &'a str,
    pub(crate) boundary: &'a str,
    pub(crate) object: Option<&'a str>,
    pub(crate) described: Option<&'a Described>,
}

impl Finding {
    /// Adds the row of `record_verdicts`, and counts the record in its group.
    pub(crate) fn add(&self, at: At<'_>, position: i64, met: &Met<'_>, batch: &mut Batch) {
        let generator = self.generator.as_deref();
        let generator = generator.or_else(|| met.described.and_then(|dataset| dataset.generator.as_deref()));
        let purposes =
            met.described.map(|dataset| dataset.purposes.join(",")).filter(|purposes| !purposes.is_empty());
        let alike = [
            Some(met.boundary),
            Some(self.verdict.as_str()),
            Some(self.decision.as_str()),
            met.object,
            self.dataset.as_deref(),
            generator,
            purposes.as_deref(),
        ];
        let group = name(&alike);
        let row = at.row([
            Value::Integer(position),
            Value::text(&self.reference),
            Value::text(&self.verdict),
            Value::text(&self.decision),
            Value::text(met.at),
            Value::maybe(met.object),
            Value::maybe(self.dataset.as_deref()),
            Value::text(&group),
        ]);
        batch.add(Name::RecordVerdicts, row);
        let [origin, entry] = at.place();
        let moment = Value::text(met.at);
        let mut row = vec![origin, Value::text(&group), entry.clone(), moment.clone(), entry, moment];
        row.extend(alike.map(Value::maybe));
        row.push(Value::Integer(1));
        batch.add(Name::RecordGroups, row);
    }
}

/// A group's name: a digest of what its records have in common, each part with its length so that none runs into another.
fn name(alike: &[Option<&str>]) -> String {
    let parts =
        alike.iter().map(|part| part.map_or_else(|| "-".to_owned(), |part| format!("{}:{part}", part.len())));
    let text: String = parts.collect();
    sha256(&[text.as_bytes()]).to_hex().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_differ_have_other_names() {
        let names = [
            name(&[Some("a"), None]),
            name(&[None, Some("a")]),
            name(&[Some("a"), Some("")]),
            name(&[Some("a-"), None]),
            name(&[Some("1:a"), None]),
        ];
        let all: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(all.len(), names.len(), "{names:?}");
        assert_eq!(name(&[Some("a"), None]), names[0]);
    }
}
