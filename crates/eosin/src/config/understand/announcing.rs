//! `[[announce]]`: who is told of emergency versions and policy versions.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Faults, is_plain, raw, webhooks};
use crate::config::{announcing::Announce, webhooks::ConsumerFiles};

/// Where announcements are kept, in the folder of versions.
const FOLDER: &str = "announced";
/// Waits before further attempts: two days in all, the first of them short.
const RETRY_SECONDS: [u64; 9] = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400];
/// Most consumers.
const CONSUMERS_MAX: usize = 16;

/// Understands who is told; nothing where something is wrong.
pub(super) fn announce(
    file: &raw::File,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Vec<Announce> {
    let mut names = BTreeSet::new();
    let mut all = Vec::with_capacity(file.announce.len());
    for spanned in &file.announce {
        let written = spanned.get_ref();
        let name = written.name.get_ref();
        if !is_plain(name) || name.starts_with('.') {
            faults.say(written.name.span(), "a name has 1 to 64 letters, digits, `-`, `_` or `.`");
        } else if !names.insert(name) {
            faults.say(written.name.span(), "another `[[announce]]` has this name");
        }
        let Some(versions) = &file.policy.folder else {
            faults.say(spanned.span(), "there is no `folder` in `[policy]`: no version is ever activated");
            continue;
        };
        if names.len() > CONSUMERS_MAX {
            faults.say(spanned.span(), "at most 16 can be told");
        }
        let why = "plain HTTP is for this machine only: whoever reads along learns of the emergency";
        let url = webhooks::endpoint_address(&written.url, why, faults);
        let consumer = ConsumerFiles {
            keys: webhooks::key_files(&written.keys, spanned.span(), path, faults),
            url_ca: written.url_ca.as_deref().map(path),
            authorization: written.authorization.as_deref().map(path),
            patience: webhooks::patience(written.timeout_seconds.as_ref(), faults),
            url: url.unwrap_or_default(),
        };
        let folder = written.folder.as_deref().map_or_else(|| path(versions).join(FOLDER), path);
        all.push(Announce {
            name: name.clone(),
            consumer,
            retries: webhooks::retries(written.retry_seconds.as_ref(), &RETRY_SECONDS, faults),
            folder: folder.join(name),
        });
    }
    all
}
