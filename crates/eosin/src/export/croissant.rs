//! Croissant 1.1: what the files are, which columns they have, and what made them.

use mark::{Field, Kind};
use serde_json::{Map, Value, json};

use super::{DataFile, Described};

/// The dataset as Croissant JSON-LD.
///
/// There is no member for «synthetic»: `rai:dataCollectionType` and the PROV-O members say it.
///
/// Source: spec/dataset-exports.md section 1; Croissant 1.1.
pub(crate) fn croissant(dataset: &Described<'_>) -> Value {
    let manifest = dataset.manifest;
    let mut whole = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": manifest.name,
        "description": format!("{} {} {}", dataset.about(), dataset.how(), dataset.receipts()),
        "url": dataset.urn(),
        "identifier": manifest.id().to_string(),
        "version": "1.0.0",
        "datePublished": dataset.day(),
        "creator": {"@type": "sc:Organization", "name": manifest.operator.clone().unwrap_or_else(|| dataset.maker())},
        "keywords": [manifest.subject.as_str(), manifest.authorship.as_str()],
        "rai:dataCollection": dataset.how(),
        "rai:dataCollectionType": collection_type(dataset),
        "rai:personalSensitiveInformation": match manifest.subject {
            mark::Subject::Synthetic => "None: no record is about a person.",
            mark::Subject::Attested => "Every record is about a person.",
            mark::Subject::Mixed => "Some records are about a person.",
        },
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": dataset.how(),
            "prov:endedAtTime": dataset.at,
            "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": dataset.maker()},
        },
        "distribution": dataset.files.iter().map(file_object).collect::<Vec<_>>(),
        "recordSet": dataset.files.iter().filter_map(|file| record_set(file, dataset)).collect::<Vec<_>>(),
    });
    if let (Some(members), false) = (whole.as_object_mut(), manifest.purposes.is_empty()) {
        members.insert("rai:dataUseCases".to_owned(), json!(manifest.purposes));
    }
    whole
}

fn collection_type(dataset: &Described<'_>) -> &'static str {
    match dataset.manifest.subject {
        mark::Subject::Synthetic => "Synthetic data",
        mark::Subject::Attested => "Records of care",
        mark::Subject::Mixed => "Records of care and synthetic data",
    }
}

fn file_object(file: &DataFile) -> Value {
    let zipped = std::path::Path::new(&file.name).extension().is_some_and(|end| end == "gz");
    json!({
        "@type": "cr:FileObject",
        "@id": id(&file.name),
        "name": file.name,
        "contentUrl": id(&file.name),
        "contentSize": format!("{} B", file.bytes),
        "encodingFormat": if zipped { json!(["application/gzip", file.written_as.media_type]) } else {
            json!(file.written_as.media_type)
        },
        "sha256": file.sha256,
    })
}

/// The columns of a file of one object, as they can be taken out of it; nothing for a file of many.
fn record_set(file: &DataFile, dataset: &Described<'_>) -> Option<Value> {
    let object = file.written_as.object.as_deref()?;
    let list = dataset.manifest.objects.get(object)?;
    let extract: fn(&str) -> Value = match file.written_as.media_type {
        "text/csv" | "text/tab-separated-values" | "application/x-parquet" => |name| json!({"column": name}),
        "application/jsonlines" => |name| json!({"jsonPath": format!("$.{name}")}),
        _ => return None,
    };
    let file_id = id(&file.name);
    let set = format!("{file_id}#records");
    let field = |field: &Field| {
        json!({
            "@type": "cr:Field",
            "@id": format!("{set}/{}", id(&field.name)),
            "name": field.name,
            "dataType": data_type(field.kind),
            "source": {"fileObject": {"@id": file_id}, "extract": extract(&field.name)},
        })
    };
    Some(json!({
        "@type": "cr:RecordSet",
        "@id": set,
        "name": object,
        "field": list.fields().iter().map(field).collect::<Vec<_>>(),
    }))
}

fn data_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "sc:Float",
        Kind::Boolean => "sc:Boolean",
        Kind::Date => "sc:Date",
        Kind::DateTime => "sc:DateTime",
        Kind::Text | Kind::Id | Kind::Element => "sc:Text",
    }
}

/// A name as a relative reference: what a URL may not hold is percent-encoded.
fn id(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

/// The context that Croissant 1.1 prescribes, and PROV-O.
fn context() -> Value {
    let croissant = [
        "arrayShape",
        "citeAs",
        "column",
        "containedIn",
        "equivalentProperty",
        "extract",
        "field",
        "fileObject",
        "fileProperty",
        "fileSet",
        "format",
        "includes",
        "isArray",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "recordSet",
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
        "subField",
        "transform",
    ];
    let mut context: Map<String, Value> =
        croissant.into_iter().map(|name| (name.to_owned(), json!(format!("cr:{name}")))).collect();
    let more = [
        ("@language", json!("en")),
        ("@vocab", json!("https://schema.org/")),
        ("conformsTo", json!("dct:conformsTo")),
        ("cr", json!("http://mlcommons.org/croissant/")),
        ("data", json!({"@id": "cr:data", "@type": "@json"})),
        ("dataType", json!({"@id": "cr:dataType", "@type": "@vocab"})),
        ("dct", json!("http://purl.org/dc/terms/")),
        ("description", json!({"@container": "@language"})),
        ("examples", json!({"@id": "cr:examples", "@type": "@json"})),
        ("name", json!({"@container": "@language"})),
        ("prov", json!("http://www.w3.org/ns/prov#")),
        ("rai", json!("http://mlcommons.org/croissant/RAI/")),
        ("sc", json!("https://schema.org/")),
    ];
    context.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(context)
}
