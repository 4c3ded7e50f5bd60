//! A gateway's own answer to a message: an acknowledgement that says no, and what to do now.

use super::envelope::{Asks, Condition, Envelope};

/// An answer that a gateway gives by itself. It never says that a message was taken: that is the receiver's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// What it says.
    pub code: Refusing,
    /// A code of ours, such as `EOSIN_BLOCKED`.
    pub error: &'a str,
    /// A sentence for a person. Holds nothing of a record.
    pub text: &'a str,
    /// The moment, as HL7 writes it: `20261122093015+0000`.
    pub at: &'a str,
    /// The acknowledgement's own control id.
    pub id: &'a str,
}

/// Which of the two ways of saying no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusing {
    /// AR or CR: sending it again would be answered the same.
    Reject,
    /// AE or CE: nothing is wrong with the message, and it may be sent again.
    Error,
}

/// A message of type ACK with MSA and ERR; nothing if the sender wants no such answer.
///
/// The separators, version and processing id are the sender's own, so that its parser reads them.
///
/// Shape:  the envelope of what is answered -> the message, without framing bytes.
/// Source: spec/mllp.md section 5; HL7 tables 0008 and 0357.
pub fn acknowledge(envelope: &Envelope, acknowledgement: &Acknowledgement<'_>) -> Option<Vec<u8>> {
    let code = code(envelope.asks(), acknowledgement.code)?;
    let separators = envelope.separators;
    let mut out = Segments { out: Vec::with_capacity(512), field: separators.field };
    let version = envelope.field(12);
    let is_numbered = version.starts_with(b"2.");
    let number = |minor: u8| {
        let minors = version.get(2..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
        let said = minors.fold(0_u8, |sum, digit| sum.saturating_mul(10).saturating_add(digit - b'0'));
        !is_numbered || said >= minor
    };
    let component = separators.component;
    let event = envelope.field(9).split(|byte| *byte == component).nth(1).unwrap_or_default();
    let kind = match (envelope.is_batch(), event) {
        (false, event) if !event.is_empty() && number(4) => {
            [b"ACK", &[component][..], event, &[component], b"ACK"].concat()
        }
        _ => b"ACK".to_vec(),
    };
    let encoding = [separators.component, separators.repetition, separators.escape, separators.subcomponent];
    let (processing, version) =
        if envelope.is_batch() { (&b""[..], &b""[..]) } else { (envelope.field(11), version) };
    // MSH-1 is the separator in front of MSH-2.
    let mut header = vec![&b"MSH"[..], &encoding];
    header.extend([5, 6, 3, 4].map(|number| envelope.field(number)));
    header.extend([acknowledgement.at.as_bytes(), b"", &kind, acknowledgement.id.as_bytes()]);
    header.push(if processing.is_empty() { b"P" } else { processing });
    header.push(if version.is_empty() { b"2.5" } else { version });
    if !envelope.is_batch() && !envelope.field(18).is_empty() {
        header.extend([b"", b"", b"", b"", b"", envelope.field(18)]);
    }
    out.segment(&header);
    let text = escaped(acknowledgement.text, envelope);
    out.segment(&[b"MSA", code, envelope.control_id(), &text]);
    let parts =
        |with: u8| -> Vec<u8> { [b"207".as_slice(), b"Application internal error", b"HL70357"].join(&with) };
    if number(5) {
        let error = escaped(acknowledgement.error, envelope);
        out.segment(&[b"ERR", b"", b"", &parts(component), b"E", &error, b"", b"", &text]);
    } else {
        out.segment(&[b"ERR", &[&[component; 3][..], &parts(separators.subcomponent)].concat()]);
    }
    Some(out.out)
}

/// AR, AE, CR or CE as the sender wants to hear it; nothing if it wants to hear of no error.
fn code(asks: Asks, refusing: Refusing) -> Option<&'static [u8]> {
    let hears = |condition| matches!(condition, Condition::Always | Condition::OnError);
    let pair: [&[u8]; 2] = match asks {
        Asks::Original => [b"AR", b"AE"],
        Asks::Enhanced { accept, .. } if hears(accept) => [b"CR", b"CE"],
        Asks::Enhanced { application, .. } if hears(application) => [b"AR", b"AE"],
        Asks::Enhanced { .. } => return None,
    };
    let [reject, error] = pair;
    Some(match refusing {
        Refusing::Reject => reject,
        Refusing::Error => error,
    })
}

struct Segments {
    out: Vec<u8>,
    field: u8,
}

impl Segments {
    /// Writes a segment without empty fields at its end.
    fn segment(&mut self, fields: &[&[u8]]) {
        let last = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |at| at + 1);
        for (number, field) in fields.iter().take(last).enumerate() {
            if number > 0 {
                self.out.push(self.field);
            }
            self.out.extend_from_slice(field);
        }
        self.out.push(b'\r');
    }
}

