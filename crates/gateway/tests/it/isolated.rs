//! Reads at a boundary that isolates them, against the local org: what is hidden might as well not be there.

use std::{collections::BTreeMap, fmt::Write as _};

use carrier::salesforce::RecordId;
use gateway::{IsolatedReads, Reads};
use org::{CustomField, CustomKind};
use policy::{Environment, Mode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::scene::{self, ADA, Answer, EVE, Scene};

/// What a row of a small org is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Synthetic,
    Attested,
    Unproven,
}

/// A local org with Eosin's fields, and some rows.
pub(crate) struct LocalOrg {
    runtime: Runtime,
    running: Option<org::Running>,
    /// The ids of the rows that were put in, in order; nothing for those that were left out.
    pub(crate) ids: Vec<Option<String>>,
}

pub(crate) const VERSION: &str = "/services/data/v67.0";
pub(crate) const BEARER: [(&str, &str); 1] = [("Authorization", "Bearer tok")];
/// Three rows a page.
const PAGE_ROWS: usize = 3;

impl LocalOrg {
    /// An org without any field of ours.
    pub(crate) fn bare() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut config =
            org::Config { listen_https: None, query_batch_rows: PAGE_ROWS, ..org::Config::default() };
        config.credentials.tokens.push(("tok".into(), "admin@org.example".into()));
        let running = runtime.block_on(org::Org::start(config)).unwrap();
        Self { runtime, running: Some(running), ids: Vec::new() }
    }

    /// What deploying the package does.
    pub(crate) fn add_our_fields(&self) {
        let running = self.running.as_ref().unwrap();
        running.add_custom_object("Eosin_Dataset__c", "Dataset").unwrap();
        running
            .add_custom_field("Eosin_Dataset__c", &CustomField::external_id("Eosin_Dataset_Id__c"))
            .unwrap();
        for object in ["Contact", "Account", "Case"] {
            for field in [
                CustomField::plain("Eosin_Synthetic__c", CustomKind::Checkbox),
                CustomField::plain("Eosin_Subject__c", CustomKind::Text(40)),
                CustomField::plain("Eosin_Authorship__c", CustomKind::Text(40)),
                CustomField::plain("Eosin_Dataset__c", CustomKind::Lookup("Eosin_Dataset__c".to_owned())),
                CustomField::plain("Eosin_Mark_Id__c", CustomKind::Text(40)),
                CustomField::plain("Eosin_Mark__c", CustomKind::LongText(32_768)),
            ] {
                running.add_custom_field(object, &field).unwrap();
            }
        }
    }

    /// An org with these rows, without those that are left out.
    pub(crate) fn with(scene: &Marks, rows: &[Kind], left_out: impl Fn(Kind) -> bool) -> Self {
        let mut org = Self::bare();
        org.add_our_fields();
        let running = org.running.as_ref().unwrap();
        running.add_custom_field("Contact", &CustomField::external_id("Ext__c")).unwrap();
        let account = org.create("Account", &json!({ "Name": "Ward" }));
        let places = rows.iter().enumerate().map(|(at, kind)| {
            if left_out(*kind) {
                return None;
            }
            let mut row: Value = serde_json::from_str(&scene.row(*kind, at)).unwrap();
            row["Department"] = json!(format!("d{at}"));
            row["Ext__c"] = json!(format!("x{at}"));
            row["AccountId"] = json!(account);
            row.as_object_mut().unwrap().remove("Eosin_Dataset__r");
            Some(org.create("Contact", &row))
        });
        org.ids = places.collect();
        org
    }

    /// A field of Contact of which each value is there once.
    pub(crate) fn add_unique_field(&self, name: &str) {
        let field = CustomField { unique: true, ..CustomField::external_id(name) };
        self.running.as_ref().unwrap().add_custom_field("Contact", &field).unwrap();
    }

    /// A lookup from one object to another.
    pub(crate) fn add_lookup(&self, object: &str, name: &str, to: &str) {
        let field = CustomField::plain(name, CustomKind::Lookup(to.to_owned()));
        self.running.as_ref().unwrap().add_custom_field(object, &field).unwrap();
    }

    /// An object of its own.
    pub(crate) fn add_object(&self, name: &str) {
        self.running.as_ref().unwrap().add_custom_object(name, name).unwrap();
    }

    /// A field of which each value names a row.
    pub(crate) fn add_key(&self, object: &str, name: &str) {
        let field = CustomField::external_id(name);
        self.running.as_ref().unwrap().add_custom_field(object, &field).unwrap();
    }

    /// A field of which each value is there once and names a row.
    pub(crate) fn add_unique_key(&self, object: &str, name: &str) {
        let field = CustomField { unique: true, ..CustomField::external_id(name) };
        self.running.as_ref().unwrap().add_custom_field(object, &field).unwrap();
    }

    /// A number that names rows.
    pub(crate) fn add_number_key(&self, object: &str, name: &str) {
        let field = CustomField { kind: CustomKind::Number, ..CustomField::external_id(name) };
        self.running.as_ref().unwrap().add_custom_field(object, &field).unwrap();
    }

    pub(crate) fn origin(&self) -> String {
        self.running.as_ref().unwrap().http_url().unwrap()
    }

    /// Puts a row in behind the gateway's back.
    pub(crate) fn create(&self, object: &str, row: &Value) -> String {
        let answer = self.direct("POST", &format!("{VERSION}/sobjects/{object}"), &row.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn direct(&self, method: &str, target: &str, body: &str) -> Answer {
        use std::io::Write as _;
        let address = self.origin().trim_start_matches("http://").to_owned();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let headers = [BEARER[0], ("Content-Type", "application/json")];
        stream.write_all(&scene::request(method, target, &headers, body.as_bytes())).unwrap();
        Answer::read(&mut stream)
    }
}

impl Drop for LocalOrg {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _stopped = self.runtime.block_on(running.stop());
        }
    }
}

