//! Labels into messages: the mark's segment, and the places that other systems look at.

use mark::{Subject, Unreadable};

use super::{
    BRAND_AUTHORITY, BRAND_NAMESPACE, MARK_SEGMENT, SECURITY_PREFIX,
    message::{Message, Segment},
    read::is_brand,
    separators::is_plain,
    split::pieces,
    trailers::Envelopes,
    value::canonical,
};
use crate::{DatasetPointer, Labels, Limits, choice::Choice};

/// Writes labels into the messages that `bytes` hold; what stands between them stays as it is.
///
/// Shape:  one set of labels for each reading of [`super::read()`], in order.
/// Bounds: about twice the bytes in memory; the caller bounds them.
/// Errors: see [`PlaceError`]; nothing was written.
/// Source: spec/hl7v2.md section 4.
pub fn place(bytes: &[u8], labels: &[Labels]) -> Result<Vec<u8>, PlaceError> {
    let choices: Vec<Choice<'_>> = labels.iter().map(Choice::Label).collect();
    choose(bytes, usize::MAX, Envelopes::Kept { is_batch: false }, &choices).map_err(|(_, error)| error)
}

/// The messages as they were chosen. One that is left out takes the frame with it that held nothing else.
///
/// Shape:  one choice for each reading, in order -> bytes.
/// Errors: which message, and why: it cannot be read, its bytes were too many, or its batch counts it.
pub(crate) fn choose(
    bytes: &[u8],
    limit: usize,
    mut envelopes: Envelopes<'_>,
    choices: &[Choice<'_>],
) -> Result<Vec<u8>, (usize, PlaceError)> {
    let pieces: Vec<_> = pieces(bytes, limit).collect();
    if pieces.len() != choices.len() {
        return Err((0, PlaceError::Count { records: pieces.len(), labels: choices.len() }));
    }
    let mut out = Vec::with_capacity(bytes.len() + choices.len() * 1200);
    let mut written = 0;
    for (at, ((piece, reason), choice)) in pieces.into_iter().zip(choices).enumerate() {
        let between = bytes.get(written..piece.start).unwrap_or_default();
        envelopes.write(between, &mut out).map_err(|error| (at, error))?;
        written = piece.end;
        let message = bytes.get(piece).unwrap_or_default();
        envelopes.message(message, choice.leaves(), reason.is_none()).map_err(|error| (at, error))?;
        match (choice, reason) {
            (Choice::Leave, _) => {
                let after = bytes.get(written..).unwrap_or_default();
                if let (Some(b"\x0B"), [b'\x1C', after @ ..]) = (out.last_chunk::<1>(), after) {
                    out.pop();
                    written += 1 + usize::from(after.first() == Some(&b'\r'));
                }
            }
            (_, Some(reason)) => return Err((at, reason.into())),
            (Choice::Keep, None) => out.extend_from_slice(message),
            (Choice::Label(labels), None) => {
                rewrite(message, Some(labels), &mut out).map_err(|error| (at, error))?;
            }
        }
    }
    let after = bytes.get(written..).unwrap_or_default();
    envelopes.write(after, &mut out).map_err(|error| (choices.len(), error))?;
    Ok(out)
}

/// Writes labels into one message, as it stands between MLLP's framing bytes.
///
/// A mark that was there is replaced; MSH-8 is set only where it is empty or ours, MSH-11 only from `P` or nothing.
///
/// Shape:  one message -> the same message, labelled; every byte that is not a label is as it was.
/// Errors: see [`PlaceError`]; nothing was written.
/// Source: spec/hl7v2.md section 4.
pub fn place_message(message: &[u8], labels: &Labels) -> Result<Vec<u8>, PlaceError> {
    let mut out = Vec::with_capacity(message.len() + 1200);
    rewrite(message, Some(labels), &mut out)?;
    Ok(out)
}

/// Takes our labels out of one message; MSH-11 stays as it is, for nobody knows what it was.
///
/// Errors: [`PlaceError::Unreadable`].
pub fn strip_message(message: &[u8]) -> Result<Vec<u8>, PlaceError> {
    let mut out = Vec::with_capacity(message.len());
    rewrite(message, None, &mut out)?;
    Ok(out)
}

/// Why labels were not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// What should be labelled cannot be read.
    #[error("cannot be labelled: {0}")]
    Unreadable(#[from] Unreadable),
    /// A label holds what would have to be escaped.
    #[error("cannot be labelled: a label holds more than letters, digits and `-_.:/`")]
    Label,
    /// A message of a batch cannot be left out: BTS-1 or BTS-3 counts it, in a way that cannot be corrected.
    #[error(
        "cannot be left out: its batch counts its messages in a way that cannot be corrected; take them out of the batch first"
    )]
    Counted,
    /// There are not as many labels as messages.
    #[error("holds {records} messages, and labels were given for {labels}")]
    Count {
        /// Messages found.
        records: usize,
        /// Labels given.
        labels: usize,
    },
}

const UNBOUNDED: Limits = Limits { body_bytes: usize::MAX, records: usize::MAX };

