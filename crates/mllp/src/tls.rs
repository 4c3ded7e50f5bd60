//! TLS on both sides: the certificate shown to senders, theirs if asked for, and whom a receiver is believed to be.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    config::{BoundaryConfig, Receiver, TlsIdentity},
    server::StartError,
};

/// What shakes hands with senders; they need a certificate that leads to one of `sender_roots`, if there are any.
pub(crate) fn acceptor(identity: &TlsIdentity, config: &BoundaryConfig) -> Result<TlsAcceptor, StartError> {
    let wrong = || StartError::Identity { boundary: config.boundary.name.clone() };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(identity.certificates_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(|_| wrong())?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?;
    let builder = if config.sender_roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let wrong = || StartError::SenderRoot { boundary: config.boundary.name.clone() };
        let roots = roots(&config.sender_roots).ok_or_else(wrong)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().map_err(|_| wrong())?)
    };
    let config = builder.with_single_cert(chain.map_err(|_| wrong())?, key).map_err(|_| wrong())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What shakes hands with the receiver, and the name that its certificate is for.
pub(crate) fn connector(
    receiver: &Receiver,
    boundary: &str,
) -> Result<(TlsConnector, ServerName<'static>), StartError> {
    let wrong = || StartError::ReceiverRoot { boundary: boundary.to_owned() };
    let mut roots = roots(&receiver.roots).ok_or_else(wrong)?;
    // Those that cannot be read are passed over: a missing one shows as a certificate nobody vouches for.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(receiver.host.clone())
        .map_err(|_| StartError::Receiver { boundary: boundary.to_owned() })?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn roots(pems: &[String]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for pem in pems {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.ok()?).ok()?;
        }
    }
    Some(roots)
}
