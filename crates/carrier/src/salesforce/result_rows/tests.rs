//! Results as an org writes them, and what is wrong with some.

use std::io::BufReader;

use mark::Claim;
use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { body_bytes: 1 << 16, records: 1000 };

const XML_OPEN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><queryResult xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\" \
     xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">";

fn json(name: &str, synthetic: bool) -> String {
    format!(
        r#"{{"attributes":{{"type":"Contact"}},"LastName":"{name} ]}}, \\\"","Eosin_Synthetic__c":{synthetic},"Account":{{"Name":"W"}}}}"#
    )
}

fn xml(name: &str, synthetic: bool) -> String {
    format!(
        "<records xsi:type=\"sObject\"><type>Contact</type><Id>0031</Id><Id>0031</Id><LastName>{name} &gt; /</LastName>\
         <Eosin_Synthetic__c>{synthetic}</Eosin_Synthetic__c><Email xsi:nil=\"true\"/></records>"
    )
}

/// What of results is left, and how many rows were read, of an input in pieces of this length.
fn filtered(results: &str, form: ResultsIn, piece: usize) -> io::Result<(String, usize)> {
    let mut rows =
        ResultRows::new(BufReader::with_capacity(piece, results.as_bytes()), form, "Contact", LIMITS);
    let (mut out, mut count, mut has_rows) = (Vec::new(), 0, false);
    while let Some(chunk) = rows.next_chunk()? {
        let readings = chunk.read();
        let is_plain = |reading: &Reading<'_>| {
            let record = reading.content.as_ref().unwrap();
            assert_eq!((record.object.as_ref(), record.fields.is_empty()), ("Contact", false));
            record.claim == Claim::None
        };
        let keep: Vec<bool> = readings.iter().map(is_plain).collect();
        count += readings.len();
        out.extend(chunk.select(&keep, &mut has_rows));
    }
    Ok((String::from_utf8(out).unwrap(), count))
}

#[test]
fn rows_are_cut_out_and_the_rest_are_results() {
    let rows = |write: &dyn Fn(&str, bool) -> String, kept: bool| -> Vec<String> {
        let all = [("a", false), ("b", true), ("c", false), ("d", true)];
        all.iter().filter(|(_, hidden)| !kept || !hidden).map(|(name, hidden)| write(name, *hidden)).collect()
    };
    for piece in [1, 7, 4096] {
        let (all, kept) = (rows(&json, false), rows(&json, true));
        let got = filtered(&format!(" [{}\n]\n", all.join(" ,\n")), ResultsIn::Json, piece).unwrap();
        assert_eq!(got, (format!("[{}]", kept.join(",")), 4));
        let (all, kept) = (rows(&xml, false), rows(&xml, true));
        let got = filtered(&format!("{XML_OPEN}\n{}</queryResult>\n", all.join("\n")), ResultsIn::Xml, piece);
        assert_eq!(got.unwrap(), (format!("{XML_OPEN}{}</queryResult>", kept.concat()), 4));
    }
    assert_eq!(filtered("[]", ResultsIn::Json, 9).unwrap(), ("[]".to_owned(), 0));
    assert_eq!(filtered(&format!("{XML_OPEN}</queryResult>"), ResultsIn::Xml, 9).unwrap().1, 0);
}

#[test]
fn what_is_no_list_of_rows_to_its_end_is_refused() {
    let row = json("a", false);
    let record = xml("a", false);
    let comment = record.replace("<Id>", "<!--</records>--><Id>");
    for (results, form, want) in [
        (String::new(), ResultsIn::Json, NotResults::Truncated),
        ("{}".to_owned(), ResultsIn::Json, NotResults::Shape),
        ("[".to_owned(), ResultsIn::Json, NotResults::Truncated),
        ("[1]".to_owned(), ResultsIn::Json, NotResults::Shape),
        (format!("[{row}"), ResultsIn::Json, NotResults::Truncated),
        (format!("[{row} {row}]"), ResultsIn::Json, NotResults::Shape),
        (format!("[{row}] x"), ResultsIn::Json, NotResults::Shape),
        (format!("[{}]", json(&"x".repeat(1 << 16), false)), ResultsIn::Json, NotResults::TooLong),
        ("<html>".to_owned(), ResultsIn::Xml, NotResults::Shape),
        (format!("{XML_OPEN}{record}"), ResultsIn::Xml, NotResults::Truncated),
        (format!("{XML_OPEN}{comment}</queryResult>"), ResultsIn::Xml, NotResults::Shape),
        (format!("{XML_OPEN}<row/></queryResult>"), ResultsIn::Xml, NotResults::Shape),
        (format!("{XML_OPEN}</queryResult><x/>"), ResultsIn::Xml, NotResults::Shape),
    ] {
        let error = filtered(&results, form, 5).unwrap_err();
        assert_eq!(error.get_ref().unwrap().downcast_ref(), Some(&want), "{results:.80}");
    }
}

proptest! {
    #[test]
    fn any_bytes_come_to_an_end(text in "[\\[\\]{}\",\\\\ a<>/]{0,80}", is_xml in any::<bool>()) {
        let form = if is_xml { ResultsIn::Xml } else { ResultsIn::Json };
        let text = if is_xml { format!("{XML_OPEN}{text}") } else { format!("[{text}") };
        let mut rows = ResultRows::new(text.as_bytes(), form, "Contact", LIMITS);
        while let Ok(Some(chunk)) = rows.next_chunk() {
            prop_assert_eq!(chunk.read().len(), chunk.row_bytes().len());
        }
    }
}
