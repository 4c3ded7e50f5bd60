//! What a receiver's answers say of a frame: which of its messages they are to, and what became of those.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    envelope::{Asks, Envelope},
    read::MESSAGES_MAX,
    split::{begins_message, pieces},
};

/// What a receiver says in one frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    said: Vec<Said>,
    bare: Option<u16>,
}

/// One MSA.
#[derive(Clone, PartialEq, Eq)]
struct Said {
    status: Option<u16>,
    control_id: Vec<u8>,
}

impl Answer {
    /// Reads every MSA of an answer, in a batch too; and the one byte with which MLLP release 2 says yes or no.
    ///
    /// Bounds: as many as a frame may have messages; one with more says nothing that is known.
    pub fn of(answer: &[u8]) -> Self {
        let bare = match answer {
            b"\x06" => Some(200),
            b"\x15" => Some(500),
            _ => None,
        };
        let (mut said, mut separator) = (Vec::new(), None);
        for line in lines(answer) {
            let next = line.get(3).copied();
            match line.get(..3) {
                Some(b"MSH" | b"BHS" | b"FHS") => separator = next,
                Some(b"MSA") if next.is_some() && next == separator => {
                    if said.len() == MESSAGES_MAX {
                        said.push(Said { status: None, control_id: Vec::new() });
                        break;
                    }
                    let mut fields =
                        line.split(|byte| Some(*byte) == separator).skip(1).map(<[u8]>::trim_ascii);
                    let status = fields.next().and_then(status);
                    said.push(Said { status, control_id: fields.next().unwrap_or_default().to_vec() });
                }
                _ => {}
            }
        }
        Self { said, bare }
    }

    /// Whether each MSA names the message that it answers.
    pub fn is_named(&self) -> bool {
        !self.said.is_empty() && self.said.iter().all(|said| !said.control_id.is_empty())
    }

    /// Whether it answers messages with these control ids, and no other.
    pub fn is_to(&self, is_one: impl Fn(&[u8]) -> bool) -> bool {
        !self.said.is_empty() && self.said.iter().all(|said| is_one(&said.control_id))
    }
}

/// What MSA-1 of an answer says, as a status of HTTP, which the ledger and the quarantine speak in.
///
/// Shape:  AA and CA: 200; AE and CE: 500; AR and CR: 400; anything else: nothing.
/// Source: spec/mllp.md section 6.
fn status(code: &[u8]) -> Option<u16> {
    match code {
        b"AA" | b"CA" => Some(200),
        b"AE" | b"CE" => Some(500),
        b"AR" | b"CR" => Some(400),
        _ => None,
    }
}

/// The messages of a frame that was sent, and what their answers have said so far.
///
/// Source: spec/mllp.md section 6.
#[derive(Clone)]
pub struct Awaited {
    asks: Vec<Asks>,
    // MSH-10 of each message without an answer; empty if it has none.
    unanswered: BTreeMap<usize, Vec<u8>>,
    // For each MSH-10, those of them that have it.
    named: BTreeMap<Vec<u8>, BTreeSet<usize>>,
    // BHS-11 and FHS-11, and the messages that they stand around.
    envelopes: BTreeMap<Vec<u8>, Range<usize>>,
    said: Told,
    is_named: bool,
}

/// What was said of all messages that were answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Known(u16),
    Unknown,
}

impl Awaited {
    /// What a frame awaits.
    ///
    /// Shape:  the frame and its envelope; a frame without a message is one message that has no control id.
    /// Bounds: its first 10,000 messages; of a frame with more, which nobody can judge, nothing is known in the end.
    pub fn of(envelope: &Envelope, frame: &[u8]) -> Self {
        let Walk { messages, envelopes, is_cut, .. } = Walk::over(envelope, frame);
        let (unanswered, asks): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let mut named = BTreeMap::<_, BTreeSet<_>>::new();
        for (at, id) in unanswered.iter().enumerate() {
            named.entry(id.clone()).or_default().insert(at);
        }
        let is_named = !named.contains_key(&b""[..]);
        let unanswered = unanswered.into_iter().enumerate().collect();
        let said = if is_cut { Told::Unknown } else { Told::Nothing };
        Self { asks, unanswered, named, envelopes, said, is_named }
    }

