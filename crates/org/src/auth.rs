//! Who may come in: OAuth grants, sessions, identity.

pub(crate) mod code;
pub(crate) mod jwt;

use std::collections::BTreeMap;

use aws_lc_rs::{constant_time, hmac};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

use crate::call::{Call, Reply, pairs};
use crate::{Credentials, User};

/// The credentials and sessions of the org.
#[derive(Debug)]
pub(crate) struct Access {
    /// 18-character id of the organization.
    pub(crate) organization: String,
    credentials: Credentials,
    /// User ids, in the order of `credentials.users`.
    user_ids: Vec<String>,
    // INVARIANT: at most `SESSIONS_MAX`.
    sessions: BTreeMap<String, Session>,
    session_ms: i64,
    // INVARIANT: each at most `GRANTS_MAX`; the oldest goes first.
    codes: Vec<code::Given>,
    refreshes: Vec<code::Given>,
}

#[derive(Debug)]
struct Session {
    user: String,
    /// Milliseconds since 1970; `None` for the tokens of the configuration, which do not expire.
    until: Option<i64>,
}

/// Why a grant was refused: OAuth's `error` and `error_description`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) &'static str, pub(crate) &'static str);

impl Access {
    pub(crate) fn new(
        organization: String,
        credentials: Credentials,
        user_ids: Vec<String>,
        session_ms: i64,
    ) -> Self {
        let mut access = Self {
            organization,
            credentials,
            user_ids,
            sessions: BTreeMap::new(),
            session_ms,
            codes: Vec::new(),
            refreshes: Vec::new(),
        };
        for (token, username) in access.credentials.tokens.clone() {
            if let Some(user) = access.user_id(&username) {
                access.sessions.insert(token, Session { user, until: None });
            }
        }
        access
    }

    /// The user a session belongs to; using a session keeps it alive.
    pub(crate) fn session(&mut self, token: &str, now_ms: i64) -> Option<String> {
        let until = now_ms.saturating_add(self.session_ms);
        let session = self.sessions.get_mut(token)?;
        match session.until {
            Some(end) if end < now_ms => {
                self.sessions.remove(token);
                None
            }
            Some(_) => {
                session.until = Some(until);
                Some(session.user.clone())
            }
            None => Some(session.user.clone()),
        }
    }

    /// Ends one session; false when there is none of this token.
    pub(crate) fn close(&mut self, token: &str) -> bool {
        self.sessions.remove(token).is_some()
    }

    /// Ends every session, as an administrator would.
    pub(crate) fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Checks a user's password, alone or with the security token behind it.
    pub(crate) fn password(&self, username: &str, password: &str) -> Option<&User> {
        self.credentials.users.iter().find(|user| {
            let both = format!("{}{}", user.password, user.security_token);
            user.username.eq_ignore_ascii_case(username)
                && (same(password, &user.password) || same(password, &both))
        })
    }

    /// Opens a session for a user.
    pub(crate) fn open(&mut self, username: &str, now_ms: i64) -> Option<(String, String)> {
        let user = self.user_id(username)?;
        let mut bytes = [0u8; 60];
        // Without randomness no session is opened.
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let token = format!("{}!{}", self.organization.get(..15)?, BASE64URL_NOPAD.encode(&bytes));
        self.sessions.retain(|_, session| session.until.is_none_or(|until| until >= now_ms));
        if self.sessions.len() >= SESSIONS_MAX {
            return None;
        }
        let until = Some(now_ms.saturating_add(self.session_ms));
        self.sessions.insert(token.clone(), Session { user: user.clone(), until });
        Some((token, user))
    }

    fn user_id(&self, username: &str) -> Option<String> {
        let at =
            self.credentials.users.iter().position(|user| user.username.eq_ignore_ascii_case(username))?;
        self.user_ids.get(at).cloned()
    }

    fn user(&self, id: &str) -> Option<&User> {
        let at = self.user_ids.iter().position(|known| known == id)?;
        self.credentials.users.get(at)
    }
}

/// `POST …/services/oauth2/token`.
pub(crate) fn token(access: &mut Access, call: &Call, now_ms: i64) -> Reply {
    match grant(access, call, now_ms) {
        Ok(body) => Reply::json(200, body),
        Err(Refusal(error, description)) => {
            Reply::json(400, json!({"error": error, "error_description": description}))
        }
    }
}

