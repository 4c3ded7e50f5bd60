//! TLS for the org: a chain and key from the caller, or a small authority of its own.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where the certificate of the HTTPS address comes from.
#[derive(Debug, Clone)]
pub enum Tls {
    /// A local authority made at start; clients must trust `Running::ca_pem`.
    SelfMade,
    /// A certificate chain and its key, both PEM.
    Given {
        /// Leaf first.
        chain_pem: String,
        /// PKCS #8, PKCS #1 or SEC 1.
        key_pem: String,
        /// What clients must trust, handed out by `Running::ca_pem`.
        ca_pem: Option<String>,
    },
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The local authority could not be made.
    #[error("cannot make a certificate for the org")]
    Make(#[source] rcgen::Error),
    /// The chain or key is not PEM.
    #[error("the certificate chain or key of the org is not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// Chain and key do not belong together, or are of a kind that is not known.
    #[error("the certificate chain and key of the org do not fit")]
    Fit(#[source] rustls::Error),
}

/// The server's configuration, and the PEM that clients must trust.
pub(crate) fn server(tls: &Tls) -> Result<(Arc<ServerConfig>, Option<String>), TlsError> {
    let (chain, key, ca) = match tls {
        Tls::SelfMade => {
            let (chain, key, ca) = self_made().map_err(TlsError::Make)?;
            (chain, key, Some(ca))
        }
        Tls::Given { chain_pem, key_pem, ca_pem } => (chain_pem.clone(), key_pem.clone(), ca_pem.clone()),
    };
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(TlsError::Pem)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(TlsError::Pem)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Fit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Fit)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(config), ca))
}

fn self_made() -> Result<(String, String, String), rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, "Local org authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
    for address in [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])] {
        leaf.subject_alt_names.push(rcgen::SanType::IpAddress(address));
    }
    leaf.distinguished_name.push(DnType::CommonName, "Local org");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // OpenSSL 3.5 and later refuse leaves that do not name their issuer's key.
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &issuer)?;
    Ok((format!("{}{ca_pem}", leaf.pem()), key.serialize_pem(), ca_pem))
}
