//! Files of rows: CSV with a header, and NDJSON.
