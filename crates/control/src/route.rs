//! Every route: its method and path, what it takes, what is given to it and what it answers.

use std::{collections::BTreeMap, sync::LazyLock};

use access::Action;
use schemars::{Schema, SchemaGenerator};

use crate::{
    BASE,
    answers::{
        Decided, EmergencyPlaced, EmergencyStatus, EmergencyVersions, LedgerCheck, Ledgers, Me, Posture,
        Proof, Quarantine, QuarantineKept,
    },
    lists::{LISTS, List},
    policies::{
        PolicyActivate, PolicyActivated, PolicyChecked, PolicyDifference, PolicyHistory, PolicyInForce,
        PolicyReplay, PolicyReplayed, PolicyRollback, PolicyText,
    },
    problem::Problem,
    query::{Query, decoded},
    wishes::{Note, Reject, Release},
};

/// What is called.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// The document that describes all this.
    Document,
    /// Who asks.
    Me,
    /// The last day in one look.
    Posture,
    /// A page of a list.
    List(&'static List),
    /// One transaction.
    Transaction,
    /// The proof of an entry.
    Proof,
    /// The ledgers.
    Ledgers,
    /// One question in SQL.
    IndexQuery,
    /// Have a dataset known.
    DatasetRegister,
    /// A ledger, checked now.
    LedgerCheck,
    /// What is in the quarantine.
    Quarantine,
    /// An item of it.
    QuarantineItem,
    /// Deliver an item.
    Release,
    /// Reject an item.
    Reject,
    /// What is in force for an emergency.
    EmergencyStatus,
    /// What was prepared for one.
    EmergencyVersions,
    /// What a first person signed.
    EmergencyAsk,
    /// What a second person signed too.
    EmergencyApprove,
    /// What somebody signed to end one.
    EmergencyStandDown,
    /// The versions that were in force.
    PolicyHistory,
    /// The version in force.
    PolicyInForce,
    /// What is to be said of policies.
    PolicyCheck,
    /// How they differ from those in force.
    PolicyDiff,
    /// What would have been otherwise.
    PolicyReplay,
    /// Put them in force.
    PolicyActivate,
    /// Put a version in force again.
    PolicyRollback,
}

/// How a schema is made.
pub(crate) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// What is called.
    pub call: Call,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path after [`BASE`], with `{names}`.
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) tag: &'static str,
    pub(crate) says: &'static str,
    /// What it takes; nothing where everybody may who is known.
    pub needs: Option<Action>,
    /// Whether nobody needs to be known.
    pub is_open: bool,
    /// The names in its query.
    pub(crate) query: Vec<&'static str>,
    pub(crate) body: Option<Describe>,
    pub(crate) answer: Option<Describe>,
    /// Whether `If-Match` says which state was looked at.
    pub(crate) matches: bool,
}

/// A route that was found, and what its path and query say.
#[derive(Clone, Debug)]
pub struct Found {
    /// It.
    pub route: &'static Route,
    /// The query.
    pub query: Query,
    names: BTreeMap<String, String>,
}

/// Why there is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// There is none, or the query is at fault.
    Problem(Problem),
    /// There is one with these methods.
    Method(&'static str),
}

impl Route {
    /// Its name, as the document has it.
    pub fn name(&self) -> &str {
        &self.id
    }
}

impl Found {
    /// A part of the path.
    pub fn name(&self, name: &str) -> &str {
        self.names.get(name).map_or("", String::as_str)
    }

    /// A part of the path that is an entry.
    ///
    /// Errors: a problem 400.
    pub fn entry(&self) -> Result<i64, Problem> {
        let text = self.name("entry");
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let read = text.parse().ok().filter(|entry| plain && *entry <= ENTRY_MAX);
        read.ok_or_else(|| Problem::new(400, "an entry is a whole number from 0"))
    }
}

/// The largest number of an entry: what a double holds exactly, as some who read JSON have nothing else.
pub(crate) const ENTRY_MAX: i64 = (1 << 53) - 1;

