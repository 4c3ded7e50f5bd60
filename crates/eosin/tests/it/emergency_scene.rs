//! What tests of emergency versions and of policies share: an org, gateways, two people who sign, and folders that lag or are put back.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use policy::Policies;
use testkit::upstream::{Reply, Upstream};

use crate::program::{Server, http, said};

pub(crate) const CREATE: &str = "/services/data/v67.0/sobjects/Contact";
pub(crate) const ROW: &[u8] = br#"{"LastName":"Ode"}"#;

/// Stops records without a mark as well: what a test can send without sealing anything.
pub(crate) const STOP: &str = r#"
@id("no-unproven") @reason("an emergency") forbid (principal, action, resource) when { context.unproven > 0 || context.synthetic > 0 };
@id("rest") @reason("as before") permit (principal, action, resource);
"#;
const CASES: &str = r#"
[[case]]
name = "unproven stops"
action = "create"
environment = "sandbox"
records = [{ verdict = "unproven" }]
expect = "block"
policy = "stop/no-unproven"
"#;

/// A gateway on free ports before this org, which records without marks may enter.
pub(crate) fn before(folder: &Path, upstream: &Upstream) {
    said(folder, &["init", "--yes"], 0);
    let text = fs::read_to_string(folder.join("eosin.toml")).unwrap();
    let text = text
        .replace("https://your-domain.my.salesforce.com", &upstream.origin())
        .replace("listen = \"127.0.0.1:8443\"\ntls = true ", "listen = \"127.0.0.1:0\"\ntls = false")
        .replace("continuity = \"strict\" ", "reads = \"open\"\ncontinuity = \"strict\" ")
        .replace("# [admin]\n# listen = \"127.0.0.1:9464\"", "[admin]\nlisten = \"127.0.0.1:0\"");
    fs::write(folder.join("eosin.toml"), text).unwrap();
}

/// The same, with two people who sign, and a version that they can put in force.
pub(crate) fn set_up(folder: &Path, upstream: &Upstream) {
    before(folder, upstream);
    for name in ["ada", "bel"] {
        said(folder, &["emergency", "key", name], 0);
    }
    let text = fs::read_to_string(folder.join("eosin.toml")).unwrap();
    let signers = "\n[[emergency.signer]]\nname = \"ada\"\nkey = \"ada.vkey\"\n[[emergency.signer]]\nname = \"bel\"\nkey = \"bel.vkey\"\n";
    fs::write(folder.join("eosin.toml"), text + signers).unwrap();
    fs::write(folder.join("stop.cedar"), STOP).unwrap();
    fs::write(folder.join("stop.toml"), CASES).unwrap();
}

pub(crate) fn prepare(folder: &Path) {
    said(folder, &["emergency", "prepare", "stop.cedar", "--cases", "stop.toml", "--reason", "DRILL-1"], 0);
}

pub(crate) fn activate(folder: &Path, scope: &str) {
    let asked = ["emergency", "activate", "stop", "--key", "ada.skey", "--scope", scope, "--for", "2h"];
    said(folder, &[&asked[..], &["--reason", "CASE-7"]].concat(), 0);
    said(folder, &["emergency", "approve", "stop", "--key", "bel.skey"], 0);
}

/// A configuration whose org is this, with signers; it ends with the test.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    pub(crate) upstream: Upstream,
}

impl Home {
    pub(crate) fn of(upstream: Upstream) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_up(folder.path(), &upstream);
        Self { folder, upstream }
    }

    /// One whose org takes every row, with a version that is prepared.
    pub(crate) fn prepared() -> Self {
        let home = Self::of(org());
        prepare(home.at());
        home
    }

    pub(crate) fn at(&self) -> &Path {
        self.folder.path()
    }
}

