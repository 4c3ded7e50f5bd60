//! TLS on both sides, and senders that show a certificate.

use std::sync::Arc;

use mllp::{Mllp, StartError, TlsIdentity};
use policy::{Environment, Mode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::scene::{Behind, NAME, Scene, admit, config, framed};

/// An authority, and a certificate of it for this machine.
fn certified() -> (String, TlsIdentity) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (issuer.pem(), TlsIdentity { certificates_pem: leaf.pem(), key_pem: key.serialize_pem() })
}

/// What is heard over TLS; nothing if the connection ends first.
fn heard(scene: &Scene, root: &str, shown: Option<&TlsIdentity>, message: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let client = match shown {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(identity.certificates_pem.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
        }
    };
    let address = scene.address();
    scene.block_on(async {
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut tls = TlsConnector::from(Arc::new(client)).connect(name, socket).await.ok()?;
        tls.write_all(&framed(message)).await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x1c\r") {
            if tls.read_buf(&mut answer).await.ok()? == 0 {
                return None;
            }
        }
        Some(String::from_utf8(answer).unwrap())
    })
}

#[test]
fn senders_come_in_by_tls_and_show_a_certificate_where_it_is_asked_for() {
    let behind = Behind::accepting();
    let (root, identity) = certified();
    let (senders_root, sender) = certified();
    for asked in [false, true] {
        let (identity, senders_root) = (identity.clone(), senders_root.clone());
        let scene = Scene::with(&behind, |config| {
            let boundary = &mut config.boundaries[0];
            boundary.boundary.mode = Mode::Enforce;
            boundary.boundary.environment = Environment::Test;
            boundary.tls = Some(identity);
            boundary.sender_roots = if asked { vec![senders_root] } else { Vec::new() };
        });
        let without = heard(&scene, &root, None, &admit("1"));
        assert_eq!(without.is_some_and(|answer| answer.contains("MSA|AA|1")), !asked);
        let with = heard(&scene, &root, Some(&sender), &admit("2"));
        assert!(with.unwrap().contains("MSA|AA|2"));
        // Plain bytes are no handshake.
        let mut plain = scene.connect();
        plain.write(&framed(&admit("3")));
        assert!(plain.read().is_none());
    }
}

#[test]
fn a_receiver_is_reached_by_tls_only_if_its_certificate_is_trusted() {
    let behind = Behind::accepting();
    let (root, identity) = certified();
    // The receiver: another boundary, which has TLS.
    let receiver = Scene::with(&behind, |config| config.boundaries[0].tls = Some(identity));
    for (roots, want) in [(vec![root], "MSA|AA|1"), (Vec::new(), "EOSIN_RECEIVER_UNREACHABLE")] {
        let scene = Scene::trusting_at(receiver.address(), &[], |config| {
            config.boundaries[0].boundary.environment = Environment::Test;
            config.boundaries[0].receiver.tls = true;
            config.boundaries[0].receiver.roots = roots;
        });
        let answer = scene.connect().ask(&admit("1"));
        assert!(answer.contains(want), "{answer}");
    }
}

#[test]
fn what_cannot_be_started_says_why() {
    let behind = Behind::accepting();
    let scene = Scene::open(&behind);
    let (root, identity) = certified();
    let check = |want: &str, tweak: &dyn Fn(&mut mllp::BoundaryConfig)| {
        let mut config = config(behind.address);
        tweak(&mut config.boundaries[0]);
        let error: StartError = scene.block_on(Mllp::start(config, scene.flow())).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    };
    check("would speak plain MLLP", &|boundary| boundary.listen = "0.0.0.0:0".parse().unwrap());
    check("is something else there", &|boundary| boundary.listen = scene.address());
    check("a root for the receiver of `feed`", &|boundary| {
        boundary.receiver.tls = true;
        boundary.receiver.roots = vec![root.replace("MII", "AAA")];
    });
    check("not a usable pair", &|boundary| {
        let key_pem = certified().1.key_pem;
        boundary.tls = Some(TlsIdentity { key_pem, ..identity.clone() });
    });
    let mut twice = config(behind.address);
    twice.boundaries.push(twice.boundaries[0].clone());
    let error = scene.block_on(Mllp::start(twice, scene.flow())).unwrap_err();
    assert!(error.to_string().contains(&format!("two boundaries are called `{NAME}`")), "{error}");
}
