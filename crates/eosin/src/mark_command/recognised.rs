//! What data says of the generator that made it: only what it says itself, nothing that is inferred.

use std::collections::BTreeSet;

use mark::{Form, Record, json::Json};

/// A generator that the data names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Recognised {
    /// Its name.
    pub(super) name: &'static str,
    /// Its version, where that is said.
    pub(super) version: Option<String>,
}

/// What the records of a run say, collected.
#[derive(Debug, Clone, Default)]
pub(super) struct Sayings(BTreeSet<Recognised>);

impl Sayings {
    /// Takes one record into account.
    pub(super) fn observe(&mut self, record: &Record<'_>) {
        // All that say something say the same: the first is enough.
        if !self.0.contains(&SYNTHEA)
            && let Some(found) = of_record(record)
        {
            self.0.insert(found);
        }
    }

    /// Takes a file of the folder into account that holds no records.
    pub(super) fn observe_other(&mut self, name: &std::path::Path) {
        if name.file_name().is_some_and(|name| name == "csvw_metadata.json") {
            self.0.insert(Recognised { name: "Snowfakery", version: None });
        }
    }

    /// Takes the beginning of a file of FHIR resources or HL7 v2 messages into account: what no mark covers stands there.
    pub(super) fn observe_head(&mut self, head: &[u8]) {
        let head = String::from_utf8_lossy(head);
        self.0.extend(synthea_narrative(&head).or_else(|| simulated_hospital(&head)));
    }

    /// Takes in what others have collected.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The one generator that is named, or nothing where none is, or two are. Of its versions, the last.
    pub(super) fn told(&self) -> Option<Recognised> {
        let last = self.0.last()?;
        self.0.iter().all(|found| found.name == last.name).then(|| last.clone())
    }
}

/// What a record can say; its version stands elsewhere.
const SYNTHEA: Recognised = Recognised { name: "Synthea", version: None };

fn of_record(record: &Record<'_>) -> Option<Recognised> {
    match record.form {
        Form::Fhir => synthea_resource(record),
        Form::Table => is_synthea_table(record).then_some(SYNTHEA),
        Form::Hl7v2 | Form::Salesforce => None,
    }
}

fn field<'r>(record: &'r Record<'_>, name: &str) -> Option<&'r Json<'r>> {
    record.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Synthea's own system is among the identifiers of its patients.
fn synthea_resource(record: &Record<'_>) -> Option<Recognised> {
    if record.object != "Patient" {
        return None;
    }
    let identifiers = field(record, "identifier").map(Json::items).unwrap_or_default();
    let system = |one: &Json<'_>| one.get("system").and_then(Json::text) == Some(SYNTHEA_SYSTEM);
    identifiers.iter().any(system).then_some(SYNTHEA)
}

/// Synthea writes its name and its version into the narrative of every patient, which no mark covers.
fn synthea_narrative(head: &str) -> Option<Recognised> {
    let (_, after) = head.split_once("synthetichealth/synthea\\\">Synthea</a>")?;
    let after = after.get(..200.min(after.len())).unwrap_or_default();
    let version = after.split_once("Version identifier: ").map(|(_, after)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
        let version: String = after.chars().take_while(|c| plain(*c)).take(64).collect();
        version.trim_end_matches('.').to_owned()
    });
    Some(Recognised { name: "Synthea", version: version.filter(|text| !text.is_empty()) })
}

const SYNTHEA_SYSTEM: &str = "https://github.com/synthetichealth/synthea";

/// The table of patients that Synthea's CSV exporter writes: columns that no other export has together.
fn is_synthea_table(record: &Record<'_>) -> bool {
    record.object.eq_ignore_ascii_case("patients")
        && SYNTHEA_COLUMNS.iter().all(|column| record.fields.iter().any(|(name, _)| name == column))
}

// Of those, only columns that have a value in every row.
const SYNTHEA_COLUMNS: [&str; 7] =
    ["Id", "BIRTHDATE", "SSN", "FIRST", "LAST", "HEALTHCARE_EXPENSES", "HEALTHCARE_COVERAGE"];

/// The simulated hospital calls itself so as the sender, in the header of its messages, which no mark covers.
fn simulated_hospital(head: &str) -> Option<Recognised> {
    let sent = head.contains("MSH|^~\\&|SIMHOSP|");
    sent.then_some(Recognised { name: "Simulated Hospital", version: None })
}

#[cfg(test)]
mod tests {
    use mark::Claim;

    use super::*;

    /// What the records say together: name and version.
    fn check(records: &[(Form, &str, &str)], want: Option<(&str, Option<&str>)>) {
        let mut sayings = Sayings::default();
        for (form, object, text) in records {
            let Json::Object(fields) = mark::json::parse(text.as_bytes()).unwrap() else {
                panic!("an object")
            };
            let object = (*object).into();
            sayings.observe(&Record { form: *form, object, fields, mark: None, claim: Claim::None });
        }
        let told = sayings.told();
        let told = told.as_ref().map(|told| (told.name, told.version.as_deref()));
        assert_eq!(told, want, "{records:?}");
    }

    #[test]
    fn data_is_believed_about_its_generator_where_it_speaks() {
        let system =
            r#"{"identifier":[{"system":"https://github.com/synthetichealth/synthea","value":"x"}]}"#;
        let row = r#"{"Id":"x","BIRTHDATE":"x","SSN":"x","FIRST":"x","LAST":"x","HEALTHCARE_EXPENSES":"1","HEALTHCARE_COVERAGE":"1"}"#;
        check(&[(Form::Fhir, "Patient", system)], Some(("Synthea", None)));
        check(&[(Form::Fhir, "Observation", system)], None);
        check(&[(Form::Table, "patients", row)], Some(("Synthea", None)));
        check(&[(Form::Table, "people", row)], None);
        check(&[(Form::Salesforce, "Contact", r#"{"LastName":"Bell"}"#)], None);
    }
    #[test]
    fn the_version_stands_in_the_narrative() {
        for (head, want) in [
            (
                r#"{"text":{"div":"<a href=\"https://github.com/synthetichealth/synthea\">Synthea</a>.Version identifier: v2.4.0-404-ge7ce2295\n . Person"#,
                Some(Some("v2.4.0-404-ge7ce2295")),
            ),
            (r#"<a href=\"https://github.com/synthetichealth/synthea\">Synthea</a>. "#, Some(None)),
            ("MSH|^~\\&|SIMHOSP|SFAC|RAPP", Some(None)),
            (r#"{"resourceType":"Patient"}"#, None),
        ] {
            let mut sayings = Sayings::default();
            sayings.observe_head(head.as_bytes());
            let told = sayings.told();
            assert_eq!(told.as_ref().map(|told| told.version.as_deref()), want, "{head}");
        }
    }
}
