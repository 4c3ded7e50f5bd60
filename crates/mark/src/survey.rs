//! A survey of records: which fields an object has and of what kind, so that a manifest can name them.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    field::{self, Field, FieldList, Kind},
    json::Json,
    record::{Form, Record},
};

/// Collects field names and kinds over the records of a dataset, before it is sealed.
///
/// Kinds are the narrowest that every value of a field fits. A field of text that looks like numbers with a
/// leading zero or more than 15 digits stays text.
///
/// Bounds: memory grows with distinct objects and fields, not with records.
/// Never:  keeps values.
#[derive(Debug, Default)]
pub struct Survey {
    objects: BTreeMap<String, Observed>,
}

/// Some kinds, a bit each: a set that costs nothing to make for every value of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    fn of(kind: Kind) -> Self {
        Self(match kind {
            Kind::Text => 1,
            Kind::Number => 2,
            Kind::Boolean => 4,
            Kind::Date => 8,
            Kind::DateTime => 16,
            Kind::Id => 32,
            Kind::Element => 64,
        })
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn contains(self, kind: Kind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    fn insert(&mut self, kind: Kind) {
        self.0 |= Self::of(kind).0;
    }

    fn keep(&mut self, others: Self) {
        self.0 &= others.0;
    }
}

#[derive(Debug)]
struct Observed {
    form: Form,
    // In the order in which they were first seen: writers keep an order, so that the next is mostly the one after.
    fields: Vec<Seen>,
    // Key of a field -> its position in `fields`.
    positions: BTreeMap<String, usize>,
}

/// A field that was seen.
#[derive(Debug)]
struct Seen {
    /// The name without what does not count in this form.
    key: String,
    /// The spelling first seen.
    name: String,
    /// The kinds that still fit.
    kinds: Kinds,
}

impl Survey {
    /// Takes one record into account.
    pub fn observe(&mut self, record: &Record<'_>) {
        if !self.objects.contains_key(record.object.as_ref()) {
            self.objects.insert(record.object.clone().into_owned(), Observed::new(record.form));
        }
        let Some(observed) = self.objects.get_mut(record.object.as_ref()) else { return };
        let mut guess = 0;
        for (name, value) in &record.fields {
            let found = observed.position(record.form, name, guess);
            let field = found.and_then(|at| observed.fields.get_mut(at));
            guess = found.map_or(guess, |at| at + 1);
            match field {
                // Once only text is left, no value can take anything away.
                Some(field) if field.kinds == Kinds::of(Kind::Text) && matches!(value, Json::Text(_)) => {}
                Some(field) => {
                    let fits = kinds(record.form, value);
                    if !fits.is_empty() {
                        field.kinds.keep(fits);
                    }
                }
                None => {
                    let fits = kinds(record.form, value);
                    if !fits.is_empty() {
                        observed.add(Seen {
                            key: key(record.form, name).into_owned(),
                            name: name.clone().into_owned(),
                            kinds: fits,
                        });
                        guess = observed.fields.len();
                    }
                }
            }
        }
    }

    /// Takes in what another survey saw after this one: the same as if this one had seen it.
    ///
    /// So that parts of a dataset are surveyed side by side, and the spelling of names does not depend on who was
    /// faster: that of the earlier part stays.
    pub fn merge(&mut self, later: Self) {
        for (object, seen) in later.objects {
            let Some(observed) = self.objects.get_mut(&object) else {
                self.objects.insert(object, seen);
                continue;
            };
            for seen in seen.fields {
                let at = observed.positions.get(&seen.key).copied();
                match at.and_then(|at| observed.fields.get_mut(at)) {
                    Some(field) => field.kinds.keep(seen.kinds),
                    None => observed.add(seen),
                }
            }
        }
    }

    /// The objects seen, in order of name.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// The field lists. `identity` says of an object and its field names which of them identify.
    ///
    /// Errors: the sentence of [`FieldList::new`], with the object in front.
    pub fn field_lists(
        &self,
        identity: impl Fn(&str, &[&str]) -> Vec<String>,
    ) -> Result<BTreeMap<String, FieldList>, String> {
        let mut lists = BTreeMap::new();
        for (object, observed) in &self.objects {
            let seen = || observed.positions.values().filter_map(|at| observed.fields.get(*at));
            let names: Vec<&str> = seen().map(|field| field.name.as_str()).collect();
            let identifying = identity(object, &names);
            let fields = seen().map(|Seen { name, kinds, .. }| Field {
                name: name.clone(),
                kind: match observed.form {
                    Form::Fhir => Kind::Element,
                    // Interface engines pass fields on as they are: numbers and moments keep their spelling.
                    Form::Hl7v2 => Kind::Text,
                    Form::Salesforce | Form::Table => {
                        PREFERENCE.into_iter().find(|kind| kinds.contains(*kind)).unwrap_or(Kind::Text)
                    }
                },
                identity: identifying.iter().any(|id| Record::same_name(observed.form, id, name)),
            });
            let list = FieldList::new(fields.collect()).map_err(|error| format!("{object} {error}"))?;
            lists.insert(object.clone(), list);
        }
        Ok(lists)
    }
}

