//! The envelopes of batches, when messages are left out of them: BTS-1 says how many there are, and has to be lowered.

use super::{place::PlaceError, split::begins_message};

/// How many messages were left out so far, of a file that is written again in parts.
///
/// Give one to all chunks of a file, in order.
#[derive(Debug, Default)]
pub struct Trailers {
    /// Messages of the batch at hand that are left out.
    left_of_batch: u64,
    /// Messages since FHS, and those of them that are left out.
    messages: u64,
    left: u64,
    /// Batches since FHS.
    batches: u64,
}

/// What is done about envelopes.
pub(crate) enum Envelopes<'t> {
    /// They stay as they are: nothing may be left out of a file that has any.
    Kept {
        /// Whether there are some.
        is_batch: bool,
    },
    /// Their counts are lowered.
    Lowered(&'t mut Trailers),
}

impl Envelopes<'_> {
    /// Writes what stands between two messages.
    ///
    /// Errors: [`PlaceError::Counted`], if a trailer cannot be corrected.
    pub(super) fn write(&mut self, between: &[u8], out: &mut Vec<u8>) -> Result<(), PlaceError> {
        match self {
            Self::Kept { .. } => out.extend_from_slice(between),
            Self::Lowered(trailers) => {
                for line in between.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
                    trailers.line(line, out)?;
                }
            }
        }
        Ok(())
    }

    /// Takes note of a message, or of lines that belong to none.
    ///
    /// Errors: [`PlaceError::Counted`], if it cannot be left out.
    pub(super) fn message(
        &mut self,
        message: &[u8],
        is_left: bool,
        is_whole: bool,
    ) -> Result<(), PlaceError> {
        match self {
            Self::Kept { is_batch } if is_left && *is_batch => Err(PlaceError::Counted),
            Self::Kept { .. } => Ok(()),
            // Of what is too long nobody knows how many messages it was.
            Self::Lowered(trailers) if is_left && !is_whole && trailers.is_within() => {
                Err(PlaceError::Counted)
            }
            Self::Lowered(trailers) => {
                let count = u64::from(begins_message(message));
                trailers.messages += count;
                if is_left {
                    trailers.left += count;
                    trailers.left_of_batch += count;
                }
                Ok(())
            }
        }
    }
}

impl Trailers {
    fn is_within(&self) -> bool {
        self.batches > 0
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), PlaceError> {
        let mark = line.strip_prefix(b"\xEF\xBB\xBF".as_slice()).map_or(0, |_| 3);
        let name = line.get(mark..mark + 3).unwrap_or_default();
        match name {
            b"FHS" => *self = Self::default(),
            b"BHS" => {
                self.batches += 1;
                self.left_of_batch = 0;
            }
            b"BTS" => {
                let left = std::mem::take(&mut self.left_of_batch);
                return lowered(line, mark, left, out);
            }
            // FTS-1 counts batches, and some count messages there where there are no batches.
            b"FTS" => {
                let Self { messages, left, batches, .. } = std::mem::take(self);
                let counts_messages = batches == 0 && number(line, mark) == Some(messages);
                return lowered(line, mark, if counts_messages { left } else { 0 }, out);
            }
            _ => {}
        }
        out.extend_from_slice(line);
        Ok(())
    }
}

/// Writes a trailer whose first field is lowered by so many. An empty one says nothing and stays.
fn lowered(line: &[u8], mark: usize, left: u64, out: &mut Vec<u8>) -> Result<(), PlaceError> {
    let Some(range) = first_field(line, mark).filter(|range| left > 0 && !range.is_empty()) else {
        out.extend_from_slice(line);
        return Ok(());
    };
    // BTS-3 has totals of something: nobody knows of what.
    let separator = line.get(mark + 3);
    let mut fields = line.split(|byte| Some(byte) == separator);
    if fields.nth(3).is_some_and(|totals| !totals.trim_ascii().is_empty()) {
        return Err(PlaceError::Counted);
    }
    let count = number(line, mark).and_then(|count| count.checked_sub(left)).ok_or(PlaceError::Counted)?;
    out.extend_from_slice(line.get(..range.start).unwrap_or_default());
    out.extend_from_slice(format!("{count:0width$}", width = range.len()).as_bytes());
    out.extend_from_slice(line.get(range.end..).unwrap_or_default());
    Ok(())
}

