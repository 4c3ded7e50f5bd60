//! The little of Apex that the org understands: debug output, records, and writing them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Problem;
use super::lex::{Placed, Token, tokens};
use super::post_copy::Context;
use crate::soql::{self, Query};
use crate::store::Store;

/// A value to be worked out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    Scalar(Value),
    New(String, Vec<(String, Self)>),
    List(Vec<Self>),
    Rows(Box<Query>),
    Name(String),
    Member(String, String),
    Sum(Vec<Self>),
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Debug(Term),
    Declare(String, Term),
    Set(String, String, Term),
    Add(String, Term),
    /// `insert`, `update`, `upsert`, `delete`, `undelete`.
    Write(String, Term),
    /// `for (Contact c : rows) { … }`
    Each(String, Term, Vec<Step>),
}

/// A statement and where it stands.
pub(super) type Step = (Action, usize, usize);

/// Reads source text against the schema of the org; a context answers to the name that comes with it.
///
/// Errors: the first problem that a compiler would name.
pub(super) fn parse(
    store: &Store,
    text: &str,
    context: Option<(String, Context)>,
) -> Result<Vec<Step>, Problem> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, at: 0, store, kinds: BTreeMap::new(), depth: 0, context };
    let mut steps = Vec::new();
    while parser.peek() != &Token::End {
        steps.push(parser.step()?);
    }
    Ok(steps)
}

struct Parser<'a> {
    tokens: Vec<Placed>,
    at: usize,
    store: &'a Store,
    /// Lower-case names of variables, and the object each holds, if it holds records.
    kinds: BTreeMap<String, Option<String>>,
    depth: usize,
    context: Option<(String, Context)>,
}

