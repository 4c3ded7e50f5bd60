//! Messages that others wrote cross as policy says, in order, and the counts add up.
#![expect(clippy::print_stdout, reason = "a test says what it skips")]

use std::{io::Read as _, path::Path};

use carrier::{
    Labels, Limits,
    hl7v2::{self, Asks, Condition, Envelope},
    table::{Chunks, Format},
};
use policy::{Environment, Mode};
use testkit::sealed;

use crate::scene::{Behind, NAME, Scene, said};

/// Senders at one time: their rulings are synced together.
const CONNECTIONS: usize = 32;
const LIMITS: Limits = Limits { body_bytes: 8 << 20, records: 10_000 };

/// The messages of the simulated hospital and of the converter's samples; nothing without the shared data.
pub(crate) fn messages() -> Option<Vec<Vec<u8>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("EOSIN_DATA").map_or(beside, Into::into).join("hl7v2");
    let (Ok(hospital), Ok(samples)) = (
        std::fs::File::open(folder.join("simhospital_messages.out.gz")),
        std::fs::read_dir(folder.join("fhir-converter")),
    ) else {
        println!("skipped: no shared data");
        return None;
    };
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(hospital).take(64 << 20).read_to_end(&mut bytes).unwrap();
    let mut names: Vec<_> = samples.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for name in names {
        bytes.push(b'\n');
        std::fs::File::open(name).unwrap().take(64 << 20).read_to_end(&mut bytes).unwrap();
    }
    let mut chunks = Chunks::new(std::io::Cursor::new(bytes), Format::Hl7v2, LIMITS);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        all.extend(chunk.record_bytes().unwrap().into_iter().map(<[u8]>::to_vec));
    }
    Some(all)
}

/// What a sender hears to a refusal, as MSH-15 and MSH-16 say; nothing where it wants to hear of none.
fn refusal(message: &[u8]) -> &'static str {
    let hears = |condition| matches!(condition, Condition::Always | Condition::OnError);
    match Envelope::of(message).asks() {
        Asks::Original => "AR",
        Asks::Enhanced { accept, .. } if hears(accept) => "CR",
        Asks::Enhanced { application, .. } if hears(application) => "AR",
        Asks::Enhanced { .. } => "",
    }
}

/// MSA-1 of each answer, of messages sent over so many connections; each arrived in its order.
fn sent(
    scene: &Scene,
    behind: &Behind,
    messages: &[Vec<u8>],
    want: &[&str],
    connections: usize,
) -> Vec<String> {
    let each = messages.len().div_ceil(connections);
    let answers = std::thread::scope(|scope| {
        let parts = messages.chunks(each).zip(want.chunks(each)).map(|(part, want)| {
            scope.spawn(move || {
                let mut sender = scene.connect();
                let mut answer = |(message, want): (&Vec<u8>, &&str)| {
                    sender.write(&[b"\x0b", &message[..], b"\x1c\r"].concat());
                    if want.is_empty() {
                        return String::new();
                    }
                    said(&sender.read().unwrap()).chars().take(2).collect()
                };
                part.iter().zip(want).map(&mut answer).collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = parts.collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    // What one sender sent arrived over one connection, in its order.
    let taken = answers.iter().zip(messages).enumerate().filter(|(_, (answer, _))| *answer == "AA");
    let mut by_sender: Vec<Vec<String>> = vec![Vec::new(); connections];
    for (at, (_, message)) in taken {
        by_sender[at / each].push(String::from_utf8_lossy(message).into_owned());
    }
    let mut arrived: Vec<Vec<String>> = vec![Vec::new(); connections];
    for (connection, message) in behind.seen().iter() {
        arrived[*connection].push(message.clone());
    }
    by_sender.retain(|messages| !messages.is_empty());
    arrived.retain(|messages| !messages.is_empty());
    by_sender.sort();
    arrived.sort();
    assert!(by_sender == arrived, "each sender's messages, byte for byte, in order");
    answers
}

#[test]
fn messages_of_others_cross_as_policy_says_in_order() {
    let Some(messages) = messages() else { return };
    assert_eq!(messages.len(), 1013 + 139);
    let records: Vec<_> = messages.iter().filter_map(|one| hl7v2::read_message(one, &LIMITS).ok()).collect();
    let readable: Vec<bool> = messages.iter().map(|one| hl7v2::read_message(one, &LIMITS).is_ok()).collect();
    let count = records.len();
    let (synthetic, attested) = (sealed::synthetic(&records), sealed::attested(&records));
    let marked = |sealed: &sealed::Sealed| {
        let mut marks = sealed.marks.iter();
        let place = |(message, readable): (&Vec<u8>, &bool)| {
            if !readable {
                return message.clone();
            }
            hl7v2::place_message(message, &Labels::of(marks.next().unwrap())).unwrap()
        };
        messages.iter().zip(&readable).map(place).collect::<Vec<_>>()
    };
    for (environment, messages, passes) in [
        (Environment::Test, messages.clone(), true),
        (Environment::Production, marked(&synthetic), false),
        (Environment::Production, marked(&attested), true),
    ] {
        let behind = Behind::accepting();
        let scene = Scene::trusting(&behind, &[&synthetic, &attested], |config| {
            config.boundaries[0].boundary.mode = Mode::Enforce;
            config.boundaries[0].boundary.environment = environment;
        });
        let want: Vec<&str> = messages
            .iter()
            .zip(&readable)
            .map(|(message, readable)| if *readable && passes { "AA" } else { refusal(message) })
            .collect();
        let answers = sent(&scene, &behind, &messages, &want, CONNECTIONS);
        assert_eq!(answers, want, "{environment:?}");
        let arrived = behind.seen().len();
        let metrics = scene.metrics();
        let (_, entries) = scene.stop();
        let rulings: Vec<_> = entries.iter().filter(|entry| entry["eosin"] == "ruling@1").collect();
        let settled = entries.iter().filter(|entry| entry["outcome"] == "answered");
        assert_eq!((rulings.len(), settled.count()), (messages.len(), arrived));
        let unreadable = rulings.iter().filter(|ruling| ruling["counts"]["unreadable"] == 1).count();
        assert_eq!((unreadable, arrived), (messages.len() - count, if passes { count } else { 0 }));
        let counted = |outcome: &str| -> usize {
            let line = format!("eosin_mllp_messages_total{{boundary=\"{NAME}\",outcome=\"{outcome}\"}} ");
            let count = metrics.lines().find_map(|text| text.strip_prefix(&line));
            count.map_or(0, |count| count.parse().unwrap())
        };
        assert_eq!(counted("accepted") + counted("sent"), arrived, "{metrics}");
        assert_eq!(counted("refused"), messages.len() - arrived, "{metrics}");
    }
    println!("{count} of {} messages can be read", messages.len());
}
