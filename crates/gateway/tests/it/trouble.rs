//! When somebody breaks off: the client, the upstream, or time.

use std::{
    io::Write,
    sync::{Mutex, mpsc},
    time::Duration,
};

use gateway::Stopped;
use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, Answer, CREATE, NAME, QUERY, Scene, config, request};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

#[test]
fn a_client_that_hangs_up_does_not_stop_a_crossing() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::start(move |_| {
        wait.lock().unwrap().recv().unwrap();
        Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#)
    });
    let scene = Scene::observing(&upstream);
    let mut stream = scene.connect();
    stream.write_all(&request("POST", CREATE, &JSON, ADA.as_bytes())).unwrap();
    upstream.wait_for(1);
    drop(stream);
    go_on.send(()).unwrap();
    let (stopped, entries) = scene.stop();
    assert_eq!(stopped, Stopped::Drained);
    let [ruling, settlement] = entries.as_slice() else { panic!("{entries:?}") };
    assert!(ruling.to_string().contains("unproven"), "{ruling}");
    assert!(
        settlement.to_string().contains("answered") && settlement.to_string().contains("201"),
        "{settlement}"
    );
}

#[test]
fn a_body_that_breaks_off_reaches_nobody() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::observing(&upstream);
    let mut whole = request("POST", CREATE, &JSON, ADA.as_bytes());
    whole.truncate(whole.len() - 5);
    let mut stream = scene.connect();
    stream.write_all(&whole).unwrap();
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    drop(stream);
    let (stopped, entries) = scene.stop();
    assert_eq!((stopped, entries.len()), (Stopped::Drained, 0));
    assert_eq!(upstream.received(), []);
}

/// What a client and the ledger are told when the upstream misbehaves on a write.
fn check(reply: Reply, status: u16, code: &str, settled: &str) {
    let upstream = Upstream::start(move |_| reply.clone());
    let scene = Scene::with(&upstream, |config| config.timeouts.upstream = Duration::from_millis(300));
    let answer = scene.ask("POST", CREATE, &JSON, ADA.as_bytes());
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(code), "{}", answer.text());
    assert_eq!(upstream.received().len(), 1, "a write is sent once");
    let (_, entries) = scene.stop();
    assert!(entries[1].to_string().contains(settled), "{}", entries[1]);
}

#[test]
fn an_upstream_that_breaks_off_is_said_and_settled_as_unknown() {
    check(Reply::Close, 502, "EOSIN_UPSTREAM_BROKEN", "unknown");
    check(Reply::Raw(b"not http\r\n\r\n".to_vec()), 502, "EOSIN_UPSTREAM_BROKEN", "unknown");
    check(Reply::Raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec()), 502, "EOSIN_UPSTREAM_BROKEN", "");
    check(Reply::Silent, 504, "EOSIN_UPSTREAM_TIMEOUT", "unknown");
}

#[test]
fn an_upstream_that_is_not_there_is_said_and_settled_as_not_sent() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let scene = Scene::of(config(&format!("http://{address}")));
    let answer = scene.ask("POST", CREATE, &JSON, ADA.as_bytes());
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("EOSIN_UPSTREAM_UNREACHABLE"), "{}", answer.text());
    assert_eq!(scene.ask("GET", QUERY, &[], b"").status, 502);
    let (_, entries) = scene.stop();
    assert_eq!(entries.len(), 2);
    assert!(entries[1].to_string().contains("not-sent"), "{}", entries[1]);
}

/// What a client is told where nobody is behind the gateway: status, media type, and words of the body.
fn check_shape(scene: &Scene, target: &str, content_type: &str, status: u16, shape: &str, words: &[&str]) {
    let fields = [("Content-Type", content_type), ("SOAPAction", "login")];
    let answer = scene.ask("POST", target, &fields, LOGIN);
    assert_eq!(answer.status, status, "{target}: {}", answer.text());
    assert_eq!(answer.header("content-type").unwrap(), shape, "{target}");
    for said in words {
        assert!(answer.text().contains(said), "{target}: {}", answer.text());
    }
}

const LOGIN: &[u8] = br#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>a</username><password>b</password></login></e:Body></e:Envelope>"#;

