//! `convertLead`: a lead becomes an account, a contact and an opportunity.
//!
//! Source: Salesforce, "SOAP API Developer Guide", `convertLead()`.

use serde_json::{Map, Value, json};

use super::{Asked, Fault};
use crate::datetime;
use crate::failure::Failure;
use crate::state::Visit;
use crate::store::{Author, Row, Store};
use crate::value::Source;
use crate::xml::{Element, text};

/// Answers `convertLead`; each conversion happens whole or not at all.
pub(super) fn answer(visit: &mut Visit<'_>, _asked: Asked, body: &Element) -> Result<String, Fault> {
    let author = visit.author(Source::Csv);
    // The WSDL says `leadConverts`; some clients write it in the singular.
    let conversions: Vec<&Element> = body.all("leadConverts").chain(body.all("leadConvert")).collect();
    if conversions.len() > CALL_MAX {
        return Err(Fault::new("EXCEEDED_ID_LIMIT", "too many leads in this call"));
    }
    let store = &mut visit.state.store;
    let results = conversions.into_iter().map(|asked| {
        let mut out = String::from("<result>");
        match store.attempt(|store| convert(store, &author, asked)) {
            Ok(made) => {
                for (name, id) in ["accountId", "contactId"].into_iter().zip(&made) {
                    text(&mut out, name, id);
                }
                text(&mut out, "leadId", asked.text_of("leadId").unwrap_or(""));
                match made.get(2) {
                    Some(id) => text(&mut out, "opportunityId", id),
                    None => out.push_str("<opportunityId xsi:nil=\"true\"/>"),
                }
                text(&mut out, "success", "true");
            }
            Err(failure) => super::save::write_failure(&mut out, &failure),
        }
        out + "</result>"
    });
    Ok(format!("<convertLeadResponse>{}</convertLeadResponse>", results.collect::<String>()))
}

/// The ids of the account, the contact and, unless it is not wanted, the opportunity.
fn convert(store: &mut Store, author: &Author, asked: &Element) -> Result<Vec<String>, Failure> {
    let part = |name: &str| asked.text_of(name).map(str::trim).filter(|text| !text.is_empty());
    let lead = part("leadId").and_then(crate::id::widen);
    let lead =
        lead.ok_or_else(|| Failure::row("INVALID_ID_FIELD", "a lead is named by its id", &["leadId"]))?;
    let row = store
        .live("Lead", &lead)
        .cloned()
        .ok_or_else(|| Failure::row("CANNOT_UPDATE_CONVERTED_LEAD", "no lead has this id", &["leadId"]))?;
    if row.get("IsConverted") == Some(&Value::Bool(true)) {
        return Err(Failure::row(
            "CANNOT_UPDATE_CONVERTED_LEAD",
            "the lead is converted already",
            &["leadId"],
        ));
    }
    let status = part("convertedStatus");
    let status = status
        .ok_or_else(|| Failure::row("INVALID_STATUS", "invalid convertedStatus", &["convertedStatus"]))?;
    let company = row.get("Company").cloned().unwrap_or_else(|| json!("Unknown"));
    let account = match part("accountId").and_then(crate::id::widen) {
        Some(account) => account,
        None => store.insert(author, "Account", &taken(&row, &ACCOUNT, [("Name", company.clone())]))?,
    };
    let contact = match part("contactId").and_then(crate::id::widen) {
        Some(contact) => contact,
        None => store.insert(author, "Contact", &taken(&row, &CONTACT, [("AccountId", json!(account))]))?,
    };
    let mut made = vec![account, contact];
    if part("doNotCreateOpportunity") != Some("true") {
        let name = part("opportunityName").map_or_else(|| company.clone(), Value::from);
        let close = datetime::spell_date(author.now_ms.div_euclid(DAY_MS) + 90);
        let members = [("Name", name), ("StageName", json!("Prospecting")), ("CloseDate", json!(close))];
        let mut given = taken(&row, &[], members);
        given.insert("AccountId".into(), json!(made.first()));
        made.push(store.insert(author, "Opportunity", &given)?);
    }
    let today = datetime::spell_date(author.now_ms.div_euclid(DAY_MS));
    let change = [
        ("IsConverted", json!(true)),
        ("Status", json!(status)),
        ("ConvertedDate", json!(today)),
        ("ConvertedAccountId", json!(made.first())),
        ("ConvertedContactId", json!(made.get(1))),
        ("ConvertedOpportunityId", json!(made.get(2))),
    ];
    store.amend("Lead", &lead, &change);
    Ok(made)
}

/// What of the lead goes over, field by field, and what is new.
fn taken<const N: usize>(
    lead: &Row,
    fields: &[(&str, &str)],
    more: [(&str, Value); N],
) -> Map<String, Value> {
    let over = fields.iter().filter_map(|(from, to)| Some(((*to).to_owned(), lead.get(*from)?.clone())));
    over.chain(more.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}

const ACCOUNT: [(&str, &str); 6] = [
    ("Phone", "Phone"),
    ("Website", "Website"),
    ("Street", "BillingStreet"),
    ("City", "BillingCity"),
    ("PostalCode", "BillingPostalCode"),
    ("Country", "BillingCountry"),
];
const CONTACT: [(&str, &str); 9] = [
    ("FirstName", "FirstName"),
    ("LastName", "LastName"),
    ("Title", "Title"),
    ("Email", "Email"),
    ("Phone", "Phone"),
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
];
const DAY_MS: i64 = 86_400_000;
const CALL_MAX: usize = 100;
