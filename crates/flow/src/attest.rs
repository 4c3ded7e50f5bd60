//! Attesting on the way in: what comes from a system of record gets a mark before it is judged, and its seal is logged.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use carrier::{
    Door, Labels,
    fhir::{self, Media},
};
use mark::{
    Authorship, BATCH_RECORDS_MAX, BatchEntry, BatchReceipt, Claim, DatasetFile, DatasetId, Draft, Field,
    FieldList, Form, Kind, Manifest, Mark, Method, Reading, Record, Salt, Source, Subject, Verdict, judge,
    seal,
};

use crate::{
    crossing::{Crossing, Route},
    read,
    world::Flow,
};

/// What attests at one boundary: a dataset of its own, in which every request is a batch.
///
/// The boundary is a system of record: whoever configures an attester says that what crosses there is about people.
pub struct Attester {
    manifest: Manifest,
    next_batch: Mutex<u32>,
    salts: Salts,
    keep: Keep,
}

/// Where salts come from: 16 random bytes, or nothing where there are none to be had.
pub type Salts = Box<dyn Fn() -> Option<Salt> + Send + Sync>;

/// Takes a receipt, so that the mark can be proved after a restart too. What it cannot keep, the ledger still holds.
pub type Keep = Box<dyn Fn(DatasetId, &BatchReceipt) + Send + Sync>;

/// Why there is no attester.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttesterError {
    /// A name that is no resource type of FHIR R4.
    #[error("`{0}` is no resource type of FHIR R4; name types such as `Patient`")]
    Type(String),
    /// The covered elements of these types are more than one list holds.
    #[error("`{resource_type}` cannot be attested: {reason}")]
    Fields {
        /// The type.
        resource_type: String,
        /// What is wrong with its elements.
        reason: String,
    },
    /// There is nothing to make a salt of.
    #[error("no randomness is to be had; attest nothing without it")]
    Salt,
}

impl Attester {
    /// What attests resources of these types at a boundary that is a system of record.
    ///
    /// Shape:  the boundary's name, types of R4 -> an attester with a dataset that nobody had before.
    /// Errors: see [`AttesterError`].
    pub fn new(
        boundary: &str,
        resource_types: &[String],
        salts: Salts,
        keep: Keep,
    ) -> Result<Self, AttesterError> {
        let mut objects = BTreeMap::new();
        for name in resource_types {
            let elements = fhir::resource_elements(name).ok_or_else(|| AttesterError::Type(name.clone()))?;
            let present: Vec<&str> = elements.iter().map(String::as_str).collect();
            let identity = fhir::identity_elements(name, &present);
            let field = |element: &String| Field {
                name: element.clone(),
                kind: Kind::Element,
                identity: identity.contains(element),
            };
            let list = FieldList::new(elements.iter().map(field).collect())
                .map_err(|reason| AttesterError::Fields { resource_type: name.clone(), reason })?;
            objects.insert(name.clone(), list);
        }
        let manifest = Manifest {
            name: format!("attested at {boundary}"),
            source: Source::SystemOfRecord { boundary: boundary.to_owned() },
            subject: Subject::Attested,
            authorship: Authorship::Human,
            method: Method::Collected,
            purposes: Vec::new(),
            jurisdictions: Vec::new(),
            generated_at: None,
            retain_until: None,
            operator: None,
            parameters_digest: None,
            seed_commitment: None,
            salt: salts().ok_or(AttesterError::Salt)?,
            objects,
        };
        Ok(Self { manifest, next_batch: Mutex::new(0), salts, keep })
    }

    /// The dataset, without receipts.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn batch(&self) -> Option<u32> {
        let mut next = self.next_batch.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = *next;
        *next = next.checked_add(1)?;
        Some(batch)
    }

    /// Seals these records as one batch.
    fn seal(&self, records: &[&Record<'_>], at: &str) -> Option<(Vec<Mark>, BatchEntry)> {
        let drafts: Option<Vec<Draft<'_, '_>>> = records
            .iter()
            .map(|record| Some(Draft { salt: Some((self.salts)()?), ..Draft::new(record) }))
            .collect();
        let sealed = seal(&self.manifest, self.batch()?, &drafts?, at).ok()?;
        Some((sealed.marks, sealed.entry))
    }
}

impl fmt::Debug for Attester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attester({})", self.manifest.id())
    }
}

/// A batch on its way to the ledger, and where its marks go.
struct Sealed {
    /// One a record of the body; nothing for those that are not attested.
    labels: Vec<Option<Labels>>,
    entries: Vec<BatchEntry>,
}

