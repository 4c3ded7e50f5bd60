//! Where marks ride in a format: bytes in, a reading out.