impl Parser<'_> {
    /// A statement with the mark that ends it.
    fn step(&mut self) -> Result<Step, Problem> {
        let (line, column) = self.place();
        let action = self.statement()?;
        if !matches!(action, Action::Each(..)) {
            self.mark(';')?;
        }
        Ok((action, line, column))
    }

    /// `(Contact c : rows) { … }`, after `for`.
    fn each(&mut self) -> Result<Action, Problem> {
        self.depth += 1;
        if self.depth > LEVELS_MAX {
            return Err(self.problem("Script too deep".into()));
        }
        self.mark('(')?;
        let first = self.word()?;
        let kind = self.kind(&first)?;
        let name = self.word()?.to_ascii_lowercase();
        self.mark(':')?;
        let term = self.term()?;
        self.mark(')')?;
        self.mark('{')?;
        let hidden = self.kinds.insert(name.clone(), kind);
        let mut steps = Vec::new();
        while !self.skip('}') {
            steps.push(self.step()?);
        }
        match hidden {
            Some(kind) => self.kinds.insert(name.clone(), kind),
            None => self.kinds.remove(&name),
        };
        self.depth -= 1;
        Ok(Action::Each(name, term, steps))
    }

    fn statement(&mut self) -> Result<Action, Problem> {
        let first = self.word()?;
        let lower = first.to_ascii_lowercase();
        if lower == "for" && self.peek() == &Token::Mark('(') {
            return self.each();
        }
        if VERBS.contains(&lower.as_str()) {
            return Ok(Action::Write(lower, self.term()?));
        }
        if lower == "system" && self.skip('.') {
            self.named("debug")?;
            self.mark('(')?;
            let mut term = self.term()?;
            // A logging level may stand before what is to be shown.
            if self.skip(',') {
                term = self.term()?;
            }
            self.mark(')')?;
            return Ok(Action::Debug(term));
        }
        if lower == "database" && self.skip('.') {
            let verb = self.word()?.to_ascii_lowercase();
            if !VERBS.contains(&verb.as_str()) {
                return Err(self.back(format!(
                    "Method does not exist or incorrect signature: void {verb}() from the type Database"
                )));
            }
            self.mark('(')?;
            let term = self.term()?;
            self.mark(')')?;
            return Ok(Action::Write(verb, term));
        }
        if self.skip('.') {
            return self.on_variable(&first);
        }
        self.declaration(&first)
    }

    /// `name.Field = …` or `name.add(…)`.
    fn on_variable(&mut self, name: &str) -> Result<Action, Problem> {
        let key = name.to_ascii_lowercase();
        let kind = self.kinds.get(&key).cloned();
        let kind = kind.ok_or_else(|| self.back(format!("Variable does not exist: {name}")))?;
        let member = self.word()?;
        if member.eq_ignore_ascii_case("add") && self.skip('(') {
            let term = self.term()?;
            self.mark(')')?;
            return Ok(Action::Add(key, term));
        }
        let field = self.field(kind.as_deref(), &member)?;
        self.mark('=')?;
        Ok(Action::Set(key, field, self.term()?))
    }

    /// `Type name = …`, where the type is an object, a list of one, or of plain values.
    fn declaration(&mut self, kind: &str) -> Result<Action, Problem> {
        let kind = self.kind(kind)?;
        let name = self.word()?;
        self.mark('=')?;
        let term = self.term()?;
        self.kinds.insert(name.to_ascii_lowercase(), kind);
        Ok(Action::Declare(name.to_ascii_lowercase(), term))
    }

    /// What follows the name of a type: the object, for types that hold records.
    fn kind(&mut self, first: &str) -> Result<Option<String>, Problem> {
        if first.eq_ignore_ascii_case("list") && self.skip('<') {
            let inner = self.word()?;
            let kind = self.kind(&inner)?;
            self.mark('>')?;
            return Ok(kind);
        }
        if PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(first)) {
            return Ok(None);
        }
        let Some(object) = self.store.schema.object(first) else {
            return Err(match self.peek() {
                Token::Word(_) | Token::Mark('[') => self.back(format!("Invalid type: {first}")),
                Token::Mark(_) | Token::Number(_) | Token::Text(_) | Token::Query(_) | Token::End => {
                    self.back(format!("Unexpected token '{first}'."))
                }
            });
        };
        let name = object.name.clone();
        if self.skip('[') {
            self.mark(']')?;
        }
        Ok(Some(name))
    }

    fn term(&mut self) -> Result<Term, Problem> {
        self.depth += 1;
        if self.depth > LEVELS_MAX {
            return Err(self.problem("Script too deep".into()));
        }
        let mut parts = vec![self.single()?];
        while self.skip('+') {
            parts.push(self.single()?);
        }
        self.depth -= 1;
        Ok(if parts.len() > 1 { Term::Sum(parts) } else { parts.pop().unwrap_or(Term::Scalar(Value::Null)) })
    }

    fn single(&mut self) -> Result<Term, Problem> {
        let token = self.peek().clone();
        match token {
            Token::Text(text) => {
                self.at += 1;
                Ok(Term::Scalar(Value::String(text)))
            }
            Token::Number(text) => {
                self.at += 1;
                let number =
                    serde_json::from_str(&text).map_err(|_| self.back(format!("Invalid number: {text}")))?;
                Ok(Term::Scalar(number))
            }
            Token::Query(text) => {
                let query = soql::parse(&text).map_err(|error| self.problem(error.message))?;
                if self.store.schema.object(&query.from).is_none() {
                    return Err(self.problem(format!("sObject type '{}' is not supported.", query.from)));
                }
                self.at += 1;
                Ok(Term::Rows(Box::new(query)))
            }
            Token::Word(word) => {
                self.at += 1;
                self.word_term(&word)
            }
            Token::Mark(_) | Token::End => Err(self.unexpected()),
        }
    }

    fn word_term(&mut self, word: &str) -> Result<Term, Problem> {
        match word.to_ascii_lowercase().as_str() {
            "true" => return Ok(Term::Scalar(Value::Bool(true))),
            "false" => return Ok(Term::Scalar(Value::Bool(false))),
            "null" => return Ok(Term::Scalar(Value::Null)),
            "new" => return self.creation(),
            "logginglevel" if self.skip('.') => return Ok(Term::Scalar(Value::String(self.word()?))),
            _ => {}
        }
        let key = word.to_ascii_lowercase();
        if let Some((_, context)) = self.context.clone().filter(|(name, _)| name.eq_ignore_ascii_case(word)) {
            return self.told(&context);
        }
        let kind = self.kinds.get(&key).cloned();
        let kind = kind.ok_or_else(|| self.back(format!("Variable does not exist: {word}")))?;
        if self.skip('.') {
            let member = self.word()?;
            let field = self.field(kind.as_deref(), &member)?;
            return Ok(Term::Member(key, field));
        }
        Ok(Term::Name(key))
    }

    /// What the context of a new sandbox answers to one of its three methods.
    fn told(&mut self, context: &Context) -> Result<Term, Problem> {
        self.mark('.')?;
        let method = self.word()?;
        let told = match method.to_ascii_lowercase().as_str() {
            "organizationid" => &context.organization,
            "sandboxid" => &context.sandbox,
            "sandboxname" => &context.name,
            _ => {
                let message = format!(
                    "Method does not exist or incorrect signature: void {method}() from the type SandboxContext"
                );
                return Err(self.back(message));
            }
        };
        self.mark('(')?;
        self.mark(')')?;
        Ok(Term::Scalar(Value::String(told.clone())))
    }

    /// `new Contact(LastName = 'x')`, `new List<Contact>{ … }`, `new Contact[]{ … }`.
    fn creation(&mut self) -> Result<Term, Problem> {
        let first = self.word()?;
        let kind = self.kind(&first)?;
        if self.skip('{') {
            let mut items = Vec::new();
            while !self.skip('}') {
                items.push(self.term()?);
                if !self.skip(',') && self.peek() != &Token::Mark('}') {
                    return Err(self.unexpected());
                }
            }
            return Ok(Term::List(items));
        }
        self.mark('(')?;
        let mut fields = Vec::new();
        while !self.skip(')') {
            let name = self.word()?;
            let name = self.field(kind.as_deref(), &name)?;
            self.mark('=')?;
            fields.push((name, self.term()?));
            if !self.skip(',') && self.peek() != &Token::Mark(')') {
                return Err(self.unexpected());
            }
        }
        match kind {
            Some(kind) if !first.eq_ignore_ascii_case("list") => Ok(Term::New(kind, fields)),
            _ => Ok(Term::List(Vec::new())),
        }
    }

    fn field(&self, object: Option<&str>, name: &str) -> Result<String, Problem> {
        let found = object.and_then(|object| self.store.schema.object(object));
        let field = found.and_then(|object| object.field(name)).map(|field| field.name.clone());
        let kind = object.unwrap_or("String");
        field.ok_or_else(|| self.back(format!("Field does not exist: {name} on {kind}")))
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, ..)| token)
    }

    fn place(&self) -> (usize, usize) {
        self.tokens.get(self.at).or(self.tokens.last()).map_or((1, 1), |(_, line, column)| (*line, *column))
    }

    fn word(&mut self) -> Result<String, Problem> {
        let Token::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        self.at += 1;
        Ok(word)
    }

    fn named(&mut self, wanted: &str) -> Result<(), Problem> {
        let found = self.word()?;
        if found.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        Err(self.back(format!(
            "Method does not exist or incorrect signature: void {found}() from the type System"
        )))
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.peek() == &Token::Mark(wanted);
        self.at += usize::from(found);
        found
    }

    fn mark(&mut self, wanted: char) -> Result<(), Problem> {
        if self.skip(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Problem {
        let shown = match self.peek() {
            Token::Word(text) | Token::Number(text) | Token::Text(text) | Token::Query(text) => text.clone(),
            Token::Mark(c) => c.to_string(),
            Token::End => "<EOF>".into(),
        };
        self.problem(format!("Unexpected token '{shown}'."))
    }

    fn problem(&self, message: String) -> Problem {
        let (line, column) = self.place();
        Problem { message, line, column }
    }

    /// A problem with the token before this one.
    fn back(&self, message: String) -> Problem {
        let at = self.at.saturating_sub(1);
        let (line, column) = self.tokens.get(at).map_or((1, 1), |(_, line, column)| (*line, *column));
        Problem { message, line, column }
    }
}

const VERBS: [&str; 5] = ["insert", "update", "upsert", "delete", "undelete"];
const PLAIN: [&str; 9] =
    ["String", "Integer", "Long", "Decimal", "Double", "Boolean", "Id", "Date", "Datetime"];
const LEVELS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;
    use proptest::prelude::*;

    #[test]
    fn what_a_compiler_refuses_is_refused_where_it_stands() {
        let store = Store::new(Schema::shipped(), 10);
        for (text, message, line, column) in [
            ("insert new Contact(LastName='x')", "Unexpected token '<EOF>'.", 1, 33),
            ("System.debug('a'", "Unexpected token '<EOF>'.", 1, 17),
            ("\n  insert c;", "Variable does not exist: c", 2, 10),
            ("insert new Nope();", "Invalid type: Nope", 1, 12),
            ("insert new Contact(Nope='x');", "Field does not exist: Nope on Contact", 1, 20),
            ("for (Contact c : cs) {}", "Variable does not exist: cs", 1, 18),
            ("for (Integer i = 0; i < 3; i++) {}", "Unexpected token '='.", 1, 16),
            (
                "for (Contact c : [SELECT Id FROM Contact]) { c.Nope = 1; }",
                "Field does not exist: Nope on Contact",
                1,
                48,
            ),
            ("for (Contact c : [SELECT Id FROM Contact]) { delete c;", "Unexpected token '<EOF>'.", 1, 55),
            ("Nope x = 1;", "Invalid type: Nope", 1, 1),
            ("delete [SELECT FROM Contact];", "", 1, 8),
            (
                "System.nope();",
                "Method does not exist or incorrect signature: void nope() from the type System",
                1,
                8,
            ),
            (
                "String s = 'a\nb';",
                "Illegal string literal: Line breaks not allowed in string literals",
                1,
                12,
            ),
        ] {
            let problem = parse(&store, text, None).unwrap_err();
            assert_eq!((problem.line, problem.column), (line, column), "{text}: {problem:?}");
            assert!(
                message.is_empty()
                    || problem.message == message
                    || message.starts_with("Invalid type") && problem.message.contains("Nope"),
                "{text}: {problem:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(new |Contact|for ?|: |insert |c|[(){}.,;='\\[\\]+ \n/*<>1a]){0,40}") {
            let store = Store::new(Schema::shipped(), 10);
            drop(parse(&store, &text, None));
        }
    }
}
