//! The provider that operators may sign in at: asked for its documents and keys, and handed codes for tokens. Every call is
//! bounded, and made while nobody waits for the reception.

use std::sync::{Mutex, MutexGuard, PoisonError};

use access::openid::{Arrival, Errand, KeySet, Metadata, Refusal};
use data_encoding::BASE64;
use gateway::{ProviderClient, ProviderError};
use http::HeaderValue;
use miette::{IntoDiagnostic as _, miette};
use serde::Deserialize;

use super::answers::with_members;
use crate::{config::OpenId, keys, wiring};

/// Where the provider sends a browser back to.
pub(super) const CALLBACK: &str = "/sign-in/openid/back";
/// For how long documents and keys are believed, and for how long a provider that did not answer is not asked again.
const KEPT_SECONDS: u64 = 3_600;
const AWAY_SECONDS: u64 = 5;
/// Keys are asked for anew where a token of the provider names one that nobody knows, unless that was just done.
const KEYS_SECONDS: u64 = 2;

/// A provider.
pub(crate) struct Provider {
    config: OpenId,
    client: ProviderClient,
    authorization: Option<(HeaderValue, String)>,
    known: Mutex<Known>,
}

/// What is known of it.
#[derive(Default)]
struct Known {
    metadata: Option<(Metadata, u64)>,
    keys: Option<(KeySet, u64)>,
    away: Option<u64>,
}

