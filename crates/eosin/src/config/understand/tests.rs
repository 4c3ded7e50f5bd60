//! Scenes: configurations that are understood, and faults that are all said at once.

use std::path::Path;

use super::understand;

const GOOD: &str = r#"
[ledger]
folder = "ledger"
signer = "keys/ledger.skey"
vkey = "keys/ledger.vkey"

[[boundary]]
name = "crm"
protocol = "salesforce"
listen = "127.0.0.1:8443"
tls = true
upstream = "https://org.example"
environment = "sandbox"
"#;

fn faults(text: &str) -> String {
    let report = understand(text, Path::new("/home/eosin.toml")).unwrap_err();
    let labels = report.labels().into_iter().flatten();
    let mut said: Vec<String> = labels.filter_map(|label| label.label().map(str::to_owned)).collect();
    said.insert(0, report.to_string());
    said.join(" | ")
}

#[test]
fn a_short_configuration_is_understood_with_careful_defaults() {
    let config = understand(GOOD, Path::new("/home/eosin.toml")).unwrap();
    let crm = &config.boundaries[0];
    assert_eq!(config.ledger.folder, Path::new("/home/ledger"));
    assert_eq!(crm.boundary.mode, policy::Mode::Enforce);
    assert_eq!(crm.boundary.continuity, policy::Continuity::Strict);
    assert!(!config.own_vouches().contains(&mark::Subject::Attested));
}

#[test]
fn apex_is_mapped_or_closed() {
    let map = |text: &str| format!("{GOOD}{text}");
    let path = "[[boundary.apex]]\npath = \"/patients\"\n";
    let good = map(&format!(
        "anonymous_apex = \"allow\"\n{path}method = \"post\"\nobject = \"Contact\"\nfields = {{ family = \"LastName\" }}\n"
    ));
    let config = understand(&good, Path::new("/home/eosin.toml")).unwrap();
    let doors = &config.boundaries[0].doors;
    assert_eq!(doors.anonymous_apex, carrier::salesforce::AnonymousApex::Allow);
    assert_eq!(doors.apex[0].method, "POST");
    assert_eq!(doors.apex[0].fields, [("family".to_owned(), "LastName".to_owned())]);
    for (text, want) in [
        ("anonymous_apex = \"maybe\"\n".to_owned(), "it runs unjudged"),
        (format!("{path}method = \"GET\"\nobject = \"Contact\"\n"), "reads need no map"),
        (format!("{path}method = \"PUT\"\nobject = \"a b\"\n"), "an object is an API name"),
        (format!("{path}method = \"PUT\"\nobject = \"A\"\nrecords = \"a\"\n"), "a JSON pointer"),
        (format!("{path}method = \"PUT\"\n"), "missing field `object`"),
        (
            format!("{path}method = \"PUT\"\nobject = \"A\"\n{path}method = \"put\"\nobject = \"B\"\n"),
            "another map has this path and method",
        ),
    ] {
        let said = faults(&map(&text));
        assert!(said.contains(want), "{said}");
    }
    let fhir = map("anonymous_apex = \"allow\"\n").replace("\"salesforce\"", "\"fhir\"");
    assert!(faults(&fhir).contains("only a Salesforce boundary has Apex"));
}

const EVENTS: &str = r#"
[ledger]
folder = "ledger"
signer = "keys/ledger.skey"
vkey = "keys/ledger.vkey"

[quarantine]
folder = "quarantine"
key = "keys/quarantine.key"

[[boundary]]
name = "events"
protocol = "webhook"
listen = "127.0.0.1:8446"
environment = "production"
quarantine = true

[boundary.events]
format = "json"
path = "/events"
object = "Contact"
class = "/class"

[[boundary.webhook]]
class = "attested"
url = "https://consumer.example.org/hooks?v=1"
keys = ["keys/attested.whsec"]

[[boundary.webhook]]
class = "synthetic"
url = "http://127.0.0.1:9000/hooks"
keys = ["keys/synthetic.whsec"]
"#;

