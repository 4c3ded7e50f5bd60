//! The one idea: a mark is a receipt, and the verdict on it.
