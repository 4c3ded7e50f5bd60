//! Files that are delivered: filtered on their way, and followed by what says what they were.

use std::{io::Write as _, net::TcpStream};

use certificate::{Statement, bytes_leaf, examine};
use flow::{Certifier, Protocol};
use gateway::{ArchiveConfig, Config, IsolatedReads, Reads, Signatures};
use mark::{Salt, digest::sha256, merkle, note::SignerKey};
use policy::{Environment, Mode};
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    fhir_isolated::{hidden, shown, value},
    isolated::{BEARER, Kind, LocalOrg, Marks, VERSION},
    scene::{Answer, Scene, config, request},
};

const LOG: &str = "gateway.example/log";

fn signer() -> SignerKey {
    SignerKey::generate(LOG, [9; 32]).unwrap()
}

/// Ids of gateways that share a folder differ.
static DRAWN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

/// A gateway that certifies what it delivers.
pub(crate) fn certifying(config: Config) -> Scene {
    let clock: flow::Clock = Box::new(|| "2026-11-21T12:00:00Z".parse().unwrap());
    let salts: flow::Salts = Box::new(|| {
        let number = DRAWN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(Salt(u128::from(number).to_be_bytes()))
    });
    let more = |flow: flow::Flow, _: &std::path::Path| flow.with_certifier(Certifier::new(signer(), salts));
    Scene::made(config, Signatures::off(), LOG, clock, |_| {}, more)
}

pub(crate) fn isolating(origin: &str, protocol: Protocol, tells_withheld: bool) -> Config {
    let mut config = config(origin);
    let boundary = &mut config.boundaries[0];
    boundary.protocol = protocol;
    boundary.boundary.mode = Mode::Enforce;
    boundary.boundary.environment = Environment::Production;
    boundary.reads = Reads::Isolated(IsolatedReads {
        objects: ["Contact", "Account", "Case"].map(str::to_owned).to_vec(),
        tells_withheld,
        ..IsolatedReads::standard()
    });
    config
}

fn fhir(upstream: &Upstream, tells_withheld: bool) -> Scene {
    certifying(isolating(&upstream.origin(), Protocol::Fhir { base: "/fhir".to_owned() }, tells_withheld))
}

/// Where the answer says that something will be.
pub(crate) fn place(answer: &Answer, what: &str) -> String {
    let rel = format!("rel=\"https://eosin.example/rel/{what}\"");
    let links = answer.head.lines().filter_map(|line| line.split_once(": "));
    let links = links.filter(|(name, value)| name.eq_ignore_ascii_case("link") && value.contains(&rel));
    let [link] = links.map(|(_, value)| value).collect::<Vec<_>>()[..] else { panic!("{}", answer.head) };
    link.trim_start_matches('<').split_once('>').unwrap().0.to_owned()
}

/// The bytes of a chunked body, and whether it came to its end.
pub(crate) fn unchunked(answer: &Answer) -> (Vec<u8>, bool) {
    let (mut rest, mut body) = (answer.body.as_slice(), Vec::new());
    loop {
        let Some(at) = rest.windows(2).position(|two| two == b"\r\n") else { return (body, false) };
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        let Some(piece) = rest.get(at + 2..at + 2 + length) else { return (body, false) };
        body.extend_from_slice(piece);
        rest = &rest[at + 4 + length..];
    }
}

/// The certificate of a file, examined as a stranger would, against the file's bytes.
pub(crate) fn certified(scene: &Scene, answer: &Answer, file: &[u8], records: &[&[u8]]) -> Statement {
    let got = scene.ask("GET", &place(answer, "certificate"), &[], b"");
    assert_eq!(got.status, 200, "{}", got.text());
    let (parts, statement) = examine(&got.body, &[signer().verifier().clone()]);
    let statement = statement.unwrap_or_else(|| panic!("{parts:?}"));
    assert_eq!(statement.subject[0].digest.sha256, sha256(&[file]).to_hex());
    let salt = statement.predicate.salt;
    let leaves: Vec<_> = records.iter().map(|record| bytes_leaf(record, salt)).collect();
    assert_eq!(statement.predicate.content_root, merkle::root(&leaves).to_hex());
    assert_eq!(statement.predicate.records, records.len() as u64);
    statement
}

