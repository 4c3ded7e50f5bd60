//! A certificate authority of one's own, for machines that have no other: made on first start, kept by the caller.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use thiserror::Error;

use crate::config::TlsIdentity;

/// A local certificate authority: its certificate is shown to clients, its key stays with the gateway.
///
/// Never:  writes a file; the caller keeps both PEM texts, the key readable by its owner only.
pub struct LocalAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

/// Why an authority could not be made, read or used.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The certificate's text is not one PEM certificate.
    #[error(
        "the authority's certificate is not in PEM form; restore the file, or delete both files for a new authority"
    )]
    Certificate,
    /// The key's text is not one PEM private key.
    #[error(
        "the authority's key is not a private key in PEM form; restore the file, or delete both files for a new authority"
    )]
    Key,
    /// The key belongs to another certificate.
    #[error(
        "the authority's key does not belong to its certificate; restore the pair, or delete both files for a new authority"
    )]
    Mismatch,
    /// A name that no certificate can hold.
    #[error("`{0}` cannot stand in a certificate; give a host name or an address")]
    Name(String),
    /// The moment does not fit a certificate.
    #[error("the clock is outside the years a certificate can state; set the clock")]
    Clock,
    /// The cryptographic library refused.
    #[error("the cryptographic library could not make a certificate")]
    Library(#[source] rcgen::Error),
}

/// How long an authority's certificate lasts.
const AUTHORITY_DAYS: u64 = 3650;
/// How long a server's certificate lasts; browsers refuse more than 398 days.
const SERVER_DAYS: u64 = 397;
/// Certificates start this long before `now`, for clients whose clocks are behind.
const EARLY: Duration = Duration::from_hours(1);

impl LocalAuthority {
    /// Makes a new authority: ECDSA P-256, ten years, for server certificates only.
    pub fn create(now: SystemTime) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Library)?;
        let mut params = authority_params();
        valid(&mut params, now, AUTHORITY_DAYS)?;
        let certificate = params.self_signed(&key).map_err(AuthorityError::Library)?;
        Ok(Self { issuer: Issuer::new(authority_params(), key), certificate_pem: certificate.pem() })
    }

    /// Takes up an authority from the texts that [`Self::certificate_pem`] and [`Self::key_pem`] gave.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| AuthorityError::Certificate)?;
        let der = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| AuthorityError::Key)?;
        let signer = aws_lc_rs::sign::any_supported_type(&der).map_err(|_| AuthorityError::Key)?;
        CertifiedKey::new(vec![certificate], signer).keys_match().map_err(|_| AuthorityError::Mismatch)?;
        let key = KeyPair::from_pem(key_pem).map_err(|_| AuthorityError::Key)?;
        // The name is always the same, and the key identifier follows from the key: nothing else is needed.
        let issuer = Issuer::new(authority_params(), key);
        Ok(Self { issuer, certificate_pem: certificate_pem.to_owned() })
    }

    /// Issues a certificate for a server under these host names and addresses.
    ///
    /// Shape:  `localhost`, `127.0.0.1`, `gateway.example.org` -> a chain of two certificates and a new key.
    pub fn issue(&self, names: &[String], now: SystemTime) -> Result<TlsIdentity, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Library)?;
        // The only thing that can be wrong with these parameters is a name that is not ASCII.
        let mut params =
            CertificateParams::new(names.to_vec()).map_err(|_| AuthorityError::Name(names.join(", ")))?;
        params.distinguished_name = named(names.first().map_or("Eosin gateway", String::as_str));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid(&mut params, now, SERVER_DAYS)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(AuthorityError::Library)?;
        let certificates_pem = format!("{}{}", certificate.pem(), self.certificate_pem);
        Ok(TlsIdentity { certificates_pem, key_pem: key.serialize_pem() })
    }

    /// The certificate that clients are to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key. Whoever has it can pose as any server to those who trust the certificate.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Eosin local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn valid(params: &mut CertificateParams, now: SystemTime, days: u64) -> Result<(), AuthorityError> {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| AuthorityError::Clock)?;
    let start = since_1970.checked_sub(EARLY).ok_or(AuthorityError::Clock)?;
    // Adding past the year 9999 would panic; no clock that is right gets there.
    if since_1970.as_secs() > 200_000_000_000 {
        return Err(AuthorityError::Clock);
    }
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + start;
    params.not_after = epoch + start + Duration::from_secs(days * 86_400);
    Ok(())
}

/// Debug shows no key.
impl std::fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalAuthority(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    #[test]
    fn an_authority_read_back_issues_what_the_first_would() {
        let made = LocalAuthority::create(now()).unwrap();
        let read = LocalAuthority::from_pem(made.certificate_pem(), &made.key_pem()).unwrap();
        let roots = {
            let mut store = rustls::RootCertStore::empty();
            store.add(CertificateDer::from_pem_slice(made.certificate_pem().as_bytes()).unwrap()).unwrap();
            store
        };
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            roots.into(),
            aws_lc_rs::default_provider().into(),
        )
        .build()
        .unwrap();
        for authority in [&made, &read] {
            let identity = authority.issue(&["localhost".to_owned(), "127.0.0.1".to_owned()], now()).unwrap();
            let leaf = CertificateDer::from_pem_slice(identity.certificates_pem.as_bytes()).unwrap();
            for (name, trusted) in [("localhost", true), ("127.0.0.1", true), ("elsewhere.example", false)] {
                let answer = rustls::client::danger::ServerCertVerifier::verify_server_cert(
                    &*verifier,
                    &leaf,
                    &[],
                    &name.to_owned().try_into().unwrap(),
                    &[],
                    rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(1_790_000_000)),
                );
                assert_eq!(answer.is_ok(), trusted, "{name}");
            }
        }
    }

    #[test]
    fn what_does_not_belong_together_is_said() {
        let one = LocalAuthority::create(now()).unwrap();
        let other = LocalAuthority::create(now()).unwrap();
        let said = |certificate: &str, key: &str| LocalAuthority::from_pem(certificate, key).unwrap_err();
        assert!(matches!(said(one.certificate_pem(), &other.key_pem()), AuthorityError::Mismatch));
        assert!(matches!(said("", &one.key_pem()), AuthorityError::Certificate));
        assert!(matches!(said(one.certificate_pem(), "none"), AuthorityError::Key));
        assert!(matches!(one.issue(&["dr\u{e9}".to_owned()], now()).unwrap_err(), AuthorityError::Name(_)));
        assert!(!format!("{one:?}").contains("KEY"));
    }
}
