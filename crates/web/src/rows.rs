//! One row of an answer, by the order of its columns.

use index::{Index, StoreError, Value};

/// A row whose columns are taken one after the other, in the order of the statement.
#[derive(Debug)]
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// The next column as a text; a missing one is empty.
    pub(crate) fn text(&mut self) -> String {
        self.0.next().map(|value| value.to_string()).unwrap_or_default()
    }

    /// The next column as a text, if it is there.
    pub(crate) fn maybe(&mut self) -> Option<String> {
        match self.0.next()? {
            Value::Null => None,
            value @ (Value::Integer(_) | Value::Text(_)) => Some(value.to_string()),
        }
    }

    /// The next column as a number; what is none is zero.
    pub(crate) fn number(&mut self) -> i64 {
        match self.0.next() {
            Some(Value::Integer(number)) => number,
            Some(Value::Text(_) | Value::Null) | None => 0,
        }
    }
}

/// Asks, and gives the rows.
pub(crate) fn ask(index: &mut Index, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
    Ok(index.query(sql, values)?.rows.into_iter().map(|row| Row(row.into_iter())).collect())
}

/// Conditions on columns, each with its value, as a `WHERE` of the same text for both databases.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition; each `?` in it is where the next value goes.
    pub(crate) fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        let text = self.place(condition, values);
        self.texts.push(text);
    }

    /// Adds conditions, each with its values.
    pub(crate) fn all(&mut self, conditions: &[(String, Vec<Value>)]) {
        for (condition, values) in conditions {
            self.add(condition, values.iter().cloned());
        }
    }

    /// A condition as it is written elsewhere in the statement, its values among those of the clause.
    pub(crate) fn place(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) -> String {
        let mut text = condition.to_owned();
        for value in values {
            self.values.push(value);
            text = text.replacen('?', &format!("${}", self.values.len()), 1);
        }
        text
    }

    /// Adds a condition without a value.
    pub(crate) fn plain(&mut self, condition: &str) {
        self.texts.push(condition.to_owned());
    }

    /// The clause, empty where there are no conditions, and the values.
    pub(crate) fn clause(self) -> (String, Vec<Value>) {
        let clause = if self.texts.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.texts.join(" AND "))
        };
        (clause, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_one_clause_and_their_values_in_order() {
        let mut conditions = Conditions::default();
        assert_eq!(Conditions::default().clause(), (String::new(), Vec::new()));
        conditions.add("a = ?", [Value::Integer(1)]);
        conditions.plain("b > 0");
        conditions.add("(c, d) < (?, ?)", [Value::Integer(2), Value::Integer(3)]);
        let (clause, values) = conditions.clause();
        assert_eq!(clause, " WHERE a = $1 AND b > 0 AND (c, d) < ($2, $3)");
        assert_eq!(values, [Value::Integer(1), Value::Integer(2), Value::Integer(3)]);
    }
}
