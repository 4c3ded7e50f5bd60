//! How much of a batch each generator made: the mixture that fits its records' weights best, with intervals.

mod habits;

use std::collections::BTreeMap;

use crate::recogniser::{CLASSES, Evidence, Ratios};

pub use habits::{DOMAINS_MAX, FAMILIES_MAX, Habit, Habits};

/// The weights of a batch's records, counted. Order does not matter.
///
/// Bounds: [`KINDS_MAX`] kinds of weights as they are and as many rounded to 8 bits, together below 10 MB; a record
///         beyond those is counted with the kind that is next in order. Files here have at most a few thousand kinds.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    kinds: BTreeMap<Ratios, u64>,
    records: u64,
}

/// How much of a batch one generator made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The generator; nothing for one that is not known.
    pub generator: Option<&'static str>,
    /// The most likely share of the batch's records, between 0 and 1.
    pub share: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval. Both ends say what chance does, not what wrong weights do.
    pub high: f64,
}

/// Most different kinds of weights that are kept apart.
pub const KINDS_MAX: usize = 65_536;

/// Kinds beyond [`KINDS_MAX`] are rounded to this many tenths of a bit.
const COARSE_DECIBITS: i32 = 80;
/// No weight counts for more than this: beyond it a record is sure, and powers of two overflow.
const SURE_DECIBITS: i32 = 2000;
/// Turns of expectation and maximisation at most, and the change of a share at which it stops.
const TURNS_MAX: usize = 500;
const CHANGE_MIN: f64 = 1e-7;
/// Shares are kept from both ends so that logarithms and curvatures stay finite.
const SHARE_MIN: f64 = 1e-9;
/// Of the normal distribution, for 95 %.
const DEVIATIONS: f64 = 1.96;
/// By how many natural-log units the likelihood falls at the ends of a 95 % interval: half of 1.96 squared.
const FALL: f64 = DEVIATIONS * DEVIATIONS / 2.0;

/// Components of the mixture: every class, and last the background.
const PARTS: usize = CLASSES.len() + 1;
type Parts = [f64; PARTS];

impl Batch {
    /// Counts one record's evidence.
    pub fn observe(&mut self, evidence: &Evidence) {
        let kind = evidence.ratios.map(|ratio| ratio.clamp(-SURE_DECIBITS, SURE_DECIBITS));
        self.add(kind, 1);
    }

    /// Adds what another batch counted.
    pub fn absorb(&mut self, other: &Self) {
        for (kind, count) in &other.kinds {
            self.add(*kind, *count);
        }
    }

    fn add(&mut self, kind: Ratios, records: u64) {
        self.records += records;
        if let Some(count) = self.kinds.get_mut(&kind) {
            *count += records;
        } else if self.kinds.len() < KINDS_MAX {
            self.kinds.insert(kind, records);
        } else {
            let coarse = kind.map(|ratio| ratio.div_euclid(COARSE_DECIBITS) * COARSE_DECIBITS);
            if self.kinds.len() < 2 * KINDS_MAX || self.kinds.contains_key(&coarse) {
                *self.kinds.entry(coarse).or_default() += records;
            } else if let Some((_, count)) = self.kinds.range_mut(coarse..).next() {
                *count += records;
            } else if let Some(mut last) = self.kinds.last_entry() {
                *last.get_mut() += records;
            }
        }
    }

    /// How many records were counted.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The share of every known generator and of an unknown one, by maximum likelihood; the rest is no generator's.
    ///
    /// Shape:  in the order Synthea, Faker, faker-js, Mimesis, Snowfakery, Mockaroo, chance, unknown; shares sum to at
    ///         most 1. Nothing for an empty batch.
    /// Bounds: at most 500 turns over the kinds of weights.
    /// Source: docs/recognisers.md.
    pub fn estimate(&self) -> Vec<Share> {
        if self.records == 0 {
            return Vec::new();
        }
        let kinds: Vec<(Parts, f64)> =
            self.kinds.iter().map(|(kind, count)| (likelihoods(kind), as_float(*count))).collect();
        let shares = maximise(&kinds, as_float(self.records));
        (0..CLASSES.len())
            .map(|part| {
                let share = shares.get(part).copied().unwrap_or_default();
                let (low, high) = interval(&kinds, &shares, part);
                Share { generator: CLASSES.get(part).copied().flatten(), share, low, high }
            })
            .collect()
    }

    /// The share of all generators together, by the same reckoning; zero for an empty batch.
    pub fn synthetic(&self) -> Share {
        let kinds: Vec<(Parts, f64)> =
            self.kinds.iter().map(|(kind, count)| (likelihoods(kind), as_float(*count))).collect();
        if kinds.is_empty() {
            return Share { generator: None, share: 0.0, low: 0.0, high: 0.0 };
        }
        let shares = maximise(&kinds, as_float(self.records));
        let background = shares.last().copied().unwrap_or_default();
        let (low, high) = interval(&kinds, &shares, PARTS - 1);
        Share { generator: None, share: 1.0 - background, low: 1.0 - high, high: 1.0 - low }
    }
}

/// Likelihoods of one kind of record under each part, all divided by the largest.
fn likelihoods(kind: &Ratios) -> Parts {
    let most = kind.iter().copied().max().unwrap_or_default().max(0);
    let mut parts: Parts = [0.0; PARTS];
    for (part, decibits) in parts.iter_mut().zip(kind.iter().copied().chain([0])) {
        *part = (f64::from(decibits - most) / 10.0).exp2();
    }
    parts
}

