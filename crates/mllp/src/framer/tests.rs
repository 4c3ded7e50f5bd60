//! Scenes and laws of frames.

use proptest::prelude::*;

use super::*;

/// Everything that a stream in pieces gives, then what its end gives; frames as text.
fn all(pieces: &[&[u8]], limit: usize) -> Vec<String> {
    let (mut framer, mut buffer, mut found) = (Framer::new(limit), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(one) = framer.next(&mut buffer) {
            found.push(one);
        }
    }
    found.extend(framer.end(&mut buffer));
    found.iter().map(told).collect()
}

fn told(found: &Found) -> String {
    match found {
        Found::Frame(frame) => String::from_utf8_lossy(frame).into_owned(),
        Found::TooLong(beginning) => format!("too long: {}", String::from_utf8_lossy(beginning)),
        Found::Fault(fault, beginning) => {
            format!("{}: {}", fault.as_str(), String::from_utf8_lossy(beginning))
        }
    }
}

#[test]
fn a_stream_is_frames_and_what_is_wrong_with_it() {
    for (stream, want) in [
        ("", &[][..]),
        ("\u{b}one\u{1c}\r", &["one"]),
        ("\u{b}one\u{1c}\r\u{b}two\u{1c}\r", &["one", "two"]),
        ("\r\n \0\u{b}one\u{1c}\r\n\u{b}two\u{1c}\r\r", &["one", "two"]),
        ("\u{b}\u{1c}\r", &[""]),
        // A carriage return left out: the next frame, or the end, says that it ended.
        ("\u{b}one\u{1c}\u{b}two\u{1c}", &["one", "two"]),
        ("\u{b}one\u{1c}x", &["end-in-text: one"]),
        ("\u{b}one\u{1c}\n", &["end-in-text: one"]),
        ("\u{b}one", &["broke-off: one"]),
        ("\u{b}", &["broke-off: "]),
        ("\u{b}one\u{b}two\u{1c}\r", &["began-again: one"]),
        ("one\u{1c}\r", &["outside-a-frame: "]),
        ("\u{b}one\u{1c}\rGET / HTTP/1.1\r\n", &["one", "outside-a-frame: "]),
        ("\u{1c}\r", &["outside-a-frame: "]),
        ("\u{b}four\u{1c}\r\u{b}fives\u{1c}\r\u{b}two\u{1c}\r", &["four", "too long: fives", "two"]),
        ("\u{b}fives and no end", &["broke-off: fives and no end"]),
    ] {
        assert_eq!(all(&[stream.as_bytes()], 4), want, "{stream:?}");
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        let singly = all(&bytes, 4);
        let shortened: Vec<String> = want.iter().map(|text| text.replace(" and no end", "")).collect();
        assert_eq!(singly, shortened, "{stream:?} byte by byte");
    }
}

#[test]
fn a_frame_without_an_end_is_not_waited_for() {
    let long = [&b"\x0b"[..], &[b'x'; 70]].concat();
    assert_eq!(all(&long.chunks(7).collect::<Vec<_>>(), 4), ["endless: xxxxxx"]);
}

#[test]
fn silence_ends_a_frame_that_wants_only_its_carriage_return() {
    let (mut framer, mut buffer) = (Framer::new(9), BytesMut::from(&b"\x0bone\x1c"[..]));
    assert_eq!(framer.next(&mut buffer), None);
    assert_eq!(framer.waits_for(), Waits::CarriageReturn);
    assert_eq!(framer.quiet(), Some(Found::Frame(Bytes::from_static(b"one"))));
    buffer.extend_from_slice(b"\r\x0bt");
    assert_eq!(framer.next(&mut buffer), None, "a late carriage return says nothing");
    assert_eq!(framer.quiet(), None);
    assert_eq!(framer.waits_for(), Waits::More);
}

/// Bytes of streams that are nearly right.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec!["\u{b}", "\u{1c}\r", "\u{1c}", "\r", "\n", "MSH|", "x", "\0"]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn how_a_stream_arrives_changes_no_frame(bytes in nearly(), limit in 1_usize..12, step in 1_usize..9) {
        let pieces: Vec<&[u8]> = bytes.chunks(step).collect();
        let cut = |text: String| match text.split_once(": ") {
            // How much of a faulty frame had arrived depends on the pieces.
            Some((fault, _)) => fault.to_owned(),
            None => text,
        };
        let (whole, stepped) = (all(&[&bytes], limit), all(&pieces, limit));
        // One that is too long and then wrong may be called either.
        prop_assume!(!whole.iter().chain(&stepped).any(|text| text.starts_with("endless")));
        let fault = |text: &String| ["began-again", "too long", "broke-off", "end-in-text"].iter().any(|word| text.starts_with(word));
        let good = |all: Vec<String>| -> Vec<String> { all.into_iter().map(cut).take_while(|text| !fault(text)).collect() };
        prop_assert_eq!(good(whole), good(stepped));
    }

    #[test]
    fn frames_that_are_written_are_read(texts in prop::collection::vec("[^\u{b}\u{1c}]{0,20}", 0..8), step in 1_usize..9) {
        let stream = texts.iter().fold(String::new(), |stream, text| stream + "\u{b}" + text + "\u{1c}\r");
        prop_assert_eq!(all(&stream.as_bytes().chunks(step).collect::<Vec<_>>(), 200), texts);
    }

    #[test]
    fn no_frame_is_longer_than_may_be_or_holds_a_framing_byte(bytes in nearly(), limit in 1_usize..12) {
        let (mut framer, mut buffer) = (Framer::new(limit), BytesMut::from(&bytes[..]));
        while let Some(found) = framer.next(&mut buffer) {
            if let Found::Frame(frame) = found {
                prop_assert!(frame.len() <= limit && !frame.contains(&START) && !frame.contains(&END));
            }
        }
    }
}
