//! The story: what happens at the line, told as it happens. Every outcome is checked; a wrong one ends with exit 1.

use http::Method;
use mark::{merkle, tlog_proof::TlogProof};
use miette::{IntoDiagnostic as _, miette};
use serde_json::{Value, json};

use super::{
    client::{Caller, Reply},
    people,
    stage::{CRM, FEED, Stage},
};
use crate::{
    outcome::Done,
    printer::{Printer, Style},
};

/// Tells the whole story.
pub(crate) async fn tell(stage: &Stage, printer: &Printer) -> Done {
    let mut teller = Teller { printer, chapter: 0, faults: 0 };
    teller.opening(stage)?;
    let crm = teller.enter_the_org(stage).await?;
    teller.what_the_org_holds(stage, &crm).await?;
    teller.towards_production(stage).await?;
    let ruling = teller.tricks(stage).await?;
    teller.attested(stage).await?;
    teller.proof(stage, ruling)?;
    teller.closing(stage);
    Ok(super::verdict(teller.faults == 0))
}

/// Says what is up and what to try while it is.
pub(crate) fn stay(stage: &Stage, console: &str, printer: &Printer) {
    let folder = stage.folder.display();
    let faint = |text: &str| printer.paint(Style::Faint, text);
    printer.line("");
    printer.line(&printer.paint(Style::Strong, "The console, with everything that just happened in it:"));
    printer.line(&format!("  {console}"));
    printer.line("");
    printer.line(
        &printer.paint(Style::Strong, "Still up, until Ctrl-C. Three things to try in another terminal:"),
    );
    printer.line("");
    printer.line(&faint("  # every tile and signature of the ledger, recomputed"));
    printer.line(&format!("  eosin ledger verify {folder}/ledger --vkey {folder}/keys/ledger.vkey"));
    printer.line(&faint("  # what the marked patients are, offline"));
    printer.line(&format!("  eosin judge {folder}/patients.ndjson --trust {folder}/keys/generator.vkey"));
    printer.line(&faint("  # one synthetic patient towards production, by hand"));
    let feed = stage.at(FEED).unwrap_or_default();
    printer.line(&format!(
        "  head -n 1 {folder}/patients.ndjson | curl -s -H 'content-type: application/fhir+json' -d @- {feed}/Patient"
    ));
}

struct Teller<'p> {
    printer: &'p Printer,
    chapter: u32,
    faults: u32,
}

