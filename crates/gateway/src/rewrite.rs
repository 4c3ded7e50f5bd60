//! Answers that name the upstream's own address: rewritten, or clients would go past the gateway from then on.

use bytes::Bytes;
use carrier::{fhir, route::Target};
use flow::Protocol;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    body::{Body, Trailers},
    config::Timeouts,
    head::forget_body,
};

/// Answers longer than this pass as they are: logins and discovery are a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The upstream's address and ours, as the client addressed us.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// `https://org.example.com`, as configured.
    pub(crate) upstream: String,
    /// `https://gateway.example:8443`.
    pub(crate) gateway: String,
}

/// Whether the answer to this request may tell a client where to go next.
///
/// Source: spec/http.md, "Addresses in answers".
pub(crate) fn concerns(protocol: &Protocol, method: &Method, target: &str) -> bool {
    match protocol {
        Protocol::Salesforce => {}
        // Most requests are told apart before anything is taken apart.
        Protocol::Fhir { .. } if *method != Method::GET => return false,
        Protocol::Fhir { base } => {
            let (Some(base), Some(target)) = (Target::parse(base), Target::parse(target)) else {
                return false;
            };
            let below = target.segments().strip_prefix(base.segments());
            return below.is_some_and(|below| *below == ["metadata"]);
        }
        Protocol::Hl7v2 | Protocol::Webhook => return false,
    }
    let path = target.split('?').next().unwrap_or(target);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let segments = segments.as_slice();
    if let [.., "services", "oauth2", "token" | "userinfo"] = segments {
        return true;
    }
    match segments {
        // Identity; discovery of versions and of a version's resources.
        ["id", _, _] | ["services", "data"] | ["services", "data", _] => *method == Method::GET,
        // Bulk jobs say where their upload goes.
        ["services", "data", _, "jobs", ..] => true,
        _ => *method == Method::POST && (is_batch_job(target) || is_soap(segments)),
    }
}

/// Whether this makes a job of Bulk API v1, whose answer says what its batches will hold.
pub(crate) fn is_batch_job(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or(target);
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut segments = segments.skip_while(|segment| !segment.eq_ignore_ascii_case("services")).skip(1);
    let is =
        |segment: Option<&str>, word: &str| segment.is_some_and(|segment| segment.eq_ignore_ascii_case(word));
    let (api, version, what) = (segments.next(), segments.next(), segments.next());
    is(api, "async") && version.is_some() && is(what, "job") && segments.next().is_none()
}

/// Whether these segments are of a SOAP endpoint that says where calls go: its version, perhaps an org's id.
fn is_soap(segments: &[&str]) -> bool {
    let start = segments.iter().position(|segment| segment.eq_ignore_ascii_case("services"));
    match start.and_then(|start| segments.get(start + 1..)).unwrap_or_default() {
        [soap, api, _] | [soap, api, _, _] => {
            soap.eq_ignore_ascii_case("soap") && ["u", "c"].iter().any(|one| api.eq_ignore_ascii_case(one))
        }
        _ => false,
    }
}

/// Replaces the upstream's origin in `Location` and `Content-Location`.
pub(crate) fn headers(headers: &mut HeaderMap, addresses: &Addresses) {
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let rewritten = headers.get(&name).and_then(|value| replaced(value.to_str().ok()?, addresses));
        if let Some(value) = rewritten.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
}

