//! What is asked: a table of cases, and the bytes of each.

use std::fmt::Write as _;

use crate::{
    Scale,
    people::{CONTACTS, Contacts, FOUND, HIDDEN, HIDDEN_FOUND, Patients, patient},
};

/// One thing that clients ask for.
pub(crate) struct Case {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// As in the tables.
    pub(crate) title: &'static str,
    /// The boundary of the gateway that is asked.
    pub(crate) boundary: &'static str,
    pub(crate) method: &'static str,
    pub(crate) target: &'static str,
    kind: &'static str,
    body: fn(&Contacts, Scale) -> Vec<u8>,
    /// The answer's status if all is well.
    pub(crate) status: u16,
    /// How many connections ask at once.
    pub(crate) connections: usize,
    /// Requests of one round.
    count: usize,
}

/// The job whose upload is measured.
pub(crate) const JOBS: &str = "/services/data/v67.0/jobs/ingest";
pub(crate) const JOB: &str = "7505000000000EAAAQ";
pub(crate) const UPLOAD: &str = "/services/data/v67.0/jobs/ingest/7505000000000EAAAQ/batches";
const BULK_BYTES: usize = 10_000_000;

pub(crate) const CASES: [Case; 8] = [
    Case {
        name: "create",
        title: "Salesforce create",
        boundary: "crm",
        method: "POST",
        target: "/services/data/v67.0/sobjects/Contact",
        kind: "application/json",
        body: |contacts, _| contacts.row(&contacts.attested, 0).into_bytes(),
        status: 201,
        connections: 64,
        count: 20_000,
    },
    Case {
        name: "collection",
        title: "collection of 200",
        boundary: "crm",
        method: "POST",
        target: "/services/data/v67.0/composite/sobjects",
        kind: "application/json",
        body: collection,
        status: 200,
        connections: 64,
        count: 1_000,
    },
    Case {
        name: "bulk",
        title: "Bulk CSV of 10 MB",
        boundary: "crm",
        method: "PUT",
        target: UPLOAD,
        kind: "text/csv",
        body: bulk,
        status: 201,
        connections: 4,
        count: 40,
    },
    Case {
        name: "query",
        title: "SOQL query of 2,000 rows, filtered",
        boundary: "isolated",
        method: "GET",
        target: "/services/data/v67.0/query?q=SELECT+FirstName,LastName,Birthdate,Phone,Email+FROM+Contact",
        kind: "",
        body: |_, _| Vec::new(),
        status: 200,
        connections: 8,
        count: 200,
    },
    Case {
        name: "fhir",
        title: "FHIR POST of 2.2 KB",
        boundary: "ehr",
        method: "POST",
        target: "/fhir/Patient",
        kind: "application/fhir+json",
        body: |_, _| patient().0,
        status: 201,
        connections: 64,
        count: 20_000,
    },
    Case {
        name: "bundle",
        title: "FHIR transaction of 1 MB",
        boundary: "ehr",
        method: "POST",
        target: "/fhir",
        kind: "application/fhir+json",
        body: |_, _| Patients::new().transaction(),
        status: 201,
        connections: 4,
        count: 200,
    },
    Case {
        name: "search",
        title: "FHIR search of 1,000 resources, filtered",
        boundary: "ward",
        method: "GET",
        target: "/fhir/Patient?_count=1000",
        kind: "",
        body: |_, _| Vec::new(),
        status: 200,
        connections: 4,
        count: 100,
    },
    // A search by POST writes nothing, so its body streams through.
    Case {
        name: "open",
        title: "the same, not judged",
        boundary: "ehr",
        method: "POST",
        target: "/fhir/Patient/_search",
        kind: "application/fhir+json",
        body: |_, _| patient().0,
        status: 201,
        connections: 64,
        count: 20_000,
    },
];

impl Case {
    pub(crate) fn find(name: &str) -> &'static Self {
        CASES.iter().find(|case| case.name == name).expect("a case of this name")
    }

    /// The whole request.
    pub(crate) fn request(&self, host: &str, scale: Scale) -> Vec<u8> {
        self.request_with(host, &self.body(scale))
    }

    pub(crate) fn body(&self, scale: Scale) -> Vec<u8> {
        (self.body)(&Contacts::new(), scale)
    }

    pub(crate) fn request_with(&self, host: &str, body: &[u8]) -> Vec<u8> {
        request(self.method, self.target, host, self.kind, body)
    }

    /// Requests of one round at this scale.
    pub(crate) fn requests(&self, scale: Scale) -> usize {
        scale.pick(self.count, (self.count / 100).max(2 * self.connections))
    }

    /// What each row of an answer has once, how many rows there are, and how many of them a client behind the gateway does not
    /// see; nothing for writes.
    pub(crate) fn rows(&self) -> Option<(&'static str, usize, usize)> {
        match self.name {
            "query" => Some(("\"attributes\"", CONTACTS, HIDDEN)),
            "search" => Some(("\"resourceType\":\"Patient\"", FOUND, HIDDEN_FOUND)),
            _ => None,
        }
    }
}

/// A request's bytes.
pub(crate) fn request(method: &str, target: &str, host: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer bench\r\n");
    if !body.is_empty() {
        write!(head, "Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()).unwrap();
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

fn collection(contacts: &Contacts, _: Scale) -> Vec<u8> {
    let rows: Vec<String> = (0..200)
        .map(|at| {
            let row = contacts.row(&contacts.attested, at);
            format!(r#"{{"attributes":{{"type":"Contact"}},{}"#, row.strip_prefix('{').unwrap())
        })
        .collect();
    format!(r#"{{"allOrNone":false,"records":[{}]}}"#, rows.join(",")).into_bytes()
}

fn bulk(contacts: &Contacts, scale: Scale) -> Vec<u8> {
    let (header, lines) = contacts.table();
    let mut body = header.into_bytes();
    for line in lines.iter().cycle() {
        if body.len() + line.len() > scale.pick(BULK_BYTES, BULK_BYTES / 50) {
            break;
        }
        body.extend_from_slice(line.as_bytes());
    }
    body
}
