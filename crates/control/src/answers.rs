//! What is answered, where it is no list of the index.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who asks, and what they may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The operator.
    pub name: String,
    /// Their role.
    pub role: String,
    /// Whether a token asks for them.
    pub is_token: bool,
    /// What they may.
    pub may: Vec<String>,
}

/// The last day in one look, by whole hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Posture {
    /// When that day began: a whole hour.
    pub since: String,
    /// Transactions that were ruled on.
    pub transactions: u64,
    /// Those of which nothing went on.
    pub blocked: u64,
    /// Items that wait, in the quarantines of all gateways whose ledgers the index has.
    pub quarantined: u64,
    /// What went otherwise than it should.
    pub incidents: u64,
    /// Transactions that were sent on, and of which nobody knows whether they arrived.
    pub without_end: u64,
    /// Entries of all ledgers, each of them provable.
    pub entries: u64,
    /// Entries that are published and not yet in the index.
    pub behind: u64,
    /// The day of each boundary, of 200 at most; the sums are of all.
    pub boundaries: Vec<BoundaryDay>,
}

/// A boundary's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundaryDay {
    /// Its name.
    pub boundary: String,
    /// Its environment as it was last, of whichever ledger it crossed last.
    pub environment: String,
    /// Its mode as it was then.
    pub mode: String,
    /// Transactions that were ruled on.
    pub transactions: u64,
    /// Those of which nothing went on.
    pub blocked: u64,
    /// Records in them.
    pub records: u64,
    /// Records that are proven synthetic.
    pub synthetic: u64,
    /// Records of which nothing is proven.
    pub unproven: u64,
}

/// That an entry is in a ledger, for somebody who trusts nobody here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The entry: `origin#index`.
    pub place: String,
    /// Its exact bytes, in base64.
    pub entry: String,
    /// The SHA-256 of a zero byte and the entry, in hexadecimal.
    pub leaf: String,
    /// A proof in the form of c2sp.org/tlog-proof@v1: the path to the root, and a signed checkpoint.
    pub proof: String,
    /// How many entries the checkpoint is of.
    pub size: u64,
    /// False where the index has rows of it that say something else; true also where it has none.
    pub agrees: bool,
}

/// The ledgers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ledgers {
    /// Where the index is, without a password.
    pub index: String,
    /// Each of them.
    pub ledgers: Vec<Ledger>,
}

/// A ledger, and how far it is indexed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Its name.
    pub origin: String,
    /// How many entries it has published.
    pub published: u64,
    /// How many of them are indexed.
    pub indexed: u64,
    /// How many are not.
    pub behind: u64,
    /// The moment of the last indexed one that states one.
    pub last_at: Option<String>,
    /// Its newest checkpoint, as it was signed.
    pub checkpoint: String,
}

/// What was found where a ledger was checked from its first entry to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerCheck {
    /// Its name, as far as it is known.
    pub origin: Option<String>,
    /// Whether everything in it agrees with its signed checkpoint. What witnesses saw is not asked here.
    pub intact: bool,
    /// How many entries were checked.
    pub size: u64,
    /// The root, in base64.
    pub root: Option<String>,
    /// What is wrong, if anything.
    pub problem: Option<String>,
}

/// What is kept in the quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantine {
    /// The items, by boundary and in their original order. Never content.
    pub items: Vec<QuarantineKept>,
    /// Items that cannot be read, and why.
    pub damaged: Vec<(String, String)>,
}

/// An item, and where it is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineKept {
    /// The item.
    pub item: QuarantineItem,
    /// Its state: `held`, `releasing`, `uncertain`, `released`, `rejected` or `expired`.
    pub state: String,
    /// Since when.
    pub since: String,
    /// How often it was sent, or may have been.
    pub attempts: u32,
    /// What the last step says of itself.
    pub note: String,
    /// Whether the ledger is known to say that it is in this state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
}

