//! A request's head: what is refused before anything is read, what is taken out, what is put in.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts, uri::Scheme};
use telemetry::Transaction;

use crate::{config::Limits, contract::Bound, problem::Problem, signing};

/// A head that may go on, without the fields that concern only the client's connection.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Path and query as sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// What `Eosin-Provenance` claimed; taken out of `headers`.
    pub(crate) provenance: Vec<String>,
    pub(crate) method_override: Option<String>,
    /// Whether the client waits for a word before it sends its body.
    pub(crate) expects: bool,
    /// The head as it came, where it has signatures: what they cover is taken out of `headers`.
    pub(crate) signed: Option<Box<signature::Request>>,
    /// The client's own name for itself.
    pub(crate) client: String,
    /// `https://gateway.example:8443`, as the client addressed us.
    pub(crate) origin: String,
    /// The contract version that its answer has.
    pub(crate) contract: Bound,
    /// Its trace, where one is recorded.
    pub(crate) traced: Option<Transaction>,
}

/// The listener a request came in by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    pub(crate) scheme: &'static str,
    pub(crate) peer: SocketAddr,
}

/// Admits a head, or says what is wrong with it.
///
/// Source: RFC 9110 sections 7.2 and 7.6.1; RFC 9112 section 3.2.
pub(crate) fn admit(parts: Parts, door: Door, limits: &Limits) -> Result<Head, Problem> {
    let Parts { method, uri, mut headers, .. } = parts;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(Problem::Method);
    }
    if headers.len() > limits.header_count || head_bytes(&uri, &headers) > limits.header_bytes {
        return Err(Problem::HeadTooLarge);
    }
    if headers.contains_key(header::UPGRADE) {
        return Err(Problem::Request("the gateway offers no protocol upgrade; leave `Upgrade` out"));
    }
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return Err(Problem::Request("the request has more than one `Content-Type`; send one"));
    }
    let host = host(&uri, &headers)?;
    let target = target(&uri)?;
    let method_override = method_override(&headers)?;
    let client = client(&headers, door.peer);
    let expects = headers.contains_key(header::EXPECT);
    let provenance = texts(&headers, &PROVENANCE);
    let signed = headers.contains_key(signature::offered::INPUT_HEADER).then(|| {
        let (scheme, authority) = (door.scheme.to_owned(), host.clone());
        Box::new(signing::head(&method, scheme, authority, &target, &headers))
    });
    strip_hop_by_hop(&mut headers);
    strip_ours(&mut headers);
    for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT, header::FORWARDED] {
        headers.remove(name);
    }
    forwarded(&mut headers, door, &host);
    let origin = format!("{}://{host}", door.scheme);
    let contract = Bound::default();
    Ok(Head {
        method,
        target,
        headers,
        provenance,
        method_override,
        expects,
        signed,
        client,
        origin,
        contract,
        traced: None,
    })
}

/// The header that carries provenance in and out.
pub(crate) const PROVENANCE: HeaderName = HeaderName::from_static("eosin-provenance");

/// The header that says how much an AI made.
pub(crate) const AI_DISCLOSURE: HeaderName = HeaderName::from_static(carrier::ai_disclosure::HEADER);

/// Removes the fields that concern one connection only, and those that `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for named in texts(headers, &header::CONNECTION) {
        for name in named.split(',').filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()) {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Removes every `Eosin-` field: only this gateway says such things here.
pub(crate) fn strip_ours(headers: &mut HeaderMap) {
    let ours: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("eosin-")).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// Adds our name to `Via`.
pub(crate) fn via(headers: &mut HeaderMap) {
    headers.append(header::VIA, HeaderValue::from_static("1.1 eosin"));
}

fn head_bytes(uri: &Uri, headers: &HeaderMap) -> usize {
    let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    uri.path_and_query().map_or(0, |target| target.as_str().len()) + fields
}

/// The one authority the client meant.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    const WRONG: Problem = Problem::Request("`Host` is missing, repeated, or not a host name");
    let mut named = headers.get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(value), None) => Some(value.to_str().map_err(|_| WRONG)?),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(WRONG),
    };
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let host = match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => return Err(WRONG),
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return Err(WRONG),
    };
    // The name is repeated in answers and headers, so nothing that has a meaning there may stand in it.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || host.len() > 255 || !host.chars().all(plain) {
        return Err(WRONG);
    }
    Ok(host.to_ascii_lowercase())
}

/// Path and query, if every server behind us must read the same path in them.
fn target(uri: &Uri) -> Result<String, Problem> {
    const WRONG: Problem = Problem::Request("the target is not a plain path; send it without dot segments");
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
        return Err(WRONG);
    }
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(WRONG);
    }
    let path = decoded(uri.path()).ok_or(WRONG)?;
    let dotted =
        path.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| segment == b"." || segment == b"..");
    if dotted || path.iter().any(u8::is_ascii_control) || uri.path().contains('\\') {
        return Err(WRONG);
    }
    Ok(target.to_owned())
}

/// Undoes percent-encoding; nothing if an escape is broken.
fn decoded(path: &str) -> Option<Vec<u8>> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

/// The method that an override header asks for; two different ones are refused.
fn method_override(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut found: Option<String> = None;
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        for value in headers.get_all(name) {
            let value = value.to_str().unwrap_or("?").trim().to_ascii_uppercase();
            if found.as_ref().is_some_and(|earlier| *earlier != value) {
                return Err(Problem::Request("two method override headers disagree"));
            }
            found = Some(value);
        }
    }
    Ok(found)
}

