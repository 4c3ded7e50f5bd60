//! An upstream that takes everything, holds nothing, and answers as an org or a FHIR server would.

use std::{
    io::{BufReader, Write, sink},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use serde_json::json;

use crate::{
    cases::{JOB, JOBS},
    message::message,
    people::{Contacts, Patients},
    role,
};

/// Answers, made once.
struct Answers {
    created: Vec<u8>,
    collection: Vec<u8>,
    job: Vec<u8>,
    uploaded: Vec<u8>,
    rows: Vec<u8>,
    marked_rows: Vec<u8>,
    objects: Vec<u8>,
    contact: Vec<u8>,
    resource: Vec<u8>,
    found: Vec<u8>,
}

/// A connection costs a thread, and there are thousands of them.
const STACK_BYTES: usize = 128 * 1024;

pub(crate) fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Arc::new(Answers::new());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answers = Arc::clone(&answers);
            let serve = move || answer(stream.unwrap(), &answers);
            thread::Builder::new().stack_size(STACK_BYTES).spawn(serve).unwrap();
        }
    });
    role::pause(address);
}

fn answer(stream: TcpStream, answers: &Answers) {
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::with_capacity(32 * 1024, stream);
    while let Some(first) = message(&mut stream, &mut sink()) {
        // A proxy that is stopped hangs up.
        if stream.get_mut().write_all(answers.to(&first)).is_err() {
            return;
        }
    }
}

impl Answers {
    fn new() -> Self {
        let created = json!({ "id": "003Ey0000000001AAA", "success": true, "errors": [] });
        let contacts = Contacts::new();
        let job = json!({
            "id": JOB, "operation": "insert", "object": "Contact", "state": "Open", "contentType": "CSV",
            "columnDelimiter": "COMMA", "lineEnding": "LF",
        });
        Self {
            created: whole("201 Created", &created.to_string()),
            collection: whole("200 OK", &json!(vec![created; 200]).to_string()),
            job: whole("200 OK", &job.to_string()),
            uploaded: whole("201 Created", ""),
            rows: whole("200 OK", &contacts.answer(false)),
            marked_rows: whole("200 OK", &contacts.answer(true)),
            objects: whole(
                "200 OK",
                &json!({ "sobjects": [{ "name": "Contact", "keyPrefix": "003" }] }).to_string(),
            ),
            contact: whole("200 OK", &description()),
            resource: whole("201 Created", "{}"),
            found: whole("200 OK", &Patients::new().found()),
        }
    }

    fn to(&self, first: &str) -> &[u8] {
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let path = target.split('?').next().unwrap();
        match (method, path) {
            ("GET", path) if path.ends_with("/sobjects") => &self.objects,
            ("GET", path) if path.ends_with("/describe") => &self.contact,
            ("GET", path) if path.ends_with("/query") => {
                if target.contains("Eosin_Mark__c") {
                    &self.marked_rows
                } else {
                    &self.rows
                }
            }
            ("GET", "/fhir/Patient") => &self.found,
            ("POST", JOBS) => &self.job,
            ("PUT", _) => &self.uploaded,
            ("POST", path) if path.ends_with("/composite/sobjects") => &self.collection,
            ("POST", path) if path.starts_with("/services/") => &self.created,
            _ => &self.resource,
        }
    }
}

fn whole(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What the org says of its contacts, as far as anybody here looks.
fn description() -> String {
    let names = [
        "Id",
        "FirstName",
        "LastName",
        "Birthdate",
        "Phone",
        "Email",
        "Eosin_Synthetic__c",
        "Eosin_Subject__c",
        "Eosin_Authorship__c",
        "Eosin_Dataset__c",
        "Eosin_Mark_Id__c",
        "Eosin_Mark__c",
    ];
    let fields: Vec<_> =
        names.iter().map(|name| json!({ "name": name, "calculated": false, "referenceTo": [] })).collect();
    json!({ "name": "Contact", "keyPrefix": "003", "fields": fields, "childRelationships": [] }).to_string()
}
