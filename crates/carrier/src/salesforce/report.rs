//! Reports: which of their resources a request names, and a report's metadata with further filters in front of its own.
//!
//! A run shows totals as well as rows, so what must not be shown must not be counted: filters by the mark's fields are
//! added to the report's own, joined to them by AND. Source: Salesforce, "Reports and Dashboards REST API Developer Guide";
//! spec/carriers.md section 2.9.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::route::Target;

use super::door::{is_id_shaped, is_version};

mod logic;

use logic::{Word, read_logic, write_logic};

/// What a request asks of reports, where that shows rows or is computed from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportAsk {
    /// A run at once of a report that is kept.
    Run {
        /// The path of the report.
        report: String,
    },
    /// A run at once of what the body says.
    Unkept {
        /// The path of the reports.
        reports: String,
    },
    /// A run in the background.
    Begin {
        /// The path of the report.
        report: String,
    },
    /// The result of a run in the background.
    Result {
        /// The path of the report.
        report: String,
    },
}

/// What a request asks of reports; nothing where it asks for no run.
pub fn report_ask(method: &str, target: &str) -> Option<ReportAsk> {
    let parsed = Target::parse(target)?;
    let segments = parsed.segments();
    let start = segments.iter().position(|segment| segment.eq_ignore_ascii_case("services"))?;
    let below = segments.get(start..)?;
    let lower: Vec<String> = below.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let path = |length: usize| below.get(..length).map(|part| format!("/{}", part.join("/")));
    let verb = method.to_ascii_uppercase();
    let ["services", "data", version, "analytics", "reports", rest @ ..] = lower.as_slice() else {
        return None;
    };
    if !is_version(version) {
        return None;
    }
    match (verb.as_str(), rest) {
        ("POST", ["query"]) => Some(ReportAsk::Unkept { reports: path(5)? }),
        ("GET" | "HEAD" | "POST", [report]) if is_id_shaped(report) => {
            Some(ReportAsk::Run { report: path(6)? })
        }
        ("POST", [report, "instances"]) if is_id_shaped(report) => {
            Some(ReportAsk::Begin { report: path(6)? })
        }
        ("GET" | "HEAD", [report, "instances", run]) if is_id_shaped(report) && is_id_shaped(run) => {
            Some(ReportAsk::Result { report: path(6)? })
        }
        _ => None,
    }
}

/// Why a report cannot be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{}", self.reason())]
pub enum ReportClosed {
    /// The description is not one of a report.
    Unreadable,
    /// Columns without their object, or of an object that is not named.
    Unnamed,
    /// Joined, or of a format that nobody here knows.
    Format,
    /// Snapshots of the past, whose values no filter reaches.
    Historical,
    /// Rows chosen by whether other rows exist.
    Cross,
    /// A member that nobody here knows.
    Member,
    /// Filter logic that cannot be read.
    Logic,
    /// Another type than the report's own.
    Type,
    /// Compares fields of rows, which may be hidden ones.
    Fields,
}

impl ReportClosed {
    /// Why, for whoever asked.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreadable => "reads are isolated here, and this report's description cannot be read",
            Self::Unnamed => {
                "reads are isolated here, and columns of this report's type do not say of which object they are"
            }
            Self::Format => {
                "reads are isolated here: reports are run as tabular, summary or matrix; joined ones cannot be filtered"
            }
            Self::Historical => "reads are isolated here: a report of historical trends cannot be filtered",
            Self::Cross => {
                "reads are isolated here: a report with cross filters cannot be filtered, for they count hidden rows"
            }
            Self::Member => {
                "reads are isolated here, and the report's metadata has a member that nobody here knows"
            }
            Self::Logic => "reads are isolated here, and the report's filter logic cannot be read",
            Self::Type => "reads are isolated here: a report is run by the type that it has",
            Self::Fields => {
                "reads are isolated here: a report whose filters compare fields with fields cannot be filtered"
            }
        }
    }
}

/// One column of a report type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ReportColumn {
    /// What stands before the column's field, and before other fields of the same row: `Contact.`.
    before: String,
    object: String,
    field: String,
    is_lookup: bool,
}

/// What a report can show, by its own description.
#[derive(Clone, Debug)]
pub struct ReportType {
    name: String,
    columns: BTreeMap<String, ReportColumn>,
}

/// A lookup that a report uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedLookup {
    /// What stands before it: `Contact.`.
    pub before: String,
    /// The object that has it.
    pub object: String,
    /// The field: `AccountId`.
    pub field: String,
}

