//! `[contract]`: which contract version each client has, and which of them end.

use gateway::{CONTRACTS, Contract, Contracts, Ending};
use jiff::{Timestamp, tz::Offset};
use toml::Spanned;

use super::{Faults, raw};

/// Understands versions of the contract.
pub(super) fn contracts(written: &raw::ContractVersions, faults: &mut Faults) -> Contracts {
    let mut contracts = Contracts::default();
    if let Some(date) = &written.unpinned {
        contracts.unpinned = version(date, faults).unwrap_or_default();
    }
    for pinned in &written.client {
        let name = pinned.name.get_ref();
        let Some(contract) = version(&pinned.version, faults) else { continue };
        if !Contracts::can_name(name) {
            faults.say(
                pinned.name.span(),
                "a client's name has 1 to 64 letters, digits, spaces, `.`, `-`, `_`, `/` or `:`",
            );
        }
        if contracts.clients.insert(name.clone(), contract).is_some() {
            faults.say(pinned.name.span(), "another `[[contract.client]]` has this name");
        }
    }
    for end in &written.end {
        let Some(contract) = version(&end.version, faults) else { continue };
        let deprecated = end.deprecated.as_ref().and_then(|moment| self::moment(moment, faults));
        let sunset = end.sunset.as_ref().and_then(|moment| self::moment(moment, faults));
        if let (Some(deprecated), Some(sunset), Some(at)) = (deprecated, sunset, &end.sunset)
            && sunset < deprecated
        {
            faults.say(at.span(), "a version is deprecated first, and ends then");
        }
        if contract == Contract::newest() && sunset.is_some() {
            faults.say(end.version.span(), "the newest version does not end: clients would have none");
        }
        let sunset = sunset.map(|moment| (moment.as_second(), http_date(moment)));
        let ending = Ending { deprecated: deprecated.map(Timestamp::as_second), sunset };
        if contracts.endings.insert(contract, ending).is_some() {
            faults.say(end.version.span(), "another `[[contract.end]]` has this version");
        }
    }
    contracts
}

fn version(date: &Spanned<String>, faults: &mut Faults) -> Option<Contract> {
    let found = Contract::of(date.get_ref());
    if found.is_none() {
        faults.say(date.span(), &format!("there is no such version: {}", CONTRACTS.join(", ")));
    }
    found
}

fn moment(text: &Spanned<String>, faults: &mut Faults) -> Option<Timestamp> {
    let found = text.get_ref().parse().ok();
    if found.is_none() {
        faults.say(text.span(), "write a moment as `2027-06-01T00:00:00Z`");
    }
    found
}

/// Source: RFC 9110 section 5.6.7.
fn http_date(moment: Timestamp) -> String {
    Offset::UTC.to_datetime(moment).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Contracts, Vec<String>) {
        let mut faults = Faults::default();
        let contracts = contracts(&toml::from_str(text).unwrap(), &mut faults);
        (contracts, faults.0.into_iter().map(|(_, said)| said).collect())
    }

    #[test]
    fn versions_are_pinned_and_end() {
        let (contracts, faults) = read(
            r#"unpinned = "2026-11-22"
            [[client]]
            name = "portal"
            version = "2026-09-01"
            [[end]]
            version = "2026-09-01"
            deprecated = "2026-12-01T00:00:00Z"
            sunset = "2027-06-01T00:00:00Z""#,
        );
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(contracts.unpinned, Contract::newest());
        let old = contracts.clients["portal"];
        let (_, date) = contracts.endings[&old].sunset.clone().unwrap();
        assert_eq!(date, "Tue, 01 Jun 2027 00:00:00 GMT");
        for (wrong, says) in [
            (r#"unpinned = "2026-11-23""#, "no such version"),
            ("[[end]]\nversion = \"2026-09-01\"\nsunset = \"soon\"", "write a moment"),
            ("[[end]]\nversion = \"2026-11-22\"\nsunset = \"2027-06-01T00:00:00Z\"", "does not end"),
            (
                "[[end]]\nversion = \"2026-09-01\"\ndeprecated = \"2027-06-02T00:00:00Z\"\nsunset = \"2027-06-01T00:00:00Z\"",
                "deprecated first",
            ),
        ] {
            let (_, faults) = read(wrong);
            assert!(faults.iter().any(|said| said.contains(says)), "{wrong}: {faults:?}");
        }
    }
}
