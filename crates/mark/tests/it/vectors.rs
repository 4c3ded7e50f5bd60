//! `spec/vectors/mark-1.json`. The canonical texts here were written by hand from `spec/mark.md`.

use std::{borrow::Cow, collections::BTreeSet};

use mark::{
    BatchReceipt, Claim, DatasetFile, Draft, Form, Manifest, Mark, MarkId, Place, Reading, Record, Salt,
    Subject, TrustStore,
    checkpoint::Checkpoint,
    digest::sha256,
    json::{self, Json},
    judge,
    merkle::leaf_hash,
    note::{SignerKey, VerifierKey},
    seal,
    tlog_proof::TlogProof,
};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/mark-1.json");
const SEALED_AT: &str = "2026-11-21T00:00:00Z";

/// A record, its own salt if it has one, and its canonical bytes for content and identity.
struct Given {
    form: &'static str,
    object: &'static str,
    fields: &'static str,
    content: &'static str,
    identity: &'static str,
}

const ADA: Given = Given {
    form: "salesforce",
    object: "Contact",
    fields: r#"{"Active__c":true,"Birthdate":"1984-02-29","FirstName":"Ada","LastName":"Bell",
        "LastVisit__c":"2026-03-04T05:06:07.891+02:00","Note__c":"  two\r\nlines ","Phone":"555-0100",
        "Ref__c":"001000000000001AAA","Score__c":1.50}"#,
    content: concat!(
        r#"{"digest":"content","fields":{"Active__c":true,"Birthdate":"1984-02-29","FirstName":"Ada","#,
        r#""LastName":"Bell","LastVisit__c":"2026-03-04T03:06:07Z","Note__c":"two\nlines","#,
        r#""Phone":"555-0100","Ref__c":"001000000000001","Score__c":1.5},"object":"Contact"}"#
    ),
    identity: concat!(
        r#"{"digest":"identity","fields":{"Birthdate":"1984-02-29","FirstName":"Ada","LastName":"Bell"},"#,
        r#""object":"Contact"}"#
    ),
};

const EVE: Given = Given {
    form: "salesforce",
    object: "Contact",
    fields: r#"{"Active__c":false,"Birthdate":"1990-01-01","FirstName":"Eve","LastName":"Öde","Note__c":null,
        "Phone":"555-0101","Uncovered__c":"x"}"#,
    content: concat!(
        r#"{"digest":"content","fields":{"Birthdate":"1990-01-01","FirstName":"Eve","LastName":"Öde","#,
        r#""Phone":"555-0101"},"object":"Contact"}"#
    ),
    identity: concat!(
        r#"{"digest":"identity","fields":{"Birthdate":"1990-01-01","FirstName":"Eve","LastName":"Öde"},"#,
        r#""object":"Contact"}"#
    ),
};

const ZED: Given = Given {
    form: "fhir",
    object: "Patient",
    fields: r#"{"name":[{"given":["Zed"],"family":"Pym"}],"birthDate":"1971-12-31",
        "telecom":[{"system":"phone","value":"555-0102"}],
        "contact":[{"organization":{"reference":"Organization/1","display":"Hill"},"extra":null,"empty":[]}]}"#,
    content: concat!(
        r#"{"digest":"content","fields":{"birthDate":"1971-12-31","#,
        r#""contact":[{"organization":{"display":"Hill"}}],"name":[{"family":"Pym","given":["Zed"]}],"#,
        r#""telecom":[{"system":"phone","value":"555-0102"}]},"object":"Patient"}"#
    ),
    identity: concat!(
        r#"{"digest":"identity","fields":{"birthDate":"1971-12-31","#,
        r#""name":[{"family":"Pym","given":["Zed"]}]},"object":"Patient"}"#
    ),
};

const OBJECTS: &str = r#"{
    "Contact":{"content":["Active__c:boolean","Birthdate:date","FirstName","LastName","LastVisit__c:dateTime",
        "Note__c","Phone","Ref__c:id","Score__c:number"],"identity":["Birthdate","FirstName","LastName"]},
    "Patient":{"content":["birthDate:element","contact:element","name:element","telecom:element"],
        "identity":["birthDate","name"]}}"#;

/// One dataset as the file has it, and what the scenes take from it.
struct Made {
    value: Value,
    marks: Vec<Mark>,
}

