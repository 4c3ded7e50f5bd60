//! What a frame says of itself before anything in it is believed: who sends it, what it is, how it wants to be answered.

use super::{
    read::is_code,
    separators::{CANONICAL, Separators},
    split::pieces,
};

/// The header of a frame, as far as a gateway needs it to answer: taken from MSH, or from BHS or FHS around a batch.
///
/// Total: of bytes that nobody can read it is empty, and an answer can still be made.
///
/// Debug shows the label only.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    pub(super) separators: Separators,
    // Fields by their HL7 number: the name and the separator are 0 and 1.
    fields: Vec<Vec<u8>>,
    label: String,
    is_batch: bool,
    messages: usize,
}

/// How a message wants to be answered: MSH-15 and MSH-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Neither field is there: one answer, of the application, to every message.
    Original,
    /// Enhanced acknowledgement mode: when the receiver has taken the message, and when its application has done its work.
    Enhanced {
        /// MSH-15: the accept acknowledgement, CA, CE or CR.
        accept: Condition,
        /// MSH-16: the application acknowledgement, AA, AE or AR.
        application: Condition,
    },
}

/// When an acknowledgement is wanted: HL7 table 0155.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `AL`, and any word that is none of the others: rather an answer too many.
    Always,
    /// `NE`, or nothing where the other field has a word.
    Never,
    /// `ER`: errors and rejects only.
    OnError,
    /// `SU`: success only.
    OnSuccess,
}

impl Envelope {
    /// Reads a frame's header.
    ///
    /// Bounds: 64 fields of at most 256 bytes; longer ones are taken for empty.
    pub fn of(frame: &[u8]) -> Self {
        let mut messages = pieces(frame, usize::MAX).map(|(range, _)| range);
        let first = messages.next();
        let count = usize::from(first.is_some()) + messages.count();
        let first = first.unwrap_or(0..0);
        let before = frame.get(..first.start).unwrap_or_default();
        let header = line_of(before, b"BHS").or_else(|| line_of(before, b"FHS"));
        let is_batch = header.is_some() || count == 0 && begins_batch(frame);
        let line = header.or_else(|| line_of(frame, b"BHS")).or_else(|| line_of(frame, b"FHS"));
        let message = first_line(frame.get(first.clone()).unwrap_or_default());
        let label = match (is_batch, count) {
            (true, _) => "batch".to_owned(),
            (false, 0) => UNREADABLE.to_owned(),
            (false, 1) => label(message).unwrap_or_else(|| UNREADABLE.to_owned()),
            (false, _) => "several messages".to_owned(),
        };
        let line = if is_batch { line.unwrap_or_default() } else { message };
        let named = of_header(line);
        let separators = named.unwrap_or(CANONICAL);
        // A field that our own separators would cut has no place in an answer.
        let is_cut_alike = named.is_some() || line.get(3) == Some(&CANONICAL.field);
        let fields = if is_cut_alike { fields(line) } else { Vec::new() };
        Self { separators, fields, label, is_batch, messages: count }
    }