    /// How each message wants to be answered.
    pub fn asks(&self) -> &[Asks] {
        &self.asks
    }

    /// Passes over the messages that nobody waits for; an answer to one of them still fits.
    pub fn waits_for(&mut self, waits: impl Fn(Asks) -> bool) {
        let idle: Vec<usize> =
            self.asks.iter().enumerate().filter(|(_, asks)| !waits(**asks)).map(|(at, _)| at).collect();
        for at in idle {
            self.take_one(at);
        }
    }

    /// Takes an answer; false, and nothing is taken, if a message that it names is none of this frame.
    ///
    /// An MSA without a name answers one message; an answer without an MSA, all of them.
    pub fn take(&mut self, answer: &Answer) -> bool {
        let is_ours =
            |id: &Vec<u8>| id.is_empty() || self.named.contains_key(id) || self.envelopes.contains_key(id);
        if !answer.said.iter().all(|said| is_ours(&said.control_id)) {
            return false;
        }
        self.is_named &= answer.is_named();
        if answer.said.is_empty() {
            self.unanswered.clear();
            self.say(answer.bare);
        }
        for said in &answer.said {
            self.say(said.status);
            let id = &said.control_id;
            let first = |open: &BTreeSet<usize>| open.first().copied();
            let nameless = || self.unanswered.keys().next().copied().filter(|_| id.is_empty());
            if let Some(at) = self.named.get(id).and_then(first).or_else(nameless) {
                self.take_one(at);
            } else if let Some(all) = self.envelopes.get_mut(id).map(std::mem::take) {
                all.for_each(|at| self.take_one(at));
            }
        }
        true
    }

    /// Whether every message that is waited for has its answer.
    pub fn is_over(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// What became of the frame: what the answers say if they all say the same, 500 if not; nothing if a message has no
    /// answer, or one that says nothing known.
    pub fn status(&self) -> Option<u16> {
        match self.said {
            Told::Known(status) if self.is_over() => Some(status),
            Told::Nothing | Told::Known(_) | Told::Unknown => None,
        }
    }

    /// Whether it is one message without an envelope around it: one answer is to it, and no other.
    pub fn is_single(&self) -> bool {
        self.asks.len() == 1 && self.envelopes.is_empty()
    }

    /// Whether a further answer to this frame could be told from one to a later frame: each message has a name, and each
    /// answer so far said one.
    pub fn is_told_apart(&self) -> bool {
        self.is_named
    }

    /// The control ids of the messages without an answer.
    pub fn unanswered(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.unanswered.values().map(Vec::as_slice)
    }

    fn take_one(&mut self, at: usize) {
        if let Some(open) = self.unanswered.remove(&at).and_then(|id| self.named.get_mut(&id)) {
            open.remove(&at);
        }
    }

    fn say(&mut self, status: Option<u16>) {
        self.said = match (self.said, status) {
            (Told::Unknown, _) | (_, None) => Told::Unknown,
            (Told::Known(before), Some(status)) if before != status => Told::Known(500),
            (Told::Nothing | Told::Known(_), Some(status)) => Told::Known(status),
        };
    }
}

/// A frame, passed over from its beginning.
#[derive(Default)]
struct Walk {
    messages: Vec<(Vec<u8>, Asks)>,
    envelopes: BTreeMap<Vec<u8>, Range<usize>>,
    // The name of a header without its trailer yet, and how many messages stand before it.
    file: Option<(Vec<u8>, usize)>,
    batch: Option<(Vec<u8>, usize)>,
    is_cut: bool,
}

impl Walk {
    fn over(envelope: &Envelope, frame: &[u8]) -> Self {
        let (mut walk, mut at) = (Self::default(), 0);
        for (range, _) in pieces(frame, usize::MAX) {
            walk.between(frame.get(at..range.start).unwrap_or_default());
            at = range.end;
            let message = frame.get(range).unwrap_or_default();
            walk.is_cut |= walk.messages.len() == MESSAGES_MAX;
            if walk.is_cut {
                break;
            }
            if begins_message(message) {
                let line = lines(message).next().unwrap_or_default();
                let asks = if envelope.is_batch() { Asks::Original } else { Envelope::of(line).asks() };
                walk.messages.push((control_id(line, 10), asks));
            }
        }
        walk.between(frame.get(at..).unwrap_or_default());
        walk.between(b"FTS");
        if walk.messages.is_empty() {
            walk.messages.push((Vec::new(), Asks::Original));
            walk.envelopes.values_mut().for_each(|range| *range = 0..1);
        }
        walk
    }

