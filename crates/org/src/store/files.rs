//! Files: what follows from the bytes of a blob, and the documents that come into being with a version.

use serde_json::{Map, Value};

use super::{Author, Row, Store};
use crate::failure::Failure;
use crate::schema::Object;

/// Works out how long the blob of a record is.
pub(super) fn measure(object: &Object, row: &mut Row) {
    if matches!(object.name.as_str(), "Attachment" | "Document") {
        row.insert("BodyLength".into(), Value::from(size(row, "Body")));
    }
}

/// Works out the fields of a new record that follow from its blob: sizes, types, titles.
pub(super) fn complete(object: &Object, row: &mut Row) {
    measure(object, row);
    if object.name != "ContentVersion" {
        return;
    }
    let path = text(row, "PathOnClient");
    let name = path.rsplit(['/', '\\']).next().unwrap_or("").to_owned();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    row.insert("ContentSize".into(), Value::from(size(row, "VersionData")));
    row.insert("FileType".into(), Value::from(kind(ending)));
    row.insert("IsLatest".into(), Value::Bool(true));
    for (name, value) in [("Title", stem), ("PublishStatus", "P"), ("Origin", "C")] {
        row.entry(name.into()).or_insert_with(|| Value::from(value));
    }
    if !ending.is_empty() {
        row.insert("FileExtension".into(), Value::from(ending.to_lowercase()));
    }
}

impl Store {
    /// Gives a new version its document and links, or its place in the document that it names.
    pub(super) fn publish(&mut self, author: &Author, object: &Object, id: &str) -> Result<(), Failure> {
        if object.name != "ContentVersion" {
            return Ok(());
        }
        let Some(mut row) = self.live(&object.name, id).cloned() else { return Ok(()) };
        let mut members = Map::new();
        for name in
            ["Title", "FileType", "FileExtension", "ContentSize", "Description", "PublishStatus", "OwnerId"]
        {
            if let Some(value) = row.get(name) {
                members.insert(name.into(), value.clone());
            }
        }
        members.insert("LatestPublishedVersionId".into(), Value::from(id));
        let named = row.get("ContentDocumentId").and_then(Value::as_str).map(str::to_owned);
        let document = if let Some(document) = named {
            let versions = self.retire(&document, id);
            row.insert("VersionNumber".into(), Value::from((versions + 1).to_string()));
            self.overwrite("ContentDocument", &document, &members);
            document
        } else {
            row.insert("VersionNumber".into(), Value::from("1"));
            let owner = text(&row, "OwnerId");
            let document = self.create_raw(author, "ContentDocument", members)?;
            self.link(author, &document, &owner, "I")?;
            let place = text(&row, "FirstPublishLocationId");
            if !place.is_empty() && place != owner {
                self.link(author, &document, &place, "V")?;
            }
            document
        };
        row.insert("ContentDocumentId".into(), Value::from(document));
        self.set(&object.name, id, Some(row));
        Ok(())
    }

    /// Marks the earlier versions of a document as no longer the latest; gives how many there are.
    fn retire(&mut self, document: &str, latest: &str) -> usize {
        let earlier: Vec<(String, Row)> = self
            .rows("ContentVersion")
            .filter(|(id, row)| {
                *id != latest && row.get("ContentDocumentId").and_then(Value::as_str) == Some(document)
            })
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        let count = earlier.len();
        for (id, mut row) in earlier {
            row.insert("IsLatest".into(), Value::Bool(false));
            self.set("ContentVersion", &id, Some(row));
        }
        count
    }

    fn link(&mut self, author: &Author, document: &str, entity: &str, share: &str) -> Result<(), Failure> {
        let members = [
            ("ContentDocumentId", document),
            ("LinkedEntityId", entity),
            ("ShareType", share),
            ("Visibility", "AllUsers"),
        ];
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        self.create_raw(author, "ContentDocumentLink", members.collect()).map(drop)
    }

    /// Creates a record with members that a client may not write.
    fn create_raw(
        &mut self,
        author: &Author,
        object: &str,
        members: Map<String, Value>,
    ) -> Result<String, Failure> {
        let object = self.object(object)?;
        self.serial += 1;
        let id = crate::id::make(&object.prefix, self.serial);
        let mut row: Row = members.into_iter().collect();
        super::stamp(author, &object, &id, &mut row);
        self.set(&object.name, &id, Some(row));
        Ok(id)
    }

    fn overwrite(&mut self, object: &str, id: &str, members: &Map<String, Value>) {
        let Some(mut row) = self.live(object, id).cloned() else { return };
        row.extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.set(object, id, Some(row));
    }
}

fn text(row: &Row, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap_or("").to_owned()
}

/// How many bytes a blob has, from its base64.
fn size(row: &Row, name: &str) -> usize {
    let blob = row.get(name).and_then(Value::as_str).unwrap_or("");
    blob.len() / 4 * 3 - blob.bytes().rev().take_while(|byte| *byte == b'=').count().min(blob.len() / 4 * 3)
}

fn kind(ending: &str) -> &'static str {
    match ending.to_ascii_lowercase().as_str() {
        "pdf" => "PDF",
        "txt" => "TEXT",
        "csv" => "CSV",
        "json" => "JSON",
        "xml" => "XML",
        "html" | "htm" => "HTML",
        "png" => "PNG",
        "jpg" | "jpeg" => "JPG",
        "gif" => "GIF",
        "zip" => "ZIP",
        "docx" => "WORD_X",
        "xlsx" => "EXCEL_X",
        "pptx" => "POWER_POINT_X",
        "mp3" => "MP3",
        "mp4" => "MP4",
        "wav" => "WAV",
        _ => "UNKNOWN",
    }
}
