//! Telephone numbers: whether they could exist, how they are written, and whether they fit the address.

use super::{Facts, Seen, Sign, facts::States};
use crate::person::Person;

pub(super) fn look(facts: &Facts, person: &Person<'_>, seen: &mut Seen) {
    let state = person.addresses.iter().find_map(|address| address.state.as_deref()).and_then(States::called);
    // Where the postal code and the telephone agree, it is the state that is wrong: one mistake, counted with the postal code.
    let by_postal_code = person
        .addresses
        .iter()
        .find_map(|address| address.postal_code.as_deref())
        .and_then(super::place::postal_prefix)
        .map_or_else(States::default, |prefix| facts.postal_prefix(prefix));
    let mut nearby: Option<bool> = None;
    for phone in &person.phones {
        let Some(number) = Number::of(phone) else { continue };
        seen.add(shape(phone));
        seen.add(number.sign(facts));
        if let Some(state) = state
            && let Some(states) = facts.area_code(number.area).filter(|states| !states.is_empty())
        {
            nearby = Some(nearby.unwrap_or(false) || states.shares(state) || states.shares(by_postal_code));
        }
    }
    match nearby {
        Some(true) => seen.add(Sign::AreaAgrees),
        Some(false) => seen.add(Sign::AreaDisagrees),
        None => {}
    }
}

/// A number of the North American Numbering Plan.
struct Number {
    area: usize,
    exchange: usize,
    line: usize,
}

impl Number {
    /// The ten digits, after 1, +1 or 001 and before an extension; nothing for what has another count of digits.
    fn of(phone: &str) -> Option<Self> {
        let mut digits = [0_usize; 14];
        let mut count = 0;
        for byte in phone.bytes() {
            match byte {
                b'0'..=b'9' => {
                    *digits.get_mut(count)? = usize::from(byte - b'0');
                    count += 1;
                }
                b'a'..=b'z' | b'A'..=b'Z' | b';' | b',' | b'#' => break,
                _ => {}
            }
        }
        let digits = digits.get(..count)?;
        let number = match digits {
            [0, 0, 1, rest @ ..] | [1, rest @ ..] if rest.len() == 10 => rest,
            all if all.len() == 10 => all,
            _ => return None,
        };
        let read = |part: &[usize]| part.iter().fold(0, |sum, digit| sum * 10 + digit);
        let (area, rest) = number.split_at_checked(3)?;
        let (exchange, line) = rest.split_at_checked(3)?;
        Some(Self { area: read(area), exchange: read(exchange), line: read(line) })
    }

    fn sign(&self, facts: &Facts) -> Sign {
        if self.exchange == 555 && (100..=199).contains(&self.line) {
            Sign::Phone555Line
        } else if self.area == 555 {
            Sign::PhoneArea555
        } else if facts.area_code(self.area).is_none() {
            Sign::PhoneAreaUnassigned
        } else if self.exchange < 200 || self.exchange % 100 == 11 {
            Sign::PhoneExchange
        } else {
            Sign::PhoneAssigned
        }
    }
}

fn shape(phone: &str) -> Sign {
    let bytes = phone.trim().as_bytes();
    let extension = bytes.iter().position(|byte| *byte == b'x');
    let after_x = extension
        .and_then(|at| bytes.get(at + 1..))
        .is_some_and(|rest| (1..=5).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit));
    if after_x {
        return Sign::ShapeExtension;
    }
    match bytes {
        [b'0', b'0', b'1', ..] => Sign::ShapeZeroZeroOne,
        [b'(', _, _, _, b')', b'0'..=b'9', ..] => Sign::ShapeTightParentheses,
        [b'+', b'1', ..] => Sign::ShapePlusOneDigits,
        [_, _, _, b'.', ..] => Sign::ShapeDots,
        _ => Sign::ShapeOrdinary,
    }
}