/// The route of a method and a target, which begins with [`BASE`].
///
/// Errors: [`Missed`].
pub fn find(method: &str, target: &str) -> Result<Found, Missed> {
    let path = target.split('?').next().unwrap_or(target);
    let absent =
        || Missed::Problem(Problem::new(404, "there is no such path; /api/v1/openapi.json has all of them"));
    let rest = path.strip_prefix(BASE).ok_or_else(absent)?;
    let method = if method == "HEAD" { "GET" } else { method };
    let (mut is_read, mut is_posted) = (false, false);
    for route in routes() {
        let Some(names) = fits(&route.path, rest) else { continue };
        if route.method != method {
            is_read |= route.method == "GET";
            is_posted |= route.method == "POST";
            continue;
        }
        let query = Query::read(target, &route.query).map_err(Missed::Problem)?;
        return Ok(Found { route, query, names });
    }
    Err(match (is_read, is_posted) {
        (true, true) => Missed::Method("GET, HEAD, POST"),
        (true, false) => Missed::Method("GET, HEAD"),
        (false, true) => Missed::Method("POST"),
        (false, false) => absent(),
    })
}

fn fits(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut names = BTreeMap::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(names),
            (Some(wanted), Some(given)) => {
                let name = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                match name {
                    Some(name) if !given.is_empty() => {
                        names.insert(name.to_owned(), decoded(given));
                    }
                    None if wanted == given => {}
                    Some(_) | None => return None,
                }
            }
            _ => return None,
        }
    }
}

/// A route, of GET unless said otherwise.
pub(crate) fn read(
    call: Call,
    path: &str,
    id: &str,
    tag: &'static str,
    needs: Option<Action>,
    says: &'static str,
) -> Route {
    Route {
        call,
        method: "GET",
        path: path.to_owned(),
        id: id.to_owned(),
        tag,
        says,
        needs,
        is_open: false,
        query: Vec::new(),
        body: None,
        answer: None,
        matches: false,
    }
}

/// Every route, in the order of the document: made once, for each request looks through them.
pub(crate) fn routes() -> &'static [Route] {
    static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(made);
    &ROUTES
}

fn made() -> Vec<Route> {
    let mut all = vec![
        Route {
            is_open: true,
            ..read(Call::Document, "/openapi.json", "openapi", "api", None, "This document.")
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<Me>),
            ..read(Call::Me, "/me", "me", "api", None, "Who asks, and what they may.")
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<Posture>),
            ..read(
                Call::Posture,
                "/posture",
                "posture",
                "posture",
                Some(Action::SeePosture),
                "The last day in one look.",
            )
        },
    ];
    all.extend(LISTS.iter().map(|list| Route {
        query: list.known(),
        ..read(
            Call::List(list),
            &format!("/{}", list.name),
            &camel(list.name),
            "lists",
            Some(list.needs),
            list.says,
        )
    }));
    all.push(read(
        Call::Transaction,
        "/transactions/{ledger}/{entry}",
        "transaction",
        "lists",
        Some(Action::SeeTransactions),
        "One transaction, with the policies that decided.",
    ));
    all.push(crate::index_query::route());
    all.push(crate::datasets::route());
    all.extend(ledgers());
    all.extend(quarantine());
    all.extend(emergencies());
    all.extend(policies());
    all
}

/// An operation's name: `policy-uses` is `policyUses`.
fn camel(name: &str) -> String {
    crate::lists::camel(&name.replace('-', "_"))
}

fn ledgers() -> [Route; 3] {
    let see = Some(Action::SeeLedgers);
    [
        Route {
            answer: Some(SchemaGenerator::subschema_for::<Ledgers>),
            ..read(
                Call::Ledgers,
                "/ledgers",
                "ledgers",
                "ledgers",
                see,
                "The ledgers, their checkpoints, and how far they are indexed.",
            )
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<LedgerCheck>),
            ..read(
                Call::LedgerCheck,
                "/ledgers/{ledger}/check",
                "ledgerCheck",
                "ledgers",
                see,
                "A ledger, checked now from its first entry to its last: it takes a while where there are millions.",
            )
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<Proof>),
            ..read(
                Call::Proof,
                "/proofs/{ledger}/{entry}",
                "proof",
                "ledgers",
                see,
                "An entry, and the proof that it is in its ledger.",
            )
        },
    ]
}

