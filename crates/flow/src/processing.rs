//! MSH-11 of HL7 v2 weighed against what was found. It says "production" or "test", proves neither, and changes no
//! verdict and no decision: the ruling says where it is wrong, for somebody set it so.
//!
//! Source: spec/mllp.md section 8.

use carrier::hl7v2::{Processing, processing};
use mark::{Verdict, VerdictName};
use policy::Environment;

use crate::crossing::{Crossing, Protocol};

/// A way in which MSH-11 is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Misplaced {
    /// It says that the message is for tests or training, and production is behind the boundary.
    TestIntoProduction,
    /// It says that the message is for production, and its mark is that of a synthetic one.
    ProductionWithSyntheticMark,
}

impl Misplaced {
    /// The word in a ruling's entry.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TestIntoProduction => "test-into-production",
            Self::ProductionWithSyntheticMark => "production-with-synthetic-mark",
        }
    }

    /// A sentence for the sender, with a space in front.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::TestIntoProduction => {
                " MSH-11 says that it is for tests or training, and this boundary leads to production."
            }
            Self::ProductionWithSyntheticMark => {
                " MSH-11 says production, and the mark is that of a synthetic record."
            }
        }
    }
}

/// In which ways MSH-11 of the messages of a crossing is wrong, each once; none for another protocol.
///
/// Shape:  the verdicts on its messages, in order.
pub(crate) fn misplaced(crossing: &Crossing, verdicts: &[Verdict]) -> Vec<Misplaced> {
    let (Protocol::Hl7v2, Ok(body)) = (&crossing.protocol, &crossing.body) else { return Vec::new() };
    let is_production = crossing.boundary.environment == Environment::Production;
    let each = processing(body).into_iter().zip(verdicts).filter_map(|(said, verdict)| {
        let is_made_up = matches!(verdict.name(), VerdictName::Synthetic | VerdictName::Mixed);
        match said {
            Processing::Test if is_production => Some(Misplaced::TestIntoProduction),
            Processing::Production if is_made_up => Some(Misplaced::ProductionWithSyntheticMark),
            Processing::Test | Processing::Production | Processing::Unsaid => None,
        }
    });
    let mut all: Vec<Misplaced> = each.collect();
    all.sort_unstable();
    all.dedup();
    all
}