impl ReportType {
    /// Reads the answer of a report's or a report type's `describe`.
    ///
    /// Errors: a column that does not say of which object it is; then nobody knows what a row joins.
    pub fn read(described: &Value) -> Result<Self, ReportClosed> {
        let name = described.pointer("/reportMetadata/reportType/type").and_then(Value::as_str);
        let categories = described.pointer("/reportTypeMetadata/categories").and_then(Value::as_array);
        let (Some(name), Some(categories)) = (name, categories) else { return Err(ReportClosed::Unreadable) };
        let mut columns = BTreeMap::new();
        for category in categories {
            let listed =
                category.get("columns").and_then(Value::as_object).ok_or(ReportClosed::Unreadable)?;
            for (name, column) in listed {
                columns.insert(name.clone(), read_column(name, column)?);
            }
        }
        if columns.is_empty() {
            return Err(ReportClosed::Unreadable);
        }
        Ok(Self { name: name.to_owned(), columns })
    }

    /// The name of the type.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a row of the report joins: what stands before the fields of each, and its object.
    pub fn joins(&self) -> BTreeMap<String, String> {
        self.columns.values().map(|column| (column.before.clone(), column.object.clone())).collect()
    }

    /// The column of a field, as the type spells it.
    fn column(&self, before: &str, field: &str) -> Option<&str> {
        let is_it =
            |column: &ReportColumn| column.before == before && column.field.eq_ignore_ascii_case(field);
        self.columns.iter().find(|(_, column)| is_it(column)).map(|(name, _)| name.as_str())
    }

    /// The column of the ids of what a row joins.
    pub fn ids(&self, before: &str) -> Option<&str> {
        self.column(before, "Id")
    }

    /// The lookups that metadata names, wherever it does and however it writes them: `Contact.AccountId`, `ACCOUNT_ID`.
    pub fn lookups(&self, metadata: &Map<String, Value>) -> Vec<UsedLookup> {
        let text = Value::Object(metadata.clone()).to_string().to_ascii_lowercase();
        let plain = text.replace('_', "");
        let is_named = |name: &str, column: &ReportColumn| {
            text.contains(&name.to_ascii_lowercase())
                || plain.contains(&column.field.to_ascii_lowercase().replace('_', ""))
        };
        let used = self.columns.iter().filter(|(name, column)| column.is_lookup && is_named(name, column));
        used.map(|(_, column)| UsedLookup {
            before: column.before.clone(),
            object: column.object.clone(),
            field: column.field.clone(),
        })
        .collect()
    }
}

fn read_column(name: &str, column: &Value) -> Result<ReportColumn, ReportClosed> {
    let entity = column.get("entityColumnName").or_else(|| column.get("fullyQualifiedName"));
    let entity = entity.and_then(Value::as_str).and_then(|entity| entity.rsplit_once('.'));
    let dotted = name.rsplit_once('.');
    let is_lookup = column.get("isLookup") == Some(&Value::Bool(true))
        || column.get("dataType").and_then(Value::as_str) == Some("reference");
    let (object, field) = match (entity, dotted) {
        (Some((object, field)), _) => (object, field),
        // `Contact.LastName` says it by itself; of `Contact.Account.Name` nobody knows what `Account` is.
        (None, Some((object, field))) if !object.contains('.') => (object, field),
        (None, _) => return Err(ReportClosed::Unnamed),
    };
    let object = object.rsplit('.').next().unwrap_or(object);
    let before = dotted.map_or(object, |(before, _)| before);
    Ok(ReportColumn {
        before: format!("{before}."),
        object: object.to_owned(),
        field: field.to_owned(),
        is_lookup,
    })
}

/// Which rows are not to be counted, and by which fields they are told.
#[derive(Clone, Debug)]
pub struct ReportHides {
    /// The checkbox, as this org spells it.
    pub synthetic: String,
    /// The subject, as this org spells it.
    pub subject: String,
    /// Rows whose checkbox is ticked.
    pub ticked: bool,
    /// Rows with one of these subjects.
    pub subjects: Vec<&'static str>,
    /// Rows that say nothing.
    pub unmarked: bool,
}

/// Filters to add, and how they are joined.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReportConditions {
    filters: Vec<Value>,
    /// Of each join the alternatives of which one has to hold, as places in `filters`.
    all: Vec<Vec<usize>>,
}

