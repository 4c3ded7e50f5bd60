//! `tests/verifier/verify.py`: a verifier that is not ours, as anybody runs it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Where the script is.
pub(crate) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verifier/verify.py");

/// Whether it can be run here; else says that it is skipped.
#[expect(clippy::print_stdout, reason = "a test says that it left something out")]
pub(crate) fn is_here() -> bool {
    let available = Command::new("python3").args(["-c", "import cryptography"]).output();
    let is_here = available.is_ok_and(|output| output.status.success());
    if !is_here {
        println!("skipped: no python3 with `cryptography`");
    }
    is_here
}

/// What it says to these arguments, in this folder.
pub(crate) fn asked(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("python3").arg(SCRIPT).args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn the_verifier_knows_the_members_that_the_page_names() {
    let script = fs::read_to_string(SCRIPT).unwrap();
    let known = |list: &str| -> Vec<String> {
        let line = script.lines().find_map(|line| line.strip_prefix(&format!("{list} = \""))).unwrap();
        line.split('"').next().unwrap().split(' ').map(str::to_owned).collect()
    };
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/certificate.md")).unwrap();
    let between =
        |from: &str, to: &str| page.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
    let names = |text: &str| -> Vec<String> {
        let quoted = text.split(['"', '`']).skip(1).step_by(2);
        quoted.filter(|name| !name.contains(' ')).map(str::to_owned).collect()
    };
    // Each row of the table begins with a member's name.
    let table = between("| member of the predicate |", "## 3.");
    let members: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(known("MEMBERS"), members);

    let entry = names(&between("    {\"at\", \"boundary\", \"contentRoot\"", "}"));
    let entry: Vec<&str> = entry.iter().map(String::as_str).collect();
    let left_out = known("NOT_IN_ENTRY");
    let in_entry = members.iter().filter(|name| !left_out.contains(name)).map(String::as_str);
    let mut wanted: Vec<&str> = in_entry.chain(["eosin", "subjects"]).collect();
    wanted.sort_unstable();
    let mut told = [&["at", "boundary", "contentRoot"], &entry[..]].concat();
    told.retain(|name| *name != "certificate@1");
    assert_eq!(told, wanted);
}
