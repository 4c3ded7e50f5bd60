//! The first reading: which objects and fields there are, and whether every record can be sealed.

use std::collections::BTreeMap;

use carrier::{fhir, hl7v2, salesforce, table, table::Format};
use mark::{Claim, FieldList, Record, Subject, Survey, json::Json};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::progress::Progress;
use crate::{arguments::MarkArguments, input, printer::Printer};

/// What the first reading found.
pub(super) struct Surveyed {
    /// The field lists, for the manifest.
    pub(super) objects: BTreeMap<String, FieldList>,
    /// How many records of which object.
    pub(super) by_object: BTreeMap<String, u64>,
    /// How many records in all.
    pub(super) records: u64,
    /// The object of the rows, where nobody said it.
    pub(super) assumed: Option<String>,
}

/// Reads the whole file.
///
/// Errors: a report: no records, one that cannot be read, one that is marked already, one with nothing to cover.
pub(super) fn survey(
    arguments: &MarkArguments,
    subject: Subject,
    printer: &Printer,
) -> miette::Result<Surveyed> {
    let path = &arguments.input;
    let mut input = input::open(path, arguments.object.as_deref())?;
    let progress = Progress::new("reading", path, &input, printer);
    let mut survey = Survey::default();
    let mut by_object = BTreeMap::new();
    let mut records = 0;
    while let Some(chunk) = input
        .next_chunk()
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {} to its end", path.display()))?
    {
        for reading in chunk.read().records {
            let at = format!("{}, {}", path.display(), reading.place.reference);
            let record = match &reading.content {
                Ok(record) => record,
                Err(reason) => {
                    return Err(miette!(
                        help = "a file is marked whole or not at all: mend the record or take it out",
                        "{at}: {reason}"
                    ));
                }
            };
            may_be_sealed(record, subject, &at)?;
            survey.observe(record);
            *by_object.entry(record.object.clone().into_owned()).or_insert(0) += 1;
            records += 1;
        }
        progress.update(&input);
    }
    progress.finish();
    if records == 0 {
        return Err(miette!("there are no records in {}", path.display()));
    }
    let format = input.format;
    let identity = |object: &str, present: &[&str]| match format {
        Format::FhirDocument | Format::FhirLines => fhir::identity_elements(object, present),
        Format::SalesforceJson { .. } | Format::SalesforceCsv { .. } => {
            salesforce::identity_fields(object, present)
        }
        Format::Hl7v2 => hl7v2::identity_fields(object, present),
        Format::Table { .. } => table::identity_columns(object, present),
    };
    let objects =
        survey.field_lists(identity).map_err(|error| miette!("the fields cannot be covered: {error}"))?;
    Ok(Surveyed { objects, by_object, records, assumed: input.assumed })
}

fn may_be_sealed(record: &Record<'_>, subject: Subject, at: &str) -> miette::Result<()> {
    if record.mark.as_deref().is_some_and(|text| !text.trim().is_empty()) {
        return Err(miette!(
            help = "mark the file as it came from its generator; `eosin judge` says what this one is",
            "{at}: the record carries a mark already"
        ));
    }
    if subject == Subject::Attested && record.claim == Claim::Synthetic {
        return Err(miette!(
            help = "take it out, or find out how it came into a system of record",
            "{at}: the record says of itself that it is synthetic, so it is not attested"
        ));
    }
    if record.fields.iter().all(|(_, value)| is_absent(value)) {
        return Err(miette!(
            help = "a mark covers values; without any it would fit every other empty record",
            "{at}: the record holds nothing that a mark could cover"
        ));
    }
    Ok(())
}

fn is_absent(value: &Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::Array(items) => items.iter().all(is_absent),
        Json::Object(members) => members.iter().all(|(_, value)| is_absent(value)),
        Json::Bool(_) | Json::Number(_) => false,
    }
}
