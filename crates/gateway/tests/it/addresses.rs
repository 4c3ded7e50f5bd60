//! Answers that would lead a client past the gateway.

use testkit::upstream::{Received, Reply, Upstream};

use crate::scene::Scene;

/// An org that names itself as Salesforce does: by the host it was asked under.
fn org() -> Upstream {
    Upstream::start(|request: &Received| {
        let me = format!("http://{}", request.header("host").unwrap());
        assert_eq!(request.header("accept-encoding"), None, "a coded answer could not be rewritten");
        let typed = |kind: &str| vec![("Content-Type".to_owned(), kind.to_owned())];
        match request.target.as_str() {
            "/services/oauth2/token" => Reply::json(
                200,
                &format!(r#"{{"access_token":"00D!x","instance_url":"{me}","id":"{me}/id/00D/005"}}"#),
            ),
            "/services/data/v67.0" => {
                Reply::json(200, &format!(r#"{{"identity":"{me}/id/00D/005","query":"/q"}}"#))
            }
            "/services/Soap/u/60.0" => Reply::Whole {
                status: 200,
                headers: typed("text/xml"),
                body: format!("<r><serverUrl>{me}/services/Soap/u/60.0/00D</serverUrl></r>").into_bytes(),
            },
            "/services/data/v67.0/jobs/query" => Reply::Whole {
                status: 302,
                headers: vec![("Location".to_owned(), format!("{me}/services/data/v67.0/jobs/query/750"))],
                body: Vec::new(),
            },
            "/services/oauth2/userinfo" => {
                Reply::json(200, &format!(r#"{{"pad":"{}","profile":"{me}/005"}}"#, "x".repeat(2 << 20)))
            }
            other => panic!("{other}"),
        }
    })
}

#[test]
fn clients_stay_on_this_side() {
    let upstream = org();
    let scene = Scene::observing(&upstream);
    let coding = [("Accept-Encoding", "gzip, deflate")];
    let ask = |method: &str, target: &str| scene.ask(method, target, &coding, b"");
    let token = ask("POST", "/services/oauth2/token");
    assert_eq!(
        token.text(),
        r#"{"access_token":"00D!x","instance_url":"http://gateway.example","id":"http://gateway.example/id/00D/005"}"#
    );
    assert_eq!(token.header("content-length"), Some(token.body.len().to_string().as_str()));
    assert_eq!(
        ask("GET", "/services/data/v67.0").text(),
        r#"{"identity":"http://gateway.example/id/00D/005","query":"/q"}"#
    );
    assert_eq!(
        ask("GET", "/services/data/v67.0/jobs/query").header("location"),
        Some("http://gateway.example/services/data/v67.0/jobs/query/750")
    );
    // Longer than what is held: it passes as it is, and whole.
    let long = ask("GET", "/services/oauth2/userinfo");
    assert!(long.body.len() > 2 << 20);
    assert!(long.text().ends_with(&format!(r#""profile":"{}/005"}}"#, upstream.origin())));
}