/// Genuine marks for two people of each kind.
pub(crate) struct Marks {
    synthetic: testkit::sealed::Sealed,
    attested: testkit::sealed::Sealed,
}

impl Marks {
    pub(crate) fn new() -> Self {
        let records = [scene::contact(ADA), scene::contact(EVE)];
        Self {
            synthetic: testkit::sealed::synthetic(&records),
            attested: testkit::sealed::attested(&records),
        }
    }

    pub(crate) fn row(&self, kind: Kind, at: usize) -> String {
        let (which, json) = if at.is_multiple_of(2) { (0, ADA) } else { (1, EVE) };
        match kind {
            Kind::Synthetic => Scene::marked(&self.synthetic, which, json),
            Kind::Attested => Scene::marked(&self.attested, which, json),
            Kind::Unproven => format!(r#"{{"FirstName":"Una","LastName":"Zzyzx-{at}"}}"#),
        }
    }
}

pub(crate) fn isolating(org: &LocalOrg, environment: Environment) -> Scene {
    isolating_at(&org.origin(), environment)
}

pub(crate) fn isolating_at(origin: &str, environment: Environment) -> Scene {
    let mut config = scene::config(origin);
    let boundary = &mut config.boundaries[0];
    boundary.boundary.mode = Mode::Enforce;
    boundary.boundary.environment = environment;
    boundary.reads = Reads::Isolated(IsolatedReads {
        objects: ["Contact", "Account", "Case"].map(str::to_owned).to_vec(),
        ..IsolatedReads::standard()
    });
    Scene::of(config)
}

/// What a client asks about each row.
fn asks(id: &str, at: usize) -> Vec<(&'static str, String, String)> {
    vec![
        ("GET", format!("{VERSION}/sobjects/Contact/{id}"), String::new()),
        ("GET", format!("{VERSION}/sobjects/Contact/{}", RecordId::parse(id).unwrap().short()), String::new()),
        ("GET", format!("{VERSION}/sobjects/Contact/{id}?fields=Department"), String::new()),
        ("GET", format!("{VERSION}/sobjects/Contact/Ext__c/x{at}"), String::new()),
        ("GET", format!("{VERSION}/composite/sobjects/Contact?ids={id}&fields=Department"), String::new()),
        (
            "POST",
            format!("{VERSION}/composite/sobjects/Contact"),
            json!({ "ids": [id], "fields": ["Department"] }).to_string(),
        ),
        (
            "GET",
            query(&format!("SELECT Department FROM Contact WHERE Id = '{id}'")),
            String::new(),
        ),
        (
            "POST",
            format!("{VERSION}/composite"),
            json!({ "compositeRequest": [
                { "method": "GET", "url": format!("{VERSION}/sobjects/Contact/{id}?fields=Department"), "referenceId": "a" },
                { "method": "GET", "url": format!("{VERSION}/query?q=SELECT+Department+FROM+Contact+WHERE+Department='d{at}'"), "referenceId": "b" },
            ]})
            .to_string(),
        ),
    ]
}

pub(crate) fn query(statement: &str) -> String {
    format!("{VERSION}/query?q={}", statement.replace(' ', "+"))
}

/// What a client asks about all of them.
fn asks_of_all() -> Vec<(&'static str, String, String)> {
    let get = |target: String| ("GET", target, String::new());
    let statements = [
        "SELECT Department FROM Contact ORDER BY Department",
        "SELECT Id, Name, Department FROM Contact ORDER BY Department DESC",
        "SELECT count() FROM Contact",
        "SELECT COUNT(Id) n FROM Contact",
        "SELECT LastName, COUNT(Id) n FROM Contact GROUP BY LastName ORDER BY LastName",
        "SELECT Department FROM Contact ORDER BY Department LIMIT 2 OFFSET 1",
        "SELECT Name, (SELECT Department FROM Contacts ORDER BY Department) FROM Account",
        "SELECT Department, Account.Name FROM Contact ORDER BY Department",
        "SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE FirstName = 'Ada')",
        "SELECT Name FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact)",
        "SELECT Department FROM Contact WHERE Eosin_Synthetic__c = true OR FirstName = 'Una' ORDER BY Department",
        "SELECT FROM Contact",
    ];
    let mut asks: Vec<_> = statements.iter().map(|statement| get(query(statement))).collect();
    asks.extend([
        get(format!("{VERSION}/queryAll?q=SELECT+Department+FROM+Contact+ORDER+BY+Department")),
        get(format!("{VERSION}/limits/recordCount?sObjects=Contact,Account")),
        get(format!("{VERSION}/recent")),
        get(format!("{VERSION}/sobjects/Contact")),
        get(format!(
            "{VERSION}/sobjects/Contact/updated?start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"
        )),
        get(format!("{VERSION}/parameterizedSearch?q=Zzyzx&sobject=Contact")),
        get(format!("{VERSION}/parameterizedSearch?q=Zzyzx&sobject=Contact&defaultLimit=1")),
        search(&json!({ "name": "Contact", "fields": ["Department"] })),
        search(&json!({ "name": "Contact", "fields": ["Department"], "orderBy": "Department", "limit": 1 })),
        search(&json!({ "name": "Contact", "fields": ["Department"], "where": "Eosin_Synthetic__c = true OR FirstName = 'Una'" })),
        search(&json!({ "name": "Account", "unknown": 1 })),
        search(&json!("Contact")),
        get(format!("{VERSION}/analytics/reports/00O000000000001AAA")),
    ]);
    asks.extend(crate::reports::asks());
    asks
}

/// A search that comes as JSON.
fn search(object: &Value) -> (&'static str, String, String) {
    let body = json!({ "q": "Zzyzx", "sobjects": [object] });
    ("POST", format!("{VERSION}/parameterizedSearch"), body.to_string())
}

/// Everything a client comes to see, with ids as numbers in the order in which they come.
fn transcript(scene: &Scene, ids: &[String]) -> String {
    let mut seen = Numbers::default();
    let mut told = String::new();
    let mut asks = asks_of_all();
    for (at, id) in ids.iter().enumerate() {
        asks.extend(self::asks(id, at));
    }
    for (method, target, body) in asks {
        let mut answer = ask(scene, method, &target, &body);
        let mut page = 0;
        loop {
            let shown = seen.numbered(&shape(&answer));
            // Ids that the client sends are its own business; which of them it meets again is not.
            writeln!(told, "{method} {page} {}\n{shown}", target.split(['?']).next().unwrap().len()).unwrap();
            let next = serde_json::from_slice::<Value>(&answer.body)
                .ok()
                .and_then(|answer| answer.get("nextRecordsUrl")?.as_str().map(str::to_owned));
            let Some(next) = next else { break };
            page += 1;
            answer = ask(scene, "GET", &next, "");
        }
    }
    told
}

pub(crate) fn ask(scene: &Scene, method: &str, target: &str, body: &str) -> Answer {
    scene.ask(method, target, &[BEARER[0], ("Content-Type", "application/json")], body.as_bytes())
}

/// Status, the headers that are not about time or use or new each time, and the body without moments.
pub(crate) fn shape(answer: &Answer) -> String {
    let headers: Vec<&str> = answer
        .head
        .lines()
        .skip(1)
        .filter(|line| {
            let lower = line.to_ascii_lowercase();
            !["date:", "sforce-limit-info:", "content-length:", "set-cookie:", "x-sfdc-request-id:"]
                .iter()
                .any(|name| lower.starts_with(name))
        })
        .collect();
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(mut value) => {
            without_moments(&mut value);
            value.to_string()
        }
        Err(_) => answer.text(),
    };
    format!("{} {}\n{body}", answer.status, headers.join("|"))
}

