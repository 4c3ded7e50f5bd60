//! Audit events of FHIR boundaries: one an interaction, made when its answer is known.

use carrier::{
    fhir::{self, Audited, Interaction, audit_event, interaction, made_at},
    provenance::Provenance,
    route::Target,
};
use flow::Protocol;
use http::{HeaderMap, HeaderName, Response, header::LOCATION};

use crate::{
    body::{Body, Collected},
    coding::{coding, decode},
    head::{AI_DISCLOSURE, Head, PROVENANCE, texts},
    problem::Problem,
    server::Lane,
};

/// What is remembered of a request until its answer is known.
#[derive(Debug)]
pub(crate) struct Asked {
    interactions: Vec<Interaction>,
    parameters: Vec<String>,
    client: String,
    request_id: Option<String>,
}

/// Entries of one Bundle that get an event each.
const ENTRIES_MAX: usize = 10_000;
/// Names of parameters in one event.
const PARAMETERS_MAX: usize = 100;

/// What a request asks, if somebody keeps audit events of this boundary.
pub(crate) fn asked(lane: &Lane, head: &Head, collected: Option<&Collected>) -> Option<Asked> {
    let Protocol::Fhir { base } = &lane.protocol else { return None };
    if !lane.flow.audits(&lane.boundary.name) {
        return None;
    }
    let found = interaction(head.method.as_str(), &head.target, head.method_override.as_deref(), base)?;
    let interactions = match (found, collected) {
        (Interaction::Bundle, Some(collected)) => {
            decode(coding(&head.headers), &collected.received, &lane.limits)
                .map(|body| fhir::asked_in_bundle(&body, ENTRIES_MAX))
                .unwrap_or_default()
        }
        (found, _) => vec![found],
    };
    let target = Target::parse(&head.target);
    let names = target.iter().flat_map(Target::query_names).take(PARAMETERS_MAX);
    // A name that is more than a name could hold anything.
    let is_plain = |name: &&str| {
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    Some(Asked {
        interactions,
        parameters: names.filter(is_plain).map(str::to_owned).collect(),
        client: head.client.clone(),
        request_id: text(&head.headers, "x-request-id").filter(|id| id.len() <= 128),
    })
}

/// The first value of a header.
fn text(headers: &HeaderMap, name: &'static str) -> Option<String> {
    texts(headers, &HeaderName::from_static(name)).into_iter().next()
}

impl Asked {
    /// Writes an event an interaction.
    pub(crate) fn told(self, lane: &Lane, answer: &Result<Response<Body>, Problem>, ruling: Option<&str>) {
        let empty = HeaderMap::new();
        let (status, headers) = match answer {
            Ok(answer) => (answer.status().as_u16(), answer.headers()),
            Err(problem) => (problem.status().as_u16(), &empty),
        };
        let is_alone = self.interactions.len() == 1;
        let provenance = texts(headers, &PROVENANCE).into_iter().next();
        let provenance = provenance.and_then(|text| Provenance::parse(&[&text]).ok());
        let is_synthetic = provenance.is_some_and(|heard| {
            let counts = heard.provenance.counts;
            counts.get(&mark::VerdictName::Synthetic).is_some_and(|count| *count > 0)
        });
        let made = texts(headers, &LOCATION).first().and_then(|location| made_at(location));
        for interaction in &self.interactions {
            lane.flow.audit(&lane.boundary.name, |at, observer| {
                audit_event(&Audited {
                    interaction,
                    made: made.clone().filter(|_| is_alone),
                    parameters: &self.parameters,
                    at,
                    client: &self.client,
                    boundary: &lane.boundary.name,
                    observer,
                    request_id: self.request_id.as_deref(),
                    status,
                    ruling,
                    is_synthetic: is_synthetic && is_alone,
                    is_ai: is_alone && headers.contains_key(&AI_DISCLOSURE),
                })
            });
        }
    }
}
