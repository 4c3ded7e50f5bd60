//! What an org quotes of a statement that it refuses: what was sent is not what the client wrote, so the quote goes.

use serde_json::Value;

/// A refusal without the lines that quote a statement which was rewritten here; nothing where nothing changes.
///
/// Shape:  errors anywhere in JSON, each with a `message` of lines: a quote, a line that points into it, where, and why. Only a
///         line that the next one points into is a quote: a message of one line is the org's own words.
pub(super) fn unquoted(refusal: &[u8]) -> Option<Vec<u8>> {
    let mut errors: Value = serde_json::from_slice(refusal).ok()?;
    unquote(&mut errors).then(|| errors.to_string().into_bytes())
}

/// The same of a text that is no JSON: a fault of SOAP.
pub(super) fn unquoted_text(fault: &[u8]) -> Option<Vec<u8>> {
    let fault = std::str::from_utf8(fault).ok()?;
    let left = without_quotes(fault);
    (left != fault).then(|| left.into_bytes())
}

/// Whether an error is about a column that the client's own statement does not name: it was added here, and this user may not
/// see it.
pub(super) fn is_about_added(refusal: &[u8], statement: &str) -> bool {
    let Ok(errors) = serde_json::from_slice::<Value>(refusal) else { return false };
    let statement = statement.to_ascii_lowercase();
    let about_added = |message: &str| {
        let message = message.to_ascii_lowercase();
        ["no such column '", "didn't understand relationship '"].iter().any(|begins| {
            let named = message.split_once(begins).and_then(|(_, rest)| rest.split_once('\''));
            named.is_some_and(|(name, _)| !statement.contains(name.rsplit('.').next().unwrap_or(name)))
        })
    };
    let messages = errors.as_array().into_iter().flatten().filter_map(|error| error.get("message"));
    messages.filter_map(Value::as_str).any(about_added)
}

/// Takes the quotes out of every error; whether there was one.
fn unquote(value: &mut Value) -> bool {
    let mut is_changed = false;
    match value {
        Value::Array(items) => {
            for item in items {
                is_changed |= unquote(item);
            }
        }
        Value::Object(members) => {
            if members.contains_key("errorCode")
                && let Some(Value::String(message)) = members.get_mut("message")
            {
                let left = without_quotes(message);
                is_changed = left != *message;
                *message = left;
            }
            for member in members.values_mut() {
                is_changed |= unquote(member);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    is_changed
}

fn without_quotes(message: &str) -> String {
    let mut left = Vec::new();
    let mut lines = message.split('\n').peekable();
    while let Some(line) = lines.next() {
        if lines.next_if(|next| next.trim() == "^").is_none() {
            left.push(line);
        }
    }
    left.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_goes_and_what_is_wrong_stays() {
        let check = |message: &str, want: Option<&str>| {
            let refusal = serde_json::json!([{ "message": message, "errorCode": "MALFORMED_QUERY" }]);
            let left = unquoted(refusal.to_string().as_bytes());
            let left = left.map(|left| serde_json::from_slice::<Value>(&left).unwrap());
            assert_eq!(left.as_ref().and_then(|left| left[0]["message"].as_str()), want, "{message}");
        };
        let why = "ERROR at Row:1:Column:9\nunexpected token: x";
        for quote in
            ["SELECT x WHERE NOT acme__Eosin_Synthetic__c = true", "SELECT x WHERE (Person__c = null OR"]
        {
            check(&format!("\n{quote}\n       ^\n{why}"), Some(&format!("\n{why}")));
        }
        for own in [
            "No such column 'Eosin_Markk__c' on sobject of type Contact",
            "Foreign key external ID: x not found for field Eosin_Mark_Id__c in entity Account",
            "two lines\nof eosin_mark__c",
        ] {
            check(own, None);
        }
        assert_eq!(unquoted(b"{}"), None);
        assert_eq!(unquoted(b"no JSON"), None);
        let within = br#"{"compositeResponse":[{"body":[{"errorCode":"X","message":"\nSELECT\n ^\nwhy"}]}]}"#;
        assert!(String::from_utf8(unquoted(within).unwrap()).unwrap().contains(r#""message":"\nwhy""#));
        let row = br#"{"records":[{"message":"\nSELECT\n ^\nwhy"}]}"#;
        assert_eq!(unquoted(row), None);
        let fault = b"<faultstring>INVALID_FIELD: \nSELECT Eosin\n ^\nwhy</faultstring>";
        assert_eq!(unquoted_text(fault).unwrap(), b"<faultstring>INVALID_FIELD: \nwhy</faultstring>");
    }

    #[test]
    fn a_column_that_the_client_does_not_name_was_added_here() {
        let check = |message: &str, statement: &str, want: bool| {
            let refusal =
                serde_json::json!([{ "message": message, "errorCode": "INVALID_FIELD" }]).to_string();
            assert_eq!(is_about_added(refusal.as_bytes(), statement), want, "{message}");
        };
        let column = "\nSELECT\n ^\nNo such column 'Person__c' on entity 'Visit__c'.";
        check(column, "SELECT Id FROM Visit__c", true);
        check(column, "SELECT PERSON__C FROM Visit__c", false);
        check("Didn't understand relationship 'Person__r' in field path.", "SELECT Id FROM Visit__c", true);
        check("unexpected token: 'FROM'", "SELECT", false);
    }
}
