//! JSON Web Keys: how keys stand in files, so that anybody's tools can make and read them.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use crate::key::KeyError;

/// No key of these kinds is longer.
pub(crate) const BYTES_MAX: usize = 4096;

/// Longest id, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 128;

/// A key as understood.
pub(crate) struct Jwk {
    id: Option<String>,
    pub(crate) public: Point,
    pub(crate) private: Option<[u8; 32]>,
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Ed25519([u8; 32]),
    /// Uncompressed: `04`, x, y.
    P256([u8; 65]),
}

/// A key as written. What else it says (`use`, `alg`) is of no meaning here.
#[derive(Deserialize)]
struct Written {
    kty: String,
    crv: String,
    x: String,
    y: Option<String>,
    d: Option<String>,
    kid: Option<String>,
}

impl Jwk {
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > BYTES_MAX {
            return Err(KeyError::Json);
        }
        let Written { kty, crv, x, y, d, kid } = serde_json::from_str(text).map_err(|_| KeyError::Json)?;
        let x = bytes(&x)?;
        let public = match (kty.as_str(), crv.as_str()) {
            ("OKP", "Ed25519") => Point::Ed25519(x),
            ("EC", "P-256") => {
                let y = bytes(&y.ok_or(KeyError::Material)?)?;
                let whole = [&[4][..], &x, &y].concat();
                Point::P256(whole.try_into().map_err(|_| KeyError::Material)?)
            }
            _ => return Err(KeyError::Kind),
        };
        let private = d.map(|d| bytes(&d)).transpose()?;
        let plain = |id: &String| {
            !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        if !kid.as_ref().is_none_or(plain) {
            return Err(KeyError::Id);
        }
        Ok(Self { id: kid, public, private })
    }

    /// `kid`, or the thumbprint.
    pub(crate) fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.public.thumbprint())
    }
}

impl Point {
    /// The thumbprint of RFC 7638: it commits to the whole key.
    pub(crate) fn thumbprint(&self) -> String {
        BASE64URL_NOPAD.encode(digest(&SHA256, format!("{{{}}}", self.members()).as_bytes()).as_ref())
    }

    /// The required members in the order of RFC 7638.
    fn members(&self) -> String {
        match self {
            Self::Ed25519(x) => {
                format!(r#""crv":"Ed25519","kty":"OKP","x":"{}""#, BASE64URL_NOPAD.encode(x))
            }
            Self::P256(whole) => {
                let (x, y) = whole.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
                let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
                format!(r#""crv":"P-256","kty":"EC","x":"{x}","y":"{y}""#)
            }
        }
    }
}

/// A public key as a file holds it.
pub(crate) fn public(point: &Point, id: &str) -> String {
    format!("{{{},\"kid\":{}}}", point.members(), quoted(id))
}

/// A private Ed25519 key as a file holds it.
pub(crate) fn private(public: &[u8; 32], seed: &[u8; 32], id: &str) -> String {
    let members = Point::Ed25519(*public).members();
    format!("{{{members},\"d\":\"{}\",\"kid\":{}}}", BASE64URL_NOPAD.encode(seed), quoted(id))
}

fn quoted(id: &str) -> String {
    // Text cannot fail to be written.
    serde_json::to_string(id).unwrap_or_default()
}

fn bytes(text: &str) -> Result<[u8; 32], KeyError> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| KeyError::Material)?;
    bytes.try_into().map_err(|_| KeyError::Material)
}
