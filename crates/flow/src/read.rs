//! The first step: bytes in, readings out, by the carrier that knows the route.

use carrier::{
    Action, Door, Limits, Readings, Unit, fhir, hl7v2,
    salesforce::{self, AnonymousApex, Doors},
};
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
    /// What is done, and its short name.
    pub(crate) action: Action,
    pub(crate) label: String,
    /// What a change of metadata would take away from what Eosin rests on: a sentence each.
    pub(crate) weakens: Vec<String>,
}

/// Reads one crossing. Total: what cannot be read is a reading that says so.
pub(crate) fn read<'a>(crossing: &'a Crossing, jobs: &Jobs, doors: &Doors, limits: &Limits) -> Read<'a> {
    let (route, is_open) = match door(crossing, jobs, doors) {
        Door::Judged(route) => (Some(route), false),
        Door::Open => (None, true),
        Door::Unknown => (None, false),
    };
    let mut unjudged = false;
    let mut readings = match (&crossing.body, &route) {
        (Err(reason), _) => unreadable(reason.clone()),
        (Ok(body), None) if is_open => {
            if salesforce::form_overrides(crossing.content_type.as_deref(), body) {
                unreadable(Unreadable::Shape("is a form that asks for another method".to_owned()))
            } else {
                Readings { unit: Unit::Whole, records: Vec::new() }
            }
        }
        (Ok(body), None) if runs_allowed_apex(crossing, doors, body) => {
            unjudged = true;
            Readings { unit: Unit::Whole, records: Vec::new() }
        }
        (Ok(body), None) => unreadable(why_unknown(crossing, body)),
        (
            Ok(body),
            Some(Route::Salesforce(route @ (salesforce::Route::BulkV1(_) | salesforce::Route::Soap(_)))),
        ) => match salesforce::unreadable_type(crossing.content_type.as_deref()) {
            Some(reason) => unreadable(reason),
            None => salesforce::read(route, None, body, limits),
        },
        (Ok(body), Some(Route::Salesforce(route))) => {
            let job = if let salesforce::Route::BulkUpload { job } = route {
                jobs.get(&crossing.boundary.name, job)
            } else {
                None
            };
            salesforce::read_typed(route, job.as_ref(), crossing.content_type.as_deref(), body, limits)
        }
        (Ok(body), Some(Route::Fhir(route))) => {
            fhir::read(route, crossing.content_type.as_deref(), body, limits)
        }
        (Ok(body), Some(Route::Hl7v2(_))) => hl7v2::read_frame(body, limits),
    };
    let weakens = weakens(crossing, route.as_ref(), limits).unwrap_or_else(|reason| {
        readings = unreadable(reason);
        Vec::new()
    });
    let datasets = readings.records.iter().filter_map(announced).collect();
    let action = match (&route, &crossing.body) {
        (Some(Route::Salesforce(route)), Ok(body)) => salesforce::action(route, body, &readings),
        (Some(route), _) => route.action(),
        (None, _) if is_open => Action::Read,
        (None, _) => Action::Create,
    };
    let label = match &route {
        Some(route) => route.label(),
        None if unjudged => "anonymous apex, not judged".to_owned(),
        None if is_open => "open call".to_owned(),
        None => "unknown write".to_owned(),
    };
    Read { route, readings, datasets, action, label, weakens }
}

/// Whether a request runs Apex of its own, at a boundary that lets it.
fn runs_allowed_apex(crossing: &Crossing, doors: &Doors, body: &[u8]) -> bool {
    crossing.protocol == Protocol::Salesforce
        && doors.anonymous_apex == AnonymousApex::Allow
        && crossing.method_override.is_none()
        && salesforce::runs_anonymous_apex(&crossing.method, &crossing.target, body)
}

/// What a change of metadata would take away.
fn weakens(crossing: &Crossing, route: Option<&Route>, limits: &Limits) -> Result<Vec<String>, Unreadable> {
    match (&crossing.protocol, route, &crossing.body) {
        (Protocol::Salesforce, Some(Route::Salesforce(route)), Ok(body)) => {
            salesforce::weakens(route, crossing.content_type.as_deref(), body, limits)
        }
        (Protocol::Salesforce, None, Ok(body)) => salesforce::soap_weakens(&crossing.target, body),
        _ => Ok(Vec::new()),
    }
}

/// What a crossing is, as far as its target, its job and its body tell.
fn door(crossing: &Crossing, jobs: &Jobs, doors: &Doors) -> Door<Route> {
    let door = Route::find(
        &crossing.protocol,
        &crossing.method,
        &crossing.target,
        crossing.method_override.as_deref(),
        doors,
    );
    match (door, &crossing.protocol, &crossing.body) {
        (door @ Door::Judged(_), _, _) => door,
        // Of a batch only its job tells what it is, and only the body which SOAP call it is.
        (was @ (Door::Open | Door::Unknown), Protocol::Salesforce, Ok(body)) => {
            let (method, target) = (&crossing.method, &crossing.target);
            let by_job =
                salesforce::route_by_job(method, target, crossing.method_override.as_deref(), |id| {
                    jobs.batch_job(&crossing.boundary.name, id)
                });
            let door = match by_job {
                Door::Open | Door::Unknown
                    if salesforce::unreadable_type(crossing.content_type.as_deref()).is_none() =>
                {
                    salesforce::route_by_body(method, target, body)
                }
                door @ (Door::Open | Door::Judged(_) | Door::Unknown) => door,
            };
            match door {
                Door::Judged(route) => Door::Judged(Route::Salesforce(route)),
                Door::Open => Door::Open,
                // A form, which was read only because it could hide a method.
                Door::Unknown if matches!(was, Door::Open) => Door::Open,
                Door::Unknown => Door::Unknown,
            }
        }
        (Door::Open | Door::Unknown, _, _) => Door::Unknown,
    }
}

/// What is said of a write that nobody here can read.
fn why_unknown(crossing: &Crossing, body: &[u8]) -> Unreadable {
    let of_call = match &crossing.protocol {
        Protocol::Salesforce => salesforce::unreadable_call(&crossing.target, body),
        Protocol::Fhir { .. } | Protocol::Hl7v2 | Protocol::Webhook => None,
    };
    of_call.unwrap_or_else(|| {
        Unreadable::Shape(
            "this way of writing cannot be read here; use a route that docs/getting-started.md lists"
                .to_owned(),
        )
    })
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
