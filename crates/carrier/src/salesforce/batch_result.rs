//! What a client asks about a Bulk v1 batch afterwards, with the rows in it that never got there.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use mark::json::{self, Json};
use serde_json::json;

use super::{
    batch::{BulkV1, count},
    bulk::cells_at,
    job::{JOB_BYTES_MAX, short_job_id},
    read::is_json,
    span::{self, Edit, edited},
    xml_row::BULK,
};
use crate::{
    Refusal,
    route::Target,
    xml::{Element, Xml, escaped},
};

/// The refused rows of one batch, by their places among the rows that the client sent.
///
/// Debug shows counts only.
#[derive(Clone, PartialEq, Eq)]
pub struct WithheldRows {
    /// How many rows the client sent.
    total: usize,
    /// Which of them were refused. What is said is shared: a batch mostly has one reason.
    refused: Vec<(usize, Arc<Refusal>)>,
}

/// A read of what became of batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchRead {
    /// `GET …/batch/<id>/result`: a line a row.
    Result {
        /// The job's id, in its 15 character form.
        job: String,
        /// The batch's id, in its 15 character form.
        batch: String,
    },
    /// `GET …/batch/<id>`: its state and counts.
    Batch {
        /// The job's id, in its 15 character form.
        job: String,
        /// The batch's id, in its 15 character form.
        batch: String,
    },
    /// `GET …/job/<id>/batch`: the states of all.
    Batches {
        /// The job's id, in its 15 character form.
        job: String,
    },
    /// `GET …/job/<id>`: the counts of all.
    Job {
        /// The job's id, in its 15 character form.
        job: String,
    },
}

/// The read of batches that a request is; `None` if it is none.
pub fn batch_read(method: &str, target: &str) -> Option<BatchRead> {
    if !method.eq_ignore_ascii_case("GET") {
        return None;
    }
    let target = Target::parse(target)?;
    let exact = target.segments();
    let start = exact.iter().position(|segment| segment.eq_ignore_ascii_case("services"))?;
    let exact = exact.get(start..)?;
    let lower: Vec<String> = exact.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let id = |at: usize| exact.get(at).map(|id| short_job_id(id).to_owned());
    match lower.as_slice() {
        ["services", "async", _, "job", _] => Some(BatchRead::Job { job: id(4)? }),
        ["services", "async", _, "job", _, "batch"] => Some(BatchRead::Batches { job: id(4)? }),
        ["services", "async", _, "job", _, "batch", _] => {
            Some(BatchRead::Batch { job: id(4)?, batch: id(6)? })
        }
        ["services", "async", _, "job", _, "batch", _, "result"] => {
            Some(BatchRead::Result { job: id(4)?, batch: id(6)? })
        }
        _ => None,
    }
}

/// The id of the batch, and of its job, that this answer to a batch's upload tells of, in 15 characters.
///
/// Bounds: [`JOB_BYTES_MAX`].
pub fn batch_created(answer: &[u8]) -> Option<(String, String)> {
    if answer.len() > JOB_BYTES_MAX {
        return None;
    }
    let (batch, job) = if is_json(answer) {
        let answer = json::parse(answer).ok()?;
        let text = |name: &str| answer.get(name).and_then(Json::text).map(str::to_owned);
        (text("id")?, text("jobId")?)
    } else {
        let element = document(answer)?;
        let text = |name: &str| element.child(name).map(|child| child.text.to_string());
        (text("id").filter(|_| element.name.local == "batchInfo")?, text("jobId")?)
    };
    let plain = |id: &str| matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(&batch) && plain(&job)).then(|| (short_job_id(&batch).to_owned(), short_job_id(&job).to_owned()))
}

