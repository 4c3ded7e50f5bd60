//! `[telemetry]`: where traces are sent.

use std::path::PathBuf;

use super::{Faults, is_plain, raw, webhooks};
use crate::config::telemetry::Telemetry;

/// Where collectors take traces, if nothing else is said.
const PATH: &str = "/v1/traces";

/// Understands where traces are sent; nothing where they are not, or something is wrong.
pub(super) fn telemetry(
    written: Option<&raw::Telemetry>,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<Telemetry> {
    let written = written?;
    let why = "plain HTTP is for this machine only: whoever reads along learns who sends what where";
    let endpoint = webhooks::endpoint_address(&written.endpoint, why, faults)?;
    let endpoint =
        if matches!(endpoint.path_and_query().map(http::uri::PathAndQuery::as_str), None | Some("/")) {
            let mut parts = endpoint.into_parts();
            parts.path_and_query = Some(http::uri::PathAndQuery::from_static(PATH));
            http::Uri::from_parts(parts).ok()?
        } else {
            endpoint
        };
    let service = written.service.as_ref();
    if let Some(name) = service.filter(|name| !is_plain(name.get_ref())) {
        faults.say(name.span(), "a name has 1 to 64 letters, digits, `-`, `_` or `.`");
    }
    Some(Telemetry {
        endpoint,
        endpoint_ca: written.endpoint_ca.as_deref().map(path),
        authorization: written.authorization.as_deref().map(path),
        service: service.map_or_else(|| "eosin".to_owned(), |name| name.get_ref().clone()),
        percent: u8::try_from(faults.count(written.percent.as_ref(), 100, 100)).unwrap_or(100),
    })
}
