//! SOQL text to a `Query`.

use super::lexer::{Token, tokens};
use super::{Comparison, Condition, FieldSet, Item, Literal, Membership, Operand, Order, Query};
use crate::datetime;

/// Why text is not a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at row {row}, column {column}")]
pub struct ParseError {
    /// What was not expected.
    pub message: String,
    /// Line, from 1.
    pub row: usize,
    /// Character in the line, from 1.
    pub column: usize,
}

/// Parses one SOQL query.
///
/// Shape:  text -> `Query`; names stay as written.
/// Bounds: 100,000 characters, parentheses 30 deep, sub-selects 2 deep; past them, an error.
/// Errors: `ParseError`: the first place where the text stops being SOQL.
/// Never:  panics, whatever the text.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let fail = |at: usize, message: String| {
        let before = text.get(..at).unwrap_or(text);
        let row = before.matches('\n').count() + 1;
        let line = before.rsplit('\n').next().unwrap_or("");
        ParseError { message, row, column: line.chars().count() + 1 }
    };
    if text.len() > TEXT_MAX {
        return Err(fail(0, "SOQL statements cannot be longer than 100000 characters".into()));
    }
    let tokens = tokens(text).map_err(|at| {
        let near = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        fail(at, format!("unexpected token: '{near}'"))
    })?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, level: 0 };
    let query = parser
        .query()
        .and_then(|query| if parser.at < tokens.len() { Err(parser.unexpected()) } else { Ok(query) });
    query.map_err(|message| fail(tokens.get(parser.at).map_or(text.len(), |(at, _)| *at), message))
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    depth: u32,
    level: u32,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, String> {
        self.level += 1;
        if self.level > LEVEL_MAX {
            return Err("nesting of semi join sub-selects is not supported".into());
        }
        self.keyword("SELECT")?;
        let mut select = vec![self.item()?];
        while self.sign(",") {
            select.push(self.item()?);
        }
        self.keyword("FROM")?;
        let from = self.name()?;
        let explicit = self.word("AS");
        let alias = if explicit || self.is_plain_word() { Some(self.name()?) } else { None };
        let mut query = Query {
            select,
            from,
            alias,
            scope: None,
            filter: None,
            security: None,
            group: Vec::new(),
            having: None,
            order: Vec::new(),
            limit: None,
            offset: None,
            purpose: None,
            all_rows: false,
        };
        self.clauses(&mut query)?;
        self.level -= 1;
        Ok(query)
    }

    fn clauses(&mut self, query: &mut Query) -> Result<(), String> {
        if self.word("USING") {
            self.keyword("SCOPE")?;
            query.scope = Some(self.name()?);
        }
        if self.word("WHERE") {
            query.filter = Some(self.condition()?);
        }
        if self.word("WITH") {
            query.security = Some(self.name()?);
        }
        if self.word("GROUP") {
            self.keyword("BY")?;
            query.group.push(self.operand()?);
            while self.sign(",") {
                query.group.push(self.operand()?);
            }
            if self.word("HAVING") {
                query.having = Some(self.condition()?);
            }
        }
        if self.word("ORDER") {
            self.keyword("BY")?;
            query.order.push(self.order()?);
            while self.sign(",") {
                query.order.push(self.order()?);
            }
        }
        if self.word("LIMIT") {
            query.limit = Some(self.whole()?);
        }
        if self.word("OFFSET") {
            query.offset = Some(self.whole()?);
        }
        if self.word("FOR") {
            let purpose = self.name()?.to_ascii_uppercase();
            if !matches!(purpose.as_str(), "VIEW" | "REFERENCE" | "UPDATE") {
                self.at -= 1;
                return Err(self.unexpected());
            }
            query.purpose = Some(purpose);
        }
        if self.word("ALL") {
            self.keyword("ROWS")?;
            query.all_rows = true;
        }
        Ok(())
    }

    fn item(&mut self) -> Result<Item, String> {
        if self.sign("(") {
            let query = self.query()?;
            self.close()?;
            return Ok(Item::Children(Box::new(query)));
        }
        if self.word("TYPEOF") {
            return self.type_of();
        }
        let operand = self.operand()?;
        if let Operand::Call { function, argument: Some(set) } = &operand
            && function.eq_ignore_ascii_case("FIELDS")
        {
            let set = match set.to_ascii_uppercase().as_str() {
                "ALL" => FieldSet::All,
                "STANDARD" => FieldSet::Standard,
                "CUSTOM" => FieldSet::Custom,
                _ => return Err(format!("unknown field set: '{set}'")),
            };
            return Ok(Item::Fields(set));
        }
        let named = self.word("AS") || self.is_plain_word();
        let alias = if named { Some(self.name()?) } else { None };
        Ok(Item::Value { operand, alias })
    }

    fn type_of(&mut self) -> Result<Item, String> {
        let relationship = self.name()?;
        let mut whens = Vec::new();
        while self.word("WHEN") {
            let object = self.name()?;
            self.keyword("THEN")?;
            whens.push((object, self.names()?));
        }
        let otherwise = if self.word("ELSE") { self.names()? } else { Vec::new() };
        self.keyword("END")?;
        if whens.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Item::TypeOf { relationship, whens, otherwise })
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        let mut names = vec![self.name()?];
        while self.sign(",") {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn operand(&mut self) -> Result<Operand, String> {
        if !self.is_plain_word()
            && !matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.contains('.'))
        {
            return Err(self.unexpected());
        }
        let name = self.name()?;
        if !self.sign("(") {
            return Ok(Operand::Field(name));
        }
        if name.contains('.') {
            return Err(format!("unexpected token: '{name}'"));
        }
        let argument = if self.peeks(")") { None } else { Some(self.name()?) };
        self.close()?;
        Ok(Operand::Call { function: name, argument })
    }

    /// One condition, or several joined by `AND` alone or `OR` alone: SOQL refuses a mix without parentheses.
    fn condition(&mut self) -> Result<Condition, String> {
        let first = self.single()?;
        let joiner = match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) if word.eq_ignore_ascii_case("AND") => "AND",
            Some((_, Token::Word(word))) if word.eq_ignore_ascii_case("OR") => "OR",
            _ => return Ok(first),
        };
        let mut all = vec![first];
        while self.word(joiner) {
            all.push(self.single()?);
        }
        Ok(if joiner == "AND" { Condition::And(all) } else { Condition::Or(all) })
    }

    fn single(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("condition is nested too deeply".into());
        }
        let condition = if self.word("NOT") {
            Condition::Not(Box::new(self.single()?))
        } else if self.sign("(") {
            let inner = self.condition()?;
            self.close()?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        let membership = if self.word("IN") {
            Some(Membership::In)
        } else if self.word("INCLUDES") {
            Some(Membership::Includes)
        } else if self.word("EXCLUDES") {
            Some(Membership::Excludes)
        } else if self.word("NOT") {
            self.keyword("IN")?;
            Some(Membership::NotIn)
        } else {
            None
        };
        if let Some(membership) = membership {
            return self.among(left, membership);
        }
        let table = [
            ("=", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            (">=", Comparison::GreaterOrEqual),
        ];
        let comparison = if self.word("LIKE") {
            Comparison::Like
        } else {
            let found = table.iter().find(|(sign, _)| self.sign(sign));
            found.map(|(_, comparison)| *comparison).ok_or_else(|| self.unexpected())?
        };
        Ok(Condition::Compare(left, comparison, self.literal()?))
    }

    fn among(&mut self, left: Operand, membership: Membership) -> Result<Condition, String> {
        if !self.sign("(") {
            return Err(self.unexpected());
        }
        let condition = if self.peeks_word("SELECT") {
            Condition::AmongRows(left, membership, Box::new(self.query()?))
        } else {
            let mut list = vec![self.literal()?];
            while self.sign(",") {
                list.push(self.literal()?);
            }
            Condition::Among(left, membership, list)
        };
        self.close()?;
        Ok(condition)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let literal = match self.tokens.get(self.at) {
            Some((_, Token::Text(text))) => Literal::Text(text.clone()),
            Some((_, Token::Figure(figure))) => figure_literal(figure).ok_or_else(|| self.unexpected())?,
            Some((_, Token::Word(word))) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Boolean(true),
                "FALSE" => Literal::Boolean(false),
                _ => return self.named(),
            },
            Some((_, Token::Sign(_))) | None => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(literal)
    }

    fn named(&mut self) -> Result<Literal, String> {
        let start = self.at;
        let name = self.name()?.to_ascii_uppercase();
        let count = if self.sign(":") {
            Some(u32::try_from(self.whole()?).map_err(|_| self.unexpected())?)
        } else {
            None
        };
        if !super::dates::is_named(&name, count.is_some()) {
            self.at = start;
            return Err(self.unexpected());
        }
        Ok(Literal::Named(name, count))
    }

    fn order(&mut self) -> Result<Order, String> {
        let by = self.operand()?;
        let descending = self.word("DESC");
        if !descending {
            self.word("ASC");
        }
        let nulls_last = if self.word("NULLS") {
            let last = self.word("LAST");
            if !last {
                self.keyword("FIRST")?;
            }
            Some(last)
        } else {
            None
        };
        Ok(Order { by, descending, nulls_last })
    }

    fn whole(&mut self) -> Result<u64, String> {
        let Some((_, Token::Figure(figure))) = self.tokens.get(self.at) else {
            return Err(self.unexpected());
        };
        let number = figure.parse().map_err(|_| self.unexpected())?;
        self.at += 1;
        Ok(number)
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) if !word.ends_with('.') && !word.contains("..") => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn is_plain_word(&self) -> bool {
        match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) => {
                !word.contains('.') && !KEYWORDS.contains(&word.to_ascii_uppercase().as_str())
            }
            _ => false,
        }
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        if self.word(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn close(&mut self) -> Result<(), String> {
        if self.sign(")") { Ok(()) } else { Err(self.unexpected()) }
    }

    fn word(&mut self, keyword: &str) -> bool {
        let found = self.peeks_word(keyword);
        self.at += usize::from(found);
        found
    }

    fn peeks_word(&self, keyword: &str) -> bool {
        matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.eq_ignore_ascii_case(keyword))
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.peeks(sign);
        self.at += usize::from(found);
        found
    }

    fn peeks(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some((_, Token::Sign(found))) if *found == sign)
    }

    fn unexpected(&self) -> String {
        match self.tokens.get(self.at) {
            Some((_, Token::Word(text) | Token::Figure(text))) => format!("unexpected token: '{text}'"),
            Some((_, Token::Text(_))) => "unexpected token: quoted text".into(),
            Some((_, Token::Sign(sign))) => format!("unexpected token: '{sign}'"),
            None => "unexpected token: '<EOF>'".into(),
        }
    }
}

fn figure_literal(figure: &str) -> Option<Literal> {
    if figure.as_bytes().get(4) == Some(&b'-') {
        return if figure.len() == 10 {
            datetime::read_date(figure).map(|_| Literal::Date(figure.to_owned()))
        } else {
            datetime::read_date_time(figure).map(|_| Literal::DateTime(figure.to_owned()))
        };
    }
    figure.parse::<f64>().ok().filter(|n| n.is_finite()).map(|_| Literal::Number(figure.to_owned()))
}

const TEXT_MAX: usize = 100_000;
const DEPTH_MAX: u32 = 30;
const LEVEL_MAX: u32 = 3;
pub(super) const KEYWORDS: [&str; 22] = [
    "FROM", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "USING", "AND",
    "OR", "NOT", "AS", "ASC", "DESC", "NULLS", "SELECT", "IN", "LIKE", "UPDATE",
];

#[cfg(test)]
mod tests;
