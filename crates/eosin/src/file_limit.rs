//! The limit on how long a file may get (`ulimit -f`): reaching it is an error like a full disk, and not the end of the program.

use tokio::signal::unix::{SignalKind, signal};

/// The system's word for a file that got too long (`SIGXFSZ`), on Linux and macOS. Whoever does not listen is ended by it,
/// without a word; to whoever does, the write that went too far fails.
const FILE_TOO_LONG: i32 = 25;

/// Has writes beyond the limit fail, from now on and in every thread.
///
/// Where that cannot be, the program is ended as any other.
pub(crate) fn reach_it_as_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    if let Ok(runtime) = runtime {
        let _within = runtime.enter();
        // Once somebody listened, the program is not ended any more, though nobody listens on.
        drop(signal(SignalKind::from_raw(FILE_TOO_LONG)));
    }
}
