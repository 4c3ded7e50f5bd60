//! How many rows leave, told in the head of the answer: a page of results waits until that is known.

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::oneshot;

/// What the org says of the rows of a page, hidden ones too; some clients read no page without it.
pub(crate) const NUMBER: HeaderName = HeaderName::from_static("sforce-numberofrecords");

/// So long a page can be whose rows are counted before it leaves.
const HELD_BYTES_MAX: usize = 8 << 20;

/// Pieces that wait for their number.
pub(super) struct Counting {
    /// Whoever waits for it; nobody where there is none, or the page is too long.
    told: Option<oneshot::Sender<u64>>,
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl Counting {
    /// Nothing is held where the head tells no number.
    pub(super) fn of(headers: &HeaderMap) -> (Self, Option<oneshot::Receiver<u64>>) {
        let (told, number) = headers.contains_key(NUMBER).then(oneshot::channel).unzip();
        (Self { told, pieces: Vec::new(), bytes: 0 }, number)
    }

    /// The pieces that leave now.
    pub(super) fn hold(&mut self, piece: Vec<u8>) -> Vec<Vec<u8>> {
        self.bytes = self.bytes.saturating_add(piece.len());
        self.pieces.push(piece);
        if self.told.is_some() && self.bytes <= HELD_BYTES_MAX {
            return Vec::new();
        }
        self.told = None;
        std::mem::take(&mut self.pieces)
    }

    /// The pieces that leave once the rows are counted.
    pub(super) fn end(&mut self, rows: u64) -> Vec<Vec<u8>> {
        // Whoever went away reads nothing.
        if let Some(told) = self.told.take() {
            let _gone = told.send(rows);
        }
        std::mem::take(&mut self.pieces)
    }
}

/// Says how many rows leave. Where that cannot be known in time the org's number stays: there are clients that read no page without one.
pub(super) async fn tell(headers: &mut HeaderMap, number: Option<oneshot::Receiver<u64>>) {
    let Some(number) = number else { return };
    if let Ok(rows) = number.await {
        headers.insert(NUMBER, HeaderValue::from(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_waits_for_its_number_unless_it_is_long() {
        for (bytes, leaves, number) in [(10, 0, "2"), (HELD_BYTES_MAX, 0, "2"), (HELD_BYTES_MAX + 1, 1, "3")]
        {
            let mut headers = HeaderMap::from_iter([(NUMBER, HeaderValue::from(3))]);
            let (mut counting, waiting) = Counting::of(&headers);
            let left = counting.hold(vec![b'a'; bytes]).len();
            assert_eq!((left, left + counting.end(2).len()), (leaves, 1), "{bytes}");
            tell(&mut headers, waiting).await;
            assert_eq!(headers[NUMBER], number, "{bytes}");
        }
        let (mut counting, waiting) = Counting::of(&HeaderMap::new());
        assert!(waiting.is_none() && counting.hold(Vec::new()).len() == 1, "nobody waits for a number");
    }
}