fn rewrite(bytes: &[u8], labels: Option<&Labels>, out: &mut Vec<u8>) -> Result<(), PlaceError> {
    super::read_message(bytes, &UNBOUNDED)?;
    let message = Message::parse(bytes)?;
    let brand = labels.filter(|labels| labels.subject == Subject::Synthetic);
    for (at, segment) in message.segments.iter().enumerate() {
        if at == 0 {
            header(&message, segment, brand, out);
            if let Some(labels) = labels {
                out.extend_from_slice(message.line_end());
                mark_segment(&message, labels, out)?;
            }
        } else if segment.name == MARK_SEGMENT.as_bytes() {
            // Its line end goes with the one before it, so that what comes after keeps its own.
            let end = message.line_end();
            if out.ends_with(end) {
                out.truncate(out.len() - end.len());
            }
        } else if segment.name == b"PID" {
            person(&message, segment, brand, out)?;
        } else {
            out.extend_from_slice(segment.body);
        }
        out.extend_from_slice(segment.end);
    }
    Ok(())
}

fn mark_segment(message: &Message<'_>, labels: &Labels, out: &mut Vec<u8>) -> Result<(), PlaceError> {
    let dataset = match &labels.dataset {
        Some(DatasetPointer::DatasetId(id) | DatasetPointer::SalesforceId(id)) => id.as_str(),
        None => "",
    };
    let (subject, authorship) = (labels.subject.as_str(), labels.authorship.as_str());
    out.extend_from_slice(MARK_SEGMENT.as_bytes());
    for field in [LAYOUT, subject, authorship, dataset, &labels.mark_id, &labels.mark_text] {
        if !is_plain(field) {
            return Err(PlaceError::Label);
        }
        out.push(message.separators.field);
        out.extend_from_slice(field.as_bytes());
    }
    Ok(())
}

/// The layout of the mark's segment, in its first field.
const LAYOUT: &str = "1";

/// MSH with its security and processing fields; `labels` are those of a synthetic message.
fn header(message: &Message<'_>, segment: &Segment<'_>, labels: Option<&Labels>, out: &mut Vec<u8>) {
    let is_version_2 = message.header(12).starts_with(b"2.");
    // The name and MSH-1 are one item: field n of MSH is item n - 1.
    for (item, field) in segment.fields(message.separators).enumerate() {
        if item > 0 {
            out.push(message.separators.field);
        }
        match (item + 1, labels) {
            (8, Some(labels)) if field.is_empty() || is_ours(field) => {
                out.extend_from_slice(SECURITY_PREFIX.as_bytes());
                out.extend_from_slice(labels.mark_id.as_bytes());
            }
            (8, None) if is_ours(field) => {}
            (11, Some(_)) if is_version_2 => {
                let mode = field.iter().position(|byte| *byte == message.separators.component);
                let (id, mode) = field.split_at(mode.unwrap_or(field.len()));
                out.extend_from_slice(if matches!(id, b"P" | b"") { TRAINING } else { id });
                out.extend_from_slice(mode);
            }
            _ => out.extend_from_slice(field),
        }
    }
}

/// HL7 table 0103: training. It is the one value that every version since 2.2 has and that is not production.
const TRAINING: &[u8] = b"T";

fn is_ours(security: &[u8]) -> bool {
    security.starts_with(SECURITY_PREFIX.as_bytes())
}

/// PID, with our identifier as the last repetition of PID-3 if the message is synthetic and has such a field.
fn person(
    message: &Message<'_>,
    segment: &Segment<'_>,
    labels: Option<&Labels>,
    out: &mut Vec<u8>,
) -> Result<(), PlaceError> {
    let separators = message.separators;
    for (number, field) in segment.fields(separators).enumerate() {
        if number > 0 {
            out.push(separators.field);
        }
        if number != 3 {
            out.extend_from_slice(field);
            continue;
        }
        let mut is_first = true;
        let mut repetition = |bytes: &[&[u8]], out: &mut Vec<u8>| {
            if !is_first {
                out.push(separators.repetition);
            }
            is_first = false;
            for part in bytes {
                out.extend_from_slice(part);
            }
        };
        let all = field.split(|byte| *byte == separators.repetition);
        for one in all.filter(|one| !field.is_empty() || !one.is_empty()) {
            if !is_brand(&canonical(message.text(one)?, separators)) {
                repetition(&[one], out);
            }
        }
        if let Some(labels) = labels.filter(|_| field != NULL) {
            let (component, part) = ([separators.component], [separators.subcomponent]);
            repetition(
                &[
                    labels.mark_id.as_bytes(),
                    &component,
                    &component,
                    &component,
                    BRAND_NAMESPACE.as_bytes(),
                    &part,
                    BRAND_AUTHORITY.as_bytes(),
                    &part,
                    b"URI",
                    &component,
                    b"U",
                ],
                out,
            );
        }
    }
    Ok(())
}

/// HL7's null: an order to delete what the receiver has.
const NULL: &[u8] = b"\"\"";