impl WithheldRows {
    /// What was refused of a batch; `None` if the request is no batch of rows.
    pub fn of(route: &super::Route, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Option<Self> {
        let super::Route::BulkV1(route @ BulkV1::Rows(_)) = route else { return None };
        let mut said: BTreeMap<(&str, &str), Arc<Refusal>> = BTreeMap::new();
        let refused = refusals.iter().map(|(position, refusal)| {
            let shared =
                said.entry((&refusal.code, &refusal.message)).or_insert_with(|| Arc::new(refusal.clone()));
            (*position, Arc::clone(shared))
        });
        let refused = refused.collect();
        Some(Self { total: count(route, body)?, refused })
    }

    /// As one JSON text, which another gateway reads. Refusals hold nothing of a record.
    pub fn to_json(&self) -> String {
        let mut reasons: Vec<&Arc<Refusal>> = Vec::new();
        let mut refused = Vec::with_capacity(self.refused.len());
        for (position, refusal) in &self.refused {
            let known = reasons.iter().position(|reason| Arc::ptr_eq(reason, refusal));
            let reason = known.unwrap_or_else(|| {
                reasons.push(refusal);
                reasons.len() - 1
            });
            refused.push((position, reason));
        }
        let reasons: Vec<_> = reasons.iter().map(|reason| (&reason.code, &reason.message)).collect();
        serde_json::json!({ "rows": self.total, "reasons": reasons, "refused": refused }).to_string()
    }

    /// What [`WithheldRows::to_json`] wrote; nothing for anything else.
    pub fn from_json(text: &str) -> Option<Self> {
        let whole: serde_json::Value = serde_json::from_str(text).ok()?;
        let number = |value: &serde_json::Value| usize::try_from(value.as_u64()?).ok();
        let reasons = whole.get("reasons")?.as_array()?.iter().map(|reason| {
            let text = |at: usize| reason.get(at)?.as_str().map(str::to_owned);
            Some(Arc::new(Refusal { code: text(0)?, message: text(1)? }))
        });
        let reasons: Vec<Arc<Refusal>> = reasons.collect::<Option<_>>()?;
        let total = number(whole.get("rows")?)?;
        let refused = whole.get("refused")?.as_array()?.iter().map(|one| {
            let position = number(one.get(0)?).filter(|position| *position < total)?;
            Some((position, Arc::clone(reasons.get(number(one.get(1)?)?)?)))
        });
        let refused: Vec<(usize, Arc<Refusal>)> = refused.collect::<Option<_>>()?;
        let is_in_order = refused.is_sorted_by(|(one, _), (two, _)| one < two);
        is_in_order.then_some(Self { total, refused })
    }

    /// How many rows were refused.
    pub fn len(&self) -> usize {
        self.refused.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty()
    }

    /// The org's results of a batch, with the refused rows at their places.
    ///
    /// Shape:  CSV, XML or JSON, the org's own lines verbatim -> as many lines as the client sent rows.
    /// Errors: `None` where the org did not answer row by row: its answer goes to the client as it is.
    /// Source: spec/carriers.md section 2.8.
    pub fn in_results(&self, answer: &[u8]) -> Option<Vec<u8>> {
        match answer.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => self.in_json(answer),
            Some(b'<') => self.in_xml(answer),
            _ => self.in_csv(answer),
        }
    }

    /// The pieces in the client's order: the org's for what was sent on, `said` for the rest.
    fn interleaved(
        &self,
        answer: &[u8],
        answered: &[Range<usize>],
        said: impl Fn(&Refusal) -> Vec<u8>,
    ) -> Option<Vec<Vec<u8>>> {
        if answered.len() + self.refused.len() != self.total {
            return None;
        }
        let mut answered = answered.iter();
        let mut refused = self.refused.iter().peekable();
        let pieces = (0..self.total).map(|position| match refused.next_if(|(at, _)| *at == position) {
            Some((_, refusal)) => Some(said(refusal)),
            None => Some(answer.get(answered.next()?.clone())?.to_vec()),
        });
        pieces.collect()
    }

    fn in_json(&self, answer: &[u8]) -> Option<Vec<u8>> {
        json::parse(answer).ok()?;
        let at = span::whole(answer)?;
        let items = span::items(answer, &at)?;
        if items.iter().any(|item| span::member(answer, item, "success").is_none()) {
            return None;
        }
        let said = |refusal: &Refusal| {
            let error = json!({
                "fields": ["Eosin_Mark__c"], "message": refusal.message, "statusCode": refusal.code,
                "extendedErrorDetails": null,
            });
            json!({ "success": false, "created": false, "id": null, "errors": [error] })
                .to_string()
                .into_bytes()
        };
        let pieces = self.interleaved(answer, &items, said)?;
        let with = [b"[".as_slice(), &pieces.join(&b','), b"]"].concat();
        Some(edited(answer, vec![Edit { at, with }]))
    }

    fn in_xml(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let root = document(answer)?;
        let results = &root.children;
        if root.name.local != "results" || results.iter().any(|result| result.name.local != "result") {
            return None;
        }
        let spans: Vec<Range<usize>> = results.iter().map(|result| result.span.clone()).collect();
        let said = |refusal: &Refusal| {
            format!(
                r#"<result xmlns="{BULK}"><errors><fields>Eosin_Mark__c</fields><message>{}</message><statusCode>{}</statusCode></errors><success>false</success><created>false</created></result>"#,
                escaped(&refusal.message),
                escaped(&refusal.code),
            )
            .into_bytes()
        };
        let with = self.interleaved(answer, &spans, said)?.concat();
        Some(edited(answer, vec![Edit { at: root.inside.clone(), with }]))
    }

