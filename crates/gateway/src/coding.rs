//! Content codings of request bodies: gzip and deflate, undone within bounds, and refused where two readers could differ.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header::CONTENT_ENCODING};
use mark::Unreadable;

use crate::config::Limits;

/// The coding a body is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Deflate,
    /// Several codings, or one that is not known here.
    Other,
}

/// Reads `Content-Encoding`; several values, or an unknown one, are [`Coding::Other`].
pub(crate) fn coding(headers: &HeaderMap) -> Coding {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(CONTENT_ENCODING) { Coding::Other } else { Coding::Identity };
    };
    match value.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        "identity" => Coding::Identity,
        "gzip" | "x-gzip" => Coding::Gzip,
        "deflate" => Coding::Deflate,
        _ => Coding::Other,
    }
}

/// Undoes a coding.
///
/// A body that is forwarded as received is decoded a second time by the upstream, so whatever two honest decoders
/// may read differently is refused: bytes after the end, and a `deflate` body that is valid both with and without
/// the zlib frame.
///
/// Bounds: `limits.decoded_bytes`, and `limits.decoded_ratio` times the received bytes once past 1 MiB.
pub(crate) fn decode(coding: Coding, received: &Bytes, limits: &Limits) -> Result<Bytes, Unreadable> {
    let shape = |text: &str| Unreadable::Shape(text.to_owned());
    let by_ratio = received.len().saturating_mul(limits.decoded_ratio).max(RATIO_FREE_BYTES);
    let limit = limits.decoded_bytes.min(by_ratio);
    match coding {
        Coding::Identity if received.len() <= limits.decoded_bytes => Ok(received.clone()),
        Coding::Identity => Err(Unreadable::TooLong { limit: limits.decoded_bytes }),
        Coding::Gzip => {
            let mut decoder = MultiGzDecoder::new(&**received);
            read(&mut decoder, limit).ok_or_else(|| shape("is not a valid gzip body"))?
        }
        Coding::Deflate => {
            let mut framed = ZlibDecoder::new(&**received);
            let with_frame =
                read(&mut framed, limit).filter(|read| read.is_err() || framed.into_inner().is_empty());
            let mut bare = DeflateDecoder::new(&**received);
            let without_frame =
                read(&mut bare, limit).filter(|read| read.is_err() || bare.into_inner().is_empty());
            match (with_frame, without_frame) {
                (Some(decoded), None) | (None, Some(decoded)) => decoded,
                (None, None) => Err(shape("is not a valid deflate body")),
                (Some(_), Some(_)) => Err(shape("is a deflate body that can be read in two ways")),
            }
        }
        Coding::Other => Err(shape("has a content coding other than gzip or deflate")),
    }
}