/// Expectation and maximisation from equal shares.
fn maximise(kinds: &[(Parts, f64)], records: f64) -> Parts {
    let mut shares: Parts = [1.0 / PARTS_FLOAT; PARTS];
    for _ in 0..TURNS_MAX {
        let mut sums: Parts = [0.0; PARTS];
        for (likelihoods, count) in kinds {
            let whole = mixed(likelihoods, &shares);
            for ((sum, likelihood), share) in sums.iter_mut().zip(likelihoods).zip(&shares) {
                *sum += count * likelihood * share / whole;
            }
        }
        let mut change: f64 = 0.0;
        for (share, sum) in shares.iter_mut().zip(sums) {
            let next = (sum / records).max(SHARE_MIN);
            change = change.max((next - *share).abs());
            *share = next;
        }
        if change < CHANGE_MIN {
            break;
        }
    }
    shares
}

const PARTS_FLOAT: f64 = 9.0;
const _: () = assert!(PARTS == 9, "PARTS_FLOAT says how many parts there are");

fn mixed(likelihoods: &Parts, shares: &Parts) -> f64 {
    let sum: f64 = likelihoods.iter().zip(shares).map(|(likelihood, share)| likelihood * share).sum();
    sum.max(f64::MIN_POSITIVE)
}

/// Where the likelihood of one part's share, the others keeping their proportions, has fallen by [`FALL`].
fn interval(kinds: &[(Parts, f64)], shares: &Parts, part: usize) -> (f64, f64) {
    let own = shares.get(part).copied().unwrap_or_default();
    let rest = (1.0 - own).max(SHARE_MIN);
    // Of each kind: its likelihood under this part and under the mixture of the others.
    let pairs: Vec<(f64, f64, f64)> = kinds
        .iter()
        .map(|(likelihoods, count)| {
            let here = likelihoods.get(part).copied().unwrap_or_default();
            let others = ((mixed(likelihoods, shares) - own * here) / rest).max(0.0);
            (here, others, *count)
        })
        .collect();
    let height = |share: f64| -> f64 {
        let share = share.clamp(SHARE_MIN, 1.0 - SHARE_MIN);
        pairs
            .iter()
            .map(|(here, others, count)| {
                count * (share * here + (1.0 - share) * others).max(f64::MIN_POSITIVE).ln()
            })
            .sum()
    };
    let floor = height(own) - FALL;
    let edge = |mut inside: f64, mut outside: f64| {
        if height(outside) >= floor {
            return outside;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if height(middle) >= floor {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    };
    (edge(own, 0.0), edge(own, 1.0))
}

/// Halvings of the search for an interval's end: a millionth.
const HALVINGS: usize = 20;

/// Exact below 2^53 records.
#[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 records, and a share would not notice")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(ratios: Ratios) -> Evidence {
        Evidence { generator: None, decibits: 0, signals: Vec::new(), ratios }
    }

    /// A record that looks like Faker's, one that looks like nobody's, one that could be either.
    const FAKER: Ratios = [-300, 300, 120, 40, 90, 0, 10, 150];
    const NOBODY: Ratios = [-200, -150, -90, -120, -150, -40, -60, -70];
    const EITHER: Ratios = [-50, 20, 15, 0, -50, 0, 10, 10];

    #[test]
    fn an_empty_batch_is_nobodys() {
        assert_eq!(Batch::default().estimate(), Vec::new());
        assert!(Batch::default().synthetic().share.abs() < f64::EPSILON);
    }

    #[test]
    fn the_share_and_its_interval_follow_the_counts() {
        for (fakes, others) in [(370, 630), (0, 1000), (1000, 0), (1, 999), (50, 950)] {
            let mut batch = Batch::default();
            (0..fakes).for_each(|_| batch.observe(&evidence(FAKER)));
            (0..others).for_each(|_| batch.observe(&evidence(NOBODY)));
            let share = f64::from(fakes) / 1000.0;
            let found = batch.estimate();
            let faker = found.iter().find(|one| one.generator == Some("Faker")).unwrap();
            assert!((faker.share - share).abs() < 0.005, "{fakes}: {faker:?}");
            assert!(faker.low <= share + 1e-6 && share <= faker.high + 1e-6, "{fakes}: {faker:?}");
            assert!(faker.high - faker.low < 0.07, "{fakes}: {faker:?}");
            let all: f64 = found.iter().map(|one| one.share).sum();
            assert!((all - batch.synthetic().share).abs() < 0.001);
            assert!(batch.synthetic().low <= share + 1e-6 && share <= batch.synthetic().high + 1e-6);
        }
    }

    #[test]
    fn records_that_say_little_widen_the_interval() {
        let width = |kind: Ratios| {
            let mut batch = Batch::default();
            (0..100).for_each(|_| batch.observe(&evidence(kind)));
            (0..100).for_each(|_| batch.observe(&evidence(NOBODY)));
            let faker = batch.estimate().into_iter().find(|one| one.generator == Some("Faker")).unwrap();
            faker.high - faker.low
        };
        assert!(width(EITHER) > 1.2 * width(FAKER), "{} {}", width(EITHER), width(FAKER));
    }

    #[test]
    fn memory_is_bounded_and_every_record_counted() {
        let mut batch = Batch::default();
        let mut state = 1_u32;
        for _ in 0..(3 * KINDS_MAX) {
            let mut ratios = Ratios::default();
            for ratio in &mut ratios {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *ratio = i32::from(u8::try_from(state >> 24).unwrap()) - 128;
            }
            batch.observe(&evidence(ratios));
        }
        assert!(batch.kinds.len() <= 2 * KINDS_MAX, "{}", batch.kinds.len());
        assert_eq!(batch.kinds.values().sum::<u64>(), batch.records());
        let mut twice = batch.clone();
        twice.absorb(&batch);
        assert_eq!(twice.records(), 2 * batch.records());
    }
}