#[test]
fn what_the_gateway_fails_at_is_told_in_the_shape_of_the_endpoint() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let scene = Scene::of(config(&format!("http://{address}")));
    let (soap, json) = ("text/xml;charset=UTF-8", "application/json;charset=UTF-8");
    let fault = ["Fault>", "<faultcode>sf:EOSIN_UPSTREAM_UNREACHABLE</faultcode>", "SERVER_UNAVAILABLE"];
    check_shape(&scene, "/services/Soap/u/60.0", "text/xml", 502, soap, &fault);
    check_shape(&scene, "/SERVICES//Soap/c/60.0/00D", "text/xml", 502, soap, &fault);
    check_shape(&scene, "/services/Soap/class/Mine", "text/xml", 502, soap, &fault);
    let bulk = "<exceptionCode>EOSIN_UPSTREAM_UNREACHABLE</exceptionCode>";
    let job = "/services/async/40.0/job";
    check_shape(&scene, job, "application/xml", 502, "application/xml;charset=UTF-8", &["<error ", bulk]);
    let code = r#"{"exceptionCode":"EOSIN_UPSTREAM_UNREACHABLE","#;
    check_shape(&scene, job, "application/json", 502, json, &[code]);
    let rest = r#""errorCode":"EOSIN_UPSTREAM_UNREACHABLE"}]"#;
    check_shape(&scene, "/services/oauth2/token", "text/plain", 502, json, &[rest]);
}

#[test]
fn a_ledger_that_cannot_write_lets_no_write_through() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::with(&upstream, |config| config.admin = Some("127.0.0.1:0".parse().unwrap()));
    drop(scene.flow.appender().close().unwrap());
    let answer = scene.ask("POST", CREATE, &JSON, ADA.as_bytes());
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(answer.text().contains("EOSIN_UNAVAILABLE"), "{}", answer.text());
    assert_eq!(upstream.received(), []);
    assert_eq!(scene.ask("GET", QUERY, &[], b"").status, 200, "what is not judged needs no ledger");
    let mut stream = std::net::TcpStream::connect(scene.running().admin_address().unwrap()).unwrap();
    stream.write_all(&request("GET", "/readyz", &[], b"")).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 503);
}

#[test]
fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    for reply in [Reply::CutOff, Reply::FallSilent] {
        let upstream = Upstream::start(move |_| reply.clone());
        let scene = Scene::with(&upstream, |config| config.timeouts.upstream = Duration::from_millis(300));
        let answer = scene.ask("POST", CREATE, &JSON, ADA.as_bytes());
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("1000")));
        assert!(answer.body.len() < 1000, "a cut answer is not filled up");
        let (_, entries) = scene.stop();
        assert!(entries[1].to_string().contains("answered"), "{}", entries[1]);
    }
}

#[test]
fn a_client_that_dawdles_is_let_go() {
    let upstream = Upstream::start(|_| Reply::Stream { bytes: 1 << 30 });
    let scene = Scene::with(&upstream, |config| {
        config.timeouts.head = Duration::from_millis(200);
        config.timeouts.idle = Duration::from_millis(300);
    });
    // A head that never ends: the connection does.
    let mut stream = scene.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    // Nothing at all, or the beginning of a word.
    for bytes in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
        let mut stream = scene.connect();
        stream.write_all(bytes).unwrap();
        assert_eq!(std::io::Read::read_to_end(&mut stream, &mut rest).unwrap_or(0), 0);
    }
    // A body that never comes.
    let mut stream = scene.connect();
    let request = format!("POST {CREATE} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{{");
    stream.write_all(request.as_bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("EOSIN_BODY_INCOMPLETE"), "{}", answer.text());
    // An answer that is never read: stopping need not wait for it.
    let mut stream = scene.connect();
    stream.write_all(format!("GET {QUERY} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    upstream.wait_for(1);
    assert_eq!(scene.stop().0, Stopped::Drained);
    drop(stream);
}

#[test]
fn stopping_lets_requests_under_way_finish() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::start(move |_| {
        wait.lock().unwrap().recv().unwrap();
        Reply::json(200, r#"{"done":true}"#)
    });
    let scene = Scene::observing(&upstream);
    let address = scene.running().address(NAME).unwrap();
    let mut stream = scene.connect();
    stream.write_all(format!("GET {QUERY} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    upstream.wait_for(1);
    let reading = std::thread::spawn(move || Answer::read(&mut stream));
    let stopping = std::thread::spawn(move || scene.stop().0);
    // The listener closes first; then the upstream may answer.
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    go_on.send(()).unwrap();
    assert_eq!(reading.join().unwrap().text(), r#"{"done":true}"#);
    assert_eq!(stopping.join().unwrap(), Stopped::Drained);
}
