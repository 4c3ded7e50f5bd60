//! What crosses, what is refused, and what the sender and the ledger are told.

use policy::{Environment, Mode};

use crate::scene::{Behind, Reaction, Scene, ack, admit, framed, marked, said, story};

#[test]
fn what_may_pass_is_answered_by_the_receiver_and_nobody_else() {
    let behind = Behind::accepting();
    let scene = Scene::enforcing(&behind);
    let attested = marked(&scene.attested, &admit("77"));
    let mut sender = scene.connect();
    assert_eq!(sender.ask(&attested), ack("AA", &attested), "the receiver's own answer");
    assert_eq!(behind.seen().as_slice(), [(0, attested)], "byte for byte");
    let (_, entries) = scene.stop();
    assert_eq!(story(&entries), ["pass ADT^A01 by LAB/HALL", "0 answered 200"]);
    assert_eq!(entries[0]["protocol"], "hl7v2");
    assert_eq!(entries[0]["action"], "deliver");
}

#[test]
fn a_synthetic_message_stops_before_production_and_the_refusal_says_why_and_not_who() {
    let behind = Behind::accepting();
    let scene = Scene::enforcing(&behind);
    let synthetic = marked(&scene.synthetic, &admit("78"));
    let mut sender = scene.connect();
    let answer = sender.ask(&synthetic);
    assert_eq!(said(&answer), "AR 78 EOSIN_BLOCKED");
    for word in
        ["`feed`", "synthetic", "no-synthetic-in-production", "gateway.example/log#0", "Do not send this"]
    {
        assert!(answer.contains(word), "{word} is not in {answer}");
    }
    assert!(!answer.contains("Zzyzx") && !answer.contains("19840229"), "{answer}");
    assert!(
        sender.ask(&admit("79")).contains("MSA|AR|79|"),
        "the connection goes on; unproven stops here too"
    );
    assert_eq!(behind.ids(), Vec::<String>::new());
    let (_, entries) = scene.stop();
    assert_eq!(story(&entries), ["block ADT^A01 by LAB/HALL", "block ADT^A01 by LAB/HALL"]);
}

#[test]
fn outside_production_a_synthetic_message_keeps_its_mark() {
    let behind = Behind::accepting();
    let scene = Scene::open(&behind);
    let synthetic = marked(&scene.synthetic, &admit("78"));
    assert!(synthetic.contains("\rZEO|1|synthetic|") && synthetic.contains("|T|2.5"));
    assert_eq!(said(&scene.connect().ask(&synthetic)), "AA 78");
    assert_eq!(behind.seen()[0].1, synthetic);
}

#[test]
fn an_observing_boundary_lets_everything_through_and_writes_it_down() {
    let behind = Behind::accepting();
    let scene = Scene::with(&behind, |config| config.boundaries[0].boundary.mode = Mode::Observe);
    let mut sender = scene.connect();
    let broken = "MSH|^^\\&|LAB|HALL|RIS|WARD|20260102||ADT^A01|5|P|2.5\rPID|1\r";
    for message in [&marked(&scene.synthetic, &admit("1")), &admit("2"), broken] {
        assert!(said(&sender.ask(message)).starts_with("AA"), "{message}");
    }
    assert_eq!(behind.ids(), ["1", "2", "5"]);
    let (_, entries) = scene.stop();
    assert_eq!(entries.iter().filter(|entry| entry["wouldBlock"] == 1).count(), 3);
}

#[test]
fn a_pipelined_sender_is_answered_in_order() {
    let behind = Behind::accepting();
    let scene = Scene::open(&behind);
    let ids: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let all: Vec<u8> = ids.iter().flat_map(|id| framed(&admit(id))).collect();
    let mut sender = scene.connect();
    sender.write(&all);
    sender.half_close();
    let answers: Vec<String> = (0..200).map(|_| said(&sender.read().unwrap())).collect();
    assert_eq!(answers, ids.iter().map(|id| format!("AA {id}")).collect::<Vec<_>>());
    assert_eq!(sender.read(), None);
    assert_eq!(behind.ids(), ids);
    let (_, entries) = scene.stop();
    assert_eq!(entries.len(), 400, "a ruling and a settlement each");
}

#[test]
fn connections_do_not_wait_for_each_other() {
    // Answers the second message before the first.
    let (told, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let behind = Behind::new(move |message| {
        if message.contains("|slow|") {
            wait.lock().unwrap().recv().unwrap();
        }
        Reaction::Frames(vec![ack("AA", message)])
    });
    let scene = Scene::open(&behind);
    let (mut slow, mut quick) = (scene.connect(), scene.connect());
    slow.write(&framed(&admit("slow")));
    assert_eq!(said(&quick.ask(&admit("quick"))), "AA quick");
    told.send(()).unwrap();
    assert_eq!(said(&slow.read().unwrap()), "AA slow");
    assert_eq!(behind.seen().iter().map(|(connection, _)| *connection).max(), Some(1), "one each");
}

#[test]
fn msh_11_is_a_claim_and_the_ruling_says_where_it_is_wrong() {
    let behind = Behind::accepting();
    let scene =
        Scene::with(&behind, |config| config.boundaries[0].boundary.environment = Environment::Production);
    let mut sender = scene.connect();
    sender.ask(&admit("1").replace("|P|2.5", "|T|2.5"));
    sender.ask(&marked(&scene.synthetic, &admit("2")).replace("|T|2.5", "|P|2.5"));
    sender.ask(&marked(&scene.attested, &admit("3")));
    let (_, entries) = scene.stop();
    let rulings = entries.iter().filter(|entry| entry["eosin"] == "ruling@1");
    let said: Vec<_> = rulings.map(|entry| entry.get("processing").cloned()).collect();
    assert_eq!(
        said,
        [
            Some(serde_json::json!(["test-into-production"])),
            Some(serde_json::json!(["production-with-synthetic-mark"])),
            None
        ]
    );
}
