//! Which records are asked for, and how they are found: by groups of records that are alike, by themselves, and by time.

use index::{DECISIONS, Index, StoreError, VERDICTS, Value};
use jiff::{Span, Timestamp};

use super::{COLUMNS, FROM, Record, STANDINGS};
use crate::{
    page::moments,
    rows::{Conditions, Row, ask},
    target::Target,
};

/// Groups that one filter chooses at most.
const GROUPS_MAX: usize = 50_000;
/// Groups whose newest records are asked for together.
const GROUPS_TOGETHER: usize = 50;

/// How old: the word of the form, and the days that it means.
const AGES: [(&str, Age); 5] = [
    ("up to an hour", Age::UpTo { hours: 1 }),
    ("up to a day", Age::UpTo { hours: 24 }),
    ("up to 7 days", Age::UpTo { hours: 7 * 24 }),
    ("up to 30 days", Age::UpTo { hours: 30 * 24 }),
    ("older than 30 days", Age::Over { hours: 30 * 24 }),
];

#[derive(Clone, Copy)]
enum Age {
    UpTo { hours: i64 },
    Over { hours: i64 },
}

/// The words of the ages.
pub(crate) fn ages() -> impl Iterator<Item = String> {
    AGES.iter().map(|(word, _)| (*word).to_owned())
}

/// A target whose age, if it asks for one, is written as moments: what was chosen stays chosen while time goes on.
///
/// Errors: what is wrong with it.
pub(crate) fn settled(target: &Target, now: &str) -> Result<Target, &'static str> {
    let Some(word) = target.get("age") else { return Ok(target.clone()) };
    let Some((_, age)) = AGES.iter().find(|(name, _)| *name == word) else {
        return Err("There is no age of that name; choose one from the list.");
    };
    let before = |hours| {
        let now: Timestamp = now.parse().ok()?;
        let then = now.checked_sub(Span::new().try_hours(hours).ok()?).ok()?;
        Some(then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let (name, hours) = match age {
        Age::UpTo { hours } => ("since", *hours),
        Age::Over { hours } => ("until", *hours),
    };
    let moment = before(hours).ok_or("What time it is could not be told.")?;
    let target = target.without("age");
    // Both hold where both were said: an age never widens what was asked for.
    let (since, until) = moments(&target)?;
    let is_closer = match age {
        Age::UpTo { .. } => since.is_none_or(|since| since < moment),
        Age::Over { .. } => until.is_none_or(|until| until > moment),
    };
    Ok(if is_closer { target.set(name, &moment) } else { target })
}

/// A condition, and the value of each `?` in it.
type Part = (String, Vec<Value>);

/// What a target asks for.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Of the groups, `g`.
    alike: Vec<Part>,
    /// Of single records, `v`: each is true of few.
    own: Vec<Part>,
    since: Option<String>,
    until: Option<String>,
    before: Option<[Value; 4]>,
}

/// A group whose records fit.
struct Group {
    origin: Value,
    name: Value,
    last_at: String,
}

