//! The zip of a deployment: its files, within bounds.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::Limits;

/// Reads the files of a package, paths from the folder that holds `package.xml`.
///
/// Bounds: `limits.zip_bytes` zipped, `limits.zip_entries` files, 16 times `zip_bytes` unpacked, and no file
///         more than 200 times its zipped size; what a file claims to be is never believed.
/// Errors: a sentence for the client.
pub(crate) fn read(zip: Vec<u8>, limits: &Limits) -> Result<BTreeMap<String, Vec<u8>>, String> {
    if zip.len() > limits.zip_bytes {
        return Err(format!("the zip file is larger than {} bytes", limits.zip_bytes));
    }
    let mut archive =
        ZipArchive::new(Cursor::new(zip)).map_err(|error| format!("the zip file cannot be read: {error}"))?;
    if archive.len() > limits.zip_entries {
        return Err(format!("the zip file has more than {} entries", limits.zip_entries));
    }
    let mut files = BTreeMap::new();
    let mut left = u64::try_from(limits.zip_bytes).unwrap_or(u64::MAX).saturating_mul(16);
    for at in 0..archive.len() {
        let entry = archive
            .by_index(at)
            .map_err(|error| format!("an entry of the zip file cannot be read: {error}"))?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(|error| format!("an entry of the zip file has no name: {error}"))?;
        let name = name.replace('\\', "/");
        if name.split('/').any(|part| part == "..") || name.starts_with('/') {
            return Err(format!("the entry {name} points outside the package"));
        }
        let most = entry.compressed_size().saturating_mul(RATIO_MAX).saturating_add(SMALL).min(left);
        let mut content = Vec::new();
        entry
            .take(most + 1)
            .read_to_end(&mut content)
            .map_err(|error| format!("the entry {name} cannot be read: {error}"))?;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if length > most {
            return Err(format!("the entry {name} unpacks to too many bytes"));
        }
        left -= length;
        files.insert(name, content);
    }
    let manifest = files
        .keys()
        .filter(|name| *name == "package.xml" || name.ends_with("/package.xml"))
        .min_by_key(|name| name.len());
    let Some(root) = manifest.and_then(|name| name.strip_suffix("package.xml")).map(str::to_owned) else {
        return Err("No package.xml found".into());
    };
    let inside =
        files.into_iter().filter_map(|(name, content)| Some((name.strip_prefix(&root)?.to_owned(), content)));
    Ok(inside.collect())
}

const RATIO_MAX: u64 = 200;
const SMALL: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn packages_are_read_from_where_the_manifest_is() {
        let files = read(
            zip(&[("pkg/package.xml", b"<Package/>"), ("pkg/objects/A.object", b"<x/>")]),
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["objects/A.object", "package.xml"]);
    }

    #[test]
    fn hostile_zips_are_refused() {
        let limits = Limits { zip_entries: 3, zip_bytes: 1_000_000, ..Limits::default() };
        let bomb = vec![0u8; 30_000_000];
        let many: Vec<(String, &[u8])> = (0..4).map(|n| (format!("{n}"), &b""[..])).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        for (name, bytes) in [
            ("not a zip", b"PK nonsense".to_vec()),
            ("bomb", zip(&[("package.xml", &bomb)])),
            ("climber", zip(&[("../package.xml", b"<Package/>")])),
            ("crowd", zip(&many)),
            ("no manifest", zip(&[("objects/A.object", b"<x/>")])),
            ("large", vec![0; 1_000_001]),
        ] {
            assert!(read(bytes, &limits).is_err(), "{name}");
        }
    }
}
