//! Cedar: verdicts and a request in, a ruling out.
