//! Carries out decisions about kept requests, one after the other, in the process that writes the ledger.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use carrier::webhook::Class;
use control::Decided;
use flow::{Asked, Elsewhere, Flow, Leaving, Outcome, Overrule, Protocol, ReleaseError};
use gateway::{Courier, WebhookCourier};
use miette::IntoDiagnostic as _;
use quarantine::{Again, ItemId, State, StepError};
use tokio::sync::Mutex;

use super::asking::Ask;
use crate::{config::Config, wiring};

/// Where decisions are carried out.
pub(crate) struct Desk {
    flow: Arc<Flow>,
    ways: BTreeMap<String, Way>,
    /// One decision at a time: order is kept, and stopping waits for what is under way.
    under_way: Mutex<()>,
}

struct Way {
    boundary: Arc<policy::Boundary>,
    protocol: Protocol,
    courier: Messenger,
    /// Where events go, at a boundary that they cross.
    webhook: Option<WebhookCourier>,
}

/// Who takes an item over a boundary.
enum Messenger {
    Http(Box<Courier>),
    Mllp(mllp::Courier),
}

impl Messenger {
    /// Delivers, once: how it ended, and the answer's body if one came.
    async fn deliver(&self, leaving: &Leaving, token: Option<&str>) -> (Outcome, Option<Bytes>) {
        match self {
            Self::Http(courier) => {
                let delivered = courier.deliver(leaving, token).await;
                (delivered.outcome, delivered.answer)
            }
            // Nobody logs in over MLLP: a token has no place there.
            Self::Mllp(courier) => {
                let delivered = courier.deliver(leaving).await;
                (delivered.outcome, delivered.answer)
            }
        }
    }
}

impl Desk {
    /// A desk with a courier for each boundary.
    pub(crate) fn new(config: &Config, flow: Arc<Flow>) -> miette::Result<Self> {
        let mut ways = BTreeMap::new();
        for crossing in wiring::crossings(config, None)? {
            let courier = Courier::new(&crossing, &gateway::Timeouts::SUGGESTED).into_diagnostic()?;
            let webhook = WebhookCourier::new(&crossing, &gateway::Timeouts::SUGGESTED).into_diagnostic()?;
            let name = crossing.boundary.name.clone();
            let (boundary, protocol) = (Arc::new(crossing.boundary), crossing.protocol);
            ways.insert(
                name,
                Way { boundary, protocol, courier: Messenger::Http(Box::new(courier)), webhook },
            );
        }
        let limits = wiring::mllp_limits(config);
        for feed in wiring::feeds(config, None)? {
            let courier = mllp::Courier::new(&feed, &limits, &mllp::Timeouts::SUGGESTED).into_diagnostic()?;
            let name = feed.boundary.name.clone();
            let (boundary, protocol) = (Arc::new(feed.boundary), Protocol::Hl7v2);
            ways.insert(name, Way { boundary, protocol, courier: Messenger::Mllp(courier), webhook: None });
        }
        Ok(Self { flow, ways, under_way: Mutex::new(()) })
    }

    /// Waits until nothing is under way, and lets nothing begin after that.
    pub(crate) async fn settle(&self) {
        std::mem::forget(self.under_way.lock().await);
    }

    /// Does what is asked; a release ends with the first item that is not released.
    pub(crate) async fn carry_out(&self, ask: Ask) -> Vec<Decided> {
        let _alone = self.under_way.lock().await;
        let mut all = Vec::new();
        match ask {
            Ask::Release { items, by, reason, again, overrule, elsewhere, to, token } => {
                let again = if again { Again::Yes } else { Again::No };
                let overrule = if overrule { Overrule::Yes } else { Overrule::No };
                let elsewhere = if elsewhere { Elsewhere::Yes } else { Elsewhere::No };
                let asked = Asked { by, reason, again, overrule, elsewhere };
                let count = items.len();
                for (number, id) in items.iter().enumerate() {
                    let told = self.release(id, &asked, to, token.as_deref()).await;
                    let stops = !told.is_done;
                    all.push(told);
                    if stops && number + 1 < count {
                        let left = count - number - 1;
                        tracing::info!(left, "a release ended with an item that was not released");
                        break;
                    }
                }
            }
            Ask::Reject { items, by, reason } => {
                for id in &items {
                    let done = self.flow.reject(id, &by, &reason).await;
                    all.push(match done {
                        Ok(()) => told(id, true, "rejected; its content is erased".to_owned()),
                        Err(error) => refused(id, &error),
                    });
                }
            }
            Ask::Show { item, by, reason } => {
                let done = self.flow.record_showing(&item, &by, &reason).await;
                all.push(match done {
                    Ok(entry) => told(&item, true, format!("recorded as entry {entry}")),
                    Err(error) => refused(&item, &error),
                });
            }
        }
        all
    }