fn grant(access: &mut Access, call: &Call, now_ms: i64) -> Result<Value, Refusal> {
    let mut form = pairs(
        std::str::from_utf8(&call.body).map_err(|_| Refusal("invalid_request", "the form is not text"))?,
    );
    form.extend(call.query.iter().cloned());
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let basic = call.header("authorization").and_then(basic);
    let id = field("client_id").map(str::to_owned).or_else(|| basic.as_ref().map(|(id, _)| id.clone()));
    let secret = field("client_secret").map(str::to_owned).or_else(|| basic.map(|(_, secret)| secret));
    let named = id.clone().unwrap_or_default();
    let codes = [field("code"), field("refresh_token")].map(Option::unwrap_or_default);
    let shown = |text| code::Shown { client: &named, secret: secret.as_deref(), text };
    if let Some(answer) = code::answer(access, call, now_ms, field("grant_type"), codes.map(shown)) {
        return answer;
    }
    let client = |id: &str| {
        access
            .credentials
            .clients
            .iter()
            .find(|client| client.id == id)
            .cloned()
            .ok_or(Refusal("invalid_client_id", "client identifier invalid"))
    };
    let checked = || {
        let client = client(id.as_deref().unwrap_or(""))?;
        if same(secret.as_deref().unwrap_or(""), &client.secret) {
            Ok(client)
        } else {
            Err(Refusal("invalid_client", "invalid client credentials"))
        }
    };
    let (client, username) = match field("grant_type") {
        Some("password") => {
            let client = checked()?;
            let user = access.password(field("username").unwrap_or(""), field("password").unwrap_or(""));
            (client, user.ok_or(FAILED)?.username.clone())
        }
        Some("client_credentials") => {
            let client = checked()?;
            let first = access.credentials.users.first().map(|user| user.username.clone());
            let username = client
                .run_as
                .clone()
                .or(first)
                .ok_or(Refusal("invalid_grant", "no client credentials user enabled"))?;
            (client, username)
        }
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            let claims = jwt::claims(field("assertion").unwrap_or(""), now_ms)?;
            let client = client(&claims.issuer)?;
            jwt::verify(field("assertion").unwrap_or(""), client.certificate_pem.as_deref())?;
            (client, claims.subject)
        }
        Some("refresh_token") => {
            let wanted = field("refresh_token").unwrap_or("");
            let client = match &secret {
                Some(_) => checked()?,
                None => client(&named)?,
            };
            let found = access.credentials.refresh_tokens.iter().find(|(token, _)| same(token, wanted));
            let (_, username) = found.ok_or(Refusal("invalid_grant", "expired access/refresh token"))?;
            (client, username.clone())
        }
        Some(_) => return Err(Refusal("unsupported_grant_type", "grant type not supported")),
        None => return Err(Refusal("invalid_request", "grant_type is required")),
    };
    let (token, user) = access
        .open(&username, now_ms)
        .ok_or(Refusal("invalid_grant", "user hasn't approved this consumer"))?;
    Ok(granted(access, call, now_ms, (&client.secret, &token, &user)))
}

/// The answer to a grant, signed with the client's secret.
fn granted(access: &Access, call: &Call, now_ms: i64, (secret, token, user): (&str, &str, &str)) -> Value {
    // No refresh token: clients that have not said who they are refuse an answer with one.
    let identity = format!("{}/id/{}/{user}", call.base, access.organization);
    let issued = now_ms.to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = BASE64.encode(hmac::sign(&key, format!("{identity}{issued}").as_bytes()).as_ref());
    json!({
        "access_token": token,
        "signature": signature,
        "scope": "id api web full openid",
        "instance_url": call.base,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
    })
}

/// `…/services/oauth2/revoke`.
pub(crate) fn revoke(access: &mut Access, call: &Call) -> Reply {
    let form = pairs(std::str::from_utf8(&call.body).unwrap_or(""));
    let in_form = form.iter().find(|(name, _)| name == "token").map(|(_, value)| value.clone());
    let token = in_form.or_else(|| call.parameter("token").map(str::to_owned)).unwrap_or_default();
    match access.sessions.remove(&token) {
        Some(_) => Reply::empty(200),
        None => Reply::json(
            400,
            json!({"error": "unsupported_token_type", "error_description": "this token type is not supported"}),
        ),
    }
}

