//! Bulk exports: the manifest that says where the files are, and the lines of a file.

use mark::json::{self, Json};

use super::raw::{self, RawObject, quote};

/// Why a manifest cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not the manifest of a bulk export.
    #[error("is not the manifest of a bulk export")]
    Shape,
    /// A file is somewhere that is not behind this boundary.
    #[error("names a file that is not behind this boundary")]
    Elsewhere,
}

/// The manifest of a bulk export as it goes to the client: files come from our address, and no number says how many
/// resources there were before some were taken out. Files of deleted resources are not named, for nobody can tell what
/// they were.
///
/// Shape:  `upstream` and `gateway` are origins; `followed` says of a file, by its path and query at ours, what will
///         follow it -> the manifest.
/// Errors: see [`ManifestError`].
/// Source: FHIR Bulk Data Access 2.0, "Bulk Data Status Request"; spec/carriers.md section 3.9.
pub fn manifest(
    text: &[u8],
    upstream: &str,
    gateway: &str,
    followed: impl Fn(&str) -> Option<Followed>,
) -> Result<String, ManifestError> {
    let parsed = json::parse(text).map_err(|_| ManifestError::Shape)?;
    if !matches!(parsed.get("output"), Some(Json::Array(_))) || parsed.get("resourceType").is_some() {
        return Err(ManifestError::Shape);
    }
    let text = std::str::from_utf8(text).map_err(|_| ManifestError::Shape)?;
    let mut whole = RawObject::parse(text).ok_or(ManifestError::Shape)?;
    for name in ["output", "error"] {
        let Some(listed) = whole.get(name) else { continue };
        let files = raw::items(listed).ok_or(ManifestError::Shape)?;
        let files: Result<Vec<String>, _> =
            files.into_iter().map(|file| moved(file, upstream, gateway, &followed)).collect();
        let files = raw::array(&files?);
        whole.set(name, files);
    }
    if whole.get("deleted").is_some() {
        whole.set("deleted", "[]".to_owned());
    }
    for name in ["request", "link"] {
        let named = whole.get(name).and_then(|url| serde_json::from_str::<String>(url).ok());
        match named.as_deref().and_then(|url| at_gateway(url, upstream, gateway)) {
            Some(url) => whole.set(name, quote(&url)),
            None => whole.remove(name),
        }
    }
    whole.remove("extension");
    Ok(whole.to_text())
}

/// What follows a file once it was delivered: where it can be fetched, below our address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The file's certificate.
    pub certificate: String,
    /// The file's manifest.
    pub manifest: String,
}

/// The member of a file's `extension` that says what follows it.
const FOLLOWED: &str = "https://eosin.example/fhir/delivery";

/// One file of a manifest, at our address and uncounted.
fn moved(
    file: &str,
    upstream: &str,
    gateway: &str,
    followed: impl Fn(&str) -> Option<Followed>,
) -> Result<String, ManifestError> {
    let mut file = RawObject::parse(file).ok_or(ManifestError::Shape)?;
    let url = file.get("url").and_then(|url| serde_json::from_str::<String>(url).ok());
    let url = url.ok_or(ManifestError::Shape)?;
    let url = at_gateway(&url, upstream, gateway).ok_or(ManifestError::Elsewhere)?;
    file.set("url", quote(&url));
    file.remove("count");
    file.remove("extension");
    if let Some(followed) = url.strip_prefix(gateway).and_then(followed) {
        let (certificate, manifest) =
            (format!("{gateway}{}", followed.certificate), format!("{gateway}{}", followed.manifest));
        let places = format!(
            "{{{}:{{\"certificate\":{},\"manifest\":{}}}}}",
            quote(FOLLOWED),
            quote(&certificate),
            quote(&manifest)
        );
        file.set("extension", places);
    }
    Ok(file.to_text())
}

fn at_gateway(url: &str, upstream: &str, gateway: &str) -> Option<String> {
    if url.starts_with('/') && !url.starts_with("//") {
        return Some(format!("{gateway}{url}"));
    }
    let ours = |origin: &str| url.strip_prefix(origin).filter(|rest| rest.starts_with('/'));
    ours(upstream).or_else(|| ours(gateway)).map(|rest| format!("{gateway}{rest}"))
}

/// How much of a piece of NDJSON is whole lines.
pub fn whole_lines(piece: &[u8]) -> usize {
    piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_our_address_and_no_numbers() {
        let text = br#"{"transactionTime":"2026-01-01T00:00:00Z","request":"http://up/fhir/$export","requiresAccessToken":false,
            "output":[{"type":"Patient","url":"http://up/files/1.ndjson","count":7},{"type":"Patient","url":"/files/2","count":1}],
            "deleted":[{"type":"Bundle","url":"http://up/files/3","count":2}],"error":[]}"#;
        let value: serde_json::Value =
            serde_json::from_str(&manifest(text, "http://up", "https://gate", |_| None).unwrap()).unwrap();
        assert_eq!(value["output"][0]["url"], "https://gate/files/1.ndjson");
        assert_eq!(value["output"][1]["url"], "https://gate/files/2");
        assert_eq!(value["request"], "https://gate/fhir/$export");
        assert_eq!(value["deleted"], serde_json::json!([]));
        assert!(!value.to_string().contains("count"));
        let followed = |path: &str| {
            (path == "/files/2").then(|| Followed { certificate: "/c".to_owned(), manifest: "/m".to_owned() })
        };
        let value: serde_json::Value =
            serde_json::from_str(&manifest(text, "http://up", "https://gate", followed).unwrap()).unwrap();
        assert_eq!(value["output"][0].get("extension"), None);
        let places = &value["output"][1]["extension"]["https://eosin.example/fhir/delivery"];
        assert_eq!(
            *places,
            serde_json::json!({"certificate": "https://gate/c", "manifest": "https://gate/m"})
        );
        let elsewhere = br#"{"output":[{"type":"Patient","url":"https://files.example.org/1"}]}"#;
        assert_eq!(manifest(elsewhere, "http://up", "https://gate", |_| None), Err(ManifestError::Elsewhere));
        let evil = br#"{"output":[{"type":"Patient","url":"http://up.example.org/1"}]}"#;
        assert_eq!(manifest(evil, "http://up", "https://gate", |_| None), Err(ManifestError::Elsewhere));
        assert_eq!(manifest(br#"{"resourceType":"Patient"}"#, "", "", |_| None), Err(ManifestError::Shape));
    }

    #[test]
    fn lines_are_whole_up_to_the_last_end() {
        for (piece, want) in [(&b"a\nb\nc"[..], 4), (b"a\n", 2), (b"abc", 0), (b"", 0)] {
            assert_eq!(whole_lines(piece), want);
        }
    }
}