impl Filter {
    /// Reads what a target asks for.
    ///
    /// Errors: what is wrong with it, in a sentence.
    pub(crate) fn read(target: &Target) -> Result<Self, &'static str> {
        let mut filter = Self::default();
        for (name, words) in [("verdict", &VERDICTS[..]), ("decision", &DECISIONS[..])] {
            if target.get(name).is_some_and(|word| !words.contains(&word)) {
                return Err("There is no verdict or decision of that name; choose one from the list.");
            }
        }
        if target.get("age").is_some() {
            return Err("An age is counted from now on the page; say since or until when instead.");
        }
        for (name, column) in [
            ("verdict", "g.verdict"),
            ("decision", "g.decision"),
            ("boundary", "g.boundary"),
            ("object", "g.object"),
            ("dataset", "g.dataset"),
            ("generator", "g.generator"),
        ] {
            if let Some(value) = target.get(name) {
                filter.alike.push((format!("{column} = ?"), vec![Value::text(value)]));
            }
        }
        if let Some(value) = target.get("purpose") {
            // One of those between commas: both databases know REPLACE, and neither takes a `%` here for anything.
            let among = "REPLACE(',' || g.purposes || ',', ',' || ? || ',', '') <> ',' || g.purposes || ','";
            filter.alike.push((among.to_owned(), vec![Value::text(value)]));
        }
        if let Some(value) = target.get("reference") {
            filter.own.push(("v.reference = ?".to_owned(), vec![Value::text(value)]));
        }
        let standing = |act: &str, value: &str| {
            format!(
                "v.reference IN (SELECT s.reference FROM record_standings s WHERE s.act = '{act}' AND {value})"
            )
        };
        if let Some(value) = target.get("assignee") {
            filter.own.push((standing("assignment", "s.value = ?"), vec![Value::text(value)]));
        }
        if let Some(word) = target.get("standing") {
            let Some((_, act)) = STANDINGS.iter().find(|(name, _)| *name == word) else {
                return Err("There is no standing of that name; choose one from the list.");
            };
            filter.own.push((standing(act, "s.value IS NOT NULL"), Vec::new()));
        }
        (filter.since, filter.until) = moments(target)?;
        if let Some(text) = target.get("before") {
            filter.before =
                Some(bookmark(text).ok_or("This address was changed: begin again with the first page.")?);
        }
        Ok(filter)
    }

    /// How many fit, where that is known without counting them.
    pub(crate) fn known(&self, index: &mut Index) -> Result<Option<i64>, StoreError> {
        if !self.own.is_empty() || self.since.is_some() || self.until.is_some() {
            return Ok(None);
        }
        let mut conditions = Conditions::default();
        conditions.all(&self.alike);
        let (clause, values) = conditions.clause();
        let sql = format!("SELECT CAST(COALESCE(SUM(g.records), 0) AS BIGINT) FROM record_groups g{clause}");
        Ok(ask(index, &sql, &values)?.first_mut().map(Row::number))
    }

    /// The newest records that fit.
    ///
    /// Bounds: as many as are asked for, in memory.
    pub(crate) fn newest(&self, most: usize, index: &mut Index) -> Result<Vec<Record>, StoreError> {
        if self.alike.is_empty() || !self.own.is_empty() {
            return self.walked(most, index);
        }
        let groups = self.groups(index)?;
        let mut found: Vec<Record> = Vec::new();
        for some in groups.chunks(GROUPS_TOGETHER) {
            // The groups come with the last met first: once the page is full of newer ones, no other group adds to it.
            let oldest = found.get(most.saturating_sub(1)).map(|record| record.moment.as_str());
            if let (Some(oldest), Some(group)) = (oldest, some.first())
                && group.last_at.as_str() < oldest
            {
                break;
            }
            found.extend(self.newest_of(some, most, index)?);
            found.sort_by(|one, other| other.order().cmp(&one.order()));
            found.truncate(most);
        }
        Ok(found)
    }

    /// Along the records, the newest first: what fits is few, or everything.
    fn walked(&self, most: usize, index: &mut Index) -> Result<Vec<Record>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.all(&self.alike);
        conditions.all(&self.own);
        conditions.all(&self.times());
        let (clause, values) = conditions.clause();
        let order = "v.at DESC, v.origin DESC, v.entry DESC, v.position DESC";
        let sql = format!("SELECT {COLUMNS} FROM {FROM}{clause} ORDER BY {order} LIMIT {most}");
        Ok(ask(index, &sql, &values)?.iter_mut().map(Record::of).collect())
    }

    fn groups(&self, index: &mut Index) -> Result<Vec<Group>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.all(&self.alike);
        for (column, moment) in [("g.last_at >= ?", &self.since), ("g.first_at < ?", &self.until)] {
            if let Some(moment) = moment {
                conditions.add(column, [Value::text(moment)]);
            }
        }
        if let Some([at, ..]) = &self.before {
            conditions.add("g.first_at <= ?", [at.clone()]);
        }
        let (clause, values) = conditions.clause();
        let sql = format!(
            "SELECT g.origin, g.record_group, g.last_at FROM record_groups g{clause} \
             ORDER BY g.last_at DESC, g.origin, g.record_group LIMIT {GROUPS_MAX}"
        );
        let group = |row: &mut Row| Group {
            origin: Value::Text(row.text()),
            name: Value::Text(row.text()),
            last_at: row.text(),
        };
        Ok(ask(index, &sql, &values)?.iter_mut().map(group).collect())
    }

    /// The newest records of some groups: of each from the end of its part of an index, then the newest of all these.
    fn newest_of(&self, groups: &[Group], most: usize, index: &mut Index) -> Result<Vec<Record>, StoreError> {
        let mut values = Conditions::default();
        let times = self.times();
        let each: Vec<String> = (0..)
            .zip(groups)
            .map(|(at, group)| {
                let both = [group.origin.clone(), group.name.clone()];
                let mut clause = values.place("v.origin = ? AND v.record_group = ?", both);
                for (condition, more) in &times {
                    clause.push_str(" AND ");
                    clause.push_str(&values.place(condition, more.iter().cloned()));
                }
                format!(
                    "SELECT * FROM (SELECT v.origin, v.at, v.entry, v.position FROM record_verdicts v WHERE {clause} \
                     ORDER BY v.at DESC, v.entry DESC, v.position DESC LIMIT {most}) AS group_{at}"
                )
            })
            .collect();
        let order = "at DESC, origin DESC, entry DESC, position DESC";
        let each = each.join(" UNION ALL ");
        // The few that are chosen lead, whatever the database thinks of the rest.
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT * FROM ({each}) AS every_group ORDER BY {order} LIMIT {most}) AS k \
             CROSS JOIN record_verdicts v CROSS JOIN rulings r CROSS JOIN record_groups g \
             WHERE v.origin = k.origin AND v.entry = k.entry AND v.position = k.position \
             AND r.origin = v.origin AND r.entry = v.entry AND g.origin = v.origin AND g.record_group = v.record_group \
             ORDER BY k.at DESC, k.origin DESC, k.entry DESC, k.position DESC"
        );
        let (_, values) = values.clause();
        Ok(ask(index, &sql, &values)?.iter_mut().map(Record::of).collect())
    }

    fn times(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for (condition, moment) in [("v.at >= ?", &self.since), ("v.at < ?", &self.until)] {
            if let Some(moment) = moment {
                parts.push((condition.to_owned(), vec![Value::text(moment)]));
            }
        }
        if let Some(place) = &self.before {
            let [at, ..] = place;
            // The first condition says the same less closely, and is one that every index can begin with.
            let after = "v.at <= ? AND (v.at, v.origin, v.entry, v.position) < (?, ?, ?, ?)";
            let values = std::iter::once(at).chain(place).cloned().collect();
            parts.push((after.to_owned(), values));
        }
        parts
    }
}

