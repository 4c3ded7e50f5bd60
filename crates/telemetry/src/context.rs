//! `traceparent`: which trace a request belongs to, and which span of another program it came from.
//!
//! Source: W3C Trace Context, section 3.2.

use std::fmt;

/// The header that names the trace and the span.
pub const TRACEPARENT: &str = "traceparent";
/// The header with what each tracing system keeps for itself: handed on as it came, and never looked into.
pub const TRACESTATE: &str = "tracestate";

/// A span of a trace.
///
/// Shape: written as `00-TRACE-SPAN-FLAGS`, in hexadecimal of small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    // INVARIANT: neither is zero.
    pub(crate) trace: u128,
    pub(crate) span: u64,
    flags: u8,
}

const SAMPLED: u8 = 1;
/// Flags that are handed on: sampled, and that the trace's name is random.
const KNOWN_FLAGS: u8 = 3;

impl Context {
    /// A span of a trace that is recorded; nothing where one of them is zero.
    pub(crate) fn recorded(trace: u128, span: u64) -> Option<Self> {
        (trace != 0 && span != 0).then_some(Self { trace, span, flags: SAMPLED })
    }

    /// Another span of the same trace.
    pub(crate) fn with_span(self, span: u64) -> Option<Self> {
        (span != 0).then_some(Self { span, ..self })
    }

    /// Whether the program before us records this trace.
    pub fn is_recorded(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Reads the value of a `traceparent`; nothing where it is none.
    ///
    /// Shape: of a later version what this one knows, as section 3.2.4 says.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once('-')?;
        let (trace, rest) = rest.split_once('-')?;
        let (span, rest) = rest.split_once('-')?;
        let (flags, more) = rest.split_once('-').map_or((rest, None), |(flags, more)| (flags, Some(more)));
        let version = hexadecimal(version, 2)?;
        if version == 0xff || (version == 0 && more.is_some()) {
            return None;
        }
        let flags = u8::try_from(hexadecimal(flags, 2)?).ok()? & KNOWN_FLAGS;
        let (trace, span) = (hexadecimal(trace, 32)?, u64::try_from(hexadecimal(span, 16)?).ok()?);
        (trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = text.len() == digits && text.bytes().all(plain);
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_the_standard_shows_is_read_and_written() {
        let read = Context::parse(GOOD).unwrap();
        assert!(read.is_recorded());
        assert_eq!(read.to_string(), GOOD);
        let not_recorded = GOOD.replace("-01", "-00");
        assert!(!Context::parse(&not_recorded).unwrap().is_recorded());
    }

    #[test]
    fn of_a_later_version_is_read_what_is_known() {
        let later = GOOD.replace("00-4b", "cc-4b");
        assert_eq!(Context::parse(&later).unwrap().to_string(), GOOD);
        let longer = format!("{later}-what-the-future-will-be-like");
        assert_eq!(Context::parse(&longer).unwrap().to_string(), GOOD);
        let flagged = later.replace("b7-01", "b7-ff");
        assert_eq!(Context::parse(&flagged).unwrap().to_string(), GOOD.replace("b7-01", "b7-03"));
    }

    #[test]
    fn what_is_none_is_not_read() {
        let upper = GOOD.to_ascii_uppercase();
        let longer = format!("{GOOD}-more");
        let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
        let joined = format!("{GOOD}, {GOOD}");
        for bad in ["", "00", "-", "ff", &upper, &longer, &zero_trace, &zero_span, &joined, "00--01-01"] {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
        assert_eq!(Context::parse(&GOOD.replace("00-4b", "ff-4b")), None);
        assert_eq!(Context::parse(&GOOD.replace("b7-01", "b7-1")), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in ".{0,80}") {
            if let Some(context) = Context::parse(&text) {
                prop_assert_eq!(Context::parse(&context.to_string()), Some(context));
            }
        }

        #[test]
        fn what_is_written_reads_back(trace in 1u128.., span in 1u64..) {
            let context = Context::recorded(trace, span).unwrap();
            prop_assert_eq!(Context::parse(&context.to_string()), Some(context));
        }
    }
}