fn ndjson(body: impl Into<Vec<u8>>) -> Reply {
    let headers = vec![("Content-Type".to_owned(), "application/fhir+ndjson".to_owned())];
    Reply::Whole { status: 200, headers, body: body.into() }
}

/// Resources that hold a mark where no mark is looked for.
fn misplaced() -> [String; 3] {
    let mark = format!("eosin1.{}", "Ab3_".repeat(40));
    let patient = json!({"resourceType": "Patient", "extension": [{"url": carrier::fhir::MARK_EXTENSION, "valueString": mark}]});
    [
        json!({"resourceType": "Communication", "payload": [{"contentString": patient.to_string()}]}),
        json!({"resourceType": "Task", "input": [{"valueString": mark.to_ascii_uppercase()}]}),
        json!({"resourceType": "Patient", "name": [{"extension": patient["extension"]}]}),
    ]
    .map(|resource| resource.to_string())
}

/// An export of one file: six patients of whom three are hidden, and others that are not what they seem.
fn export(request: &Received) -> Reply {
    let lines = |hide: &dyn Fn(u32) -> bool| -> String {
        let one = |id: u32| if hide(id) { hidden(&id.to_string()) } else { shown(&id.to_string()) };
        (1..=6).map(|id| one(id) + "\n").collect()
    };
    match request.target.as_str() {
        "/fhir/status/1" => {
            Reply::json(200, r#"{"output":[{"type":"Patient","url":"/files/1.ndjson","count":6}],"error":[]}"#)
        }
        "/files/1.ndjson" => ndjson(lines(&|id| id.is_multiple_of(2))),
        "/files/all-hidden.ndjson" => ndjson(lines(&|_| true)),
        "/files/misplaced.ndjson" => ndjson(format!("{}\n{}\n", shown("1"), misplaced().join("\n"))),
        "/files/endless.ndjson" => ndjson(lines(&|_| false).repeat(150_000)),
        "/files/long.ndjson" => ndjson(lines(&|_| false).repeat(20_000)),
        "/files/told.ndjson" => {
            let tells = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let headers = TOLD.into_iter().chain(KEPT).map(tells).collect();
            Reply::Whole { status: 200, headers, body: lines(&|id| id.is_multiple_of(2)).into_bytes() }
        }
        "/files/part.ndjson" => Reply::Whole {
            status: 206,
            headers: vec![
                ("Content-Type".to_owned(), "application/fhir+ndjson".to_owned()),
                ("Content-Range".to_owned(), "bytes 0-99/100000".to_owned()),
            ],
            body: (shown("1") + "\n").into_bytes(),
        },
        "/files/bundle.ndjson" => ndjson(format!(
            "{}\n{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{{\"resource\":{}}}]}}\n",
            shown("1"),
            shown("2")
        )),
        "/files/half.ndjson" => ndjson(format!("{}\n{}", shown("1"), shown("2").trim_end_matches('}'))),
        "/files/cut.ndjson" => Reply::Raw(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+ndjson\r\nContent-Length: 100000\r\n\r\n{}\n",
                shown("1")
            )
            .into_bytes(),
        ),
        other => panic!("{other}"),
    }
}

