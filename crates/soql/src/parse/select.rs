//! A query, clause by clause.

use super::{Expected, ParseError, Parser, SUBQUERIES_MAX};
use crate::{
    query::{
        Argument, Direction, Expression, From, Item, Literal, Name, Nulls, Order, Purpose, Query, TypeOf,
        Update, With,
    },
    span::Span,
    token::Kind,
};

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Result<Query, ParseError> {
        let start = self.peek().span.start;
        self.need_word("SELECT")?;
        let select_start = self.peek().span.start;
        let select = self.listed(Self::item)?;
        let select_span = Span::new(select_start, self.last_end());
        self.need_word("FROM")?;
        let from = self.from()?;
        let scope = if self.words("USING", "SCOPE") { Some(self.name()?) } else { None };
        let filter_start = self.token(self.at + 1).span.start;
        let filter = if self.word("WHERE") { Some(self.condition()?) } else { None };
        let filter_span = Span::new(filter_start, self.last_end());
        let mut with = Vec::new();
        while self.word("WITH") {
            with.push(self.with()?);
        }
        let group_by = if self.words("GROUP", "BY") { self.listed(Self::expression)? } else { Vec::new() };
        let having = if self.word("HAVING") { Some(self.condition()?) } else { None };
        let order_by = if self.words("ORDER", "BY") { self.listed(Self::order)? } else { Vec::new() };
        let limit = if self.word("LIMIT") { Some(self.whole_number()?) } else { None };
        let offset = if self.word("OFFSET") { Some(self.whole_number()?) } else { None };
        let mut all_rows = self.words("ALL", "ROWS");
        let mut purposes = Vec::new();
        while self.word("FOR") {
            purposes.push(self.purpose()?);
            while self.mark(b',') {
                purposes.push(self.purpose()?);
            }
        }
        let updates = if self.word("UPDATE") { self.listed(Self::update)? } else { Vec::new() };
        all_rows = all_rows || self.words("ALL", "ROWS");
        Ok(Query {
            span: Span::new(start, self.last_end()),
            select,
            select_span,
            from,
            scope,
            filter,
            filter_span,
            with,
            group_by,
            having,
            order_by,
            limit,
            offset,
            purposes,
            updates,
            all_rows,
        })
    }

    /// `(SELECT …)`, the opening parenthesis being next.
    pub(super) fn subquery(&mut self) -> Result<Query, ParseError> {
        self.need_mark(b'(', "(")?;
        self.subqueries += 1;
        if self.subqueries > SUBQUERIES_MAX {
            return Err(ParseError::TooManySubqueries);
        }
        let query = self.nested(Self::query)?;
        self.need_mark(b')', ")")?;
        Ok(query)
    }

    pub(super) fn listed<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut all = vec![one(self)?];
        while self.mark(b',') {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn item(&mut self) -> Result<Item, ParseError> {
        if self.is_mark(b'(') {
            return Ok(Item::Child(Box::new(self.subquery()?)));
        }
        if self.is_word("TYPEOF")
            && self.token(self.at + 1).kind == Kind::Word
            && !self.is_word_at(self.at + 1, "FROM")
        {
            return self.type_of().map(Item::TypeOf);
        }
        let value = self.expression()?;
        Ok(Item::Value { value, alias: self.alias()? })
    }

    fn type_of(&mut self) -> Result<TypeOf, ParseError> {
        let start = self.take().span.start;
        let relationship = self.path()?;
        let mut branches = Vec::new();
        while self.word("WHEN") {
            let object = self.name()?;
            self.need_word("THEN")?;
            branches.push((object, self.listed(Self::path)?));
        }
        if branches.is_empty() {
            return Err(self.expected(Expected::Word("WHEN")));
        }
        let otherwise = if self.word("ELSE") { self.listed(Self::path)? } else { Vec::new() };
        self.need_word("END")?;
        Ok(TypeOf { span: Span::new(start, self.last_end()), relationship, branches, otherwise })
    }

    fn from(&mut self) -> Result<From, ParseError> {
        let start = self.peek().span.start;
        let object = self.path()?;
        let alias = self.alias()?;
        let mut joined = Vec::new();
        while self.mark(b',') {
            let path = self.path()?;
            joined.push((path, self.alias()?));
        }
        Ok(From { span: Span::new(start, self.last_end()), object, alias, joined })
    }

    pub(super) fn expression(&mut self) -> Result<Expression, ParseError> {
        let start = self.peek().span.start;
        let path = self.path()?;
        if path.names.iter().any(|name| RESERVED.iter().any(|word| name.is(word))) {
            return Err(ParseError::Expected { position: start, expected: Expected::Name });
        }
        let [function] = path.names.as_slice() else { return Ok(Expression::Field(path)) };
        if !self.is_mark(b'(') {
            return Ok(Expression::Field(path));
        }
        let function = function.clone();
        let arguments = self.nested(Self::arguments)?;
        Ok(Expression::Call { span: Span::new(function.span.start, self.last_end()), function, arguments })
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, ParseError> {
        self.need_mark(b'(', "(")?;
        if self.mark(b')') {
            return Ok(Vec::new());
        }
        let arguments = self.listed(|parser| {
            if parser.peek().kind == Kind::Word {
                return parser.expression().map(Argument::Expression);
            }
            parser.literal().map(Argument::Literal)
        })?;
        self.need_mark(b')', ")")?;
        Ok(arguments)
    }

    pub(super) fn with(&mut self) -> Result<With, ParseError> {
        if self.words("DATA", "CATEGORY") {
            let mut all = vec![self.category()?];
            while self.word("AND") {
                all.push(self.category()?);
            }
            return Ok(With::DataCategory(all));
        }
        let name = self.name()?;
        if self.mark(b'(') {
            let settings = self.listed(|parser| {
                let key = parser.name()?;
                parser.equals()?;
                Ok((key, parser.literal()?))
            })?;
            self.need_mark(b')', ")")?;
            return Ok(With::Context(name, settings));
        }
        if self.peek().kind == Kind::Comparison {
            self.equals()?;
            return Ok(With::Setting(name, self.literal()?));
        }
        Ok(With::Mode(name))
    }

    pub(super) fn equals(&mut self) -> Result<(), ParseError> {
        let token = self.peek();
        if token.kind != Kind::Comparison || self.slice(token.span) != "=" {
            return Err(self.expected(Expected::Word("=")));
        }
        self.at += 1;
        Ok(())
    }

    fn category(&mut self) -> Result<(Name, Name, Vec<Name>), ParseError> {
        let group = self.name()?;
        if !["AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"].iter().any(|word| self.is_word(word)) {
            return Err(self.expected(Expected::Word("AT, ABOVE, BELOW or ABOVE_OR_BELOW")));
        }
        let how = self.name()?;
        if !self.mark(b'(') {
            return Ok((group, how, vec![self.name()?]));
        }
        let categories = self.listed(Self::name)?;
        self.need_mark(b')', ")")?;
        Ok((group, how, categories))
    }

    pub(super) fn order(&mut self) -> Result<Order, ParseError> {
        let value = self.expression()?;
        let direction = if self.word("ASC") {
            Some(Direction::Ascending)
        } else if self.word("DESC") {
            Some(Direction::Descending)
        } else {
            None
        };
        let nulls = if self.words("NULLS", "FIRST") {
            Some(Nulls::First)
        } else if self.words("NULLS", "LAST") {
            Some(Nulls::Last)
        } else {
            None
        };
        Ok(Order { value, direction, nulls })
    }

    fn purpose(&mut self) -> Result<Purpose, ParseError> {
        for (word, purpose) in
            [("VIEW", Purpose::View), ("REFERENCE", Purpose::Reference), ("UPDATE", Purpose::Update)]
        {
            if self.word(word) {
                return Ok(purpose);
            }
        }
        Err(self.expected(Expected::Word("VIEW, REFERENCE or UPDATE")))
    }

    fn update(&mut self) -> Result<Update, ParseError> {
        if self.word("TRACKING") {
            return Ok(Update::Tracking);
        }
        self.need_word("VIEWSTAT")?;
        Ok(Update::Viewstat)
    }

    pub(super) fn literals(&mut self) -> Result<Vec<Literal>, ParseError> {
        self.need_mark(b'(', "(")?;
        let values = self.listed(Self::literal)?;
        self.need_mark(b')', ")")?;
        Ok(values)
    }
}

/// Words that no field has as its name: where one stands, readers could differ on what follows.
const RESERVED: [&str; 15] = [
    "AND", "OR", "NOT", "SELECT", "FROM", "WHERE", "USING", "WITH", "HAVING", "LIMIT", "LIKE", "IN",
    "INCLUDES", "EXCLUDES", "NULL",
];
