//! `multipart/form-data` bodies.

use bytes::Bytes;

/// One part of a form.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Its content type in lower case; empty when it names none.
    pub(crate) kind: String,
    pub(crate) content: Bytes,
}

/// The boundary a content type names, when it is a form.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let lowered = content_type.to_ascii_lowercase();
    if !lowered.starts_with("multipart/") {
        return None;
    }
    let at = lowered.find("boundary=")? + "boundary=".len();
    let text = content_type.get(at..)?.split(';').next()?.trim().trim_matches('"');
    (!text.is_empty() && text.len() <= 200).then(|| text.to_owned())
}

/// Takes a form apart.
///
/// Bounds: 20 parts, 8 KB of headers each; past them, an error.
pub(crate) fn parts(body: &Bytes, boundary: &str) -> Result<Vec<Part>, String> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut at =
        find(body, mark.as_bytes(), 0).ok_or("the body does not hold the boundary it names")? + mark.len();
    loop {
        if body.get(at..at + 2) == Some(b"--") {
            return Ok(parts);
        }
        let start = at + 2;
        let close = format!("\r\n{mark}");
        let end = find(body, close.as_bytes(), start).ok_or("the form does not end with its boundary")?;
        let head_end = find(body, b"\r\n\r\n", start).filter(|head| *head <= end && head - start <= HEAD_MAX);
        let head_end = head_end.ok_or("a part of the form has no end of headers")?;
        let head = String::from_utf8_lossy(body.get(start..head_end).unwrap_or(b"")).into_owned();
        let name =
            head.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or("").to_owned();
        let kind = head.lines().find_map(|line| {
            let (header, value) = line.split_once(':')?;
            header.trim().eq_ignore_ascii_case("content-type").then(|| value.trim().to_ascii_lowercase())
        });
        let kind = kind.unwrap_or_default();
        parts.push(Part { name, kind, content: body.slice((head_end + 4).min(end)..end) });
        if parts.len() > PARTS_MAX {
            return Err("the form has too many parts".into());
        }
        at = end + close.len();
    }
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| at + from)
}

const PARTS_MAX: usize = 20;
const HEAD_MAX: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_come_out_whole() {
        let body = Bytes::from_static(
            b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"f\"\r\n\r\n\r\n--x--\r\n",
        );
        let parts = parts(&body, "x").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), &parts[0].content[..]), ("a", &b"1\r\n2"[..]));
        assert_eq!((parts[1].name.as_str(), &parts[1].content[..]), ("b", &b""[..]));
        assert_eq!(boundary("multipart/form-data; boundary=\"x\"").as_deref(), Some("x"));
        assert_eq!(boundary("application/json"), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut with = b"--x".to_vec();
            with.extend(body);
            drop(parts(&Bytes::from(with), "x"));
        }
    }
}
