//! An upstream's answer, whole and decoded, where it has to be read before it may be shown.

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Incoming;

use crate::{
    body::collect,
    coding::{coding, decode},
    problem::Problem,
    server::Lane,
};

/// Reads an answer to its end, and takes its content coding off.
///
/// Bounds: the boundary's `body_bytes`, and `decoded_bytes` after decoding.
/// Errors: [`Problem::AnswerTooLarge`]; [`Problem::ShownUnreadable`] where it broke off or cannot be decoded.
pub(crate) async fn whole(lane: &Lane, headers: &HeaderMap, incoming: Incoming) -> Result<Bytes, Problem> {
    let collected = collect(incoming, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream)
        .await
        .map_err(|_| Problem::ShownUnreadable)?;
    if collected.rest.is_some() {
        return Err(Problem::AnswerTooLarge);
    }
    decode(coding(headers), &collected.received, &lane.limits).map_err(|_| Problem::ShownUnreadable)
}