fn made(manifest: &str, salt: Option<Salt>, signer: &SignerKey, given: &[Given]) -> Made {
    let manifest = Manifest::parse(manifest.as_bytes()).unwrap();
    let records: Vec<Record<'_>> =
        given.iter().map(|one| record(one.form, one.object, one.fields, None)).collect();
    let drafts: Vec<_> = records.iter().map(|record| Draft { salt, ..Draft::new(record) }).collect();
    let sealed = seal(&manifest, 0, &drafts, SEALED_AT).unwrap();
    let digested_with = salt.unwrap_or(manifest.salt);
    let mut written = Vec::new();
    for (one, mark) in given.iter().zip(&sealed.marks) {
        let digest = |text: &str| sha256(&[&digested_with.0, text.as_bytes()]);
        assert_eq!(mark.content, digest(one.content), "{}", one.content);
        assert_eq!(mark.identity, digest(one.identity), "{}", one.identity);
        let leaf = mark.leaf();
        written.push(json!({
            "form": one.form,
            "object": one.object,
            "fields": serde_json::from_str::<Value>(one.fields).unwrap(),
            "salt": data_encoding::HEXLOWER.encode(&digested_with.0),
            "contentBytes": one.content,
            "content": mark.content.to_hex(),
            "identityBytes": one.identity,
            "identity": mark.identity.to_hex(),
            "leafBytes": String::from_utf8(leaf.clone()).unwrap(),
            "leafHash": leaf_hash(&leaf).to_hex(),
            "markId": MarkId::of_leaf(&leaf_hash(&leaf)).to_string(),
            "mark": mark.to_text(),
        }));
    }
    let entry = sealed.entry.to_bytes();
    let checkpoint = Checkpoint::new(signer.name(), 1, leaf_hash(&entry)).unwrap().sign(signer).unwrap();
    let entry = String::from_utf8(entry).unwrap();
    let proof = TlogProof::new(0, Vec::new(), checkpoint).to_string();
    let canonical = String::from_utf8(manifest.to_canonical()).unwrap();
    let id = manifest.id().to_string();
    let file = DatasetFile { manifest, receipts: vec![BatchReceipt { entry, proof }] };
    let value = json!({
        "id": id,
        "manifestBytes": canonical,
        "records": written,
        "file": serde_json::from_str::<Value>(&file.to_json()).unwrap(),
    });
    Made { value, marks: sealed.marks }
}

/// Everything in the file, from its inputs.
#[expect(clippy::too_many_lines, reason = "the scenes are a table")]
fn vectors() -> Value {
    let generator = SignerKey::generate("generator.example/log", [1; 32]).unwrap();
    let hospital = SignerKey::generate("ehr.example/log", [2; 32]).unwrap();
    let stranger = SignerKey::generate("stranger.example/log", [3; 32]).unwrap();
    let synthetic = format!(
        r#"{{"name":"three people","source":{{"kind":"generator","name":"hand","version":"1"}},"subject":"synthetic",
        "authorship":"algorithm","method":"rule-based","purposes":["staging-testing"],"jurisdictions":["US-AL"],
        "retainUntil":"2027-12-31","salt":"BwcHBwcHBwcHBwcHBwcHBw","objects":{OBJECTS}}}"#
    );
    let attested = format!(
        r#"{{"name":"clinic","source":{{"kind":"systemOfRecord","boundary":"ehr"}},"subject":"attested",
        "authorship":"human","method":"collected","salt":"CQkJCQkJCQkJCQkJCQkJCQ","objects":{OBJECTS}}}"#
    );
    let people = made(&synthetic, None, &generator, &[ADA, EVE, ZED]);
    let clinic = made(&attested, Some(Salt([8; 16])), &hospital, &[ADA]);

    let scene =
        |name: &str, given: &Given, fields: &str, mark: Option<String>, trusted: &[&str], says: &str| {
            let (verdict, rest) = says.split_once([',', ':']).unwrap();
            let integrity = match rest.split(' ').nth(1) {
                Some(word @ ("intact" | "modified")) => Value::from(word),
                _ => Value::Null,
            };
            json!({
                "name": name, "form": given.form, "object": given.object,
                "fields": serde_json::from_str::<Value>(fields).unwrap(), "mark": mark, "trusted": trusted,
                "verdict": verdict, "integrity": integrity, "says": says,
            })
        };
    let ada = people.marks[0].to_text();
    let both = ["generator", "hospital"];
    let mut flipped = people.marks[0].clone();
    let mut sibling = *flipped.path[0].as_bytes();
    sibling[0] ^= 1;
    flipped.path[0] = mark::digest::Hash::from_bytes(sibling);
    let given_back = r#"{"attributes":{"type":"Contact"},"active__c":"TRUE","BIRTHDATE":"1984-02-29T00:00:00.000Z",
        "FirstName":"Ada ","LastName":"Bell","LastVisit__c":"2026-03-04T03:06:07.000+0000","Note__c":"two\nlines",
        "Phone":"555-0100","Ref__c":"001000000000001","Score__c":"1.5","CreatedDate":"2026-01-01"}"#;
    let other_phone = ADA.fields.replace("555-0100", "555-0199");
    let scenes = vec![
        scene("as it was sealed", &ADA, ADA.fields, Some(ada.clone()), &both, "synthetic, intact"),
        scene("as a server gives it back", &ADA, given_back, Some(ada.clone()), &both, "synthetic, intact"),
        scene(
            "another phone",
            &ADA,
            &other_phone,
            Some(ada.clone()),
            &both,
            "synthetic, modified since it was sealed",
        ),
        scene(
            "the mark on another person",
            &EVE,
            EVE.fields,
            Some(ada.clone()),
            &both,
            "transplanted: the mark was made for another record",
        ),
        scene(
            "one flipped bit in the receipt",
            &ADA,
            ADA.fields,
            Some(flipped.to_text()),
            &both,
            "forged: the receipt does not lead to the logged batch",
        ),
        scene(
            "a mark cut short",
            &ADA,
            ADA.fields,
            ada.get(..ada.len() - 8).map(str::to_owned),
            &both,
            "forged: the text in the mark's place is damaged: cut short or altered on its way",
        ),
        scene(
            "another organisation's key",
            &ADA,
            ADA.fields,
            Some(ada),
            &["stranger"],
            "untrusted: its dataset is logged by `generator.example/log`, which is not trusted here",
        ),
        scene("no mark", &ADA, ADA.fields, None, &both, "unproven: it carries no mark"),
        scene(
            "FHIR, its references rewritten",
            &ZED,
            &ZED.fields.replace("Organization/1", "Organization/e7"),
            Some(people.marks[2].to_text()),
            &both,
            "synthetic, intact",
        ),
        scene("attested", &ADA, ADA.fields, Some(clinic.marks[0].to_text()), &both, "attested, intact"),
        scene(
            "attested, the person's salt destroyed",
            &ADA,
            ADA.fields,
            Some(Mark { salt: None, ..clinic.marks[0].clone() }.to_text()),
            &both,
            "transplanted: the mark was made for another record",
        ),
    ];
    json!({
        "about": "Marks, spec/mark.md sections 1 to 6. Bytes are UTF-8 text; hashes and salts are lower-case hex.",
        "logs": {
            "generator": { "vkey": generator.verifier().to_string(), "vouchesFor": ["synthetic"] },
            "hospital": { "vkey": hospital.verifier().to_string(), "vouchesFor": ["attested"] },
            "stranger": { "vkey": stranger.verifier().to_string(), "vouchesFor": ["synthetic", "attested", "mixed"] },
        },
        "sealedAt": SEALED_AT,
        "datasets": [people.value, clinic.value],
        "scenes": scenes,
    })
}

