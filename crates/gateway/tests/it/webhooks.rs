//! Events through a boundary: sorted to their endpoints, signed, kept where nobody can sort them, sent again where
//! nobody took them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering},
    },
    time::Duration,
};

use carrier::webhook::{Class, EventMap, Format};
use flow::{Asked, Elsewhere, Extent, Keeping, Overrule, Protocol, Webhook};
use gateway::{EndpointConfig, EventTaken, Signatures, WebhookConfig, WebhookCourier};
use policy::{Boundary, Environment, Mode, Policies};
use quarantine::{Again, Bounds, Keeper, Kept, KeyEncryptionKey, Quarantine, Random, State};
use signature::webhook::{WebhookKey, sign_webhook, verify_webhook};
use testkit::upstream::{Received, Reply, Upstream};

use crate::scene::{ADA, Answer, EVE, NAME, Scene, config};

const ATTESTED_KEY: &str = "whsec_YXR0ZXN0ZWQtYXR0ZXN0ZWQtYXR0ZXN0ZWQt";
const SYNTHETIC_KEY: &str = "whsec_c3ludGhldGljLXN5bnRoZXRpYy1zeW50aGV0";
const NOW: i64 = 1_795_348_800;

fn asked(overrule: Overrule) -> Asked {
    Asked {
        by: "ada".to_owned(),
        reason: "CASE-7".to_owned(),
        again: Again::No,
        overrule,
        elsewhere: Elsewhere::No,
    }
}

fn key(text: &str) -> WebhookKey {
    WebhookKey::parse(text).unwrap()
}

fn random() -> Random {
    let next = AtomicU8::new(1);
    Arc::new(move |bytes| {
        bytes.fill(next.fetch_add(1, Ordering::Relaxed));
        true
    })
}

/// Both consumers, and a gateway in front of them.
struct Stage {
    scene: Scene,
    attested: Upstream,
    synthetic: Upstream,
    /// Whether the consumers take what they are sent.
    up: Arc<AtomicBool>,
    seconds: Arc<AtomicI64>,
    courier: WebhookCourier,
}

fn map(format: Format) -> EventMap {
    EventMap {
        format,
        events: String::new(),
        records: if format == Format::Json { "/data".to_owned() } else { String::new() },
        object: "Contact".to_owned(),
        fields: Vec::new(),
        class: (format == Format::Json).then(|| "/class".to_owned()),
        id: (format == Format::Json).then(|| "/id".to_owned()),
    }
}

impl Stage {
    fn new(format: Format) -> Self {
        Self::with(format, Mode::Enforce, Bounds::SUGGESTED, |_| {})
    }

    fn with(format: Format, mode: Mode, bounds: Bounds, tweak: impl FnOnce(&mut WebhookConfig)) -> Self {
        let up = Arc::new(AtomicBool::new(true));
        let consumer = || {
            let up = Arc::clone(&up);
            Upstream::start(move |_| {
                let answer = if format == Format::OutboundMessage {
                    carrier::webhook::acknowledgement(true)
                } else {
                    "{}".to_owned()
                };
                Reply::json(if up.load(Ordering::Relaxed) { 200 } else { 503 }, &answer)
            })
        };
        let (attested, synthetic) = (consumer(), consumer());
        let endpoint = |upstream: &Upstream, text: &str| EndpointConfig {
            url: format!("{}/hooks", upstream.origin()).parse().unwrap(),
            roots: Vec::new(),
            keys: Arc::new([key(text)]),
            authorization: None,
            patience: Duration::from_secs(5),
        };
        let mut config = config(&attested.origin());
        let here = Boundary { mode, ..config.boundaries[0].boundary.clone() };
        let at = |environment| Arc::new(Boundary { environment, ..here.clone() });
        let mut webhook = WebhookConfig {
            path: "/events".to_owned(),
            hook: Webhook {
                map: Arc::new(map(format)),
                extent: Extent::Whole,
                boundary: Arc::new(here.clone()),
                synthetic: at(Environment::Test),
                attested: at(Environment::Production),
            },
            senders: None,
            synthetic: endpoint(&synthetic, SYNTHETIC_KEY),
            attested: endpoint(&attested, ATTESTED_KEY),
            retries: vec![Duration::from_secs(5), Duration::from_mins(5)],
        };
        tweak(&mut webhook);
        config.boundaries[0].boundary = here;
        config.boundaries[0].protocol = Protocol::Webhook;
        config.boundaries[0].webhook = Some(webhook);
        let courier = WebhookCourier::new(&config.boundaries[0], &config.timeouts).unwrap().unwrap();
        let seconds = Arc::new(AtomicI64::new(NOW));
        let now = Arc::clone(&seconds);
        let clock: flow::Clock =
            Box::new(move || jiff::Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap());
        let scene = Scene::made(
            config,
            Signatures::off(),
            "gateway.example/log",
            clock,
            |_| {},
            |flow, folder| {
                let (store, _) = Quarantine::open(
                    &folder.join("quarantine"),
                    KeyEncryptionKey::new(&[7; 32]),
                    bounds,
                    random(),
                    "2026-11-22T00:00:00.000Z",
                )
                .unwrap();
                let keeper = Keeper::start(store, random()).unwrap();
                flow.keeping_withheld(Keeping::new(keeper, BTreeSet::from([NAME.to_owned()])))
            },
        );
        Self { scene, attested, synthetic, up, seconds, courier }
    }