/// What may be shown of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineItem {
    /// Its name.
    pub id: String,
    /// The boundary that it would have crossed.
    pub boundary: String,
    /// Its place among what was kept for this boundary.
    pub sequence: u64,
    /// When it was ruled on.
    pub received: String,
    /// The ruling that withheld it: `origin#index`.
    pub ruling: String,
    /// The policies that withheld it.
    pub policies: Vec<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// How many records of each verdict the whole request had.
    pub counts: BTreeMap<String, u64>,
    /// How many records are kept.
    pub records: u64,
    /// The client as it named itself.
    pub client: String,
    /// The language spoken at the boundary.
    pub protocol: String,
    /// A short name for the way of writing.
    pub route: String,
    /// The HTTP method.
    pub method: String,
    /// How many bytes are kept.
    pub bytes: u64,
    /// Whether sending it twice does what sending it once does.
    pub idempotent: bool,
    /// What was behind the boundary, where it would have gone; not there where nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The environment that this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The item.
    pub item: String,
    /// Whether what was asked for is done.
    pub is_done: bool,
    /// Whether nobody knows.
    pub is_uncertain: bool,
    /// A sentence for a person.
    pub said: String,
}

/// What is in force, and what waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyStatus {
    /// The version that holds where no emergency version does; empty where that cannot be told.
    pub normal: String,
    /// What is wrong with its text, where gateways that start now could not take it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Emergency versions in force.
    pub in_force: Vec<EmergencyState>,
    /// What was asked for and not yet approved.
    pub waiting: Vec<EmergencyWaiting>,
    /// What became of the newest announcements.
    pub announcements: Vec<EmergencyAnnouncement>,
}

/// An announcement to one consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyAnnouncement {
    /// Its id.
    pub id: String,
    /// What is announced.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of which version.
    pub version: String,
    /// The entry that it is about.
    pub about: String,
    /// To whom.
    pub to: String,
    /// How often it was sent.
    pub attempts: u32,
    /// What was answered the last time.
    pub status: Option<u16>,
    /// Whether it arrived; nothing while it is tried.
    pub delivered: Option<bool>,
    /// When it arrived or was given up.
    pub at: Option<String>,
    /// When it is sent next.
    pub due: String,
}

/// An emergency version in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyState {
    /// It.
    pub version: String,
    /// The entry that put it in force.
    pub activation: String,
    /// Since when.
    pub since: String,
    /// Within what it decides.
    pub scope: String,
    /// When it ends by itself.
    pub until: String,
    /// Who asked for it.
    pub by: String,
    /// Who approved it.
    pub approved: Option<String>,
    /// Why.
    pub reason: String,
}

/// An emergency version that one person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyWaiting {
    /// It.
    pub version: String,
    /// Within what it would decide.
    pub scope: String,
    /// When it would end by itself.
    pub until: String,
    /// Who asked for it.
    pub by: String,
    /// When they asked.
    pub asked: String,
    /// Until when another person can approve.
    pub lapses: String,
    /// Why.
    pub reason: String,
    /// What the first person signed: the second one adds a signature to it.
    pub note: String,
}

/// The emergency versions that were prepared, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyVersions {
    /// The name of the log of versions, which what is signed names.
    pub log: String,
    /// Each of them.
    pub versions: Vec<EmergencyVersion>,
}

/// An emergency version that was prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyVersion {
    /// It.
    pub version: String,
    /// The entry that says so.
    pub entry: u64,
    /// When.
    pub at: String,
    /// Who prepared it.
    pub by: String,
    /// How many cases were put to it.
    pub cases: Option<usize>,
    /// The version that care was proven against.
    pub against: Option<String>,
    /// What it is for.
    pub reason: String,
    /// The digest of its text.
    pub sha256: String,
}

/// What people signed is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyPlaced {
    /// The version.
    pub version: String,
    /// The entry: `origin#index`.
    pub entry: String,
    /// Who signed: the first, and the second where two did.
    pub signed: Vec<String>,
}