    fn in_csv(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(answer).ok()?;
        let rows = cells_at(text)?;
        let ((header, top), rows) = rows.split_first()?;
        if !["Id", "Success", "Error"].iter().all(|name| header.iter().any(|cell| cell == name)) {
            return None;
        }
        let said = |refusal: &Refusal| {
            let cells = header.iter().map(|name| match name.as_ref() {
                "Success" | "Created" => "\"false\"".to_owned(),
                "Error" => {
                    let text = format!("{}:{}:Eosin_Mark__c --", refusal.code, refusal.message);
                    format!("\"{}\"", text.replace('"', "\"\""))
                }
                _ => "\"\"".to_owned(),
            });
            format!("{}\n", cells.collect::<Vec<_>>().join(",")).into_bytes()
        };
        let spans: Vec<Range<usize>> = rows.iter().map(|(_, at)| at.clone()).collect();
        let mut pieces = self.interleaved(answer, &spans, said)?;
        pieces.insert(0, answer.get(top.clone())?.to_vec());
        let mut out = Vec::with_capacity(answer.len() + self.refused.len() * 200);
        for piece in pieces {
            // The last line of an answer may have no line end; now another may follow it.
            if !out.is_empty() && !out.ends_with(b"\n") {
                out.push(b'\n');
            }
            out.extend_from_slice(&piece);
        }
        Some(out)
    }
}

impl std::fmt::Debug for WithheldRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WithheldRows({} of {})", self.refused.len(), self.total)
    }
}

/// The org's state of a batch, of a job or of a list of batches, with the refused rows counted as failed.
///
/// Counts change only where the org is done: before that, what it has processed means nothing to the refused.
///
/// Shape:  `batchInfo`, `batchInfoList` or `jobInfo` in XML or JSON; how many rows were refused of the batch, or job,
///         with this id in 15 characters -> the same with `numberRecordsProcessed` and `numberRecordsFailed` raised.
/// Errors: `None` where there is nothing to change.
/// Source: spec/carriers.md section 2.8.
pub fn count_refused(answer: &[u8], refused: impl Fn(&str) -> usize) -> Option<Vec<u8>> {
    let edits =
        if is_json(answer) { counts_in_json(answer, &refused)? } else { counts_in_xml(answer, &refused)? };
    (!edits.is_empty()).then(|| edited(answer, edits))
}

const COUNTS: [&str; 2] = ["numberRecordsProcessed", "numberRecordsFailed"];

/// Whether the org has come to its end: a batch by its state, a job by its batches.
fn is_done(said: impl Fn(&str) -> Option<String>) -> bool {
    match said("numberBatchesTotal") {
        Some(_) => ["numberBatchesQueued", "numberBatchesInProgress"]
            .iter()
            .all(|name| said(name).is_none_or(|count| count == "0")),
        None => said("state").is_some_and(|state| state == "Completed"),
    }
}

fn raised(at: Range<usize>, count: &str, by: usize) -> Option<Edit> {
    let count: usize = count.parse().ok()?;
    Some(Edit { at, with: count.saturating_add(by).to_string().into_bytes() })
}

fn counts_in_xml(answer: &[u8], refused: &impl Fn(&str) -> usize) -> Option<Vec<Edit>> {
    let root = document(answer)?;
    let infos: Vec<&Element<'_>> = match root.name.local {
        "batchInfoList" => root.children.iter().collect(),
        "batchInfo" | "jobInfo" => vec![&root],
        _ => return None,
    };
    let mut edits = Vec::new();
    for info in infos {
        let said = |name: &str| info.child(name).map(|child| child.text.to_string());
        let by = said("id").map_or(0, |id| refused(short_job_id(&id)));
        if by == 0 || !is_done(said) {
            continue;
        }
        for name in COUNTS {
            if let Some(count) = info.child(name) {
                edits.push(raised(count.inside.clone(), count.text.trim(), by)?);
            }
        }
    }
    Some(edits)
}

fn counts_in_json(answer: &[u8], refused: &impl Fn(&str) -> usize) -> Option<Vec<Edit>> {
    json::parse(answer).ok()?;
    let whole = span::whole(answer)?;
    let infos = match span::member(answer, &whole, "batchInfo") {
        Some(list) => span::items(answer, &list)?,
        None => vec![whole],
    };
    let mut edits = Vec::new();
    for info in infos {
        let said = |name: &str| {
            let at = span::member(answer, &info, name)?;
            let plain = || std::str::from_utf8(answer.get(at.clone())?).ok().map(str::to_owned);
            span::unescaped(answer, &at).or_else(plain)
        };
        let by = said("id").map_or(0, |id| refused(short_job_id(&id)));
        if by == 0 || !is_done(said) {
            continue;
        }
        for name in COUNTS {
            let at = span::member(answer, &info, name);
            let count = at.and_then(|at| raised(at.clone(), std::str::from_utf8(answer.get(at)?).ok()?, by));
            edits.extend(count);
        }
    }
    Some(edits)
}

/// The one element that an answer is.
fn document(answer: &[u8]) -> Option<Element<'_>> {
    let (mut xml, root) = Xml::open(answer).ok()?;
    let element = xml.element(root).ok()?;
    xml.finish().ok()?;
    Some(element)
}

#[cfg(test)]
mod tests;