/// Small bodies may be as dense as they like.
const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// Nothing if the stream is broken; an error if it is longer than `limit`.
fn read(decoder: &mut dyn Read, limit: usize) -> Option<Result<Bytes, Unreadable>> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(bound).read_to_end(&mut bytes).ok()?;
    if bytes.len() > limit {
        return Some(Err(Unreadable::TooLong { limit }));
    }
    Some(Ok(bytes.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write};

    use super::*;

    const LIMITS: Limits = Limits { decoded_bytes: 3 * 1024 * 1024, decoded_ratio: 100, ..Limits::SUGGESTED };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn check(values: &[&str], body: &[u8], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, value.parse().unwrap());
        }
        let said = match decode(coding(&headers), &Bytes::copy_from_slice(body), &LIMITS) {
            Ok(bytes) if bytes.len() < 100 => String::from_utf8_lossy(&bytes).into_owned(),
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(Unreadable::TooLong { limit }) => format!("longer than {limit}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(said, expected, "{values:?}");
    }

    #[test]
    fn known_codings_are_undone() {
        check(&[], b"plain", "plain");
        check(&["identity"], b"plain", "plain");
        check(&["gzip"], &gzip(b"zipped"), "zipped");
        check(&["X-GZIP"], &gzip(b"zipped"), "zipped");
        check(&["gzip"], &[gzip(b"one,"), gzip(b"two")].concat(), "one,two");
        check(&["deflate"], &zlib(b"framed"), "framed");
        check(&["deflate"], &raw(b"bare"), "bare");
    }

    #[test]
    fn what_cannot_be_read_in_one_way_is_unreadable() {
        let other = "has a content coding other than gzip or deflate";
        check(&["br"], b"x", other);
        check(&["gzip, gzip"], &gzip(&gzip(b"x")), other);
        check(&["gzip", "gzip"], &gzip(b"x"), other);
        check(&["identity", "gzip"], &gzip(b"x"), other);
        check(&["gzip"], b"not gzip", "is not a valid gzip body");
        check(&["gzip"], gzip(b"cut off").split_last().unwrap().1, "is not a valid gzip body");
        check(&["gzip"], &[gzip(b"x"), b"tail".to_vec()].concat(), "is not a valid gzip body");
        check(&["deflate"], &[zlib(b"x"), b"tail".to_vec()].concat(), "is not a valid deflate body");
        check(&["deflate"], b"", "is not a valid deflate body");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_within_the_bound_or_unreadable(
            mut body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
            start in proptest::sample::select(vec![&b""[..], &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &[0x78, 0x9c]]),
            coding in proptest::sample::select(vec![Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Other]),
        ) {
            body.splice(0..0, start.iter().copied());
            let limits = Limits { decoded_bytes: 300, ..LIMITS };
            if let Ok(decoded) = decode(coding, &body.into(), &limits) {
                proptest::prop_assert!(decoded.len() <= 300);
            }
        }

        #[test]
        fn what_was_packed_is_what_is_judged(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..2000)) {
            for (coding, packed) in [(Coding::Gzip, gzip(&body)), (Coding::Deflate, zlib(&body)), (Coding::Deflate, raw(&body))] {
                // A body may by accident be readable in two ways; then it is refused, never misread.
                if let Ok(decoded) = decode(coding, &packed.into(), &LIMITS) {
                    proptest::prop_assert_eq!(&decoded[..], &body[..]);
                }
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let bomb = vec![b' '; 64 * 1024 * 1024];
        check(&["gzip"], &gzip(&bomb), "longer than 3145728");
        check(&["deflate"], &zlib(&bomb), "longer than 3145728");
        // 2 MiB of blanks pack into about 2 KiB: past the ratio, inside the size.
        let dense = gzip(&bomb[..2 * 1024 * 1024]);
        check(&["gzip"], &dense, "longer than 1048576");
        check(&["gzip"], &gzip(&bomb[..1024 * 1024]), "1048576 bytes");
    }

    #[test]
    fn a_deflate_body_that_reads_both_ways_is_refused() {
        // With a frame: a last stored block of 65,278 bytes. Bare: 0x78 is a stored block that is not the last, of
        // 0x0101 bytes; another one inside the first reading's content covers the rest.
        let mut content = vec![b'a'; 65_278];
        let bare_rest = 7 + content.len() + 4 - 267;
        let length = u16::try_from(bare_rest).unwrap();
        content[262 - 7] = 0x01;
        content[263 - 7..265 - 7].copy_from_slice(&length.to_le_bytes());
        content[265 - 7..267 - 7].copy_from_slice(&(!length).to_le_bytes());
        let (mut low, mut high) = (1_u32, 0_u32);
        for byte in &content {
            low = (low + u32::from(*byte)) % 65_521;
            high = (high + low) % 65_521;
        }
        let mut body = vec![0x78, 0x01, 0x01, 0xfe, 0xfe, 0x01, 0x01];
        body.extend(&content);
        body.extend(((high << 16) | low).to_be_bytes());

        let mut framed = Vec::new();
        ZlibDecoder::new(&*body).read_to_end(&mut framed).unwrap();
        let mut bare = Vec::new();
        DeflateDecoder::new(&*body).read_to_end(&mut bare).unwrap();
        assert_ne!(framed, bare, "two honest decoders read two things");
        check(&["deflate"], &body, "is a deflate body that can be read in two ways");
    }
}
