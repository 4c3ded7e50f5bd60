//! The canary: one patient with a peculiar name goes through every path and refusal, and nothing that is kept or
//! said afterwards holds the name.

use std::{fs, net::SocketAddr, path::Path};

use data_encoding::{BASE64, HEXLOWER};

use crate::program::{Server, eosin, http, said};

const NAME: &str = "Zzyzx-7";
const CONTACT: &str = r#"{"attributes":{"type":"Contact"},"FirstName":"Canary","LastName":"Zzyzx-7","Birthdate":"1984-02-29","Email":"zzyzx-7@example.org"}"#;
const PATIENT: &str =
    r#"{"resourceType":"Patient","name":[{"family":"Zzyzx-7","given":["Canary"]}],"birthDate":"1984-02-29"}"#;

fn set_up(folder: &Path, org: SocketAddr) {
    said(folder, &["init", "--yes"], 0);
    let boundary = |name: &str, protocol: &str, upstream: &str, environment: &str| {
        format!(
            "\n[[boundary]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nlisten = \"127.0.0.1:0\"\n\
             upstream = \"{upstream}\"\nenvironment = \"{environment}\"\n"
        )
    };
    let config = [
        "[ledger]\nfolder = \"ledger\"\nsigner = \"keys/ledger.skey\"\nvkey = \"keys/ledger.vkey\"\n".to_owned(),
        "[admin]\nlisten = \"127.0.0.1:0\"\n[datasets]\nfolder = \"datasets\"\n[limits]\nbody_bytes = 65536\n".to_owned(),
        boundary("crm", "salesforce", &format!("http://{org}"), "sandbox"),
        boundary("production-crm", "salesforce", &format!("http://{org}"), "production"),
        boundary("feed", "fhir", "http://127.0.0.1:9", "production"),
        boundary("broken-lab", "fhir", "http://127.0.0.1:9", "sandbox"),
    ]
    .concat();
    fs::write(folder.join("eosin.toml"), config).unwrap();
}