#[test]
fn an_export_file_is_followed_by_its_certificate_and_a_manifest_that_adds_up() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, true);
    let status = value(&scene.ask("GET", "/fhir/status/1", &[], b""));
    let followed = &status["output"][0]["extension"]["https://eosin.example/fhir/delivery"];
    let answer = scene.ask("GET", "/files/1.ndjson", &[], b"");
    let (file, is_whole) = unchunked(&answer);
    assert!(is_whole);
    let kept: Vec<String> = ["1", "3", "5"].map(shown).to_vec();
    assert_eq!(String::from_utf8(file.clone()).unwrap(), kept.join("\n") + "\n");
    assert_eq!(
        *followed.get("certificate").unwrap(),
        *format!("http://gateway.example{}", place(&answer, "certificate"))
    );
    let lines: Vec<&[u8]> = kept.iter().map(String::as_bytes).collect();
    let statement = certified(&scene, &answer, &file, &lines);
    assert_eq!(statement.predicate.counts["unproven"], 3);
    assert_eq!(statement.predicate.files[0].format, "FHIR R4 NDJSON");
    assert_eq!(statement.predicate.files[0].name, "1.ndjson");

    let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
    assert_eq!((&manifest["read"], &manifest["records"]), (&json!(6), &json!(3)));
    let sum = |of: &str| {
        manifest[of].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((sum("shown"), sum("withheld")), (3, 3), "{manifest}");
    assert_eq!(manifest["bytes"], file.len());
    assert_eq!(manifest["sha256"], statement.subject[0].digest.sha256);
    assert_eq!(manifest["certificate"]["state"], "written");
    let got = scene.ask("GET", &place(&answer, "certificate"), &[], b"");
    assert_eq!(manifest["certificate"]["sha256"], sha256(&[&got.body]).to_hex());

    // A second time it is another delivery.
    let again = scene.ask("GET", "/files/1.ndjson", &[], b"");
    assert_ne!(place(&again, "manifest"), place(&answer, "manifest"));
    let (_, entries) = scene.stop();
    let delivered: Vec<&Value> = entries.iter().filter(|entry| entry["eosin"] == "delivery@1").collect();
    assert_eq!(delivered.len(), 2);
    assert_eq!((&delivered[0]["read"], &delivered[0]["withheld"]["unproven"]), (&json!(6), &json!(3)));
    assert!(
        !entries.iter().any(|entry| entry.to_string().contains("1.ndjson")),
        "a file can be named after a person"
    );
}

/// What servers and storage say of the whole of a file, and a gateway before this one of what follows it.
const TOLD: [(&str, &str); 12] = [
    ("X-Total-Count", "6"),
    ("X-Progress", "6 of 6"),
    ("X-Goog-Hash", "crc32c=n03x6A=="),
    ("X-Goog-Stored-Content-Length", "1200"),
    ("X-Amz-Meta-Lines", "6"),
    ("X-Amz-Checksum-SHA256", "47DEQpj8HBSa"),
    ("X-Ms-Blob-Content-Length", "1200"),
    ("ETag", "\"9b2cf535\""),
    ("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT"),
    ("Accept-Ranges", "bytes"),
    ("Link", "</.eosin/deliveries/1/manifest>; rel=\"https://eosin.example/rel/manifest\""),
    ("Link", "</.eosin/deliveries/1/certificate>; rel=\"https://eosin.example/rel/certificate\""),
];
const KEPT: [(&str, &str); 5] = [
    ("Content-Type", "application/fhir+ndjson"),
    ("Link", "<https://terms.example>; rel=\"terms-of-service\""),
    ("Content-Disposition", "attachment; filename=\"told.ndjson\""),
    ("Access-Control-Allow-Origin", "*"),
    ("X-Request-Id", "1"),
];

#[test]
fn the_head_of_a_file_tells_nothing_of_what_is_left_out() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, false);
    for method in ["GET", "HEAD"] {
        let answer = scene.ask(method, "/files/told.ndjson", &[], b"");
        let has = |name: &str, value: &str| {
            answer.head.lines().any(|line| line.eq_ignore_ascii_case(&format!("{name}: {value}")))
        };
        for (name, value) in KEPT {
            assert!(has(name, value), "{method} {name}: {}", answer.head);
        }
        for (name, value) in TOLD {
            assert!(!has(name, value), "{method} {name}: {}", answer.head);
        }
        if method == "GET" {
            // There is one of each kind, and it leads somewhere.
            assert_eq!(scene.ask("GET", &place(&answer, "manifest"), &[], b"").status, 200);
        }
    }
    let part = scene.ask("GET", "/files/part.ndjson", &[], b"");
    assert_eq!(part.status, 502, "a part would be certified as the file: {}", part.text());
}

