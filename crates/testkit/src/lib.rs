//! What tests share: fixtures, keys, clocks, a failing disk.
