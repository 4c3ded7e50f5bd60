//! Links to the next page of a search, which hold all that is needed to go on: any gateway with the same key can.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac, rand,
};
use carrier::fhir::Query;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};

use super::search::Further;

/// The key that links are sealed with; gateways that stand behind one address have the same.
///
/// Debug shows nothing of it.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl LinkKey {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(redacted)")
    }
}

/// Seals links and opens them.
#[derive(Clone)]
pub(crate) struct Links {
    seal: hmac::Key,
    place: hmac::Key,
    absent: hmac::Key,
}

impl Links {
    /// With this key; without one they are good here, until the gateway stops. Nothing where there is no randomness.
    pub(crate) fn new(key: Option<&LinkKey>) -> Option<Self> {
        let mut root = [0; 32];
        match key {
            Some(LinkKey(bytes)) => root = *bytes,
            None => rand::fill(&mut root).ok()?,
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, &root);
        let derive = |what: &str| {
            hmac::Key::new(
                hmac::HMAC_SHA256,
                hmac::sign(&root, format!("eosin-links/1 {what}").as_bytes()).as_ref(),
            )
        };
        Some(Self { seal: derive("seal"), place: derive("nonce"), absent: derive("absent id") })
    }

    /// A word for a link that says where a search goes on, to whoever has the key. `about` is bound to it.
    ///
    /// Shape:  nonce (12) ‖ ciphertext ‖ tag (16), in base64url. The nonce is a digest of what is sealed: the same place has the same
    ///         word, and no two places are given one nonce.
    /// Errors: nothing for a place that takes more than [`WORD_BYTES_MAX`] to say.
    pub(super) fn word(&self, further: &Further, about: &str) -> Option<String> {
        let Further { target, is_posted, passed, raw, given, count, query } = further;
        let text = json!([target, is_posted, passed, raw, given, count, query.without(&[])]).to_string();
        let mut digest = hmac::Context::with_key(&self.place);
        digest.update(&(about.len() as u64).to_be_bytes());
        digest.update(about.as_bytes());
        digest.update(text.as_bytes());
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(digest.sign().as_ref()) {
            *to = *from;
        }
        let mut sealed = text.into_bytes();
        let aad = Aad::from(about.as_bytes());
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        sealed.splice(0..0, nonce);
        (sealed.len() <= WORD_BYTES_MAX).then(|| BASE64URL_NOPAD.encode(&sealed))
    }

    /// What a word says, if it was sealed with this key about the same, and nothing was changed.
    pub(super) fn open(&self, word: &str, about: &str) -> Option<Further> {
        if word.len() > 2 * WORD_BYTES_MAX {
            return None;
        }
        let mut sealed = BASE64URL_NOPAD.decode(word.as_bytes()).ok()?;
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.cipher()?.open_in_place(nonce, Aad::from(about.as_bytes()), text).ok()?;
        let said: Vec<Value> = serde_json::from_slice(text).ok()?;
        let [target, is_posted, passed, raw, given, count, query] = <[Value; 7]>::try_from(said).ok()?;
        let number = |value: Value| usize::try_from(value.as_u64()?).ok();
        Some(Further {
            target: target.as_str()?.to_owned(),
            is_posted: is_posted.as_bool()?,
            passed: number(passed)?,
            raw: number(raw)?,
            given: number(given)?,
            count: number(count)?,
            query: Query::parse(query.as_str()?)?,
        })
    }

    /// An id that nobody has, to stand for this one: a number for a number, else in the form of a UUID. Long, so that it
    /// can be found again; keyed, so that nobody makes a resource with it.
    pub(super) fn absent(&self, id: &str, attempt: u8) -> String {
        let digest = hmac::sign(&self.absent, &[&[attempt], id.as_bytes()].concat());
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            let digits = digest.as_ref().iter().take(17).map(|byte| char::from(b'0' + byte % 10));
            return std::iter::once('9').chain(digits).collect();
        }
        let mut out = String::with_capacity(36);
        for (at, digit) in HEXLOWER.encode(digest.as_ref()).chars().take(32).enumerate() {
            if [8, 12, 16, 20].contains(&at) {
                out.push('-');
            }
            out.push(digit);
        }
        out
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        let key = hmac::sign(&self.seal, b"key");
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).ok()?))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

/// What a link may hold: with it in base64url an address stays under what clients and proxies take.
const WORD_BYTES_MAX: usize = 5 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn further(target: &str) -> Further {
        Further {
            target: target.to_owned(),
            is_posted: true,
            passed: 3,
            raw: 40,
            given: 20,
            count: 10,
            query: Query::parse("name=Zzyzx&_elements=name").unwrap(),
        }
    }

    #[test]
    fn an_absent_id_is_of_the_servers_kind_and_known_to_nobody() {
        let links = Links::new(Some(&LinkKey::new([7; 32]))).unwrap();
        let id = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
        let other = links.absent(id, 0);
        assert_eq!((other.len(), other.matches('-').count()), (36, 4));
        assert_ne!(other, links.absent(id, 1));
        assert_ne!(other, Links::new(None).unwrap().absent(id, 0));
        assert!(links.absent("17", 0).parse::<u64>().is_ok());
    }

    #[test]
    fn a_link_leads_on_at_every_gateway_with_the_key_and_at_no_other() {
        let key = LinkKey::new([7; 32]);
        let (one, two) = (Links::new(Some(&key)).unwrap(), Links::new(Some(&key)).unwrap());
        let word = one.word(&further("/fhir/Patient?from=5"), "feed alice").unwrap();
        assert_eq!(two.open(&word, "feed alice"), Some(further("/fhir/Patient?from=5")));
        assert_eq!(one.word(&further("/fhir/Patient?from=5"), "feed alice").unwrap(), word);
        assert_eq!(two.open(&word, "feed bob"), None);
        assert_eq!(Links::new(None).unwrap().open(&word, "feed alice"), None);
        assert!(!word.contains("Zzyzx"));
        for at in 0..word.len() {
            let mut other = word.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(two.open(&String::from_utf8(other).unwrap(), "feed alice"), None, "{at}");
        }
        for none in ["", "9", "AAAA", "%", &"A".repeat(20_000)] {
            assert_eq!(one.open(none, "feed alice"), None);
        }
        assert_eq!(one.word(&further(&"x".repeat(6_000)), "feed alice"), None);
    }
}
