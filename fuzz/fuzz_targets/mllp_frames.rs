//! Any bytes, in any pieces: no frame holds a framing byte or is too long, and every frame has an answer.
#![no_main]

use bytes::BytesMut;
use carrier::hl7v2::{Acknowledgement, Answer, Awaited, Envelope, Refusing, acknowledge};
use libfuzzer_sys::fuzz_target;
use mllp::{Found, Framer};

fuzz_target!(|data: &[u8]| {
    let [limit, step, bytes @ ..] = data else { return };
    let (limit, step) = (usize::from(*limit), usize::from(*step).max(1));
    let (mut framer, mut buffer) = (Framer::new(limit), BytesMut::new());
    let answer = |found: Found| {
        let content = match &found {
            Found::Frame(frame) => {
                assert!(frame.len() <= limit);
                frame
            }
            Found::TooLong(beginning) | Found::Fault(_, beginning) => beginning,
        };
        assert!(!content.contains(&0x0B) && !content.contains(&0x1C));
        let no = Acknowledgement { code: Refusing::Error, error: "E", text: "no|^~\\&", at: "2026", id: "1" };
        if let Some(made) = acknowledge(&Envelope::of(content), &no) {
            assert!(!made.contains(&0x0B) && !made.contains(&0x1C));
            let envelope = Envelope::of(content);
            let mut awaited = Awaited::of(&envelope, content);
            assert!(!awaited.is_over() && awaited.status().is_none());
            if awaited.take(&Answer::of(&made)) && awaited.is_over() {
                assert_eq!(awaited.status(), Some(500));
            }
        }
    };
    for piece in bytes.chunks(step) {
        buffer.extend_from_slice(piece);
        while let Some(found) = framer.next(&mut buffer) {
            answer(found);
        }
        assert!(buffer.len() <= limit);
    }
    if let Some(found) = framer.end(&mut buffer) {
        answer(found);
    }
});