/// Why nobody came in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotIn {
    /// The provider cannot be asked, or says something that cannot be used.
    #[error(transparent)]
    Away(#[from] ProviderError),
    /// It was asked a moment ago, in vain.
    #[error("it did not answer a moment ago")]
    AwayLately,
    /// What it says is not believed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What a code is exchanged for.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Provider {
    /// Errors: a report: the secret or the certificate authorities cannot be read.
    pub(crate) fn new(config: &OpenId) -> miette::Result<Self> {
        let roots = keys::authorities(config.ca.as_ref())?;
        let authorization = config.secret.as_ref().map(|file| {
            let secret = keys::small_file(file)?.trim().to_owned();
            if secret.is_empty() {
                return Err(miette!("{} holds no secret", file.display()));
            }
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&config.client.id), encoded(&secret));
            let header = format!("Basic {}", BASE64.encode(pair.as_bytes()));
            let mut header = HeaderValue::from_str(&header).into_diagnostic()?;
            header.set_sensitive(true);
            Ok((header, secret))
        });
        Ok(Self {
            client: ProviderClient::new(roots),
            authorization: authorization.transpose()?,
            known: Mutex::default(),
            config: config.clone(),
        })
    }

    /// How it is called on a page: its host.
    pub(crate) fn name(&self) -> String {
        let issuer = self.config.client.issuer.parse::<http::Uri>().ok();
        issuer.as_ref().and_then(http::Uri::host).unwrap_or("the provider").to_owned()
    }

    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.config.console)
    }

    /// Where a browser is sent to sign in.
    ///
    /// Errors: [`NotIn`]: the provider does not say where.
    pub(crate) fn way_in(&self, errand: &Errand) -> Result<String, NotIn> {
        let metadata = self.metadata()?;
        let question = errand.question(&self.config.client, &self.callback());
        Ok(with_members(&metadata.authorization_endpoint, &question))
    }

    /// Where a browser is sent to sign out there too; nothing where that is not known, or not possible.
    pub(crate) fn way_out(&self) -> Option<String> {
        let known = self.locked();
        let (metadata, _) = known.metadata.as_ref()?;
        let place = metadata.end_session_endpoint.as_deref().filter(|place| is_safe(place))?;
        let members = [
            ("client_id", self.config.client.id.clone()),
            ("post_logout_redirect_uri", format!("{}/sign-in", self.config.console)),
        ];
        Some(with_members(place, &members))
    }

    /// Who came back with a code.
    ///
    /// Errors: [`NotIn`].
    pub(crate) fn arrival(
        &self,
        errand: &Errand,
        state: &str,
        issuer: Option<&str>,
        code: &str,
    ) -> Result<Arrival, NotIn> {
        let metadata = self.metadata()?;
        errand.came_back(state, issuer, &metadata)?;
        let mut form = errand.exchange(code, &self.config.client, &self.callback());
        let mut header = self.authorization.as_ref().map(|(header, _)| header.clone());
        if let Some((_, secret)) =
            self.authorization.as_ref().filter(|_| metadata.takes_secret_in_form_only())
        {
            form.push(("client_secret", secret.clone()));
            header = None;
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let bytes = run(self.client.post(&metadata.token_endpoint, form, header))?;
        let tokens: Tokens = serde_json::from_slice(&bytes).map_err(|_| Refusal::Shape)?;
        let now = wiring::posix_seconds();
        let found = |keys: &KeySet| self.config.client.arrival(&tokens.id_token, keys, errand, now);
        match found(&self.keys(&metadata, KEPT_SECONDS)?) {
            // Its keys may have changed since, also under a name that it had before.
            Err(Refusal::UnknownKey | Refusal::Signature) => Ok(found(&self.keys(&metadata, KEYS_SECONDS)?)?),
            found => Ok(found?),
        }
    }

    /// What it says of itself.
    fn metadata(&self) -> Result<Metadata, NotIn> {
        let now = wiring::posix_seconds();
        {
            let known = self.locked();
            if let Some((metadata, at)) = &known.metadata
                && now.saturating_sub(*at) < KEPT_SECONDS
            {
                return Ok(metadata.clone());
            }
            if known.away.is_some_and(|at| now.saturating_sub(at) < AWAY_SECONDS) {
                return Err(NotIn::AwayLately);
            }
        }
        let issuer = &self.config.client.issuer;
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let read = run(self.client.get(&place)).map_err(NotIn::from).and_then(|bytes| {
            let metadata = Metadata::read(&bytes, issuer)?;
            // The browser is sent there: no other scheme, and nobody who reads along.
            if is_safe(&metadata.authorization_endpoint) {
                Ok(metadata)
            } else {
                Err(Refusal::Metadata.into())
            }
        });
        let mut known = self.locked();
        match read {
            Ok(metadata) => {
                known.metadata = Some((metadata.clone(), now));
                known.away = None;
                Ok(metadata)
            }
            Err(why) => {
                known.away = Some(now);
                Err(why)
            }
        }
    }

    /// Its keys, at most so many seconds old.
    fn keys(&self, metadata: &Metadata, kept: u64) -> Result<KeySet, NotIn> {
        let now = wiring::posix_seconds();
        if let Some((keys, at)) = &self.locked().keys
            && now.saturating_sub(*at) < kept
        {
            return Ok(keys.clone());
        }
        let bytes = run(self.client.get(&metadata.jwks_uri))?;
        let keys = KeySet::read(&bytes).map_err(|_| Refusal::UnknownKey)?;
        self.locked().keys = Some((keys.clone(), now));
        Ok(keys)
    }

    /// Only for a moment: no call is made while this is held.
    fn locked(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a call: pages are made where waiting is allowed.
fn run<T>(call: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|_| ProviderError::Roots)?.block_on(call)
}

/// Whether a browser may be sent there: nobody reads along.
fn is_safe(place: &str) -> bool {
    place.parse().is_ok_and(|place| gateway::is_confidential(&place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_where_nobody_reads_along() {
        for (place, expected) in [
            ("https://login.example.org/authorize", true),
            ("http://localhost:8080/authorize", true),
            ("http://[::1]:8080/authorize", true),
            ("http://127.0.0.1/authorize", true),
            ("http://login.example.org/authorize", false),
            ("http://localhost.example.org/authorize", false),
            ("javascript:alert(1)", false),
            ("/authorize", false),
        ] {
            assert_eq!(is_safe(place), expected, "{place}");
        }
    }
}
