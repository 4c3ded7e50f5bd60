//! `[operators.openid]`: the provider that operators may sign in at.

use std::path::PathBuf;

use access::{Role, openid::Client};
use toml::Spanned;

use super::{Faults, raw, webhooks};
use crate::config::OpenId;

/// Characters of a client's name, a scope and a claim at most.
const WORD_MAX: usize = 200;
/// What is asked for where nothing is said.
const SCOPE: &str = "openid profile email";
const NAME_CLAIM: &str = "email";
const ROLE_CLAIM: &str = "groups";

/// Understands the provider; nothing where something is wrong.
pub(super) fn openid(
    written: Option<&Spanned<raw::OpenId>>,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<OpenId> {
    let written = written?;
    let one = written.get_ref();
    let why = "plain HTTP is for this machine only: whoever reads along could sign in";
    webhooks::endpoint_address(&one.issuer, why, faults)?;
    let console = webhooks::endpoint_address(&one.console, why, faults)?;
    if console.path() != "/" || console.query().is_some() {
        faults.say(
            one.console.span(),
            "say scheme and host alone, as browsers have them: `https://console.example.org`",
        );
    }
    let mut roles = Vec::new();
    for (word, values) in &one.roles {
        let role: Option<Role> = faults.word(word);
        roles.extend(role.map(|role| (role, values.clone())));
    }
    roles.sort();
    if roles.iter().all(|(_, values)| values.is_empty()) {
        faults.say(
            written.span(),
            "nobody could sign in: `roles` names values of the claim, `admin = [\"eosin-admins\"]`",
        );
    }
    let mut plain = |word: Option<&Spanned<String>>, usual: &str| {
        let Some(word) = word else { return usual.to_owned() };
        let text = word.get_ref();
        if text.is_empty() || text.chars().count() > WORD_MAX || text.chars().any(char::is_control) {
            faults.say(word.span(), "1 to 200 characters of one line");
        }
        text.clone()
    };
    let scope = plain(one.scope.as_ref(), SCOPE);
    let client = Client {
        issuer: one.issuer.get_ref().clone(),
        id: plain(Some(&one.client_id), ""),
        name_claim: plain(one.name_claim.as_ref(), NAME_CLAIM),
        role_claim: plain(one.role_claim.as_ref(), ROLE_CLAIM),
        scope,
        roles,
    };
    if let Some(scope) = &one.scope
        && !client.scope.split(' ').any(|word| word == "openid")
    {
        faults.say(scope.span(), "without `openid` in it a provider sends no ID token");
    }
    Some(OpenId {
        client,
        secret: one.client_secret.as_deref().map(path),
        ca: one.ca.as_deref().map(path),
        console: one.console.get_ref().trim_end_matches('/').to_owned(),
    })
}
