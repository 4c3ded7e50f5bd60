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
    // Lower-case name -> spelling first seen, and the kinds that still fit.
    fields: BTreeMap<String, (String, Kinds)>,
}

impl Survey {
    /// Takes one record into account.
    pub fn observe(&mut self, record: &Record<'_>) {
        let observed = self
            .objects
            .entry(record.object.clone().into_owned())
            .or_insert_with(|| Observed { form: record.form, fields: BTreeMap::new() });
        for (name, value) in &record.fields {
            let fits = kinds(record.form, value);
            if fits.is_empty() {
                continue;
            }
            let key = match record.form {
                Form::Salesforce => Cow::Owned(name.to_ascii_lowercase()),
                Form::Fhir | Form::Table | Form::Hl7v2 => Cow::Borrowed(name.as_ref()),
            };
            // Only a name that is new is copied.
            match observed.fields.get_mut(key.as_ref()) {
                Some((_, kept)) => kept.keep(fits),
                None => {
                    observed.fields.insert(key.into_owned(), (name.clone().into_owned(), fits));
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
            for (key, (name, fits)) in seen.fields {
                match observed.fields.get_mut(&key) {
                    Some((_, kept)) => kept.keep(fits),
                    None => {
                        observed.fields.insert(key, (name, fits));
                    }
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
            let names: Vec<&str> = observed.fields.values().map(|(name, _)| name.as_str()).collect();
            let identifying = identity(object, &names);
            let fields = observed.fields.values().map(|(name, kinds)| Field {
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
