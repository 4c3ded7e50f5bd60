//! GraphQL documents: one operation of them, with its variables and fragments put in place.
//!
//! Source: GraphQL specification, October 2021, section 2; what the platform does not use (subscriptions,
//! type definitions) is refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::lex::{Lexer, Token};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The operation that is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) mutation: bool,
    pub(super) fields: Vec<Field>,
}

/// A field that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// The name in the answer.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Self>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// One element of a selection as written.
#[derive(Debug, Clone)]
enum Selected {
    Field(Field, Vec<Self>),
    Spread(String),
    Inline(Vec<Self>),
}

/// Reads the operation of this name, or the only one.
///
/// Bounds: 64 levels, 20,000 tokens, 5,000 fields after fragments are put in place.
pub(super) fn parse(
    text: &str,
    name: Option<&str>,
    variables: &Map<String, Value>,
) -> Result<Operation, Fault> {
    let mut parser = Parser { lexer: Lexer::new(text)?, variables: variables.clone(), depth: 0 };
    let mut found: Vec<(Option<String>, bool, Vec<Selected>)> = Vec::new();
    let mut fragments: BTreeMap<String, Vec<Selected>> = BTreeMap::new();
    while !parser.lexer.at_end() {
        match parser.lexer.peek().clone() {
            Token::Punctuation('{') => found.push((None, false, parser.selection()?)),
            Token::Name(word) if word == "query" || word == "mutation" => {
                parser.lexer.next();
                let name = parser.optional_name();
                parser.definitions()?;
                parser.directives()?;
                found.push((name, word == "mutation", parser.selection()?));
            }
            Token::Name(word) if word == "fragment" => {
                parser.lexer.next();
                let name = parser.name()?;
                parser.word("on")?;
                parser.name()?;
                parser.directives()?;
                let selection = parser.selection()?;
                fragments.insert(name, selection);
            }
            other @ (Token::Punctuation(_)
            | Token::Name(_)
            | Token::Number(_)
            | Token::Text(_)
            | Token::End) => {
                return Err(parser.unexpected(&other));
            }
        }
    }
    let wanted = match (name, found.len()) {
        (Some(name), _) => found.into_iter().find(|(known, ..)| known.as_deref() == Some(name)),
        (None, 1) => found.pop(),
        (None, _) => None,
    };
    let whole = || Fault {
        message: "Must provide operation name if query contains multiple operations".into(),
        line: 1,
        column: 1,
    };
    let (_, mutation, selected) = wanted.ok_or_else(whole)?;
    let mut left = FIELDS_MAX;
    Ok(Operation { mutation, fields: place(&selected, &fragments, 0, &mut left)? })
}

/// Puts fragments in place of their names; equal keys are one field.
fn place(
    selected: &[Selected],
    fragments: &BTreeMap<String, Vec<Selected>>,
    depth: usize,
    left: &mut usize,
) -> Result<Vec<Field>, Fault> {
    let fault = |message: String| Fault { message, line: 1, column: 1 };
    if depth > LEVELS_MAX {
        return Err(fault("the document is nested too deep, or a fragment holds itself".into()));
    }
    let mut out: Vec<Field> = Vec::new();
    for one in selected {
        *left = left.checked_sub(1).ok_or_else(|| fault("the document asks for too many fields".into()))?;
        let more = match one {
            Selected::Field(field, inner) => {
                let mut field = field.clone();
                field.fields = place(inner, fragments, depth + 1, left)?;
                vec![field]
            }
            Selected::Inline(inner) => place(inner, fragments, depth + 1, left)?,
            Selected::Spread(name) => {
                let inner = fragments.get(name).ok_or_else(|| {
                    fault(format!("Validation error (UndefinedFragment) : Undefined fragment '{name}'"))
                })?;
                place(inner, fragments, depth + 1, left)?
            }
        };
        for field in more {
            match out.iter_mut().find(|known| known.key == field.key) {
                Some(known) => known.fields.extend(field.fields),
                None => out.push(field),
            }
        }
    }
    Ok(out)
}

struct Parser {
    lexer: Lexer,
    variables: Map<String, Value>,
    depth: usize,
}

impl Parser {
    fn selection(&mut self) -> Result<Vec<Selected>, Fault> {
        self.deeper()?;
        self.punctuation('{')?;
        let mut out = Vec::new();
        while !self.skip('}') {
            if self.skip('.') {
                let inline = match self.lexer.peek() {
                    Token::Name(word) => word == "on",
                    Token::Punctuation(_) | Token::Number(_) | Token::Text(_) | Token::End => true,
                };
                if !inline {
                    let name = self.name()?;
                    if self.directives()? {
                        out.push(Selected::Spread(name));
                    }
                    continue;
                }
                if self.lexer.peek() == &Token::Name("on".into()) {
                    self.lexer.next();
                    self.name()?;
                }
                let kept = self.directives()?;
                let inner = self.selection()?;
                if kept {
                    out.push(Selected::Inline(inner));
                }
                continue;
            }
            if let Some(field) = self.field()? {
                out.push(field);
            }
        }
        self.depth -= 1;
        Ok(out)
    }

    /// A field, unless a directive leaves it out.
    fn field(&mut self) -> Result<Option<Selected>, Fault> {
        let (line, column) = self.lexer.place();
        let first = self.name()?;
        let (key, name) = if self.skip(':') { (first, self.name()?) } else { (first.clone(), first) };
        let arguments = self.arguments()?;
        let kept = self.directives()?;
        let inner =
            if self.lexer.peek() == &Token::Punctuation('{') { self.selection()? } else { Vec::new() };
        let field = Field { key, name, arguments, fields: Vec::new(), line, column };
        Ok(kept.then_some(Selected::Field(field, inner)))
    }