impl ReportConditions {
    /// Adds the conditions under which a row may be counted, as far as one of its joins tells.
    ///
    /// Shape:  false where the type lacks the columns that would tell.
    pub fn add(&mut self, kind: &ReportType, before: &str, hides: &ReportHides) -> bool {
        let synthetic = kind.column(before, &hides.synthetic).map(str::to_owned);
        let subject = kind.column(before, &hides.subject).map(str::to_owned);
        let (Some(synthetic), Some(subject)) = (synthetic, subject) else { return false };
        if hides.ticked {
            let place = self.filter(&synthetic, "notEqual", "True");
            self.all.push(vec![place]);
        }
        if !hides.subjects.is_empty() {
            let place = self.filter(&subject, "notEqual", &hides.subjects.join(","));
            self.all.push(vec![place]);
        }
        if hides.unmarked {
            let mut any =
                vec![self.filter(&synthetic, "equals", "True"), self.filter(&subject, "notEqual", "")];
            // Where a row joins nothing, there is nothing that could be hidden.
            if let Some(id) = kind.column(before, "Id").map(str::to_owned) {
                any.push(self.filter(&id, "equals", ""));
            }
            self.all.push(any);
        }
        true
    }

    fn filter(&mut self, column: &str, operator: &str, value: &str) -> usize {
        self.filters.push(json!({"column": column, "operator": operator, "value": value}));
        self.filters.len() - 1
    }

    /// The logic of these filters, if they are numbered after `before` others.
    fn logic(&self, before: usize) -> Vec<Word> {
        let mut words = Vec::new();
        for (at, any) in self.all.iter().enumerate() {
            if at > 0 {
                words.push(Word::And);
            }
            if any.len() > 1 {
                words.push(Word::Open);
            }
            for (at, place) in any.iter().enumerate() {
                if at > 0 {
                    words.push(Word::Or);
                }
                words.push(Word::Number(before + place + 1));
            }
            if any.len() > 1 {
                words.push(Word::Close);
            }
        }
        words
    }
}

