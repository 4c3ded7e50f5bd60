//! Signature fields of any sender: they offer something or nothing, and what they offer is written and read back.
#![no_main]

use signature::{Fields, Message, Request, digest, offered};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let (input, signature) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut request = Request { target: lines.next().unwrap_or_default().to_owned(), ..Request::default() };
    request.fields =
        [(offered::INPUT_HEADER, input), (offered::SIGNATURE_HEADER, signature)].into_iter().collect();
    for line in lines {
        request.fields.push("content-digest", line);
    }
    let _said = digest::check(request.fields.lines(digest::HEADER), b"body");
    for offered in offered::offered(&request.fields).unwrap_or_default() {
        let (input, signature) = offered.members().unwrap();
        let again: Fields =
            [(offered::INPUT_HEADER, input), (offered::SIGNATURE_HEADER, signature)].into_iter().collect();
        let read = offered::offered(&again).unwrap();
        assert_eq!(read, std::slice::from_ref(&offered));
        if let Ok(base) = offered.base(Message::Request(&request)) {
            // A line a component and one for the parameters: no value can begin a line of its own.
            assert_eq!(base.lines().count(), offered.components().unwrap().len() + 1);
            assert!(!base.ends_with('\n'));
        }
    }
});
