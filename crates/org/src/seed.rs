//! The records an org begins with: its organization, a profile, its users.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::auth::Access;
use crate::state::State;
use crate::store::Row;
use crate::{Config, analytics, datetime, id};

/// An org with its organization, its profile and its users, and nothing else.
pub(crate) fn new_state(config: &Config, organization: &str) -> State {
    let profiles = ["System Administrator", "Standard User"].into_iter().zip([1, 2]);
    let profiles: BTreeMap<&str, String> =
        profiles.map(|(name, serial)| (name, id::make("00e", serial))).collect();
    let user_ids: Vec<String> =
        (1..).take(config.credentials.users.len()).map(|serial| id::make("005", serial)).collect();
    let session_ms = i64::from(config.session_seconds) * 1000;
    let access =
        Access::new(organization.to_owned(), config.credentials.clone(), user_ids.clone(), session_ms);
    let mut state = State::new(access, config.query_batch_rows.max(1), config.limits);
    state.schema_ms = config.clock.now_ms();
    let now = datetime::spell_date_time(state.schema_ms);
    let owner = user_ids.first().cloned().unwrap_or_default();
    let row = |id: &str, members: &[(&str, Value)]| {
        let mut row: Row = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        row.insert("Id".into(), Value::from(id));
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            row.insert(name.into(), Value::from(now.as_str()));
        }
        for name in ["CreatedById", "LastModifiedById"] {
            row.insert(name.into(), Value::from(owner.as_str()));
        }
        row
    };
    let members = [
        ("Name", Value::from("Local Org")),
        ("InstanceName", Value::from(config.instance_name.as_str())),
        ("IsSandbox", Value::from(config.sandbox)),
        ("OrganizationType", Value::from("Developer Edition")),
        ("LanguageLocaleKey", Value::from("en_US")),
        ("TimeZoneSidKey", Value::from("UTC")),
        ("DefaultLocaleSidKey", Value::from("en_US")),
    ];
    state.store.restore("Organization", organization, row(organization, &members));
    for (name, profile) in &profiles {
        let members = [("Name", Value::from(*name)), ("UserType", Value::from("Standard"))];
        state.store.restore("Profile", profile, row(profile, &members));
    }
    for (user, id) in config.credentials.users.iter().zip(&user_ids) {
        let (first, last) = user.name.rsplit_once(' ').unwrap_or(("", &user.name));
        let members = [
            ("Username", Value::from(user.username.as_str())),
            ("Name", Value::from(user.name.as_str())),
            ("FirstName", Value::from(first)),
            ("LastName", Value::from(last)),
            ("Email", Value::from(user.email.as_str())),
            ("Alias", Value::from(last.chars().take(8).collect::<String>().to_lowercase())),
            ("IsActive", Value::from(true)),
            ("UserType", Value::from("Standard")),
            ("ProfileId", Value::from(profiles.get(user.profile.as_str()).map_or("", String::as_str))),
            ("TimeZoneSidKey", Value::from("UTC")),
            ("LocaleSidKey", Value::from("en_US")),
            ("LanguageLocaleKey", Value::from("en_US")),
            ("EmailEncodingKey", Value::from("UTF-8")),
        ];
        state.store.restore("User", id, row(id, &members));
    }
    analytics::seed(&mut state, &owner, &now);
    // Records begin well above the ids given by hand.
    state.store.restore_counters(FIRST_SERIAL, BTreeMap::new());
    state
}

const FIRST_SERIAL: u64 = 1_000;
