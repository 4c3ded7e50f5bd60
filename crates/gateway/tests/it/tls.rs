//! TLS on both sides, HTTP/2, and what does not start.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gateway::{Gateway, StartError, TlsIdentity, authority::LocalAuthority};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use testkit::upstream::{Reply, Upstream};
use tokio_rustls::TlsConnector;

use crate::scene::{ADA, CREATE, NAME, QUERY, Scene, config};

fn authority() -> (LocalAuthority, TlsIdentity) {
    let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let authority = LocalAuthority::create(now).unwrap();
    let identity = authority.issue(&["localhost".to_owned(), "127.0.0.1".to_owned()], now).unwrap();
    (authority, identity)
}

fn connector(root_pem: &str, protocol: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

#[test]
fn clients_speak_both_versions_over_tls() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let (authority, identity) = authority();
    let scene = Scene::with(&upstream, |config| config.boundaries[0].tls = Some(identity));
    let address = scene.address();
    scene.block_on(async {
        for version in ["h2", "http/1.1"] {
            let socket = tokio::net::TcpStream::connect(address).await.unwrap();
            let name = "localhost".try_into().unwrap();
            let tls = connector(authority.certificate_pem(), version.as_bytes())
                .connect(name, socket)
                .await
                .unwrap();
            assert_eq!(tls.get_ref().1.alpn_protocol(), Some(version.as_bytes()));
            let request = http::Request::post(if version == "h2" {
                format!("https://localhost{CREATE}")
            } else {
                CREATE.to_owned()
            })
            .header("content-type", "application/json");
            let request = if version == "h2" { request } else { request.header("host", "localhost") };
            let request = request.body(Full::new(Bytes::from(ADA))).unwrap();
            let response = if version == "h2" {
                let (mut sender, connection) =
                    hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls))
                        .await
                        .unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await.unwrap()
            } else {
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await.unwrap()
            };
            assert_eq!(response.status(), 201, "{version}");
            assert!(response.headers().contains_key("eosin-provenance"));
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{}");
        }
    });
    for sent in upstream.received() {
        assert_eq!(sent.header("x-forwarded-proto"), Some("https"));
        assert_eq!(sent.header("x-forwarded-host"), Some("localhost"));
        assert_eq!(sent.body, ADA.as_bytes());
    }
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn an_upstream_is_reached_over_tls_only_if_somebody_vouches_for_it() {
    let innermost = Upstream::start(|_| Reply::json(200, r#"{"reached":true}"#));
    let (authority, identity) = authority();
    let behind = Scene::with(&innermost, |config| config.boundaries[0].tls = Some(identity));
    let origin = format!("https://localhost:{}", behind.address().port());
    for (roots, expected) in [(vec![authority.certificate_pem().to_owned()], 200), (Vec::new(), 502)] {
        let mut config = config(&origin);
        config.boundaries[0].upstream_roots = roots;
        let front = Scene::of(config);
        let answer = front.ask("GET", QUERY, &[], b"");
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    assert_eq!(innermost.received().len(), 1);
    assert_eq!(innermost.received()[0].header("via"), None, "two gateways, two entries");
}

#[test]
fn what_cannot_be_served_safely_does_not_start() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::observing(&upstream);
    let (_, identity) = authority();
    let start = |tweak: &dyn Fn(&mut gateway::Config)| {
        let mut config = config(&upstream.origin());
        tweak(&mut config);
        scene.block_on(Gateway::start(config, Arc::clone(&scene.flow))).map(|_| ()).unwrap_err()
    };
    let said = start(&|config| config.boundaries[0].listen = "0.0.0.0:0".parse().unwrap());
    assert!(matches!(&said, StartError::PlainHttp { boundary, .. } if boundary == NAME), "{said}");
    let said = start(&|config| config.boundaries.push(config.boundaries[0].clone()));
    assert!(matches!(said, StartError::SameName { .. }), "{said}");
    for upstream in ["http://user@a.example", "http://a.example/path", "ftp://a.example", "/only/a/path"] {
        let said = start(&|config| config.boundaries[0].upstream = upstream.parse().unwrap());
        assert!(matches!(said, StartError::Upstream { .. }), "{upstream}: {said}");
    }
    let said = start(&|config| {
        config.boundaries[0].upstream_roots =
            vec!["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()];
    });
    assert!(matches!(said, StartError::UpstreamRoot { .. }), "{said}");
    let said = start(&|config| {
        let other = TlsIdentity { key_pem: authority().1.key_pem, ..identity.clone() };
        config.boundaries[0].tls = Some(other);
    });
    assert!(matches!(said, StartError::Identity { .. }), "{said}");
    let said = start(&|config| config.boundaries[0].listen = scene.address());
    assert!(matches!(said, StartError::Listen { .. }), "{said}");
}