#[test]
fn events_are_sorted_to_two_endpoints_with_careful_defaults() {
    let config = understand(EVENTS, Path::new("/home/eosin.toml")).unwrap();
    let events = &config.boundaries[0];
    assert_eq!(events.protocol, flow::Protocol::Webhook);
    assert_eq!(events.upstream, "https://consumer.example.org/");
    let webhook = events.webhook.as_ref().unwrap();
    assert_eq!(webhook.synthetic.boundary.environment, policy::Environment::Test);
    assert_eq!(webhook.attested.boundary.environment, policy::Environment::Production);
    assert_eq!(webhook.extent, flow::Extent::Whole);
    assert_eq!(webhook.retries.len(), 9);
    assert_eq!(webhook.attested.consumer.keys, [Path::new("/home/keys/attested.whsec")]);
    for (from, to, want) in [
        ("quarantine = true\n", "", "it needs `quarantine = true`"),
        ("class = \"synthetic\"\nurl", "class = \"attested\"\nurl", "another endpoint has this class"),
        ("class = \"synthetic\"\nurl", "class = \"real\"\nurl", "a class is `synthetic` or `attested`"),
        ("http://127.0.0.1:9000", "http://consumer.example.org", "plain HTTP is for this machine only"),
        ("keys/synthetic.whsec", "keys/attested.whsec", "each endpoint has keys of its own"),
        ("[\"keys/synthetic.whsec\"]", "[]", "`keys` names one file"),
        ("\"json\"", "\"xml\"", "`json`, `cloudevents` or `outbound-message`"),
        ("\"/events\"", "\"events\"", "a path begins with `/`"),
        ("\"/class\"", "\"class\"", "a JSON pointer"),
        ("object = \"Contact\"\n", "", "an object is an API name"),
        ("object = ", "retry_seconds = [0]\nobject = ", "between 1 second and a week"),
        ("object = ", "shows = \"half\"\nobject = ", "cannot be checked"),
        ("\"webhook\"", "\"fhir\"", "only a boundary with `protocol = \"webhook\"`"),
    ] {
        assert!(EVENTS.contains(from), "{from}");
        let said = faults(&EVENTS.replace(from, to));
        assert!(said.contains(want), "{want}: {said}");
    }
    let bare = EVENTS.split_once("[boundary.events]").unwrap().0;
    assert!(faults(bare).contains("it needs `[boundary.events]`"));
}

#[test]
fn an_hl7_v2_boundary_has_a_receiver() {
    let feed = GOOD
        .replace("\"salesforce\"", "\"hl7v2\"")
        .replace("https://org.example", "mllps://ris.example:2575")
        + "sender_ca = \"keys/senders.pem\"\n";
    let config = understand(&feed, Path::new("/home/eosin.toml")).unwrap();
    assert_eq!(config.boundaries[0].protocol, flow::Protocol::Hl7v2);
    assert_eq!(config.boundaries[0].sender_ca.as_deref(), Some(Path::new("/home/keys/senders.pem")));
    for (from, to, want) in [
        ("mllps://ris.example:2575", "https://ris.example:2575", "is `mllp://host:port`"),
        ("mllps://ris.example:2575", "mllp://ris.example", "is `mllp://host:port`"),
        ("mllps://ris.example:2575", "mllp://ris.example:2575/x", "is `mllp://host:port`"),
        ("tls = true", "tls = false", "asks senders for certificates"),
        ("tls = true", "tls = true\nreads = \"open\"", "nothing is read"),
        ("tls = true", "tls = true\nfhir_base = \"/x\"", "only a FHIR boundary has a base"),
        ("tls = true", "anonymous_apex = \"allow\"", "only a Salesforce boundary has Apex"),
        ("127.0.0.1:8443\"\ntls = true", "0.0.0.0:2575\"", "plain MLLP is for loopback only"),
        ("\"hl7v2\"", "\"fhir\"", "an upstream is `http://host:port`"),
    ] {
        assert!(feed.contains(from), "{from}");
        let said = faults(&feed.replace(from, to));
        assert!(said.contains(want), "{want}: {said}");
    }
}