fn record<'a>(form: &str, object: &'a str, fields: &'a str, mark: Option<&'a str>) -> Record<'a> {
    let Ok(Json::Object(fields)) = json::parse(fields.as_bytes()) else { panic!("not an object: {fields}") };
    let form = match form {
        "salesforce" => Form::Salesforce,
        "fhir" => Form::Fhir,
        other => panic!("{other}"),
    };
    Record { form, object: Cow::Borrowed(object), fields, mark: mark.map(Cow::Borrowed), claim: Claim::None }
}

#[test]
fn the_published_vectors_are_what_the_inputs_give() {
    let made = vectors();
    if std::env::var_os("UPDATE_EXPECT").is_some() && !std::fs::exists(FILE).unwrap() {
        std::fs::write(FILE, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let published: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    for (name, value) in made.as_object().unwrap() {
        assert_eq!(*value, published[name], "{name}");
    }
    assert_eq!(published.as_object().unwrap().len(), made.as_object().unwrap().len());
}

#[test]
fn the_scenes_are_judged_from_the_file_alone() {
    let published: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    let scenes = published["scenes"].as_array().unwrap();
    for scene in scenes {
        let mut trust = TrustStore::default();
        for log in scene["trusted"].as_array().unwrap() {
            let log = &published["logs"][log.as_str().unwrap()];
            let vouches: BTreeSet<Subject> = log["vouchesFor"]
                .as_array()
                .unwrap()
                .iter()
                .map(|word| word.as_str().unwrap().parse().unwrap())
                .collect();
            trust.trust(VerifierKey::parse(log["vkey"].as_str().unwrap()).unwrap(), vouches);
        }
        for dataset in published["datasets"].as_array().unwrap() {
            let file = DatasetFile::parse(dataset["file"].to_string().as_bytes()).unwrap();
            // Where its log is not trusted, the verdict has to say so.
            trust.admit(&file).ok();
        }
        let fields = scene["fields"].to_string();
        let text = |name: &str| scene[name].as_str();
        let record = record(text("form").unwrap(), text("object").unwrap(), &fields, text("mark"));
        let verdict = judge(&Reading { place: Place::default(), content: Ok(record) }, &trust);
        assert_eq!(Some(verdict.to_string().as_str()), text("says"), "{}", scene["name"]);
        assert_eq!(Some(verdict.name().as_str()), text("verdict"), "{}", scene["name"]);
    }
    assert_eq!(scenes.len(), 11);
}
