//! What an administrator reads in the package: labels, inline help, descriptions. Plain words, no codes.

use super::{Field, May, Required, Store, document, element};

const fn field(name: &'static str, label: &'static str, store: Store, help: &'static str) -> Field {
    Field { name, label, help, store }
}

const SUBJECTS: &[(&str, &str)] = &[
    ("synthetic", "Synthetic: about nobody"),
    ("attested", "Attested: a system of record vouches for the person"),
    ("mixed", "Mixed: derived from both kinds"),
    ("unproven", "Unproven: no evidence either way"),
];

const AUTHORS: &[(&str, &str)] = &[
    ("human", "A person"),
    ("ai", "AI"),
    ("ai-reviewed", "AI, reviewed by a person"),
    ("algorithm", "Rules, without AI"),
    ("unknown", "Not known"),
];

/// The six fields that each carried object has.
pub(super) const MARK_FIELDS: &[Field] = &[
    field(
        "Eosin_Synthetic__c",
        "Synthetic",
        Store::Checkbox,
        "Ticked when this record was made for tests, training or exercises and is about nobody. An empty box \
         proves nothing: look at Subject.",
    ),
    field(
        "Eosin_Subject__c",
        "Subject",
        Store::Pick(SUBJECTS),
        "Whom this record is about. Synthetic: nobody. Attested: a system of record vouches for the person. Mixed: \
         derived from both. Unproven: we cannot tell, so treat it with care.",
    ),
    field(
        "Eosin_Authorship__c",
        "Authorship",
        Store::Pick(AUTHORS),
        "Who made the content. Separate from Subject: a letter that AI wrote to a patient is not synthetic, and a test \
         patient made by rules is not AI.",
    ),
    field(
        "Eosin_Dataset__c",
        "Dataset",
        Store::Lookup("Eosin_Dataset__c"),
        "The generation run that made this record: open it to see what made it, when, and for what purpose.",
    ),
    field(
        "Eosin_Mark_Id__c",
        "Mark ID",
        Store::Key(64, Required::No),
        "The name of this record's mark. Copy it into a search to find the record again, also outside Salesforce.",
    ),
    field(
        "Eosin_Mark__c",
        "Mark",
        Store::Long(32_768),
        "The proof itself, for machines. Do not edit it: a changed mark no longer proves anything, and a mark moved to \
         another record raises an alarm.",
    ),
];

/// The fields of a dataset: one row is one generation run.
pub(super) const DATASET_FIELDS: &[Field] = &[
    field(
        "Eosin_Dataset_Id__c",
        "Dataset ID",
        Store::Key(64, Required::Yes),
        "The name that every mark of this dataset carries. It never changes.",
    ),
    field(
        "Eosin_Manifest__c",
        "Manifest",
        Store::Long(131_072),
        "Everything stated about this run when it was sealed, in the exact form that was signed. Do not edit it.",
    ),
    field("Eosin_Generator__c", "Generator", Store::Text(255), "The program that made the records."),
    field(
        "Eosin_Generator_Version__c",
        "Generator Version",
        Store::Text(80),
        "The version of that program, so that the run can be repeated.",
    ),
    field(
        "Eosin_Method__c",
        "Method",
        Store::Text(255),
        "How the records were made: by rules, by AI, from a sample.",
    ),
    field(
        "Eosin_Purposes__c",
        "Purposes",
        Store::Text(255),
        "What these records may be used for, separated by commas. Other uses can be refused.",
    ),
    field("Eosin_Generated_At__c", "Generated At", Store::DateTime, "When the run was made."),
    field(
        "Eosin_Jurisdiction__c",
        "Jurisdiction",
        Store::Text(80),
        "The country or state whose rules apply to these records.",
    ),
    field(
        "Eosin_Retain_Until__c",
        "Retain Until",
        Store::Date,
        "The day after which these records should be removed.",
    ),
    field(
        "Eosin_Receipt__c",
        "Receipt",
        Store::Long(131_072),
        "Proof that this run was logged before its records were used. Anybody can check it offline. Do not edit it.",
    ),
];

/// The object whose rows are datasets.
pub(super) fn dataset_object() -> String {
    let mut xml = String::new();
    element(&mut xml, 1, "deploymentStatus", "Deployed");
    element(
        &mut xml,
        1,
        "description",
        "One generation run of synthetic records: what made them, when, for what purpose, and the proof of it.",
    );
    for (name, value) in [
        ("enableActivities", "false"),
        ("enableHistory", "false"),
        ("enableReports", "true"),
        ("enableSearch", "true"),
        ("externalSharingModel", "Private"),
        ("label", "Synthetic Dataset"),
    ] {
        element(&mut xml, 1, name, value);
    }
    xml.push_str("    <nameField>\n");
    element(&mut xml, 2, "label", "Dataset Name");
    element(&mut xml, 2, "type", "Text");
    xml.push_str("    </nameField>\n");
    element(&mut xml, 1, "pluralLabel", "Synthetic Datasets");
    element(&mut xml, 1, "sharingModel", "Read");
    document("CustomObject", &xml)
}

pub(super) fn permission_description(may: &May) -> &'static str {
    match may {
        May::Read => {
            "Sees which records are synthetic, where they come from, and their proof. For everybody."
        }
        May::Write => {
            "Writes marks and datasets. For the integration user that Eosin or the generator logs in as, nobody else."
        }
    }
}
