//! A SOQL statement as a tree. Values are kept as they were written and are never shown by `Debug`.

use std::fmt;

use crate::span::Span;

/// A name as it was written; SOQL ignores its case.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: Box<str>,
    /// Where.
    pub span: Span,
}

impl Name {
    /// Whether this is that name, in any case.
    pub fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Names joined by dots: a field, perhaps through relationships.
#[derive(Clone, PartialEq, Eq)]
pub struct Path {
    // INVARIANT: never empty.
    pub(crate) names: Vec<Name>,
}

impl Path {
    /// All names; at least one.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The names before the last: relationships, or an alias.
    pub fn ways(&self) -> &[Name] {
        self.names.split_last().map_or(&[], |(_, ways)| ways)
    }

    /// The last name: a field.
    pub fn last(&self) -> Option<&Name> {
        self.names.last()
    }

    /// The whole text, with dots.
    pub fn text(&self) -> String {
        self.names.iter().map(|name| &*name.text).collect::<Vec<_>>().join(".")
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

/// `SELECT … FROM …` with all that may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// From `SELECT` to the last token.
    pub span: Span,
    /// What is asked for; at least one item.
    pub select: Vec<Item>,
    /// Where the items stand, without the word `SELECT`.
    pub select_span: Span,
    /// Of what.
    pub from: From,
    /// `USING SCOPE mine`.
    pub scope: Option<Name>,
    /// `WHERE …`.
    pub filter: Option<Condition>,
    /// Where the condition stands, without the word `WHERE`.
    pub filter_span: Span,
    /// `WITH …`, in order.
    pub with: Vec<With>,
    /// `GROUP BY …`; `ROLLUP` and `CUBE` are calls.
    pub group_by: Vec<Expression>,
    /// `HAVING …`.
    pub having: Option<Condition>,
    /// `ORDER BY …`.
    pub order_by: Vec<Order>,
    /// `LIMIT n`.
    pub limit: Option<u64>,
    /// `OFFSET n`.
    pub offset: Option<u64>,
    /// `FOR VIEW`, `FOR REFERENCE`, `FOR UPDATE`.
    pub purposes: Vec<Purpose>,
    /// `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
    pub updates: Vec<Update>,
    /// `ALL ROWS`.
    pub all_rows: bool,
}

impl Query {
    /// Whether this is `SELECT count()`, whose answer is `totalSize` alone.
    pub fn is_count(&self) -> bool {
        matches!(self.select.as_slice(), [Item::Value { value: Expression::Call { function, arguments, .. }, .. }]
            if function.is("count") && arguments.is_empty())
    }

    /// Whether the rows of the answer are groups, not records.
    pub fn is_aggregate(&self) -> bool {
        !self.group_by.is_empty()
            || self.select.iter().any(|item| match item {
                Item::Value { value, .. } => value.aggregates(),
                Item::TypeOf(_) | Item::Child(_) => false,
            })
    }

    /// Where what comes before `WHERE` ends.
    pub(crate) fn source_end(&self) -> usize {
        self.scope.as_ref().map_or(self.from.span.end, |scope| scope.span.end)
    }
}

/// One thing that is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A field, a function of fields, or `FIELDS(…)`.
    Value {
        /// What.
        value: Expression,
        /// The name it has in the answer.
        alias: Option<Name>,
    },
    /// `TYPEOF … END`.
    TypeOf(TypeOf),
    /// `(SELECT … FROM Contacts)`.
    Child(Box<Query>),
}

impl Item {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Value { value, alias } => {
                alias.as_ref().map_or_else(|| value.span(), |alias| value.span().to(alias.span))
            }
            Self::TypeOf(type_of) => type_of.span,
            Self::Child(query) => query.span,
        }
    }
}

/// `TYPEOF What WHEN Account THEN Phone ELSE Name END`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeOf {
    /// All of it.
    pub span: Span,
    /// The polymorphic relationship.
    pub relationship: Path,
    /// An object and the fields wanted of it.
    pub branches: Vec<(Name, Vec<Path>)>,
    /// The fields wanted of any other.
    pub otherwise: Vec<Path>,
}

/// `FROM Account a, a.Owner o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// The object with its alias and what is joined.
    pub span: Span,
    /// An object; in a child query a relationship, perhaps behind its parent's name.
    pub object: Path,
    /// Another name for it.
    pub alias: Option<Name>,
    /// Other names for relationships, in the old comma form.
    pub joined: Vec<(Path, Option<Name>)>,
}

/// A field, or a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A field.
    Field(Path),
    /// `toLabel(Status)`, `COUNT(Id)`, `FIELDS(ALL)`.
    Call {
        /// From the name to the closing parenthesis.
        span: Span,
        /// The function.
        function: Name,
        /// What it is given.
        arguments: Vec<Argument>,
    },
}

impl Expression {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Field(path) => path.span(),
            Self::Call { span, .. } => *span,
        }
    }

    /// Whether it makes one value of many rows.
    pub fn aggregates(&self) -> bool {
        const AGGREGATES: [&str; 7] = ["count", "count_distinct", "sum", "avg", "min", "max", "grouping"];
        match self {
            Self::Field(_) => false,
            Self::Call { function, arguments, .. } => {
                AGGREGATES.iter().any(|name| function.is(name))
                    || arguments.iter().any(|argument| match argument {
                        Argument::Expression(inner) => inner.aggregates(),
                        Argument::Literal(_) => false,
                    })
            }
        }
    }

    /// Every field in it.
    pub(crate) fn each_field<'q>(&'q self, visit: &mut dyn FnMut(&'q Path)) {
        match self {
            Self::Field(path) => visit(path),
            Self::Call { arguments, .. } => {
                for argument in arguments {
                    if let Argument::Expression(inner) = argument {
                        inner.each_field(visit);
                    }
                }
            }
        }
    }
}

