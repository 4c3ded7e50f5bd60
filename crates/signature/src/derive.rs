//! The value of a component in a message: what its line of the signature base says.

use data_encoding::BASE64;

use crate::{
    component::{Component, ComponentError},
    message::{Fields, Message, Request},
    structured,
};

/// The value of one component.
///
/// Errors: see [`ComponentError`]; there is nothing that could be signed or verified.
/// Source: RFC 9421 sections 2.1, 2.2 and 2.4.
pub(crate) fn value(component: &Component, message: Message<'_>) -> Result<String, ComponentError> {
    let text = if component.name.starts_with('@') {
        derived(component, message)?
    } else {
        let (fields, trailers) = match (component.flags.of_request, message) {
            (false, Message::Request(request)) | (true, Message::Response(_, Some(request))) => {
                (&request.fields, &request.trailers)
            }
            (false, Message::Response(response, _)) => (&response.fields, &response.trailers),
            (true, Message::Response(_, None) | Message::Request(_)) => return Err(ComponentError::Kind),
        };
        field(component, if component.flags.trailer { trailers } else { fields })?
    };
    let plain = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if text.bytes().all(plain) { Ok(text) } else { Err(ComponentError::Value) }
}

fn derived(component: &Component, message: Message<'_>) -> Result<String, ComponentError> {
    if component.name == "@status" {
        return match message {
            Message::Response(response, _) => Ok(response.status.to_string()),
            Message::Request(_) => Err(ComponentError::Kind),
        };
    }
    let request = match (component.flags.of_request, message) {
        (false, Message::Request(request)) | (true, Message::Response(_, Some(request))) => request,
        (false, Message::Response(..)) | (true, Message::Response(_, None) | Message::Request(_)) => {
            return Err(ComponentError::Kind);
        }
    };
    match component.name.as_str() {
        "@method" => Ok(request.method.clone()),
        "@scheme" => Ok(request.scheme.to_ascii_lowercase()),
        "@authority" => Ok(authority(request)),
        "@request-target" => Ok(request.target.clone()),
        "@target-uri" => {
            let (path, query) = parts(request)?;
            let (scheme, authority) = (request.scheme.to_ascii_lowercase(), authority(request));
            let mark = if query.is_some() { "?" } else { "" };
            Ok(format!("{scheme}://{authority}{path}{mark}{}", query.unwrap_or_default()))
        }
        "@path" => match parts(request)?.0 {
            "" => Ok("/".to_owned()),
            path => Ok(path.to_owned()),
        },
        "@query" => Ok(format!("?{}", parts(request)?.1.unwrap_or_default())),
        "@query-param" => query_parameter(component, parts(request)?.1.unwrap_or_default()),
        _ => Err(ComponentError::Name),
    }
}

/// Host in lower case, without a port that is the scheme's own.
fn authority(request: &Request) -> String {
    let authority = request.authority.to_ascii_lowercase();
    let port = if request.scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let plain = authority.strip_suffix(port).or_else(|| authority.strip_suffix(':'));
    plain.map_or_else(|| authority.clone(), str::to_owned)
}

/// Path and query of a target in origin form or absolute form.
fn parts(request: &Request) -> Result<(&str, Option<&str>), ComponentError> {
    let target = request.target.as_str();
    let local = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.get(end..).unwrap_or_default()
        }
        Some(_) | None => target,
    };
    if !local.is_empty() && !local.starts_with(['/', '?']) {
        // `*` and `host:port` name no path.
        return Err(ComponentError::Absent);
    }
    Ok(match local.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (local, None),
    })
}

/// One query parameter, decoded as a form and encoded again in the one way that the RFC allows.
fn query_parameter(component: &Component, query: &str) -> Result<String, ComponentError> {
    let wanted = component.flags.parameter.as_deref().ok_or(ComponentError::Parameter)?;
    let mut found = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| form(name) == wanted)
        .map(|(_, value)| form(value));
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        (None, _) | (Some(_), Some(_)) => Err(ComponentError::Absent),
    }
}

/// Decodes `application/x-www-form-urlencoded`, then percent-encodes everything but letters, digits and `*-._`.
fn form(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, further @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high * 16 + low);
                    rest = further;
                }
                _ => decoded.push(b'%'),
            },
            (byte, _) => decoded.push(*byte),
        }
    }
    // As the URL standard has it: bytes that are not UTF-8 become replacement characters.
    let decoded = String::from_utf8_lossy(&decoded);
    let mut encoded = String::with_capacity(decoded.len());
    for byte in decoded.bytes() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn field(component: &Component, fields: &Fields) -> Result<String, ComponentError> {
    let lines: Vec<Vec<u8>> = fields.lines(&component.name).map(unfolded).collect();
    if lines.is_empty() {
        return Err(ComponentError::Absent);
    }
    if component.flags.binary {
        let wrapped: Vec<String> = lines.iter().map(|line| format!(":{}:", BASE64.encode(line))).collect();
        return Ok(wrapped.join(", "));
    }
    let combined = String::from_utf8(lines.join(&b", "[..])).map_err(|_| ComponentError::Value)?;
    if let Some(key) = &component.flags.key {
        return structured::member(&combined, key).ok_or(ComponentError::Structured);
    }
    if component.flags.structured {
        return structured::canonical(&component.name, &combined).ok_or(ComponentError::Structured);
    }
    Ok(combined)
}

/// A line without space around it, and with an obsolete fold made one space.
fn unfolded(line: &[u8]) -> Vec<u8> {
    let line = trimmed(line);
    if !line.windows(2).any(|pair| matches!(pair, [b'\n', b' ' | b'\t'])) {
        return line.to_vec();
    }
    let mut pieces = Vec::new();
    for piece in line.split(|byte| *byte == b'\n') {
        let folded = matches!(piece, [b' ' | b'\t', ..]);
        let piece = trimmed(piece.strip_suffix(b"\r").unwrap_or(piece)).to_vec();
        match pieces.last_mut() {
            Some(last) if folded => {
                let last: &mut Vec<u8> = last;
                last.push(b' ');
                last.extend(piece);
            }
            Some(_) | None => pieces.push(piece),
        }
    }
    pieces.join(&b"\n"[..])
}

fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = line {
        line = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests;