    /// What it is, in a few plain characters: `ADT^A01`, `batch`, `several messages`, `unreadable`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether the envelope of a batch or of a file of batches is around the messages.
    pub fn is_batch(&self) -> bool {
        self.is_batch
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// MSH-10, or BHS-11 or FHS-11 of a batch; empty if there is none.
    pub fn control_id(&self) -> &[u8] {
        self.field(if self.is_batch { 11 } else { 10 })
    }

    /// The application that sends, and where, as it names itself: plain characters, nothing if it does not.
    pub fn sender(&self) -> Option<String> {
        let plain = |field: &[u8]| -> String {
            let named = field.split(|byte| *byte == self.separators.component).next().unwrap_or_default();
            let kept = named.iter().filter(|byte| byte.is_ascii_alphanumeric() || b".-_/ ".contains(byte));
            kept.take(31).map(|byte| char::from(*byte)).collect::<String>().trim().to_owned()
        };
        let (application, facility) = (plain(self.field(3)), plain(self.field(4)));
        match (application.is_empty(), facility.is_empty()) {
            (true, true) => None,
            (false, true) => Some(application),
            (true, false) => Some(facility),
            (false, false) => Some(format!("{application}/{facility}")),
        }
    }

    /// How the message wants to be answered; a batch, and what cannot be read, in original mode.
    pub fn asks(&self) -> Asks {
        // `""` is a value that was taken away: it says as little as nothing.
        let said = |number: usize| match self.field(number).trim_ascii() {
            b"\"\"" => b"",
            word => word,
        };
        let (accept, application) = (said(15), said(16));
        if self.is_batch || (accept.is_empty() && application.is_empty()) {
            return Asks::Original;
        }
        Asks::Enhanced { accept: Condition::of(accept), application: Condition::of(application) }
    }

    pub(super) fn field(&self, number: usize) -> &[u8] {
        self.fields.get(number).map_or(b"", Vec::as_slice)
    }
}

impl Condition {
    fn of(word: &[u8]) -> Self {
        match word {
            b"" | b"NE" => Self::Never,
            b"ER" => Self::OnError,
            b"SU" => Self::OnSuccess,
            _ => Self::Always,
        }
    }
}

/// What a message says of itself in MSH-11, of HL7 table 0103.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processing {
    /// `P`.
    Production,
    /// `T` for training, `N` for tests outside production, `D` for debugging, `V` for validation.
    Test,
    /// Nothing, or another word.
    Unsaid,
}

/// MSH-11 of each message of a frame, in order. A claim, never proof.
///
/// Shape:  one for each reading of [`super::read()`].
pub fn processing(frame: &[u8]) -> Vec<Processing> {
    let of = |message: &[u8]| {
        let line = first_line(message);
        let separators = of_header(line)?;
        let fields = fields(line);
        let field = fields.get(11)?;
        let id = field.split(|byte| *byte == separators.component).next().unwrap_or_default();
        match id.trim_ascii() {
            b"P" => Some(Processing::Production),
            b"T" | b"N" | b"D" | b"V" => Some(Processing::Test),
            _ => None,
        }
    };
    pieces(frame, usize::MAX)
        .map(|(range, _)| of(frame.get(range).unwrap_or_default()).unwrap_or(Processing::Unsaid))
        .collect()
}

const UNREADABLE: &str = "unreadable";

/// The separators that a header's line names; those of FHS and BHS stand where MSH has them.
fn of_header(line: &[u8]) -> Option<Separators> {
    let rest = line.get(3..)?;
    Separators::of(&[b"MSH", rest].concat()).ok()
}

/// The fields of a header's line by their numbers. Of one whose separators cannot be used, by the first of them alone.
fn fields(line: &[u8]) -> Vec<Vec<u8>> {
    let Some(separator) = line.get(3).filter(|byte| byte.is_ascii_punctuation()) else { return Vec::new() };
    let mut parts = line.split(|byte| byte == separator).map(|field| match field {
        long if long.len() > FIELD_BYTES_MAX => Vec::new(),
        field => field.to_vec(),
    });
    let mut all: Vec<Vec<u8>> = parts.next().into_iter().collect();
    // Field 1 is the separator itself.
    all.push(vec![*separator]);
    all.extend(parts.take(FIELDS_MAX));
    all
}

const FIELDS_MAX: usize = 64;
const FIELD_BYTES_MAX: usize = 256;

/// Type and event, if they are codes.
fn label(line: &[u8]) -> Option<String> {
    let separators = of_header(line)?;
    let fields = fields(line);
    let mut parts = fields.get(9)?.split(|byte| *byte == separators.component);
    let mut code = || {
        let part = parts.next()?.trim_ascii();
        is_code(part).then(|| String::from_utf8_lossy(part).into_owned())
    };
    let object = code()?;
    Some(code().map_or(object.clone(), |event| format!("{object}^{event}")))
}

/// The first line that begins with this name and a separator.
fn line_of<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut lines = text.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.find(|line| line.starts_with(name) && line.get(3).is_some_and(u8::is_ascii_punctuation))
}

fn begins_batch(frame: &[u8]) -> bool {
    [&b"FHS"[..], b"BHS", b"BTS", b"FTS"].iter().any(|name| line_of(frame, name).is_some())
}

