//! A request target, normalised once, so that no second spelling of a route walks past its match.
