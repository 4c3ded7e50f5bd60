//! Suspicion: evidence with a strength that a record without a mark is synthetic. Never proof.
//!
//! It is gathered by others (a registry of fingerprints, recognisers of generators); here is only its shape.

use std::fmt::{self, Write as _};

use crate::record::Claim;

/// Why a record without a mark is suspected to be synthetic.
///
/// Anybody may make one, for it proves nothing: no decision treats it as [`crate::Verdict::Synthetic`].
///
/// Shape:  what the registry found, what the recognisers weighed, and the signals that a person can read.
/// Bounds: at most [`SIGNALS_MAX`] signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// What the record says of itself.
    pub claim: Claim,
    /// How strongly all of it together speaks.
    pub strength: Strength,
    /// How well the registry of marked records knows it; nothing if it does not.
    pub registered: Option<Strength>,
    /// Weight of the recognisers' evidence: a log-likelihood ratio to base 2, in tenths of a bit.
    pub decibits: i32,
    /// The generator that fits best, if one does.
    pub generator: Option<&'static str>,
    /// What spoke for it, strongest first.
    pub signals: Vec<Signal>,
}

/// Most signals that one suspicion names.
pub const SIGNALS_MAX: usize = 16;

/// One thing about a record that is likelier in synthetic records, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name in words joined by dashes. Never a value of the record.
    pub name: &'static str,
    /// Its weight in tenths of a bit; negative if it speaks against.
    pub decibits: i32,
}

/// How strongly evidence without proof speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// One thing matches: it could be chance, or two people who share a telephone.
    Weak,
    /// Independent things match, or the evidence weighs more than the threshold.
    Strong,
}

impl Strength {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One sentence for a person, without content: what knows it, and the strongest signals.
impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.strength {
            Strength::Weak => "weakly suspected: ",
            Strength::Strong => "suspected: ",
        })?;
        let mut reasons = Vec::new();
        match self.registered {
            Some(Strength::Strong) => {
                reasons.push("the registry knows two or more of its identifying values".to_owned());
            }
            Some(Strength::Weak) => {
                reasons.push("the registry knows one of its identifying values".to_owned());
            }
            None => {}
        }
        if self.decibits > 0 && !self.signals.is_empty() {
            let mut reason = format!("{} bits", self.decibits / 10);
            if let Some(generator) = self.generator {
                // Writing to a string cannot fail.
                write!(reason, " for {generator}").ok();
            }
            let named: Vec<&str> = self.signals.iter().take(NAMED_MAX).map(|signal| signal.name).collect();
            write!(reason, " ({})", named.join(", ")).ok();
            reasons.push(reason);
        }
        if reasons.is_empty() {
            reasons.extend(self.signals.iter().take(NAMED_MAX).map(|signal| signal.name.to_owned()));
        }
        f.write_str(&reasons.join("; "))
    }
}

/// Signals named in a sentence; reports list all.
const NAMED_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspicion_says_why_in_a_sentence() {
        let signal = |name, decibits| Signal { name, decibits };
        let signals = vec![signal("mail-at-example-domain", 92), signal("phone-extension", 51)];
        let mut suspicion = Suspicion {
            claim: Claim::None,
            strength: Strength::Strong,
            registered: None,
            decibits: 143,
            generator: Some("Faker"),
            signals,
        };
        assert_eq!(
            suspicion.to_string(),
            "suspected: 14 bits for Faker (mail-at-example-domain, phone-extension)"
        );
        suspicion.registered = Some(Strength::Weak);
        suspicion.signals.clear();
        suspicion.strength = Strength::Weak;
        assert_eq!(
            suspicion.to_string(),
            "weakly suspected: the registry knows one of its identifying values"
        );
    }
}