fn first_line(message: &[u8]) -> &[u8] {
    message.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default()
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({})", self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(frame: &str) -> Envelope {
        Envelope::of(frame.as_bytes())
    }

    #[test]
    fn a_frame_is_named_by_what_it_holds() {
        for (frame, label, control_id, sender, messages) in [
            ("MSH|^~\\&|LAB|HALL|RIS|X|||ADT^A01^ADT_A01|77|P|2.5\rPID|1\r", "ADT^A01", "77", "LAB/HALL", 1),
            ("MSH|^~\\&|LAB^1.2.3^ISO|||||||M-1", "unreadable", "M-1", "LAB", 1),
            ("MSH#*+!%#a#b#c#d###ORU*R01#9#P#2.5\r", "ORU^R01", "9", "a/b", 1),
            ("MSH|^~\\&|||||||ACK|1\r", "ACK", "1", "", 1),
            ("MSH|^~\\&|||||||Doe, Jane^A01|1\r", "unreadable", "1", "", 1),
            ("MSH|^~\\&|||||||Kerriganson^Moira|1\r", "unreadable", "1", "", 1),
            ("MSH|^~\\&|||||||ADT^Moira|1\r", "ADT", "1", "", 1),
            ("MSH|^^\\&|A|B|||||ADT^A01|5|P|2.5\r", "unreadable", "5", "A/B", 1),
            ("MSH|^~\\&|||||||A^1|1\rMSH|^~\\&|||||||B^2|2\r", "several messages", "1", "", 2),
            ("BHS|^~\\&|A|B|||||||B7\rMSH|^~\\&|||||||A^1|1\rBTS|1\r", "batch", "B7", "A/B", 1),
            ("FHS|^~\\&|A|B|||||||F7\rBHS|^~\\&|C|D|||||||B7\rBTS|0\rFTS|1\r", "batch", "B7", "C/D", 0),
            ("MSH#*#!%#A#B##### #ADT*A01#5|6", "unreadable", "", "", 1),
            ("", "unreadable", "", "", 0),
            ("GET / HTTP/1.1\r\n", "unreadable", "", "", 1),
            ("\u{0}\u{ff}", "unreadable", "", "", 1),
        ] {
            let envelope = of(frame);
            assert_eq!(envelope.label(), label, "{frame}");
            assert_eq!(String::from_utf8_lossy(envelope.control_id()), control_id, "{frame}");
            assert_eq!(envelope.sender().unwrap_or_default(), sender, "{frame}");
            assert_eq!(envelope.messages(), messages, "{frame}");
        }
    }

    #[test]
    fn msh_15_and_16_say_how_a_message_wants_to_be_answered() {
        use Condition::{Always, Never, OnError, OnSuccess};
        for (fields, want) in [
            ("", None),
            ("|", None),
            ("AL|NE", Some((Always, Never))),
            ("NE|AL", Some((Never, Always))),
            ("|AL", Some((Never, Always))),
            ("ER|SU", Some((OnError, OnSuccess))),
            ("XX|", Some((Always, Never))),
            ("\"\"|\"\"", None),
            ("\"\"|AL", Some((Never, Always))),
        ] {
            let frame = format!("MSH|^~\\&|||||||ADT^A01|1|P|2.5|||{fields}\rPID|1\r");
            let want =
                want.map_or(Asks::Original, |(accept, application)| Asks::Enhanced { accept, application });
            assert_eq!(of(&frame).asks(), want, "{fields}");
        }
    }

    #[test]
    fn msh_11_is_a_claim_of_each_message() {
        use Processing::{Production, Test, Unsaid};
        let message = |id: &str| format!("MSH|^~\\&|||||||ADT^A01|1|{id}|2.5\rPID|1\r");
        let all: String = ["P", "T^A", "D", "N", "V", "", "X"].map(message).concat();
        let want = [Production, Test, Test, Test, Test, Unsaid, Unsaid];
        assert_eq!(processing(all.as_bytes()), want);
        assert_eq!(processing(b"nothing"), [Unsaid]);
    }
}
