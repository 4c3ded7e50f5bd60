//! The fitted weights: of each signal, its tenths of a bit for each generator. Data, reviewed as text.

use mark::digest::sha256;

use crate::{recogniser::Ratios, signal::Sign};

/// The weights of every signal, and the name of this set of weights.
#[derive(Debug)]
pub(crate) struct Weights {
    /// By signal, in the order of [`Sign::ALL`].
    of_sign: Vec<Ratios>,
    version: String,
}

/// Written by `cargo run -p recognise --example fit`; never by hand.
const BUILT_IN: &str = include_str!("weights.csv");

/// Year and month of the fit.
const FITTED: &str = "2026-11";

impl Weights {
    pub(crate) fn built_in() -> Self {
        let digest = sha256(&[BUILT_IN.as_bytes()]).to_string();
        let short = digest.rsplit(':').next().and_then(|hex| hex.get(..8)).unwrap_or_default();
        Self { of_sign: parse(BUILT_IN), version: format!("{FITTED}/{short}") }
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// All zero for a signal that the file does not name.
    pub(crate) fn of(&self, sign: Sign) -> Ratios {
        self.of_sign.get(sign as usize).copied().unwrap_or_default()
    }
}

/// Lines of `signal,decibits,…` in the order of [`CLASSES`]; `#` begins a comment. What is no number is zero.
fn parse(text: &str) -> Vec<Ratios> {
    let mut of_sign = vec![Ratios::default(); Sign::ALL.len()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split(',');
        let Some(name) = cells.next() else { continue };
        let Some(sign) = Sign::ALL.iter().find(|sign| sign.name() == name) else { continue };
        let Some(ratios) = of_sign.get_mut(*sign as usize) else { continue };
        for (ratio, cell) in ratios.iter_mut().zip(cells) {
            *ratio = cell.trim().parse().unwrap_or_default();
        }
    }
    of_sign
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recogniser::CLASSES;

    #[test]
    fn every_signal_has_a_line_of_whole_numbers_and_every_line_a_signal() {
        let rows: Vec<&str> = BUILT_IN.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        let names: Vec<&str> = rows.iter().map(|row| row.split(',').next().unwrap()).collect();
        let expected: Vec<&str> = Sign::ALL.iter().map(|sign| sign.name()).collect();
        assert_eq!(names, expected, "run `cargo run -p recognise --example fit` again");
        for row in rows {
            let cells: Vec<i32> = row.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
            assert_eq!(cells.len(), CLASSES.len(), "{row}");
        }
    }
}
