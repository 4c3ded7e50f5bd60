//! What every consumer receives now and would receive under an emergency version: by what crossed lately, and by every
//! question that could be asked. Shown before anybody signs.

use std::sync::Arc;

use index::Index;
use policy::{Boundary, Emergency, EmergencyScope};

use super::{
    Known,
    crossed::Crossed,
    entries::{self, Book},
    enumerated::Enumerated,
    now,
};
use crate::{
    index_command::{self, Where},
    outcome::Outcome,
    policy_command::replay_since,
    printer::{Printer, Style},
};

/// Before and after.
pub(crate) struct Comparison {
    version: String,
    before: String,
    scope: EmergencyScope,
    since: String,
    crossed: Result<Crossed, String>,
    // Nothing where what holds now cannot be read.
    enumerated: Option<Enumerated>,
}

/// What of that which is in force holds before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// All but the very activation that is compared.
    AllElse,
    /// Other versions alone: what this one does is shown where it is in force as well.
    OtherVersions,
}

/// How far it is looked back where nobody says otherwise.
const SINCE: &str = "1d";
/// Most crossings that are asked about while somebody waits to sign.
const CROSSED_MAX: u64 = 100_000;

impl Comparison {
    /// Compares by an index that is at hand.
    pub(super) fn by(
        known: &Known,
        emergency: &Arc<Emergency>,
        before: Before,
        index: Result<&mut Index, String>,
        (since, most, examples): (&str, u64, usize),
    ) -> miette::Result<Self> {
        let normal = known.config.policies()?;
        // A version may be in force more than once: what ends is told apart by its entry.
        let (book, _) = Book::of(&known.versions.logbook(0)?, &known.signers);
        let in_force = book.in_force(now()).filter(|(place, one)| match before {
            Before::AllElse => *place != emergency.activation,
            Before::OtherVersions => one.request.version != emergency.policies.version(),
        });
        let standing = in_force.map(|(place, one)| entries::standing(&known.versions, &place, &one.request));
        let mut all: Vec<Arc<Emergency>> = standing.collect::<Result<_, _>>()?;
        let before = normal.narrowed(all.clone());
        all.push(Arc::clone(emergency));
        let after = normal.narrowed(all);
        let since = replay_since(since)?;
        let crossed = index.and_then(|index| {
            let crossed = Crossed::of(index, (&before, &after), &since, most, examples);
            crossed.map_err(|report| format!("{report:#}"))
        });
        let boundaries: Vec<&Boundary> = known.config.boundaries.iter().map(|one| &one.boundary).collect();
        let enumerated = Enumerated::of(
            boundaries.into_iter(),
            |boundary| {
                let seen = crossed.iter().flat_map(|crossed| crossed.clients(boundary)).map(str::to_owned);
                seen.chain(emergency.scope.clients.iter().cloned()).collect()
            },
            &before,
            &after,
        );
        Ok(Self {
            version: emergency.policies.version().to_owned(),
            before: normal.version().to_owned(),
            scope: emergency.scope.clone(),
            since,
            crossed,
            enumerated: Some(enumerated),
        })
    }

    /// Where a text that is in force cannot be read: nothing can be compared with it.
    fn untold(known: &Known, emergency: &Emergency, why: &miette::Report) -> miette::Result<Self> {
        Ok(Self {
            version: emergency.policies.version().to_owned(),
            before: known.normal_version()?,
            scope: emergency.scope.clone(),
            since: replay_since(SINCE)?,
            crossed: Err(format!("{why:#}")),
            enumerated: None,
        })
    }

    /// Compares for somebody who is about to sign: a missing index, or a text that cannot be read, is said, and stops nobody.
    pub(super) fn at_once(
        known: &Known,
        emergency: &Arc<Emergency>,
        printer: &Printer,
    ) -> miette::Result<Self> {
        let has_index = match known.config.index_place() {
            index::Place::File(path) => path.exists(),
            index::Place::Postgres { .. } => true,
        };
        let mut index = if has_index {
            let at =
                Where { ledgers: Vec::new(), database: None, config: known.config.file.clone(), json: false };
            // Whoever is about to sign is in a hurry: the index's database may be locked, or say nothing.
            index_command::up_to_date(&at, index::Patience::BESIDE, printer)
                .map_err(|report| format!("{report:#}"))
        } else {
            Err("there is no index; `eosin index update` makes one".to_owned())
        };
        Self::lately(known, emergency, index.as_mut().map_err(|why| why.clone()))
            .or_else(|report| Self::untold(known, emergency, &report))
    }

    /// Compares by what crossed in the last day.
    pub(super) fn lately(
        known: &Known,
        emergency: &Arc<Emergency>,
        index: Result<&mut Index, String>,
    ) -> miette::Result<Self> {
        Self::by(known, emergency, Before::AllElse, index, (SINCE, CROSSED_MAX, 3))
    }

    /// For a page: as it is now and then; of a version that ends the other way round.
    pub(crate) fn to_page(&self, is_end: bool) -> web::BeforeAfter {
        let (unknown, is_cut) = self.crossed.as_ref().map(Crossed::left_out).unwrap_or_default();
        let (mut consumers, not_told) = match &self.crossed {
            Ok(crossed) => (crossed.to_page(), None),
            Err(why) => (Vec::new(), Some(why.clone())),
        };
        let mut answers = self.enumerated.as_ref().map(Enumerated::to_page).unwrap_or_default();
        if is_end {
            for one in &mut consumers {
                std::mem::swap(&mut one.now, &mut one.then);
            }
            for one in &mut answers {
                std::mem::swap(&mut one.now, &mut one.then);
            }
        }
        web::BeforeAfter {
            normal: self.before.clone(),
            since: self.since.clone(),
            consumers,
            answers,
            unknown,
            is_cut,
            not_told,
            is_nothing_told: self.enumerated.is_none(),
        }
    }

    /// The version that is normal now.
    pub(super) fn before(&self) -> &str {
        &self.before
    }

    /// How a command ends that only shows this.
    pub(super) fn outcome(&self) -> Outcome {
        match &self.crossed {
            Err(_) => Outcome::CouldNotTell,
            Ok(crossed) if crossed.is_changed() => Outcome::Findings,
            Ok(_) => Outcome::Clean,
        }
    }

    /// As a diff.
    pub(super) fn print(&self, printer: &Printer) {
        let Self { version, before, scope, since, .. } = self;
        let head = format!("what consumers receive under {before} (-), and with {version} for {scope} (+):");
        printer.line(&printer.paint(Style::Strong, &head));
        printer.line(&format!("  of what crossed since {since}"));
        match &self.crossed {
            Ok(crossed) => crossed.print(printer),
            Err(why) => printer.line(&format!("    cannot be told: {why}")),
        }
        let objects: Vec<&str> = scope.objects.iter().map(String::as_str).collect();
        let of = if objects.is_empty() { String::new() } else { format!(" of {}", objects.join(", ")) };
        printer.line(&format!("  of everything that can be asked{of}"));
        match &self.enumerated {
            Some(enumerated) => enumerated.print(printer),
            None => printer.line("    cannot be told"),
        }
    }

    /// For a program.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let (crossed, wrong) = match &self.crossed {
            Ok(crossed) => (crossed.to_json(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let (unknown, is_cut) = self.crossed.as_ref().map(Crossed::left_out).unwrap_or_default();
        serde_json::json!({
            "version": self.version, "normal": self.before, "scope": self.scope.to_string(), "since": self.since,
            "consumers": crossed, "unknown": unknown, "cut": is_cut, "notTold": wrong,
            "answers": self.enumerated.as_ref().map(Enumerated::to_json),
        })
    }
}
