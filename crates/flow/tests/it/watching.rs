//! Whoever watches is told of a step when it has ended, and before the next begins.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use carrier::webhook::{EventMap, Format};
use flow::{Arrived, Extent, Flow, Step, Watch, Watched, Webhook};
use policy::Policies;

use crate::world::{ADA, CREATE, World, post, sandbox, wait};

/// Puts other policies in force when it hears that records were judged. None does; but then it shows who decided before.
#[derive(Default)]
struct Meddler {
    flow: OnceLock<Weak<Flow>>,
    decided_by: Mutex<Vec<String>>,
}

impl Watch for Meddler {
    fn passed(&self, step: Step<'_>) {
        match step {
            Step::Judged { .. } => {
                let flow = self.flow.get().and_then(Weak::upgrade).unwrap();
                flow.activate(Policies::parse("later", Policies::default_text()).unwrap());
            }
            Step::Decided { policies, .. } => self.decided_by.lock().unwrap().push(policies.to_owned()),
            Step::Begun | Step::Read | Step::Committed { .. } | Step::NotCommitted => {}
        }
    }
}

fn check(cross: impl FnOnce(&Flow, Watched)) {
    let World { flow, folder, .. } = World::new();
    let (flow, meddler) = (Arc::new(flow), Arc::new(Meddler::default()));
    meddler.flow.set(Arc::downgrade(&flow)).unwrap();
    cross(&flow, Watched::by(Arc::clone(&meddler) as Arc<dyn Watch>));
    let decided_by = meddler.decided_by.lock().unwrap();
    assert!(!decided_by.is_empty() && decided_by.iter().all(|by| by.starts_with("later@")), "{decided_by:?}");
    drop(folder);
}

#[test]
fn judging_is_told_of_before_policies_decide() {
    check(|flow, watched| {
        let mut crossing = post(&sandbox(), CREATE, ADA);
        crossing.watched = watched;
        drop(wait(flow.pass(crossing)));
    });
    check(|flow, watched| {
        let map = EventMap {
            format: Format::Json,
            events: String::new(),
            records: String::new(),
            object: "Contact".to_owned(),
            fields: Vec::new(),
            class: None,
            id: None,
        };
        let boundary = sandbox();
        let hook = Webhook {
            map: Arc::new(map),
            extent: Extent::Whole,
            synthetic: Arc::clone(&boundary),
            attested: Arc::clone(&boundary),
            boundary,
        };
        let arrived = Arrived {
            client: "tests".to_owned(),
            content_type: Some("application/json".to_owned()),
            attributes: Vec::new(),
            body: Ok(ADA.into()),
            contract: None,
            watched,
        };
        drop(wait(flow.sort(&hook, &arrived)));
    });
}
