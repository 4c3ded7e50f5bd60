//! The weekly export: `/servlet/servlet.OrgExport`, a zip of one CSV an object, for a session in a cookie.

use data_encoding::BASE64;
use serde_json::Value;

use crate::{
    archive::Pack,
    auth,
    call::{Call, Reply},
    failure::Failure,
    rest::query::parse,
    schema::Kind,
    soql::evaluate,
    state::Visit,
    value,
};

/// The standard objects that are exported, beside all custom ones; also those without a row.
const EXPORTED: [&str; 14] = [
    "Account",
    "Attachment",
    "Campaign",
    "CampaignMember",
    "Case",
    "CaseComment",
    "Contact",
    "Event",
    "Lead",
    "Note",
    "Opportunity",
    "ServiceAppointment",
    "Task",
    "User",
];

/// Rows that are spelled at one time.
const CHUNK_ROWS: usize = 2000;

/// Answers a request for the export; without a session a browser is sent to log in.
pub(crate) fn answer(visit: &mut Visit<'_>, call: &Call) -> Reply {
    let is_read = call.method == "GET" || call.method == "HEAD";
    let Some(user) = session(visit, call).filter(|_| is_read) else { return log_in() };
    visit.user = user;
    if !visit.enters() {
        return log_in();
    }
    let organization = &visit.state.access.organization;
    let short = organization.get(..15).unwrap_or(organization);
    let name = format!("WE_{short}_1.ZIP");
    let asked = call.parameter("fileName").unwrap_or("");
    let is_it = asked.eq_ignore_ascii_case(&name) || asked == format!("WE_{organization}_1.ZIP");
    if !is_it || call.parameter("id").is_none_or(str::is_empty) {
        return Reply::raw(404, "text/html", "<html><body>Invalid file</body></html>");
    }
    match packed(visit) {
        Ok(zip) => Reply::raw(200, "application/zip", zip)
            .with("content-disposition", format!("attachment; filename=\"{name}\"")),
        Err(failure) => Reply::failure(&failure),
    }
}

/// The user of the cookie `sid`, or of a token as the other doors take it.
fn session(visit: &mut Visit<'_>, call: &Call) -> Option<String> {
    let mut cookies = call.header("cookie").unwrap_or("").split(';');
    let sid = cookies.find_map(|cookie| cookie.trim().strip_prefix("sid=")).map(str::to_owned);
    let token = sid.or_else(|| auth::bearer(call))?;
    visit.state.access.session(&token, visit.now_ms)
}

fn log_in() -> Reply {
    Reply::empty(302).with("location", "/?ec=302&startURL=%2Fservlet%2Fservlet.OrgExport")
}

fn packed(visit: &Visit<'_>) -> Result<Vec<u8>, Failure> {
    let mut pack = Pack::new();
    let names: Vec<String> = visit
        .state
        .store
        .schema
        .objects()
        .map(|object| object.name.clone())
        .filter(|name| is_exported(name))
        .collect();
    for name in names {
        if let Some(csv) = rows(visit, &name)? {
            pack.put(&format!("{name}.csv"), &csv);
        }
    }
    for (id, row) in visit.state.store.rows("Attachment") {
        let body = row.get("Body").and_then(Value::as_str).unwrap_or("");
        if let Ok(bytes) = BASE64.decode(body.as_bytes()) {
            pack.put(&format!("Attachments/{id}"), &bytes);
        }
    }
    Ok(pack.finish())
}

fn is_exported(name: &str) -> bool {
    name.ends_with("__c") || EXPORTED.contains(&name)
}

/// An object's rows as CSV, every value in quotes; nothing for an object that this user does not see.
fn rows(visit: &Visit<'_>, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(object) = visit.state.store.object(name) else { return Ok(None) };
    let plain = |kind: Kind| !matches!(kind, Kind::Base64 | Kind::Address | Kind::Location);
    let header: Vec<String> =
        object.fields.iter().filter(|field| plain(field.kind)).map(|field| field.name.clone()).collect();
    let query = parse(&format!("SELECT {} FROM {name}", header.join(", ")))?;
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let mut all: Vec<Vec<String>> = vec![header.clone()];
    while all.len() <= found.len() {
        let page = evaluate::page(&lens, &query, &found, all.len() - 1, CHUNK_ROWS)?;
        if page.is_empty() {
            break;
        }
        let cell = |row: &Value, name: &String| row.get(name).map(value::spell).unwrap_or_default();
        all.extend(page.iter().map(|row| header.iter().map(|name| cell(row, name)).collect()));
    }
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    // INVARIANT: a Vec takes every write.
    let written: Result<(), csv::Error> = all.iter().try_for_each(|row| writer.write_record(row));
    Ok(written.ok().and_then(|()| writer.into_inner().ok()))
}
