//! Bodies: streamed where nothing is judged, decoded where something is, bounded everywhere.

use std::io::{Read, Write};

use flate2::{Compression, write};
use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, Answer, CREATE, QUERY, Scene, request};

const LARGE: u64 = 100 * 1024 * 1024;

#[test]
fn a_hundred_megabytes_stream_in_both_directions() {
    let upstream = Upstream::start(|_| Reply::Stream { bytes: LARGE });
    let scene = Scene::observing(&upstream);
    let mut stream = scene.connect();
    let before = resident_bytes();
    stream.write_all(&request("GET", QUERY, &[], b"")).unwrap();
    let mut read = 0;
    let mut most = before;
    let mut piece = vec![0; 1 << 20];
    loop {
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        read += u64::try_from(count).unwrap();
        most = most.max(resident_bytes());
    }
    assert!(read > LARGE, "{read}");
    assert!(most - before < 32 << 20, "grew by {} bytes on the way down", most - before);

    // The token route is open, whatever is sent there.
    let mut stream = scene.connect();
    let head = format!(
        "POST /services/oauth2/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {LARGE}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut left = LARGE;
    while left > 0 {
        stream.write_all(&piece).unwrap();
        left -= u64::try_from(piece.len()).unwrap();
        most = most.max(resident_bytes());
    }
    let sent = upstream.wait_for(2)[1].clone();
    assert_eq!(sent.body_bytes, LARGE);
    assert!(most - before < 48 << 20, "grew by {} bytes on the way up", most - before);
}

/// The memory of this process, which also holds the upstream and its 4 MiB.
fn resident_bytes() -> usize {
    let mut text = String::new();
    std::fs::File::open("/proc/self/statm").unwrap().take(200).read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_chunked_upload_is_judged_whole_and_its_trailers_end_here() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::observing(&upstream);
    let mut stream = scene.connect();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nTrailer: Eosin-Provenance\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for piece in ADA.as_bytes().chunks(7) {
        write!(stream, "{:x}\r\n", piece.len()).unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\nEosin-Provenance: v=1, attested=1\r\n\r\n").unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let sent = &upstream.received()[0];
    assert_eq!(sent.body, ADA.as_bytes());
    assert_eq!(sent.header("content-length"), Some(ADA.len().to_string().as_str()));
    assert_eq!(sent.trailers, Vec::<String>::new());
    assert!(sent.header("eosin-provenance").unwrap().contains("unproven=1"));
}

#[test]
fn answers_without_a_body_have_none() {
    let upstream = Upstream::start(|request| {
        let headers = vec![("ETag".to_owned(), "\"1\"".to_owned())];
        match request.method.as_str() {
            "HEAD" => Reply::Whole { status: 200, headers, body: b"0123456789".to_vec() },
            _ => Reply::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        }
    });
    let scene = Scene::observing(&upstream);
    let head = scene.ask("HEAD", QUERY, &[], b"");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("10"), 0));
    assert_eq!(head.header("etag"), Some("\"1\""));
    let patch = scene.ask("PATCH", &format!("{CREATE}/003000000000001AAA"), &[], ADA.as_bytes());
    assert_eq!((patch.status, patch.body.len()), (204, 0));
}

#[test]
fn one_connection_carries_many_requests() {
    let upstream = Upstream::start(|request| Reply::json(200, &format!("\"{}\"", request.body_bytes)));
    let scene = Scene::observing(&upstream);
    let mut stream = scene.connect();
    let length = ADA.len();
    // Two at once, then a third that ends the connection.
    let open = format!("GET {QUERY} HTTP/1.1\r\nHost: a\r\n\r\n");
    let judged = format!("POST {CREATE} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{ADA}");
    stream.write_all(format!("{open}{judged}").as_bytes()).unwrap();
    stream.write_all(&request("GET", QUERY, &[], b"")).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 Said").count(), 3, "{text}");
    let order: Vec<_> = upstream.received().into_iter().map(|received| received.method).collect();
    assert_eq!(order, ["GET", "POST", "GET"]);
}

#[test]
fn a_client_that_expects_100_is_told_to_go_on() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::observing(&upstream);
    let mut stream = scene.connect();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        ADA.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(ADA.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 201);
    assert_eq!(upstream.received()[0].header("expect"), None);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_coded_body_is_judged_decoded_and_sent_on_as_received() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::enforcing(&upstream);
    let good = Scene::marked(&scene.attested, 0, ADA);
    let bad = Scene::marked(&scene.synthetic, 0, ADA);
    let mut zlib = write::ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(good.as_bytes()).unwrap();
    let mut bare = write::DeflateEncoder::new(Vec::new(), Compression::default());
    bare.write_all(good.as_bytes()).unwrap();
    let rows = [
        ("gzip", gzip(good.as_bytes()), 201),
        ("deflate", zlib.finish().unwrap(), 201),
        ("deflate", bare.finish().unwrap(), 201),
        ("gzip", gzip(bad.as_bytes()), 403),
        ("gzip, gzip", gzip(&gzip(good.as_bytes())), 403),
        ("br", good.clone().into_bytes(), 403),
        ("gzip", good.clone().into_bytes(), 403),
        ("gzip", gzip(&vec![b' '; 64 << 20]), 403),
    ];
    let mut passed = Vec::new();
    for (coding, body, expected) in rows {
        let fields = [("Content-Encoding", coding), ("Content-Type", "application/json")];
        let answer = scene.ask("POST", CREATE, &fields, &body);
        assert_eq!(answer.status, expected, "{coding}: {}", answer.text());
        if expected == 201 {
            passed.push((coding.to_owned(), body));
        } else {
            assert!(answer.text().starts_with(r#"[{""#), "{}", answer.text());
        }
    }
    let sent: Vec<_> = upstream.received().into_iter().collect();
    assert_eq!(sent.len(), passed.len());
    for (sent, (coding, body)) in sent.iter().zip(passed) {
        assert_eq!(sent.header("content-encoding"), Some(coding.as_str()));
        assert_eq!(sent.body, body);
    }
}

#[test]
fn a_body_past_the_bound_is_refused_where_that_is_the_rule_and_passes_whole_where_it_is_not() {
    let body = vec![b' '; (1 << 20) + 70_000];
    let chunked = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")];
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::enforcing(&upstream);
    let answer = scene.ask("POST", CREATE, &[], &body);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("EOSIN_"), "{}", answer.text());
    let coded =
        [format!("{:x}\r\n", body.len()).into_bytes(), body.clone(), b"\r\n0\r\n\r\n".to_vec()].concat();
    let head = request("POST", CREATE, &chunked, b"");
    assert_eq!(scene.exchange(&[head.clone(), coded.clone()].concat()).status, 403);
    assert_eq!(upstream.received(), []);

    let scene = Scene::observing(&upstream);
    assert_eq!(scene.ask("POST", CREATE, &[], &body).status, 201);
    assert_eq!(scene.exchange(&[head, coded].concat()).status, 201);
    for sent in upstream.received() {
        assert_eq!(sent.body_bytes, u64::try_from(body.len()).unwrap());
    }
    let (_, entries) = scene.stop();
    let rulings = entries.iter().filter(|entry| entry.to_string().contains("unreadable")).count();
    assert!(rulings >= 2, "{entries:?}");
}

#[test]
fn a_gateway_that_holds_enough_is_busy() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::with(&upstream, |config| config.limits.held_bytes = 4096);
    let answer = scene.ask("POST", CREATE, &[], &vec![b' '; 10_000]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
    assert_eq!(
        scene.ask("POST", CREATE, &[("Content-Type", "application/json")], ADA.as_bytes()).status,
        201
    );
}
