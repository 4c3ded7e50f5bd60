//! Postal addresses: whether state and postal code agree, and the grammar of street and city.

use super::{
    Facts, Seen, Sign,
    facts::{Lower, States},
};
use crate::person::{Address, Person};

pub(super) fn look(facts: &Facts, person: &Person<'_>, seen: &mut Seen) {
    for address in &person.addresses {
        let mut whole = None;
        for line in &address.lines {
            // One text can hold the whole address: its first line is the street, its last the place.
            let mut parts = line.split('\n').map(str::trim);
            look_at_street(facts, parts.next().unwrap_or_default(), seen);
            whole = whole.or(parts.next_back());
        }
        if let Some((city, state, postal_code)) = whole.and_then(place_of) {
            let place = Address {
                state: Some(state.into()),
                postal_code: Some(postal_code.into()),
                ..Address::default()
            };
            look_at_city(facts, city, seen);
            look_at_state(facts, &place, seen);
        }
        if let Some(city) = address.city.as_deref() {
            look_at_city(facts, city, seen);
        }
        look_at_state(facts, address, seen);
    }
}

/// `City, ST 12345` or `APO AE 12345` as its three parts.
fn place_of(line: &str) -> Option<(&str, &str, &str)> {
    let military = line.get(..4).is_some_and(|head| is_post_office(head.trim_end()));
    let (city, rest) = if military { line.split_once(' ')? } else { line.rsplit_once(", ")? };
    let (state, postal_code) = rest.rsplit_once(' ')?;
    Some((city, state, postal_code))
}

/// Military post offices stand where a city does.
fn is_post_office(word: &str) -> bool {
    ["APO", "FPO", "DPO"].contains(&word)
}

fn look_at_state(facts: &Facts, address: &Address<'_>, seen: &mut Seen) {
    let home = address.country.as_deref().is_none_or(in_the_us);
    let written = address.state.as_deref().map(str::trim);
    let Some(state) = written.and_then(States::called) else { return };
    if home && address.country.as_deref().is_some_and(|country| !country.trim().is_empty()) {
        seen.add(Sign::CountryAgrees);
    }
    // Two letters can be a province elsewhere, and Georgia is a country too.
    if !home
        && written.is_some_and(|name| name.len() > 2)
        && !address.country.as_deref().is_some_and(shares_a_name)
    {
        seen.add(Sign::CountryDisagrees);
    }
    let Some(prefix) = address.postal_code.as_deref().filter(|_| home).and_then(postal_prefix) else {
        return;
    };
    seen.add(if prefix == 0 {
        Sign::PostalZeros
    } else if facts.postal_prefix(prefix).shares(state) {
        Sign::PostalAgrees
    } else {
        Sign::PostalDisagrees
    });
}

/// The first three of five or nine digits.
pub(super) fn postal_prefix(code: &str) -> Option<usize> {
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    match (digits, code.get(..3)) {
        (5 | 9, Some(prefix)) => prefix.parse().ok(),
        _ => None,
    }
}

fn in_the_us(country: &str) -> bool {
    let country = country.trim();
    country.is_empty()
        || ["US", "USA", "United States", "United States of America", "U.S.", "U.S.A."]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(country))
}

/// Countries and territories that hold one of our states' names, or are one.
fn shares_a_name(country: &str) -> bool {
    ["georgia", "puerto", "guam", "virgin", "samoa", "mariana", "united states"]
        .iter()
        .any(|name| super::identity::holds(country, name))
}

fn look_at_street(facts: &Facts, street: &str, seen: &mut Seen) {
    let street = street.trim();
    if street.is_empty() {
        return;
    }
    let mut words = street.split([' ', ',']).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return };
    if first.bytes().all(|byte| byte.is_ascii_digit()) {
        seen.add(house_number(first));
        let (name, ending) = (words.next(), words.next());
        let next = words.next();
        seen.add(street_sign(facts, name, ending, next));
        seen.add(unit(street));
    } else if ["USNS", "USS", "USNV", "USCGC"].contains(&first) {
        let surname =
            words.next().and_then(Lower::word).is_some_and(|word| facts.is_family_name(word.as_bytes()));
        let ends = words.next().is_none_or(is_post_office);
        seen.add(if surname && ends { Sign::StreetShip } else { Sign::StreetMilitary });
    } else if ["PSC", "Unit"].contains(&first) && street.contains("Box") {
        seen.add(Sign::StreetMilitary);
    } else if street.ends_with('.')
        && street.split(' ').count() >= 3
        && !street.bytes().any(|b| b.is_ascii_digit())
    {
        seen.add(Sign::StreetSentence);
    } else {
        seen.add(Sign::StreetOrdinary);
    }
}

