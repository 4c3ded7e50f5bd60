//! The console: pages over the index, made on the server as text, without a cookie of others or a request to anybody;
//! one small script shows new transactions, and every page does without it.
//!
//! Pure: a target and the time go in, a page comes out; who listens, who may ask and what the clock says are the binary's.
//! Start at [`answer`]; each page has a file of its own under `page/`, and its template under `templates/`.
//! Read next: `docs/console.md`, for who looks at it.

mod frame;
mod page;
mod rows;
mod target;

pub use frame::{Answer, Kind, Setting, Visitor, first_place, needed};
pub use page::{
    account::{Account, account},
    boundaries::boundaries,
    boundary_change::{BoundaryChange, BoundarySetting, ConfiguredBoundary, boundary_change},
    emergency::{
        EmergencySwitch, EmergencyWaits, emergency, emergency_without_index,
        signing::{
            BeforeAfter, ChangedAnswer, Consumer, EmergencyAct, EmergencyPaper, emergency_gone,
            emergency_paper, emergency_question,
        },
        wish::{EmergencyEnd, EmergencyWish, emergency_end, emergency_wish},
    },
    ledger_health::{LedgerHealth, ledger_health},
    live::{NOTHING_NEW, live},
    operators::{Act, OneOperator, OperatorRow, SessionRow, TokenRow, operator, operators, preview},
    policies::{
        Activation, VersionLog,
        candidate::{Candidate, Fault, Found, Question, Replayed, ReplayedGroup, Sound, candidate, question},
        compare::{ChangedPolicy, Comparison, Line, compare},
        policies,
    },
    quarantine_item::{QuarantineAct, QuarantineItem, quarantine_item, quarantine_question},
    records::acting::{RecordAct, Selection, record_question},
    sign_in::{ShownOnce, code, no_operators, refused, shown_once, sign_in, signed_out},
    told::Told,
};

use index::{Index, StoreError};

use crate::target::{Target, TargetError};

/// Answers one request for a page.
///
/// Shape:  a target as it is in a request line, and what is so at this moment.
/// Bounds: a page holds at most 50 rows of a list, a CSV file at most 100,000.
/// Errors: [`StoreError`]: the index could not be asked. A target that is not understood is a page that says so.
/// Never:  writes to the index.
pub fn answer(target: &str, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let target = match Target::read(target) {
        Ok(target) => target,
        Err(error) => return Ok(not_understood(error)),
    };
    let answer = match target.path.as_str() {
        "/" => page::today::page(setting, index),
        "/transactions" => page::transactions::page(&target, setting, index),
        "/transaction" => page::transaction::page(&target, setting, index),
        "/records" => page::records::page(&target, setting, index),
        "/records.csv" => page::records::file(&target, setting, index),
        "/record" => page::record::page(&target, setting, index),
        "/deliveries" => page::deliveries::page(&target, setting, index),
        "/blast" => page::blast::page(&target, setting, index),
        "/datasets" => page::datasets::page(&target, setting, index),
        "/dataset" => page::dataset::page(&target, setting, index),
        "/boundaries" => return boundaries(setting, index, &[]),
        "/policies" => return policies(setting, index, None, Told::Nothing),
        "/emergency" => return emergency(setting, index, None, Told::Nothing),
        "/quarantine" => page::quarantine::page(setting, index),
        "/ledgers" => page::ledgers::page(setting, index),
        "/live.js" => Ok(script()),
        "/style.css" => Ok(style()),
        "/icon.svg" => Ok(icon()),
        _ => Ok(page::absent::page(setting, "There is no page of this name.")),
    }?;
    page::emergency::told(answer, setting, index)
}

/// The style sheet, for whoever asks.
pub fn style() -> Answer {
    Answer::of(Kind::Style, include_str!("../assets/style.css"))
}

/// The script, for whoever asks.
pub fn script() -> Answer {
    Answer::of(Kind::Script, include_str!("../assets/live.js"))
}

/// The icon, for whoever asks.
pub fn icon() -> Answer {
    Answer::of(Kind::Icon, include_str!("../assets/icon.svg"))
}

fn not_understood(error: TargetError) -> Answer {
    let mut answer = Answer::of(Kind::Text, &format!("{error}\n"));
    answer.status = 400;
    answer
}
