//! Codes and refresh tokens: what a login on a page, or at a new sandbox, gives a client.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{Access, Refusal, granted, same};
use crate::call::Call;

/// A code or a refresh token, whom it stands for, and the client it was given to.
#[derive(Debug)]
pub(super) struct Given {
    secret: String,
    username: String,
    client: String,
}

/// What a client shows to be let in: who it is, and the code or token.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) client: &'a str,
    pub(super) secret: Option<&'a str>,
    pub(super) text: &'a str,
}

impl Access {
    /// A code with which a client opens one session for a user.
    pub(crate) fn code(&mut self, username: &str, client: &str) -> Option<String> {
        self.user_id(username)?;
        give(&mut self.codes, "aPrx", username, client)
    }

    /// Takes a code back, and gives whom it stands for and a refresh token.
    fn redeem(&mut self, code: &str, client: &str) -> Option<(String, String)> {
        let at = self.codes.iter().position(|given| same(&given.secret, code) && given.client == client)?;
        let given = self.codes.remove(at);
        let refresh = give(&mut self.refreshes, "5Aep861", &given.username, client)?;
        Some((given.username, refresh))
    }
}

/// The answer to a grant by code or by a refresh token that a code has brought; nothing if it is another.
pub(super) fn answer(
    access: &mut Access,
    call: &Call,
    now_ms: i64,
    kind: Option<&str>,
    [code, refresh]: [Shown<'_>; 2],
) -> Option<Result<Value, Refusal>> {
    match kind {
        Some("authorization_code") => Some(redeemed(access, call, now_ms, code)),
        Some("refresh_token") => refreshed(access, call, now_ms, refresh),
        _ => None,
    }
}

/// The answer to the code of a web login: a session, and the token that gets another.
fn redeemed(
    access: &mut Access,
    call: &Call,
    now_ms: i64,
    Shown { client, secret, text: code }: Shown<'_>,
) -> Result<Value, Refusal> {
    let secret = known_client(access, client, secret)?;
    let redeemed = access.redeem(code, client).and_then(|(username, refresh)| {
        let (token, user) = access.open(&username, now_ms)?;
        Some((token, user, refresh))
    });
    let (token, user, refresh) = redeemed.ok_or(Refusal("invalid_grant", "invalid authorization code"))?;
    let mut answer = granted(access, call, now_ms, (&secret, &token, &user));
    if let Some(members) = answer.as_object_mut() {
        members.insert("refresh_token".into(), json!(refresh));
    }
    Ok(answer)
}

/// The secret of a client: of those that the org knows, which must prove it, and of Salesforce's own CLI, which has none.
fn known_client(access: &Access, id: &str, secret: Option<&str>) -> Result<String, Refusal> {
    if id == CLI {
        return Ok(String::new());
    }
    let known = access.credentials.clients.iter().find(|client| client.id == id);
    let client = known.ok_or(Refusal("invalid_client_id", "client identifier invalid"))?;
    if secret.is_none_or(|secret| same(secret, &client.secret)) {
        Ok(client.secret.clone())
    } else {
        Err(Refusal("invalid_client", "invalid client credentials"))
    }
}

/// The answer to a refresh token that a code has brought; nothing if no code has.
fn refreshed(
    access: &mut Access,
    call: &Call,
    now_ms: i64,
    Shown { client, secret, text }: Shown<'_>,
) -> Option<Result<Value, Refusal>> {
    let given = access.refreshes.iter().find(|given| same(&given.secret, text) && given.client == client)?;
    let username = given.username.clone();
    let opened = known_client(access, client, secret).and_then(|secret| {
        let (token, user) =
            access.open(&username, now_ms).ok_or(Refusal("invalid_grant", "expired access/refresh token"))?;
        Ok(granted(access, call, now_ms, (&secret, &token, &user)))
    });
    Some(opened)
}

/// Makes a secret of 64 letters and keeps it.
fn give(kept: &mut Vec<Given>, begins: &str, username: &str, client: &str) -> Option<String> {
    let mut bytes = [0u8; 48];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    let secret = format!("{begins}{}", BASE64URL_NOPAD.encode(&bytes));
    if kept.len() >= GRANTS_MAX {
        kept.remove(0);
    }
    kept.push(Given { secret: secret.clone(), username: username.to_owned(), client: client.to_owned() });
    Some(secret)
}

/// The connected app of the Salesforce CLI, which every org has.
pub(crate) const CLI: &str = "PlatformCLI";
const GRANTS_MAX: usize = 1_000;