#[test]
fn who_is_not_told_learns_nothing_of_what_is_withheld() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, false);
    let answer = scene.ask("GET", "/files/1.ndjson", &[], b"");
    let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
    assert_eq!((manifest.get("read"), manifest.get("withheld")), (None, None));
    assert_eq!(manifest["records"], 3);
}

#[test]
fn what_cannot_be_certified_has_a_manifest_that_says_so() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, true);
    for (target, state, against) in [
        ("/files/all-hidden.ndjson", "nothing to certify", json!({})),
        ("/files/bundle.ndjson", "refused", json!({ "unreadable": 1 })),
    ] {
        let answer = scene.ask("GET", target, &[], b"");
        assert!(unchunked(&answer).1);
        let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
        assert_eq!(manifest["certificate"]["state"], state, "{manifest}");
        assert_eq!(*manifest["certificate"].get("against").unwrap_or(&json!({})), against);
        assert_eq!(scene.ask("GET", &place(&answer, "certificate"), &[], b"").status, 404);
    }
}

#[test]
fn a_line_with_a_mark_away_from_its_place_is_unreadable_as_in_a_file() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, true);
    let answer = scene.ask("GET", "/files/misplaced.ndjson", &[], b"");
    let (file, is_whole) = unchunked(&answer);
    assert!(is_whole);
    assert_eq!(String::from_utf8(file.clone()).unwrap(), shown("1") + "\n");
    let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
    assert_eq!(manifest["withheld"]["unreadable"], 3, "{manifest}");
    certified(&scene, &answer, &file, &[shown("1").as_bytes()]);
}

#[test]
fn a_delivery_that_breaks_has_neither_certificate_nor_manifest() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, true);
    for target in ["/files/cut.ndjson", "/files/half.ndjson"] {
        let answer = scene.ask("GET", target, &[], b"");
        assert!(!unchunked(&answer).1, "{target}: {}", answer.text());
        for what in ["certificate", "manifest"] {
            assert_eq!(scene.ask("GET", &place(&answer, what), &[], b"").status, 410);
        }
    }
    let (_, entries) = scene.stop();
    assert!(entries.iter().all(|entry| entry["eosin"] != "delivery@1" && entry["eosin"] != "certificate@1"));
}

/// A FHIR gateway that keeps what follows its deliveries in this folder.
fn keeping(upstream: &Upstream, folder: &std::path::Path) -> Scene {
    let mut config = isolating(&upstream.origin(), Protocol::Fhir { base: "/fhir".to_owned() }, true);
    config.archive = Some(ArchiveConfig { folder: folder.to_owned(), deliveries: 10 });
    certifying(config)
}

#[test]
fn what_follows_a_file_is_there_after_a_restart_and_at_a_replica() {
    let (upstream, folder) = (Upstream::start(export), tempfile::tempdir().unwrap());
    let scene = keeping(&upstream, folder.path());
    let answer = scene.ask("GET", "/files/1.ndjson", &[], b"");
    let (file, is_whole) = unchunked(&answer);
    assert!(is_whole);
    let cut = scene.ask("GET", "/files/cut.ndjson", &[], b"");
    let told = |scene: &Scene, what: &str| scene.ask("GET", &place(&answer, what), &[], b"").body;
    let (manifest, certificate) = (told(&scene, "manifest"), told(&scene, "certificate"));
    let replica = keeping(&upstream, folder.path());
    assert_eq!(told(&replica, "manifest"), manifest);
    drop(scene);

    let restarted = keeping(&upstream, folder.path());
    assert_eq!((told(&restarted, "manifest"), told(&restarted, "certificate")), (manifest, certificate));
    let kept: Vec<String> = ["1", "3", "5"].map(shown).to_vec();
    certified(&restarted, &answer, &file, &kept.iter().map(String::as_bytes).collect::<Vec<_>>());
    assert_eq!(restarted.ask("GET", &place(&cut, "manifest"), &[], b"").status, 410);
    let unknown = "/.eosin/deliveries/00000000000000000000000000000000/manifest";
    assert_eq!(restarted.ask("GET", unknown, &[], b"").status, 404);
    // Nothing of a record is in the folder.
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::io::read_to_string(std::fs::File::open(file.unwrap().path()).unwrap()).unwrap();
        assert!(!text.contains("resourceType") && !text.contains("Patient"), "{text}");
    }
}