/// What a function is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A field or another function.
    Expression(Expression),
    /// A value: coordinates, a unit.
    Literal(Literal),
}

/// A value as it was written.
///
/// Never: shown by `Debug`, repeated in an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Literal {
    /// Of which kind.
    pub kind: LiteralKind,
    /// As written, with quotes and escapes.
    pub text: Box<str>,
}

impl Literal {
    /// The text between the quotes, escapes undone; any other literal as it was written.
    pub fn value(&self) -> String {
        let LiteralKind::Text = self.kind else { return self.text.to_string() };
        let inner =
            self.text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(&self.text);
        let mut value = String::with_capacity(inner.len());
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                value.push(character);
                continue;
            }
            match characters.next() {
                Some('n' | 'N') => value.push('\n'),
                Some('r' | 'R') => value.push('\r'),
                Some('t' | 'T') => value.push('\t'),
                Some('b' | 'B') => value.push('\u{8}'),
                Some('f' | 'F') => value.push('\u{c}'),
                Some('u') => {
                    let four: String = characters.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&four, 16).ok().and_then(char::from_u32);
                    value.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some(other) => value.push(other),
                None => {}
            }
        }
        value
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.kind)
    }
}

/// The kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiteralKind {
    /// `'Mercy'`.
    Text,
    /// `-1.5`.
    Number,
    /// `USD500`.
    Currency,
    /// `true`, `false`.
    Boolean,
    /// `null`.
    Null,
    /// `2024-02-29`.
    Date,
    /// `2024-02-29T00:00:00Z`.
    DateTime,
    /// `10:00:00Z`.
    Time,
    /// `TODAY`, `LAST_N_DAYS:7`.
    DateWord,
}

/// What rows, or groups, must fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of two or more.
    And(Vec<Self>),
    /// One of two or more.
    Or(Vec<Self>),
    /// Not that.
    Not(Box<Self>),
    /// `a = 1`, `a LIKE 'x%'`.
    Compare {
        /// The field or function.
        left: Expression,
        /// How.
        operator: Operator,
        /// The value.
        right: Literal,
    },
    /// `a IN ('x', 'y')`, `a INCLUDES ('x;y')`.
    Listed {
        /// The field or function.
        left: Expression,
        /// How.
        operator: Membership,
        /// The values; at least one.
        values: Vec<Literal>,
    },
    /// `Id IN (SELECT …)`: a semi-join, or an anti-join.
    Joined {
        /// An id.
        left: Expression,
        /// How.
        operator: Membership,
        /// The rows.
        query: Box<Query>,
    },
}

impl Condition {
    /// Every comparison in it.
    pub(crate) fn each_left<'q>(&'q self, visit: &mut dyn FnMut(&'q Expression)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each_left(visit)),
            Self::Not(inner) => inner.each_left(visit),
            Self::Compare { left, .. } | Self::Listed { left, .. } | Self::Joined { left, .. } => visit(left),
        }
    }

    /// Every semi-join and anti-join in it, not those inside them.
    pub(crate) fn each_join<'q>(&'q self, visit: &mut dyn FnMut(&'q Query)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each_join(visit)),
            Self::Not(inner) => inner.each_join(visit),
            Self::Joined { query, .. } => visit(query),
            Self::Compare { .. } | Self::Listed { .. } => {}
        }
    }
}

/// How a field is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=` or `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `LIKE`
    Like,
}

/// How a value is looked for among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `INCLUDES`
    Includes,
    /// `EXCLUDES`
    Excludes,
}

/// `WITH …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum With {
    /// `SECURITY_ENFORCED`, `USER_MODE`, `SYSTEM_MODE`.
    Mode(Name),
    /// `DATA CATEGORY Geography__c ABOVE usa__c AND …`: group, how, categories.
    DataCategory(Vec<(Name, Name, Vec<Name>)>),
    /// `RecordVisibilityContext (maxDescriptorPerRecord = 100, …)`.
    Context(Name, Vec<(Name, Literal)>),
    /// `NETWORK = '…'`, `DIVISION = '…'`.
    Setting(Name, Literal),
}

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub value: Expression,
    /// `ASC` or `DESC`, if said.
    pub direction: Option<Direction>,
    /// `NULLS FIRST` or `NULLS LAST`, if said.
    pub nulls: Option<Nulls>,
}

/// Which way to order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `ASC`
    Ascending,
    /// `DESC`
    Descending,
}

/// Where rows without a value come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// `NULLS FIRST`
    First,
    /// `NULLS LAST`
    Last,
}

/// `FOR …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `FOR VIEW`
    View,
    /// `FOR REFERENCE`
    Reference,
    /// `FOR UPDATE`
    Update,
}

/// `UPDATE …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// `UPDATE TRACKING`
    Tracking,
    /// `UPDATE VIEWSTAT`
    Viewstat,
}
