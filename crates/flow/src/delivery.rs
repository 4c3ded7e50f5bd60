//! Files on their way to a client: filtered a piece at a time, each piece ruled on before it leaves.
//!
//! What the pieces add up to is told when the file has been delivered to its end; see [`Flow::close_delivery`].
//! Source: spec/deliveries.md.

use std::{collections::BTreeMap, fmt, sync::Arc};

use carrier::{
    fhir::{self, DeliveredLine},
    salesforce::RowChunk,
    table::{Chunk, Format, PlaceError},
};
use certificate::{Rule, Suspected, bytes_leaf};
use ledger::{Logged, Pending};
use mark::{
    Claim, Reading, Salt, Strength, TrustStore, Verdict, VerdictName, digest::Hasher, judge, judge_shown,
    merkle::Frontier,
};
use policy::{Action, Decision, Policies, Request, Ruling, Scope, decide};

use crate::{
    archived::Member,
    entry::{Entry, Facts},
    listed::Named,
    proof::Weighed,
    reading::{HiddenBy, Reader, Seen, label_hides},
    recognition::Recognition,
    resources::{hidden_by, proven_labels},
    world::Flow,
};

/// What is delivered.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The short name for the ledger: `export file`, `bulk results`.
    pub route: &'static str,
    /// What the file is called.
    pub name: String,
    /// What it holds, as [`carrier::table::Format::as_str`] says.
    pub format: &'static str,
    /// What the rows of a table are.
    pub object: Option<String>,
}

/// A file on its way to a client.
///
/// Shape:  sees one version of policies, trust and registry from its first piece to its last.
/// Bounds: some kilobytes, whatever the file's length.
pub struct FileDelivery {
    pub(crate) file: Delivered,
    pub(crate) reader: Reader,
    pub(crate) trust: Arc<TrustStore>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) recognition: Arc<Recognition>,
    pub(crate) id: String,
    pub(crate) salt: Salt,
    pub(crate) digest: Hasher,
    pub(crate) leaves: Frontier,
    pub(crate) bytes: u64,
    pub(crate) shown: Tally,
    pub(crate) withheld: Tally,
    /// Of those that are shown.
    pub(crate) suspected: Suspected,
    /// Of those that are shown: what stands against a certificate, by verdict.
    pub(crate) against: Tally,
    /// What is in it, where it is an archive.
    pub(crate) members: Option<Vec<Member>>,
}

/// Lines or rows by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<VerdictName, u64>);

impl Tally {
    fn add(&mut self, name: VerdictName) {
        *self.0.entry(name).or_default() += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// All nine words, also those that are 0.
    pub(crate) fn named(&self) -> BTreeMap<String, u64> {
        let count = |name: VerdictName| self.0.get(&name).copied().unwrap_or(0);
        VerdictName::ALL.into_iter().map(|name| (name.as_str().to_owned(), count(name))).collect()
    }

    /// The words of those that are not 0.
    pub(crate) fn present(&self) -> BTreeMap<&'static str, u64> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count)).collect()
    }
}

/// A piece that was ruled on and may not leave yet.
#[derive(Debug)]
#[must_use = "nothing may leave before its ruling is durable"]
pub struct Ruled {
    pub(crate) kept: Vec<u8>,
    pub(crate) pending: Option<Pending<Ruling>>,
}

/// Why a piece may not leave, and with it the rest of its file.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// The ledger did not take the ruling.
    #[error("the ledger could not record the ruling")]
    Ledger,
    /// The rows cannot be written as they were chosen.
    #[error("the rows cannot be written")]
    Rows(#[from] PlaceError),
    /// What stands around the rows cannot be written.
    #[error("what stands around the rows cannot be written")]
    Unwritten,
}

/// Characters of a delivery's id: 16 random bytes in hex.
pub const DELIVERY_ID_CHARS: usize = 32;

impl Flow {
    /// An id that nobody can guess, for a file that will be delivered; nothing where nothing is certified.
    pub fn delivery_id(&self) -> Option<String> {
        let Salt(random) = self.certifier.as_ref()?.salt()?;
        Some(format!("{:032x}", u128::from_be_bytes(random)))
    }

    /// The name of the log whose key certifies what is delivered here; nothing where nothing is certified.
    pub fn certified_by(&self) -> Option<&str> {
        self.certifier.as_ref().map(crate::closing::Certifier::log)
    }