impl Flow {
    /// The same path, attesting what comes over this boundary.
    #[must_use]
    pub fn with_attester(mut self, boundary: &str, attester: Attester) -> Self {
        self.attesters.insert(boundary.to_owned(), attester);
        self
    }

    /// Whether something attests at this boundary: then a request waits for two commits, on a thread that may wait.
    pub fn attests(&self, boundary: &str) -> bool {
        self.attesters.contains_key(boundary)
    }

    /// The body with marks on what is attested here, whose seal is in the ledger; nothing if nothing is.
    ///
    /// Attested is what carries no mark, says nothing of itself, and is neither registered nor suspected. What is not
    /// attested stays as it is, and is judged as it is.
    ///
    /// Errors: none: without a ledger or a salt nothing is attested, and policy decides on what is unproven.
    /// Source: spec/carriers.md section 3.10.
    pub(crate) async fn attested(&self, crossing: &Crossing) -> Option<Bytes> {
        let attester = self.attesters.get(&crossing.boundary.name)?;
        if !crossing.boundary.system_of_record {
            return None;
        }
        let body = crossing.body.as_ref().ok()?;
        let at = self.clock.now().at;
        let Sealed { labels, entries } = self.sealed(attester, crossing, &at)?;
        // What is placed is made before anything is logged: what cannot be labelled leaves no trace.
        let placed = fhir::place_some(body, &labels).ok()?;
        let mut receipts = Vec::with_capacity(entries.len());
        for entry in entries {
            let bytes = entry.to_bytes();
            let text = String::from_utf8(bytes.clone()).ok()?;
            let logged = self.appender.append((), bytes).ok()?.await.ok()?;
            let proof = self.appender.prove(logged.index()).ok()?;
            receipts.push(BatchReceipt { entry: text, proof: proof.to_string() });
        }
        for receipt in &receipts {
            (attester.keep)(attester.manifest.id(), receipt);
        }
        let manifest = attester.manifest.clone();
        self.admit(&DatasetFile { manifest, receipts }).ok()?;
        Some(placed.into())
    }

    fn sealed(&self, attester: &Attester, crossing: &Crossing, at: &str) -> Option<Sealed> {
        let door = Route::find(
            &crossing.protocol,
            &crossing.method,
            &crossing.target,
            crossing.method_override.as_deref(),
            &carrier::salesforce::Doors::default(),
        );
        let Door::Judged(Route::Fhir(
            fhir::Route::Create { .. } | fhir::Route::Update { .. } | fhir::Route::Bundle,
        )) = door
        else {
            return None;
        };
        if crossing.content_type.as_deref().and_then(Media::of) != Some(Media::Json) {
            return None;
        }
        let doors = carrier::salesforce::Doors::default();
        let readings = read::read(crossing, &self.jobs, &doors, &self.limits).readings.records;
        let fit = self.fit(attester, &readings);
        let mut marks = Vec::with_capacity(fit.len());
        let mut entries = Vec::new();
        let records: Vec<&Record<'_>> = fit.iter().copied().flatten().collect();
        for batch in records.chunks(BATCH_RECORDS_MAX) {
            let (sealed, entry) = attester.seal(batch, at)?;
            marks.extend(sealed);
            entries.push(entry);
        }
        if marks.is_empty() {
            return None;
        }
        let mut marks = marks.iter();
        let labels = fit.iter().map(|fit| fit.and_then(|_| marks.next()).map(Labels::of)).collect();
        Some(Sealed { labels, entries })
    }

    /// For each reading its record, if it may be attested.
    fn fit<'r, 'a>(&self, attester: &Attester, readings: &'r [Reading<'a>]) -> Vec<Option<&'r Record<'a>>> {
        let (trust, recognition) = (self.trust(), self.recognition());
        let fit = |reading: &'r Reading<'a>| {
            let record = reading.content.as_ref().ok()?;
            let verdict = recognition.verdict(judge(reading, &trust), reading, None);
            let is_open = match verdict {
                Verdict::Unproven(Claim::None | Claim::Attested) => true,
                Verdict::Unproven(Claim::Synthetic)
                | Verdict::Synthetic(_)
                | Verdict::Attested(_)
                | Verdict::Mixed(_)
                | Verdict::Suspected(_)
                | Verdict::Transplanted(_)
                | Verdict::Forged(_)
                | Verdict::Untrusted(_)
                | Verdict::Unreadable(_) => false,
            };
            let is_known =
                record.form == Form::Fhir && attester.manifest.object(record.form, &record.object).is_some();
            (is_open && is_known).then_some(record)
        };
        readings.iter().map(fit).collect()
    }
}
