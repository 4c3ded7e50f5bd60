//! What policy withholds and says to keep: chosen before the ruling, sealed after it, before anybody is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use carrier::{Refusal, Unit, fhir, provenance::RulingReference, salesforce};
use ledger::Logged;
use mark::VerdictName;
use policy::Ruling;
use quarantine::{Item, ItemId, Keeper, Reservation, Withheld};

use crate::{
    clock::Moment,
    credentials,
    crossing::{Crossing, Protocol, Route},
    entry::{Entry, Step},
    world::Flow,
};

/// A quarantine, and the boundaries whose withheld requests go there.
pub struct Keeping {
    keeper: Keeper,
    boundaries: BTreeSet<String>,
    upstreams: BTreeMap<String, String>,
    not_kept: Mutex<BTreeMap<String, u64>>,
}

impl Keeping {
    /// Keeps what is withheld at these boundaries.
    pub fn new(keeper: Keeper, boundaries: BTreeSet<String>) -> Self {
        Self { keeper, boundaries, upstreams: BTreeMap::new(), not_kept: Mutex::default() }
    }

    /// With what is behind each boundary, as scheme, host, port and path: an item remembers where it would have gone.
    #[must_use]
    pub fn with_upstreams(self, upstreams: BTreeMap<String, String>) -> Self {
        Self { upstreams, ..self }
    }

    /// What is behind a boundary, where that was said.
    pub(crate) fn upstream_of(&self, boundary: &str) -> Option<&str> {
        self.upstreams.get(boundary).map(String::as_str)
    }

    /// The store's thread.
    pub fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// How many requests should have been kept and could not be, by boundary, since the start.
    pub fn not_kept(&self) -> BTreeMap<String, u64> {
        self.not_kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it keeps what is withheld at this boundary.
    pub(crate) fn keeps_for(&self, boundary: &str) -> bool {
        self.boundaries.contains(boundary)
    }

    fn count_not_kept(&self, boundary: &str) {
        let mut counts = self.not_kept.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(boundary.to_owned()).or_default() += 1;
    }
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keeping({:?} for {:?})", self.keeper, self.boundaries)
    }
}

/// What a ruling says of the quarantine.
pub(crate) enum Plan {
    /// Nothing is to be kept.
    Nothing,
    /// This is, and there is room for it.
    Keep(Box<Chosen>),
    /// Something should be, and cannot.
    Cannot(String),
}

/// What is to be kept of a crossing.
pub(crate) struct Chosen {
    id: ItemId,
    room: Reservation,
    withheld: Withheld,
    records: u64,
    idempotent: bool,
    /// See [`Item::waits_for`].
    waits_for: Option<String>,
}

/// What became of it, for the refusal's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Kept(ItemId),
    NotKept(String),
}

impl Told {
    /// The item, if it was kept.
    pub(crate) fn item(&self) -> Option<String> {
        match self {
            Self::Kept(id) => Some(id.to_string()),
            Self::Nothing | Self::NotKept(_) => None,
        }
    }

    /// A sentence for the client, with a space in front; empty where nothing was to be kept.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Kept(id) => format!(" Kept in quarantine as item {id}."),
            Self::NotKept(why) => format!(" Not kept in quarantine: {why}."),
        }
    }
}

impl Plan {
    /// What the ruling's entry says: an item's name, or why there is none.
    pub(crate) fn for_entry(&self) -> Option<crate::entry::KeptBody> {
        match self {
            Self::Nothing => None,
            Self::Keep(chosen) => {
                Some(crate::entry::KeptBody { item: Some(chosen.id.to_string()), not_kept: None })
            }
            Self::Cannot(why) => Some(crate::entry::KeptBody { item: None, not_kept: Some(why.clone()) }),
        }
    }
}

/// How a crossing was read, as far as keeping needs to know.
pub(crate) struct Shape<'a> {
    pub(crate) route: Option<&'a Route>,
    pub(crate) unit: Unit,
    /// Where each judged record stands among those of the body.
    pub(crate) positions: &'a [usize],
    /// How many records the body has, judged or not.
    pub(crate) total: usize,
}