/// Where a trailer's first field stands, without blanks.
fn first_field(line: &[u8], mark: usize) -> Option<std::ops::Range<usize>> {
    let separator = *line.get(mark + 3).filter(|byte| byte.is_ascii_punctuation())?;
    let start = mark + 4;
    let rest = line.get(start..)?;
    let is_end = |byte: &u8| *byte == separator || matches!(byte, b'\r' | b'\n');
    let end = start + rest.iter().position(is_end).unwrap_or(rest.len());
    Some(start..end)
}

fn number(line: &[u8], mark: usize) -> Option<u64> {
    let digits = line.get(first_field(line, mark)?)?;
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::place::choose, *};
    use crate::choice::Choice;

    fn message(id: u8) -> String {
        format!("MSH|^~\\&|A|B|C|D|||ADT^A01|{id}|P|2.5\rPID|1||{id}\r")
    }

    /// Leaves out the messages of these numbers, of a file given in chunks.
    fn check(chunks: &[String], left: &[usize], want: &[&str]) {
        let (mut trailers, mut first, mut out) = (Trailers::default(), 0, Vec::new());
        for chunk in chunks {
            let count = super::super::count(chunk.as_bytes(), usize::MAX);
            let choices: Vec<Choice<'_>> = (first..first + count)
                .map(|at| if left.contains(&at) { Choice::Leave } else { Choice::Keep })
                .collect();
            first += count;
            let envelopes = Envelopes::Lowered(&mut trailers);
            match choose(chunk.as_bytes(), usize::MAX, envelopes, &choices) {
                Ok(bytes) => out.extend(bytes),
                Err((at, error)) => {
                    assert_eq!(want, [format!("{at}: {error:?}")], "{chunks:?}");
                    return;
                }
            }
        }
        let text = String::from_utf8(out).unwrap();
        let got: Vec<&str> = text
            .split('\r')
            .filter(|line| !line.is_empty() && !line.starts_with("PID"))
            .map(|line| if line.starts_with("MSH") { line.split('|').nth(9).unwrap() } else { line })
            .collect();
        assert_eq!(got, want, "{chunks:?}");
    }

    #[test]
    fn a_trailer_counts_what_is_left() {
        let [one, two, three] = [1, 2, 3].map(message);
        let batch = format!("BHS|^~\\&|A\r{one}{two}{three}BTS|3|all\r");
        check(std::slice::from_ref(&batch), &[], &["BHS|^~\\&|A", "1", "2", "3", "BTS|3|all"]);
        check(std::slice::from_ref(&batch), &[1], &["BHS|^~\\&|A", "1", "3", "BTS|2|all"]);
        check(std::slice::from_ref(&batch), &[0, 1, 2], &["BHS|^~\\&|A", "BTS|0|all"]);
        let file = format!("FHS|x\r{batch}BHS|y\r{one}BTS|001\rFTS|2\r");
        check(
            std::slice::from_ref(&file),
            &[2, 3],
            &["FHS|x", "BHS|^~\\&|A", "1", "2", "BTS|2|all", "BHS|y", "BTS|000", "FTS|2"],
        );
        // The trailer may come in a later chunk than the message.
        let chunks = [format!("FHS|x\rBHS|y\r{one}"), two.clone(), format!("{three}BTS|3\rFTS|1\r")];
        check(&chunks, &[0, 1], &["FHS|x", "BHS|y", "3", "BTS|1", "FTS|1"]);
        // No batches: FTS-1 counts messages if it has counted them.
        check(&[format!("FHS|x\r{one}{two}FTS|2\r")], &[0], &["FHS|x", "2", "FTS|1"]);
        check(&[format!("FHS|x\r{one}{two}FTS|1\r")], &[0], &["FHS|x", "2", "FTS|1"]);
        // A wrong count stays wrong by as much.
        check(&[format!("BHS|y\r{one}{two}BTS|5\r")], &[0], &["BHS|y", "2", "BTS|4"]);
        check(&[format!("BHS|y\r{one}{two}BTS\r")], &[0], &["BHS|y", "2", "BTS"]);
        check(&[format!("BHS|y\r{one}{two}BTS||c\r")], &[0], &["BHS|y", "2", "BTS||c"]);
        for trailer in ["BTS|0", "BTS|two", "BTS|2||17"] {
            check(&[format!("BHS|y\r{one}{two}{trailer}\r")], &[0], &["2: Counted"]);
        }
        // Lines that belong to no message were never counted.
        check(&[format!("BHS|y\rNTE|1\r{one}BTS|1\r")], &[0], &["BHS|y", "1", "BTS|1"]);
    }
}