/// Text of ours in the sender's separators; what is not printable ASCII becomes a question mark.
fn escaped(text: &str, envelope: &Envelope) -> Vec<u8> {
    let separators = envelope.separators;
    let mut out = Vec::with_capacity(text.len());
    for letter in text.chars() {
        let byte = u8::try_from(letter).ok().filter(|byte| matches!(byte, b' '..=b'~')).unwrap_or(b'?');
        let name = match byte {
            byte if byte == separators.field => b'F',
            byte if byte == separators.component => b'S',
            byte if byte == separators.subcomponent => b'T',
            byte if byte == separators.repetition => b'R',
            byte if byte == separators.escape => b'E',
            byte => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[separators.escape, name, separators.escape]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: Acknowledgement<'static> = Acknowledgement {
        code: Refusing::Reject,
        error: "EOSIN_BLOCKED",
        text: "Blocked at `ehr` | as ever. Do not send it again.",
        at: "20261122093015+0000",
        id: "EOSIN7",
    };

    fn check(frame: &str, acknowledgement: &Acknowledgement<'_>, want: &str) {
        let made = acknowledge(&Envelope::of(frame.as_bytes()), acknowledgement);
        let made = made.map_or_else(|| "nothing".to_owned(), |made| String::from_utf8(made).unwrap());
        assert_eq!(made.replace('\r', "\n"), want, "{frame}");
    }

    #[test]
    fn a_refusal_is_a_message_that_the_sender_can_read() {
        check(
            "MSH|^~\\&|LAB|HALL|RIS|X|20260101||ADT^A01^ADT_A01|77|T|2.5.1||||||UNICODE UTF-8\rPID|1\r",
            &NO,
            "MSH|^~\\&|RIS|X|LAB|HALL|20261122093015+0000||ACK^A01^ACK|EOSIN7|T|2.5.1||||||UNICODE UTF-8\n\
             MSA|AR|77|Blocked at `ehr` \\F\\ as ever. Do not send it again.\n\
             ERR|||207^Application internal error^HL70357|E|EOSIN_BLOCKED|||Blocked at `ehr` \\F\\ as ever. Do not send it again.\n",
        );
        let error = Acknowledgement { code: Refusing::Error, text: "later", ..NO };
        check(
            "MSH|^~\\&|LAB|HALL|RIS|X|||ADT^A01|78|P|2.3\rPID|1\r",
            &error,
            "MSH|^~\\&|RIS|X|LAB|HALL|20261122093015+0000||ACK|EOSIN7|P|2.3\nMSA|AE|78|later\n\
             ERR|^^^207&Application internal error&HL70357\n",
        );
        let tricky = Acknowledgement { text: "a#b*é", ..NO };
        check(
            "MSH#*+!%#A####X##ORU*R01#9#P#2.10\r",
            &tricky,
            "MSH#*+!%###A##20261122093015+0000##ACK*R01*ACK#EOSIN7#P#2.10\nMSA#AR#9#a!F!b!S!?\n\
             ERR###207*Application internal error*HL70357#E#EOSIN_BLOCKED###a!F!b!S!?\n",
        );
        check(
            "nothing of a message",
            &error,
            "MSH|^~\\&|||||20261122093015+0000||ACK|EOSIN7|P|2.5\nMSA|AE||later\n\
             ERR|||207^Application internal error^HL70357|E|EOSIN_BLOCKED|||later\n",
        );
        check(
            "BHS|^~\\&|A|B|C|D||||x|B7\rMSH|^~\\&|||||||A^1|1|T|2.3\rBTS|1\r",
            &error,
            "MSH|^~\\&|C|D|A|B|20261122093015+0000||ACK|EOSIN7|P|2.5\nMSA|AE|B7|later\n\
             ERR|||207^Application internal error^HL70357|E|EOSIN_BLOCKED|||later\n",
        );
    }

    #[test]
    fn a_refusal_is_said_in_the_mode_that_was_asked_for() {
        for (fields, want) in [
            ("", Some("AR")),
            ("AL|NE", Some("CR")),
            ("ER|AL", Some("CR")),
            ("NE|AL", Some("AR")),
            ("SU|ER", Some("AR")),
            ("NE|NE", None),
            ("SU|SU", None),
        ] {
            let frame = format!("MSH|^~\\&|||||||ADT^A01|1|P|2.5|||{fields}\rPID|1\r");
            let made = acknowledge(&Envelope::of(frame.as_bytes()), &NO);
            let text = made.map(|made| String::from_utf8(made).unwrap());
            let code = text.as_ref().map(|text| text.split("\rMSA|").nth(1).unwrap().get(..2).unwrap());
            assert_eq!(code, want, "{fields}");
        }
    }
}
