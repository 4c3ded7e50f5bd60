//! Senders and receivers that are not ours, unmodified: the packages `hl7` and `hl7apy`.
#![expect(clippy::print_stdout, reason = "a test says what it skips")]

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use carrier::{
    Labels, Limits,
    hl7v2::{self, Asks, Envelope},
};
use policy::{Environment, Mode};
use testkit::sealed;

use crate::{
    scene::{Behind, Scene, admit, story},
    shared::messages,
};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hl7v2").join(name)
}

fn is_there() -> bool {
    let asked = Command::new("python3").args(["-c", "import hl7.mllp, hl7apy.mllp"]).output();
    let is_there = asked.is_ok_and(|output| output.status.success());
    if !is_there {
        println!("skipped: no python3 with hl7 and hl7apy");
    }
    is_there
}

/// A receiver made of one of the libraries; what it says comes line by line.
struct Peer {
    child: Child,
    address: SocketAddr,
    ids: mpsc::Receiver<String>,
}

impl Peer {
    fn start(library: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(script("receiver.py"))
            .arg(library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
        let (told, ids) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).all(|line| told.send(line).is_ok()));
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), ids }
    }

    /// The control ids of everything that arrived, in order, once it has ended.
    fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        self.ids.iter().collect()
    }
}

/// What the client of `hl7` hears when it sends these.
fn send(scene: &Scene, messages: &[Vec<u8>]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames");
    let frames: Vec<u8> = messages.iter().flat_map(|one| [b"\x0b", &one[..], b"\x1c\r"].concat()).collect();
    #[expect(clippy::disallowed_methods, reason = "a file for a script, gone with the test")]
    std::fs::write(&file, frames).unwrap();
    let address = scene.address();
    let output = Command::new("python3")
        .arg(script("sender.py"))
        .args([address.ip().to_string(), address.port().to_string()])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn libraries_of_others_send_and_receive_through_a_boundary() {
    if !is_there() {
        return;
    }
    for library in ["hl7apy", "hl7"] {
        let peer = Peer::start(library);
        let scene = Scene::trusting_at(peer.address, &[], |config| {
            config.boundaries[0].boundary.mode = Mode::Enforce;
            config.boundaries[0].boundary.environment = Environment::Test;
        });
        let ids: Vec<String> = (1..=20).map(|id| format!("M{id}")).collect();
        let all: Vec<Vec<u8>> = ids.iter().map(|id| admit(id).into_bytes()).collect();
        assert_eq!(send(&scene, &all), ids.iter().map(|id| format!("AA {id}")).collect::<Vec<_>>());
        let (_, entries) = scene.stop();
        assert_eq!(story(&entries).iter().filter(|line| line.ends_with("answered 200")).count(), 20);
        assert_eq!(peer.end(), ids, "{library}");
    }
}

#[test]
fn a_refusal_is_read_by_libraries_of_others() {
    if !is_there() {
        return;
    }
    let behind = Behind::accepting();
    let scene = Scene::enforcing(&behind);
    let versions = ["2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8"];
    let all: Vec<Vec<u8>> = versions
        .iter()
        .map(|version| admit(version).replace("|P|2.5", &format!("|P|{version}")).into_bytes())
        .collect();
    for (answer, version) in send(&scene, &all).iter().zip(versions) {
        assert!(answer.starts_with(&format!("AR {version} Blocked by Eosin at boundary `feed`")), "{answer}");
        assert!(answer.contains("Do not send this message again"), "{answer}");
    }
    assert_eq!(behind.seen().len(), 0);
}

#[test]
fn what_others_wrote_goes_from_their_sender_to_their_receivers() {
    let Some(all) = messages().filter(|_| is_there()) else { return };
    let limits = Limits { body_bytes: 8 << 20, records: 10_000 };
    // The empty line behind a message of the file is not sent with it: `hl7apy` closes on an empty segment.
    let ended = |one: &Vec<u8>| {
        let text = String::from_utf8_lossy(one).replace("\r\n", "\r").replace('\n', "\r");
        format!("{}\r", text.trim_end_matches('\r')).into_bytes()
    };
    // Those that both libraries can be expected to answer by their control id; the others cross in `shared.rs`.
    let fits = |one: &Vec<u8>| {
        one.starts_with(b"MSH|^~\\&|")
            && one.len() < 4000
            && (Envelope::of(one).asks() == Asks::Original || one.windows(4).any(|at| at == b"|AL|"))
    };
    let readable: Vec<Vec<u8>> =
        all.iter().filter(|one| hl7v2::read_message(one, &limits).is_ok()).map(ended).collect();
    let messages: Vec<Vec<u8>> = readable.iter().filter(|one| fits(one)).cloned().collect();
    let records: Vec<_> = messages.iter().map(|one| hl7v2::read_message(one, &limits).unwrap()).collect();
    let (attested, synthetic) = (sealed::attested(&records), sealed::synthetic(&records));
    let marked = |sealed: &sealed::Sealed| -> Vec<Vec<u8>> {
        let placed =
            |(one, mark): (&Vec<u8>, &mark::Mark)| hl7v2::place_message(one, &Labels::of(mark)).unwrap();
        messages.iter().zip(&sealed.marks).map(placed).collect()
    };
    let (vouched, made) = (marked(&attested), marked(&synthetic));
    let id = |one: &Vec<u8>| String::from_utf8_lossy(Envelope::of(one).control_id()).into_owned();
    let ids: Vec<String> = vouched.iter().map(id).collect();
    let cross = |library: &str| {
        let peer = Peer::start(library);
        let scene = Scene::trusting_at(peer.address, &[&attested, &synthetic], |config| {
            config.boundaries[0].boundary.mode = Mode::Enforce;
        });
        // Each attested one with a synthetic one behind it, which nobody may see arrive.
        let mixed: Vec<Vec<u8>> =
            vouched.iter().zip(&made).flat_map(|(one, two)| [one.clone(), two.clone()]).collect();
        let heard = send(&scene, &mixed);
        let accepted = heard.iter().filter(|answer| answer.starts_with("AA ")).count();
        let refused =
            heard.iter().filter(|answer| answer.starts_with("AR ") || answer.starts_with("CR ")).count();
        assert_eq!((accepted, refused), (ids.len(), ids.len()), "{library}");
        let taken: Vec<&String> = heard.iter().step_by(2).collect();
        assert_eq!(
            taken,
            ids.iter().map(|id| format!("AA {id}")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
        let (_, entries) = scene.stop();
        let rulings = entries.iter().filter(|entry| entry["eosin"] == "ruling@1").count();
        let settled = entries.iter().filter(|entry| entry["outcome"] == "answered").count();
        assert_eq!(
            (rulings, settled),
            (mixed.len(), ids.len()),
            "a ruling each, and a settlement of what was sent"
        );
        assert_eq!(peer.end(), ids, "{library}: in order, and nobody else");
    };
    // Reading an answer takes `hl7apy` tens of milliseconds, so that both go at once.
    std::thread::scope(|scope| {
        scope.spawn(|| cross("hl7"));
        cross("hl7apy");
    });
    println!(
        "{} messages: {} cannot be read, {} cross elsewhere, {} went from hl7 to hl7 and to hl7apy, as many synthetic ones nowhere",
        all.len(),
        all.len() - readable.len(),
        readable.len() - messages.len(),
        messages.len()
    );
}