impl Observed {
    fn new(form: Form) -> Self {
        Self { form, fields: Vec::new(), positions: BTreeMap::new() }
    }

    fn add(&mut self, field: Seen) {
        self.positions.insert(field.key.clone(), self.fields.len());
        self.fields.push(field);
    }

    /// Where a field stands; `guess` is where it is looked for first.
    fn position(&self, form: Form, name: &str, guess: usize) -> Option<usize> {
        let is_there = self.fields.get(guess).is_some_and(|field| match form {
            Form::Salesforce => field.key.eq_ignore_ascii_case(name),
            Form::Fhir | Form::Table | Form::Hl7v2 => field.key == name,
        });
        if is_there { Some(guess) } else { self.positions.get(key(form, name).as_ref()).copied() }
    }
}

/// A name without what does not count in a form.
fn key(form: Form, name: &str) -> Cow<'_, str> {
    match form {
        Form::Salesforce => Cow::Owned(name.to_ascii_lowercase()),
        Form::Fhir | Form::Table | Form::Hl7v2 => Cow::Borrowed(name),
    }
}

/// Narrowest first.
const PREFERENCE: [Kind; 6] = [Kind::Boolean, Kind::Date, Kind::DateTime, Kind::Number, Kind::Id, Kind::Text];

/// The kinds a value fits; none for a value that counts as absent.
fn kinds(form: Form, value: &Json<'_>) -> Kinds {
    match (form, value) {
        (_, Json::Null) => Kinds::default(),
        (Form::Fhir, _) | (_, Json::Array(_) | Json::Object(_)) => Kinds::of(Kind::Element),
        (_, Json::Bool(_)) => Kinds::of(Kind::Boolean),
        (_, Json::Number(_)) => Kinds::of(Kind::Number),
        (_, Json::Text(text)) => text_kinds(text.trim()),
    }
}

fn text_kinds(text: &str) -> Kinds {
    let mut kinds = Kinds::default();
    if text.is_empty() {
        return kinds;
    }
    kinds.insert(Kind::Text);
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        kinds.insert(Kind::Boolean);
    }
    let dated =
        text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    if dated && text.len() == 10 && field::date(text).is_some() {
        kinds.insert(Kind::Date);
    }
    if dated && text.len() > 10 && text.as_bytes().get(10) == Some(&b'T') && field::moment(text).is_some() {
        kinds.insert(Kind::DateTime);
    }
    if is_plain_number(text) {
        kinds.insert(Kind::Number);
    }
    kinds
}

/// Digits with at most one point, no leading zero, at most 15 digits, perhaps a minus sign.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let only_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    only_digits(whole)
        && only_digits(fraction)
        && digits.len() <= 15
        && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Claim;

    fn survey(rows: &[&'static str]) -> String {
        let whole = survey_of(rows);
        for middle in 0..=rows.len() {
            let (earlier, later) = rows.split_at(middle);
            let mut merged = survey_of(earlier);
            merged.merge(survey_of(later));
            assert_eq!(written(&merged), written(&whole), "in two parts, cut at {middle}");
        }
        written(&whole)
    }

    fn written(survey: &Survey) -> String {
        let lists = survey.field_lists(|_, _| vec!["lastname".to_owned()]).unwrap();
        serde_json::to_string(&lists.get("Contact")).unwrap()
    }

    fn survey_of(rows: &[&'static str]) -> Survey {
        let mut survey = Survey::default();
        for row in rows {
            let Json::Object(fields) = crate::json::parse(row.as_bytes()).unwrap() else {
                panic!("an object")
            };
            survey.observe(&Record {
                form: Form::Salesforce,
                object: Cow::Borrowed("Contact"),
                fields,
                mark: None,
                claim: Claim::None,
            });
        }
        survey
    }

    #[test]
    fn kinds_are_the_narrowest_that_fit_all() {
        assert_eq!(
            survey(&[
                r#"{"LastName":"Bell","N":"12","Zip":"01234","On":"2026-01-02","At":"2026-01-02T03:04:05Z","B":true}"#,
                r#"{"lastname":"Ode","N":"7.5","Zip":"98765","On":null,"Mixed":"true"}"#,
                r#"{"LastName":"Zed","Mixed":"maybe","Long":"1234567890123456"}"#,
            ]),
            concat!(
                r#"{"content":["At:dateTime","B:boolean","LastName","Long","Mixed","N:number","On:date","Zip"],"#,
                r#""identity":["LastName"]}"#
            )
        );
    }
}
