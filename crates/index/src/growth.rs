//! What in a query makes values long, or takes long over them in a single step: so much of it as stays bounded.
//!
//! A query within another one, above all one that asks itself, could double a text with each level. So what makes texts
//! longer than they were stands in the outermost query alone, and a few times.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named here makes nothing longer")]

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Query,
    Select, SelectItem, TableFactor, VisitMut as _, VisitorMut, visit_expressions,
};

/// Columns of a query at most.
pub(crate) const COLUMNS_MAX: usize = 200;
/// How often a query may join texts.
const JOINS_MAX: usize = 16;
/// How many names an expression may come to once queries within it stand in their names' places: databases put them there
/// before they look at their clock.
const NAMES_MAX: usize = 1 << 14;
/// What a value may be cast to: types of the databases themselves, none of which a query can name, and none of the
/// catalogue or of rows.
const TYPES: [&str; 12] = [
    "bigint",
    "boolean",
    "date",
    "decimal",
    "double",
    "double precision",
    "int",
    "integer",
    "numeric",
    "real",
    "smallint",
    "timestamp",
];

/// Whether no value of it can be much longer than those of the tables.
///
/// Errors: a sentence: what makes them so.
pub(crate) fn bounded(query: &mut Query) -> Result<(), String> {
    let mut seen = Growth { names: 1, ..Growth::default() };
    if let ControlFlow::Break(says) = query.visit(&mut seen) {
        return Err(says);
    }
    if seen.joins > JOINS_MAX {
        return Err(format!("`||` stands {JOINS_MAX} times in a query at most"));
    }
    // PostgreSQL makes one text of a whole row.
    let is_row = seen.has_rows || seen.bare.iter().any(|name| seen.tables.contains(name));
    if is_row && (seen.joins > 0 || seen.has_casts) {
        return Err("columns are joined and cast by their names, and not a whole row; write `table.column` where a table has the \
                    column's name"
            .to_owned());
    }
    Ok(())
}

#[derive(Default)]
struct Growth {
    depth: usize,
    joins: usize,
    /// How many names the longest expression can come to: each query within another multiplies what names its columns.
    names: usize,
    has_casts: bool,
    has_rows: bool,
    /// Names of tables: those that the query gives, and their own where it gives none.
    tables: BTreeSet<String>,
    /// Names that stand alone where a value does.
    bare: BTreeSet<String>,
}

type Step = ControlFlow<String>;

impl Growth {
    fn outermost(&self, what: &str) -> Step {
        if self.depth == 1 {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!(
            "{what} stands in the outermost query alone: within another one it is not bounded"
        ))
    }
}

impl VisitorMut for Growth {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> Step {
        self.depth += 1;
        let named = query.with.iter().flat_map(|with| &with.cte_tables);
        self.tables.extend(named.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> Step {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Step {
        if select.projection.len() > COLUMNS_MAX {
            return ControlFlow::Break(format!("a query asks for {COLUMNS_MAX} columns at most"));
        }
        let longest = select.projection.iter().map(names).max().unwrap_or(1);
        self.names = self.names.saturating_mul(longest.max(1));
        if self.names > NAMES_MAX {
            return ControlFlow::Break(
                "queries within queries name columns too often: what they come to is not bounded".to_owned(),
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Step {
        let name = match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. } => Some(&alias.name),
            // Its own name stands for a row of it as well.
            TableFactor::Table { name, .. } => name.0.last().and_then(ObjectNamePart::as_ident),
            _ => None,
        };
        self.tables.extend(name.map(|name| name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Step {
        match expr {
            Expr::BinaryOp { op: BinaryOperator::StringConcat, .. } => {
                self.joins += 1;
                self.outermost("`||`")
            }
            Expr::Cast { data_type, .. } => {
                let kind = data_type.to_string().to_lowercase();
                let kind = kind.split('(').next().unwrap_or_default().trim_end();
                if TYPES.contains(&kind) {
                    return ControlFlow::Continue(());
                }
                if !["text", "varchar"].contains(&kind) {
                    return ControlFlow::Break(format!("nothing is cast to `{kind}` here"));
                }
                self.has_casts = true;
                self.outermost("what is cast to a text")
            }
            Expr::Tuple(_) => {
                self.has_rows = true;
                ControlFlow::Continue(())
            }
            Expr::Identifier(name) => {
                self.bare.insert(name.value.to_lowercase());
                ControlFlow::Continue(())
            }
            Expr::Trim { trim_what, trim_characters, .. }
                if trim_what.is_some() || trim_characters.is_some() =>
            {
                trimmed()
            }
            Expr::Function(function) => called(function),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// How many names stand in an expression.
fn names(item: &SelectItem) -> usize {
    let mut count = 0_usize;
    let _whole: ControlFlow<()> = visit_expressions(item, |expr| {
        count += usize::from(matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)));
        ControlFlow::Continue(())
    });
    count
}

fn called(function: &Function) -> Step {
    let FunctionArguments::List(list) = &function.args else { return ControlFlow::Continue(()) };
    let is_whole =
        |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_)));
    if list.args.iter().any(is_whole) {
        return ControlFlow::Break("a function takes columns by their names, and not a whole row".to_owned());
    }
    let name = function.name.to_string().to_lowercase();
    if list.args.len() > 1 && ["ltrim", "rtrim"].contains(&name.as_str()) {
        return trimmed();
    }
    ControlFlow::Continue(())
}

/// Every letter of the one is compared with every letter of the other.
fn trimmed() -> Step {
    ControlFlow::Break("blanks alone are trimmed here".to_owned())
}
