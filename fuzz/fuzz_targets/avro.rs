//! Avro by a stranger's schema: any two texts are a value within bounds, or a reason.
#![no_main]

use subscription::{Schema, VALUES_MAX};

const CHANGE: &str = r#"{"type":"record","name":"C","fields":[
  {"name":"ChangeEventHeader","type":{"type":"record","name":"H","fields":[
    {"name":"recordIds","type":{"type":"array","items":"string"}},
    {"name":"changeType","type":{"type":"enum","name":"K","symbols":["CREATE","UPDATE"]}}]}},
  {"name":"Name","type":["null","string",{"type":"record","name":"P","fields":[{"name":"L","type":["null","C"]}]}]},
  {"name":"More","type":{"type":"map","values":["null","bytes","double","float","boolean","long"]}}]}"#;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let (schema, payload) = if choice % 2 == 0 {
        (Schema::parse(CHANGE), rest)
    } else {
        // The schema is the sender's too: text up to a zero, then the payload.
        let at = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        let (text, payload) = rest.split_at(at);
        let Ok(text) = std::str::from_utf8(text) else { return };
        (Schema::parse(text), payload.get(1..).unwrap_or_default())
    };
    let Ok(schema) = schema else { return };
    let Ok(value) = schema.decode(payload) else { return };
    assert!(count(&value) <= VALUES_MAX);
});

fn count(value: &serde_json::Value) -> usize {
    1 + match value {
        serde_json::Value::Array(items) => items.iter().map(count).sum(),
        serde_json::Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}
