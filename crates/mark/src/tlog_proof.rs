//! To follow within the hour.
