//! The ways in of `tests/leaks/hl7v2.toml`: each is a way without Eosin, and none through a boundary of production.
//! What it says of each is read by `tests/leaks/hl7v2_scenes.py`, which puts them on the page of leak channels.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::mpsc, time::Duration};

use carrier::hl7v2;
use policy::{Environment, Mode};
use serde::Deserialize;

use crate::scene::{Behind, Scene, Sender, admit, marked};

#[derive(Deserialize)]
struct Table {
    channel: Vec<Channel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    name: String,
    protocol: String,
    direction: String,
    closed_by: String,
    wire: String,
    #[serde(default)]
    edit: Vec<(String, String)>,
    #[serde(default)]
    stripped: bool,
    #[serde(default)]
    refused: bool,
}

impl Channel {
    /// What a sender writes for a message; its control id is `in`.
    fn bytes(&self, message: &str, attested: &str) -> Vec<u8> {
        let mut message = message.to_owned();
        if self.stripped {
            message = String::from_utf8(hl7v2::strip_message(message.as_bytes()).unwrap()).unwrap();
        }
        for (from, to) in &self.edit {
            message = message.replacen(from, to, 1);
        }
        let long = format!("{attested}OBX|1|TX|x||{}\r", "y".repeat(40_000));
        let words = BTreeMap::from([("{message}", &message), ("{long}", &long)]);
        let wire = self.wire.replace("{attested}", attested);
        words.iter().fold(wire, |wire, (word, text)| wire.replace(word, text)).into_bytes()
    }
}

/// Writes, ends, and waits until the other side has ended too: everything that goes on has arrived then.
fn send(address: SocketAddr, bytes: &[u8]) {
    let mut sender = Sender::new(std::net::TcpStream::connect(address).unwrap());
    sender.write(bytes);
    sender.half_close();
    while sender.read().is_some() {}
}

fn arrived(behind: &Behind) -> bool {
    behind.seen().iter().any(|(_, frame)| frame.contains("|in|"))
}

/// Waits until it has arrived, five seconds at most: who wants no answer is not told when it has.
fn arrives(behind: &Behind) -> bool {
    let (_told, heard) = mpsc::channel::<()>();
    // Nobody tells: this waits.
    (0..50).any(|_| arrived(behind) || heard.recv_timeout(Duration::from_millis(100)).is_ok())
}

#[test]
fn no_way_into_a_feed_is_open() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/leaks/hl7v2.toml");
    #[expect(clippy::disallowed_methods, reason = "a table of ours")]
    let table: Table = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let behind = Behind::accepting();
    let scene = Scene::with(&behind, |config| {
        config.boundaries[0].boundary.mode = Mode::Enforce;
        config.boundaries[0].boundary.environment = Environment::Production;
        config.limits.frame_bytes = 30_000;
    });
    let (synthetic, attested) =
        (marked(&scene.synthetic, &admit("in")), marked(&scene.attested, &admit("in")));
    let other = marked(&scene.attested, &admit("other"));
    let mut wrong = Vec::new();
    for channel in &table.channel {
        assert_eq!((channel.protocol.as_str(), channel.direction.as_str()), ("HL7 v2", "in"));
        assert!(!channel.closed_by.is_empty());
        let straight = Behind::accepting();
        send(straight.address, &channel.bytes(&synthetic, &other));
        let mut problems = Vec::new();
        let mut check = |is_so: bool, what: &'static str| {
            if !is_so {
                problems.push(what);
            }
        };
        check(arrived(&straight), "is no way in without Eosin either");
        behind.clear();
        send(scene.address(), &channel.bytes(&synthetic, &other));
        check(!arrived(&behind), "lets a synthetic message in");
        behind.clear();
        send(scene.address(), &channel.bytes(&attested, &other));
        let fares = if channel.refused { !arrived(&behind) } else { arrives(&behind) };
        check(fares, "an attested message does not fare as the table says");
        let told = if problems.is_empty() { "as the table says".to_owned() } else { problems.join(", ") };
        println!("scene: {} | {told}", channel.name);
        wrong.extend(problems.iter().map(|what| format!("{}: {what}", channel.name)));
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(table.channel.len() >= 10);
}