/// The session a request brings: in a header, or in the address where Salesforce reads it there.
pub(crate) fn bearer(call: &Call) -> Option<String> {
    let header = call.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth"))
            .then(|| token.trim().to_owned())
    });
    header
        .or_else(|| call.header("x-sfdc-session").map(str::to_owned))
        .or_else(|| call.parameter("oauth_token").map(str::to_owned))
        .or_else(|| call.parameter("access_token").map(str::to_owned))
}

/// `…/services/oauth2/userinfo`.
pub(crate) fn user_info(access: &Access, call: &Call, user: &str) -> Reply {
    let Some(found) = access.user(user) else { return Reply::empty(403) };
    Reply::json(
        200,
        json!({
            "sub": format!("{}/id/{}/{user}", call.base, access.organization),
            "user_id": user,
            "organization_id": access.organization,
            "preferred_username": found.username,
            "nickname": found.username.split('@').next().unwrap_or(""),
            "name": found.name,
            "email": found.email,
            "email_verified": true,
            "given_name": found.name.split(' ').next().unwrap_or(""),
            "family_name": found.name.split(' ').next_back().unwrap_or(""),
            "zoneinfo": "UTC",
            "locale": "en_US",
            "user_type": "STANDARD",
            "active": true,
            "urls": urls(call, access, user),
        }),
    )
}

/// `/id/<organization>/<user>`.
pub(crate) fn identity(access: &Access, call: &Call, user: &str) -> Reply {
    let Some(found) = access.user(user) else { return Reply::empty(403) };
    Reply::json(
        200,
        json!({
            // The name of the user, not an address to ask: it says `https`, whatever it was asked over.
            "id": format!("https://{}/id/{}/{user}", host(&call.base), access.organization),
            "asserted_user": true,
            "user_id": user,
            "organization_id": access.organization,
            "username": found.username,
            "nick_name": found.username.split('@').next().unwrap_or(""),
            "display_name": found.name,
            "email": found.email,
            "email_verified": true,
            "first_name": found.name.split(' ').next().unwrap_or(""),
            "last_name": found.name.split(' ').next_back().unwrap_or(""),
            "timezone": "UTC",
            "active": true,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "photos": {
                "picture": format!("{}/profilephoto/005/F", call.base),
                "thumbnail": format!("{}/profilephoto/005/T", call.base),
            },
            "addr_street": null,
            "addr_city": null,
            "addr_state": null,
            "addr_country": null,
            "addr_zip": null,
            "mobile_phone": null,
            "mobile_phone_verified": false,
            "is_app_installed": true,
            "is_lightning_login_user": false,
            "last_modified_date": null,
            "status": {"created_date": null, "body": null},
            "urls": urls(call, access, user),
        }),
    )
}

fn urls(call: &Call, access: &Access, user: &str) -> Value {
    let base = &call.base;
    json!({
        "rest": format!("{base}/services/data/v{{version}}/"),
        "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
        "query": format!("{base}/services/data/v{{version}}/query/"),
        "search": format!("{base}/services/data/v{{version}}/search/"),
        "recent": format!("{base}/services/data/v{{version}}/recent/"),
        "tooling_rest": format!("{base}/services/data/v{{version}}/tooling/"),
        "metadata": format!("{base}/services/Soap/m/{{version}}/{}", access.organization),
        "partner": format!("{base}/services/Soap/u/{{version}}/{}", access.organization),
        "profile": format!("{base}/{user}"),
    })
}

fn host(base: &str) -> &str {
    base.split_once("://").map_or(base, |(_, host)| host)
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(BASE64.decode(text.trim().as_bytes()).ok()?).ok()?;
    plain.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

fn same(given: &str, wanted: &str) -> bool {
    constant_time::verify_slices_are_equal(given.as_bytes(), wanted.as_bytes()).is_ok()
}

const FAILED: Refusal = Refusal("invalid_grant", "authentication failure");
const SESSIONS_MAX: usize = 10_000;
