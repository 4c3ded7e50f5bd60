//! The Salesforce package's metadata, written from one table of objects and fields.
//!
//! Sixteen objects carry the same six fields; by hand, one of the ninety-odd files would differ some day.
//! `cargo xtask salesforce` writes them, and a test compares what is there with what this file says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

mod text;

/// Where the package lives, from the root of the checkout.
pub const FOLDER: &str = "integrations/salesforce";

const API_VERSION: &str = "66.0";
const NAMESPACE: &str = "http://soap.sforce.com/2006/04/metadata";

/// A Salesforce object that carries marks.
struct Carried {
    /// Its name in metadata. Fields of `Activity` appear on `Task` and `Event`.
    object: &'static str,
    /// Its plural as a person reads it.
    plural: &'static str,
    /// The package folder: an org without that product installs the others.
    folder: &'static str,
}

const fn carried(object: &'static str, plural: &'static str, folder: &'static str) -> Carried {
    Carried { object, plural, folder }
}

const CORE: &str = "force-app";
const SCHEDULING: &str = "scheduling";
const HEALTH_CLOUD: &str = "health-cloud";

const CARRIED: &[Carried] = &[
    carried("Account", "Accounts", CORE),
    carried("Activity", "Activities", CORE),
    carried("Case", "Cases", CORE),
    carried("Contact", "Contacts", CORE),
    carried("Lead", "Leads", CORE),
    carried("Opportunity", "Opportunities", CORE),
    carried("ServiceAppointment", "Service Appointments", SCHEDULING),
    carried("AllergyIntolerance", "Allergy Intolerances", HEALTH_CLOUD),
    carried("CareObservation", "Care Observations", HEALTH_CLOUD),
    carried("CareProgramEnrollee", "Care Program Enrollees", HEALTH_CLOUD),
    carried("CareRequest", "Care Requests", HEALTH_CLOUD),
    carried("ClinicalEncounter", "Clinical Encounters", HEALTH_CLOUD),
    carried("HealthCondition", "Health Conditions", HEALTH_CLOUD),
    carried("MedicationRequest", "Medication Requests", HEALTH_CLOUD),
    carried("PatientImmunization", "Patient Immunizations", HEALTH_CLOUD),
    carried("PatientMedicalProcedure", "Patient Medical Procedures", HEALTH_CLOUD),
];

/// A custom field: what it is called, what a person reads about it, and how it is stored.
struct Field {
    name: &'static str,
    label: &'static str,
    /// At most 510 characters: Salesforce's limit for inline help.
    help: &'static str,
    store: Store,
}