/// Creates a contact, again and again, until the answer is this.
pub(crate) fn until(gateway: &Server, status: u16) -> String {
    loop {
        let headers = [("content-type", "application/json"), ("user-agent", "portal")];
        let (is, answer) = http(gateway.address("listening"), "POST", CREATE, &headers, ROW);
        if is == status {
            return answer;
        }
    }
}

/// What takes every row.
pub(crate) fn org() -> Upstream {
    Upstream::start(|_| Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#))
}

/// A gateway.
pub(crate) fn start(at: &Path) -> Server {
    Server::start(at, &["run"], "health and metrics")
}

/// A gateway that has the log of the others, and a folder of texts that lags behind.
pub(crate) fn start_apart(at: &Path) -> Server {
    fs::create_dir(at.join("away")).unwrap();
    symlink(at.join("policies/log"), at.join("away/log")).unwrap();
    copy(&at.join("policies/versions"), &at.join("away/versions"));
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let apart = text.replace("folder = \"policies\"", "folder = \"away\"");
    assert_ne!(apart, text);
    fs::write(at.join("apart.toml"), apart).unwrap();
    Server::start(at, &["run", "--config", "apart.toml"], "health and metrics")
}

/// Waits for a gateway to say something; what it never says fails the test.
pub(crate) fn heard(gateway: &Server, words: &str) {
    let begun = Instant::now();
    while !gateway.output().contains(words) {
        assert!(begun.elapsed() < Duration::from_secs(15), "not said: {words}\n{}", gateway.output());
        std::thread::yield_now();
    }
}

/// Asks until a client of this name is answered so; another answer that stays fails the test.
pub(crate) fn answers(gateway: &Server, client: &str, status: u16) {
    let begun = Instant::now();
    let headers = [("content-type", "application/json"), ("user-agent", client)];
    while http(gateway.address("listening"), "POST", CREATE, &headers, ROW).0 != status {
        assert!(begun.elapsed() < Duration::from_secs(15), "{client} is not {status}: {}", gateway.output());
    }
}

/// How long ago a gateway last obeyed all that the log says, as it tells.
pub(crate) fn behind_seconds(gateway: &Server) -> u64 {
    let (_, told) = http(gateway.address("health and metrics"), "GET", "/metrics", &[], b"");
    let seconds = told.lines().find_map(|line| line.strip_prefix("eosin_policies_behind_seconds "));
    seconds.unwrap_or_else(|| panic!("{told}")).parse().unwrap()
}

/// Waits until all that the log says holds at a gateway, or does not for so many seconds.
pub(crate) fn behind(gateway: &Server, is_it: impl Fn(u64) -> bool) {
    let begun = Instant::now();
    while !is_it(behind_seconds(gateway)) {
        assert!(begun.elapsed() < Duration::from_secs(15), "{}", gateway.output());
    }
}

/// The shipped policies, and that records without a mark of one client are refused.
pub(crate) fn without(at: &Path, client: &str) -> String {
    let more = format!(
        "\n@id(\"no-{client}\") @reason(\"CASE-8\") forbid (principal == Eosin::Client::\"{client}\", action, resource) \
         when {{ context.unproven > 0 }};\n"
    );
    let file = format!("no-{client}.cedar");
    fs::write(at.join(&file), format!("{}{more}", Policies::default_text())).unwrap();
    file
}

/// Puts a file in force.
pub(crate) fn put(at: &Path, file: &str) {
    said(at, &["policy", "activate", file, "--reason", "CASE-8"], 0);
}

/// A copy of a folder, into one that is there or is not.
pub(crate) fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(done.success());
}

/// Puts a copy of the folder of policies in its place.
pub(crate) fn put_back(at: &Path, copied: &str) {
    fs::remove_dir_all(at.join("policies")).unwrap();
    copy(&at.join(copied), &at.join("policies"));
}

/// The file with the text of a version whose name begins so.
pub(crate) fn text_of(at: &Path, name: &str) -> PathBuf {
    let mut files = fs::read_dir(at.join("policies/versions")).unwrap().map(|file| file.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(name)).unwrap()
}