/// A report's metadata with what a request puts in its places.
///
/// Errors: members that nobody here knows, and what no filter reaches.
pub fn report_metadata(
    kept: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, ReportClosed> {
    let mut whole: Map<String, Value> = kept.clone();
    for (name, value) in given {
        if !MEMBERS.contains(&name.as_str()) {
            return Err(ReportClosed::Member);
        }
        whole.insert(name.clone(), value.clone());
    }
    let type_of = |metadata: &Map<String, Value>| {
        metadata.get("reportType").map(|kind| kind.get("type").unwrap_or(kind).clone())
    };
    if given.contains_key("reportType") && !kept.is_empty() && type_of(given) != type_of(kept) {
        return Err(ReportClosed::Type);
    }
    reachable(&whole)?;
    Ok(whole)
}

/// Whether further filters would reach every row that a report counts.
fn reachable(metadata: &Map<String, Value>) -> Result<(), ReportClosed> {
    let is_given = |name: &str| {
        metadata.get(name).is_some_and(|value| match value {
            Value::Array(all) => !all.is_empty(),
            Value::Object(all) => !all.is_empty(),
            Value::Null => false,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        })
    };
    let format = metadata.get("reportFormat").and_then(Value::as_str).unwrap_or("TABULAR");
    if !matches!(format, "TABULAR" | "SUMMARY" | "MATRIX") || is_given("reportBlocks") {
        return Err(ReportClosed::Format);
    }
    if is_given("historicalSnapshotDates") {
        return Err(ReportClosed::Historical);
    }
    if is_given("crossFilters") {
        return Err(ReportClosed::Cross);
    }
    let filters = metadata.get("reportFilters").and_then(Value::as_array).into_iter().flatten();
    let kinds = filters.filter_map(|filter| filter.get("filterType").and_then(Value::as_str));
    if kinds.into_iter().any(|kind| kind != "fieldValue") {
        return Err(ReportClosed::Fields);
    }
    Ok(())
}

/// Metadata with further filters joined to its own by AND.
///
/// Shape:  the filters stand behind the report's own, whose numbers stay; their logic stands in front, in parentheses.
/// Errors: [`ReportClosed::Logic`]: logic that is not whole could close our parentheses.
pub fn report_isolated(
    metadata: &Map<String, Value>,
    conditions: &ReportConditions,
) -> Result<Map<String, Value>, ReportClosed> {
    let mut filters: Vec<Value> =
        metadata.get("reportFilters").and_then(Value::as_array).cloned().unwrap_or_default();
    let own = match metadata.get("reportBooleanFilter") {
        Some(Value::String(logic)) if !logic.trim().is_empty() => {
            read_logic(logic, filters.len()).ok_or(ReportClosed::Logic)?
        }
        Some(Value::String(_) | Value::Null) | None => all_of(filters.len()),
        Some(_) => return Err(ReportClosed::Logic),
    };
    let mut logic = vec![Word::Open];
    logic.extend(conditions.logic(filters.len()));
    logic.push(Word::Close);
    if !own.is_empty() {
        logic.extend([Word::And, Word::Open]);
        logic.extend(own);
        logic.push(Word::Close);
    }
    filters.extend(conditions.filters.iter().cloned());
    let mut isolated = metadata.clone();
    isolated.insert("reportFilters".to_owned(), Value::Array(filters));
    isolated.insert("reportBooleanFilter".to_owned(), Value::String(write_logic(&logic)));
    Ok(isolated)
}

/// The report's own metadata, out of that of a run; nothing if the run was not filtered by these conditions.
pub fn report_own(
    metadata: &Map<String, Value>,
    conditions: &ReportConditions,
) -> Option<Map<String, Value>> {
    let filters = metadata.get("reportFilters").and_then(Value::as_array)?;
    let count = filters.len().checked_sub(conditions.filters.len())?;
    let (own, ours) = filters.split_at_checked(count)?;
    let is_same = |(a, b): (&Value, &Value)| {
        let same = |name: &str| a.get(name).and_then(Value::as_str) == b.get(name).and_then(Value::as_str);
        let is_plain = a.get("filterType").is_none_or(|kind| kind.is_null() || kind == "fieldValue");
        is_plain && same("column") && same("operator") && is_same_value(a.get("value"), b.get("value"))
    };
    if !ours.iter().zip(&conditions.filters).all(is_same) {
        return None;
    }
    let logic = metadata.get("reportBooleanFilter").and_then(Value::as_str)?;
    let words = read_logic(logic, filters.len())?;
    let mut front = vec![Word::Open];
    front.extend(conditions.logic(count));
    front.push(Word::Close);
    let rest = words.strip_prefix(front.as_slice())?;
    let rest = match rest {
        [] => &[],
        [Word::And, Word::Open, inner @ .., Word::Close] => inner,
        _ => return None,
    };
    // What is left has to be whole by itself, or it could have closed the parentheses before their time.
    let rest_text = write_logic(rest);
    if !rest.is_empty() && read_logic(&rest_text, count).is_none() {
        return None;
    }
    if rest.is_empty() && count > 0 {
        return None;
    }
    let mut whole = metadata.clone();
    whole.insert("reportFilters".to_owned(), Value::Array(own.to_vec()));
    let logic = if rest == all_of(count).as_slice() { Value::Null } else { Value::String(rest_text) };
    whole.insert("reportBooleanFilter".to_owned(), logic);
    Some(whole)
}

/// Whether an org that writes a value in its own way means the same: `true` and `True`, `a,b` and `a, b`.
fn is_same_value(a: Option<&Value>, b: Option<&Value>) -> bool {
    let plain = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str).unwrap_or("").to_ascii_lowercase();
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        if text == "1" { "true".to_owned() } else { text }
    };
    plain(a) == plain(b)
}

/// `1 AND 2 AND 3`: what no logic means.
fn all_of(count: usize) -> Vec<Word> {
    let mut words = Vec::new();
    for number in 1..=count {
        if number > 1 {
            words.push(Word::And);
        }
        words.push(Word::Number(number));
    }
    words
}

/// The members of a report's metadata that are known here; what another could do, nobody knows.
const MEMBERS: [&str; 38] = [
    "aggregates",
    "allowedInCustomDetailFormula",
    "buckets",
    "chart",
    "crossFilters",
    "currency",
    "customDetailFormula",
    "customSummaryFormula",
    "dashboardSetting",
    "description",
    "detailColumns",
    "developerName",
    "division",
    "folderId",
    "groupingsAcross",
    "groupingsDown",
    "hasDetailRows",
    "hasRecordCount",
    "historicalSnapshotDates",
    "id",
    "isStandardFilter",
    "name",
    "presentationOptions",
    "reportBooleanFilter",
    "reportFilters",
    "reportFormat",
    "reportType",
    "scope",
    "showGrandTotal",
    "showSubtotals",
    "sortBy",
    "standardDateFilter",
    "standardFilters",
    "supportsRoleHierarchy",
    "topRows",
    "userOrHierarchyFilterId",
    "numberOfDecimals",
    "showSummaries",
];

#[cfg(test)]
mod tests;
