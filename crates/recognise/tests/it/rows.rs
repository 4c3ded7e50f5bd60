//! Reads files of rows and of FHIR resources as records with the person in them. For the fit, the stories and the bench.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use mark::{
    Claim, Form, Record,
    json::{self, Json},
};
use recognise::Person;

/// The files of one class and one half: `FOLDER/class/recipe.half.csv` or `.ndjson`, in order.
pub(crate) fn files(folder: &Path, class: &str, half: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join(class.to_lowercase())) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(&format!(".{half}.")))
        .collect();
    files.sort();
    files
}

/// Calls `then` with every record of a file.
pub(crate) fn each(file: &Path, then: impl FnMut(&Record<'_>, Option<&Person<'_>>)) {
    if file.extension().is_some_and(|extension| extension == "ndjson") {
        each_resource(BufReader::new(File::open(file).unwrap()), then);
    } else {
        each_row(File::open(file).unwrap(), object_of(file), then);
    }
}

/// `world-account.fit.csv` holds accounts, files with Salesforce's names contacts, all others rows.
fn object_of(file: &Path) -> &'static str {
    if file.to_string_lossy().contains("account") { "Account" } else { "Contact" }
}

/// Calls `then` with every row of a CSV text with a header.
pub(crate) fn each_row(
    text: impl std::io::Read,
    object: &str,
    mut then: impl FnMut(&Record<'_>, Option<&Person<'_>>),
) {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let salesforce = header.iter().any(|name| ["LastName", "BillingCity"].contains(&name));
    let form = if salesforce { Form::Salesforce } else { Form::Table };
    for row in reader.records() {
        let row = row.unwrap();
        let fields = header
            .iter()
            .zip(row.iter())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value))))
            .collect();
        let record = Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None };
        let person = Person::of(&record);
        then(&record, person.as_ref());
    }
}

/// Calls `then` with every line of FHIR resources.
pub(crate) fn each_resource(
    text: impl std::io::BufRead,
    mut then: impl FnMut(&Record<'_>, Option<&Person<'_>>),
) {
    for line in text.lines() {
        let line = line.unwrap();
        let Json::Object(fields) = json::parse(line.as_bytes()).unwrap() else { continue };
        let object = fields
            .iter()
            .find(|(name, _)| name == "resourceType")
            .and_then(|(_, value)| value.text())
            .unwrap_or_default()
            .to_owned();
        let record =
            Record { form: Form::Fhir, object: object.into(), fields, mark: None, claim: Claim::None };
        let person = Person::of(&record);
        then(&record, person.as_ref());
    }
}

/// How many kinds of identity a person has: name, birth date, mail, telephone, identifier, address.
pub(crate) fn identity_fields(person: Option<&Person<'_>>) -> usize {
    person.map_or(0, |person| {
        [
            !person.names.is_empty(),
            person.birth_date.is_some(),
            !person.emails.is_empty(),
            !person.phones.is_empty(),
            !person.identifiers.is_empty(),
            !person.addresses.is_empty(),
        ]
        .iter()
        .filter(|there| **there)
        .count()
    })
}
