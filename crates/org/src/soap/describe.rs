//! `describeSObject`, `describeSObjects`, `describeGlobal`, `getUpdated`, `getDeleted`.

use serde_json::Value;

use super::{Fault, result};
use crate::state::Visit;
use crate::xml::{self, Element, escape, text};
use crate::{describe, rest, value};

/// What one object is, or several are.
pub(super) fn objects(visit: &Visit<'_>, body: &Element) -> Result<String, Fault> {
    let mut out = format!("<{}Response>", body.name);
    let names: Vec<&Element> = body.all("sObjectType").collect();
    if names.is_empty() || names.len() > OBJECTS_MAX {
        return Err(Fault::new("INVALID_TYPE", "between 1 and 100 object types can be described in a call"));
    }
    for name in names {
        let object = visit.state.store.object(name.text.trim())?;
        out.push_str("<result>");
        members(&mut out, &describe::full(&object, &visit.version));
        out.push_str("</result>");
    }
    Ok(out + &format!("</{}Response>", body.name))
}

/// The objects of the org.
pub(super) fn global(visit: &Visit<'_>) -> String {
    let mut out = String::from("<encoding>UTF-8</encoding><maxBatchSize>200</maxBatchSize>");
    for object in visit.state.store.schema.objects() {
        out.push_str("<sobjects>");
        members(&mut out, &describe::summary(object, &visit.version));
        out.push_str("</sobjects>");
    }
    result("describeGlobal", &out)
}

/// Which records changed between two moments, or went to the recycle bin.
pub(super) fn changed(visit: &Visit<'_>, body: &Element) -> Result<String, Fault> {
    let object = visit.state.store.object(body.text_of("sObjectType").unwrap_or(""))?;
    let (start, end) = (body.text_of("startDate").unwrap_or(""), body.text_of("endDate").unwrap_or(""));
    let deleted = body.name == "getDeleted";
    let found = rest::sobjects::changed(visit, &object, (start, end), deleted)?;
    let mut out = String::new();
    members(&mut out, &found);
    Ok(result(&body.name, &out))
}

/// Writes the members of a JSON object as elements, in the order of their names, as the WSDL has them.
fn members(out: &mut String, found: &Value) {
    let mut sorted: Vec<(&String, &Value)> = found.as_object().into_iter().flatten().collect();
    sorted.sort_by_key(|(name, _)| name.as_str());
    for (name, found) in sorted {
        // Addresses of REST resources are not part of these answers.
        if name != "urls" {
            member(out, name, found);
        }
    }
}

fn member(out: &mut String, name: &str, found: &Value) {
    match found {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| member(out, name, item)),
        Value::Object(_) => {
            xml::open(out, name);
            members(out, found);
            xml::close(out, name);
        }
        Value::String(moment) if moment.ends_with("+0000") => {
            text(out, name, &format!("{}Z", moment.trim_end_matches("+0000")));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => text(out, name, &value::spell(found)),
    }
}

const OBJECTS_MAX: usize = 100;

/// `describeTabs`: one application, with a tab for every object.
pub(super) fn tabs(visit: &Visit<'_>) -> String {
    let tab = |tab: &Value| {
        let told = |name: &str| escape(tab.get(name).and_then(Value::as_str).unwrap_or(""));
        let pictures = |name: &str| {
            let all = tab.get(name).and_then(Value::as_array).into_iter().flatten();
            let inner = |one: &Value| {
                let members = one.as_object().into_iter().flatten();
                let told =
                    members.map(|(name, value)| format!("<{name}>{}</{name}>", escape(&value::spell(value))));
                told.collect::<Vec<_>>().concat()
            };
            all.map(|one| format!("<{name}>{}</{name}>", inner(one))).collect::<Vec<_>>().concat()
        };
        format!(
            "<tabs>{}<custom>{}</custom><iconUrl>{}</iconUrl>{}<label>{}</label><miniIconUrl>{}</miniIconUrl>\
             <name>{}</name><sobjectName>{}</sobjectName><url>{}</url></tabs>",
            pictures("colors"),
            tab.get("custom") == Some(&Value::Bool(true)),
            told("iconUrl"),
            pictures("icons"),
            told("label"),
            told("miniIconUrl"),
            told("name"),
            told("sobjectName"),
            told("url"),
        )
    };
    let all = rest::appearance::tabs(visit).into_value();
    let tabs: String = all.as_array().into_iter().flatten().map(tab).collect();
    let base = escape(&visit.base);
    result(
        "describeTabs",
        &format!(
            "<label>Local</label><logoUrl>{base}/img/logo.png</logoUrl><namespace/><selected>true</selected>{tabs}\
             <tabSetId>02uEy0000000001AAA</tabSetId>"
        ),
    )
}
