//! A call of the console's API by its method, target and body, a line each: it has a route or a problem, and a list of an index has
//! a page of it or a problem, and never a question that the index does not understand.
#![no_main]

use std::cell::RefCell;

use control::{Call, Fault, IndexQuery, Missed, Note, Reject, Release, body, find, list};
use index::{Index, Place};

thread_local! {
    /// An index of no ledger.
    static EMPTY: RefCell<(tempfile::TempDir, Index)> = RefCell::new({
        let folder = tempfile::tempdir().expect("a folder");
        let index = Index::renew(&Place::File(folder.path().join("index"))).expect("an index");
        (folder, index)
    });
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (method, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let wish = lines.next().unwrap_or_default().as_bytes();
    let told = [
        body::<Release>(wish).err(),
        body::<Reject>(wish).err(),
        body::<Note>(wish).err(),
        body::<IndexQuery>(wish).err(),
    ];
    assert!(told.into_iter().flatten().all(|problem| problem.status == 400));
    let found = match find(method, target) {
        Ok(found) => found,
        Err(Missed::Problem(problem)) => return assert!(matches!(problem.status, 400 | 404)),
        Err(Missed::Method(others)) => return assert!(!others.split(", ").any(|other| other == method)),
    };
    let _ = found.entry();
    if let Call::List(of) = found.route.call {
        let page = EMPTY.with_borrow_mut(|(_, index)| list(of, &found.query, 0, index));
        match page {
            Ok(page) => {
                assert!(page["items"].as_array().is_some_and(Vec::is_empty) && page["next"].is_null())
            }
            Err(Fault::Problem(problem)) => assert!(matches!(problem.status, 400 | 404)),
            Err(Fault::Store(error)) => panic!("{error}"),
        }
    }
});