impl Flow {
    /// Chooses what is kept of a crossing, and sets room apart for it: before the ruling is written, so that the entry
    /// can name the item.
    pub(crate) fn plan(&self, ruling: &Ruling, crossing: &Crossing, shape: &Shape<'_>) -> Plan {
        let Some(keeping) = self.keeping().filter(|keeping| keeping.keeps_for(&crossing.boundary.name))
        else {
            return Plan::Nothing;
        };
        let rows = shape.positions.iter().enumerate().filter(|(row, _)| ruling.keeps(*row));
        let kept: BTreeSet<usize> = rows.map(|(_, position)| *position).collect();
        // A way of writing that nobody here can read could not be judged when it is released either.
        let (Some(route), false) = (shape.route, kept.is_empty()) else { return Plan::Nothing };
        let chosen = choose(crossing, route, shape, &kept).and_then(|(withheld, records)| {
            make_room(keeping, withheld, records, is_idempotent(route, &crossing.method))
        });
        chosen.map_or_else(Plan::Cannot, Plan::Keep)
    }

    /// Chooses an event to be kept whole, because it is refused or because its consumer cannot take it now.
    pub(crate) fn plan_event(
        &self,
        boundary: &str,
        withheld: Withheld,
        records: usize,
        waits_for: Option<&str>,
    ) -> Plan {
        let Some(keeping) = self.keeping().filter(|keeping| keeping.keeps_for(boundary)) else {
            return Plan::Cannot("this boundary keeps no quarantine".to_owned());
        };
        let records = u64::try_from(records.max(1)).unwrap_or(u64::MAX);
        match make_room(keeping, withheld, records, true) {
            Ok(chosen) => Plan::Keep(Box::new(Chosen { waits_for: waits_for.map(str::to_owned), ..*chosen })),
            Err(why) => Plan::Cannot(why),
        }
    }

    /// Seals what was chosen. The ruling is in the ledger; the item is durable when this returns.
    pub(crate) async fn keep(
        &self,
        plan: Plan,
        ruling: &Logged<Ruling>,
        crossing: &Crossing,
        route: &str,
        moment: &Moment,
    ) -> Told {
        let boundary = &crossing.boundary.name;
        let place = RulingReference { origin: ruling.origin().to_owned(), index: ruling.index() }.to_string();
        let Some(keeping) = self.keeping() else { return Told::Nothing };
        let chosen = match plan {
            Plan::Nothing => return Told::Nothing,
            Plan::Cannot(why) => {
                keeping.count_not_kept(boundary);
                return Told::NotKept(why);
            }
            Plan::Keep(chosen) => *chosen,
        };
        let counts = VerdictName::ALL.into_iter().map(|name| (name, ruling.item().counts().of(name)));
        // Events go to the endpoint of their class, wherever the configuration has that, with its own secret.
        let destination = (crossing.protocol != Protocol::Webhook).then_some(&crossing.boundary);
        let fresh = Item {
            id: chosen.id.clone(),
            boundary: boundary.clone(),
            sequence: 0,
            received: moment.at.clone(),
            ruling: place.clone(),
            policies: ruling.item().determining_policies().into_iter().map(str::to_owned).collect(),
            reason: ruling.item().summary(),
            counts: counts
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| (name.as_str().to_owned(), count))
                .collect(),
            records: chosen.records,
            client: crossing.client.clone(),
            protocol: crossing.protocol.as_str().to_owned(),
            route: route.to_owned(),
            method: crossing.method.clone(),
            bytes: chosen.room.bytes(),
            idempotent: chosen.idempotent,
            waits_for: chosen.waits_for.clone(),
            upstream: destination.and_then(|_| keeping.upstream_of(boundary)).map(str::to_owned),
            environment: destination.map(|boundary| boundary.environment.as_str().to_owned()),
        };
        let event = if chosen.waits_for.is_some() { "waiting" } else { "kept" };
        let Chosen { id, room, withheld, .. } = chosen;
        let asked = keeping.keeper.ask(move |store| store.hold(room, fresh, &withheld));
        let held = match asked {
            Ok(answer) => answer.await,
            Err(stopped) => Err(stopped),
        };
        let why = match held {
            Ok(Ok(item)) => {
                self.note(Entry::quarantine(&Step::of(&item, event), moment));
                return Told::Kept(id);
            }
            Ok(Err(error)) => error.to_string(),
            Err(stopped) => stopped.to_string(),
        };
        keeping.count_not_kept(boundary);
        let step = Step { outcome: Some(&why), ..Step::new(id.as_str(), boundary, &place, "not-kept") };
        self.note(Entry::quarantine(&step, moment));
        Told::NotKept(why)
    }
}

