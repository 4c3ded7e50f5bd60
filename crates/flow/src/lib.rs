//! The one path every record takes: read, judge, decide, commit, apply.
