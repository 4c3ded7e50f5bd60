//! Keys on disk and fresh randomness: the binary's, so that nothing below draws any.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use data_encoding::BASE64;
use http::HeaderValue;
use mark::{
    Salt,
    cosignature::{WitnessKey, WitnessSigner},
    digest::decode_base64,
    note::{SignerKey, VerifierKey},
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use quarantine::KeyEncryptionKey;
use recognise::RegistryKey;

/// Sixteen random bytes for a salt.
pub(crate) fn salt() -> miette::Result<Salt> {
    random().map(Salt)
}

/// Random bytes from the operating system, by way of the cryptographic provider.
pub(crate) fn random<const N: usize>() -> miette::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| miette!("the system gave no random bytes; try again"))?;
    Ok(bytes)
}

/// A new log key of this name.
pub(crate) fn new_signer(name: &str) -> miette::Result<SignerKey> {
    SignerKey::generate(name, random()?)
        .into_diagnostic()
        .wrap_err_with(|| format!("`{name}` cannot name a log"))
}

/// Reads a signer key.
pub(crate) fn signer(path: &Path) -> miette::Result<SignerKey> {
    let text = small_file(path)?;
    SignerKey::parse(text.trim())
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is not a signer key; `eosin init` makes one", path.display()))
}

/// Reads a verifier key.
pub(crate) fn verifier(path: &Path) -> miette::Result<VerifierKey> {
    let text = small_file(path)?;
    VerifierKey::parse(text.trim())
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is not a verifier key (`name+hash+base64`)", path.display()))
}

/// A new witness's key of this name.
pub(crate) fn new_witness(name: &str) -> miette::Result<WitnessSigner> {
    WitnessSigner::generate(name, random()?)
        .into_diagnostic()
        .wrap_err_with(|| format!("`{name}` cannot name a witness"))
}

/// Reads a witness's private key.
pub(crate) fn witness_signer(path: &Path) -> miette::Result<WitnessSigner> {
    let text = small_file(path)?;
    WitnessSigner::parse(text.trim())
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is not a witness's key; `eosin init` makes one", path.display()))
}

/// Reads a witness's public key.
pub(crate) fn witness(path: &Path) -> miette::Result<WitnessKey> {
    let text = small_file(path)?;
    WitnessKey::parse(text.trim()).into_diagnostic().wrap_err_with(|| {
        format!("{} is not a witness's public key (`name+hash+base64`, type 04)", path.display())
    })
}

/// The public keys of witnesses, of whom each is to be another.
///
/// Errors: a report, also where two are of one holder: it would be counted twice.
pub(crate) fn witnesses<'f>(files: impl IntoIterator<Item = &'f PathBuf>) -> miette::Result<Vec<WitnessKey>> {
    let mut keys: Vec<WitnessKey> = Vec::new();
    for file in files {
        let key = witness(file)?;
        if let Some(before) = keys.iter().find(|before| before.is_of_the_holder_of(&key)) {
            return Err(miette!(
                help = "name each witness once: a quorum is of different ones",
                "{} has the key of the witness `{}`, who is named already",
                file.display(),
                before.name()
            ));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// A new registry key as its file holds it: 32 random bytes in base64.
pub(crate) fn new_registry_key() -> miette::Result<String> {
    Ok(BASE64.encode(&random::<32>()?))
}

/// The two halves of a new key for headers, as JSON Web Keys.
pub(crate) struct HeadersKey {
    pub(crate) private: String,
    pub(crate) public: String,
}

/// A new key that signs headers.
pub(crate) fn new_headers_key() -> miette::Result<HeadersKey> {
    let private = signature::new_private_jwk(&random()?).into_diagnostic()?;
    let public = signature::SigningKey::from_jwk(&private).into_diagnostic()?.public_jwk();
    let public = public.ok_or_else(|| miette!("the new key has no public half"))?;
    Ok(HeadersKey { private, public })
}

/// Reads a registry key.
pub(crate) fn registry_key(path: &Path) -> miette::Result<RegistryKey> {
    let text = small_file(path)?;
    decode_base64(text.trim()).as_deref().and_then(RegistryKey::new).ok_or_else(|| {
        miette!(
            help = "it holds 32 random bytes in base64; `eosin init` makes one, or `openssl rand -base64 32`",
            "{} is not a registry key",
            path.display()
        )
    })
}

/// A new key for a quarantine as its file holds it: 32 random bytes in base64.
pub(crate) fn new_quarantine_key() -> miette::Result<String> {
    new_registry_key()
}

/// Reads the key that a quarantine's item keys are wrapped with.
pub(crate) fn quarantine_key(path: &Path) -> miette::Result<KeyEncryptionKey> {
    secret(path, "a quarantine's key").map(|bytes| KeyEncryptionKey::new(&bytes))
}

/// A new key for links as its file holds it: 32 random bytes in base64.
pub(crate) fn new_link_key() -> miette::Result<String> {
    new_registry_key()
}

/// Reads the key that links of isolated searches are sealed with.
pub(crate) fn link_key(path: &Path) -> miette::Result<gateway::LinkKey> {
    secret(path, "a key for links").map(gateway::LinkKey::new)
}

/// Reads a file of 32 random bytes in base64.
fn secret(path: &Path, what: &str) -> miette::Result<[u8; 32]> {
    let text = small_file(path)?;
    decode_base64(text.trim()).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        miette!(
            help = "it holds 32 random bytes in base64; `eosin init` makes one, or `openssl rand -base64 32`",
            "{} is not {what}",
            path.display()
        )
    })
}

/// Where the quarantine's randomness comes from.
pub(crate) fn randomness() -> quarantine::Random {
    std::sync::Arc::new(|bytes| rand::fill(bytes).is_ok())
}

/// The certificate authorities of a file, as PEM; none where no file is named.
///
/// Errors: a report that names the file.
pub(crate) fn authorities(file: Option<&PathBuf>) -> miette::Result<Vec<String>> {
    let one = |file: &PathBuf| {
        let text = small_file(file)?;
        let has_any = text.contains("-----BEGIN CERTIFICATE-----");
        if has_any { Ok(text) } else { Err(miette!("{} holds no certificate (PEM)", file.display())) }
    };
    file.map(one).into_iter().collect()
}

/// What a file has for the field `Authorization`, marked so that nothing shows it; nothing where no file is named.
///
/// Errors: a report that names the file.
pub(crate) fn authorization(file: Option<&PathBuf>) -> miette::Result<Option<HeaderValue>> {
    let Some(file) = file else { return Ok(None) };
    let mut value = HeaderValue::from_str(small_file(file)?.trim())
        .map_err(|_| miette!("{} cannot stand in a header field", file.display()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Reads a small text file whole.
pub(crate) fn small_file(path: &Path) -> miette::Result<String> {
    file(path, SMALL_FILE_BYTES_MAX)
}

/// What a file says for credentials.
///
/// Errors: a report: it cannot be read, or there is nothing in it. Whoever names a file means to show what is in it.
pub(crate) fn token(path: &Path) -> miette::Result<String> {
    let token = small_file(path)?.trim().to_owned();
    if token.is_empty() {
        return Err(miette!("there is no token in {}: it is empty", path.display()));
    }
    Ok(token)
}

/// Reads a text file of at most `limit` bytes whole.
pub(crate) fn file(path: &Path, limit: u64) -> miette::Result<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > limit {
        return Err(miette!("{} is longer than {limit} bytes", path.display()));
    }
    Ok(text)
}

/// Keys, configurations and policies are far smaller.
pub(crate) const SMALL_FILE_BYTES_MAX: u64 = 1 << 20;
