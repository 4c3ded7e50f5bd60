//! Keys that sign and verify messages, each of one algorithm.

use std::fmt;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey,
    },
};

use crate::jwk;

/// The algorithms of RFC 9421 section 3.3 that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// `EdDSA` over Curve25519.
    Ed25519,
    /// ECDSA over P-256 with SHA-256; a signature is 64 bytes, not DER.
    EcdsaP256Sha256,
    /// A shared secret. Whoever can verify can sign: never between organisations.
    HmacSha256,
    /// RSASSA-PSS with SHA-512; verified only.
    RsaPssSha512,
}

impl Algorithm {
    /// The name in the `alg` parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::HmacSha256 => "hmac-sha256",
            Self::RsaPssSha512 => "rsa-pss-sha512",
        }
    }
}

/// A key that signatures are verified with, and the name by which they ask for it.
#[derive(Clone)]
pub struct VerifyingKey {
    id: String,
    material: Public,
}

#[derive(Clone)]
enum Public {
    Ed25519([u8; 32]),
    P256([u8; 65]),
    Hmac(Box<hmac::Key>),
    RsaPss(Vec<u8>),
}

impl VerifyingKey {
    /// Reads a public key from a JSON Web Key of kind `OKP` on Ed25519 or `EC` on P-256.
    ///
    /// Shape:  `kid`, or without one the thumbprint of RFC 7638, is the key's id.
    /// Errors: see [`KeyError`].
    /// Source: RFC 7517, RFC 8037.
    pub fn from_jwk(text: &str) -> Result<Self, KeyError> {
        let jwk = jwk::Jwk::parse(text)?;
        let id = jwk.id();
        match jwk.public {
            jwk::Point::Ed25519(public) => Ok(Self::ed25519(&id, public)),
            jwk::Point::P256(public) => Ok(Self { id, material: Public::P256(public) }),
        }
    }

    /// An Ed25519 key.
    pub fn ed25519(id: &str, public: [u8; 32]) -> Self {
        Self { id: id.to_owned(), material: Public::Ed25519(public) }
    }

    /// A shared secret.
    pub fn hmac_sha256(id: &str, secret: &[u8]) -> Self {
        Self {
            id: id.to_owned(),
            material: Public::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
        }
    }

    /// An RSA key of 2048 to 8192 bits, as the DER of its `SubjectPublicKeyInfo`.
    pub fn rsa_pss_sha512(id: &str, spki: &[u8]) -> Self {
        Self { id: id.to_owned(), material: Public::RsaPss(spki.to_vec()) }
    }

    /// What `keyid` has to say.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The one algorithm that this key is good for.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Public::Ed25519(_) => Algorithm::Ed25519,
            Public::P256(_) => Algorithm::EcdsaP256Sha256,
            Public::Hmac(_) => Algorithm::HmacSha256,
            Public::RsaPss(_) => Algorithm::RsaPssSha512,
        }
    }

    /// Whether this key made this signature over these bytes.
    pub fn has_signed(&self, base: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(base, signature).is_ok(),
            Public::P256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(base, signature).is_ok()
            }
            Public::Hmac(key) => hmac::verify(key, base, signature).is_ok(),
            Public::RsaPss(key) => {
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, key).verify(base, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {})", self.id, self.algorithm().as_str())
    }
}

/// A key that signs.
///
/// Debug shows its id only.
pub struct SigningKey {
    id: String,
    material: Private,
}

enum Private {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Hmac(Box<hmac::Key>),
}

impl SigningKey {
    /// Reads a private key from a JSON Web Key of kind `OKP` on Ed25519 or `EC` on P-256.
    ///
    /// Errors: see [`KeyError`]; it says what is wrong, never what the key is.
    pub fn from_jwk(text: &str) -> Result<Self, KeyError> {
        let jwk = jwk::Jwk::parse(text)?;
        let id = jwk.id();
        let secret = jwk.private.ok_or(KeyError::Public)?;
        let material = match jwk.public {
            jwk::Point::Ed25519(public) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&secret, &public);
                Private::Ed25519(pair.map_err(|_| KeyError::Material)?)
            }
            jwk::Point::P256(public) => {
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &secret, &public);
                Private::P256(pair.map_err(|_| KeyError::Material)?)
            }
        };
        Ok(Self { id, material })
    }

    /// The Ed25519 key that these 32 random bytes stand for; its id is its thumbprint.
    ///
    /// Errors: [`KeyError::Material`], which no 32 bytes bring about.
    pub fn ed25519(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Material)?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Material)?;
        let id = jwk::Point::Ed25519(public).thumbprint();
        Ok(Self { id, material: Private::Ed25519(pair) })
    }

    /// A shared secret.
    pub fn hmac_sha256(id: &str, secret: &[u8]) -> Self {
        Self {
            id: id.to_owned(),
            material: Private::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
        }
    }

    /// What `keyid` says.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Private::Ed25519(_) => Algorithm::Ed25519,
            Private::P256(_) => Algorithm::EcdsaP256Sha256,
            Private::Hmac(_) => Algorithm::HmacSha256,
        }
    }

    /// The public half as a JSON Web Key; nothing for a shared secret.
    pub fn public_jwk(&self) -> Option<String> {
        let point = match &self.material {
            Private::Ed25519(pair) => jwk::Point::Ed25519(pair.public_key().as_ref().try_into().ok()?),
            Private::P256(pair) => jwk::Point::P256(pair.public_key().as_ref().try_into().ok()?),
            Private::Hmac(_) => return None,
        };
        Some(jwk::public(&point, &self.id))
    }

    /// A signature over these bytes; nothing if the cryptographic library refuses.
    ///
    /// ECDSA takes its per-signature secret from the library; the other algorithms are deterministic.
    pub fn sign(&self, base: &[u8]) -> Option<Vec<u8>> {
        match &self.material {
            Private::Ed25519(pair) => Some(pair.sign(base).as_ref().to_vec()),
            Private::P256(pair) => {
                pair.sign(&SystemRandom::new(), base).ok().map(|signature| signature.as_ref().to_vec())
            }
            Private::Hmac(key) => Some(hmac::sign(key, base).as_ref().to_vec()),
        }
    }
}

/// A new private key as a JSON Web Key, from 32 random bytes that the caller draws and keeps secret: for a file of
/// mode 0600 and nothing else.
///
/// Errors: [`KeyError::Material`], which no 32 bytes bring about.
/// Never:  draws randomness.
pub fn new_private_jwk(seed: &[u8; 32]) -> Result<String, KeyError> {
    let key = SigningKey::ed25519(seed)?;
    let Private::Ed25519(pair) = &key.material else { return Err(KeyError::Material) };
    let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Material)?;
    Ok(jwk::private(&public, seed, &key.id))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, secret)", self.id, self.algorithm().as_str())
    }
}

/// Why a text is not a key. Never holds a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a JSON Web Key.
    #[error("it is not a JSON Web Key (RFC 7517) of at most {} bytes", jwk::BYTES_MAX)]
    Json,
    /// A kind or a curve that is not known here.
    #[error("its `kty` and `crv` are not `OKP` and `Ed25519`, or `EC` and `P-256`")]
    Kind,
    /// A part is missing, has the wrong length, or does not fit the others.
    #[error("its `x`, `y` or `d` is not base64url of 32 bytes, or they do not belong together")]
    Material,
    /// A private key was wanted.
    #[error("it has no `d`: it is the public half")]
    Public,
    /// The id is empty, too long or not printable ASCII.
    #[error("its `kid` is not 1 to {} printable ASCII characters", jwk::ID_BYTES_MAX)]
    Id,
}