fn house_number(digits: &str) -> Sign {
    if digits.starts_with('0') {
        return Sign::HouseZero;
    }
    match digits.len() {
        1 | 2 => Sign::HouseShort,
        3 | 4 => Sign::HouseThreeFour,
        _ => Sign::HouseFive,
    }
}

/// One word and an ending, then nothing or a unit: `1843 Bryant Shore`, `9013 Hernandez Glen Apt. 12`.
fn street_sign(facts: &Facts, name: Option<&str>, ending: Option<&str>, next: Option<&str>) -> Sign {
    let stands_alone = next.is_none_or(|word| ["Apt.", "Apt", "Suite", "Unit"].contains(&word));
    let (Some(word), Some(ending)) = (name.and_then(Lower::word), ending.and_then(Lower::word)) else {
        return Sign::StreetOrdinary;
    };
    if !stands_alone {
        return Sign::StreetOrdinary;
    }
    let unusual = facts.is_unusual_street_ending(ending.as_bytes());
    let usual = USUAL_ENDINGS.iter().any(|one| one.as_bytes() == ending.as_bytes());
    match (facts.is_name(word.as_bytes()), unusual, usual) {
        (true, true, _) => Sign::StreetNameUnusual,
        (false, true, _) => Sign::StreetWordUnusual,
        (true, false, true) => Sign::StreetNameUsual,
        _ => Sign::StreetOrdinary,
    }
}

/// The usual endings, spelled out.
const USUAL_ENDINGS: [&str; 20] = [
    "alley",
    "avenue",
    "boulevard",
    "circle",
    "court",
    "drive",
    "highway",
    "lane",
    "loop",
    "parkway",
    "pike",
    "place",
    "plaza",
    "road",
    "square",
    "street",
    "terrace",
    "trail",
    "turnpike",
    "way",
];

fn unit(street: &str) -> Sign {
    let Some((rest, number)) = street.rsplit_once(' ') else { return Sign::UnitOrdinary };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if digits && number.len() == 3 && (rest.ends_with(" Apt.") || rest.ends_with(" Suite")) {
        Sign::UnitOfFaker
    } else if digits
        && number.len() <= 3
        && [" Apt", " Unit", " Suite"].iter().any(|word| rest.ends_with(word))
    {
        Sign::UnitOfSynthea
    } else {
        Sign::UnitOrdinary
    }
}

fn look_at_city(facts: &Facts, city: &str, seen: &mut Seen) {
    if !is_post_office(city) {
        seen.add(city_sign(facts, city));
    }
}

fn city_sign(facts: &Facts, city: &str) -> Sign {
    let city = city.trim();
    let (direction, rest) = match city.split_once(' ') {
        Some((word, rest)) if DIRECTIONS.iter().any(|one| one.eq_ignore_ascii_case(word)) => (true, rest),
        Some(_) => return Sign::CityOrdinary,
        None => (false, city),
    };
    let Some(lower) = Lower::word(rest) else { return Sign::CityOrdinary };
    let word = lower.as_bytes();
    let ends = |endings: &[&str]| {
        endings.iter().any(|ending| {
            word.strip_suffix(ending.as_bytes()).is_some_and(|stem| stem.len() >= 3 && facts.is_name(stem))
        })
    };
    let (rare, common) = (ends(&RARE_ENDINGS), ends(&COMMON_ENDINGS));
    match (direction, rare || common) {
        (true, true) => Sign::CityThreeParts,
        (false, true) if rare => Sign::CityNameRareEnding,
        (false, true) => Sign::CityNameEnding,
        (true, false) if facts.is_name(word) => Sign::CityDirectionName,
        _ => Sign::CityOrdinary,
    }
}

/// What Faker and faker-js put before a city's name.
const DIRECTIONS: [&str; 7] = ["North", "East", "West", "South", "New", "Lake", "Port"];

/// Endings that few towns of the United States have after a person's name.
const RARE_ENDINGS: [&str; 13] = [
    "berg", "borough", "bury", "view", "port", "mouth", "stad", "furt", "chester", "fort", "haven", "side",
    "shire",
];

/// Endings that many have: Johnstown, Jacksonville.
const COMMON_ENDINGS: [&str; 6] = ["town", "ton", "land", "ville", "burgh", "field"];
