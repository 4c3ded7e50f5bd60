//! What the sender of a message is told: that it may forget it, or that it has to keep it.

use carrier::{
    Answer, Refusal,
    problem::problem,
    webhook::{Format, acknowledgement, fault},
};
use http::{HeaderValue, Response, header};
use serde_json::json;

use crate::{body::Body, problem::respond_made};

/// What became of the events of one message.
#[derive(Debug, Default)]
pub(super) struct Fate {
    delivered: usize,
    waiting: usize,
    items: Vec<String>,
    rulings: Vec<String>,
    /// Why the sender has to keep the message, if it has to.
    unkept: Option<String>,
    /// Why the message cannot be read, if it cannot.
    unreadable: Option<String>,
}

impl Fate {
    pub(super) fn delivered(&mut self, events: usize, place: String) {
        self.delivered += events;
        self.rulings.push(place);
    }

    pub(super) fn waiting(&mut self, events: usize, item: String, place: String) {
        self.waiting += events;
        self.items.push(item);
        self.rulings.push(place);
    }

    pub(super) fn kept(&mut self, item: String, place: String) {
        self.items.push(item);
        self.rulings.push(place);
    }

    pub(super) fn not_kept(&mut self, place: String, why: &str) {
        self.unkept = Some(format!("an event could neither be delivered nor kept ({why})"));
        self.rulings.push(place);
    }

    pub(super) fn unavailable(&mut self) {
        self.unkept = Some("the ledger cannot record the ruling on an event".to_owned());
    }

    pub(super) fn unreadable(&mut self, place: String, why: String) {
        self.unreadable = Some(why);
        self.rulings.push(place);
    }

    /// The word in the log and in the counters.
    pub(super) fn outcome(&self) -> &'static str {
        if self.unkept.is_some() {
            "unavailable"
        } else if self.unreadable.is_some() {
            "refused"
        } else if self.waiting > 0 {
            "waiting"
        } else if self.items.is_empty() {
            "delivered"
        } else {
            "kept"
        }
    }

    /// Why the sender has to keep the message, if it has to.
    pub(super) fn why_unkept(&self) -> Option<&str> {
        self.unkept.as_deref()
    }

    /// Whether the message could not be read, and is nowhere.
    pub(super) fn is_unreadable(&self) -> bool {
        self.unreadable.is_some()
    }

    pub(super) fn first_ruling(&self) -> Option<String> {
        self.rulings.first().cloned()
    }
}

/// Seconds after which a sender may try again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The answer to a message.
pub(super) fn answered(format: Format, fate: &Fate) -> Response<Body> {
    if let Some(why) = &fate.unkept {
        let sentence = format!("Send the whole message again later: {why}. {}", places(fate));
        let mut response = match format {
            // The sender's own word for it: it keeps the message, and sends it again.
            Format::OutboundMessage => xml(200, acknowledgement(false)),
            Format::Json | Format::CloudEvents => refused(format, 503, "EOSIN_UNAVAILABLE", &sentence),
        };
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        return response;
    }
    if let Some(why) = &fate.unreadable {
        let sentence = format!("The message {why}. Nothing of it was sent on or kept. {}", places(fate));
        return refused(format, 400, "EOSIN_UNREADABLE", &sentence);
    }
    match format {
        Format::OutboundMessage => xml(200, acknowledgement(true)),
        Format::Json | Format::CloudEvents => {
            let status = if fate.items.is_empty() { 200 } else { 202 };
            let body = json!({
                "delivered": fate.delivered,
                "waiting": fate.waiting,
                "items": fate.items,
                "rulings": fate.rulings,
            });
            let body = body.to_string().into_bytes();
            respond_made(Answer { status, content_type: "application/json", body })
        }
    }
}

/// An answer to what is not taken.
pub(super) fn refused(format: Format, status: u16, code: &str, sentence: &str) -> Response<Body> {
    match format {
        // SOAP 1.1 over HTTP: a fault is a 500, whatever is wrong.
        Format::OutboundMessage => xml(500, fault(code, sentence)),
        Format::Json | Format::CloudEvents => {
            let refusal = Refusal { code: code.to_owned(), message: sentence.to_owned() };
            respond_made(problem(status, "Not taken by Eosin", &refusal))
        }
    }
}

fn places(fate: &Fate) -> String {
    if fate.rulings.is_empty() { String::new() } else { format!("Ruling {}.", fate.rulings.join(", ")) }
}

fn xml(status: u16, body: String) -> Response<Body> {
    respond_made(Answer { status, content_type: "text/xml; charset=utf-8", body: body.into_bytes() })
}
