//! The file that says what an org's Apex REST resources do, as classes of Apex would.

use std::collections::BTreeMap;
use std::path::Path;

use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Deserialize;

use crate::keys;

/// `[[resource]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    resource: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    path: String,
    object: String,
    #[serde(default)]
    records: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    key: Option<String>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    answer: Answer,
}

/// What a resource answers with, as the file spells it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    #[default]
    Ids,
    Id,
    Record,
    Nothing,
}

/// Reads the resources of a file.
///
/// Bounds: those of small files.
pub(super) fn read(path: &Path) -> miette::Result<Vec<org::ApexRest>> {
    let text = keys::small_file(path)?;
    resources(&text).wrap_err_with(|| format!("{} says of no resources what can be read", path.display()))
}

fn resources(text: &str) -> miette::Result<Vec<org::ApexRest>> {
    let file: File = toml::from_str(text).into_diagnostic()?;
    let made = |written: Resource| org::ApexRest {
        path: written.path.trim_matches('/').to_owned(),
        object: written.object,
        records: pointer(&written.records),
        fields: written.fields.into_iter().map(|(name, field)| (pointer(&name), field)).collect(),
        key: written.key,
        methods: written.methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
        answer: match written.answer {
            Answer::Ids => org::ApexAnswer::Ids,
            Answer::Id => org::ApexAnswer::Id,
            Answer::Record => org::ApexAnswer::Record,
            Answer::Nothing => org::ApexAnswer::Nothing,
        },
    };
    Ok(file.resource.into_iter().map(made).collect())
}

/// A place in a body as `[[boundary.apex]]` writes it: a name, or a JSON pointer.
fn pointer(place: &str) -> String {
    if place.is_empty() || place.starts_with('/') { place.to_owned() } else { format!("/{place}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_in_the_gateways_configuration() {
        let text = "[[resource]]\npath = '/intake/'\nobject = 'Contact'\nrecords = '/people'\n\
            fields = { family = 'LastName', '/mail/home' = 'Email' }\nkey = 'Email'\nmethods = ['post']\nanswer = 'id'\n";
        let read = resources(text).unwrap();
        let expected = org::ApexRest {
            path: "intake".into(),
            object: "Contact".into(),
            records: "/people".into(),
            fields: vec![("/mail/home".into(), "Email".into()), ("/family".into(), "LastName".into())],
            key: Some("Email".into()),
            methods: vec!["POST".into()],
            answer: org::ApexAnswer::Id,
        };
        assert_eq!(read, [expected]);
        assert!(resources("[[resource]]\npath = 'x'\n").is_err());
        assert_eq!(resources("").unwrap(), []);
    }
}
