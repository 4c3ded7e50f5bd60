//! The leaves of a content root: what the judge saw of each record, under the certificate's salt.

use mark::{
    Claim, Form, Record, Salt, canonical,
    digest::Hash,
    json::{Json, Members},
    merkle::leaf_hash,
};

/// The leaf of one record in the tree of a content root.
///
/// Source: spec/certificate.md section 3.
pub fn leaf(record: &Record<'_>, salt: Salt) -> Hash {
    let mut data = salt.0.to_vec();
    data.extend(canonical::to_vec(&seen(record)));
    leaf_hash(&data)
}

/// The leaf of one record whose bytes are what counts: a line, or a row of a table, without its line end.
///
/// Never:  allocates for a record of up to 240 bytes.
/// Source: spec/certificate.md section 3.
pub fn bytes_leaf(record: &[u8], salt: Salt) -> Hash {
    mark::digest::sha256(&[&[0], &salt.0, record])
}

/// Everything about a record on which its verdict can depend.
fn seen<'a>(record: &'a Record<'_>) -> Json<'a> {
    let fields = record.fields.iter().map(|(name, value)| (name.as_ref().into(), value.clone()));
    let mut members: Members<'_> = vec![
        ("claim".into(), Json::Text(claim(record.claim).into())),
        ("fields".into(), Json::Object(fields.collect())),
        ("form".into(), Json::Text(form(record.form).into())),
        ("object".into(), Json::Text(record.object.as_ref().into())),
    ];
    members.extend(record.mark.as_deref().map(|mark| ("mark".into(), Json::Text(mark.into()))));
    Json::Object(members)
}

fn claim(claim: Claim) -> &'static str {
    match claim {
        Claim::None => "none",
        Claim::Synthetic => "synthetic",
        Claim::Attested => "attested",
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Salesforce => "salesforce",
        Form::Fhir => "fhir",
        Form::Table => "table",
        Form::Hl7v2 => "hl7v2",
    }
}

#[cfg(test)]
mod tests {
    use mark::merkle::root;

    use super::*;

    fn record(text: &'static str) -> Record<'static> {
        Record {
            form: Form::Table,
            object: "people".into(),
            fields: vec![("name".into(), Json::Text(text.into()))],
            mark: None,
            claim: Claim::None,
        }
    }

    fn root_of(salt: u8, records: &[Record<'_>]) -> Hash {
        root(&records.iter().map(|record| leaf(record, Salt([salt; 16]))).collect::<Vec<_>>())
    }

    #[test]
    fn a_leaf_is_the_salt_and_what_was_seen() {
        let mut data = vec![7; 16];
        data.extend(br#"{"claim":"none","fields":{"name":"Ada"},"form":"table","object":"people"}"#);
        assert_eq!(root_of(7, &[record("Ada")]), root(&[leaf_hash(&data)]));
    }

    #[test]
    fn a_leaf_of_bytes_is_the_salt_and_the_bytes() {
        let data = [&[7; 16][..], b"{}"].concat();
        assert_eq!(bytes_leaf(b"{}", Salt([7; 16])), leaf_hash(&data));
        let long = [b'x'; 1000];
        assert_eq!(bytes_leaf(&long, Salt([7; 16])), leaf_hash(&[&[7; 16][..], &long].concat()));
    }

    #[test]
    fn any_change_is_another_root() {
        let (one, two) = (record("Ada"), record("Eve"));
        let good = root_of(7, &[one.clone(), two.clone()]);
        let marked = Record { mark: Some("eosin1.x".into()), ..one.clone() };
        let claiming = Record { claim: Claim::Synthetic, ..one.clone() };
        let renamed = Record { object: "persons".into(), ..one.clone() };
        for (what, other) in [
            ("another salt", root_of(8, &[one.clone(), two.clone()])),
            ("another order", root_of(7, &[two.clone(), one.clone()])),
            ("one less", root_of(7, std::slice::from_ref(&one))),
            ("one twice", root_of(7, &[one.clone(), two.clone(), two.clone()])),
            ("a mark", root_of(7, &[marked, two.clone()])),
            ("a claim", root_of(7, &[claiming, two.clone()])),
            ("an object", root_of(7, &[renamed, two])),
        ] {
            assert_ne!(good, other, "{what}");
        }
    }
}
