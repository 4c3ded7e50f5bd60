//! SOSL, and the pieces of SOQL that a search body carries.

use super::{Expected, ParseError, Parser};
use crate::{
    query::{Condition, Expression, Item, Order, Update},
    search::{FoundObject, Search, SearchWith, Term},
    span::Span,
    token::{self, Kind},
};

/// Reads one SOSL statement.
///
/// Bounds and errors: those of [`crate::parse()`]. The words looked for end at the first brace that no backslash precedes.
pub fn parse_search(text: &str) -> Result<Search, ParseError> {
    if text.len() > token::TEXT_CHARACTERS_MAX && text.chars().count() > token::TEXT_CHARACTERS_MAX {
        return Err(ParseError::TooLong);
    }
    let (term, end) = term(text)?;
    // What was looked for is blanked, so that positions stay and the tokens are those of the rest.
    let blanked = format!("{}{}", " ".repeat(end), text.get(end..).unwrap_or_default());
    let mut parser = Parser::new(&blanked)?;
    let search = parser.search(term)?;
    parser.end()?;
    Ok(search)
}

/// Reads a condition without `WHERE`, as a search body has it.
pub fn parse_condition(text: &str) -> Result<Condition, ParseError> {
    let mut parser = Parser::new(text)?;
    let condition = parser.condition()?;
    parser.end()?;
    Ok(condition)
}

/// Reads the keys of an order without `ORDER BY`, as a search body has them.
pub fn parse_order(text: &str) -> Result<Vec<Order>, ParseError> {
    let mut parser = Parser::new(text)?;
    let order = parser.listed(Parser::order)?;
    parser.end()?;
    Ok(order)
}

/// Reads one field or function without an alias.
pub(crate) fn parse_item(text: &str) -> Result<Item, ParseError> {
    let mut parser = Parser::new(text)?;
    let value = parser.expression()?;
    parser.end()?;
    Ok(Item::Value { value, alias: None })
}

/// `FIND {…}` or `FIND '…'`: what is looked for, and where the rest begins.
fn term(text: &str) -> Result<(Term, usize), ParseError> {
    let space = |text: &str| text.len() - text.trim_ascii_start().len();
    let find = space(text);
    let expected = |position, expected| ParseError::Expected { position, expected };
    if !text.get(find..find + 4).is_some_and(|word| word.eq_ignore_ascii_case("FIND")) {
        return Err(expected(find, Expected::Word("FIND")));
    }
    let open = find + 4 + space(text.get(find + 4..).unwrap_or_default());
    let close = match text.as_bytes().get(open) {
        Some(b'{') => b'}',
        Some(b'\'') => b'\'',
        Some(b':') => return Err(ParseError::Bind { position: open }),
        _ => return Err(expected(open, Expected::Word("{"))),
    };
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(open + 1) {
        if !escaped && byte == close {
            let term = text.get(open..=index).unwrap_or_default();
            return Ok((Term(term.into()), index + 1));
        }
        escaped = !escaped && byte == b'\\';
    }
    Err(expected(open, Expected::ClosedText))
}

impl Parser<'_> {
    fn search(&mut self, term: Term) -> Result<Search, ParseError> {
        let fields = if self.word("IN") {
            let fields = self.name()?;
            self.need_word("FIELDS")?;
            Some(fields)
        } else {
            None
        };
        let returning = if self.word("RETURNING") { self.listed(Self::found_object)? } else { Vec::new() };
        let mut with = Vec::new();
        while self.word("WITH") {
            with.push(self.search_with()?);
        }
        let limit = if self.word("LIMIT") { Some(self.whole_number()?) } else { None };
        let updates = if self.word("UPDATE") {
            self.listed(|parser| {
                if parser.word("TRACKING") {
                    return Ok(Update::Tracking);
                }
                parser.need_word("VIEWSTAT")?;
                Ok(Update::Viewstat)
            })?
        } else {
            Vec::new()
        };
        Ok(Search { term, fields, returning, with, limit, updates })
    }

    fn found_object(&mut self) -> Result<FoundObject, ParseError> {
        let object = self.name()?;
        let mut found = FoundObject {
            span: object.span,
            select_span: object.span,
            source_span: object.span,
            object,
            select: Vec::new(),
            list_view: None,
            filter: None,
            filter_span: Span::default(),
            order_by: Vec::new(),
            limit: None,
            offset: None,
        };
        if !self.mark(b'(') {
            return Ok(found);
        }
        found.select = self.listed(|parser| {
            let value: Expression = parser.expression()?;
            Ok(Item::Value { value, alias: parser.alias()? })
        })?;
        found.select_span = Span::new(found.span.start, self.last_end());
        if self.words("USING", "ListView") {
            self.equals()?;
            found.list_view = Some(self.name()?);
        }
        found.source_span = Span::new(found.span.start, self.last_end());
        let start = self.token(self.at + 1).span.start;
        if self.word("WHERE") {
            found.filter = Some(self.condition()?);
            found.filter_span = Span::new(start, self.last_end());
        }
        if self.words("ORDER", "BY") {
            found.order_by = self.listed(Self::order)?;
        }
        if self.word("LIMIT") {
            found.limit = Some(self.whole_number()?);
        }
        if self.word("OFFSET") {
            found.offset = Some(self.whole_number()?);
        }
        self.need_mark(b')', ")")?;
        found.span = Span::new(found.span.start, self.last_end());
        Ok(found)
    }

    fn search_with(&mut self) -> Result<SearchWith, ParseError> {
        if self.is_word("DATA") && self.is_word_at(self.at + 1, "CATEGORY") {
            return self.with().map(SearchWith::Category);
        }
        let path = self.path()?;
        if self.word("IN") {
            return Ok(SearchWith::Among(path, self.literals()?));
        }
        if self.peek().kind == Kind::Comparison {
            self.equals()?;
            let value = self.literal()?;
            return Ok(SearchWith::Equal(path, value));
        }
        let [name] = path.names.as_slice() else { return Err(self.expected(Expected::Word("="))) };
        let name = name.clone();
        if !self.mark(b'(') {
            return Ok(SearchWith::Word(name));
        }
        let settings = self.listed(|parser| {
            let key = parser.name()?;
            parser.equals()?;
            Ok((key, parser.literal()?))
        })?;
        self.need_mark(b')', ")")?;
        Ok(SearchWith::Call(name, settings))
    }
}