    /// What stands between messages: headers and trailers.
    fn between(&mut self, text: &[u8]) {
        for line in lines(text).map(after_mark) {
            let name = line.get(..3).unwrap_or_default();
            let is_of_file = matches!(name, b"FHS" | b"FTS");
            if !is_of_file && !matches!(name, b"BHS" | b"BTS") {
                continue;
            }
            let before = self.messages.len();
            let ended = self.batch.take().into_iter().chain(self.file.take_if(|_| is_of_file));
            let is_full = self.envelopes.len() >= MESSAGES_MAX;
            for (id, start) in ended.filter(|(id, _)| !id.is_empty() && !is_full) {
                self.envelopes.entry(id).or_insert(start..before);
            }
            match name {
                b"FHS" => self.file = Some((control_id(line, 11), before)),
                b"BHS" => self.batch = Some((control_id(line, 11), before)),
                _ => {}
            }
        }
    }
}

/// A field of a header's line, cut by the first separator that it names; empty if it is longer than one may be.
fn control_id(line: &[u8], number: usize) -> Vec<u8> {
    let line = after_mark(line);
    let separator = line.get(3);
    // Field 1 is the separator itself.
    let field = line.split(|byte| Some(byte) == separator).nth(number - 1).unwrap_or_default().trim_ascii();
    if field.len() > CONTROL_ID_BYTES_MAX { Vec::new() } else { field.to_vec() }
}

const CONTROL_ID_BYTES_MAX: usize = 256;

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b'\r' | b'\n'))
}

/// The line without a byte-order mark in front.
fn after_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} of messages)", self.said.len())
    }
}

