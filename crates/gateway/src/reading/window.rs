//! Lists that an org cuts off: all that it gives is asked for, so that what is hidden takes no place in them.

use bytes::Bytes;
use carrier::salesforce::{self, Look};
use serde_json::Value;

use super::Turned;
use crate::{head::Head, problem::Problem};

/// How many rows the client asked for, of a list that was asked for whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    rows: usize,
}

/// Rows that the UI API gives at once.
const RELATED_MAX: &str = "1999";
/// Suggestions that are given at once, and if the client does not say.
const SUGGESTED_MAX: &str = "200";
const SUGGESTED: usize = 5;

impl Window {
    /// Asks for the whole list; nothing where the answer is no such list.
    pub(super) fn widen(look: &Look, head: &mut Head) -> Result<Option<Self>, Turned> {
        let (name, most, rows) = if *look == Look::Related {
            // A related list is given whole: who asks for a further page has not got the first one here.
            if salesforce::has_parameter(&head.target, "pageToken") {
                return Err(Problem::ReadClosed.into());
            }
            ("pageSize", RELATED_MAX, usize::MAX)
        } else if *look == Look::Suggestions {
            let given = salesforce::parameters(&head.target, "limit");
            let given = given.first().and_then(|text| text.parse().ok()).unwrap_or(SUGGESTED);
            ("limit", SUGGESTED_MAX, given)
        } else {
            return Ok(None);
        };
        head.target = salesforce::with_parameter(&head.target, name, most).ok_or(Problem::ReadClosed)?;
        Ok(Some(Self { rows }))
    }

    /// What the client asked for of an answer that is without hidden rows.
    pub(super) fn cut(self, answer: Bytes) -> Result<Bytes, Turned> {
        let mut whole: Value = serde_json::from_slice(&answer).map_err(|_| Problem::ShownUnreadable)?;
        let goes_on = |list: &Value| list.get("nextPageToken").is_some_and(|token| !token.is_null());
        // With a list of the UI API may come what describes it, and then its rows stand in it.
        if goes_on(&whole) || whole.get("records").is_some_and(goes_on) {
            return Err(Problem::AnswerTooLarge.into());
        }
        let Some(members) = whole.as_object_mut() else { return Ok(answer) };
        let Some(Value::Array(rows)) = members.get_mut("autoSuggestResults") else { return Ok(answer) };
        let has_more = rows.len() > self.rows;
        if !has_more && members.get("hasMoreResults") != Some(&Value::Bool(true)) {
            return Ok(answer);
        }
        if let Some(Value::Array(rows)) = members.get_mut("autoSuggestResults") {
            rows.truncate(self.rows);
        }
        if has_more {
            members.insert("hasMoreResults".to_owned(), true.into());
        }
        Ok(whole.to_string().into())
    }
}
