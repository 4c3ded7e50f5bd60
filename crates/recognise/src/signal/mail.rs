//! Mail addresses: what the domain is, and whether the mailbox is this person's, somebody else's, or a generator's form.

use super::{Facts, Seen, Sign, facts::Lower, identity::holds};
use crate::person::Person;

pub(super) fn look(facts: &Facts, person: &Person<'_>, seen: &mut Seen) {
    let own = Own::of(person);
    for email in &person.emails {
        let Some((mailbox, domain)) = email.trim().rsplit_once('@') else { continue };
        if mailbox.is_empty() || domain.is_empty() || !mailbox.is_ascii() || !domain.is_ascii() {
            continue;
        }
        seen.add(domain_sign(facts, domain));
        if own.known() {
            seen.add(mailbox_sign(facts, &own, mailbox));
        }
    }
}

fn domain_sign(facts: &Facts, domain: &str) -> Sign {
    let listed = |domains: &[&str]| domains.iter().any(|one| one.eq_ignore_ascii_case(domain));
    let (stem, ending) = domain.rsplit_once('.').unwrap_or(("", domain));
    let ends = |endings: &[&str]| endings.iter().any(|one| one.eq_ignore_ascii_case(ending));
    let example = stem.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("example"));
    if example && ends(&["com", "net", "org"]) {
        Sign::DomainExample
    } else if ends(&["test", "example", "invalid", "localhost"]) {
        Sign::DomainReserved
    } else if listed(&["gmail.com", "yahoo.com", "hotmail.com"]) {
        Sign::DomainFree
    } else if listed(&["duck.com", "live.com", "outlook.com", "protonmail.com", "yandex.com"]) {
        Sign::DomainOfMimesis
    } else if ends(&["com", "net", "org", "biz", "info"])
        && stem
            .split('-')
            .all(|part| Lower::word(part).is_some_and(|word| facts.is_family_name(word.as_bytes())))
    {
        Sign::DomainSurnames
    } else if listed(&TOP_SITES) {
        Sign::DomainTopSite
    } else if ending.len() == 2 && !ending.eq_ignore_ascii_case("us") {
        Sign::DomainCountry
    } else {
        Sign::DomainOther
    }
}

/// Famous sites that give the public no mailbox; Mockaroo draws domains from the most visited sites.
const TOP_SITES: [&str; 60] = [
    "1688.com",
    "4shared.com",
    "51.la",
    "about.me",
    "accuweather.com",
    "alexa.com",
    "alibaba.com",
    "amazonaws.com",
    "bandcamp.com",
    "bbb.org",
    "blogger.com",
    "blogspot.com",
    "boston.com",
    "cafepress.com",
    "cbslocal.com",
    "cdbaby.com",
    "craigslist.org",
    "dagondesign.com",
    "deliciousdays.com",
    "delicious.com",
    "digg.com",
    "discuz.net",
    "disqus.com",
    "dmoz.org",
    "dropbox.com",
    "dyndns.org",
    "ebay.com",
    "edublogs.org",
    "elegantthemes.com",
    "epa.gov",
    "etsy.com",
    "eventbrite.com",
    "facebook.com",
    "fastcompany.com",
    "feedburner.com",
    "flickr.com",
    "foxnews.com",
    "geocities.com",
    "github.io",
    "goo.gl",
    "goodreads.com",
    "gravatar.com",
    "hatena.ne.jp",
    "hibu.com",
    "imgur.com",
    "instagram.com",
    "istockphoto.com",
    "jiathis.com",
    "livejournal.com",
    "mapquest.com",
    "miitbeian.gov.cn",
    "mashable.com",
    "mozilla.com",
    "myspace.com",
    "networksolutions.com",
    "photobucket.com",
    "pinterest.com",
    "salon.com",
    "youtube.com",
    "xinhuanet.com",
];

/// The person's own first and family name: what a mailbox is compared with.
struct Own<'p> {
    given: &'p str,
    family: &'p str,
    /// Every written name of the person, to find pieces in.
    all: Vec<&'p str>,
}

impl<'p> Own<'p> {
    fn of(person: &'p Person<'_>) -> Self {
        let mut all = Vec::with_capacity(6);
        for name in &person.names {
            all.extend(name.given.iter().map(AsRef::as_ref));
            all.extend(name.family.as_deref());
            if name.family.is_none() {
                all.extend(name.whole.as_deref().into_iter().flat_map(str::split_whitespace));
            }
        }
        let mut own = Self { given: "", family: "", all };
        if let Some(name) = person.names.first() {
            own.given =
                name.given.first().map(AsRef::as_ref).or_else(|| own.all.first().copied()).unwrap_or("");
            own.family = name.family.as_deref().or_else(|| own.all.last().copied()).unwrap_or("");
        }
        own
    }

    fn known(&self) -> bool {
        !self.given.is_empty() && !self.family.is_empty()
    }

    /// Whether a written name of three letters or more is in the mailbox.
    fn is_in(&self, mailbox: &str) -> bool {
        self.all.iter().any(|name| {
            name.split([' ', '-', '\'', '.']).any(|piece| piece.len() >= 3 && holds(mailbox, piece))
        })
    }