/// What the gateway itself said: everything but answers of the upstream.
fn refusals(gateway: &Server, marked_contact: &str, marked_patient: &str, token: &str) -> Vec<String> {
    let data = "/services/data/v67.0";
    let bearer = format!("Bearer {token}");
    let json = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let fhir = [("content-type", "application/fhir+json")];
    let liar =
        [("content-type", "application/fhir+json"), ("eosin-provenance", "v=1, attested=1, who=\"Zzyzx-7\"")];
    let csv = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
    let records = |record: &str| format!(r#"{{"allOrNone":false,"records":[{record},{record}]}}"#);
    let composite = format!(
        r#"{{"compositeRequest":[{{"method":"POST","url":"{data}/sobjects/Contact","referenceId":"one","body":{CONTACT}}}]}}"#
    );
    let long = format!(r#"{{"LastName":"{}"}}"#, NAME.repeat(20_000));
    let crm = gateway.address("production-crm");
    let feed = gateway.address("feed");
    let lab = gateway.address("broken-lab");
    let mut said = Vec::new();
    let mut ask = |at, method, target: &str, headers: &[(&str, &str)], body: &str| {
        let (status, answer) = http(at, method, target, headers, body.as_bytes());
        assert!(status >= 400 || answer.contains("EOSIN_BLOCKED"), "{method} {status} should be refused");
        said.push(answer);
    };
    ask(crm, "POST", &format!("{data}/sobjects/Contact"), &json, CONTACT);
    ask(crm, "POST", &format!("{data}/sobjects/Contact"), &json, marked_contact);
    ask(crm, "PATCH", &format!("{data}/sobjects/Contact/Email/zzyzx-7@example.org"), &json, CONTACT);
    ask(crm, "POST", &format!("{data}/composite/sobjects"), &json, &records(CONTACT));
    ask(crm, "POST", &format!("{data}/composite/tree/Contact"), &json, &records(CONTACT));
    ask(crm, "POST", &format!("{data}/composite"), &json, &composite);
    ask(crm, "PUT", &format!("{data}/jobs/ingest/750000000000001AAA/batches"), &csv, "LastName\nZzyzx-7\n");
    ask(crm, "POST", "/services/Soap/u/67.0", &json, "<create><LastName>Zzyzx-7</LastName></create>");
    ask(crm, "POST", "/services/async/67.0/job/Zzyzx-7/batch", &csv, "LastName\nZzyzx-7\n");
    ask(crm, "POST", &format!("{data}/sobjects/Contact"), &json, r#"{"LastName":"Zzyzx-7","LastName":"x"}"#);
    ask(crm, "POST", &format!("{data}/sobjects/Contact"), &json, r#"{"LastName":"Zzyzx-7"#);
    ask(crm, "POST", &format!("{data}/sobjects/Contact"), &json, &long);
    ask(crm, "POST", &format!("{data}/graphql"), &json, r#"{"query":"mutation { Zzyzx-7 }"}"#);
    ask(feed, "POST", "/Patient", &fhir, PATIENT);
    ask(feed, "POST", "/Patient", &fhir, marked_patient);
    ask(feed, "POST", "/Patient", &liar, PATIENT);
    ask(feed, "PUT", "/Patient/Zzyzx-7", &fhir, PATIENT);
    ask(feed, "PUT", "/Patient?name=Zzyzx-7", &fhir, PATIENT);
    ask(feed, "PATCH", "/Patient/Zzyzx-7", &fhir, r#"[{"op":"add","path":"/name","value":"Zzyzx-7"}]"#);
    ask(
        feed,
        "POST",
        "/",
        &fhir,
        &format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"resource":{PATIENT}}}]}}"#),
    );
    ask(
        feed,
        "POST",
        "/Patient",
        &[("content-type", "application/fhir+xml")],
        "<Patient><family value=\"Zzyzx-7\"/></Patient>",
    );
    ask(feed, "BREW", "/Zzyzx-7", &fhir, PATIENT);
    // Allowed, and then nobody is there to take it.
    ask(lab, "POST", "/Patient", &fhir, PATIENT);
    ask(lab, "GET", "/Patient?family=Zzyzx-7", &fhir, "");
    said
}

/// What is said of a folder with the canary in it, and of a file that is split.
fn folders_and_parts(home: &Path, kept: &mut Vec<(String, Vec<u8>)>) {
    fs::create_dir(home.join("feed")).unwrap();
    let table = "name,dob,mail\nCanary Zzyzx-7,1984-02-29,zzyzx-7@example.org\nZzyzx-7,short\n";
    fs::write(home.join("feed/people.csv"), table).unwrap();
    fs::write(home.join("feed/zzyzx.txt"), "Zzyzx-7, a letter").unwrap();
    fs::write(home.join("feed/cut.csv.gz"), b"\x1F\x8B\x08\0Zzyzx-7").unwrap();
    let filter =
        ["filter", "feed/people.csv", "--kept", "k.csv", "--withheld", "w.csv", "--boundary", "broken-lab"];
    for form in [
        vec!["judge", "feed", "-v", "--config", "eosin.toml"],
        vec!["judge", "feed", "--json", "--config", "eosin.toml"],
        filter.to_vec(),
    ] {
        let output = eosin(home, &form);
        kept.push((format!("{form:?}"), [output.stdout, output.stderr].concat()));
    }
    for part in ["k.csv", "w.csv"] {
        let name = format!("{part}.manifest.json");
        kept.push((name.clone(), fs::read(home.join(name)).unwrap()));
    }
}

#[test]
fn nothing_kept_or_said_holds_the_canarys_name() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let org = Server::start(home, &["org"], "client secret");
    set_up(home, org.address("http "));
    fs::write(home.join("contacts.json"), CONTACT).unwrap();
    fs::write(home.join("patients.ndjson"), PATIENT).unwrap();
    let mut kept = Vec::new();
    for (from, to) in [("contacts.json", "marked.json"), ("patients.ndjson", "marked.ndjson")] {
        let output = eosin(home, &["mark", from, "--out", to, "--dataset", "canary", "--generator", "hand"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        kept.push((format!("mark {from}"), [output.stdout, output.stderr].concat()));
        fs::create_dir_all(home.join("datasets")).unwrap();
        let dataset = format!("{to}.dataset.json");
        fs::copy(home.join(&dataset), home.join("datasets").join(&dataset)).unwrap();
    }
    fs::write(home.join("broken.json"), r#"{"LastName":"Zzyzx-7""#).unwrap();
    for file in ["contacts.json", "marked.json", "marked.ndjson", "broken.json"] {
        for form in [
            vec!["judge", file, "--config", "eosin.toml"],
            vec!["judge", file, "--json", "--config", "eosin.toml"],
        ] {
            let output = eosin(home, &form);
            kept.push((format!("{form:?}"), [output.stdout, output.stderr].concat()));
        }
    }

    folders_and_parts(home, &mut kept);

    let gateway = Server::start(home, &["run", "-vv"], "health and metrics");
    let login = "grant_type=password&client_id=local-client&client_secret=local-secret&username=admin%40org.example&password=local-passwordtoken";
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let (status, answer) =
        http(gateway.address("listening crm"), "POST", "/services/oauth2/token", &form, login.as_bytes());
    assert_eq!(status, 200, "{answer}");
    let token = answer.split("\"access_token\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let bearer = format!("Bearer {token}");
    let json = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let bare = CONTACT.replace(r#""attributes":{"type":"Contact"},"#, "");
    let (status, answer) = http(
        gateway.address("listening crm"),
        "POST",
        "/services/data/v67.0/sobjects/Contact",
        &json,
        bare.as_bytes(),
    );
    assert_eq!(status, 201, "an unproven contact may enter a sandbox: {answer}");

    let marked = fs::read_to_string(home.join("marked.json")).unwrap();
    let patient = fs::read_to_string(home.join("marked.ndjson")).unwrap();
    for answer in refusals(&gateway, &marked, &patient, &token) {
        kept.push(("a refusal".to_owned(), answer.into_bytes()));
    }
    let (_, metrics) = http(gateway.address("health and metrics"), "GET", "/metrics", &[], b"");
    assert!(metrics.contains("eosin_"), "{metrics}");
    kept.push(("metrics".to_owned(), metrics.into_bytes()));
    kept.push(("the gateway's output".to_owned(), gateway.stop().into_bytes()));
    files(&home.join("ledger"), &mut kept);
    drop(org.stop());

    // The search finds what must be there: the boundary's name is in entries, metrics, refusals and the log.
    for what in ["entries", "metrics", "a refusal", "the gateway's output"] {
        let of_that = kept.iter().filter(|(name, _)| name.contains(what));
        let named = of_that.filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("production-crm"));
        assert!(named.count() > 0, "{what} was not searched");
    }
    nowhere(&kept);
}

#[test]
fn nothing_about_a_certificate_holds_the_canarys_name() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    said(home, &["init", "--yes"], 0);
    fs::write(home.join("wards.csv"), format!("ward,beds,note\nW1,3,{NAME}\n{NAME},4,open\n")).unwrap();
    fs::write(home.join("contacts.json"), CONTACT).unwrap();
    fs::write(home.join("broken.ndjson"), format!("{PATIENT}\n{{\"{NAME}\"")).unwrap();
    let mut kept = Vec::new();
    for (arguments, code) in [
        (&["certify", "wards.csv", "-vv"][..], 0),
        (&["certify", "wards.csv", "--json", "--out", "second.certificate.json"], 0),
        (&["certify", "--verify", "wards.csv.certificate.json", "-vv"], 0),
        (&["certify", "--verify", "wards.csv.certificate.json", "--json"], 0),
        (&["certify", "--verify", "wards.csv.certificate.json", "contacts.json"], 1),
        (&["certify", "contacts.json", "--only-attested", "-vv"], 1),
        (&["certify", "contacts.json", "--only-attested", "--json"], 1),
        (&["certify", "broken.ndjson"], 1),
        (&["certify", "broken.ndjson", "--json"], 1),
        (&["drill", "strip", "contacts.json"], 0),
        (&["drill", "strip", "broken.ndjson", "--json"], 0),
    ] {
        let output = eosin(home, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        kept.push((format!("{arguments:?}"), [output.stdout, output.stderr].concat()));
    }
    for name in ["wards.csv.certificate.json", "second.certificate.json"] {
        let bytes = fs::read(home.join(name)).unwrap();
        let envelope: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let payload = BASE64.decode(envelope["payload"].as_str().unwrap().as_bytes()).unwrap();
        assert!(String::from_utf8_lossy(&payload).contains("wards.csv"), "what is searched is the statement");
        kept.push((name.to_owned(), bytes));
        kept.push((format!("{name}, its payload"), payload));
    }
    files(&home.join("ledger"), &mut kept);
    let entries = kept.iter().filter(|(name, _)| name.contains("entries"));
    let logged =
        entries.filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("certificate-refused@1"));
    assert!(logged.count() > 0, "the ledger was not searched");
    nowhere(&kept);
}

/// The name is in none of these.
fn nowhere(kept: &[(String, Vec<u8>)]) {
    for (what, bytes) in kept {
        for needle in disguises() {
            let found = bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(&needle));
            assert!(!found, "{what} holds the name: {}", String::from_utf8_lossy(bytes));
        }
    }
}

fn files(folder: &Path, kept: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, kept);
        } else {
            kept.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// The name as UTF-8, UTF-16 in both orders, hex, and the inner part of base64 at each of three alignments.
fn disguises() -> Vec<Vec<u8>> {
    let utf16: Vec<u16> = NAME.encode_utf16().collect();
    let mut all = vec![
        NAME.as_bytes().to_vec(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        HEXLOWER.encode(NAME.as_bytes()).into_bytes(),
    ];
    for shift in 0..3 {
        let padded = [vec![b' '; shift], NAME.as_bytes().to_vec()].concat();
        let text = BASE64.encode(&padded);
        let inner = &text.as_bytes()[if shift == 0 { 0 } else { 4 }..text.len() - 4];
        all.push(inner.to_vec());
    }
    all
}