impl std::fmt::Debug for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Awaited({} of {})", self.unanswered.len(), self.asks.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of words: `B7`, `F7`, `BTS` and `FTS` are headers and trailers, `-` a message without MSH-10, else MSH-10.
    fn frame(words: &str) -> String {
        let line = |word: &str| match word {
            "-" => "MSH|^~\\&|||||||ADT^A01||P|2.5\rPID|1\r".to_owned(),
            "BTS" | "FTS" => format!("{word}|1\r"),
            word if word.starts_with(['B', 'F']) => {
                format!("{}HS|^~\\&|A|B|||||||{word}\r", word.get(..1).unwrap_or_default())
            }
            id => format!("MSH|^~\\&|||||||ADT^A01|{id}|P|2.5\rPID|1\r"),
        };
        words.split(' ').map(line).collect()
    }

    /// An answer with these MSAs: `AA:1`.
    fn answer(words: &str) -> Vec<u8> {
        let one = |word: &str| {
            let (code, id) = word.split_once(':').unwrap();
            format!("MSH|^~\\&|||||||ACK|R|P|2.5\rMSA|{code}|{id}|no\r")
        };
        words.split(' ').filter(|word| !word.is_empty()).map(one).collect::<String>().into_bytes()
    }

    #[test]
    fn an_answer_of_too_many_says_nothing_that_is_known() {
        let many = format!("MSH|^~\\&|||||||ACK|R|P|2.5\r{}", "MSA|AA|\r".repeat(MESSAGES_MAX + 9));
        let answer = Answer::of(many.as_bytes());
        assert_eq!(answer.said.len(), MESSAGES_MAX + 1);
        let text = frame("1");
        let mut awaited = Awaited::of(&Envelope::of(text.as_bytes()), text.as_bytes());
        assert!(awaited.take(&answer) && awaited.status().is_none());
    }

    /// What is said of a frame after each of these answers; `-` where an answer is to another frame.
    fn check(sent: &str, answers: &[&str], want: &str) {
        let text = frame(sent);
        let mut awaited = Awaited::of(&Envelope::of(text.as_bytes()), text.as_bytes());
        let mut told = Vec::new();
        for words in answers {
            let is_ours = awaited.take(&Answer::of(&answer(words)));
            let open = awaited.unanswered().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
            let status = awaited.status().map_or("?".to_owned(), |status| status.to_string());
            told.push(match (is_ours, awaited.is_over()) {
                (false, _) => "-".to_owned(),
                (true, true) => status,
                (true, false) => format!("open {open}"),
            });
        }
        assert_eq!(told.join("; "), want, "{sent} {answers:?}");
    }

    #[test]
    fn an_answer_to_one_message_names_it_or_nobody() {
        check("1", &["AA:1"], "200");
        check("1", &["CE:1"], "500");
        check("1", &["AR:"], "400");
        check("1", &["XX:1"], "?");
        check("1", &["AA:2", "AA:1"], "-; 200");
        check("1", &["AA:1 AA:2"], "-");
        check("-", &["AA:1", "AA:"], "-; 200");
    }

    #[test]
    fn a_frame_of_several_is_over_when_each_message_has_its_answer() {
        check("1 2", &["AA:1", "AA:2"], "open 2; 200");
        check("1 2", &["AA:2", "AA:2", "AA:1"], "open 1; open 1; 200");
        check("1 2", &["AA:1", "AR:2"], "open 2; 500");
        check("1 2", &["AR:1 AR:2"], "400");
        check("1 2", &["AA:1 AR:2"], "500");
        check("1 2", &["XX:1", "AA:2"], "open 2; ?");
        check("1 2", &["AA:", "AA:"], "open 2; 200");
        check("1 - 3", &["AA:", "AA:3 AA:1"], "open 1,3; 200");
        check("1 1", &["AA:1", "AA:1"], "open 1; 200");
        check("1 2", &["AA:0", "AA:1 AA:0"], "-; -");
    }

    #[test]
    fn an_answer_to_an_envelope_is_one_to_all_within() {
        check("B7 1 2 BTS", &["AA:B7"], "200");
        check("B7 1 2 BTS", &["AR:1", "AA:B7"], "open 2; 500");
        check("F7 B1 1 2 BTS B2 3 BTS FTS", &["AA:B1", "AA:B2"], "open 3; 200");
        check("F7 B1 1 2 B2 3", &["AA:B2", "AA:F7"], "open 1,2; 200");
        check("B7 1 BTS 2", &["AA:B7", "AA:2"], "open 2; 200");
        check("B7 BTS", &["AA:1", "AA:B7"], "-; 200");
    }

    #[test]
    fn an_answer_without_an_msa_is_to_the_frame() {
        for (text, want) in [
            (&b"\x06"[..], Some(200)),
            (b"\x15", Some(500)),
            (b"MSH|^~\\&|||||||ADT^A01|1\rMSA|AA\r", Some(200)),
            (b"MSH|^~\\&|||||||ADT^A01|1\rMSA#AA#1\r", None),
            (b"MSA|AA|1", None),
            (b"MSH#*+!%#######ACK#1\rMSA#AR\r", Some(400)),
            (b"BHS|^~\\&\rMSH|^~\\&|||||||ACK|1\nERR|x\nMSA|CE| 1 |no\nBTS|1", Some(500)),
            (b"", None),
        ] {
            let text_of_one = frame("1");
            let mut awaited = Awaited::of(&Envelope::of(text_of_one.as_bytes()), text_of_one.as_bytes());
            assert!(awaited.take(&Answer::of(text)), "{text:?}");
            assert_eq!((awaited.is_over(), awaited.status()), (true, want), "{text:?}");
        }
        let text = frame("1 2");
        let mut awaited = Awaited::of(&Envelope::of(text.as_bytes()), text.as_bytes());
        assert!(awaited.take(&Answer::of(b"\x06")) && !awaited.is_told_apart());
        assert_eq!(awaited.status(), Some(200));
    }

    #[test]
    fn of_a_frame_of_too_many_messages_nothing_is_known() {
        for (count, want) in [(MESSAGES_MAX, Some(200)), (MESSAGES_MAX + 1, None)] {
            let text = format!("BHS|^~\\&|||||||||B7\r{}BTS\r", "MSH\r".repeat(count));
            let mut awaited = Awaited::of(&Envelope::of(text.as_bytes()), text.as_bytes());
            assert_eq!(awaited.asks().len(), MESSAGES_MAX);
            awaited.take(&Answer::of(b"\x06"));
            assert_eq!(awaited.status(), want, "{count}");
        }
    }
}