impl Teller<'_> {
    fn opening(&self, stage: &Stage) -> miette::Result<()> {
        let line = |text: &str| self.printer.line(text);
        line(&self.printer.paint(Style::Strong, "Eosin: a synthetic patient meets the line"));
        line("");
        let server = |what: &str, address: &str| line(&format!("  {what:<34}{address}"));
        server("a Salesforce org, in memory", &stage.org.http_url().unwrap_or_default());
        server("a production FHIR feed", &format!("http://{}", stage.feed.address()));
        server("the gateway, in front of the org", &stage.at(CRM)?);
        server("the gateway, in front of the feed", &stage.at(FEED)?);
        if let Some(address) = stage.gateway.admin_address() {
            server("health and metrics", &format!("http://{address}/metrics"));
        }
        Ok(())
    }

    async fn enter_the_org(&mut self, stage: &Stage) -> miette::Result<Caller> {
        let count = stage.synthetic.contacts.len();
        self.chapter("A generator seals its patients");
        self.say(&format!(
            "Synthea made {count} people. Each got a {}: a receipt that its making was logged.",
            self.pink("mark")
        ));
        self.say(&format!("Their batch is one entry of the generator's own log: {}", stage.synthetic.place));

        self.chapter("They enter the sandbox org, through the gateway");
        let login = Caller::new(&stage.at(CRM)?)
            .send(
                Method::POST,
                "/services/oauth2/token",
                "application/x-www-form-urlencoded",
                "grant_type=password&client_id=local-client&client_secret=local-secret&username=admin%40org.example&password=local-passwordtoken",
            )
            .await?;
        let token =
            login.at("/access_token").ok_or_else(|| miette!("the org gave no token: {}", login.status))?;
        let told = login.at("/instance_url").unwrap_or_default();
        self.check(
            told == stage.at(CRM)?,
            "login answers with the gateway's address, so nobody is led around it",
        );
        let crm = Caller::new(&stage.at(CRM)?).with("authorization", &format!("Bearer {token}"));

        let file = &stage.synthetic.file;
        let row = json!({
            "Name": file.manifest.name,
            "Eosin_Dataset_Id__c": file.manifest.id().to_string(),
            "Eosin_Manifest__c": String::from_utf8_lossy(&file.manifest.to_canonical()),
            "Eosin_Receipt__c": file.receipts_json(),
        });
        let reply = crm.post(&format!("{DATA}/sobjects/Eosin_Dataset__c"), &row.to_string()).await?;
        self.check(
            reply.status == 201,
            "the dataset's row came first; its receipt verifies, so its marks can be proved",
        );

        let records: Vec<Value> = stage
            .synthetic
            .contacts
            .iter()
            .filter_map(|contact| serde_json::from_str(contact).ok())
            .collect();
        let body = json!({"allOrNone": false, "records": records}).to_string();
        let reply = crm.post(&format!("{DATA}/composite/sobjects"), &body).await?;
        let arrived = stage.org.count("Contact");
        self.check(
            reply.status == 200 && arrived == count,
            &format!("{arrived} contacts are in the org, each marked"),
        );
        self.provenance(&reply);
        Ok(crm)
    }

    async fn what_the_org_holds(&mut self, stage: &Stage, crm: &Caller) -> miette::Result<()> {
        self.chapter("What comes back out is still proved");
        let query =
            "SELECT FirstName, LastName, Birthdate, Phone, MailingStreet, MailingCity, MailingState, \
                     MailingPostalCode, Eosin_Mark__c FROM Contact"
                .replace(' ', "+");
        let reply = crm.get(&format!("{DATA}/query?q={query}")).await?;
        let trust = stage.flow.trust();
        let limits = carrier::Limits { body_bytes: 1 << 20, records: 1000 };
        let readings = carrier::salesforce::read_file(reply.body.as_bytes(), None, &limits).records;
        let intact =
            readings.iter().filter(|reading| mark::judge(reading, &trust).to_string() == "synthetic, intact");
        let (intact, all) = (intact.count(), readings.len());
        self.check(
            intact == all && all == stage.synthetic.contacts.len(),
            &format!("{intact} of {all} contacts read back by SOQL are {}, intact", self.pink("synthetic")),
        );
        Ok(())
    }

    async fn towards_production(&mut self, stage: &Stage) -> miette::Result<()> {
        self.chapter("The nightly sync takes them for patients");
        let feed = Caller::new(&stage.at(FEED)?);
        let reply = feed.post("/", &transaction(&stage.synthetic.patients)?).await?;
        self.check(reply.status == 403, "it sends them to the production feed: refused");
        self.quote(&reply);
        self.check(stage.feed.received() == 0, "the feed has received nothing");
        Ok(())
    }

    /// Three ways to look like a patient. Returns the ruling on the last.
    async fn tricks(&mut self, stage: &Stage) -> miette::Result<u64> {
        let feed = Caller::new(&stage.at(FEED)?);
        let unmarked = *people::patients(0, 1).first().ok_or_else(|| miette!("the fixture is empty"))?;

        self.chapter("Somebody strips the mark");
        let reply = feed.post("/Patient", unmarked).await?;
        self.check(
            reply.status == 403 && reply.body.contains("the registry knows"),
            "the registry holds keyed fingerprints of every marked record, and knows it without its mark: refused",
        );
        self.quote(&reply);

        self.chapter("Somebody moves a mark to another record");
        let moved = transplanted(stage)?;
        let reply = feed.post("/Patient", &moved).await?;
        self.check(
            reply.status == 403 && reply.body.contains("transplanted"),
            "a genuine mark, made for somebody else: it could hide a person from care, so it is refused everywhere",
        );
        self.quote(&reply);

        self.chapter("Somebody forges the header");
        let liar = feed.with("eosin-provenance", "v=1, attested=1");
        let reply = liar.post("/Patient", unmarked).await?;
        self.check(
            reply.status == 403 && reply.body.contains("not believed"),
            "\"Eosin-Provenance: attested=1\" says the request; the record says otherwise",
        );
        self.quote(&reply);
        self.check(stage.feed.received() == 0, "the feed has still received nothing");
        let ruling = reply.provenance.as_deref().and_then(ruling_index);
        ruling.ok_or_else(|| miette!("the refusal names no ruling"))
    }

    async fn attested(&mut self, stage: &Stage) -> miette::Result<()> {
        self.chapter("The morning's admissions go through");
        let count = stage.attested.patients.len();
        let feed = Caller::new(&stage.at(FEED)?);
        let reply = feed.post("/", &transaction(&stage.attested.patients)?).await?;
        let arrived = stage.feed.received();
        self.check(
            reply.status == 200 && arrived == count,
            &format!("{arrived} patients whom the record system attests have reached the feed"),
        );
        self.provenance(&reply);
        Ok(())
    }

    fn proof(&mut self, stage: &Stage, ruling: u64) -> miette::Result<()> {
        self.chapter("And all of it can be proved");
        stage.flow.appender().publish().into_diagnostic()?;
        let proof = stage.flow.appender().prove(ruling).into_diagnostic()?.to_string();
        let path = stage.folder.join(format!("entry-{ruling}.tlog-proof"));
        ledger::durable::replace(&path, proof.as_bytes()).into_diagnostic()?;

        // Checked as a stranger would: from the files alone, with the public key alone.
        let entries = ledger::Reader::open(&stage.folder.join("ledger")).into_diagnostic()?;
        let entry = entries.entries(ruling..ruling + 1).into_diagnostic()?;
        let entry = entry.first().ok_or_else(|| miette!("the ledger has no entry {ruling}"))?;
        let checkpoint = TlogProof::parse(&proof)
            .into_diagnostic()?
            .verify(&merkle::leaf_hash(entry), std::slice::from_ref(&stage.log));
        self.check(
            checkpoint.is_ok(),
            &format!(
                "ruling {ruling} is in the ledger: {} bytes of proof, checked with the public key alone",
                proof.len()
            ),
        );
        self.say(&self.printer.paint(Style::Faint, &String::from_utf8_lossy(entry)));
        Ok(())
    }

    fn closing(&self, stage: &Stage) {
        let size = stage.flow.appender().health().size;
        self.printer.line("");
        let words = if self.faults == 0 {
            self.printer.paint(
                Style::Good,
                "Nothing synthetic reached production; every ruling was on disk before it was done.",
            )
        } else {
            self.printer.paint(Style::Stop, &format!("{} things did not go as they must.", self.faults))
        };
        self.printer.line(&words);
        self.printer.line(&format!("The ledger holds {size} entries and not one word of any patient."));
    }

    fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        self.printer.line("");
        self.printer.line(&self.printer.paint(Style::Strong, &format!("{}. {title}", self.chapter)));
    }

    fn say(&self, text: &str) {
        self.printer.line(&format!("   {text}"));
    }

    fn check(&mut self, as_it_must: bool, text: &str) {
        if as_it_must {
            self.say(&format!("{} {text}", self.printer.paint(Style::Good, "✓")));
        } else {
            self.faults += 1;
            self.say(&format!("{} not so: {text}", self.printer.paint(Style::Stop, "✗")));
        }
    }

    fn pink(&self, text: &str) -> String {
        self.printer.paint(Style::Synthetic, text)
    }

    fn provenance(&self, reply: &Reply) {
        if let Some(header) = &reply.provenance {
            self.say(&self.printer.paint(Style::Faint, &format!("Eosin-Provenance: {header}")));
        }
    }

    /// What the client was told.
    fn quote(&self, reply: &Reply) {
        let said = reply.at("/issue/0/diagnostics").unwrap_or_else(|| reply.body.clone());
        for line in wrapped(&said, 92) {
            self.say(&self.printer.paint(Style::Faint, &format!("  {line}")));
        }
    }
}

