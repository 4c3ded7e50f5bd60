//! The console as operators use it: the door, what each role sees, forms, tokens, and what is written down.

use std::{fs, net::SocketAddr, path::Path};

use crate::program::{Server, http, said};

pub(crate) const PASSWORD: &str = "violet kettle ninety";

/// A browser: its cookie, and the word of the forms on the page that it looks at.
pub(crate) struct Browser {
    address: SocketAddr,
    cookie: String,
    word: String,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookie: String::new(), word: String::new() }
    }

    fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: &str) -> (u16, String) {
        let cookie = format!("eosin_console={}", self.cookie);
        let mut headers = vec![("cookie", cookie.as_str())];
        if method == "POST" {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        headers.extend_from_slice(more);
        let (status, answer) = http(self.address, method, target, &headers, body.as_bytes());
        if let Some((_, after)) = answer.split_once("set-cookie: eosin_console=") {
            after.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        if let Some((_, after)) = answer.split_once("name=\"word\" value=\"") {
            after.split('"').next().unwrap().clone_into(&mut self.word);
        }
        (status, answer)
    }

    pub(crate) fn get(&mut self, target: &str) -> (u16, String) {
        self.ask("GET", target, &[], "")
    }

    pub(crate) fn post(&mut self, target: &str, form: &str) -> (u16, String) {
        let word = self.word.clone();
        self.post_saying(&word, target, form)
    }

    /// A form with this word, whatever the page had.
    pub(crate) fn post_saying(&mut self, word: &str, target: &str, form: &str) -> (u16, String) {
        self.ask("POST", target, &[], &format!("word={word}&{form}"))
    }

    /// To the door and through it, as far as it lets one.
    pub(crate) fn sign_in(&mut self, name: &str, password: &str) -> (u16, String) {
        self.get("/sign-in");
        self.post("/sign-in", &format!("name={name}&password={}", password.replace(' ', "+")))
    }
}

pub(crate) fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    fs::write(folder.path().join("p.txt"), format!("{PASSWORD}\n")).unwrap();
    folder
}

pub(crate) fn add(home: &Path, name: &str, role: &str) {
    said(home, &["operator", "add", name, "--role", role, "--password-file", "p.txt"], 0);
}

pub(crate) fn console(home: &Path) -> (Server, SocketAddr) {
    let server = Server::start(home, &["console", "--listen", "127.0.0.1:0"], "http://");
    let address = server.address("http://");
    (server, address)
}

