//! Broken frames, receivers that go away, ledgers that cannot write: clear answers, nothing lost, nothing twice.

use std::time::Duration;

use ledger::{Appender, AppenderConfig, Ledger};
use mark::note::SignerKey;
use mllp::{Config, Timeouts};
use policy::{Continuity, Environment, Mode};
use testkit::disk::FailingDisk;

use crate::scene::{Behind, Reaction, Scene, ack, admit, config, framed, marked, said, story};

/// Times that a test can wait for.
fn impatient(config: &mut Config) {
    config.boundaries[0].boundary.mode = Mode::Enforce;
    config.boundaries[0].boundary.environment = Environment::Test;
    config.timeouts = Timeouts {
        frame: Duration::from_millis(300),
        end: Duration::from_millis(100),
        answer: Duration::from_millis(300),
        ..config.timeouts
    };
}

/// What a sender hears that writes these bytes and then nothing more; every answer until the connection ends.
fn heard(scene: &Scene, bytes: &[u8]) -> Vec<String> {
    let mut sender = scene.connect();
    sender.write(bytes);
    sender.half_close();
    std::iter::from_fn(|| sender.read()).collect()
}

#[test]
fn what_is_no_frame_is_answered_and_the_connection_ends() {
    let behind = Behind::accepting();
    let scene = Scene::with(&behind, impatient);
    let (one, two) = (admit("1"), admit("2"));
    for (bytes, want, sentence) in [
        (one.clone().into_bytes(), &["AR  EOSIN_FRAME"][..], "bytes came outside a frame"),
        (
            [framed(&one), b"GET / HTTP/1.1\r\n".to_vec()].concat(),
            &["AA 1", "AR  EOSIN_FRAME"],
            "outside a frame",
        ),
        (framed(&one)[..90].to_vec(), &["AE 1 EOSIN_FRAME"], "broke off before its end"),
        ([&framed(&one)[..90], &framed(&two)].concat(), &["AR 1 EOSIN_FRAME"], "began (0x0B) before"),
        (
            [b"\x0b", one.as_bytes(), b"\x1cmore\x1c\r"].concat(),
            &["AR 1 EOSIN_FRAME"],
            "something else than a carriage",
        ),
        (b"\x0b\x1c\r".to_vec(), &["AR  EOSIN_BLOCKED"], "is a frame without a message"),
        (b"\x0bnothing of a message\x1c\r".to_vec(), &["AR  EOSIN_BLOCKED"], "does not begin with MSH"),
        (
            b"\x0bMSH|^^\\&|A|B|C|D|||ADT^A01|7|P|2.5\r\x1c\r".to_vec(),
            &["AR 7 EOSIN_BLOCKED"],
            "one separator for two",
        ),
        (
            [b"\x0b", one.as_bytes(), b"\x1c\x0b", two.as_bytes(), b"\x1c"].concat(),
            &["AA 1", "AA 2"],
            "MSA|AA|2",
        ),
        ([b"\r\n\0", &framed(&one)[..], b"\r\r\n", &framed(&two)].concat(), &["AA 1", "AA 2"], "MSA|AA|2"),
        (framed(&(one.clone() + &two)), &["AA 1"], "MSA|AA|1"),
    ] {
        let answers = heard(&scene, &bytes);
        let codes: Vec<String> = answers.iter().map(|answer| said(answer)).collect();
        assert_eq!(codes, want, "{}", String::from_utf8_lossy(&bytes));
        assert!(answers.last().unwrap().contains(sentence), "{sentence}: {answers:?}");
    }
    let metrics = scene.metrics();
    for fault in ["outside-a-frame\"} 2", "broke-off\"} 1", "began-again\"} 1", "end-in-text\"} 1"] {
        assert!(metrics.contains(fault), "{fault}\n{metrics}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_and_the_next_one_is_taken() {
    let behind = Behind::accepting();
    let scene = Scene::with(&behind, |config| {
        impatient(config);
        config.limits.frame_bytes = 10_000;
    });
    let long = admit("1") + &format!("OBX|1|TX|x||{}\r", "y".repeat(100_000));
    let answers = heard(&scene, &[framed(&long), framed(&admit("2"))].concat());
    let codes: Vec<String> = answers.iter().map(|answer| said(answer)).collect();
    assert_eq!(codes, ["AR 1 EOSIN_BLOCKED", "AA 2"]);
    assert!(answers[0].contains("longer than 10000 bytes"), "{}", answers[0]);
    let (_, entries) = scene.stop();
    assert_eq!(entries[0]["counts"]["unreadable"], 1, "it is in the ledger, not dropped");
}

#[test]
fn long_frames_beyond_the_memory_of_a_boundary_are_put_off() {
    let behind = Behind::accepting();
    let scene = Scene::with(&behind, |config| {
        impatient(config);
        config.limits.held_bytes = 256 * 1024;
    });
    let long = admit("1") + &format!("OBX|1|TX|x||{}\r", "y".repeat(900_000));
    let answers = heard(&scene, &framed(&long));
    assert!(answers[0].contains("MSA|AE|") && answers[0].contains("later"), "{answers:?}");
}

#[test]
fn a_receiver_that_cannot_be_reached_was_sent_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let behind = Behind::accepting();
    let scene = Scene::with(&behind, |config| {
        impatient(config);
        config.boundaries[0].receiver.port = closed.port();
    });
    let answer = scene.connect().ask(&admit("1"));
    assert_eq!(said(&answer), "AE 1 EOSIN_RECEIVER_UNREACHABLE");
    assert!(
        answer.contains("nothing was sent to it. Send the message again later. Ruling gateway.example/log#0")
    );
    let (_, entries) = scene.stop();
    assert_eq!(story(&entries), ["pass ADT^A01 by LAB/HALL", "0 not-sent"]);
}

#[test]
fn a_receiver_that_breaks_off_may_have_it_and_nobody_sends_it_twice() {
    for (reaction, code) in [
        ("", "EOSIN_RECEIVER_BROKE_OFF"),
        ("\u{b}MSH|^~\\&|RIS|WARD|LAB", "EOSIN_RECEIVER_BROKE_OFF"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "EOSIN_RECEIVER_BROKE_OFF"),
        ("silence", "EOSIN_RECEIVER_SLOW"),
        ("\u{b}MSH|^~\\&|RIS|WARD|LAB|HALL|||ACK|1|P|2.5\rMSA|AA|other\r\u{1c}\r", "EOSIN_RECEIVER_CONFUSED"),
    ] {
        let behind = Behind::new(move |message| match (message.contains("|1|P|"), reaction) {
            (true, "silence") => Reaction::Silence,
            (true, bytes) => Reaction::Break(bytes.as_bytes().to_vec()),
            (false, _) => Reaction::Frames(vec![ack("AA", message)]),
        });
        let scene = Scene::with(&behind, impatient);
        let mut sender = scene.connect();
        let answer = sender.ask(&admit("1"));
        assert_eq!(said(&answer), format!("AE 1 {code}"), "{reaction:?}");
        assert!(answer.contains("only with the same control id (MSH-10)"), "{answer}");
        assert_eq!(said(&sender.ask(&admit("2"))), "AA 2", "the next one goes over a new connection");
        assert_eq!(behind.ids(), ["1", "2"], "sent once each");
        let (_, entries) = scene.stop();
        assert_eq!(story(&entries)[1], "0 unknown", "{reaction:?}");
    }
}

#[test]
fn a_receiver_that_closed_while_nothing_was_asked_of_it_is_called_again() {
    let behind = Behind::new(|message| Reaction::Break(framed(&ack("AA", message))));
    let scene = Scene::with(&behind, impatient);
    let mut sender = scene.connect();
    for id in ["1", "2", "3"] {
        assert_eq!(said(&sender.ask(&admit(id))), format!("AA {id}"));
    }
    assert_eq!(behind.seen().iter().map(|(connection, _)| *connection).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn what_the_receiver_says_of_its_own_is_passed_on_and_settled() {
    for (code, status) in [("AA", 200), ("AE", 500), ("AR", 400), ("CA", 200), ("CE", 500), ("CR", 400)] {
        let behind = Behind::new(move |message| Reaction::Frames(vec![ack(code, message)]));
        let scene = Scene::with(&behind, impatient);
        assert_eq!(said(&scene.connect().ask(&admit("1"))), format!("{code} 1"));
        let (_, entries) = scene.stop();
        assert_eq!(story(&entries)[1], format!("0 answered {status}"));
    }
}

#[test]
fn in_enhanced_mode_both_answers_are_the_receivers_own() {
    let behind = Behind::new(|message| {
        let answers = match message {
            message if message.contains("|AL|AL") => vec![ack("CA", message), ack("AA", message)],
            message if message.contains("|AL|NE") => vec![ack("CA", message)],
            _ => Vec::new(),
        };
        Reaction::Frames(answers)
    });
    let scene = Scene::with(&behind, impatient);
    let mut sender = scene.connect();
    let asks = |id: &str, how: &str| admit(id).replace("|P|2.5", &format!("|P|2.5|||{how}"));
    assert_eq!(said(&sender.ask(&asks("1", "AL|AL"))), "CA 1");
    assert_eq!(said(&sender.read().unwrap()), "AA 1");
    assert_eq!(said(&sender.ask(&asks("2", "AL|NE"))), "CA 2");
    sender.write(&framed(&asks("3", "NE|NE")));
    assert_eq!(said(&sender.ask(&asks("4", "AL|NE"))), "CA 4", "nobody answered 3, and nobody waited");
    assert_eq!(behind.ids(), ["1", "2", "3", "4"]);
    // A refusal is said in the same mode.
    let refused = asks("5", "AL|AL").replace("\rPID", "\rZEO|1|\rZEO|1|\rPID");
    assert_eq!(said(&sender.ask(&refused)), "CR 5 EOSIN_BLOCKED");
    let (_, entries) = scene.stop();
    let told = story(&entries);
    assert_eq!(told.iter().filter(|line| line.ends_with("answered 200")).count(), 3);
    assert!(told.contains(&"4 answered 202".to_owned()), "{told:?}");
}

#[test]
fn a_ledger_that_cannot_write_stops_everything_but_care() {
    for (continuity, attested, want) in [
        (Continuity::Strict, true, "AE 1 EOSIN_UNAVAILABLE"),
        (Continuity::Care, true, "AA 1"),
        (Continuity::Care, false, "AE 1 EOSIN_UNAVAILABLE"),
    ] {
        let behind = Behind::accepting();
        let folder = tempfile::tempdir().unwrap();
        let disk = FailingDisk::default();
        let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
        let ledger = Ledger::create_in(Box::new(disk.clone()), signer).unwrap();
        let appender = Appender::start(ledger, AppenderConfig::standard()).unwrap();
        let mut config = config(behind.address);
        config.boundaries[0].boundary.mode = Mode::Enforce;
        config.boundaries[0].boundary.continuity = continuity;
        let scene = Scene::around(config, appender, folder, &[]);
        disk.break_down();
        let message = if attested { marked(&scene.attested, &admit("1")) } else { admit("1") };
        let answer = scene.connect().ask(&message);
        assert_eq!(said(&answer), want, "{continuity:?} {attested}");
        assert_eq!(behind.ids().len(), usize::from(want.starts_with("AA")));
    }
}
