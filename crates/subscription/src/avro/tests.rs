//! Scenes and laws of reading Avro: what a schema says, and everything that a payload can say against it.

use proptest::prelude::*;

use super::*;

const CHANGE: &str = r#"{"type":"record","name":"ContactChangeEvent","namespace":"com.sforce.eventbus","fields":[
  {"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
    {"name":"entityName","type":"string"},
    {"name":"recordIds","type":{"type":"array","items":"string"}},
    {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE"]}}]}},
  {"name":"Name","type":["null","string",{"type":"record","name":"Switchable_PersonName","fields":[
    {"name":"FirstName","type":["null","string"]},{"name":"LastName","type":["null","string"]}]}],"default":null},
  {"name":"Amount","type":["null","double"]},
  {"name":"Again","type":["null","com.sforce.eventbus.Switchable_PersonName"]}]}"#;

fn text(text: &str) -> Vec<u8> {
    [vec![u8::try_from(text.len() * 2).unwrap()], text.as_bytes().to_vec()].concat()
}

fn payload() -> Vec<u8> {
    let header = [text("Contact"), vec![2], text("003"), vec![0, 2]].concat();
    let name = [vec![4, 2], text("Ada"), vec![2], text("Zzyzx")].concat();
    let amount = [vec![2], 1.5_f64.to_le_bytes().to_vec()].concat();
    [header, name, amount, vec![0]].concat()
}

#[test]
fn a_change_event_is_read_by_its_schema() {
    let schema = Schema::parse(CHANGE).unwrap();
    let want = r#"{"ChangeEventHeader":{"entityName":"Contact","recordIds":["003"],"changeType":"UPDATE"},"Name":{"FirstName":"Ada","LastName":"Zzyzx"},"Amount":1.5,"Again":null}"#;
    assert_eq!(schema.decode(&payload()).unwrap().to_string(), want);
    assert_eq!(schema.fields(), ["ChangeEventHeader", "Name", "Amount", "Again"]);
    assert_eq!(schema.fields_within(1), ["FirstName", "LastName"]);
    assert_eq!(schema.fields_within(3), ["FirstName", "LastName"]);
    assert_eq!(schema.fields_within(9), Vec::<&str>::new());
}

#[test]
fn whatever_a_payload_says_it_is_read_within_bounds() {
    let schema = Schema::parse(CHANGE).unwrap();
    let whole = payload();
    for end in 0..whole.len() {
        assert_eq!(schema.decode(&whole[..end]), Err(AvroError::Payload), "cut at {end}");
    }
    assert_eq!(schema.decode(&[whole, vec![0]].concat()), Err(AvroError::Trailing));
    let decode = |schema: &str, payload: &[u8]| Schema::parse(schema).unwrap().decode(payload);
    let nulls = r#"{"type":"array","items":"null"}"#;
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(decode(nulls, &huge), Err(AvroError::PayloadTooLarge));
    assert_eq!(decode("\"bytes\"", &huge), Err(AvroError::Payload));
    assert_eq!(decode("\"string\"", &[3]), Err(AvroError::Payload), "a negative length");
    assert_eq!(decode("\"boolean\"", &[2]), Err(AvroError::Payload));
    assert_eq!(decode("[\"null\"]", &[2]), Err(AvroError::Payload));
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    assert_eq!(decode(list, &[2; 1000]), Err(AvroError::PayloadTooLarge));
    assert_eq!(decode(list, &[2, 2, 0]).unwrap().to_string(), r#"{"next":{"next":{"next":null}}}"#);
    assert_eq!(decode("\"double\"", &f64::NAN.to_le_bytes()), Err(AvroError::Payload));
    assert_eq!(
        decode("\"long\"", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).unwrap(),
        i64::MIN
    );
    assert_eq!(
        decode(r#"{"type":"map","values":"int"}"#, &[1, 4, 2, b'a', 3, 0]).unwrap().to_string(),
        r#"{"a":-2}"#
    );
}

#[test]
fn a_schema_that_is_none_is_an_error() {
    for broken in
        ["", "{}", "[1]", r#"{"type":"record","name":"A"}"#, r#"{"type":"enum","name":"A","symbols":[1]}"#]
    {
        assert!(matches!(Schema::parse(broken), Err(AvroError::Schema)), "{broken}");
    }
    let long = format!(r#"{{"type":"enum","name":"A","symbols":["{}"]}}"#, "s".repeat(300));
    assert!(matches!(Schema::parse(&long), Err(AvroError::Schema)));
    let twice = r#"[{"type":"fixed","name":"A","size":1},{"type":"fixed","name":"A","size":2}]"#;
    assert!(matches!(Schema::parse(twice), Err(AvroError::Schema)));
    let deep = format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40));
    assert!(matches!(Schema::parse(&deep), Err(AvroError::SchemaTooLarge)));
    assert_eq!(Schema::parse("\"Foreign\"").unwrap().decode(&[0]), Err(AvroError::Schema));
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let read = Schema::parse(CHANGE).unwrap().decode(&bytes);
        prop_assert!(read.is_err() || read.is_ok_and(|value| value.is_object()));
    }

    #[test]
    fn a_flipped_byte_never_gives_more_than_was_sent(at in 0_usize..40, with in any::<u8>()) {
        let mut bytes = payload();
        let at = at % bytes.len();
        bytes[at] = with;
        if let Ok(value) = Schema::parse(CHANGE).unwrap().decode(&bytes) {
            prop_assert!(value.to_string().len() < 2000);
        }
    }
}
