//! Sockets: TLS, h2, packed and chunked bodies, and the end.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{plain, secure, start};

#[tokio::test]
async fn both_protocols_speak_through_tls() {
    let story = start(|_| ()).await;
    for (alpn, expected) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"][..], "http/1.1"), (&[][..], "")]
    {
        let request = Request::get("/services/data/v67.0/").header("authorization", "Bearer tok");
        let (answer, protocol) =
            secure(&story.org, alpn, request.body(Full::new(Bytes::new())).unwrap()).await;
        assert_eq!((answer.status, protocol.as_str()), (200, expected));
        let identity = answer.json()["identity"].as_str().unwrap().to_owned();
        assert!(identity.starts_with(&story.org.https_url().unwrap()), "{identity}");
    }
}

#[tokio::test]
async fn packed_bodies_are_unpacked_within_bounds() {
    let story = start(|config| config.limits.body_bytes = 100_000).await;
    let pack = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let body = json!({"Name": "packed"}).to_string();
    for (body, encoding, status) in [
        (pack(body.as_bytes()), "gzip", 201),
        (pack(&vec![b' '; 10_000_000]), "gzip", 413),
        (b"not packed".to_vec(), "gzip", 400),
        (body.clone().into_bytes(), "br", 415),
    ] {
        let request = Request::post("/services/data/v67.0/sobjects/Account")
            .header("authorization", "Bearer tok")
            .header("content-encoding", encoding);
        let answer = plain(&story.org, request.body(Full::new(Bytes::from(body))).unwrap()).await;
        assert_eq!(answer.status, status, "{encoding}: {answer:?}");
    }
    assert_eq!(story.org.count("Account"), 1);
}

#[tokio::test]
async fn chunked_bodies_and_one_connection_for_many_requests() {
    let story = start(|_| ()).await;
    let address = story.org.http_url().unwrap().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = "POST /services/data/v67.0/sobjects/Account HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tok\r\nTransfer-Encoding: chunked\r\n";
    stream.write_all(format!("{head}\r\n4\r\n{{\"Na\r\n").as_bytes()).await.unwrap();
    stream.write_all(b"9\r\nme\": \"c\"}\r\n0\r\n\r\n").await.unwrap();
    stream.write_all(format!("{head}Connection: close\r\n\r\n0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(answer.contains("HTTP/1.1 400 "), "{answer}");
    assert_eq!(story.org.records("Account")[0]["Name"], "c");
}

#[tokio::test]
async fn versions_are_listed_without_a_session_and_nothing_else_is() {
    let story = start(|_| ()).await;
    let get = |path: &str| Request::get(path).body(Full::new(Bytes::new())).unwrap();
    let listed = plain(&story.org, get("/services/data/")).await;
    assert_eq!(
        listed.json().as_array().unwrap().last().unwrap(),
        &json!({"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"})
    );
    for (path, status) in [
        ("/services/data/v67.0/sobjects", 401),
        ("/services/data/v67.0/query?q=SELECT+Id+FROM+Account", 401),
        ("/services/oauth2/userinfo", 403),
        ("/id/00D000000000001EAA/005000000000001AAA", 403),
        ("/services/async/59.0/job", 400),
        ("/", 404),
    ] {
        assert_eq!(plain(&story.org, get(path)).await.status, status, "{path}");
    }
    let old = Request::get("/services/data/v20.0/limits").header("authorization", "Bearer tok");
    assert_eq!(plain(&story.org, old.body(Full::new(Bytes::new())).unwrap()).await.status, 404);
}

#[tokio::test]
async fn a_stopped_org_answers_no_more() {
    let story = start(|_| ()).await;
    let address = story.org.http_url().unwrap().replace("http://", "");
    assert_eq!(story.get("limits").await.status, 200);
    story.org.stop().await.unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}