    fn post(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.scene.ask("POST", "/events", headers, body.as_bytes())
    }

    fn json(&self, body: &str) -> Answer {
        self.post(&[("Content-Type", "application/json")], body)
    }

    fn attested(&self, json: &str) -> String {
        Scene::marked(&self.scene.attested, usize::from(json != ADA), json)
    }

    fn synthetic(&self, json: &str) -> String {
        Scene::marked(&self.scene.synthetic, usize::from(json != ADA), json)
    }

    fn kept(&self) -> Vec<Kept> {
        let keeper = self.scene.flow.keeping().unwrap().keeper();
        keeper.ask(|store| store.list().cloned().collect::<Vec<_>>()).unwrap().wait().unwrap()
    }

    /// Waits until the one item is in this state.
    fn until(&self, state: State) -> Kept {
        for _ in 0..600 {
            if let Some(kept) = self.kept().into_iter().find(|kept| kept.state == state) {
                return kept;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("no item is {state:?}: {:?}", self.kept());
    }

    fn release(&self, overrule: Overrule, to: Option<Class>) -> Result<State, flow::ReleaseError> {
        let id = self.kept()[0].item.id.clone();
        let asked = asked(overrule);
        self.scene.block_on(async {
            let flow = &self.scene.flow;
            let redelivery = flow.begin_redelivery(self.courier.hook(), &id, &asked, to).await?;
            let done = self.courier.deliver(&redelivery, flow.seconds()).await;
            flow.end_redelivery(&redelivery.leaving, done.outcome, done.taken).await
        })
    }

    fn came(&self) -> (usize, usize) {
        (self.attested.received().len(), self.synthetic.received().len())
    }
}

fn event(id: u32, class: &str, record: &str) -> String {
    format!(r#"{{"id":{id},"class":"{class}","data":{record}}}"#)
}

fn is_signed(received: &Received, text: &str) -> bool {
    let head = |name: &str| received.header(name).unwrap();
    let heads = (head("webhook-id"), head("webhook-timestamp"), head("webhook-signature"));
    verify_webhook(&[key(text)], heads, &received.body, NOW, 300)
}

#[test]
fn each_class_goes_to_its_endpoint_under_its_key_and_a_list_is_split() {
    let stage = Stage::new(Format::Json);
    let (one, two) =
        (event(1, "attested", &stage.attested(ADA)), event(2, "synthetic", &stage.synthetic(EVE)));
    let answer = stage.json(&format!("[{one}, {two}]"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().starts_with(r#"{"delivered":2,"waiting":0,"items":[],"#), "{}", answer.text());
    let (attested, synthetic) = (stage.attested.wait_for(1), stage.synthetic.wait_for(1));
    assert_eq!(String::from_utf8(attested[0].body.clone()).unwrap(), format!("[{one}]"));
    assert_eq!(String::from_utf8(synthetic[0].body.clone()).unwrap(), format!("[{two}]"));
    assert_eq!(attested[0].target, "/hooks");
    assert!(is_signed(&attested[0], ATTESTED_KEY) && !is_signed(&attested[0], SYNTHETIC_KEY));
    assert!(is_signed(&synthetic[0], SYNTHETIC_KEY) && !is_signed(&synthetic[0], ATTESTED_KEY));
    assert!(attested[0].header("eosin-provenance").unwrap().contains("attested=1, ruling="));
    // The same events again have the same names: the consumer can tell that they are no new ones.
    stage.json(&format!("[{one}, {two}]"));
    let again = stage.attested.wait_for(2);
    assert_eq!(again[0].header("webhook-id"), again[1].header("webhook-id"));
    let (_, entries) = stage.scene.stop();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["eosin"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "ruling@1").count(), 4, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "settlement@1").count(), 4, "{kinds:?}");
    let synthetic = entries.iter().find(|entry| entry["environment"] == "test").unwrap();
    assert_eq!(synthetic["route"], "json event to synthetic");
    assert_eq!(synthetic["protocol"], "webhook");
    assert!(!entries.iter().any(|entry| entry.to_string().contains("Zzyzx")));
}

#[test]
fn an_event_whose_class_is_missing_or_false_is_kept_and_released_to_the_right_endpoint_once() {
    let stage = Stage::new(Format::Json);
    for (number, (event, overrule, to, want)) in [
        (event(1, "attested", &stage.synthetic(ADA)), Overrule::Yes, None, (0, 1)),
        (event(2, "synthetic", &stage.attested(ADA)), Overrule::Yes, None, (1, 1)),
        (event(3, "", &stage.attested(EVE)), Overrule::No, Some(Class::Attested), (2, 1)),
        (event(4, "", ADA), Overrule::Yes, Some(Class::Synthetic), (2, 2)),
    ]
    .into_iter()
    .enumerate()
    {
        let before = stage.came();
        let answer = stage.json(&event);
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(stage.came(), before, "nothing is sent of what nobody can sort");
        let held: Vec<Kept> = stage.kept().into_iter().filter(|kept| kept.state == State::Held).collect();
        assert_eq!(held.len(), 1, "{number}");
        let id = held[0].item.id.clone();
        let asked = asked(overrule);
        let flow = &stage.scene.flow;
        let released = stage.scene.block_on(async {
            let redelivery = flow.begin_redelivery(stage.courier.hook(), &id, &asked, to).await?;
            let done = stage.courier.deliver(&redelivery, flow.seconds()).await;
            let ended = flow.end_redelivery(&redelivery.leaving, done.outcome, done.taken).await;
            let twice = flow.begin_redelivery(stage.courier.hook(), &id, &asked, to).await;
            assert!(twice.unwrap_err().to_string().contains("is released already"));
            ended
        });
        assert_eq!(released.unwrap(), State::Released);
        assert_eq!(stage.came(), want, "{number}");
    }
}

#[test]
fn a_release_that_nobody_can_sort_asks_where_and_a_proof_beats_every_word() {
    let stage = Stage::new(Format::Json);
    assert_eq!(stage.json(&event(1, "", ADA)).status, 202);
    let said = |overrule, to| stage.release(overrule, to).unwrap_err().to_string();
    assert!(said(Overrule::No, None).contains("it does not say its class"));
    assert!(said(Overrule::Yes, None).contains("say `--to synthetic`"));
    assert!(said(Overrule::No, Some(Class::Attested)).contains("nothing in it proves that"));
    assert_eq!(stage.came(), (0, 0));
    let stage = Stage::new(Format::Json);
    assert_eq!(stage.json(&event(2, "attested", &stage.synthetic(ADA))).status, 202);
    assert_eq!(stage.release(Overrule::Yes, Some(Class::Attested)).unwrap(), State::Released);
    assert_eq!(stage.came(), (0, 1), "proven synthetic goes to no consumer of attested events");
    // Nor does it among attested ones; and they do not go to the other either.
    let stage = Stage::new(Format::Json);
    let within = format!(r#"{{"ReportsTo":{},"#, stage.synthetic(ADA));
    assert_eq!(stage.json(&event(3, "attested", &stage.attested(ADA).replacen('{', &within, 1))).status, 202);
    for to in [None, Some(Class::Attested), Some(Class::Synthetic)] {
        let said = stage.release(Overrule::Yes, to).unwrap_err().to_string();
        assert!(said.contains("belong to different endpoints"), "{said}");
    }
    assert_eq!(stage.came(), (0, 0));
}

#[test]
fn a_consumer_that_is_down_gets_its_events_later_under_the_same_name() {
    let stage = Stage::new(Format::Json);
    stage.up.store(false, Ordering::Relaxed);
    let answer = stage.json(&event(1, "synthetic", &stage.synthetic(ADA)));
    assert_eq!(answer.status, 202);
    assert!(answer.text().contains(r#""waiting":1"#), "{}", answer.text());
    let first = stage.synthetic.wait_for(1);
    assert_eq!(stage.kept()[0].item.waits_for.as_deref(), Some("synthetic"));
    stage.seconds.fetch_add(6, Ordering::Relaxed);
    stage.synthetic.wait_for(2);
    stage.until(State::Uncertain);
    stage.up.store(true, Ordering::Relaxed);
    stage.seconds.fetch_add(301, Ordering::Relaxed);
    let all = stage.synthetic.wait_for(3);
    stage.until(State::Released);
    assert!(all.iter().all(|one| one.header("webhook-id") == first[0].header("webhook-id")));
    assert!(all.iter().all(|one| one.body == first[0].body));
    let (_, entries) = stage.scene.stop();
    let steps: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["eosin"] == "quarantine@1")
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["waiting", "release", "uncertain", "release", "released"]);
}

#[test]
fn what_policy_refuses_by_now_waits_for_a_person_and_is_not_asked_about_again() {
    let stage = Stage::new(Format::Json);
    stage.up.store(false, Ordering::Relaxed);
    assert_eq!(stage.json(&event(1, "synthetic", &stage.synthetic(ADA))).status, 202);
    let closed = r#"@id("closed") @reason("closed for now") forbid (principal, action, resource);"#;
    stage.scene.flow.activate(Policies::parse("closed", closed).unwrap());
    stage.up.store(true, Ordering::Relaxed);
    stage.seconds.fetch_add(6, Ordering::Relaxed);
    let steps = || -> Vec<String> {
        let steps = stage.scene.entries().into_iter().filter(|entry| entry["eosin"] == "quarantine@1");
        steps.map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
    };
    for _ in 0..600 {
        if steps().len() >= 3 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(steps(), ["waiting", "release-refused", "given-up"]);
    assert_eq!(stage.came(), (0, 1));
    assert!(stage.release(Overrule::No, None).unwrap_err().to_string().contains("closed for now"));
    assert_eq!(stage.release(Overrule::Yes, None).unwrap(), State::Released);
}

#[test]
fn after_the_last_attempt_a_person_decides() {
    let stage = Stage::with(Format::Json, Mode::Enforce, Bounds::SUGGESTED, |webhook| {
        webhook.retries = vec![Duration::from_secs(5)];
    });
    stage.up.store(false, Ordering::Relaxed);
    assert_eq!(stage.json(&event(1, "synthetic", &stage.synthetic(ADA))).status, 202);
    stage.seconds.fetch_add(6, Ordering::Relaxed);
    stage.synthetic.wait_for(2);
    stage.until(State::Uncertain);
    stage.seconds.fetch_add(1_000_000, Ordering::Relaxed);
    stage.up.store(true, Ordering::Relaxed);
    assert_eq!(stage.release(Overrule::No, None).unwrap(), State::Released);
    assert_eq!(stage.came(), (0, 3), "nobody sent it in between");
    let (_, entries) = stage.scene.stop();
    assert!(entries.iter().any(|entry| entry["event"] == "given-up"), "{entries:?}");
}

#[test]
fn what_can_be_neither_delivered_nor_kept_stays_with_its_sender() {
    let none = Bounds { items_max: 1, bytes_max: 10 };
    let stage = Stage::with(Format::Json, Mode::Enforce, none, |_| {});
    let answer = stage.json(&event(1, "", ADA));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert!(answer.text().contains("neither be delivered nor kept"), "{}", answer.text());
    stage.up.store(false, Ordering::Relaxed);
    assert_eq!(stage.json(&event(1, "synthetic", &stage.synthetic(ADA))).status, 503);
    let soap = Stage::with(Format::OutboundMessage, Mode::Enforce, none, |_| {});
    let answer = soap.post(&[("Content-Type", "text/xml")], &outbound(&[ADA.to_owned()]));
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("<Ack>false</Ack>"), "{}", answer.text());
}

/// An outbound message of contacts given as JSON of flat text.
fn outbound(records: &[String]) -> String {
    let row = |(number, json): (usize, &String)| {
        let fields: std::collections::BTreeMap<String, serde_json::Value> =
            serde_json::from_str(json).unwrap();
        let fields: String = fields
            .iter()
            .filter_map(|(name, value)| {
                let text =
                    value.as_str().map(str::to_owned).or_else(|| value.as_bool().map(|b| b.to_string()))?;
                Some(format!("<sf:{name}>{}</sf:{name}>", text.replace('&', "&amp;").replace('<', "&lt;")))
            })
            .collect();
        format!(
            r#"<Notification><Id>04l00000000000{number}</Id><sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>"#
        )
    };
    let rows: String = records.iter().enumerate().map(row).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001</OrganizationId><ActionId>04k000000000001</ActionId><SessionId>secret-session</SessionId><EnterpriseUrl>https://org.example/c</EnterpriseUrl><PartnerUrl>https://org.example/u</PartnerUrl>{rows}</notifications></soapenv:Body></soapenv:Envelope>"#
    )
}

#[test]
fn an_outbound_message_is_acknowledged_when_every_notification_is_delivered_or_kept() {
    let stage = Stage::new(Format::OutboundMessage);
    let records = [stage.attested(ADA), stage.synthetic(EVE), ADA.to_owned()];
    let answer = stage.post(&[("Content-Type", "text/xml; charset=utf-8")], &outbound(&records));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("<Ack>true</Ack>"), "{}", answer.text());
    let (attested, synthetic) = (stage.attested.wait_for(1), stage.synthetic.wait_for(1));
    let (attested, synthetic) =
        (String::from_utf8_lossy(&attested[0].body), String::from_utf8_lossy(&synthetic[0].body));
    assert!(attested.contains("04l000000000000<") && !attested.contains("04l000000000001<"), "{attested}");
    assert!(synthetic.contains("04l000000000001<") && !synthetic.contains("04l000000000000<"));
    assert!(!attested.contains("secret-session") && !synthetic.contains("secret-session"));
    assert_eq!(stage.kept().len(), 1, "the unmarked one is kept");
    let answer = stage.post(&[("Content-Type", "text/xml")], "<Envelope/>");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("<faultstring>The message is not an envelope"), "{}", answer.text());
}

#[test]
fn a_row_within_a_record_goes_to_no_endpoint_that_may_not_know_it() {
    let stage = Stage::new(Format::Json);
    let (attested, synthetic) = (stage.attested(ADA), stage.synthetic(EVE));
    let holding = |outer: &str, inner: &str| outer.replacen('{', &format!(r#"{{"ReportsTo":{inner},"#), 1);
    assert_eq!(stage.json(&event(1, "attested", &holding(&attested, &synthetic))).status, 202);
    assert_eq!(stage.json(&event(2, "synthetic", &holding(&synthetic, &attested))).status, 202);
    assert_eq!(stage.came(), (0, 0));
    assert_eq!(stage.kept().len(), 2);
    assert_eq!(stage.json(&event(3, "attested", &holding(&attested, &attested))).status, 200);
    assert_eq!(stage.json(&event(4, "synthetic", &holding(&synthetic, &synthetic))).status, 200);
    assert_eq!(stage.came(), (1, 1));
}

#[test]
fn an_outbound_message_that_cannot_be_read_tells_no_session_in_any_mode() {
    let stage = Stage::with(Format::OutboundMessage, Mode::Observe, Bounds::SUGGESTED, |_| {});
    let good = outbound(&[ADA.to_owned()]);
    let kind = [("Content-Type", "text/xml")];
    let answer = stage.post(&kind, &good.replace("<OrganizationId>00D000000000001</OrganizationId>", ""));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = stage.attested.wait_for(1);
    let sent = String::from_utf8_lossy(&sent[0].body);
    assert!(sent.contains("Zzyzx") && !sent.contains("secret-session"), "{sent}");
    let answer = stage.post(&kind, &good.replace("<soapenv:Envelope", "<!DOCTYPE a><soapenv:Envelope"));
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(stage.came(), (1, 0), "where it cannot be found, nothing is sent");
    let (_, entries) = stage.scene.stop();
    let outcomes: Vec<_> = entries.iter().filter_map(|entry| entry["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["answered", "not-sent"]);
}

#[test]
fn cloudevents_cross_in_binary_mode_and_come_back_from_the_quarantine_as_they_were() {
    let stage = Stage::new(Format::CloudEvents);
    let heads = |class: &'static str| {
        let mut heads = vec![
            ("Content-Type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1 & 2"),
            ("ce-source", "/crm"),
            ("ce-type", "contact.updated"),
        ];
        if !class.is_empty() {
            heads.push(("ce-eosinclass", class));
        }
        heads
    };
    let body = stage.synthetic(ADA);
    assert_eq!(stage.post(&heads("synthetic"), &body).status, 200);
    assert_eq!(stage.post(&heads(""), &body).status, 202);
    assert_eq!(stage.release(Overrule::No, Some(Class::Synthetic)).unwrap(), State::Released);
    let came = stage.synthetic.wait_for(2);
    for name in ["ce-id", "ce-source", "ce-type", "ce-specversion", "content-type"] {
        assert_eq!(came[0].header(name), came[1].header(name), "{name}");
    }
    assert_eq!(came[0].body, came[1].body);
    let answer = stage.post(&[("Content-Type", "application/cloudevents+json")], "{}");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("has no `specversion`"), "{}", answer.text());
}

#[test]
fn a_boundary_that_observes_lets_everything_go_where_it_would_have_gone() {
    let stage = Stage::with(Format::Json, Mode::Observe, Bounds::SUGGESTED, |_| {});
    for (body, want) in [
        (event(1, "", ADA), (1, 0)),
        (event(2, "attested", &stage.synthetic(ADA)), (1, 1)),
        ("{".to_owned(), (2, 1)),
    ] {
        assert_eq!(stage.json(&body).status, 200, "{body}");
        assert_eq!(stage.came(), want, "{body}");
    }
}

#[test]
fn a_sender_can_be_asked_to_sign_and_another_path_is_none() {
    let stage = Stage::with(Format::Json, Mode::Enforce, Bounds::SUGGESTED, |webhook| {
        webhook.senders = Some(Arc::new([key(ATTESTED_KEY)]));
    });
    let body = event(1, "synthetic", &stage.synthetic(ADA));
    assert_eq!(stage.json(&body).status, 401);
    let signed = sign_webhook(&[key(ATTESTED_KEY)], "m1", NOW, body.as_bytes()).unwrap();
    let heads =
        [("webhook-id", "m1"), ("webhook-timestamp", &NOW.to_string()), ("webhook-signature", &signed)];
    assert_eq!(stage.post(&heads, &body).status, 200);
    assert_eq!(stage.post(&heads, "{}").status, 401);
    assert_eq!(stage.scene.ask("POST", "/other", &[], b"{}").status, 404);
    assert_eq!(stage.scene.ask("GET", "/events", &[], b"").status, 405);
    assert_eq!(stage.came(), (0, 1));
}

/// Events that a subscription hands in, by their ids: synthetic ones, attested ones, and such that nobody can read.
fn hand_in(stage: &Stage, ids: &[&str], stops: bool) -> Vec<EventTaken> {
    let one = |id: &&str| {
        let (class, record) = match id.get(..1) {
            Some("s") => ("synthetic", stage.synthetic(ADA)),
            Some("a") => ("attested", stage.attested(ADA)),
            _ => return "{".to_owned(),
        };
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/it","type":"t","eosinclass":"{class}","datacontenttype":"application/json","data":{record}}}"#
        )
    };
    let events = ids.iter().map(one).collect();
    let (_stop, stopped) = tokio::sync::watch::channel(stops);
    let intake = stage.scene.running().intake(NAME).unwrap();
    stage.scene.block_on(intake.take("follower", events, stopped))
}

/// The ids of what came to a consumer, in order.
fn ids(upstream: &Upstream) -> Vec<String> {
    let id = |received: Received| {
        let event: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    upstream.received().into_iter().map(id).collect()
}

#[test]
fn events_that_are_handed_in_together_are_ruled_on_and_arrive_in_their_order() {
    let stage = Stage::new(Format::CloudEvents);
    let all: Vec<String> = (0..32).map(|at| format!("{}{at}", if at % 3 == 0 { "s" } else { "a" })).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(hand_in(&stage, &all, false), vec![EventTaken::Done; 32]);
    let of = |letter: char| -> Vec<String> {
        all.iter().filter(|id| id.starts_with(letter)).map(|id| (*id).to_owned()).collect()
    };
    assert_eq!((ids(&stage.attested), ids(&stage.synthetic)), (of('a'), of('s')));
    // What cannot be read is answered for by itself, and those behind it wait for that.
    assert_eq!(hand_in(&stage, &["a100", "s101", "x", "a102"], false), vec![EventTaken::Done; 2]);
    assert_eq!(hand_in(&stage, &["x", "a102"], false), [EventTaken::Unreadable]);
    assert_eq!(stage.came(), (of('a').len() + 1, of('s').len() + 1));
    let stopping = hand_in(&stage, &["a200", "a201"], true);
    assert!(matches!(stopping.as_slice(), [EventTaken::NotNow(_)]), "{stopping:?}");
    assert_eq!(stage.came(), (of('a').len() + 1, of('s').len() + 1));
    let (_, entries) = stage.scene.stop();
    let routes: Vec<char> = entries
        .iter()
        .filter(|entry| entry["eosin"] == "ruling@1")
        .filter_map(|entry| entry["route"].as_str()?.rsplit_once("to ")?.1.chars().next())
        .take(32)
        .collect();
    let want: Vec<char> = all.iter().filter_map(|id| id.chars().next()).collect();
    assert_eq!(routes, want, "rulings stand in the order of their events");
}

#[test]
fn behind_an_event_that_can_be_neither_delivered_nor_kept_none_is_sent() {
    let bounds = Bounds { items_max: 1, ..Bounds::SUGGESTED };
    let stage = Stage::with(Format::CloudEvents, Mode::Enforce, bounds, |_| {});
    stage.up.store(false, Ordering::Relaxed);
    let taken = hand_in(&stage, &["a0", "a1", "a2", "a3"], false);
    assert!(matches!(taken.as_slice(), [EventTaken::Done, EventTaken::NotNow(_)]), "{taken:?}");
    assert_eq!(ids(&stage.attested), ["a0", "a1"]);
    stage.up.store(true, Ordering::Relaxed);
    assert_eq!(hand_in(&stage, &["a1", "a2", "a3"], false), vec![EventTaken::Done; 3]);
    assert_eq!(ids(&stage.attested), ["a0", "a1", "a1", "a2", "a3"]);
    let received = stage.attested.received();
    assert_eq!(received[1].header("webhook-id"), received[2].header("webhook-id"));
}