/// Rewrites an answer if it is small JSON or XML without a coding; any other passes as a stream.
///
/// Shape:  `observe` sees a whole answer as the upstream gave it.
/// Bounds: 1 MiB is held; a longer answer passes unchanged.
pub(crate) async fn body(
    answer: Response<Incoming>,
    addresses: &Addresses,
    protocol: &Protocol,
    timeouts: &Timeouts,
    observe: impl FnOnce(&[u8]),
) -> Response<Body> {
    let (mut parts, mut incoming) = answer.into_parts();
    let relay = |incoming| Body::relay(incoming, timeouts.upstream, Trailers::Keep);
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (json, xml) = (kind.contains("json"), kind.contains("xml"));
    let coded = parts.headers.contains_key(header::CONTENT_ENCODING);
    if !(json || xml) || coded {
        return Response::from_parts(parts, relay(incoming));
    }
    let mut held = Vec::new();
    loop {
        match timeout(timeouts.upstream, incoming.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    held.extend_from_slice(&data);
                }
            }
            Ok(None) => break,
            // The stream's own reader meets the same error again and breaks off the client's answer.
            Ok(Some(Err(_))) | Err(_) => {
                return Response::from_parts(parts, relay(incoming).after(held.into()));
            }
        }
        if held.len() > ANSWER_BYTES_MAX {
            return Response::from_parts(parts, relay(incoming).after(held.into()));
        }
    }
    observe(&held);
    let rewritten = match protocol {
        Protocol::Fhir { .. } => of_server(&held, addresses),
        Protocol::Salesforce | Protocol::Hl7v2 | Protocol::Webhook if json => in_json(&held, addresses),
        Protocol::Salesforce | Protocol::Hl7v2 | Protocol::Webhook => in_xml(&held, addresses),
    };
    if rewritten.is_some() {
        forget_body(&mut parts.headers);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(rewritten.map_or_else(|| Bytes::from(held), Bytes::from)))
}

/// `url` with our origin, if it has the upstream's.
fn replaced(url: &str, addresses: &Addresses) -> Option<String> {
    let length = addresses.upstream.len();
    let (start, rest) = (url.get(..length)?, url.get(length..)?);
    let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    (ends && start.eq_ignore_ascii_case(&addresses.upstream)).then(|| format!("{}{rest}", addresses.gateway))
}

/// Replaces the origin where a FHIR server says where it is.
fn of_server(text: &[u8], addresses: &Addresses) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    fhir::capabilities(text, |url| replaced(url, addresses)).map(String::into_bytes)
}

/// Replaces the origin at the start of JSON strings, whether or not their slashes are escaped.
///
/// Everything else stays byte for byte: order, spelling of numbers, white space.
fn in_json(text: &[u8], addresses: &Addresses) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some(start) = rest.find('"') {
        let (before, from_quote) = rest.split_at(start + 1);
        out.push_str(before);
        let end = string_end(from_quote)?;
        let (raw, after) = from_quote.split_at(end);
        match replaced(&raw.replace("\\/", "/"), addresses) {
            Some(value) => {
                changed = true;
                // The gateway's origin holds nothing that JSON escapes; the rest keeps its own escapes.
                out.push_str(&value);
            }
            None => out.push_str(raw),
        }
        out.push('"');
        rest = after.get(1..)?;
    }
    out.push_str(rest);
    changed.then(|| out.into_bytes())
}

/// Where a JSON string that begins at 0 has its closing quote.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index),
            _ => {}
        }
    }
    None
}

