//! The row that a request names otherwise than by its id: by a field's value, or as what another row points at.

use std::collections::{BTreeMap, BTreeSet};

use carrier::{
    Door,
    salesforce::{self, NamedRow, RecordId, Route, Scalar, ShownRows, Telling},
};
use http::StatusCode;
use soql::Marks;

use super::{
    LookedUp, Turned, names_our_fields,
    org::{Org, label_fields},
    statement,
};
use crate::{key::Key, problem::Problem};

impl Org<'_> {
    /// Looks at the row that a write names so: if it is hidden, nobody has what is changed or removed.
    pub(crate) async fn upserted(
        &self,
        method: &str,
        target: &str,
        method_override: Option<&str>,
        looked: &mut LookedUp,
    ) -> Result<Option<String>, Turned> {
        let removes = match salesforce::route(method, target, method_override) {
            Door::Judged(Route::Delete { .. }) => true,
            Door::Judged(Route::Upsert { value: Some(_), .. }) => false,
            Door::Judged(_) | Door::Open | Door::Unknown => return Ok(None),
        };
        let Some(row) = salesforce::named_row(target) else { return Ok(None) };
        if row.by.contains("@{") {
            // What a row points at that is known only later.
            return Err(Problem::ReadClosed.into());
        }
        // What `@{…}` stands for is an id that the org gives, and no row has it as another value.
        if target.contains("@{") {
            return Ok(None);
        }
        let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        Ok(match self.named(&row, looked).await? {
            Named::AsAsked => None,
            // An org says otherwise of an id that it does not find than of a value, where it is to remove what has it.
            Named::Nobody(_, _) if removes && row_of_nobody(&row).is_some() => row_of_nobody(&row),
            Named::Nobody(object, absent) => Some(self.address(&object, absent, &query)),
            Named::Only(id) if removes => Some(format!("{}/{}{query}", row.base, id.long())),
            // By an id as the value of a field: what the org says of it is what it says of another field's.
            Named::Only(id) => Some(format!("{}/Id/{}{query}", row.base, id.long())),
        })
    }

    /// Looks at the row that a field's value names. If it is hidden, the target by which an id that nobody has is asked
    /// for instead.
    pub(crate) async fn by_field(
        &self,
        target: &str,
        looked: &mut LookedUp,
    ) -> Result<Option<String>, Turned> {
        let Some(row) = salesforce::named_row(target) else { return Ok(None) };
        let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        Ok(match self.named(&row, looked).await? {
            Named::AsAsked => None,
            Named::Nobody(object, absent) => Some(self.address(&object, absent, &query)),
            Named::Only(id) => Some(format!("{}/{}{query}", row.base, id.long())),
        })
    }

    fn address(&self, object: &str, id: RecordId, query: &str) -> String {
        format!("/services/data/{}/sobjects/{object}/{}{query}", self.version, id.long())
    }

    async fn named(&self, row: &NamedRow, looked: &mut LookedUp) -> Result<Named, Turned> {
        let is_related = RecordId::parse(&row.by).is_some();
        let is_judged = !is_related && self.isolation.is_marked(&row.object);
        if !is_judged && !is_related && self.hides_none_of(&row.object).await? {
            return Ok(Named::AsAsked);
        }
        let fields = if is_judged { label_fields(self.isolation) } else { "Id".to_owned() };
        let (status, answer) = self.get(&format!("{}?fields={fields}", row.path)).await?;
        if names_our_fields(&answer) && !status.is_success() {
            return Err(Problem::FieldsMissing.into());
        }
        if status == StatusCode::MULTIPLE_CHOICES {
            return self.one_of_several(row, looked).await;
        }
        if status == StatusCode::NOT_FOUND {
            return Ok(Named::AsAsked);
        }
        if !status.is_success() {
            // What the org does not say now it may find when it is asked to write.
            return Err(Problem::ReadClosed.into());
        }
        let mut found = LookedUp::default();
        let mut object = row.object.clone();
        if is_judged {
            self.judge_page(&answer, &mut found)?;
        } else {
            let rows = ShownRows::find(&answer, Telling::Rows, self.lane.flow.limits().records)
                .map_err(|_| Problem::ShownUnreadable)?;
            let objects: BTreeMap<RecordId, String> =
                rows.rows().filter_map(|row| Some((row.id?, row.object.to_owned()))).collect();
            self.look_up_of(&objects.keys().copied().collect(), &objects, &mut found).await?;
            // Of a list, hidden rows go; it is none itself.
            if !(0..rows.rows().len()).any(|at| rows.is_whole(at)) {
                return Ok(Named::AsAsked);
            }
            // What a row points at is of an object of its own.
            let is_hidden = |id: Option<RecordId>| id.is_some_and(|id| found.hidden.contains(&id));
            if let Some(hidden) = rows.rows().find(|row| is_hidden(row.id)) {
                hidden.object.clone_into(&mut object);
            }
        }
        let absent = found.hidden.first().map(|id| Named::Nobody(object, id.absent(0)));
        looked.seen.append(&mut found.seen);
        looked.hidden.append(&mut found.hidden);
        looked.shown.append(&mut found.shown);
        Ok(absent.unwrap_or(Named::AsAsked))
    }

    /// Which row a value names that several have: the one that the client may see, if it is one. Of those that it sees
    /// several of, the org says so, and the addresses of the others are taken out of its answer.
    async fn one_of_several(&self, row: &NamedRow, looked: &mut LookedUp) -> Result<Named, Turned> {
        statement::describe(self, &BTreeSet::from([row.object.clone()]), "").await?;
        let key = self.key(&row.object, &row.by).await?;
        let literal = key.and_then(|key| key.literal(&Scalar::Text(row.value.clone())));
        let literal = literal.filter(|_| !row.leads_on).ok_or(Problem::Closed(SEVERAL))?;
        let NamedRow { object, by, .. } = row;
        let statement = format!("SELECT Id FROM {object} WHERE {by} = {literal}");
        let isolated = statement::isolated(self, &statement, Marks::NotAsked).await?;
        let ids = self.found(&isolated.text).await?;
        let objects = ids.iter().map(|id| (*id, object.clone())).collect();
        self.look_up_of(&ids, &objects, looked).await?;
        let mut shown = ids.iter().filter(|id| looked.shown.contains(id));
        Ok(match (shown.next(), shown.next()) {
            (Some(id), None) => Named::Only(*id),
            (Some(_), Some(_)) => Named::AsAsked,
            (None, _) => {
                let any = self.found(&format!("{statement} LIMIT 1")).await?;
                let any = any.first().ok_or(Problem::Closed(SEVERAL))?;
                Named::Nobody(object.clone(), any.absent(0))
            }
        })
    }

    /// A field by whose value rows of an object may be named; the org is asked again for one that may have come since.
    pub(super) async fn key(&self, object: &str, field: &str) -> Result<Option<Key>, Turned> {
        let known = self.isolation.known().key(object, field);
        if known.is_some() {
            return Ok(known);
        }
        self.describe(object).await?;
        Ok(self.isolation.known().key(object, field))
    }

    /// Whether no row of an object is hidden: it has no marks, and points at nothing that has.
    pub(super) async fn hides_none_of(&self, object: &str) -> Result<bool, Turned> {
        let statement = format!("SELECT Id FROM {object}");
        match statement::isolated_once(self, &statement, Marks::NotAsked).await? {
            Ok(isolated) => Ok(isolated.text == statement),
            Err(error) if error.could_be_looked_up() => Ok(false),
            Err(error) => Err(statement::refused(self, &statement, error)),
        }
    }
}

/// What a value turns out to name.
enum Named {
    /// What the org says: a row that may be seen, none, or several.
    AsAsked,
    /// A hidden row: an id that nobody has, of its object.
    Nobody(String, RecordId),
    /// This row, beside hidden ones.
    Only(RecordId),
}

const SEVERAL: &str = "reads are isolated here: several records have this value, and what is asked of them cannot be told for those that you may see alone; ask by an id";

/// The path of a row that is named in the same way and is not there: by a value that nobody has, or from a row that nobody has.
fn row_of_nobody(row: &NamedRow) -> Option<String> {
    let (before, last) = row.path.rsplit_once('/')?;
    if let Some(id) = RecordId::parse(&row.by) {
        let (before, _) = before.rsplit_once('/')?;
        return Some(format!("{before}/{}/{last}", id.absent(0).long()));
    }
    let is_number = last.parse::<f64>().is_ok();
    Some(format!("{before}/{}", if is_number { "918273645546372" } else { "zzz000000000000000-nobody" }))
}