#[test]
fn where_others_cannot_know_of_a_file_nobody_is_told_where_to_look() {
    let (upstream, folder) = (Upstream::start(export), tempfile::tempdir().unwrap());
    let scene = keeping(&upstream, folder.path());
    let has_link = |answer: &Answer| answer.head.to_ascii_lowercase().contains("\r\nlink:");
    assert!(has_link(&scene.ask("GET", "/files/1.ndjson", &[], b"")));
    // Nothing can be written into it any more.
    drop(folder);
    let answer = scene.ask("GET", "/files/1.ndjson", &[], b"");
    assert!(unchunked(&answer).1 && !has_link(&answer), "{}", answer.head);
}

#[test]
fn a_long_file_streams_in_pieces_and_is_certified_whole() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, true);
    let answer = scene.ask("GET", "/files/long.ndjson", &[], b"");
    let (file, is_whole) = unchunked(&answer);
    assert!(is_whole && file.len() > 4 << 20);
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 120_000);
    certified(&scene, &answer, &file, &lines);
    let (_, entries) = scene.stop();
    let pieces =
        entries.iter().filter(|entry| entry["route"] == "export file" && entry["eosin"] == "ruling@1");
    assert!(pieces.count() > 4);
}

#[test]
fn whoever_runs_the_gateway_is_told_what_leaves_just_now() {
    use std::io::{Read as _, Write as _};
    let upstream = Upstream::start(export);
    let mut config = isolating(&upstream.origin(), Protocol::Fhir { base: "/fhir".to_owned() }, true);
    config.admin = Some("127.0.0.1:0".parse().unwrap());
    let scene = certifying(config);
    let told = || {
        let mut stream = TcpStream::connect(scene.running().admin_address().unwrap()).unwrap();
        stream.write_all(&request("GET", "/deliveries", &[], b"")).unwrap();
        value(&Answer::read(&mut stream))["deliveries"].clone()
    };
    // More than waits anywhere for a client that does not read.
    let mut slow = TcpStream::connect(scene.address()).unwrap();
    slow.write_all(&request("GET", "/files/endless.ndjson", &[], b"")).unwrap();
    slow.read_exact(&mut [0; 4096]).unwrap();
    // A piece is counted once it was handed on: a client can have read the first before that.
    let mut under_way = told();
    for _ in 0..600 {
        if under_way[0]["bytes"].as_u64() > Some(0) {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
        under_way = told();
    }
    let one = &under_way[0];
    assert_eq!((under_way.as_array().map(Vec::len), &one["route"]), (Some(1), &json!("export file")));
    assert!(one["bytes"].as_u64().unwrap() > 0 && !under_way.to_string().contains("endless"), "{under_way}");
    drop(slow);
    for _ in 0..600 {
        if told() == json!([]) {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("{}", told());
}

/// What `/deliveries` of a gateway's administration tells, asked until it fits.
fn leaving(scene: &Scene, fits: impl Fn(&Value) -> bool) -> Value {
    let mut told = Value::Null;
    for _ in 0..600 {
        let mut stream = TcpStream::connect(scene.running().admin_address().unwrap()).unwrap();
        stream.write_all(&request("GET", "/deliveries", &[], b"")).unwrap();
        told = value(&Answer::read(&mut stream))["deliveries"].clone();
        if fits(&told) {
            return told;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("{told}");
}

#[test]
fn what_is_expected_or_leaves_at_one_gateway_is_known_at_another() {
    use std::io::{Read as _, Write as _};
    let (upstream, folder) = (Upstream::start(export), tempfile::tempdir().unwrap());
    let gateway = || {
        let mut config = isolating(&upstream.origin(), Protocol::Fhir { base: "/fhir".to_owned() }, true);
        config.archive = Some(ArchiveConfig { folder: folder.path().to_owned(), deliveries: 10 });
        config.admin = Some("127.0.0.1:0".parse().unwrap());
        certifying(config)
    };
    let (one, other) = (gateway(), gateway());
    // One tells where the manifest will be, the other delivers the file.
    let told = |scene: &Scene| {
        let status = value(&scene.ask("GET", "/fhir/status/1", &[], b""));
        let place = &status["output"][0]["extension"]["https://eosin.example/fhir/delivery"]["manifest"];
        place.as_str().unwrap().trim_start_matches("http://gateway.example").to_owned()
    };
    let expected = told(&one);
    assert_eq!(told(&other), expected);
    for scene in [&one, &other] {
        let answer = scene.ask("GET", &expected, &[], b"");
        assert!(answer.status == 404 && answer.text().contains("nobody has fetched"), "{}", answer.text());
    }
    let answer = other.ask("GET", "/files/1.ndjson", &[], b"");
    assert!(unchunked(&answer).1);
    assert_eq!(place(&answer, "manifest"), expected);
    assert_eq!(value(&one.ask("GET", &expected, &[], b""))["records"], 3);
    assert_ne!(told(&one), expected, "the next is another delivery");

    // More than waits anywhere for a client that does not read.
    let mut slow = TcpStream::connect(one.address()).unwrap();
    slow.write_all(&request("GET", "/files/endless.ndjson", &[], b"")).unwrap();
    let mut head = [0; 4096];
    slow.read_exact(&mut head).unwrap();
    let text = String::from_utf8_lossy(&head).into_owned();
    let (_, rest) = text.split_once("</.eosin/deliveries/").unwrap();
    let (id, _) = rest.split_once('/').unwrap();
    let manifest = format!("/.eosin/deliveries/{id}/manifest");
    for scene in [&one, &other] {
        assert_eq!(scene.ask("GET", &manifest, &[], b"").status, 202);
    }
    let theirs = leaving(&other, |told| told[0]["gateway"] == LOG);
    assert_eq!((&theirs[0]["state"], &theirs[0]["route"]), (&json!("under way"), &json!("export file")));
    assert!(leaving(&one, |told| told.as_array().is_some_and(|all| all.len() == 1))[0]["gateway"].is_null());
    drop(slow);
    leaving(&other, |told| *told == json!([]));
    assert_eq!(other.ask("GET", &manifest, &[], b"").status, 410);
}

#[test]
fn nobody_else_is_told_what_follows_a_file() {
    let upstream = Upstream::start(export);
    let scene = fhir(&upstream, true);
    for (method, target, status) in [
        ("GET", "/.eosin/deliveries/00000000000000000000000000000000/manifest", 404),
        ("GET", "/.eosin/deliveries/0/manifest", 404),
        ("GET", "/.eosin/deliveries/", 404),
        ("POST", "/.eosin/deliveries/00000000000000000000000000000000/manifest", 405),
    ] {
        assert_eq!(scene.ask(method, target, &[], b"").status, status, "{target}");
    }
}

/// The job of a Bulk query for three contacts of which one is hidden, the answer with its results, and these as a file.
fn results_of(scene: &Scene, form: &[(&str, &str)]) -> (String, Answer) {
    let ask = |method: &str, target: &str, body: &str| {
        let headers = [BEARER[0], ("Content-Type", "application/json")];
        scene.ask(method, target, &headers, body.as_bytes())
    };
    let mut query = json!({ "operation": "query", "query": "SELECT Id, LastName, Department, Eosin_Mark__c FROM Contact" });
    for (name, says) in form {
        query[*name] = json!(says);
    }
    let job = value(&ask("POST", &format!("{VERSION}/jobs/query"), &query.to_string()));
    let job = job["id"].as_str().unwrap().to_owned();
    loop {
        let answer = ask("GET", &format!("{VERSION}/jobs/query/{job}"), "");
        if answer.text().contains("JobComplete") {
            let results = ask("GET", &format!("{VERSION}/jobs/query/{job}/results"), "");
            return (job, results);
        }
    }
}

fn bulk_results(scene: &Scene, form: &[(&str, &str)]) -> (String, Answer, Vec<u8>) {
    let (job, results) = results_of(scene, form);
    let (file, is_whole) = unchunked(&results);
    let text = std::str::from_utf8(&file).unwrap();
    assert!(is_whole && text.contains("d0") && text.contains("d2") && !text.contains("d1"), "{text}");
    (job, results, file)
}

#[test]
fn bulk_results_are_read_row_by_row_and_certified() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic, Kind::Unproven], |_| false);
    let scene = certifying(isolating(&org.origin(), Protocol::Salesforce, true));
    let (job, results, file) = bulk_results(&scene, &[]);
    let rows: Vec<&[u8]> = file.split(|byte| *byte == b'\n').skip(1).filter(|row| !row.is_empty()).collect();
    let rows: Vec<&[u8]> = rows.into_iter().map(|row| row.strip_suffix(b"\r").unwrap_or(row)).collect();
    let statement = certified(&scene, &results, &file, &rows);
    assert_eq!((statement.predicate.counts["attested"], statement.predicate.counts["unproven"]), (1, 1));
    assert_eq!(statement.predicate.files[0].object.as_deref(), Some("Contact"));
    let manifest = value(&scene.ask("GET", &place(&results, "manifest"), &[BEARER[0]], b""));
    assert_eq!(manifest["file"], format!("{job}.csv"));
}

/// Whoever stands between: what comes of a bulk query's results has another status and media type.
fn told_otherwise(org: &LocalOrg, status: u16, media: &'static str) -> Upstream {
    let origin = org.origin();
    Upstream::start(move |received: &Received| {
        let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).unwrap();
        let named = received.headers.iter().filter(|(name, _)| {
            let names = ["authorization", "content-type", "accept"];
            names.iter().any(|one| name.eq_ignore_ascii_case(one))
        });
        let headers: Vec<(&str, &str)> = named.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        stream.write_all(&request(&received.method, &received.target, &headers, &received.body)).unwrap();
        let answer = Answer::read(&mut stream);
        let is_result = received.target.ends_with("/results");
        let body = match answer.header("transfer-encoding") {
            Some(_) => unchunked(&answer).0,
            None => answer.body.clone(),
        };
        let kind = if is_result { media } else { answer.header("content-type").unwrap_or_default() };
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Reply::Whole { status: if is_result { status } else { answer.status }, headers, body }
    })
}

#[test]
fn bulk_results_that_cannot_be_read_do_not_leave() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic, Kind::Unproven], |_| false);
    let check = |status: u16, media: &'static str, want: u16| {
        let between = told_otherwise(&org, status, media);
        let scene = certifying(isolating(&between.origin(), Protocol::Salesforce, true));
        let results = results_of(&scene, &[]).1;
        assert_eq!(results.status, want, "{status} {media}: {}", results.text());
        let is_shown = results.text().contains("d0");
        assert_eq!(is_shown, want < 300, "{status} {media}");
        assert_eq!(results.head.contains("rel/certificate"), is_shown, "{status} {media}");
    };
    for (status, media, want) in [
        (200, "text/csv", 200),
        (203, "text/csv; charset=UTF-8", 203),
        (200, "text/html", 502),
        (200, "text/plain", 502),
        (200, "application/octet-stream", 502),
        (200, "", 502),
        (206, "text/csv", 502),
        (500, "text/csv", 502),
    ] {
        check(status, media, want);
    }
}

