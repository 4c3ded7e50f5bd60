//! Answers of the Pub/Sub API: any bytes are an answer with no more events than they have room for, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    if let Some(events) = subscription::frames(message) {
        assert!(events <= message.len());
    }
});
