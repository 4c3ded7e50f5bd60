//! Scenes and laws of messages.

use std::io::{BufReader, Cursor};

use mark::{Authorship, Claim, Record, Subject, json::Json};
use proptest::prelude::*;

use super::*;
use crate::{DatasetPointer, Labels, Limits, choice::Choice};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const ADMIT: &str = "MSH|^~\\&|APP|FAC|APP|FAC|20260102||ADT^A01^ADT_A01|77|P|2.5\rEVN|A01\r\
    PID|1||9^^^HOSP^MR||Zzyzx^Canary^^^||19840229|F\rPV1|1|I|\r";

fn labels(subject: Subject) -> Labels {
    Labels {
        mark_text: "eosin1.AAAA".to_owned(),
        mark_id: "abc234".to_owned(),
        subject,
        authorship: Authorship::Algorithm,
        dataset: Some(DatasetPointer::DatasetId("set".to_owned())),
    }
}

fn shown(record: &Record<'_>) -> String {
    let field = |(name, value): &(std::borrow::Cow<'_, str>, Json<'_>)| {
        format!("{name}={}", value.text().unwrap_or("?"))
    };
    let fields: Vec<String> = record.fields.iter().map(field).collect();
    format!("{} {}", record.object, fields.join(" "))
}

/// The covered values of one message, or why it cannot be read.
fn said(message: &[u8]) -> String {
    match read_message(message, &LIMITS) {
        Ok(record) => shown(&record),
        Err(reason) => reason.to_string(),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_message_is_its_fields_in_canonical_separators() {
    let header = "MSH|^~\\&|A|B|C|D|||ADT^A01^ADT_A01|1|P|2.5|||||||";
    let check = |rest: &str, want: &str| {
        assert_eq!(said(format!("{header}\r{rest}").as_bytes()), format!("ADT MSH-9=ADT^A01 {want}"));
    };
    check(
        "PID|1||9^^^H~8||Bell^Ada^^^|\"\"|19840229||\r",
        "PID-1=1 PID-3=9^^^H~8 PID-5=Bell^Ada PID-6=\"\" PID-7=19840229 segments=PID",
    );
    check(
        "OBX|1|TX|a\rOBX|2||b\\T\\c||\rOBX\rOBX||||z",
        "OBX-1=1 OBX-2=TX OBX-3=a OBX[2..]=|2||b\\T\\c\n\n||||z segments=OBX OBX OBX OBX",
    );
    check("ZAB|x\rPD1||\rZAB|y\r", "ZAB-1=x ZAB[2..]=|y segments=PD1");
    check(
        "PID|1||7^^^EOSIN~9^^^H~7^^^&https://eosin.example/synthetic-patient&URI\r",
        "PID-1=1 PID-3=9^^^H segments=PID",
    );
    let other = "MSH#*~!%#A#B#C#D###ADT*A01#1#P#2.5\nPID#1##9***H##Bell*A!S!da%x*|\n";
    assert_eq!(
        said(other.as_bytes()),
        "ADT MSH-9=ADT^A01 PID-1=1 PID-3=9^^^H PID-5=Bell^A*da&x^\\F\\ segments=PID"
    );
}

#[test]
fn characters_are_what_the_message_says() {
    let with = |set: &str, name: &[u8]| {
        let mut message = format!("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5||||||{set}\rPID|||||").into_bytes();
        message.extend_from_slice(name);
        said(&message)
    };
    let read = "ADT MSH-9=ADT^A01 PID-5=Zoë segments=PID";
    assert_eq!(with("", "Zoë".as_bytes()), read);
    assert_eq!(with("UNICODE UTF-8", "Zoë".as_bytes()), read);
    assert_eq!(with("8859/1", b"Zo\xEB"), read);
    assert_eq!(with("8859/1~UNICODE", b"Zo\xEB"), read);
    assert_eq!(with("8859/2", b"Zo\xEB"), read);
    assert_eq!(with("8859/9~8859/1", b"Zo\xEB"), read);
    assert!(with("8859/7", b"Zo\xFF").starts_with("holds a byte that its character set does not have"));
    assert!(with("", b"Zo\xEB").starts_with("is not UTF-8"));
    assert!(with("ASCII", "Zoë".as_bytes()).starts_with("says ASCII in MSH-18"));
    assert!(with("ISO IR87", b"Zo").starts_with("names a character set in MSH-18 that is not read"));
    assert!(with("UNICODE", b"Z\0o\0").starts_with("holds a NUL byte"));
}

#[test]
fn what_cannot_be_read_says_where_and_never_what() {
    let admit = |from: &str, to: &str| ADMIT.replace(from, to);
    for (message, want) in [
        (String::new(), "does not begin with MSH"),
        ("MSH".to_owned(), "does not begin with MSH"),
        ("PID|1||Zzyzx\r".to_owned(), "does not begin with MSH"),
        ("MSH|".to_owned(), "fewer than four encoding characters"),
        ("MSH|^~\\&".to_owned(), "no message type in MSH-9"),
        (admit("|^~\\&|", "|^~|"), "fewer than four encoding characters"),
        (admit("|^~\\&|", "|^~\\&#!|"), "more than five encoding characters"),
        (admit("|^~\\&|", "|^~\\^|"), "one separator for two things"),
        (admit("|^~\\&|", "|^~\\a|"), "cannot be one"),
        (admit("|^~\\&|", "|^~\\-|"), "cannot be one"),
        (admit("ADT^A01^ADT_A01", ""), "no message type in MSH-9"),
        (
            admit("ADT^A01^ADT_A01", "A DT<Zzyzx>"),
            "message type in MSH-9 that is not three capitals or digits",
        ),
        (admit("ADT^A01^ADT_A01", "Zzyzx^Canary"), "message type in MSH-9 that is not"),
        (admit("Canary", "Ca\0nary"), "NUL byte"),
        (admit("Canary", "Ca\nnary"), "more than one way, at segment 3"),
        (admit("\rPID", "\nPID"), "more than one way, at segment 2"),
        (admit("PV1|1|I|\r", "Zzyzx"), "no segment, at segment 4"),
        (admit("PV1|1|I|\r", "pv1|1\r"), "no segment, at segment 4"),
        (admit("PV1|1|I|\r", "ZEO|1\rZEO|1\r"), "more than one ZEO segment"),
        (admit("PV1|1|I|\r", ADMIT), "another message"),
    ] {
        let said = said(message.as_bytes());
        assert!(said.contains(want) && !said.contains("Zzyzx"), "{message}: {said}");
    }
    let short = Limits { body_bytes: 40, records: 1 };
    assert_eq!(read_message(ADMIT.as_bytes(), &short).unwrap_err().to_string(), "is longer than 40 bytes");
}

/// Of an envelope nothing is judged: what could be a message to somebody who cuts lines elsewhere does not go by in one.
#[test]
fn an_envelope_is_one_plain_line() {
    let inside = ADMIT.replace('\r', "<>");
    let check = |frame: &str, is_read: bool| {
        let all = read_frame(frame.as_bytes(), &LIMITS).records;
        assert_eq!(all.iter().all(|one| one.content.is_ok()), is_read, "{frame:?}");
    };
    check(&format!("BHS|^~\\&|A|B\r{ADMIT}BTS|1|an ordinary comment\r"), true);
    check("BHS|^~\\&|A|Zoë\rBTS|0\r\n", true);
    for line_end in ["\u{85}", "\u{2028}", "\u{2029}", "\u{C}", "\0", "\u{1E}"] {
        let hidden = format!("BTS|1|x{line_end}{}", inside.replace("<>", line_end));
        check(&format!("BHS|^~\\&|A|B\r{hidden}\r"), false);
        check(&format!("BHS|^~\\&|A|B\r{ADMIT}{hidden}\r"), false);
    }
    check(&format!("FTS|1|{}\r", "x".repeat(2000)), false);
    // A file of it is one of messages all the same, and says so.
    for begin in
        ["FHS|^~\\&|A\rBHS|^~\\&|A\r", "BHS|^~\\&|A\u{85}x\r", &format!("BHS|{}\r", "x".repeat(2000))]
    {
        assert!(begins(format!("{begin}{ADMIT}").as_bytes()), "{begin:?}");
    }
    assert!(!begins(b"BHS,a\n1,2\n"));
    let latin = [b"BHS|^~\\&|A|Zo\xEB\x85MSH|^~\\&|".as_slice(), b"\r"].concat();
    assert!(read_frame(&latin, &LIMITS).records.iter().any(|one| one.content.is_err()));
}

/// Both were found by sending them: 16 MB of the first took 4 GB.
#[test]
fn what_is_read_at_once_is_bounded() {
    let said = |bytes: &[u8]| {
        let all = read(bytes, &Limits { body_bytes: 16 << 20, records: 1_000_000 }).records;
        let [one] = all.as_slice() else { return format!("{} readings", all.len()) };
        one.content.as_ref().map_or_else(ToString::to_string, |_| "read".to_owned())
    };
    let short = "MSH|^~\\&|||||||ADT\r";
    assert_eq!(said(short.repeat(10_000).as_bytes()), "10000 readings");
    assert_eq!(said(short.repeat(10_001).as_bytes()), "holds more than 10000 records");
    assert_eq!(said(format!("{short}OBX{}\r", "|a".repeat(99_999)).as_bytes()), "read");
    assert_eq!(
        said(format!("{short}OBX{}\r", "|a".repeat(100_001)).as_bytes()),
        "holds more than 100,000 fields"
    );
    assert_eq!(
        said(format!("{short}{}", "OBX\r".repeat(1 << 18)).as_bytes()),
        "holds more than 262,144 segments"
    );
    let wide = format!("{short}OBX{}\r", "|a".repeat(90_000));
    assert_eq!(said(wide.repeat(12).as_bytes()), "holds more than 1,000,000 fields");
}

/// A person's mark says nothing of a synthetic patient's number.
#[test]
fn an_attested_mark_beside_our_own_brand_is_unreadable() {
    let mark = |subject| {
        let hash = mark::digest::Hash::from_bytes([1; 32]);
        let dataset = mark::DatasetId([2; 16]);
        let authorship = Authorship::Human;
        let (parents, path) = (Vec::new(), Vec::new());
        mark::Mark {
            dataset,
            batch: 0,
            index: 0,
            subject,
            authorship,
            salt: None,
            content: hash,
            identity: hash,
            parents,
            path,
        }
    };
    let of = |subject, number: &str| {
        let mark = mark(subject).to_text();
        said(
            ADMIT
                .replace("EVN", &format!("ZEO|1|{subject}|human|d|m|{mark}\rEVN"))
                .replace("9^^^HOSP^MR", number)
                .as_bytes(),
        )
    };
    let brand = format!("9^^^HOSP^MR~m^^^EOSIN&{BRAND_AUTHORITY}&URI^U");
    assert!(of(Subject::Attested, &brand).starts_with("bears the mark of a person"));
    assert!(of(Subject::Synthetic, &brand).starts_with("ADT"));
    assert!(of(Subject::Attested, "9^^^HOSP^MR").starts_with("ADT"));
}

#[test]
fn labels_are_claims() {
    let claim =
        |from: &str, to: &str| read_message(ADMIT.replace(from, to).as_bytes(), &LIMITS).unwrap().claim;
    assert_eq!(claim("", ""), Claim::None);
    assert_eq!(claim("|P|", "||"), Claim::None);
    assert_eq!(claim("|P|", "|V|"), Claim::None);
    for (from, to) in [
        ("|P|", "|T|"),
        ("|P|", "|N^T|"),
        ("|P|", "|D|"),
        ("20260102||", "20260102|EOSIN1:x|"),
        ("^MR||", "^MR~1^^^EOSIN||"),
        ("\rEVN", "\rZEO|1\rEVN"),
        ("\rEVN", "\rZEO|1|mixed\rEVN"),
    ] {
        assert_eq!(claim(from, to), Claim::Synthetic, "{to}");
    }
    assert_eq!(claim("\rEVN", "\rZEO|1|attested\rEVN"), Claim::Attested);
    assert_eq!(claim("|P|2.5\r", "|T|2.5\rZEO|1|attested\r"), Claim::Synthetic);
}

#[test]
fn labels_go_where_receivers_look() {
    let synthetic = text(place_message(ADMIT.as_bytes(), &labels(Subject::Synthetic)).unwrap());
    let want = "MSH|^~\\&|APP|FAC|APP|FAC|20260102|EOSIN1:abc234|ADT^A01^ADT_A01|77|T|2.5\r\
        ZEO|1|synthetic|algorithm|set|abc234|eosin1.AAAA\rEVN|A01\r\
        PID|1||9^^^HOSP^MR~abc234^^^EOSIN&https://eosin.example/synthetic-patient&URI^U||Zzyzx^Canary^^^||19840229|F\r\
        PV1|1|I|\r";
    assert_eq!(synthetic, want);
    assert_eq!(text(place_message(want.as_bytes(), &labels(Subject::Synthetic)).unwrap()), want);
    let attested = text(place_message(want.as_bytes(), &labels(Subject::Attested)).unwrap());
    assert_eq!(
        attested,
        ADMIT
            .replace("|P|", "|T|")
            .replace("\rEVN", "\rZEO|1|attested|algorithm|set|abc234|eosin1.AAAA\rEVN")
    );
    assert_eq!(text(strip_message(want.as_bytes()).unwrap()), ADMIT.replace("|P|", "|T|"));

    let placed = |from: &str, to: &str| {
        text(place_message(ADMIT.replace(from, to).as_bytes(), &labels(Subject::Synthetic)).unwrap())
    };
    assert!(
        placed("20260102||", "20260102|VIP|").contains("20260102|VIP|ADT"),
        "what others wrote in MSH-8 stays"
    );
    assert!(placed("|P|", "|N|").contains("|77|N|"));
    assert!(placed("|P|", "|P^A|").contains("|77|T^A|"));
    assert!(placed("|P|2.5\r", "|P\r").contains("|77|P\r"), "no version, no promise that T is known");
    assert!(placed("9^^^HOSP^MR", "").contains("|1||abc234^^^EOSIN&"));
    assert!(placed("9^^^HOSP^MR", "\"\"").contains("|1||\"\"||"), "null is an order, and not ours to change");
    assert!(placed("\r", "\r\n").contains("2.5\r\nZEO|1|synthetic|algorithm|set|abc234|eosin1.AAAA\r\nEVN"));
    let bare = "MSH|^~\\&|||||||ACK|1|P|2.5";
    let placed = text(place_message(bare.as_bytes(), &labels(Subject::Synthetic)).unwrap());
    assert!(placed.ends_with("|T|2.5\rZEO|1|synthetic|algorithm|set|abc234|eosin1.AAAA"));
    let odd = Labels { mark_id: "a|b".to_owned(), ..labels(Subject::Synthetic) };
    assert_eq!(place_message(ADMIT.as_bytes(), &odd), Err(PlaceError::Label));
}

#[test]
fn what_stands_between_messages_stays() {
    let one = ADMIT.replace("|77|", "|78|");
    let file = format!(
        "\u{feff}FHS|^~\\&|x\rBHS|^~\\&\r\u{b}{ADMIT}\u{1c}\r\n\n\u{b}{one}\u{1c}\r{ADMIT}\r\r\u{feff}{one}BTS|4\rFTS|1\r"
    );
    let readings = read(file.as_bytes(), &LIMITS).records;
    let places: Vec<&str> = readings.iter().map(|one| one.place.reference.as_str()).collect();
    assert_eq!(places, ["message 1", "message 2", "message 3", "message 4"]);
    assert!(readings.iter().all(|one| one.content.is_ok()), "{readings:?}");
    let all: Vec<Labels> = vec![labels(Subject::Attested); 4];
    let marked = text(place(file.as_bytes(), &all).unwrap());
    assert_eq!(marked.replace("ZEO|1|attested|algorithm|set|abc234|eosin1.AAAA\r", ""), file);
    assert_eq!(place(file.as_bytes(), &all[1..]), Err(PlaceError::Count { records: 4, labels: 3 }));
    let chosen = |choices: &[Choice<'_>], is_batch| {
        choose(file.as_bytes(), usize::MAX, Envelopes::Kept { is_batch }, choices)
    };
    let (keep, leave) = (Choice::Keep, Choice::Leave);
    assert_eq!(text(chosen(&[keep; 4], true).unwrap()), file);
    assert_eq!(chosen(&[keep, leave, keep, keep], true), Err((1, PlaceError::Counted)));
    let left = text(chosen(&[leave, keep, keep, leave], false).unwrap());
    let want =
        format!("\u{feff}FHS|^~\\&|x\rBHS|^~\\&\r\n\n\u{b}{one}\u{1c}\r{ADMIT}\r\r\u{feff}BTS|4\rFTS|1\r");
    assert_eq!(left, want, "an empty frame goes with its message");
    let few = Limits { records: 3, ..LIMITS };
    assert_eq!(
        read(file.as_bytes(), &few).records[0].content.as_ref().unwrap_err().to_string(),
        "holds more than 3 records"
    );
}

#[test]
fn lines_that_belong_to_no_message_are_readings() {
    let check = |file: &str, want: &[&str]| {
        let readings = read(file.as_bytes(), &LIMITS).records;
        let got: Vec<String> = readings
            .iter()
            .map(|one| {
                one.content.as_ref().map_or_else(ToString::to_string, |record| record.object.to_string())
            })
            .collect();
        assert_eq!(got, want, "{file}");
    };
    check("", &[]);
    check("\r\n \n\u{b}\u{1c}\r", &[]);
    check(
        &format!("{ADMIT}\u{1c}\rPID|1\rPV1|1\r\u{b}{ADMIT}"),
        &["ADT", "does not begin with MSH and a separator", "ADT"],
    );
    check(
        &format!("BTS|1\rNTE|x\r{ADMIT}{ADMIT}"),
        &["does not begin with MSH and a separator", "ADT", "ADT"],
    );
    check("MSHA|x\r", &["does not begin with MSH and a separator"]);
    check("MSH\r", &["does not begin with MSH and a separator"]);
}

/// Chunks of a stream that gives `step` bytes at a time.
fn cut(bytes: &[u8], limit: usize, most: usize, step: usize) -> Vec<Vec<u8>> {
    let mut input = BufReader::with_capacity(step, Cursor::new(bytes));
    let (mut cutter, mut all) = (Cutter::default(), Vec::new());
    loop {
        let mut out = Vec::new();
        cutter.next(&mut input, &mut out, limit, (most, usize::MAX)).unwrap();
        if out.is_empty() {
            return all;
        }
        all.push(out);
    }
}

#[test]
fn a_long_message_is_stepped_over_in_bounded_memory() {
    let segment = format!("OBX|1|TX|x||{}\r", "y".repeat(2000));
    let many = format!("{ADMIT}{}", "NTE|1\r".repeat(1000));
    for long in [format!("{ADMIT}{segment}{segment}"), many, "\n".repeat(5000), "FTS|1\r".repeat(500)] {
        let file = format!("{ADMIT}\u{b}{long}\u{1c}\r{ADMIT}");
        let chunks = cut(file.as_bytes(), 1000, 1, 64);
        let short = Limits { body_bytes: 1000, records: 9 };
        let bytes: usize = chunks.iter().map(Vec::len).sum();
        assert!(bytes < ADMIT.len() * 2 + 1500, "{bytes} bytes are kept");
        let said: Vec<String> = chunks
            .iter()
            .flat_map(|chunk| readings(chunk, 0, &short))
            .map(|one| {
                one.content.map_or_else(|reason| reason.to_string(), |record| record.object.to_string())
            })
            .collect();
        assert_eq!(said, ["ADT", "is longer than 1000 bytes", "ADT"]);
    }
}

/// Texts that are nearly messages: bytes that mean something, and the words that begin things.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|\r",
        "MSH|^~\\&|A|B|C|D|||ORU^R01|1|T|2.5|||||||8859/1\r",
        "MSH|^~\\&|",
        "PID|1||9^^^H~8||Bell^Ada\r",
        "PID|1|",
        "ZEO|1|synthetic\r",
        "FHS|x\r",
        "BTS|2",
        "NTE|1||a\\X41\\b",
        "\r",
        "\n",
        "\u{b}",
        "\u{1c}",
        "\u{feff}",
        "^",
        "~",
        "\\",
        "\"\"",
        " ",
        "x",
        "|",
        "é",
    ]);
    let bytes = prop_oneof![
        9 => word.prop_map(|word| word.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(bytes, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn a_stream_is_cut_as_its_bytes_are(bytes in nearly(), limit in 1_usize..200, most in 1_usize..4, step in 1_usize..40) {
        let limits = Limits { body_bytes: limit, records: usize::MAX };
        let chunks = cut(&bytes, limit, most, step);
        let streamed: Vec<_> = chunks.iter().flat_map(|chunk| readings(chunk, 0, &limits)).map(|one| one.content).collect();
        let whole: Vec<_> = readings(&bytes, 0, &limits).into_iter().map(|one| one.content).collect();
        prop_assert_eq!(&streamed, &whole);
        if !whole.contains(&Err(mark::Unreadable::TooLong { limit })) {
            prop_assert_eq!(chunks.concat(), bytes);
        }
    }

    #[test]
    fn placed_labels_are_read_and_taken_out_again(bytes in nearly(), synthetic in any::<bool>()) {
        let subject = if synthetic { Subject::Synthetic } else { Subject::Attested };
        let before = read(&bytes, &LIMITS).records;
        let all: Vec<Labels> = before
            .iter()
            .map(|one| Labels { mark_text: format!("eosin1.{}", one.place.index), ..labels(subject) })
            .collect();
        let placed = place(&bytes, &all);
        prop_assert_eq!(placed.is_ok(), before.iter().all(|one| one.content.is_ok()));
        let Ok(placed) = placed else { return Ok(()) };
        let after = read(&placed, &LIMITS).records;
        prop_assert_eq!(after.len(), before.len());
        for (before, after) in before.iter().zip(&after) {
            let (before, after) = (before.content.as_ref().unwrap(), after.content.as_ref().unwrap());
            let mark = all.iter().find(|labels| Some(labels.mark_text.as_str()) == after.mark.as_deref());
            prop_assert!(mark.is_some());
            prop_assert_eq!(&after.fields, &before.fields);
        }
        prop_assert_eq!(place(&placed, &all).unwrap(), placed);
    }

    #[test]
    fn nothing_but_labels_changes(bytes in nearly(), synthetic in any::<bool>()) {
        let subject = if synthetic { Subject::Synthetic } else { Subject::Mixed };
        let Ok(stripped) = strip_message(&bytes) else { return Ok(()) };
        let placed = place_message(&stripped, &labels(subject)).unwrap();
        let again = strip_message(&placed).unwrap();
        // MSH-11 is a label that stays.
        let production = |message: &[u8]| {
            let text = String::from_utf8_lossy(message);
            let header = text.find(['\r', '\n']).unwrap_or(text.len());
            let (header, rest) = text.split_at(header);
            header.replacen("|1|T|2.5", "|1|P|2.5", 1) + rest
        };
        prop_assert_eq!(production(&again), production(&stripped));
    }
}