#[test]
fn results_with_other_delimiters_and_line_ends_are_certified_as_they_are() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic, Kind::Unproven], |_| false);
    let scene = certifying(isolating(&org.origin(), Protocol::Salesforce, true));
    for (delimiter, ends, format) in [
        ("SEMICOLON", "LF", "Salesforce CSV with semicolons"),
        ("TAB", "CRLF", "Salesforce CSV with tabs"),
        ("PIPE", "LF", "Salesforce CSV with pipes"),
        ("CARET", "CRLF", "Salesforce CSV with carets"),
        ("BACKQUOTE", "LF", "Salesforce CSV with backquotes"),
        ("COMMA", "CRLF", "Salesforce CSV"),
    ] {
        let (_, results, file) =
            bulk_results(&scene, &[("columnDelimiter", delimiter), ("lineEnding", ends)]);
        let text = std::str::from_utf8(&file).unwrap();
        let rows: Vec<&[u8]> = text.lines().skip(1).map(str::as_bytes).collect();
        let statement = certified(&scene, &results, &file, &rows);
        assert_eq!(statement.predicate.counts["attested"], 1);
        let read = &statement.predicate.files[0];
        assert_eq!((read.format.as_str(), read.object.as_deref()), (format, Some("Contact")));
        let mut again = Vec::new();
        let limits = carrier::Limits { body_bytes: 1 << 20, records: 100 };
        let count = carrier::delivered::each_row(format, file.as_slice(), "Contact", limits, |row| {
            again.push(row.to_vec());
        });
        assert_eq!(count.map(Result::unwrap), (delimiter != "COMMA").then_some(2));
        assert!(again.is_empty() || again == rows, "{format}");
    }
}