    fn arguments(&mut self) -> Result<Map<String, Value>, Fault> {
        let mut out = Map::new();
        if self.skip('(') {
            while !self.skip(')') {
                let name = self.name()?;
                self.punctuation(':')?;
                let value = self.value()?;
                out.insert(name, value);
            }
        }
        Ok(out)
    }

    /// Whether `@include` and `@skip` let the selection stand.
    fn directives(&mut self) -> Result<bool, Fault> {
        let mut kept = true;
        while self.skip('@') {
            let name = self.name()?;
            let arguments = self.arguments()?;
            let condition = arguments.get("if").and_then(Value::as_bool).unwrap_or(true);
            kept &= match name.as_str() {
                "include" => condition,
                "skip" => !condition,
                _ => true,
            };
        }
        Ok(kept)
    }

    /// `($name: Type! = default, …)`
    fn definitions(&mut self) -> Result<(), Fault> {
        if !self.skip('(') {
            return Ok(());
        }
        while !self.skip(')') {
            self.punctuation('$')?;
            let name = self.name()?;
            self.punctuation(':')?;
            while self.skip('[') {}
            self.name()?;
            while self.skip(']') || self.skip('!') {}
            if self.skip('=') {
                let default = self.value()?;
                self.variables.entry(name).or_insert(default);
            }
            self.directives()?;
        }
        Ok(())
    }

    /// A value; names of enumerations become text, variables what they stand for.
    fn value(&mut self) -> Result<Value, Fault> {
        self.deeper()?;
        let at = self.lexer.peek().clone();
        self.lexer.next();
        let value = match at {
            Token::Text(text) => Value::String(text),
            Token::Number(text) => serde_json::from_str(&text).unwrap_or(Value::Null),
            Token::Name(word) => match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(word),
            },
            Token::Punctuation('$') => {
                let name = self.name()?;
                self.variables.get(&name).cloned().unwrap_or(Value::Null)
            }
            Token::Punctuation('[') => {
                let mut items = Vec::new();
                while !self.skip(']') {
                    items.push(self.value()?);
                }
                Value::Array(items)
            }
            Token::Punctuation('{') => {
                let mut members = Map::new();
                while !self.skip('}') {
                    let name = self.name()?;
                    self.punctuation(':')?;
                    let value = self.value()?;
                    members.insert(name, value);
                }
                Value::Object(members)
            }
            other @ (Token::Punctuation(_) | Token::End) => return Err(self.unexpected(&other)),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > LEVELS_MAX {
            return Err(self.fault("the document is nested too deep".into()));
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.lexer.peek().clone() {
            Token::Name(name) => {
                self.lexer.next();
                Ok(name)
            }
            other @ (Token::Punctuation(_) | Token::Number(_) | Token::Text(_) | Token::End) => {
                Err(self.unexpected(&other))
            }
        }
    }

    fn optional_name(&mut self) -> Option<String> {
        self.name().ok()
    }

    fn word(&mut self, wanted: &str) -> Result<(), Fault> {
        let found = self.name()?;
        if found == wanted { Ok(()) } else { Err(self.unexpected(&Token::Name(found))) }
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.lexer.peek() == &Token::Punctuation(wanted);
        if found {
            self.lexer.next();
        }
        found
    }

    fn punctuation(&mut self, wanted: char) -> Result<(), Fault> {
        if self.skip(wanted) {
            return Ok(());
        }
        let found = self.lexer.peek().clone();
        Err(self.unexpected(&found))
    }

    fn unexpected(&self, found: &Token) -> Fault {
        let shown = match found {
            Token::Name(text) | Token::Number(text) | Token::Text(text) => text.clone(),
            Token::Punctuation(c) => c.to_string(),
            Token::End => "<EOF>".into(),
        };
        self.fault(format!("Invalid Syntax : offending token '{shown}'"))
    }

    fn fault(&self, message: String) -> Fault {
        let (line, column) = self.lexer.place();
        Fault { message, line, column }
    }
}

const LEVELS_MAX: usize = 64;
const FIELDS_MAX: usize = 5_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn documents_become_one_operation() {
        let text = "query Other { a } query Q($n: [Int!]! = 3, $v: String) { x: uiapi(first: $n, where: {a: [ASC, \"t\\n\", $v, -1.5e2]}) \
                    { ...F ... on T { b @skip(if: true) c @include(if: true) } } } fragment F on T { d, c { e } } # end";
        let variables = Map::from_iter([("v".to_owned(), json!(true))]);
        let operation = parse(text, Some("Q"), &variables).unwrap();
        let field = &operation.fields[0];
        assert_eq!((field.key.as_str(), field.name.as_str(), operation.mutation), ("x", "uiapi", false));
        assert_eq!(
            Value::Object(field.arguments.clone()),
            json!({"first": 3, "where": {"a": ["ASC", "t\n", true, -150.0]}})
        );
        let names: Vec<&str> = field.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!((names, field.fields[1].fields.len()), (vec!["d", "c"], 1));
    }

    #[test]
    fn what_is_not_a_document_says_where() {
        for (text, line, column) in [
            ("{ a ", 1, 5),
            ("{\n a: }", 2, 5),
            ("subscription { a }", 1, 1),
            ("{ a(b: ) }", 1, 10),
            ("{ a \"", 1, 5),
            ("{ ^ }", 1, 3),
        ] {
            let fault = parse(text, None, &Map::new()).unwrap_err();
            assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault:?}");
        }
        for text in ["", "{ ...F }", "{ ...F } fragment F on T { ...F }", "{a} {b}", &"{a".repeat(100)] {
            assert!(parse(text, None, &Map::new()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[{}()a:$\"@.!=\\[\\] \n#1e-]{0,60}") {
            drop(parse(&text, None, &Map::new()));
        }
    }
}