    /// Begins to deliver a file.
    ///
    /// Shape:  `id` is one of [`Flow::delivery_id`], or empty where nothing is certified.
    pub fn begin_delivery(&self, reader: Reader, id: String, file: Delivered) -> FileDelivery {
        let salt = self.certifier.as_ref().and_then(crate::closing::Certifier::salt);
        FileDelivery {
            file,
            reader,
            trust: self.trust(),
            policies: self.policies(),
            recognition: self.recognition(),
            // Without a salt nothing can be certified, and what has no id is not.
            id: if salt.is_some() { id } else { String::new() },
            salt: salt.unwrap_or(Salt([0; 16])),
            digest: Hasher::default(),
            leaves: Frontier::default(),
            bytes: 0,
            shown: Tally::default(),
            withheld: Tally::default(),
            suspected: Suspected::default(),
            against: Tally::default(),
            members: None,
        }
    }

    /// Takes out of whole lines of NDJSON those that the reader is not shown, and rules on them.
    ///
    /// A line that provably carries neither mark nor claim is not read further where nothing else is asked about it:
    /// the ruling is the same, and so is its entry.
    ///
    /// Shape:  whole lines, one resource each -> the lines that are shown, in order; others verbatim. Lines that hold
    ///         nothing are left out.
    /// Bounds: linear in the lines; the caller bounds them.
    /// Errors: [`NotRecorded::Ledger`]: the queue is full.
    /// Source: spec/carriers.md section 3.9.
    pub fn rule_lines(&self, delivery: &mut FileDelivery, lines: &[u8]) -> Result<Ruled, NotRecorded> {
        let mut piece = Piece::default();
        let mut whole = Vec::new();
        let is_quick = delivery.recognition.is_off();
        for line in lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            if line.is_empty() {
                continue;
            }
            let plain = if is_quick { fhir::plain_type(line, &self.limits()) } else { None };
            let (count, is_one) = if let Some(name) = plain {
                piece.verdicts.push(Verdict::Unproven(Claim::None));
                piece.readings.push(Looked::Plain(name));
                (1, true)
            } else {
                let DeliveredLine { records: found, is_one } = fhir::read_delivered(line, &self.limits());
                let count = found.len();
                let verdict =
                    |reading| delivery.recognition.verdict(judge(reading, &delivery.trust), reading, None);
                piece.verdicts.extend(found.iter().map(verdict));
                piece.readings.extend(found.into_iter().map(Looked::Whole));
                (count, is_one)
            };
            whole.push((line, count, is_one));
        }
        let ruling = delivery.decide(std::mem::take(&mut piece.verdicts));
        let mut kept = Vec::with_capacity(lines.len() + 1);
        let mut references = Vec::with_capacity(piece.readings.len());
        let mut at = 0;
        for (line, count, is_one) in whole {
            let range = at..at + count;
            at += count;
            let seen: Vec<Option<HiddenBy>> =
                range.clone().map(|at| piece.hidden_by(at, &ruling, &delivery.reader)).collect();
            references.extend(range.clone().zip(&seen).map(|(at, by)| piece.named(at, *by)));
            let verdicts = ruling.verdicts().get(range.clone()).unwrap_or_default();
            if seen.iter().any(Option::is_some) {
                delivery.withhold(verdicts);
                continue;
            }
            let relabelled = (count == 1).then(|| piece.relabelled(range.start, line, verdicts)).flatten();
            let line = relabelled.as_deref().map_or(line, str::as_bytes);
            delivery.show(line, verdicts);
            if !is_one {
                // Whoever reads the file reads one resource a line.
                delivery.against.add(VerdictName::Unreadable);
            }
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
        delivery.take(&kept);
        Ok(Ruled { kept, pending: self.append_piece(delivery, ruling, &references)? })
    }

    /// Takes out of a chunk of a table the rows that the reader is not shown, and rules on them.
    ///
    /// A row without a place for a mark was chosen by its labels before it came: that it is unproven says nothing.
    ///
    /// Shape:  the chunks of one table, in order -> the rows that are shown, byte for byte, with the header.
    /// Errors: [`NotRecorded`].
    /// Source: spec/carriers.md section 2.9.
    pub fn rule_rows(&self, delivery: &mut FileDelivery, chunk: &Chunk) -> Result<Ruled, NotRecorded> {
        let readings = chunk.read().records;
        let shows_marks = chunk.header().is_some_and(names_mark);
        let bytes = chunk.record_bytes().unwrap_or_default();
        let (keep, ruling, references) = delivery.weigh(&readings, &bytes, |_| shows_marks);
        let kept = chunk.select(&keep)?;
        delivery.take(&kept);
        Ok(Ruled { kept, pending: self.append_piece(delivery, ruling, &references)? })
    }

