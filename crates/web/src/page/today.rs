//! The last day in one look: how much crossed, what was stopped, and what needs a person.

use askama::Template;
use index::{BoundaryDay, Day, Index, StoreError};

use super::transactions::{Transaction, newest};
use crate::{
    frame::{Answer, Frame, Setting, shown},
    target::link,
};

/// Transactions under "Latest".
const LATEST: usize = 10;

/// Something that a person should look at.
#[derive(Debug)]
struct Need {
    what: String,
    means: &'static str,
    place: String,
    act: &'static str,
}

/// A boundary's day, and where it leads.
#[derive(Debug)]
struct Row {
    place: String,
    day: BoundaryDay,
}

/// Figures of the last day by whole hours, and where each leads.
#[derive(Debug)]
struct Figure {
    place: String,
    many: u64,
    means: &'static str,
    verdict: &'static str,
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    frame: Frame,
    since: String,
    figures: Vec<Figure>,
    needs: Vec<Need>,
    boundaries: Vec<Row>,
    latest: Vec<Transaction>,
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let mut day = index.day(setting.day_ago)?;
    let since = day.since.as_str();
    let of = |more: &[(&'static str, &'static str)]| {
        link("/transactions", [("since", since)].into_iter().chain(more.iter().copied()))
    };
    let figure = |place: String, many, means, verdict| Figure { place, many, means, verdict };
    let figures = vec![
        figure(of(&[]), day.transactions, "transactions ruled on", ""),
        figure(of(&[("decision", "block")]), day.blocked, "stopped: nothing of them left", ""),
        figure(of(&[("verdict", "synthetic")]), day.synthetic, "records", "synthetic"),
        figure(of(&[("verdict", "unproven")]), day.unproven, "records", "unproven"),
        figure("/quarantine".to_owned(), day.waiting, "waiting in the quarantine", ""),
        figure("/ledgers".to_owned(), day.entries, "ledger entries, each of them provable", ""),
    ];
    let needs = needs(&day);
    let place = |of: &BoundaryDay| {
        link("/transactions", [("boundary", of.boundary.as_str()), ("since", day.since.as_str())])
    };
    let boundaries = std::mem::take(&mut day.boundaries).into_iter();
    let boundaries = boundaries.map(|of| Row { place: place(&of), day: of }).collect();
    let latest = newest("", &[], LATEST, index)?;
    let frame = Frame::new("/", setting);
    Ok(Answer::page(&Today { frame, since: shown(&day.since), figures, needs, boundaries, latest }))
}

/// What needs a person: marks that lie, ends that nobody knows, gaps, and what waits.
fn needs(day: &Day) -> Vec<Need> {
    let since = ("since", day.since.as_str());
    let mut needs = Vec::new();
    for (verdict, many, means) in [
        (
            "transplanted",
            day.transplanted,
            "Somebody copied a mark onto another record: it could hide a person from care.",
        ),
        ("forged", day.forged, "A mark proves nothing: its bytes were changed, or it was made up."),
    ] {
        if many > 0 {
            let place = link("/transactions", [since, ("verdict", verdict)]);
            needs.push(Need { what: records(many, verdict), means, place, act: "See them" });
        }
    }
    if day.without_end > 0 {
        let what = if day.without_end == 1 {
            "One crossing has no known end.".to_owned()
        } else {
            format!("{} crossings have no known end.", day.without_end)
        };
        let means = "They were sent on, and no answer came: look at the other side before it is sent again.";
        needs.push(Need { what, means, place: link("/transactions", [since]), act: "See the transactions" });
    }
    for (kind, many) in &day.incidents {
        let what = format!("{many} × {kind}.");
        needs.push(Need {
            what,
            means: of_incident(kind),
            place: "/ledgers".to_owned(),
            act: "See the incidents",
        });
    }
    if day.waiting > 0 {
        let what = if day.waiting == 1 {
            "One item waits.".to_owned()
        } else {
            format!("{} items wait.", day.waiting)
        };
        let means = "What policy withheld is kept, encrypted, until somebody releases or rejects it.";
        needs.push(Need { what, means, place: "/quarantine".to_owned(), act: "Decide" });
    }
    needs
}

/// What an incident of this kind means.
fn of_incident(kind: &str) -> &'static str {
    match kind {
        "events-gone" => {
            "A subscription lost events that its source has no more; what they were about may have changed."
        }
        "gap" => "Attested traffic passed while the ledger could not write; the entry says how much.",
        "clock-fault" => "The clock ran backwards; moments near it may be out of order.",
        "registry-lost" => {
            "The registry was lost and is being made again: nothing is judged by it until it is the same."
        }
        "registry-accepted" => {
            "A person took a registry that holds less than it did; the ledger has name and reason."
        }
        "overruled" => "A person released what policies refused; the ledger has the name and the reason.",
        "unread" => "Entries that this version cannot read: they are in the ledger, and not on these pages.",
        _ => "See the ledger.",
    }
}

fn records(many: u64, verdict: &str) -> String {
    if many == 1 { format!("One {verdict} mark.") } else { format!("{many} {verdict} marks.") }
}
