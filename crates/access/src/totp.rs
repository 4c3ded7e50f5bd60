//! One-time codes as authenticators show them: RFC 6238 with SHA-1, six digits and thirty seconds.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Name, cipher};

/// Seconds of a step.
const STEP_SECONDS: u64 = 30;
/// Steps by which an authenticator's clock may be off, either way.
const STEPS_OFF: u64 = 1;
const DIGITS: usize = 6;

/// The secret that an authenticator and we share: 160 bits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seed(Zeroizing<[u8; 20]>);

/// A code that somebody typed: six digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code([u8; DIGITS]);

impl Code {
    /// Reads six digits; spaces, which authenticators show, are left out.
    pub fn read(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|one| *one != b' ').take(DIGITS + 1).collect();
        let digits: [u8; DIGITS] = digits.try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Code(…)")
    }
}

impl Seed {
    /// A seed of these random bytes.
    pub fn new(random: [u8; 20]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// The step whose code this is, if it is one of now, or of thirty seconds before or after, and later than the last one used.
    ///
    /// Shape:  now in seconds since 1970 -> the step, which is to be kept as the last one used: a code is good once.
    /// Never:  tells by its time which code came close.
    pub fn step_of(&self, code: Code, now: u64, last_used: u64) -> Option<u64> {
        let step = now / STEP_SECONDS;
        let mut found = None;
        for step in step.saturating_sub(STEPS_OFF)..=step.saturating_add(STEPS_OFF) {
            let fits = cipher::same(&self.code(step).0, &code.0);
            if fits && step > last_used {
                found = Some(step);
            }
        }
        found
    }

    /// The code of now, for tests and for those who have the seed.
    pub fn code_at(&self, now: u64) -> String {
        String::from_utf8_lossy(&self.code(now / STEP_SECONDS).0).into_owned()
    }

    fn code(&self, step: u64) -> Code {
        let mut digits = [b'0'; DIGITS];
        let mut rest = self.truncated(step);
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Code(digits)
    }

    /// Source: RFC 4226 section 5.3.
    fn truncated(&self, step: u64) -> u32 {
        let mac = cipher::keyed_sha1(&*self.0, &step.to_be_bytes());
        let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
        let four = mac.iter().skip(offset).take(4);
        four.fold(0, |value, byte| value << 8 | u32::from(*byte)) & 0x7fff_ffff
    }

    /// The seed as authenticators take it: base32.
    pub fn to_base32(&self) -> String {
        BASE32_NOPAD.encode(&*self.0)
    }

    /// The address that authenticators read.
    pub fn to_uri(&self, operator: &Name) -> String {
        let name = operator.as_str().replace('@', "%40");
        let seed = self.to_base32();
        format!("otpauth://totp/Eosin:{name}?secret={seed}&issuer=Eosin&algorithm=SHA1&digits=6&period=30")
    }
}

impl TryFrom<String> for Seed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| "a seed is base32")?);
        let bytes: [u8; 20] = bytes.as_slice().try_into().map_err(|_| "a seed has 20 bytes")?;
        Ok(Self::new(bytes))
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        seed.to_base32()
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Seed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &[u8; 20] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238 appendix B, SHA-1: eight digits of the same number.
        for (now, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(Seed::new(*RFC).truncated(now / 30) % 100_000_000, expected, "{now}");
        }
        assert_eq!(Seed::new(*RFC).code_at(1_111_111_109), "081804", "its first zero is kept");
    }

    #[test]
    fn a_code_is_good_for_a_step_either_way_and_once() {
        let seed = Seed::new(*RFC);
        let now = 1_000_000;
        let step = now / 30;
        let code = |at: u64| Code::read(&seed.code_at(at)).unwrap();
        for (at, last, expected) in [
            (now, 0, Some(step)),
            (now - 30, 0, Some(step - 1)),
            (now + 30, 0, Some(step + 1)),
            (now - 60, 0, None),
            (now + 60, 0, None),
            (now, step, None),
            (now - 30, step, None),
            (now + 30, step, Some(step + 1)),
        ] {
            assert_eq!(seed.step_of(code(at), now, last), expected, "{at} after {last}");
        }
    }

    #[test]
    fn a_code_is_six_digits() {
        for (text, expected) in [
            ("123456", true),
            ("123 456", true),
            ("12345", false),
            ("1234567", false),
            ("12345a", false),
            ("", false),
        ] {
            assert_eq!(Code::read(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn a_seed_comes_back_as_it_was_written() {
        let seed = Seed::new(*RFC);
        let text = serde_json::to_string(&seed).unwrap();
        assert_eq!(serde_json::from_str::<Seed>(&text).unwrap(), seed);
        assert!(serde_json::from_str::<Seed>("\"AAAA\"").is_err());
        assert!(seed.to_uri(&"a@b".parse().unwrap()).starts_with("otpauth://totp/Eosin:a%40b?secret=GEZDG"));
        assert_eq!(format!("{seed:?}"), "Seed(…)");
    }
}
