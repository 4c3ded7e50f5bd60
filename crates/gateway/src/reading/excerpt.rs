//! What an org quotes of a statement that it refuses: where the quote is of what was added here, it goes.

use serde_json::Value;

/// A refusal without the lines that quote our fields; nothing where nothing changes.
///
/// Shape:  a list of errors, each with a `message` of lines: a quote, a line that points into it, where, and why.
pub(super) fn unquoted(refusal: &[u8]) -> Option<Vec<u8>> {
    let mut errors: Value = serde_json::from_slice(refusal).ok()?;
    let mut is_changed = false;
    for error in errors.as_array_mut()? {
        let Some(message) = error.get("message").and_then(Value::as_str) else { continue };
        let left = without_quotes(message);
        if left != message {
            is_changed = true;
            *error.get_mut("message")? = left.into();
        }
    }
    is_changed.then(|| errors.to_string().into_bytes())
}

fn without_quotes(message: &str) -> String {
    let mut left = Vec::new();
    let mut lines = message.split('\n').peekable();
    while let Some(line) = lines.next() {
        if line.to_ascii_lowercase().contains("eosin_") {
            lines.next_if(|next| next.trim() == "^");
        } else {
            left.push(line);
        }
    }
    left.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_of_our_fields_goes_and_what_is_wrong_stays() {
        let check = |message: &str, want: Option<&str>| {
            let refusal = serde_json::json!([{ "message": message, "errorCode": "MALFORMED_QUERY" }]);
            let left = unquoted(refusal.to_string().as_bytes());
            let left = left.map(|left| serde_json::from_slice::<Value>(&left).unwrap());
            assert_eq!(left.as_ref().and_then(|left| left[0]["message"].as_str()), want, "{message}");
        };
        let why = "ERROR at Row:1:Column:9\nunexpected token: x";
        check(
            &format!("\nSELECT x WHERE NOT acme__Eosin_Synthetic__c = true\n       ^\n{why}"),
            Some(&format!("\n{why}")),
        );
        check(&format!("\nSELECT x\n       ^\n{why}"), None);
        assert_eq!(unquoted(b"{}"), None);
        assert_eq!(unquoted(b"no JSON"), None);
    }
}