    /// Whether it is the first or the family name; a mailbox leaves out apostrophes.
    fn is_one(&self, word: &str) -> bool {
        [self.family, self.given].iter().any(|name| {
            let mut letters = name.bytes().filter(|byte| *byte != b'\'' && *byte != b' ');
            word.bytes().all(|byte| letters.next().is_some_and(|letter| letter.eq_ignore_ascii_case(&byte)))
                && letters.next().is_none()
        })
    }
}

fn mailbox_sign(facts: &Facts, own: &Own<'_>, mailbox: &str) -> Sign {
    let stem = mailbox.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = mailbox.len() - stem.len();
    let own_in_it = own.is_in(mailbox);
    if !own_in_it && digits == 4 && word_and_year(mailbox, stem) {
        return Sign::BoxWordYear;
    }
    if stem.bytes().next().is_some_and(|first| first.is_ascii_uppercase()) {
        return capitalised(own, stem, digits, own_in_it);
    }
    if mailbox.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return if own_in_it { Sign::BoxOwn } else { Sign::BoxOther };
    }
    if own_in_it {
        return if counter(own, mailbox) { Sign::BoxCounter } else { Sign::BoxOwn };
    }
    let Some(word) = Lower::word(stem) else { return Sign::BoxOther };
    somebody_else(facts, word.as_bytes(), digits)
}

fn word_and_year(mailbox: &str, stem: &str) -> bool {
    stem.bytes().all(|byte| byte.is_ascii_lowercase())
        && stem.len() >= 2
        && mailbox.get(stem.len()..).is_some_and(|year| ("1800".."2101").contains(&year))
}

/// `Al.Trujillo90`, `Jules.Schumm`, `Astrid28`: names with capitals, perhaps with digits after.
fn capitalised(own: &Own<'_>, stem: &str, digits: usize, own_in_it: bool) -> Sign {
    let pieces = stem.split_once(['.', '_', '-', '+']);
    let is_word = |word: &str| {
        word.bytes().next().is_some_and(|first| first.is_ascii_uppercase())
            && word.bytes().skip(1).all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
            && word.len() >= 2
    };
    let cut = |head: &str, tail: &str| {
        let (given, family) = (own.given, own.family);
        let begins =
            |name: &str| head.len() < name.len() && name.get(..head.len()).is_some_and(|begin| begin == head);
        (tail == family && begins(given)) || (tail == given && begins(family))
    };
    let cut_anywhere = match pieces {
        Some((head, tail)) => cut(head, tail),
        None => [own.family, own.given]
            .iter()
            .any(|tail| stem.strip_suffix(tail).is_some_and(|head| !head.is_empty() && cut(head, tail))),
    };
    if cut_anywhere {
        return Sign::BoxCutCapitals;
    }
    let of_own = if digits == 0 { Sign::BoxCapitalsOwn } else { Sign::BoxCapitalsOwnDigits };
    match pieces {
        Some((head, tail)) if is_word(head) && is_word(tail) && digits <= 2 => {
            if own.is_one(tail) || own.is_one(head) { of_own } else { Sign::BoxCapitalsOther }
        }
        None if is_word(stem) && (1..=2).contains(&digits) => {
            if own_in_it {
                of_own
            } else {
                Sign::BoxCapitalsOther
            }
        }
        _ if own_in_it => Sign::BoxOwn,
        _ => Sign::BoxOther,
    }
}

/// First initial, surname, and one to three digits or letters, a digit among them or a single letter.
fn counter(own: &Own<'_>, mailbox: &str) -> bool {
    let Some(rest) = mailbox.get(1..).filter(|_| mailbox.get(..1).is_some_and(|i| begins_with(own.given, i)))
    else {
        return false;
    };
    let Some(tail) = rest.get(own.family.len()..) else { return false };
    rest.get(..own.family.len()).is_some_and(|head| head.eq_ignore_ascii_case(own.family))
        && (1..=2).contains(&tail.len())
        && tail.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn begins_with(name: &str, initial: &str) -> bool {
    name.get(..1).is_some_and(|first| first.eq_ignore_ascii_case(initial))
}

/// A mailbox made of common names that are not the person's.
fn somebody_else(facts: &Facts, word: &[u8], digits: usize) -> Sign {
    if digits == 2 {
        return if facts.is_given_name(word) { Sign::BoxGivenOther } else { Sign::BoxOther };
    }
    if digits != 0 {
        return Sign::BoxOther;
    }
    for at in 2..word.len().saturating_sub(1) {
        let Some((head, tail)) = word.split_at_checked(at) else { break };
        let family_first = facts.is_family_name(head) && facts.is_given_name(tail);
        if family_first || (facts.is_given_name(head) && facts.is_family_name(tail)) {
            return Sign::BoxNamesOther;
        }
    }
    match word.split_first() {
        Some((_, rest)) if facts.is_family_name(rest) => Sign::BoxInitialOther,
        _ => Sign::BoxOther,
    }
}