/// How Salesforce stores a field.
enum Store {
    Checkbox,
    Date,
    DateTime,
    /// Length; at most 255.
    Text(u16),
    /// Length; searchable by value. A required key is unique too: a copied mark must stay storable, to be found.
    Key(u16, Required),
    /// Length; 256 to 131,072.
    Long(u32),
    /// Value and label; no other value is accepted.
    Pick(&'static [(&'static str, &'static str)]),
    /// The object referred to.
    Lookup(&'static str),
}

#[derive(PartialEq)]
enum Required {
    Yes,
    No,
}

/// Every file of the package that this table decides, by its path from the root of the checkout.
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut put = |path: String, text: String| files.insert(format!("{FOLDER}/{path}"), text);
    put("sfdx-project.json".to_owned(), project());
    let dataset = format!("{CORE}/main/default/objects/Eosin_Dataset__c");
    put(format!("{dataset}/Eosin_Dataset__c.object-meta.xml"), text::dataset_object());
    for field in text::DATASET_FIELDS {
        put(format!("{dataset}/fields/{}.field-meta.xml", field.name), field_xml(field, None));
    }
    for on in CARRIED {
        let folder = format!("{}/main/default/objects/{}/fields", on.folder, on.object);
        for field in text::MARK_FIELDS {
            put(format!("{folder}/{}.field-meta.xml", field.name), field_xml(field, Some(on)));
        }
    }
    for (folder, suffix, of) in [
        (CORE, "", ""),
        (SCHEDULING, "_Scheduling", " (scheduling)"),
        (HEALTH_CLOUD, "_Health_Cloud", " (Health Cloud)"),
    ] {
        for (role, may) in [("Reader", May::Read), ("Writer", May::Write)] {
            let path =
                format!("{folder}/main/default/permissionsets/Eosin_{role}{suffix}.permissionset-meta.xml");
            put(path, permission_set(folder, &format!("Eosin {role}{of}"), &may));
        }
    }
    files
}

fn field_xml(field: &Field, on: Option<&Carried>) -> String {
    let external = matches!(field.store, Store::Key(..));
    let mut lines = vec![
        ("externalId", external.to_string()),
        ("fullName", field.name.to_owned()),
        ("inlineHelpText", field.help.to_owned()),
        ("label", field.label.to_owned()),
    ];
    let mut tail = String::new();
    match &field.store {
        Store::Checkbox => {
            lines.push(("defaultValue", "false".to_owned()));
            lines.push(("type", "Checkbox".to_owned()));
        }
        Store::Date => lines.push(("type", "Date".to_owned())),
        Store::DateTime => lines.push(("type", "DateTime".to_owned())),
        Store::Text(length) => {
            lines.push(("length", length.to_string()));
            lines.push(("type", "Text".to_owned()));
        }
        Store::Key(length, required) => {
            let one_each = *required == Required::Yes;
            if one_each {
                lines.push(("caseSensitive", "true".to_owned()));
            }
            lines.push(("length", length.to_string()));
            lines.push(("required", one_each.to_string()));
            lines.push(("type", "Text".to_owned()));
            lines.push(("unique", one_each.to_string()));
        }
        Store::Long(length) => {
            lines.push(("length", length.to_string()));
            lines.push(("type", "LongTextArea".to_owned()));
            lines.push(("visibleLines", "3".to_owned()));
        }
        Store::Pick(values) => {
            lines.push(("type", "Picklist".to_owned()));
            tail = value_set(values);
        }
        Store::Lookup(object) => {
            lines.push(("deleteConstraint", "SetNull".to_owned()));
            lines.push(("referenceTo", (*object).to_owned()));
            if let Some(on) = on {
                lines.push(("relationshipLabel", format!("Synthetic {}", on.plural)));
                lines.push(("relationshipName", format!("Synthetic_{}", on.plural.replace(' ', "_"))));
            }
            lines.push(("type", "Lookup".to_owned()));
        }
    }
    lines.sort_by_key(|(name, _)| *name);
    let body = lines.iter().fold(String::new(), |mut body, (name, value)| {
        element(&mut body, 1, name, value);
        body
    });
    document("CustomField", &(body + &tail))
}

fn unique(field: &Field) -> bool {
    matches!(field.store, Store::Key(_, Required::Yes))
}

fn value_set(values: &[(&str, &str)]) -> String {
    let mut xml = String::from(
        "    <valueSet>\n        <restricted>true</restricted>\n        <valueSetDefinition>\n            <sorted>false</sorted>\n",
    );
    for (value, label) in values {
        xml.push_str("            <value>\n");
        element(&mut xml, 4, "fullName", value);
        element(&mut xml, 4, "default", "false");
        element(&mut xml, 4, "label", label);
        xml.push_str("            </value>\n");
    }
    xml + "        </valueSetDefinition>\n    </valueSet>\n"
}

enum May {
    Read,
    Write,
}

fn permission_set(folder: &str, label: &str, may: &May) -> String {
    let editable = matches!(may, May::Write);
    let mut xml = String::new();
    element(&mut xml, 1, "description", text::permission_description(may));
    let mut fields: Vec<String> = CARRIED
        .iter()
        .filter(|on| on.folder == folder)
        .flat_map(|on| match on.object {
            // Fields are defined on Activity, and permitted on each of the two objects that show them.
            "Activity" => vec!["Event", "Task"],
            object => vec![object],
        })
        .flat_map(|object| text::MARK_FIELDS.iter().map(move |field| format!("{object}.{}", field.name)))
        .collect();
    if folder == CORE {
        // A required field is always permitted, and Salesforce refuses a set that says so again.
        let own = text::DATASET_FIELDS.iter().filter(|field| !unique(field));
        fields.extend(own.map(|field| format!("Eosin_Dataset__c.{}", field.name)));
    }
    fields.sort();
    for field in fields {
        xml.push_str("    <fieldPermissions>\n");
        element(&mut xml, 2, "editable", &editable.to_string());
        element(&mut xml, 2, "field", &field);
        element(&mut xml, 2, "readable", "true");
        xml.push_str("    </fieldPermissions>\n");
    }
    element(&mut xml, 1, "hasActivationRequired", "false");
    element(&mut xml, 1, "label", label);
    if folder == CORE {
        xml.push_str("    <objectPermissions>\n");
        for (name, value) in [
            ("allowCreate", editable),
            ("allowDelete", false),
            ("allowEdit", editable),
            ("allowRead", true),
            ("modifyAllRecords", false),
        ] {
            element(&mut xml, 2, name, &value.to_string());
        }
        element(&mut xml, 2, "object", "Eosin_Dataset__c");
        element(&mut xml, 2, "viewAllRecords", "true");
        xml.push_str("    </objectPermissions>\n");
    }
    document("PermissionSet", &xml)
}

fn document(kind: &str, body: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{kind} xmlns=\"{NAMESPACE}\">\n{body}</{kind}>\n")
}