fn without_moments(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if name.ends_with("Date") || name.ends_with("Modstamp") || name == "latestDateCovered" {
                    *value = Value::Null;
                }
                without_moments(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_moments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Ids as numbers, in the order in which they come.
#[derive(Default)]
struct Numbers(BTreeMap<RecordId, usize>);

impl Numbers {
    fn numbered(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut word = String::new();
        for c in text.chars().chain(['\n']) {
            if c.is_ascii_alphanumeric() {
                word.push(c);
                continue;
            }
            match RecordId::parse(&word) {
                Some(id) => {
                    let next = self.0.len();
                    write!(out, "#{}", self.0.entry(id).or_insert(next)).unwrap();
                }
                None => out.push_str(&word),
            }
            word.clear();
            out.push(c);
        }
        out
    }
}

/// A client's transcript with the hidden rows there, and with an org that never had them.
fn both(rows: &[Kind], environment: Environment, hidden: Kind) -> (String, String) {
    let marks = Marks::new();
    let full = LocalOrg::with(&marks, rows, |_| false);
    let bare = LocalOrg::with(&marks, rows, |kind| kind == hidden);
    // A row that was never there is asked for by an id that nobody has.
    let ids = |org: &LocalOrg| -> Vec<String> {
        let nobody = RecordId::parse("003Ey0000ZZZZZZ").unwrap().long();
        org.ids.iter().map(|id| id.clone().unwrap_or_else(|| nobody.clone())).collect()
    };
    let (of_full, of_bare) = (ids(&full), ids(&bare));
    let with = transcript(&isolating(&full, environment), &of_full);
    let without = transcript(&isolating(&bare, environment), &of_bare);
    (with, without)
}

fn check(rows: &[Kind], environment: Environment, hidden: Kind) {
    let (with, without) = both(rows, environment, hidden);
    for (number, (one, other)) in with.lines().zip(without.lines()).enumerate() {
        assert_eq!(one, other, "line {number} of {rows:?} at {environment}");
    }
    assert_eq!(with.len(), without.len());
}

#[test]
fn production_without_synthetic_rows_and_with_them_is_one() {
    use Kind::{Attested, Synthetic, Unproven};
    check(
        &[Attested, Synthetic, Unproven, Synthetic, Attested, Synthetic, Attested],
        Environment::Production,
        Synthetic,
    );
}

#[test]
fn an_org_of_nothing_but_hidden_rows_is_an_empty_one() {
    check(&[Kind::Synthetic], Environment::Production, Kind::Synthetic);
    check(&[Kind::Attested, Kind::Attested], Environment::Sandbox, Kind::Attested);
}

#[test]
fn a_sandbox_without_attested_people_and_with_them_is_one() {
    use Kind::{Attested, Synthetic, Unproven};
    check(&[Attested, Synthetic, Unproven, Synthetic, Attested], Environment::Sandbox, Attested);
}

#[test]
fn without_isolation_the_same_client_sees_them() {
    let marks = Marks::new();
    let rows = [Kind::Attested, Kind::Synthetic];
    let org = LocalOrg::with(&marks, &rows, |_| false);
    let id = org.ids[1].clone().unwrap();
    let target = format!("{VERSION}/sobjects/Contact/{id}?fields=Department");
    let count = query("SELECT count() FROM Contact");
    let open = {
        let mut config = scene::config(&org.origin());
        config.boundaries[0].boundary.mode = Mode::Enforce;
        Scene::of(config)
    };
    assert_eq!(ask(&open, "GET", &target, "").status, 200);
    assert!(ask(&open, "GET", &count, "").text().contains("\"totalSize\":2"));
    let closed = isolating(&org, Environment::Production);
    assert_eq!(ask(&closed, "GET", &target, "").status, 404);
    assert!(ask(&closed, "GET", &count, "").text().contains("\"totalSize\":1"));
    // Staging may see both.
    let staging = isolating(&org, Environment::Staging);
    assert_eq!(ask(&staging, "GET", &target, "").status, 200);
    let (_, entries) = closed.stop();
    let reads: Vec<_> = entries.iter().filter(|entry| entry["action"] == "read").collect();
    assert_eq!(reads.len(), 2, "{entries:?}");
    assert_eq!(reads[0]["counts"]["synthetic"], 1);
    assert_eq!(reads[0]["findings"][0]["decision"], "block");
    let (_, entries) = staging.stop();
    assert!(entries.iter().all(|entry| entry["action"] != "read"), "nothing is hidden there: reads stream");
}

#[test]
fn what_a_client_may_not_see_it_cannot_change() {
    let marks = Marks::new();
    let rows = [Kind::Attested, Kind::Synthetic];
    let org = LocalOrg::with(&marks, &rows, |_| false);
    let id = org.ids[1].clone().unwrap();
    let scene = isolating(&org, Environment::Production);
    let absent = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Contact/003Ey0000ZZZZZZ"), "");
    let hidden = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Contact/{id}"), "");
    assert_eq!((hidden.status, hidden.text()), (absent.status, absent.text()));
    let many = ask(
        &scene,
        "DELETE",
        &format!("{VERSION}/composite/sobjects?ids={id},{}", org.ids[0].clone().unwrap()),
        "",
    );
    let many: Value = serde_json::from_slice(&many.body).unwrap();
    assert_eq!(
        (many[0]["success"].as_bool(), many[1]["success"].as_bool()),
        (Some(false), Some(true)),
        "{many}"
    );
    let left = org.direct("GET", &query("SELECT count() FROM Contact"), "");
    assert!(left.text().contains("\"totalSize\":1"), "{}", left.text());
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Synthetic), Just(Kind::Attested), Just(Kind::Unproven)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 4, ..ProptestConfig::default() })]
    #[test]
    fn any_small_org_is_one_with_and_without_what_is_hidden(
        rows in proptest::collection::vec(any_kind(), 0..7),
        in_production in any::<bool>(),
    ) {
        let (environment, hidden) =
            if in_production { (Environment::Production, Kind::Synthetic) } else { (Environment::Sandbox, Kind::Attested) };
        let (with, without) = both(&rows, environment, hidden);
        let parts = with.lines().zip(without.lines()).find(|(one, other)| one != other);
        prop_assert_eq!(parts, None);
        prop_assert_eq!(with.len(), without.len());
    }
}