/// Sets room apart, and draws a name.
fn make_room(
    keeping: &Keeping,
    withheld: Withheld,
    records: u64,
    idempotent: bool,
) -> Result<Box<Chosen>, String> {
    let bytes = u64::try_from(withheld.body.len()).unwrap_or(u64::MAX);
    let room = keeping.keeper.reserve(bytes).map_err(|full| full.to_string())?;
    let id = keeping.keeper.new_id().map_err(|error| error.to_string())?;
    Ok(Box::new(Chosen { id, room, withheld, records, idempotent, waits_for: None }))
}

/// The kept part of a request: as it was if all of it is kept, else without what passed. The error says why not.
fn choose(
    crossing: &Crossing,
    route: &Route,
    shape: &Shape<'_>,
    kept: &BTreeSet<usize>,
) -> Result<(Withheld, u64), String> {
    if let Route::Fhir(fhir::Route::Patch { .. }) = route {
        return Err("it is a patch, which can be judged only with the resource as it is now".to_owned());
    }
    let body = crossing.body.as_ref().map_err(|_| "its body could not be taken in whole".to_owned())?;
    let (body, records) = match (shape.unit, route) {
        (Unit::Whole, _) | (Unit::PerRecord, Route::Hl7v2(_)) => (body.to_vec(), shape.total),
        (Unit::PerRecord, Route::Salesforce(route)) => {
            let fallen = salesforce::complete(route, body, &refused(kept.iter().copied()));
            let others = refused((0..shape.total).filter(|position| !fallen.contains_key(position)));
            if others.is_empty() {
                (body.to_vec(), shape.total)
            } else {
                let falls = salesforce::complete(route, body, &others);
                if kept.iter().any(|position| falls.contains_key(position)) {
                    return Err("it refers to records that have passed".to_owned());
                }
                let part = salesforce::withhold(route, body, &others);
                (part.ok_or("it cannot be taken apart from what has passed")?, fallen.len())
            }
        }
        (Unit::PerRecord, Route::Fhir(_)) => {
            let others: Vec<(usize, Refusal)> =
                refused((0..shape.total).filter(|position| !kept.contains(position))).into_iter().collect();
            if others.is_empty() {
                (body.to_vec(), shape.total)
            } else {
                let part = fhir::withhold(body, &others).ok().and_then(|withheld| withheld.body);
                (part.ok_or("it cannot be taken apart from what has passed")?, kept.len())
            }
        }
    };
    let withheld = Withheld {
        target: crossing.target.clone(),
        content_type: crossing.content_type.clone(),
        method_override: crossing.method_override.clone(),
        body,
    };
    let withheld = credentials::taken_out(withheld)
        .ok_or("it holds credentials in a form from which they cannot be taken out")?;
    Ok((withheld, u64::try_from(records.max(1)).unwrap_or(u64::MAX)))
}

fn refused(positions: impl Iterator<Item = usize>) -> BTreeMap<usize, Refusal> {
    let nothing = Refusal { code: String::new(), message: String::new() };
    positions.map(|position| (position, nothing.clone())).collect()
}

/// Whether sending this twice does what sending it once does: it names what it writes.
fn is_idempotent(route: &Route, method: &str) -> bool {
    match route {
        Route::Salesforce(salesforce::Route::Upsert { value, .. }) => value.is_some(),
        Route::Salesforce(_) | Route::Hl7v2(_) => false,
        Route::Fhir(_) => method.eq_ignore_ascii_case("PUT"),
    }
}

/// The protocol's name back to the protocol, for an item that is judged again.
pub(crate) fn same_protocol(protocol: &Protocol, word: &str) -> bool {
    protocol.as_str() == word
}
