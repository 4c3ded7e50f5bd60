//! A SOSL statement as a tree.

use std::fmt;

use crate::{
    query::{Condition, Item, Literal, Name, Order, Path, Update, With},
    span::Span,
};

/// `FIND {…} IN … FIELDS RETURNING …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What is looked for.
    pub term: Term,
    /// `ALL`, `NAME`, `EMAIL`, `PHONE`, `SIDEBAR`.
    pub fields: Option<Name>,
    /// In which objects; empty for all.
    pub returning: Vec<FoundObject>,
    /// `WITH …`, in order.
    pub with: Vec<SearchWith>,
    /// `LIMIT n`.
    pub limit: Option<u64>,
    /// `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
    pub updates: Vec<Update>,
}

/// The words looked for, in braces or quotes, as written.
///
/// Never: shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Term(pub(crate) Box<str>);

impl fmt::Debug for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Term")
    }
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `Contact(Id, Name WHERE … ORDER BY … LIMIT …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundObject {
    /// Which object.
    pub object: Name,
    /// All of it.
    pub span: Span,
    /// What is asked for; empty when only ids are.
    pub select: Vec<Item>,
    /// `USING ListView = Recent`.
    pub list_view: Option<Name>,
    /// `WHERE …`.
    pub filter: Option<Condition>,
    /// Where the condition stands, without the word `WHERE`.
    pub filter_span: Span,
    /// Ends where the last thing that is asked for does.
    pub(crate) select_span: Span,
    /// Ends where what comes before `WHERE` does.
    pub(crate) source_span: Span,
    /// `ORDER BY …`.
    pub order_by: Vec<Order>,
    /// `LIMIT n`.
    pub limit: Option<u64>,
    /// `OFFSET n`.
    pub offset: Option<u64>,
}

/// `WITH …` of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchWith {
    /// `DATA CATEGORY …`.
    Category(With),
    /// `HIGHLIGHT`, `SNIPPET`.
    Word(Name),
    /// `DIVISION = '…'`, `PricebookId = '…'`, `METADATA = '…'`.
    Equal(Path, Literal),
    /// `NETWORK IN ('…', '…')`.
    Among(Path, Vec<Literal>),
    /// `SNIPPET (target_length = 120)`.
    Call(Name, Vec<(Name, Literal)>),
}