const DATA: &str = "/services/data/v67.0";

/// A FHIR transaction that creates these resources.
fn transaction(resources: &[String]) -> miette::Result<String> {
    let mut entry = Vec::with_capacity(resources.len());
    for resource in resources {
        let resource: Value = serde_json::from_str(resource).into_diagnostic()?;
        entry.push(json!({"resource": resource, "request": {"method": "POST", "url": "Patient"}}));
    }
    Ok(json!({"resourceType": "Bundle", "type": "transaction", "entry": entry}).to_string())
}

/// The first synthetic patient's mark on another person's record.
fn transplanted(stage: &Stage) -> miette::Result<String> {
    let [first, .., last] = stage.synthetic.patients.as_slice() else {
        return Err(miette!("too few patients"));
    };
    let (first, mut last): (Value, Value) =
        (serde_json::from_str(first).into_diagnostic()?, serde_json::from_str(last).into_diagnostic()?);
    if let (Value::Object(from), Value::Object(to)) = (first, &mut last) {
        to.extend(from.into_iter().filter(|(name, _)| name == "extension" || name == "meta"));
    }
    Ok(last.to_string())
}

/// The index in `ruling="origin#index"`.
fn ruling_index(header: &str) -> Option<u64> {
    let (_, after) = header.split_once("ruling=\"")?;
    after.split_once('"')?.0.rsplit_once('#')?.1.parse().ok()
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| !line.is_empty() && line.len() + word.len() >= width) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
