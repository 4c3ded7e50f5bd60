//! The org itself: a session of its own, and the records that change events are about.

use std::fmt;

use data_encoding::BASE64;
use http::{Method, Uri};
use serde_json::{Map, Value};

use crate::reach::{Reach, ReachError};

/// How a session is got: OAuth 2.0 client credentials of a connected app.
#[derive(Clone)]
pub struct Login {
    /// Where the org is: `https://name.my.salesforce.com`.
    pub org: Uri,
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret.
    pub client_secret: String,
    /// Certificates, in PEM, trusted beside those of the system.
    pub roots: Vec<String>,
}

/// Debug shows the org only.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.org)
    }
}

/// Why there is no session, or no record.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// It could not be asked.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// It let nobody in.
    #[error(
        "the org refused the login of the connected app (status {0}); look at its key, secret and run-as user"
    )]
    Login(u16),
    /// It answered with something else.
    #[error("the org answered {0} where it should have given records")]
    Answer(u16),
}

/// A session.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) token: String,
    /// Where the org's interfaces are, without a slash at the end.
    pub(crate) instance: String,
    /// The organization's id.
    pub(crate) tenant: String,
}

/// Debug shows the instance only.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.instance)
    }
}

/// The version of REST that is spoken: the first with `FIELDS(ALL)` for every object is older.
const VERSION: &str = "v60.0";
/// Most records of one question: Salesforce gives all fields of no more.
const RECORDS_MAX: usize = 200;

impl Session {
    /// Opens a session.
    ///
    /// Errors: see [`OrgError`].
    pub(crate) async fn open(reach: &Reach, login: &Login) -> Result<Self, OrgError> {
        let origin = login.org.to_string();
        let origin = origin.trim_end_matches('/');
        let uri = address(&format!("{origin}/services/oauth2/token"))?;
        // In the header, not in the form: what is logged of a request is rather its form.
        let pair = BASE64.encode(format!("{}:{}", login.client_id, login.client_secret).as_bytes());
        let form = Some("grant_type=client_credentials".to_owned());
        let (status, body) = reach.ask(Method::POST, &uri, Some(&format!("Basic {pair}")), form).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let tenant = said("id").and_then(|id| id.split('/').rev().nth(1));
        match (status, said("access_token"), said("instance_url"), tenant) {
            (200, Some(token), Some(instance), Some(tenant)) => Ok(Self {
                token: token.to_owned(),
                instance: instance.trim_end_matches('/').to_owned(),
                tenant: tenant.to_owned(),
            }),
            _ => Err(OrgError::Login(status)),
        }
    }

    /// The records with these ids as they are now, those in the recycle bin too; one that is nowhere is not among them.
    ///
    /// Shape:  in no order.
    /// Bounds: 200 records a question, and fewer where their answer is too long; the rest are asked for in further ones.
    /// Errors: see [`OrgError`].
    pub(crate) async fn records(
        &self,
        reach: &Reach,
        object: &str,
        ids: &[String],
    ) -> Result<Vec<Map<String, Value>>, OrgError> {
        let mut found = Vec::new();
        let mut left: Vec<&[String]> = ids.chunks(RECORDS_MAX).collect();
        while let Some(ids) = left.pop() {
            let quoted: Vec<String> = ids.iter().filter(|id| is_id(id)).map(|id| format!("'{id}'")).collect();
            if quoted.is_empty() || !is_name(object) {
                continue;
            }
            let query = format!(
                "SELECT FIELDS(ALL) FROM {object} WHERE Id IN ({}) LIMIT {RECORDS_MAX}",
                quoted.join(",")
            );
            let query = query.replace(' ', "+").replace('\'', "%27");
            let uri = address(&format!("{}/services/data/{VERSION}/queryAll?q={query}", self.instance))?;
            let bearer = format!("Bearer {}", self.token);
            let asked = reach.ask(Method::GET, &uri, Some(&bearer), None).await;
            if matches!(asked, Err(ReachError::TooLong)) && ids.len() > 1 {
                // Large records: fewer at one time.
                let (some, others) = ids.split_at(ids.len() / 2);
                left.extend([some, others]);
                continue;
            }
            let (status, body) = asked?;
            let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            let rows = answer.get_mut("records").map(Value::take);
            let (200, Some(Value::Array(rows))) = (status, rows) else {
                return Err(OrgError::Answer(status));
            };
            found.extend(rows.into_iter().filter_map(|row| {
                let Value::Object(row) = row else { return None };
                Some(plain(row))
            }));
        }
        Ok(found)
    }
}

/// A row without what is not a field of it: its address, and compound fields, whose parts it has as well.
fn plain(row: Map<String, Value>) -> Map<String, Value> {
    row.into_iter().filter(|(_, value)| !value.is_object()).collect()
}

fn address(text: &str) -> Result<Uri, ReachError> {
    text.parse().map_err(|_| ReachError::Settings)
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