fn element(xml: &mut String, depth: usize, name: &str, value: &str) {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let indent = "    ".repeat(depth);
    // Writing to a String cannot fail.
    let _written = writeln!(xml, "{indent}<{name}>{value}</{name}>");
}

/// The project file, which names the three folders an org may take.
fn project() -> String {
    format!(
        r#"{{
  "name": "eosin",
  "namespace": "",
  "sfdcLoginUrl": "https://login.salesforce.com",
  "sourceApiVersion": "{API_VERSION}",
  "packageDirectories": [
    {{ "path": "{CORE}", "default": true }},
    {{ "path": "{SCHEDULING}" }},
    {{ "path": "{HEALTH_CLOUD}" }}
  ]
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_carried_object_has_the_six_fields_and_a_permission_on_each() {
        let files = files();
        for on in CARRIED {
            let fields =
                files.keys().filter(|path| path.contains(&format!("/{}/fields/", on.object))).count();
            assert_eq!(fields, 6, "{}", on.object);
        }
        let writer = &files
            [&format!("{FOLDER}/{CORE}/main/default/permissionsets/Eosin_Writer.permissionset-meta.xml")];
        for field in ["Task.Eosin_Mark__c", "Event.Eosin_Mark__c", "Account.Eosin_Synthetic__c"] {
            assert!(writer.contains(&format!("<field>{field}</field>")), "{field}");
        }
        assert!(!writer.contains("Activity."), "Activity is not an object one can be permitted on");
        assert!(!writer.contains("Eosin_Dataset_Id__c"), "required fields are always permitted");
    }

    #[test]
    fn salesforce_limits_hold() {
        for field in text::MARK_FIELDS.iter().chain(text::DATASET_FIELDS) {
            assert!(field.name.len() <= 43, "{}: names have at most 40 characters before __c", field.name);
            assert!(field.label.len() <= 40, "{}: labels have at most 40 characters", field.name);
            assert!(field.help.len() <= 510, "{}: inline help has at most 510 characters", field.name);
        }
        for on in CARRIED {
            let relationship = format!("Synthetic_{}", on.plural.replace(' ', "_"));
            assert!(relationship.len() <= 40, "{relationship}");
        }
    }

    #[test]
    fn a_value_with_markup_is_escaped() {
        let mut xml = String::new();
        element(&mut xml, 0, "a", "<b> & c");
        assert_eq!(xml, "<a>&lt;b&gt; &amp; c</a>\n");
    }
}
