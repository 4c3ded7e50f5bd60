//! The Salesforce object that the columns of a table tell.

/// The Salesforce object that the columns of a table tell, for exports whose file is named otherwise.
///
/// Only columns that no other object has are taken for proof; our own mark's column alone says Salesforce, and not
/// which object.
pub(super) fn salesforce_object(head: &[u8]) -> Option<&'static str> {
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = std::str::from_utf8(line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)).ok()?;
    let columns: Vec<&str> = line.split(',').map(|column| column.trim().trim_matches('"')).collect();
    let has = |name: &&str| columns.contains(name);
    TELLING
        .iter()
        .find(|(_, all, any)| all.iter().all(has) && any.iter().any(has))
        .map(|(object, ..)| *object)
}

/// An object, columns that it must have, and columns of which it must have one. The first that fits is taken.
const TELLING: [(&str, &[&str], &[&str]); 6] = [
    ("Account", &[], &["PersonBirthdate", "PersonEmail", "PersonMobilePhone", "PersonMailingCity"]),
    ("Lead", &["LastName", "Company"], &["LastName"]),
    (
        "Contact",
        &["LastName"],
        &[
            "AccountId",
            "Birthdate",
            "MailingCity",
            "MailingPostalCode",
            "HomePhone",
            "MobilePhone",
            "ReportsToId",
        ],
    ),
    ("ServiceAppointment", &[], &["SchedStartTime"]),
    ("Case", &[], &["SuppliedEmail", "SuppliedName", "CaseNumber"]),
    ("Event", &["StartDateTime"], &["EndDateTime", "ActivityDate"]),
];
