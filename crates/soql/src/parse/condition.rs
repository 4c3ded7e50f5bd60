//! Conditions: what stands after `WHERE` and `HAVING`.

use super::{Expected, ParseError, Parser};
use crate::{
    query::{Condition, Membership, Operator},
    token::Kind,
};

impl Parser<'_> {
    pub(super) fn condition(&mut self) -> Result<Condition, ParseError> {
        let first = self.simple()?;
        let (word, other) = if self.is_word("AND") {
            ("AND", "OR")
        } else if self.is_word("OR") {
            ("OR", "AND")
        } else {
            return Ok(first);
        };
        let mut parts = vec![first];
        while self.word(word) {
            parts.push(self.simple()?);
        }
        if self.is_word(other) {
            return Err(ParseError::Mixed { position: self.peek().span.start });
        }
        Ok(if word == "AND" { Condition::And(parts) } else { Condition::Or(parts) })
    }

    fn simple(&mut self) -> Result<Condition, ParseError> {
        if self.word("NOT") {
            return Ok(Condition::Not(Box::new(self.nested(Self::simple)?)));
        }
        if self.mark(b'(') {
            let inner = self.nested(Self::condition)?;
            self.need_mark(b')', ")")?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, ParseError> {
        let left = self.expression()?;
        let membership = if self.words("NOT", "IN") {
            Some(Membership::NotIn)
        } else if self.word("IN") {
            Some(Membership::In)
        } else if self.word("INCLUDES") {
            Some(Membership::Includes)
        } else if self.word("EXCLUDES") {
            Some(Membership::Excludes)
        } else {
            None
        };
        let Some(operator) = membership else {
            let operator = self.operator()?;
            return Ok(Condition::Compare { left, operator, right: self.literal()? });
        };
        let joins = matches!(operator, Membership::In | Membership::NotIn)
            && self.is_mark(b'(')
            && self.is_word_at(self.at + 1, "SELECT");
        if joins {
            return Ok(Condition::Joined { left, operator, query: Box::new(self.subquery()?) });
        }
        Ok(Condition::Listed { left, operator, values: self.literals()? })
    }

    fn operator(&mut self) -> Result<Operator, ParseError> {
        if self.word("LIKE") {
            return Ok(Operator::Like);
        }
        let token = self.peek();
        let operator = match (token.kind, self.slice(token.span)) {
            (Kind::Comparison, "=") => Operator::Equal,
            (Kind::Comparison, "!=" | "<>") => Operator::Unequal,
            (Kind::Comparison, "<") => Operator::Less,
            (Kind::Comparison, "<=") => Operator::LessOrEqual,
            (Kind::Comparison, ">") => Operator::Greater,
            (Kind::Comparison, ">=") => Operator::GreaterOrEqual,
            _ => return Err(self.expected(Expected::Operator)),
        };
        self.at += 1;
        Ok(operator)
    }
}
