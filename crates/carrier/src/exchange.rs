//! The words that carriers and `flow` share: what a request may be, what was read, what is answered.

use std::fmt;

use mark::Reading;

/// How much a carrier reads before it calls the rest unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, in bytes, after decoding.
    pub body_bytes: usize,
    /// Most records in one body.
    pub records: usize,
}

impl Limits {
    /// Suggested bound for a body: what Salesforce takes in one Bulk 2.0 upload before it is base64.
    pub const BODY_BYTES: usize = 100 * 1024 * 1024;
    /// Suggested bound for records in one body.
    pub const RECORDS: usize = 1_000_000;
}

/// What a request does to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Writes records that were not there, or perhaps were (an upsert).
    Create,
    /// Changes records.
    Update,
    /// Removes records.
    Delete,
    /// Looks at records.
    Read,
    /// Takes many records out of the system.
    Export,
    /// Hands records to another system: a feed, a message.
    Deliver,
}

impl Action {
    /// Every action, in the order of the policy schema.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::Update, Self::Delete, Self::Read, Self::Export, Self::Deliver];

    /// The word used in policies, logs and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Export => "export",
            Self::Deliver => "deliver",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request asks for, known from its method and target alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door<R> {
    /// Nothing to judge: a login, discovery, a read, the state of a job.
    Open,
    /// A write that this carrier reads.
    Judged(R),
    /// A write that nobody here can read; refused where a boundary is enforced.
    Unknown,
}

/// How a refusal may be applied to what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Refused records can be taken out and the others sent on.
    PerRecord,
    /// All or nothing: one refused record refuses the request.
    Whole,
}

/// Everything a carrier saw in one body, in the body's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings<'a> {
    /// How a refusal may be applied.
    pub unit: Unit,
    /// One a record; `place.index` is the position in this list.
    pub records: Vec<Reading<'a>>,
}

/// What is said to the client about one refused record. Never holds content of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error code, such as `EOSIN_BLOCKED`.
    pub code: String,
    /// One sentence: what was refused, by which policy, what to do.
    pub message: String,
}

/// A response in the upstream's own shape.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Debug shows sizes only: a merged answer can hold what the upstream said about a person.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} {}, {} bytes)", self.status, self.content_type, self.body.len())
    }
}

/// What is written into a record when it is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The mark's text form.
    pub mark_text: String,
    /// The mark's short name.
    pub mark_id: String,
    /// Whom the record is about.
    pub subject: mark::Subject,
    /// Who made it.
    pub authorship: mark::Authorship,
    /// Which dataset it belongs to, in the carrier's own way of pointing; `None` writes no pointer.
    pub dataset: Option<DatasetPointer>,
}

/// How a record points at its dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasetPointer {
    /// The dataset's id: 26 letters and digits. Salesforce rows get it as an external-id reference.
    DatasetId(String),
    /// The id of the dataset's own row in a Salesforce org.
    SalesforceId(String),
}

impl Labels {
    /// The labels of `mark`, pointing at its dataset by the dataset's id.
    pub fn of(mark: &mark::Mark) -> Self {
        Self::named(mark, mark.id())
    }

    /// Those of each mark of a batch, in its order.
    pub fn of_batch(batch: &mark::SealedBatch) -> impl Iterator<Item = Self> {
        batch.marks.iter().zip(&batch.ids).map(|(mark, id)| Self::named(mark, *id))
    }

    fn named(mark: &mark::Mark, id: mark::MarkId) -> Self {
        Self {
            mark_text: mark.to_text(),
            mark_id: id.to_string(),
            subject: mark.subject,
            authorship: mark.authorship,
            dataset: Some(DatasetPointer::DatasetId(mark.dataset.to_string())),
        }
    }
}