/// Where a list goes on after a record: what [`bookmark`] reads.
pub(crate) fn written(record: &Record) -> String {
    format!("{} {} {} {}", record.moment, record.entry, record.position, record.origin)
}

fn bookmark(text: &str) -> Option<[Value; 4]> {
    let mut parts = text.splitn(4, ' ');
    let at = Value::text(parts.next()?);
    let entry = Value::Integer(parts.next()?.parse().ok()?);
    let position = Value::Integer(parts.next()?.parse().ok()?);
    Some([at, Value::text(parts.next()?), entry, position])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_becomes_a_moment_and_an_unknown_one_is_told() {
        let settle = |age: &str| {
            let target = Target::read(&format!("/records?age={age}&verdict=forged&since=2020")).unwrap();
            settled(&target, "2026-11-22T12:00:00Z")
        };
        let week = settle("up+to+7+days").unwrap();
        assert_eq!(week.get("since"), Some("2026-11-15T12:00:00Z"));
        assert_eq!((week.get("age"), week.get("verdict")), (None, Some("forged")));
        let old = settle("older+than+30+days").unwrap();
        assert_eq!((old.get("since"), old.get("until")), (Some("2020"), Some("2026-10-23T12:00:00Z")));
        // An age narrows what was said otherwise, and never widens it.
        let both = |query: &str| {
            let target = Target::read(&format!("/records?{query}")).unwrap();
            let settled = settled(&target, "2026-11-22T12:00:00Z").unwrap();
            (settled.get("since").map(str::to_owned), settled.get("until").map(str::to_owned))
        };
        let day = Some("2026-11-21".to_owned());
        assert_eq!(both("age=up+to+30+days&since=2026-11-21"), (day, None));
        assert_eq!(both("age=older+than+30+days&until=2026-09"), (None, Some("2026-09".to_owned())));
        assert!(settle("young").is_err());
        let target = Target::read("/records?age=up+to+a+day").unwrap();
        assert!(settled(&target, "some day").is_err());
        assert!(Filter::read(&target).is_err(), "an age that was not settled");
    }

    #[test]
    fn what_is_not_on_a_list_is_told() {
        for bad in ["verdict=red", "decision=maybe", "standing=red", "since=yesterday", "before=x"] {
            let target = Target::read(&format!("/records?{bad}")).unwrap();
            assert!(Filter::read(&target).is_err(), "{bad}");
        }
    }
}