    async fn release(&self, id: &ItemId, asked: &Asked, to: Option<Class>, token: Option<&str>) -> Decided {
        let boundary = match self.boundary_of(id).await {
            Ok(boundary) => boundary,
            Err(error) => return refused(id, &error),
        };
        let Some(way) = self.ways.get(&boundary) else {
            return told(id, false, format!("not released: no boundary is called `{boundary}` any more"));
        };
        let Done { place, is_destination_known, outcome, ended } = match &way.webhook {
            Some(courier) => match self.release_event(courier, id, asked, to).await {
                Ok(done) => done,
                Err(error) => return refused(id, &error),
            },
            None => match self.release_request(way, id, asked, token).await {
                Ok(done) => done,
                Err(error) => return refused(id, &error),
            },
        };
        let answer = match outcome {
            Outcome::Answered(status) => format!("the upstream answered {status}"),
            Outcome::NotSent => "the upstream could not be reached".to_owned(),
            Outcome::Unknown => "the connection broke off".to_owned(),
        };
        // What came of it is said either way, and that the ledger does not say it yet.
        let (ended, late) = match ended {
            Err(ReleaseError::NotRecorded { state }) => (Ok(state), NOT_RECORDED),
            ended => (ended, ""),
        };
        match ended {
            Ok(State::Released) => {
                let unknown = if is_destination_known { "" } else { DESTINATION_UNKNOWN };
                told(id, true, format!("released: {answer} (ruling {place}){unknown}{late}"))
            }
            Ok(State::Held) => told(id, false, format!("not released: {answer}; it is held as before{late}")),
            Err(ReleaseError::Step(StepError::Erasing(_))) => {
                told(id, true, format!("released: {answer}; its content is erased at the next start"))
            }
            Ok(_) | Err(_) => Decided { is_uncertain: true, ..told(id, false, uncertain(&answer) + late) },
        }
    }

    async fn release_request(
        &self,
        way: &Way,
        id: &ItemId,
        asked: &Asked,
        token: Option<&str>,
    ) -> Result<Done, ReleaseError> {
        let (boundary, protocol) = (Arc::clone(&way.boundary), way.protocol.clone());
        let leaving = self.flow.begin_release(boundary, protocol, id, asked).await?;
        let (outcome, answer) = way.courier.deliver(&leaving, token).await;
        let ended = self.flow.end_release(&leaving, outcome, answer.as_deref()).await;
        let Leaving { place, is_destination_known, .. } = leaving;
        Ok(Done { place, is_destination_known, outcome, ended })
    }

    async fn release_event(
        &self,
        courier: &WebhookCourier,
        id: &ItemId,
        asked: &Asked,
        to: Option<Class>,
    ) -> Result<Done, ReleaseError> {
        let redelivery = self.flow.begin_redelivery(courier.hook(), id, asked, to).await?;
        let delivered = courier.deliver(&redelivery, self.flow.seconds()).await;
        let leaving = &redelivery.leaving;
        let ended = self.flow.end_redelivery(leaving, delivered.outcome, delivered.taken).await;
        let Leaving { place, is_destination_known, .. } = redelivery.leaving;
        Ok(Done { place, is_destination_known, outcome: delivered.outcome, ended })
    }

    async fn boundary_of(&self, id: &ItemId) -> Result<String, ReleaseError> {
        let id = id.clone();
        let keeper = self.flow.keeping().ok_or(ReleaseError::NoQuarantine)?.keeper();
        let asked = keeper.ask(move |store| store.known(&id).map(|kept| kept.item.boundary.clone()))?;
        Ok(asked.await??)
    }
}

/// What was done.
struct Done {
    /// Where the release stands in the ledger.
    place: String,
    /// Whether it is known where the item would have gone when it was kept.
    is_destination_known: bool,
    /// How the exchange went.
    outcome: Outcome,
    /// What became of the item.
    ended: Result<State, ReleaseError>,
}

fn told(id: &ItemId, is_done: bool, said: String) -> Decided {
    Decided { item: id.to_string(), is_done, is_uncertain: false, said }
}

fn refused(id: &ItemId, error: &ReleaseError) -> Decided {
    let is_uncertain = matches!(error, ReleaseError::Step(StepError::Uncertain { .. }));
    Decided { is_uncertain, ..told(id, false, format!("not done: {error}")) }
}

/// What is added where an item was kept by a version that did not write down where it would have gone.
const DESTINATION_UNKNOWN: &str = "; where it would have gone when it was kept is not known";

/// What is added where the ledger could not write down what became of an item.
const NOT_RECORDED: &str =
    "; the ledger could not write that down yet: it is written when it can, or at the next start";

fn uncertain(answer: &str) -> String {
    format!(
        "uncertain: {answer}. Look in the system behind the boundary whether its records are there. If they are, reject \
         the item; if they are not, release it with `--again`"
    )
}
