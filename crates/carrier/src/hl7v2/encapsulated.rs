//! Files in a message: encapsulated data (ED), in base64 or in hex digits.
//!
//! A field is looked at by what it holds and not by its segment: OBX-5 is where such data stands, and nothing keeps it from
//! standing elsewhere.
//! Source: HL7 v2.5.1 chapter 2.A.24, table 0299; spec/hl7v2.md section 3.

use mark::Unreadable;

use super::shape;
use crate::{
    Limits,
    base64::decoded,
    misplaced::{HOLDS_LABELLED, bears_label},
    salesforce::records_in,
};

/// Refuses a value that holds a file in which records bear labels: they would be judged by nobody.
///
/// Shape:  a field's canonical value, perhaps of several repetitions: `source^type^subtype^encoding^data`.
/// Bounds: `limits`, on the file as on a body; it is shorter than its text.
/// Errors: such a value, and data that is not in the encoding that it says. Any other file is content.
pub(super) fn without_labelled(value: &str, limits: &Limits) -> Result<(), Unreadable> {
    // Four separators and the shortest of the two names: most fields are told apart here.
    if value.len() < SHORTEST || !value.contains('^') {
        return Ok(());
    }
    for repetition in value.split('~') {
        let mut components = repetition.split('^').skip(2);
        let (subtype, encoding, data) = (components.next(), components.next(), components.next());
        let (Some(subtype), Some(encoding), Some(data)) = (subtype, encoding, data) else { continue };
        let is = |name: &str| encoding.trim().eq_ignore_ascii_case(name);
        let bytes = if is("Base64") {
            decoded(&without_escapes(data)).ok_or_else(|| shape("holds a file that is not base64"))?
        } else if is("Hex") {
            let digits = without_escapes(data);
            let plain: String = digits.chars().filter(|digit| !digit.is_ascii_whitespace()).collect();
            data_encoding::HEXUPPER_PERMISSIVE
                .decode(plain.as_bytes())
                .map_err(|_| shape("holds a file that is not hex digits"))?
        } else {
            continue;
        };
        let known = NAMED.iter().find(|known| subtype.trim().eq_ignore_ascii_case(known));
        let name = known.map_or_else(|| "file".to_owned(), |known| format!("file.{known}"));
        if records_in(&bytes, &name, limits).iter().any(bears_label) {
            return Err(shape(HOLDS_LABELLED));
        }
    }
    Ok(())
}

const SHORTEST: usize = "^^^Hex^00".len();
/// Subtypes that are how a file's name would end.
const NAMED: [&str; 6] = ["csv", "hl7", "json", "jsonl", "ndjson", "tsv"];

/// Data without its escapes: what stands within such data are line ends.
fn without_escapes(data: &str) -> String {
    data.split('\\').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};

    use crate::{Limits, hl7v2::read_message};

    const LIMITS: Limits = Limits { body_bytes: 16 << 20, records: 1000 };

    fn message(field: &str) -> String {
        format!("MSH|^~\\&|LAB|A|EHR|B|20260102||ORU^R01|1|P|2.5.1\rPID|1||9\rOBX|1|ED|PDF^Report||{field}\r")
    }

    fn said(message: &str) -> String {
        match read_message(message.as_bytes(), &LIMITS) {
            Ok(_) => "read".to_owned(),
            Err(reason) => reason.to_string(),
        }
    }

    #[test]
    fn a_file_of_labelled_records_is_no_content() {
        let patient = "{\"resourceType\":\"Patient\",\"meta\":{\"security\":[{\"system\":\
                       \"http://terminology.hl7.org/CodeSystem/v3-ActReason\",\"code\":\"HTEST\"}]}}";
        let rows = "FirstName,LastName,eosin_synthetic\nAda,Bell,true\n";
        let inner = message("").replace("|P|", "|T|");
        for file in [patient, rows, inner.as_str()] {
            let plain = BASE64.encode(file.as_bytes());
            let (begin, end) = plain.split_at(plain.len() / 8 * 4);
            for field in [
                format!("LAB^TEXT^XML^Base64^{plain}"),
                format!("^application^json^base64^{plain}"),
                format!("^Application^PDF^BASE64^{begin}\\.br\\{end}"),
                format!("^AP^PDF^Base64^{begin}\\X0D0A\\{end}"),
                format!("^AP^PDF^Base64^{}", plain.trim_end_matches('=')),
                format!("^AP^PDF^Hex^{}", HEXLOWER.encode(file.as_bytes())),
                format!("x~^AP^PDF^Base64^{plain}"),
            ] {
                let told = said(&message(&field));
                assert!(told.contains("holds a file of marked records"), "{field}: {told}");
                // Wherever it stands, a second segment too.
                let elsewhere = format!("{}OBX|2\rZAB|{field}\r", message("x"));
                assert!(said(&elsewhere).contains("holds a file of marked records"), "{field}");
            }
        }
        // Of other separators the same.
        let plain = BASE64.encode(rows.as_bytes());
        let other = message("").replace('^', "*").replace("||\r", &format!("||*AP*CSV*Base64*{plain}\r"));
        assert!(said(&other).contains("holds a file of marked records"), "{other}");
    }

    #[test]
    fn any_other_file_is_content() {
        let file = BASE64.encode(b"%PDF-1.7 and so on");
        let unlabelled = BASE64.encode(b"FirstName,LastName\nAda,Bell\nEve,Ode\n");
        for field in [
            format!("LAB^AP^PDF^Base64^{file}"),
            format!("^TEXT^CSV^Base64^{unlabelled}"),
            "^TEXT^PLAIN^A^eosin_synthetic".to_owned(),
            "^AP^PDF^Base64".to_owned(),
            "^AP^PDF^Base64^".to_owned(),
            "Bell^Ada^Base64".to_owned(),
        ] {
            assert_eq!(said(&message(&field)), "read", "{field}");
        }
        assert_eq!(said(&message("^AP^PDF^Base64^%%%%")), "holds a file that is not base64");
        assert_eq!(said(&message("^AP^PDF^Hex^0")), "holds a file that is not hex digits");
    }

    #[test]
    fn files_in_files_are_read_to_their_bound() {
        let mut nested = message("").replace("|P|", "|T|");
        let mut depth = 0;
        loop {
            let next = message(&format!("^AP^HL7^Base64^{}", BASE64.encode(nested.as_bytes())));
            if next.len() > LIMITS.body_bytes {
                break;
            }
            (nested, depth) = (next, depth + 1);
        }
        assert!(depth > 20, "{depth}");
        assert!(said(&nested).contains("holds a file of marked records"));
    }
}
