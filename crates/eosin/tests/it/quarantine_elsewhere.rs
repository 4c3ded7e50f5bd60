//! A kept item goes where it would have gone, whatever is behind its boundary by now.

use std::{fs, path::Path};

use quarantine::StateFile;
use testkit::upstream::Upstream;

use crate::{
    program::said,
    quarantine::{CREATE, created, gateway, refused, release, set_up, told},
    quarantine_truth::{key, store},
};

fn changed(home: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(home.join("eosin.toml")).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(home.join("eosin.toml"), text.replace(from, to)).unwrap();
}

#[test]
fn what_was_kept_for_one_place_is_not_sent_to_another_unless_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (one, other) = (Upstream::start(created), Upstream::start(created));
    set_up(home, &one);
    let running = gateway(home);
    let ids: Vec<String> = (0..3).map(|_| refused(&running, "POST", CREATE)).collect();
    running.stop();
    let shown = said(home, &["quarantine", "show", &ids[0]], 0);
    assert!(shown.contains(&one.origin()) && shown.contains("sandbox"), "{shown}");

    // Another server behind the same name.
    changed(home, &one.origin(), &other.origin());
    let stays = told(&release(home, &[&ids[0], "--overrule"]), 1);
    for word in [one.origin(), other.origin(), "--elsewhere".to_owned()] {
        assert!(stays.contains(&word), "{stays}");
    }
    assert_eq!((one.received().len(), other.received().len()), (0, 0));
    told(&release(home, &[&ids[0], "--overrule", "--elsewhere"]), 0);
    assert_eq!((one.received().len(), other.received().len()), (0, 1));
    changed(home, &other.origin(), &one.origin());

    // Another environment behind the same address.
    changed(home, "environment = \"sandbox\"", "environment = \"staging\"");
    let stays = told(&release(home, &[&ids[1], "--overrule"]), 1);
    assert!(stays.contains("(sandbox)") && stays.contains("(staging)"), "{stays}");
    changed(home, "environment = \"staging\"", "environment = \"sandbox\"");
    told(&release(home, &[&ids[1], "--overrule"]), 0);
    assert_eq!((one.received().len(), other.received().len()), (1, 1));

    // An item of a version that did not write it down.
    let open = store(home);
    let mut kept = open.get(&ids[2].parse().unwrap()).unwrap().clone();
    drop(open);
    (kept.item.upstream, kept.item.environment) = (None, None);
    let state = home.join("quarantine/items").join(&ids[2]).join("state");
    fs::write(state, StateFile::write(&kept, &key(home))).unwrap();
    let went = told(&release(home, &[&ids[2], "--overrule"]), 0);
    assert!(went.contains("where it would have gone when it was kept is not known"), "{went}");

    let entries = said(home, &["ledger", "show", "--kind", "quarantine", "--json"], 0);
    assert_eq!(entries.matches("\"elsewhere\":true").count(), 1, "{entries}");
    assert_eq!(entries.matches(&format!("\"upstream\":\"{}\"", other.origin())).count(), 1, "{entries}");
    assert_eq!(entries.matches(&format!("\"upstream\":\"{}\"", one.origin())).count(), 2, "{entries}");
}
