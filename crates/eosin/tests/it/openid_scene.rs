//! What tests of OpenID Connect share: what a provider says of itself, a configuration that names it, and where it sends a browser.

use std::{fs, path::Path};

use serde_json::{Value, json};
use testkit::upstream::Received;

use crate::signing_in::{self, add};

/// What a provider says of itself to whoever asks it here.
pub(crate) fn document(asked: &Received) -> Value {
    let (_, host) = asked.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap();
    let here = format!("http://{host}");
    json!({
        "issuer": here, "authorization_endpoint": format!("{here}/authorize?tenant=7"),
        "token_endpoint": format!("{here}/token"), "jwks_uri": format!("{here}/keys"),
        "end_session_endpoint": "http://elsewhere.example/out",
    })
}

pub(crate) fn configure(home: &Path, issuer: &str, more: &str) {
    let before = fs::read_to_string(home.join("eosin.toml")).unwrap();
    let text = before.split("\n[operators.openid]").next().unwrap();
    let openid = format!(
        "{text}\n[operators.openid]\nissuer = \"{issuer}\"\nclient_id = \"eosin\"\nconsole = \"http://127.0.0.1:8460\"\n\
         roles = {{ admin = [\"rule\"], auditor = [\"audit\"] }}\n{more}"
    );
    fs::write(home.join("eosin.toml"), openid).unwrap();
}

pub(crate) fn home() -> tempfile::TempDir {
    let folder = signing_in::home();
    add(folder.path(), "ada", "admin");
    folder
}

/// A member of the address that a browser is sent to.
pub(crate) fn member(answer: &str, name: &str) -> String {
    let (_, location) = answer.split_once("location: ").unwrap_or_else(|| panic!("{answer}"));
    let (_, query) = location.lines().next().unwrap().split_once('?').unwrap();
    let found = form_urlencoded::parse(query.as_bytes()).find(|(is, _)| is == name);
    found.unwrap_or_else(|| panic!("{name}: {location}")).1.into_owned()
}