fn quarantine() -> [Route; 4] {
    let tag = "quarantine";
    let decide = Some(Action::DecideQuarantine);
    [
        Route {
            answer: Some(SchemaGenerator::subschema_for::<Quarantine>),
            query: vec!["boundary", "all"],
            ..read(
                Call::Quarantine,
                "/quarantine",
                "quarantine",
                tag,
                Some(Action::SeeQuarantine),
                "What was withheld and is kept. Never content.",
            )
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<QuarantineKept>),
            ..read(
                Call::QuarantineItem,
                "/quarantine/{item}",
                "quarantineItem",
                tag,
                Some(Action::SeeQuarantine),
                "One item. Its `ETag` is what a decision names in `If-Match`.",
            )
        },
        Route {
            method: "POST",
            body: Some(SchemaGenerator::subschema_for::<Release>),
            answer: Some(SchemaGenerator::subschema_for::<Decided>),
            matches: true,
            ..read(
                Call::Release,
                "/quarantine/{item}/release",
                "releaseItem",
                tag,
                decide,
                "Deliver an item, once, to what is behind its boundary; it is judged again first.",
            )
        },
        Route {
            method: "POST",
            body: Some(SchemaGenerator::subschema_for::<Reject>),
            answer: Some(SchemaGenerator::subschema_for::<Decided>),
            matches: true,
            ..read(
                Call::Reject,
                "/quarantine/{item}/reject",
                "rejectItem",
                tag,
                decide,
                "Decide against an item: its content is erased for good.",
            )
        },
    ]
}

fn emergencies() -> Vec<Route> {
    let tag = "emergencies";
    let see = Some(Action::SeePolicies);
    let act = |call, path: &str, id: &str, says| Route {
        method: "POST",
        body: Some(SchemaGenerator::subschema_for::<Note>),
        answer: Some(SchemaGenerator::subschema_for::<EmergencyPlaced>),
        ..read(call, path, id, tag, Some(Action::SwitchEmergency), says)
    };
    vec![
        Route {
            answer: Some(SchemaGenerator::subschema_for::<EmergencyStatus>),
            ..read(
                Call::EmergencyStatus,
                "/emergencies",
                "emergencyStatus",
                tag,
                see,
                "What is in force, and what waits for a second person.",
            )
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<EmergencyVersions>),
            ..read(
                Call::EmergencyVersions,
                "/emergencies/versions",
                "emergencyVersions",
                tag,
                see,
                "What was prepared, the newest first.",
            )
        },
        act(
            Call::EmergencyAsk,
            "/emergencies/requests",
            "askForEmergency",
            "Ask for a prepared version: a request that one person has signed with their own key.",
        ),
        act(
            Call::EmergencyApprove,
            "/emergencies/approvals",
            "approveEmergency",
            "Put it in force: the same request, with the signature of another person too.",
        ),
        act(
            Call::EmergencyStandDown,
            "/emergencies/stand-downs",
            "standDownEmergency",
            "End an emergency version before its time: what one person has signed.",
        ),
    ]
}

fn policies() -> Vec<Route> {
    let (tag, see) = ("policies", Some(Action::SeePolicies));
    let mut all = vec![
        Route {
            answer: Some(SchemaGenerator::subschema_for::<PolicyHistory>),
            ..read(
                Call::PolicyHistory,
                "/policies",
                "policyHistory",
                tag,
                see,
                "The versions that were put in force, the newest first.",
            )
        },
        Route {
            answer: Some(SchemaGenerator::subschema_for::<PolicyInForce>),
            ..read(
                Call::PolicyInForce,
                "/policies/in-force",
                "policyInForce",
                tag,
                see,
                "The version in force. Its `ETag` is what a change names in `If-Match`.",
            )
        },
    ];
    all.extend(about_policies(tag));
    all
}