/// Characters of a client's name at most.
pub(crate) const NAME_MAX: usize = 64;

/// Whether a character is kept of what a client calls itself.
pub(crate) fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ' ' | ':')
}

/// What the client calls itself: `client=` of `Sforce-Call-Options`, else its agent's first word, else its address.
///
/// Bounds: [`NAME_MAX`] characters for which [`is_of_a_name`] holds.
pub(crate) fn client(headers: &HeaderMap, peer: SocketAddr) -> String {
    let option =
        texts(headers, &HeaderName::from_static("sforce-call-options")).into_iter().find_map(|value| {
            value.split(',').find_map(|part| part.trim().strip_prefix("client=").map(str::to_owned))
        });
    let agent = || headers.get(header::USER_AGENT)?.to_str().ok()?.split(' ').next().map(str::to_owned);
    let plain = |name: String| name.chars().filter(|c| is_of_a_name(*c)).take(NAME_MAX).collect::<String>();
    let named = option.or_else(agent).map(plain);
    named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| peer.ip().to_string())
}

/// What a cookie of this name holds, the first of them.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(found, value)| (found == name).then_some(value))
}

fn forwarded(headers: &mut HeaderMap, door: Door, host: &str) {
    let said: Vec<_> =
        headers.keys().filter(|name| name.as_str().starts_with("x-forwarded-")).cloned().collect();
    for name in said.iter().chain([&HeaderName::from_static("x-real-ip")]) {
        headers.remove(name);
    }
    let fields = [
        ("x-forwarded-for", door.peer.ip().to_string()),
        ("x-forwarded-proto", door.scheme.to_owned()),
        ("x-forwarded-host", host.to_owned()),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    via(headers);
}

pub(crate) fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

/// Headers that say who asks; the others are about what is asked.
const WHO: [&str; 9] = [
    "authorization",
    "cookie",
    "user-agent",
    "via",
    "x-consent-scope",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-tenant-id",
    "x-sfdc-session",
];

/// The headers of a request that say who asks, for a look at the upstream in the client's name.
pub(crate) fn who_asks(sent: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in WHO {
        let name = HeaderName::from_static(name);
        for value in sent.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// What a message says of the bytes of its body. The coding is not among it: whoever decodes a body says so.
const ABOUT_BODY: [&str; 5] = ["content-length", "content-digest", "repr-digest", "content-md5", "digest"];

/// Takes away what a message says of the bytes of its body, which are others now, or fewer: a length or a digest of what
/// was there would tell what was taken out.
pub(crate) fn forget_body(headers: &mut HeaderMap) {
    for name in ABOUT_BODY {
        headers.remove(name);
    }
}

/// The same where the other body is in no coding, whatever that one was in.
pub(crate) fn forget_coded_body(headers: &mut HeaderMap) {
    forget_body(headers);
    headers.remove(header::CONTENT_ENCODING);
}

/// What stays of the head of a file of which something may be left out, beside what Eosin says itself. Storage and servers tell
/// of the whole file under names of their own: how many lines, how many bytes, a hash of them, when it changed.
const OF_FILE: [&str; 26] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-security-policy",
    "content-type",
    "date",
    "deprecation",
    "expires",
    "link",
    "pragma",
    "referrer-policy",
    "retry-after",
    "server",
    "set-cookie",
    "sforce-limit-info",
    "sforce-locator",
    "sforce-numberofrecords",
    "strict-transport-security",
    "sunset",
    "traceparent",
    "vary",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];
const OF_FILE_BEGINS: [&str; 2] = ["access-control-", "eosin-"];

/// Takes away what the head of a file may tell of what is left out of it: all that is not known to tell nothing.
///
/// What another gateway before this one says of manifest and certificate is of another file.
pub(crate) fn forget_whole(headers: &mut HeaderMap) {
    let is_kept =
        |name: &str| OF_FILE.contains(&name) || OF_FILE_BEGINS.iter().any(|begins| name.starts_with(begins));
    let others: Vec<HeaderName> = headers.keys().filter(|name| !is_kept(name.as_str())).cloned().collect();
    for name in others {
        headers.remove(name);
    }
    // It can say how long the file is.
    let has_size =
        |value: &HeaderValue| value.to_str().map_or(true, |text| text.to_ascii_lowercase().contains("size"));
    if headers.get(header::CONTENT_DISPOSITION).is_some_and(has_size) {
        headers.remove(header::CONTENT_DISPOSITION);
    }
    let is_others = |link: &&HeaderValue| {
        let is_ours = |text: &str| text.contains("https://eosin.example/rel/") || text.contains("/.eosin/");
        link.to_str().is_ok_and(|text| !is_ours(text))
    };
    let links: Vec<HeaderValue> = headers.get_all(header::LINK).iter().filter(is_others).cloned().collect();
    headers.remove(header::LINK);
    for link in links {
        headers.append(header::LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_and_no_digest_of_what_was_taken_out_stays() {
        let mut headers = HeaderMap::new();
        for name in [
            "content-length",
            "content-digest",
            "repr-digest",
            "content-md5",
            "digest",
            "etag",
            "content-type",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        forget_body(&mut headers);
        assert!(headers.contains_key("etag") && headers.contains_key("content-type"));
        assert_eq!(headers.len(), 2, "{headers:?}");
    }
}
