//! Salesforce outbound messages: up to a hundred notifications in an envelope, and one word back.
//!
//! Source: the outbound messaging WSDL; spec/webhooks.md section 2.3.

use std::ops::Range;

use mark::{Place, Reading, Unreadable, json::Json};

use super::{Cut, Event, EventMap, Events, Identity, Said, json::said, shape};
use crate::{
    Limits,
    salesforce::{Dialect, none_beside, walk, xml_row},
    span::{Edit, edited},
    xml::{Element, Tag, XSI, Xml, elements_named, escaped},
};

const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
const ROWS: &str = "urn:sobject.enterprise.soap.sforce.com";
const PARTNER_ROWS: &str = "urn:sobject.partner.soap.sforce.com";
/// The field that says the class, unless the map names another.
const NOTIFICATIONS_MAX: usize = 1000;

pub(super) fn read<'a>(map: &EventMap, body: &'a [u8], limits: &Limits) -> Result<Events<'a>, Unreadable> {
    let (mut list, mut items, mut session) = (Vec::new(), Vec::new(), None);
    let mut organization = None;
    walk(
        body,
        |_| Err(shape("has a header in its envelope, which is not read here")),
        |xml, call| {
            if call.name.namespace != OUTBOUND || call.name.local != "notifications" {
                return Err(shape("is not an outbound message"));
            }
            while let Some(tag) = xml.child(call)? {
                match tag.name.local {
                    "OrganizationId" if organization.is_none() => {
                        organization = Some(plain(xml.element(tag)?)?.text.into_owned());
                    }
                    "SessionId" if session.is_none() => session = Some(xml.element(tag)?.span),
                    "ActionId" | "EnterpriseUrl" | "PartnerUrl" => {
                        plain(xml.element(tag)?)?;
                    }
                    "Notification" if list.len() < NOTIFICATIONS_MAX => {
                        let (event, at) = notification(map, xml, &tag, body, list.len(), limits)?;
                        list.push(event);
                        items.push(at);
                    }
                    "Notification" => return Err(Unreadable::TooMany { limit: NOTIFICATIONS_MAX }),
                    _ => return Err(shape("has something beside its notifications that is not read here")),
                }
            }
            Ok(())
        },
    )?;
    let organization = organization.ok_or_else(|| shape("does not say its organization"))?;
    for event in &mut list {
        if let Identity::Named(name) = &mut event.identity {
            *name = format!("{organization}\n{name}");
        }
    }
    Ok(Events { list, cut: Cut::Notifications { items, session } })
}

/// One notification: its id and its row.
fn notification<'a>(
    map: &EventMap,
    xml: &mut Xml<'a>,
    of: &Tag<'a>,
    body: &'a [u8],
    position: usize,
    limits: &Limits,
) -> Result<(Event<'a>, Range<usize>), Unreadable> {
    let (mut id, mut records, mut class) = (None, Vec::new(), None);
    let start = of.start();
    while let Some(tag) = xml.child(of)? {
        match tag.name.local {
            "Id" if id.is_none() => id = Some(plain(xml.element(tag)?)?.text.trim().to_owned()),
            "sObject" if records.is_empty() => {
                let named = tag.attribute(XSI, "type").and_then(|kind| xml.qualified(&tag, kind));
                let element = xml.element(tag)?;
                class = map.class.as_deref().map(|field| field_of(&element, field));
                let is_flat = element.children.iter().all(|field| field.children.is_empty());
                let content = match named {
                    _ if !is_flat => Err(shape("has elements in a field, which nobody judges")),
                    Some((namespace, object)) if [ROWS, PARTNER_ROWS].contains(&namespace.as_str()) => {
                        xml_row(Dialect::Enterprise, Some(&object), element)
                    }
                    _ => Err(shape("does not say its object in `xsi:type`")),
                };
                let content = content.and_then(|record| none_beside(record, limits));
                let place = Place { index: 0, reference: format!("notification[{position}]") };
                records.push(Reading { place, content });
            }
            _ => return Err(shape("has something in a notification that is not read here")),
        }
    }
    let end = xml.end_of_last();
    let at = start..end;
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| shape("has a notification without an id"))?;
    if records.is_empty() {
        return Err(shape("has a notification without a row"));
    }
    body.get(at.clone()).ok_or_else(|| shape("ends within a notification"))?;
    let said = class.unwrap_or_else(|| Said::by(&records));
    Ok((Event { identity: Identity::Named(id), said, records }, at))
}

/// An element that is a value: nobody would look at what stands in it otherwise.
fn plain(element: Element<'_>) -> Result<Element<'_>, Unreadable> {
    if element.children.is_empty() { Ok(element) } else { Err(shape("has elements where a value stands")) }
}

/// What a row's field says of the class.
fn field_of(row: &Element<'_>, field: &str) -> Said {
    let mut found = row.children.iter().filter(|child| child.name.local.eq_ignore_ascii_case(field));
    let value = found.next().map(|child| Json::Text(child.text.clone()));
    if found.next().is_some() { Said::Other } else { said(value.as_ref()) }
}

/// The session's element without a session: whoever has one can act in the org.
pub(super) fn without_session(at: &Range<usize>) -> Edit {
    let nil = format!(r#"<SessionId xmlns="{OUTBOUND}" xmlns:xsi="{XSI}" xsi:nil="true"/>"#);
    Edit { at: at.clone(), with: nil.into_bytes() }
}

/// A message that cannot be read, without any session; nothing if it is no XML in which all of them are found for certain.
pub(super) fn without_sessions(body: &[u8]) -> Option<Vec<u8>> {
    let found = elements_named(body, |local| local.eq_ignore_ascii_case("SessionId")).ok()?;
    Some(edited(body, found.iter().map(|element| without_session(&element.span)).collect()))
}

/// What the sender is told: true, and it forgets what it sent; false, and it sends it again.
pub fn acknowledgement(ack: bool) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body><notificationsResponse xmlns="{OUTBOUND}"><Ack>{ack}</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>"#
    )
}

/// A fault, for a message that cannot be read: the sender keeps it, and shows the sentence to its administrator.
pub fn fault(code: &str, sentence: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body><soapenv:Fault><faultcode>soapenv:Client.{}</faultcode><faultstring>{}</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#,
        escaped(code),
        escaped(sentence)
    )
}

/// Whether a consumer's answer says that it has the message.
///
/// Shape:  an envelope with `notificationsResponse` and one `Ack` that is true, and nothing else that two readers
///         could read differently.
pub fn acknowledged(answer: &[u8]) -> bool {
    let mut ack = None;
    let read = walk(
        answer,
        |_| Ok(()),
        |xml, call| {
            let is_ours = call.name.local == "notificationsResponse";
            let element = xml.element(call.clone())?;
            let mut said = element.children.iter().filter(|child| child.name.local == "Ack");
            ack = said.next().filter(|_| is_ours).map(|ack| ack.text.trim().to_owned());
            Ok(())
        },
    );
    read.is_ok() && ack.is_some_and(|ack| ack == "true" || ack == "1")
}

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