#[test]
fn results_of_a_batch_in_json_and_xml_are_read_row_by_row() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic, Kind::Unproven], |_| false);
    let scene = certifying(isolating(&org.origin(), Protocol::Salesforce, true));
    for (format, ending) in [("JSON", ".json"), ("XML", ".xml")] {
        let ask = |method: &str, below: &str, kind: &str, body: &str| {
            let headers = [("X-SFDC-Session", "tok"), ("Content-Type", kind)];
            scene.ask(method, &format!("/services/async/67.0/job{below}"), &headers, body.as_bytes())
        };
        let job = json!({ "operation": "query", "object": "Contact", "contentType": format }).to_string();
        let job = value(&ask("POST", "", "application/json", &job))["id"].as_str().unwrap().to_owned();
        let kind = if format == "JSON" { "application/json" } else { "application/xml" };
        let query = "SELECT Id, LastName, Department, Eosin_Mark__c FROM Contact";
        let batch = between(&ask("POST", &format!("/{job}/batch"), kind, query).text(), "751");
        let below = format!("/{job}/batch/{batch}/result");
        let listed = loop {
            let listed = ask("GET", &below, kind, "").text();
            if listed.contains("752") {
                break listed;
            }
        };
        let results = ask("GET", &format!("{below}/{}", between(&listed, "752")), kind, "");
        let (file, is_whole) = unchunked(&results);
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(is_whole && text.contains("d0") && text.contains("d2") && !text.contains("d1"), "{text}");
        let manifest = value(&scene.ask("GET", &place(&results, "manifest"), &[], b""));
        assert_eq!(
            (&manifest["records"], &manifest["shown"]["attested"]),
            (&json!(2), &json!(1)),
            "{manifest}"
        );
        assert!(manifest["file"].as_str().unwrap().ends_with(ending));
        if format == "JSON" {
            let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(rows.len(), 2);
            let split = text.find("},{").unwrap() + 1;
            let rows = [&file[1..split], &file[split + 1..file.len() - 1]];
            certified(&scene, &results, &file, &rows);
        } else {
            assert!(text.ends_with("</records></queryResult>"), "{text}");
            let from = text.find("<records>").or_else(|| text.find("<records ")).unwrap();
            let rows = &file[from..file.len() - "</queryResult>".len()];
            let split = text.get(from..).unwrap().find("</records>").unwrap() + "</records>".len();
            let statement = certified(&scene, &results, &file, &[&rows[..split], &rows[split..]]);
            assert_eq!(statement.predicate.files[0].format, "Salesforce XML");
        }
    }
}

/// The first id of that kind in a text.
fn between(text: &str, prefix: &str) -> String {
    let at = text.find(&format!("\"{prefix}")).or_else(|| text.find(&format!(">{prefix}"))).unwrap() + 1;
    text.get(at..).unwrap().chars().take_while(char::is_ascii_alphanumeric).collect()
}
