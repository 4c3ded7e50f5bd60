//! JSON or XML: which of them a FHIR client is answered in, where the answer is made or read here.
//!
//! Everything is asked for, judged and labelled in JSON. A client that would rather have XML is given that of the same
//! resource, as [`fhir::in_xml`] writes it.

use carrier::fhir;
use http::{HeaderMap, HeaderValue, Response, header};

use crate::{body::Body, head::forget_body, problem::Problem};

/// What a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Xml,
}

impl Form {
    /// What these header fields and this target ask for: `_format` before `Accept`, and JSON where neither says XML.
    ///
    /// Source: FHIR R4, `http.html#mime-type`.
    pub(crate) fn of(headers: &HeaderMap, target: &str) -> Self {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let format = query.contains("_format").then(|| fhir::Query::parse(query)).flatten();
        if let Some(format) = format.as_ref().and_then(|query| query.get("_format")) {
            // A `+` that was not written as `%2B` comes as a space.
            return if is_xml(format) { Self::Xml } else { Self::Json };
        }
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut xml, mut json) = (0, 0);
        for range in accepts.flat_map(|value| value.split(',')) {
            let kind = range.split(';').next().unwrap_or_default().trim();
            let weight = if is_xml(kind) { &mut xml } else { &mut json };
            *weight = quality(range).max(*weight);
        }
        if xml > json { Self::Xml } else { Self::Json }
    }

    /// The answer in this form, if it is a resource that is here whole; else as it is.
    ///
    /// Errors: [`Problem::NoXml`] where a resource that may be shown cannot be said in XML.
    pub(crate) fn of_answer(self, response: Response<Body>) -> Result<Response<Body>, Problem> {
        let Some(xml) = self.rewritten(&response) else { return Ok(response) };
        Ok(with_xml(response, xml?))
    }

    /// The same for what went wrong, which is told in JSON rather than not at all.
    pub(crate) fn of_outcome(self, response: Response<Body>) -> Response<Body> {
        match self.rewritten(&response) {
            Some(Ok(xml)) => with_xml(response, xml),
            Some(Err(_)) | None => response,
        }
    }

    fn rewritten(self, response: &Response<Body>) -> Option<Result<String, Problem>> {
        let kind = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
        if self == Self::Json || !kind.contains("json") {
            return None;
        }
        let whole = response.body().whole().filter(|whole| !whole.is_empty())?;
        let text = std::str::from_utf8(&whole).map_err(|_| Problem::ShownUnreadable);
        Some(text.and_then(|text| fhir::in_xml(text).map_err(|_| Problem::NoXml)))
    }
}

fn with_xml(response: Response<Body>, xml: String) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    forget_body(&mut parts.headers);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(fhir::XML_CONTENT_TYPE));
    Response::from_parts(parts, Body::from(xml))
}

/// Whether a media type, or FHIR's short word for one, is XML. That of web pages is not meant for a server of FHIR.
fn is_xml(kind: &str) -> bool {
    let kind = kind.trim().to_ascii_lowercase();
    matches!(kind.as_str(), "xml" | "text/xml" | "application/xml")
        || ((kind.contains("fhir+xml") || kind.contains("fhir xml")) && kind.starts_with("application/"))
}

/// The weight of a media range, in thousandths.
fn quality(range: &str) -> u32 {
    let said = range.split(';').skip(1).find_map(|one| one.trim().strip_prefix("q="));
    let Some(said) = said else { return 1000 };
    let (whole, part) = said.split_once('.').unwrap_or((said, ""));
    let part = part.chars().chain("000".chars()).take(3).collect::<String>().parse().unwrap_or(0);
    whole.parse::<u32>().unwrap_or(0).min(1) * 1000 + part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_xml_where_it_says_so() {
        let check = |accept: &str, target: &str, want: Form| {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, HeaderValue::try_from(accept).unwrap());
            }
            assert_eq!(Form::of(&headers, target), want, "{accept} {target}");
        };
        check("", "/Patient/1", Form::Json);
        check("*/*", "/Patient/1", Form::Json);
        check("application/fhir+xml", "/Patient/1", Form::Xml);
        check("application/fhir+xml;fhirVersion=4.0", "/Patient/1", Form::Xml);
        check("application/fhir+json, application/fhir+xml", "/Patient/1", Form::Json);
        check("application/fhir+xml, application/fhir+json;q=0.9", "/Patient/1", Form::Xml);
        check("application/fhir+xml;q=0.8, application/json", "/Patient/1", Form::Json);
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "/Patient/1", Form::Json);
        check("application/fhir+json", "/Patient?_format=xml", Form::Xml);
        check("application/fhir+json", "/Patient?_format=application/fhir+xml", Form::Xml);
        check("application/fhir+json", "/Patient?_format=application%2Ffhir%2Bxml", Form::Xml);
        check("application/fhir+xml", "/Patient?_format=json", Form::Json);
    }
}
