//! Who made a resource that others are made from.

use carrier::fhir::{self, Authored};
use mark::judge;

use crate::world::Flow;

impl Flow {
    /// Who made a schedule or a slot, if something other than a person did: by its mark, else by its labels.
    ///
    /// A label alone is believed here: it can only make others say more of themselves, never less.
    ///
    /// Shape:  one FHIR resource in JSON -> its maker.
    pub fn authored(&self, resource: &[u8]) -> Option<Authored> {
        let readings = fhir::read_document(resource, &self.limits);
        let [reading] = readings.records.as_slice() else { return None };
        let verdict = judge(reading, &self.trust());
        let proven = verdict.proof().filter(|proof| fhir::is_made(proof.authorship()));
        let proven = proven.map(|proof| Authored {
            authorship: proof.authorship(),
            mark_id: Some(proof.mark().to_string()),
        });
        proven.or_else(|| fhir::labelled_authorship(resource))
    }
}