    /// The same for rows of results that are no table.
    ///
    /// Shape:  the chunks of one document, in order -> the rows that are shown, byte for byte, in such a document;
    ///         `has_rows` is kept from chunk to chunk, false at first.
    /// Errors: [`NotRecorded`].
    pub fn rule_results(
        &self,
        delivery: &mut FileDelivery,
        chunk: &RowChunk,
        has_rows: &mut bool,
    ) -> Result<Ruled, NotRecorded> {
        let (readings, bytes) = (chunk.read(), chunk.row_bytes());
        let shows_marks = |at: usize| bytes.get(at).is_some_and(|row| names_mark(row));
        let (keep, ruling, references) = delivery.weigh(&readings, &bytes, shows_marks);
        let kept = chunk.select(&keep, has_rows);
        delivery.take(&kept);
        Ok(Ruled { kept, pending: self.append_piece(delivery, ruling, &references)? })
    }

    pub(crate) fn append_piece(
        &self,
        delivery: &FileDelivery,
        ruling: Ruling,
        references: &[Named],
    ) -> Result<Option<Pending<Ruling>>, NotRecorded> {
        if references.is_empty() {
            return Ok(None);
        }
        let moment = self.clock.now();
        let weighed = Weighed::default();
        let recognised_by = (ruling.counts().suspected > 0).then(|| delivery.recognition.recognised_by());
        let facts = Facts {
            objects: &[],
            weakens: &[],
            action: carrier::Action::Read.as_str(),
            route: delivery.file.route,
            claim: "none",
            proof: &weighed,
            ai_disclosure: None,
            references,
            recognised_by,
            kept: None,
            told: None,
        };
        let entry = Entry::ruling(&ruling, &delivery.reader.crossing(), &facts, &moment);
        self.appender.append(ruling, entry.bytes).map(Some).map_err(|_| NotRecorded::Ledger)
    }

    /// Waits until a piece's ruling is durable: then it may leave.
    ///
    /// Errors: [`NotRecorded::Ledger`]: it may not, and the delivery is over.
    /// Never:  call it on an async worker.
    pub fn recorded(&self, ruled: Ruled) -> Result<Vec<u8>, NotRecorded> {
        let Ruled { kept, pending } = ruled;
        match pending.map(Pending::wait).transpose() {
            Ok(Some(logged)) => Ok(leaving(&logged, kept)),
            // Nobody was in it.
            Ok(None) => Ok(kept),
            Err(_) => Err(NotRecorded::Ledger),
        }
    }
}

/// What a ruling in the ledger lets leave.
fn leaving(_ruling: &Logged<Ruling>, kept: Vec<u8>) -> Vec<u8> {
    kept
}

/// Whether a header has a column for marks, in any namespace.
fn names_mark(header: &[u8]) -> bool {
    let header = header.to_ascii_lowercase();
    header.windows(MARK_COLUMN.len()).any(|window| window == MARK_COLUMN)
}

const MARK_COLUMN: &[u8] = b"eosin_mark__c";

/// What was seen of a piece's lines.
#[derive(Default)]
struct Piece<'a> {
    verdicts: Vec<Verdict>,
    readings: Vec<Looked<'a>>,
}

/// One resource of a line.
enum Looked<'a> {
    /// Of this type, without a mark or a claim.
    Plain(&'a str),
    Whole(Reading<'a>),
}

impl Piece<'_> {
    fn hidden_by(&self, at: usize, ruling: &Ruling, reader: &Reader) -> Option<HiddenBy> {
        // What has no decision is not shown.
        let decision = ruling.decisions().get(at).copied().unwrap_or(Decision::Block);
        match self.readings.get(at)? {
            Looked::Whole(reading) => hidden_by(reading, decision, reader.hidden),
            Looked::Plain(_) => match decision {
                Decision::Block => Some(HiddenBy::Policy),
                Decision::Pass | Decision::Warn => None,
            },
        }
    }

    fn named(&self, at: usize, by: Option<HiddenBy>) -> Named {
        match self.readings.get(at) {
            Some(Looked::Whole(reading)) => Seen::named(reading, by),
            Some(Looked::Plain(name)) => Named::new((*name).to_owned(), Some(name)),
            None => Named::new(String::new(), None),
        }
    }

    /// The line with labels put back that a server had dropped, if its mark proves some.
    fn relabelled(&self, at: usize, line: &[u8], verdicts: &[Verdict]) -> Option<String> {
        let Looked::Whole(reading) = self.readings.get(at)? else { return None };
        let labels = proven_labels(reading, verdicts.first()?)?;
        fhir::relabelled(std::str::from_utf8(line).ok()?, &labels)
    }
}

