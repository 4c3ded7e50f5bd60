//! The first step: bytes in, readings out, by the carrier that knows the route.

use carrier::{Door, Limits, Readings, Unit, fhir, salesforce};
use mark::{DatasetFile, Place, Reading, Record, Unreadable};

use crate::{
    crossing::{Crossing, Protocol, Route},
    jobs::Jobs,
};

/// What was read at one crossing: the route, the records, and datasets that announce themselves.
pub(crate) struct Read<'a> {
    pub(crate) route: Option<Route>,
    pub(crate) readings: Readings<'a>,
    /// Dataset rows on their way into an org: their receipts can be checked before anything is judged.
    pub(crate) datasets: Vec<DatasetFile>,
}

/// Reads one crossing. Total: what cannot be read is a reading that says so.
pub(crate) fn read<'a>(crossing: &'a Crossing, jobs: &Jobs, limits: &Limits) -> Read<'a> {
    let door = Route::find(
        &crossing.protocol,
        &crossing.method,
        &crossing.target,
        crossing.method_override.as_deref(),
    );
    let route = match door {
        Door::Judged(route) => Some(route),
        Door::Open | Door::Unknown => None,
    };
    let readings = match (&crossing.body, &route) {
        (Err(reason), _) => unreadable(reason.clone()),
        (Ok(body), None) if opens_by_body(crossing, body) => {
            Readings { unit: Unit::Whole, records: Vec::new() }
        }
        (Ok(_), None) => unreadable(Unreadable::Shape(
            "this way of writing cannot be read here; use a route that docs/getting-started.md lists"
                .to_owned(),
        )),
        (Ok(body), Some(Route::Salesforce(route))) => {
            let job = match route {
                salesforce::Route::BulkUpload { job } => jobs.get(job),
                salesforce::Route::Create { .. }
                | salesforce::Route::Update { .. }
                | salesforce::Route::Upsert { .. }
                | salesforce::Route::Delete { .. }
                | salesforce::Route::CreateMany
                | salesforce::Route::UpdateMany
                | salesforce::Route::UpsertMany { .. }
                | salesforce::Route::DeleteMany
                | salesforce::Route::Composite
                | salesforce::Route::Graph
                | salesforce::Route::Batch
                | salesforce::Route::Tree { .. }
                | salesforce::Route::BulkJob => None,
            };
            salesforce::read(route, job.as_ref(), body, limits)
        }
        (Ok(body), Some(Route::Fhir(route))) => {
            fhir::read(route, crossing.content_type.as_deref(), body, limits)
        }
    };
    let datasets = readings.records.iter().filter_map(announced).collect();
    Read { route, readings, datasets }
}

/// Whether only the body tells that there is nothing to judge: a SOAP login, read or deployment.
fn opens_by_body(crossing: &Crossing, body: &[u8]) -> bool {
    match &crossing.protocol {
        Protocol::Salesforce => {
            matches!(salesforce::route_by_body(&crossing.method, &crossing.target, body), Door::Open)
        }
        Protocol::Fhir { .. } => false,
    }
}

fn unreadable<'a>(reason: Unreadable) -> Readings<'a> {
    let place = Place { index: 0, reference: "request".to_owned() };
    Readings { unit: Unit::Whole, records: vec![Reading { place, content: Err(reason) }] }
}

/// The dataset that a row of the dataset object describes, if that is what this is.
fn announced(reading: &Reading<'_>) -> Option<DatasetFile> {
    let record = reading.content.as_ref().ok().filter(|record| is_dataset_row(record))?;
    let text = |name: &str| {
        let field = record.fields.iter().find(|(field, _)| Record::same_name(record.form, field, name));
        field.and_then(|(_, value)| value.text())
    };
    DatasetFile::from_parts(text("Eosin_Manifest__c")?, text("Eosin_Receipt__c")?).ok()
}

/// Whether a record is a row of the dataset object rather than of an object about people.
pub(crate) fn is_dataset_row(record: &Record<'_>) -> bool {
    record.form == mark::Form::Salesforce && record.object.eq_ignore_ascii_case("Eosin_Dataset__c")
}

/// Drops rows of datasets that are known by now: a proven manifest is not a record about anybody.
pub(crate) fn without_known_datasets(readings: &mut Readings<'_>, knows: impl Fn(&DatasetFile) -> bool) {
    readings.records.retain(|reading| !announced(reading).is_some_and(|file| knows(&file)));
}