fn about_policies(tag: &'static str) -> [Route; 5] {
    let (see, change) = (Some(Action::SeePolicies), Some(Action::ChangePolicies));
    let ask = |call, path: &str, id: &str, body: Describe, answer: Describe, says| Route {
        method: "POST",
        body: Some(body),
        answer: Some(answer),
        ..read(call, path, id, tag, see, says)
    };
    let act = |call, path: &str, id: &str, body: Describe, says| Route {
        method: "POST",
        body: Some(body),
        answer: Some(SchemaGenerator::subschema_for::<PolicyActivated>),
        matches: true,
        ..read(call, path, id, tag, change, says)
    };
    [
        ask(
            Call::PolicyCheck,
            "/policies/check",
            "checkPolicies",
            SchemaGenerator::subschema_for::<PolicyText>,
            SchemaGenerator::subschema_for::<PolicyChecked>,
            "Read policies strictly, and prove that they let nothing synthetic into production. Nothing is changed.",
        ),
        ask(
            Call::PolicyDiff,
            "/policies/diff",
            "diffPolicies",
            SchemaGenerator::subschema_for::<PolicyText>,
            SchemaGenerator::subschema_for::<PolicyDifference>,
            "How policies differ from those in force. Nothing is changed.",
        ),
        ask(
            Call::PolicyReplay,
            "/policies/replay",
            "replayPolicies",
            SchemaGenerator::subschema_for::<PolicyReplay>,
            SchemaGenerator::subschema_for::<PolicyReplayed>,
            "What would have been otherwise, had these policies been in force. Nothing is changed.",
        ),
        act(
            Call::PolicyActivate,
            "/policies/activate",
            "activatePolicies",
            SchemaGenerator::subschema_for::<PolicyActivate>,
            "Put policies in force for all gateways that share the folder; refused if they let synthetic into production.",
        ),
        act(
            Call::PolicyRollback,
            "/policies/rollback",
            "rollbackPolicies",
            SchemaGenerator::subschema_for::<PolicyRollback>,
            "Put a version in force again.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_by_method_and_path() {
        let found = find("GET", "/api/v1/transactions/one.example%2Flog/7").unwrap();
        assert_eq!((found.name("ledger"), found.entry().unwrap()), ("one.example/log", 7));
        assert!(matches!(find("HEAD", "/api/v1/records?limit=5").unwrap().route.call, Call::List(_)));
        for (method, target, expected) in [
            ("GET", "/api/v1/nothing", 404),
            ("GET", "/api/v1", 404),
            ("GET", "/api/v1/transactions//7", 404),
            ("GET", "/api/v1/records/", 404),
            ("GET", "/api/v1/records?limits=5", 400),
        ] {
            assert!(
                matches!(find(method, target), Err(Missed::Problem(problem)) if problem.status == expected),
                "{target}"
            );
        }
        assert_eq!(find("DELETE", "/api/v1/records").unwrap_err(), Missed::Method("GET, HEAD"));
        assert_eq!(find("DELETE", "/api/v1/datasets").unwrap_err(), Missed::Method("GET, HEAD, POST"));
        assert_eq!(find("GET", "/api/v1/quarantine/x/release").unwrap_err(), Missed::Method("POST"));
        for entry in ["-1", "+1", "1.0", "", "9007199254740992", "x"] {
            let found =
                Found { names: BTreeMap::from([("entry".to_owned(), entry.to_owned())]), ..found.clone() };
            assert_eq!(found.entry().unwrap_err().status, 400, "{entry}");
        }
    }

    #[test]
    fn whatever_acts_takes_a_right_that_is_more_than_to_see() {
        for route in routes() {
            let needs = route.needs.map_or("", Action::as_str);
            let acts = !needs.is_empty() && !needs.starts_with("see-");
            // A text to be looked at is too long for a query: it is posted, and nothing is changed by it.
            let only_looks = matches!(route.call, Call::PolicyCheck | Call::PolicyDiff | Call::PolicyReplay);
            assert_eq!(route.method == "POST", acts || only_looks, "{}", route.path);
            assert!(!(acts && only_looks), "{}", route.path);
            assert!(!route.is_open || route.needs.is_none(), "{}", route.path);
        }
    }
}