impl FileDelivery {
    /// Says how the file will be read by whoever verifies it.
    pub fn reads_as(&mut self, format: &Format) {
        let object = match format {
            Format::SalesforceCsv { object } | Format::Table { object, .. } => Some(object.clone()),
            Format::SalesforceJson { object } => object.clone(),
            Format::FhirDocument | Format::FhirLines | Format::Hl7v2 => None,
        };
        if let Some(member) = self.member() {
            (member.format, member.object) = (Some(format.as_str()), object);
        } else {
            (self.file.format, self.file.object) = (format.as_str(), object);
        }
    }

    /// How many of its lines or rows are shown so far.
    pub fn records_shown(&self) -> u64 {
        self.shown.total()
    }

    /// Its id; empty where nothing is certified.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn decide(&self, verdicts: Vec<Verdict>) -> Ruling {
        let request = Request {
            client: self.reader.client.as_str().into(),
            action: Action::Read,
            boundary: &self.reader.boundary,
            // As every other read is asked about: the ways to a record must agree.
            route: "read",
        };
        decide(&self.policies, &request, Scope::PerRecord, verdicts)
    }

    /// Which rows are shown, the ruling on them, and how the ledger names them.
    fn weigh(
        &mut self,
        readings: &[Reading<'_>],
        bytes: &[&[u8]],
        shows_marks: impl Fn(usize) -> bool,
    ) -> (Vec<bool>, Ruling, Vec<Named>) {
        let verdict = |reading| self.recognition.verdict(judge_shown(reading, &self.trust), reading, None);
        let verdicts: Vec<Verdict> = readings.iter().map(verdict).collect();
        let ruling = self.decide(verdicts);
        let (mut keep, mut references) = (Vec::with_capacity(readings.len()), Vec::new());
        let rows = readings.iter().zip(ruling.verdicts()).zip(ruling.decisions());
        for (at, ((reading, verdict), decision)) in rows.enumerate() {
            let is_unasked = matches!(verdict, Verdict::Unproven(_)) && !shows_marks(at);
            let by = match decision {
                Decision::Block if !is_unasked => Some(HiddenBy::Policy),
                Decision::Block | Decision::Pass | Decision::Warn => {
                    let claim = reading.content.as_ref().map_or(Claim::None, |record| record.claim);
                    label_hides(claim, self.reader.hidden).then_some(HiddenBy::Label)
                }
            };
            references.push(Seen::named(reading, by));
            keep.push(by.is_none());
            if by.is_some() {
                self.withhold(std::slice::from_ref(verdict));
            } else {
                let row = bytes.get(at).copied().unwrap_or_default();
                self.show(row, std::slice::from_ref(verdict));
            }
        }
        (keep, ruling, references)
    }

    /// What of an archive is on its way.
    fn member(&mut self) -> Option<&mut Member> {
        self.members.as_mut()?.last_mut()
    }

    /// How many lines or rows were ruled on.
    pub(crate) fn rows(&self) -> u64 {
        self.shown.total() + self.withheld.total()
    }

    /// Counts a line or row that is shown, by the verdict that weighs most among those in it.
    pub(crate) fn show(&mut self, record: &[u8], verdicts: &[Verdict]) {
        let rule = Rule::default();
        let against = verdicts.iter().find(|verdict| rule.against(verdict).is_some());
        let counted = against.or_else(|| verdicts.first());
        // A Bundle of nothing is a line too.
        let name = counted.map_or(VerdictName::Unproven, Verdict::name);
        self.shown.add(name);
        if let Some(member) = self.member() {
            member.shown.add(name);
        }
        if let Some(Verdict::Suspected(suspicion)) = counted {
            match suspicion.strength {
                Strength::Strong => self.suspected.strong += 1,
                Strength::Weak => self.suspected.weak += 1,
            }
        }
        if let Some(verdict) = against {
            self.against.add(verdict.name());
        }
        if !self.id.is_empty() {
            self.leaves.push(bytes_leaf(record, self.salt));
        }
    }

    pub(crate) fn withhold(&mut self, verdicts: &[Verdict]) {
        // What hides it comes first in no order: a line has one resource, or is withheld as one.
        if let Some(verdict) = verdicts.first() {
            self.withheld.add(verdict.name());
            if let Some(member) = self.member() {
                member.withheld.add(verdict.name());
            }
        }
    }

    fn take(&mut self, kept: &[u8]) {
        if self.members.is_none() {
            self.leaves_as(kept);
        }
    }

    /// These bytes are the next of the file.
    pub(crate) fn leaves_as(&mut self, kept: &[u8]) {
        self.bytes += kept.len() as u64;
        if !self.id.is_empty() {
            self.digest.update(kept);
        }
    }
}

/// Debug shows no content: file names are told to those who fetch the file.
impl fmt::Debug for FileDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileDelivery({}, {} bytes)", self.file.route, self.bytes)
    }
}
