//! A refusal in Salesforce's own shape: status, code, message, fields.

use serde_json::{Value, json};

/// Why a request or a row of one was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// `Some` for refusals of a row, which list the fields at fault; `None` for refusals of a request.
    pub(crate) fields: Option<Vec<String>>,
}

impl Failure {
    /// A refusal of the whole request: its body has no `fields`.
    pub(crate) fn request(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: None }
    }

    /// A refusal of one row because of some fields.
    pub(crate) fn row(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { status: 400, code, message: message.into(), fields: Some(fields) }
    }

    /// A refusal of one row because what it names is not there.
    pub(crate) fn missing_row(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 404, code, message: message.into(), fields: Some(Vec::new()) }
    }

    pub(crate) fn not_found() -> Self {
        Self::request(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        Self::request(
            405,
            "METHOD_NOT_ALLOWED",
            format!("HTTP Method '{method}' not allowed for this resource"),
        )
    }

    pub(crate) fn bad_json(message: impl Into<String>) -> Self {
        Self::request(400, "JSON_PARSER_ERROR", message)
    }

    pub(crate) fn invalid_type(name: &str) -> Self {
        Self::request(
            400,
            "INVALID_TYPE",
            format!(
                "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name."
            ),
        )
    }

    pub(crate) fn no_such_column(field: &str, object: &str) -> Self {
        Self::request(400, "INVALID_FIELD", format!("No such column '{field}' on sobject of type {object}"))
    }

    pub(crate) fn exceeded(message: impl Into<String>) -> Self {
        Self::request(400, "LIMIT_EXCEEDED", message)
    }

    pub(crate) fn session() -> Self {
        Self::request(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// The body of a REST error: one element of the array.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({"message": self.message, "errorCode": self.code});
        if let (Some(fields), Some(map)) = (&self.fields, body.as_object_mut()) {
            map.insert("fields".into(), json!(fields));
        }
        body
    }

    /// The error of one row of a collection: `statusCode` where REST says `errorCode`.
    pub(crate) fn row_body(&self) -> Value {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields.clone().unwrap_or_default()})
    }

    /// The `sf__Error` cell of a Bulk result.
    pub(crate) fn cell(&self) -> String {
        let fields = self.fields.clone().unwrap_or_default().join(",");
        format!("{}:{}:{fields} --", self.code, self.message)
    }
}