/// Replaces the origin at the start of the elements that say where to go next: `<serverUrl>https://…`.
///
/// No other element is touched: an answer of rows may hold an address that is somebody's data.
fn in_xml(text: &[u8], addresses: &Addresses) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    let mut leads_on = false;
    for (index, piece) in text.split('>').enumerate() {
        if index > 0 {
            out.push('>');
        }
        let (value, markup) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        match replaced(value, addresses) {
            Some(value) if leads_on => {
                changed = true;
                out.push_str(&value);
            }
            _ => out.push_str(value),
        }
        out.push_str(markup);
        let tag = markup.rsplit('<').next().unwrap_or_default();
        let name = tag.split([' ', '\t', '\n', '\r']).next().unwrap_or_default();
        leads_on = name.ends_with("serverUrl") || name.ends_with("ServerUrl");
    }
    changed.then(|| out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses {
            upstream: "https://org.example:8443".to_owned(),
            gateway: "http://127.0.0.1:9000".to_owned(),
        }
    }

    fn check(rewrite: impl Fn(&[u8], &Addresses) -> Option<Vec<u8>>, input: &str, expected: &str) {
        let said = rewrite(input.as_bytes(), &addresses());
        let said = said.map_or_else(|| "unchanged".to_owned(), |bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(said, expected, "{input}");
    }

    #[test]
    fn json_keeps_every_byte_that_is_not_the_origin() {
        check(
            in_json,
            r#"{ "instance_url":"https://org.example:8443", "n":1.0, "id":"https:\/\/ORG.example:8443\/id\/00D\u002f"}"#,
            r#"{ "instance_url":"http://127.0.0.1:9000", "n":1.0, "id":"http://127.0.0.1:9000/id/00D\u002f"}"#,
        );
        check(in_json, r#"{"a":"see https://org.example:8443/x"}"#, "unchanged");
        check(in_json, r#"{"a":"https://org.example:84430/x"}"#, "unchanged");
        check(in_json, r#"{"a":"https://org.example:8443.evil.example/x"}"#, "unchanged");
        check(in_json, r#"{"a":"\"https://org.example:8443""#, "unchanged");
        check(in_json, r#"{"a":"unterminated"#, "unchanged");
    }

    proptest::proptest! {
        #[test]
        fn after_a_rewrite_nothing_leads_past_the_gateway(
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..20)
        ) {
            let text = pieces.concat();
            for rewrite in [in_json, in_xml] {
                if let Some(once) = rewrite(text.as_bytes(), &addresses()) {
                    proptest::prop_assert_eq!(rewrite(&once, &addresses()), None);
                }
            }
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                let after = in_json(text.as_bytes(), &addresses()).unwrap_or_else(|| text.clone().into_bytes());
                let after: serde_json::Value = serde_json::from_slice(&after).unwrap();
                proptest::prop_assert_eq!(after.as_array().map(Vec::len), value.as_array().map(Vec::len));
            }
        }
    }

    const PIECES: [&str; 12] = [
        "https://org.example:8443",
        "https:\\/\\/org.example:8443",
        "\"",
        "\\",
        "/x",
        "<",
        ">",
        "[",
        "]",
        ",",
        "é",
        " ",
    ];

    #[test]
    fn xml_text_is_rewritten_and_attributes_are_not() {
        check(
            in_xml,
            r#"<r a="https://org.example:8443/x"><serverUrl>https://org.example:8443/services/Soap/u/60.0/00D</serverUrl></r>"#,
            r#"<r a="https://org.example:8443/x"><serverUrl>http://127.0.0.1:9000/services/Soap/u/60.0/00D</serverUrl></r>"#,
        );
        check(in_xml, "<serverUrl>https://elsewhere.example/</serverUrl>", "unchanged");
        check(
            in_xml,
            r#"<a:metadataServerUrl x="y">https://org.example:8443</a:metadataServerUrl>"#,
            r#"<a:metadataServerUrl x="y">http://127.0.0.1:9000</a:metadataServerUrl>"#,
        );
        check(in_xml, "<sf:Website>https://org.example:8443/</sf:Website>", "unchanged");
    }

    #[test]
    fn only_answers_that_lead_somewhere_are_held() {
        let rows = [
            (Method::POST, "/services/oauth2/token", true),
            (Method::POST, "/d.salesforce.com/services/oauth2/token", true),
            (Method::GET, "/services/oauth2/userinfo?x=y", true),
            (Method::GET, "/services/data", true),
            (Method::GET, "/services/data/v60.0/", true),
            (Method::GET, "/id/00D/005", true),
            (Method::POST, "/services/Soap/u/60.0", true),
            (Method::POST, "/services/data/v60.0/jobs/ingest", true),
            (Method::POST, "/services/Soap/c/60.0/00D000000000001", true),
            (Method::POST, "/d.salesforce.com/services/soap/U/60.0", true),
            (Method::POST, "/services/Soap/m/60.0", false),
            (Method::POST, "//services/async/40.0/job", true),
            (Method::POST, "/services/async/40.0/job/750000000000001AAA", false),
            (Method::GET, "/services/async/40.0/job", false),
            (Method::GET, "/services/data/v60.0/query?q=SELECT+Id+FROM+Contact", false),
            (Method::GET, "/services/data/v60.0/sobjects/Contact/003", false),
        ];
        for (method, target, expected) in rows {
            assert_eq!(concerns(&Protocol::Salesforce, &method, target), expected, "{target}");
        }
        let fhir = Protocol::Fhir { base: String::new() };
        assert!(!concerns(&fhir, &Method::GET, "/services/data"));
        let fhir = Protocol::Fhir { base: "/fhir".to_owned() };
        for (method, target, expected) in [
            (Method::GET, "/fhir/metadata?_format=xml", true),
            (Method::GET, "/fhir/Patient/metadata", false),
            (Method::GET, "/metadata", false),
            (Method::POST, "/fhir/metadata", false),
        ] {
            assert_eq!(concerns(&fhir, &method, target), expected, "{target}");
        }
    }
}