pub(crate) fn events(home: &Path) -> Vec<String> {
    let shown = said(home, &["ledger", "show", "operators/log", "--json", "--last", "200"], 0);
    shown.split("\"event\":\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn somebody_signs_in_looks_and_signs_out_and_all_of_it_is_written_down() {
    let folder = home();
    let (server, address) = console(folder.path());
    let mut browser = Browser::new(address);
    let (status, page) = browser.get("/");
    assert_eq!(status, 503);
    assert!(page.contains("eosin operator add NAME --role admin"), "{page}");

    add(folder.path(), "ada", "admin");
    let (status, answer) = browser.get("/datasets");
    assert!(status == 303 && answer.contains("location: /sign-in"), "{answer}");
    let (_, page) = browser.get("/sign-in");
    assert!(page.contains("HttpOnly; SameSite=Lax; Path=/"), "{page}");
    let before = browser.cookie.clone();
    let (status, answer) = browser.sign_in("Ada", PASSWORD);
    assert_eq!(status, 303, "{answer}");
    assert_ne!(browser.cookie, before, "a new id");
    let (status, page) = browser.get("/");
    assert!(status == 200 && page.contains("Sign out") && page.contains("/operators"), "{page}");
    for header in
        ["frame-ancestors 'none'", "x-content-type-options: nosniff", "referrer-policy: same-origin"]
    {
        assert!(page.contains(header), "{header}: {page}");
    }
    let mut old = Browser { address, cookie: before, word: String::new() };
    assert_eq!(old.get("/").0, 303, "the id from before is worth nothing");

    let inside = browser.cookie.clone();
    browser.post("/sign-out", "");
    let mut again = Browser { address, cookie: inside, word: String::new() };
    assert_eq!(again.get("/").0, 303);
    assert_eq!(events(folder.path()), ["added", "signed-in", "signed-out"]);
    let output = server.stop();
    assert!(!output.contains("violet"), "{output}");
}

#[test]
fn a_door_that_is_tried_too_often_closes_and_tells_nobody_which_names_there_are() {
    let folder = home();
    add(folder.path(), "ada", "admin");
    let (server, address) = console(folder.path());
    let mut told = Vec::new();
    for name in ["ada", "nobody.here"] {
        let mut browser = Browser::new(address);
        let mut said = Vec::new();
        for _ in 0..6 {
            let (status, page) = browser.sign_in(name, "not the password");
            let alert = page.split("role=\"alert\">").nth(1).unwrap().split("</p>").next().unwrap();
            said.push(format!("{status} {}", alert.replace("60 seconds", "N").replace("59 seconds", "N")));
        }
        told.push(said);
    }
    assert_eq!(told[0], told[1], "the same for a name that is taken and for one that is not");
    assert!(told[0][4].starts_with("422") && told[0][5].starts_with("429"), "{told:?}");
    let mut browser = Browser::new(address);
    assert_eq!(browser.sign_in("ada", PASSWORD).0, 429, "the right password has to wait as well");
    let shown = said(folder.path(), &["ledger", "show", "operators/log", "--json", "--last", "200"], 0);
    assert_eq!(shown.matches("\"event\":\"refused\"").count(), 10);
    assert_eq!(shown.matches("\"event\":\"locked\"").count(), 2);
    assert!(!shown.contains("nobody.here"), "what was typed and is nobody's name is not written down");
    server.stop();
}

#[test]
fn a_code_is_wanted_after_the_password_and_good_once() {
    let folder = home();
    add(folder.path(), "ada", "admin");
    let totp = said(folder.path(), &["operator", "totp", "ada", "--json"], 0);
    let seed = totp.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let seed = access::Seed::try_from(seed).unwrap();
    let (server, address) = console(folder.path());
    let mut browser = Browser::new(address);
    let (status, answer) = browser.sign_in("ada", PASSWORD);
    assert!(status == 303 && answer.contains("location: /sign-in/code"), "{answer}");
    let (status, answer) = browser.get("/operators");
    assert!(status == 303 && answer.contains("location: /sign-in/code"), "half-way is not in: {answer}");
    browser.get("/sign-in/code");
    assert_eq!(browser.post("/sign-in/code", "code=000000&").0, 422);
    browser.get("/sign-in/code");
    let code = code_now(&seed);
    let (status, answer) = browser.post("/sign-in/code", &format!("code={code}"));
    assert!(status == 303 && answer.contains("location: /\r\n"), "{answer}");
    assert_eq!(browser.get("/operators").0, 200);
    let mut other = Browser::new(address);
    other.sign_in("ada", PASSWORD);
    other.get("/sign-in/code");
    assert_eq!(other.post("/sign-in/code", &format!("code={code}")).0, 422, "once");
    server.stop();
}

fn code_now(seed: &access::Seed) -> String {
    #[expect(clippy::disallowed_methods, reason = "what an authenticator shows now")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    seed.code_at(now)
}

/// Tries to use an authenticator of one's own choice, as the form does that asks for its first code.
fn choose_authenticator(browser: &mut Browser) -> (u16, String) {
    let own = access::Seed::new([7; 20]);
    browser.get("/account");
    browser.post("/account/totp/confirm", &format!("seed={}&code={}", own.to_base32(), code_now(&own)))
}

#[test]
fn an_authenticator_is_the_one_that_was_drawn_when_the_password_was_given() {
    let folder = home();
    add(folder.path(), "ada", "admin");
    let (server, address) = console(folder.path());
    let mut browser = Browser::new(address);
    browser.sign_in("ada", PASSWORD);
    browser.get("/operators");
    let (_, page) = browser.post("/operators/add", "name=grace&role=admin");
    let drawn = page.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();

    let (status, page) = choose_authenticator(&mut browser);
    assert!(status == 422 && page.contains("No authenticator is being set up"), "{page}");
    let before = browser.cookie.clone();
    let (_, page) = browser.post("/account/totp", &format!("act=on&password={}", PASSWORD.replace(' ', "+")));
    let seed = page.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let seed = access::Seed::try_from(seed).unwrap();
    assert_eq!(choose_authenticator(&mut browser).0, 422, "not another one");
    let (status, answer) = browser.post("/account/totp/confirm", &format!("code={}", code_now(&seed)));
    assert!(status == 303 && browser.cookie != before, "{answer}");
    assert_eq!(browser.get("/operators").0, 200);
    for act in ["totp-off", "reset-password"] {
        let (_, page) = browser.get(&format!("/operator?name=ada&act={act}"));
        let revision = page.split("name=\"revision\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form = format!("name=ada&act={act}&with=&revision={revision}");
        let (status, page) = browser.post("/operator", &form);
        assert!(status == 422 && page.contains("on your account&#39;s page"), "{act}: {page}");
    }

    let mut given = Browser::new(address);
    assert_eq!(given.sign_in("grace", &drawn).0, 303);
    for (target, form) in [
        ("/account/totp/confirm", ""),
        ("/account/totp", &*format!("act=on&password={drawn}")),
        ("/account/token", "label=x&scope=see-own&days=5"),
        ("/account/token/revoke", "token=x"),
        ("/account/sign-out-everywhere", ""),
    ] {
        given.get("/account");
        let (status, page) = given.post(target, form);
        assert!(status == 422 && page.contains("Take a password of your own first"), "{target}: {page}");
    }
    assert_eq!(choose_authenticator(&mut given).0, 422);
    server.stop();
    assert_eq!(events(folder.path()).iter().filter(|event| *event == "totp-on").count(), 1);
}

#[test]
fn each_role_sees_its_pages_and_a_form_of_another_site_does_nothing() {
    let folder = home();
    let roles = ["admin", "compliance", "support", "auditor", "generator"];
    for role in roles {
        add(folder.path(), &format!("the-{role}"), role);
    }
    let (server, address) = console(folder.path());
    for (target, expected) in [
        ("/transactions", [200, 200, 200, 200, 403]),
        ("/records.csv", [200, 200, 200, 200, 403]),
        ("/deliveries", [200, 200, 200, 200, 403]),
        ("/datasets", [200, 200, 200, 200, 200]),
        ("/policies", [200, 200, 403, 200, 403]),
        ("/quarantine", [200, 200, 403, 200, 403]),
        ("/ledgers", [200, 200, 403, 200, 403]),
        ("/operators", [200, 403, 403, 200, 403]),
        ("/operator?name=the-support", [200, 403, 403, 200, 403]),
        ("/account", [200, 200, 200, 200, 200]),
        ("/", [200, 200, 200, 200, 303]),
    ] {
        for (role, expected) in roles.iter().zip(expected) {
            let mut browser = Browser::new(address);
            browser.sign_in(&format!("the-{role}"), PASSWORD);
            assert_eq!(browser.get(target).0, expected, "{role} {target}");
        }
    }
    let add = "name=eve&role=admin";
    let mut auditor = Browser::new(address);
    auditor.sign_in("the-auditor", PASSWORD);
    auditor.get("/operators");
    assert_eq!(auditor.post("/operators/add", add).0, 403);
    let mut admin = Browser::new(address);
    admin.sign_in("the-admin", PASSWORD);
    admin.get("/operators");
    let body = format!("word={}&{add}", admin.word);
    for (why, headers, body) in [
        ("another origin", vec![("origin", "https://attacker.example")], body.as_str()),
        ("another site", vec![("sec-fetch-site", "cross-site")], body.as_str()),
        ("no word", vec![], add),
        ("the word of another session", vec![], &format!("word={}&{add}", auditor.word)),
    ] {
        assert_eq!(admin.ask("POST", "/operators/add", &headers, body).0, 403, "{why}");
    }
    assert!(!said(folder.path(), &["operator", "list", "--json"], 0).contains("eve"));
    assert_eq!(admin.ask("PUT", "/operators", &[], "").0, 405);
    assert_eq!(admin.post("/operators/add", &format!("{add}&x={}", "y".repeat(525_000))).0, 413);
    server.stop();
}

#[test]
fn an_admin_changes_operators_and_is_asked_first() {
    let folder = home();
    add(folder.path(), "ada", "admin");
    let (server, address) = console(folder.path());
    let mut admin = Browser::new(address);
    admin.sign_in("ada", PASSWORD);
    admin.get("/operators");
    let (status, page) = admin.post("/operators/add", "name=grace&role=support");
    assert_eq!(status, 200, "{page}");
    let drawn = page.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();

    let mut grace = Browser::new(address);
    grace.sign_in("grace", &drawn);
    assert_eq!(grace.get("/transactions").0, 403, "an own password first");
    let (_, page) = grace.get("/account");
    assert!(page.contains("Your password was given to you"), "{page}");
    let own = "password=PW&new=copper+lantern+forty&again=copper+lantern+forty".replace("PW", &drawn);
    assert_eq!(grace.post("/account/password", &own).0, 303);
    assert_eq!(grace.get("/transactions").0, 200);
    grace.get("/account");
    let (_, page) = grace.post("/account/token", "label=nightly&scope=see-records&days=30");
    let token = page.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let with = [("authorization", bearer.as_str())];
    assert_eq!(http(address, "GET", "/records.csv", &with, b"").0, 200);
    assert_eq!(http(address, "GET", "/datasets", &with, b"").0, 403, "out of scope");
    assert_eq!(http(address, "GET", "/records.csv", &[("authorization", "Bearer eosin_x")], b"").0, 401);

    let (_, page) = admin.get("/operator?name=grace&act=disable");
    assert!(page.contains("Disable grace?") && page.contains("Their session ends."), "{page}");
    let revision = page.split("name=\"revision\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let act = format!("name=grace&act=disable&with=&revision={revision}");
    said(folder.path(), &["operator", "role", "grace", "auditor"], 0);
    let (status, page) = admin.post("/operator", &act);
    assert!(status == 422 && page.contains("changed by somebody else meanwhile"), "{page}");
    let (_, page) = admin.get("/operator?name=grace&act=disable");
    let revision = page.split("name=\"revision\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let (status, page) =
        admin.post("/operator", &format!("name=grace&act=disable&with=&revision={revision}"));
    assert!(status == 200 && page.contains("disabled"), "{page}");
    assert_eq!(grace.get("/transactions").0, 303, "out at once");
    assert_ne!(http(address, "GET", "/records.csv", &with, b"").0, 200, "and so is the token");
    let (_, page) = admin.post("/operator", "name=ada&act=disable&with=&revision=1");
    assert!(page.contains("the only admin"), "{page}");
    server.stop();
    let register = fs::read_to_string(folder.path().join("operators/register.json")).unwrap();
    let shown = said(folder.path(), &["ledger", "show", "operators/log", "--json", "--last", "200"], 0);
    for secret in [drawn.as_str(), token.as_str(), "copper lantern"] {
        assert!(!register.contains(secret) && !shown.contains(secret), "{secret}");
    }
}

#[test]
fn behind_a_proxy_the_cookie_is_for_tls_alone_and_the_proxy_says_who_asks() {
    let folder = home();
    add(folder.path(), "ada", "admin");
    let server = Server::start(
        folder.path(),
        &["console", "--listen", "127.0.0.1:0", "--secure-host", "console.example.org"],
        "sends requests on",
    );
    let address = server.address("sends requests on");
    let host = ("host", "console.example.org");
    assert_eq!(http(address, "GET", "/sign-in", &[("host", "127.0.0.1")], b"").0, 421);
    let (status, page) = http(address, "GET", "/sign-in", &[host], b"");
    assert_eq!(status, 200);
    assert!(page.contains("set-cookie: __Host-eosin_console=") && page.contains("; Secure"), "{page}");
    assert!(page.contains("strict-transport-security"), "{page}");
    let cookie = page.split("__Host-eosin_console=").nth(1).unwrap().split(';').next().unwrap();
    let cookie = format!("__Host-eosin_console={cookie}");
    let word = page.split("name=\"word\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("word={word}&name=ada&password=wrong");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let from = ("x-forwarded-for", "198.51.100.1, 203.0.113.9");
    let origin = ("origin", "https://console.example.org");
    let headers = [host, ("cookie", cookie.as_str()), kind, from, origin];
    assert_eq!(http(address, "POST", "/sign-in", &headers, form.as_bytes()).0, 422);
    let shown = said(folder.path(), &["ledger", "show", "operators/log", "--json"], 0);
    assert!(shown.contains("\"address\":\"203.0.113.9\""), "{shown}");
    server.stop();
}
