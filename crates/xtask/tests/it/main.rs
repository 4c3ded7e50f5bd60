//! The tree is what its documents say it is: every check of tidy, on this checkout.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;

use xtask::tidy::{self, Finding};
use xtask::tree::{self, Tree};
use xtask::{licences, salesforce};

fn tidy(findings: &[Finding]) {
    let report = findings.iter().fold(String::new(), |mut report, finding| {
        writeln!(report, "  {finding}").unwrap();
        report
    });
    assert!(findings.is_empty(), "\n{report}");
}

fn checkout() -> Tree {
    Tree::read(&tree::root()).unwrap()
}

#[test]
fn crates_import_what_the_table_allows() {
    tidy(&tidy::imports::manifests(&checkout()));
}

#[test]
fn crates_never_link_what_the_table_excludes() {
    tidy(&tidy::imports::linked(&tree::root(), &checkout()));
}

#[test]
fn every_file_says_what_it_is() {
    tidy(&tidy::shape::openings(&checkout()));
}

#[test]
fn no_module_is_a_drawer() {
    tidy(&tidy::shape::module_names(&checkout()));
}

#[test]
fn only_the_binary_has_features() {
    tidy(&tidy::shape::features(&checkout()));
}

#[test]
fn files_are_as_long_as_a_thought() {
    tidy(&tidy::shape::sizes(&checkout()));
}

#[test]
fn nothing_unfinished_and_nothing_of_one_machine() {
    tidy(&tidy::words::banned(&checkout()));
}

#[test]
fn unproven_is_never_called_a_person() {
    tidy(&tidy::words::glosses(&checkout()));
}

#[test]
fn every_link_leads_somewhere() {
    tidy(&tidy::links::relative(&checkout()));
}

#[test]
fn the_changelog_has_its_shape() {
    tidy(&tidy::changelog::shape(&checkout()));
}

#[test]
fn no_name_of_ours_is_taken() {
    tidy(&tidy::lockfile::members(&checkout()));
}

#[test]
fn vectors_are_as_they_were_published() {
    tidy(&tidy::vectors::unedited(&tree::root(), &checkout()));
}

#[test]
fn everything_linked_is_permissive_and_there_is_one_provider() {
    tidy(&licences::permissive(&tree::root(), &checkout()));
}

#[test]
fn the_page_of_licences_is_fresh() {
    tidy(&licences::fresh(&tree::root(), &checkout()));
}

#[test]
fn the_salesforce_package_is_what_its_table_says() {
    tidy(&tidy::package(&tree::root(), &checkout()));
}

#[test]
fn a_checkout_without_pages_is_not_tidy() {
    let bare = Tree::of(&[("crates/mark/Cargo.toml", "")]);
    assert!(!tidy::package(&tree::root(), &bare).is_empty());
    assert!(!licences::fresh(&tree::root(), &bare).is_empty());
    assert!(salesforce::files().len() > 100);
}