#[test]
fn every_fault_is_said_at_once() {
    let check = |from: &str, to: &str, want: &[&str]| {
        assert!(GOOD.contains(from), "{from}");
        let said = faults(&GOOD.replace(from, to));
        for word in want {
            assert!(said.contains(word), "{said}");
        }
    };
    check("salesforce", "soap", &["has a fault", "`salesforce`, `fhir`, `hl7v2` or `webhook`"]);
    check("sandbox", "prod", &["environment `prod` is not one of"]);
    check("127.0.0.1:8443\"\ntls = true", "0.0.0.0:80\"", &["plain HTTP is for loopback only"]);
    check("https://org.example", "ftp://org.example", &["`http://host:port`"]);
    check("\"crm\"", "\"patient Bell\"", &["a name has 1 to 64"]);
    check("name =", "nam =", &["unknown field `nam`"]);
    check(
        "environment = \"sandbox\"\n",
        "environment = \"prod\"\nmode = \"soft\"\n",
        &["2 faults", "prod", "soft"],
    );
    check("[[boundary]]", "[limits]\nrecords = 0\n[[boundary]]", &["between 1 and"]);
    let twice = format!("{GOOD}{}", GOOD.split_once("\n\n").unwrap().1);
    assert!(faults(&twice).contains("something else listens here | another boundary has this name"));
}

const FOLLOWED: &str = r#"
[[subscription]]
name = "contacts"
boundary = "events"
topic = "/data/ContactChangeEvent"
org = "https://org.my.example.com"
client_id = "key"
client_secret = "keys/org.secret"
"#;

#[test]
fn a_topic_is_followed_to_a_boundary_of_its_object() {
    let events =
        EVENTS.replace("\"json\"", "\"cloudevents\"").replace("class = \"/class\"", "records = \"/record\"");
    let text = format!("{events}{FOLLOWED}");
    let config = understand(&text, Path::new("/home/eosin.toml")).unwrap();
    let followed = &config.subscriptions[0];
    assert_eq!(followed.api, "https://api.pubsub.salesforce.com:7443/");
    assert_eq!(followed.object.as_deref(), Some("Contact"));
    assert_eq!(followed.gone, subscription::Gone::Stop);
    assert_eq!((followed.first, followed.fetch), (subscription::Begin::Latest, 50));
    assert_eq!(followed.folder, Path::new("/home/subscriptions/contacts"));
    let event = text.replace("/data/ContactChangeEvent", "/event/Visit__e");
    assert_eq!(understand(&event, Path::new("/home/eosin.toml")).unwrap().subscriptions[0].object, None);
    for (from, to, want) in [
        ("boundary = \"events\"", "boundary = \"other\"", "there is no boundary of this name"),
        ("records = \"/record\"", "records = \"/data\"", "needs `format = \"cloudevents\"`"),
        ("/data/ContactChangeEvent", "/data/ChangeEvents", "`/data/ContactChangeEvent`"),
        ("/data/ContactChangeEvent", "/data/LeadChangeEvent", "for each object"),
        ("https://org.my", "http://org.my", "plain HTTP is for this machine only"),
        ("example.com\"", "example.com/x\"", "it is `https://host`"),
        ("client_id", "on_gone = \"skip\"\nclient_id", "`stop`, `earliest` or `latest`"),
        ("client_id", "begin = \"stop\"\nclient_id", "`earliest` or `latest`"),
        ("client_id", "records = \"all\"\nclient_id", "cannot be checked"),
        ("client_id", "fetch = 101\nclient_id", "between 1 and 100"),
        ("name = \"contacts\"", "name = \"con tacts\"", "a name has 1 to 64"),
    ] {
        assert!(text.contains(from), "{from}");
        let said = faults(&text.replace(from, to));
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(faults(&format!("{text}{FOLLOWED}")).contains("another subscription has this name"));
}
