//! The row that a request names otherwise than by its id: by a field's value, or as what another row points at.

use std::collections::BTreeMap;

use carrier::{
    Door,
    salesforce::{self, NamedRow, RecordId, Route, ShownRows, Telling},
};
use http::StatusCode;
use soql::Marks;

use super::{
    LookedUp, Turned, names_our_fields,
    org::{Org, label_fields},
    statement,
};
use crate::problem::Problem;

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
        let absent = self.named(target, &row, looked).await?;
        // An org says otherwise of an id that it does not find than of a value, where it is to remove what has it.
        Ok(absent.map(|absent| if removes { row_of_nobody(&row).unwrap_or(absent) } else { absent }))
    }

    /// Looks at the row that a field's value names. If it is hidden, the target by which an id that nobody has is asked
    /// for instead.
    pub(crate) async fn by_field(
        &self,
        target: &str,
        looked: &mut LookedUp,
    ) -> Result<Option<String>, Turned> {
        match salesforce::named_row(target) {
            Some(row) => self.named(target, &row, looked).await,
            None => Ok(None),
        }
    }

    async fn named(
        &self,
        target: &str,
        row: &NamedRow,
        looked: &mut LookedUp,
    ) -> Result<Option<String>, Turned> {
        let is_related = RecordId::parse(&row.by).is_some();
        let is_judged = !is_related && self.isolation.is_marked(&row.object);
        if !is_judged && !is_related && self.hides_none_of(&row.object).await? {
            return Ok(None);
        }
        let fields = if is_judged { label_fields(self.isolation) } else { "Id".to_owned() };
        let (status, answer) = self.get(&format!("{}?fields={fields}", row.path)).await?;
        if names_our_fields(&answer) && !status.is_success() {
            return Err(Problem::FieldsMissing.into());
        }
        if status == StatusCode::MULTIPLE_CHOICES {
            // Which of them could be hidden would show in their number.
            return Err(Problem::ReadClosed.into());
        }
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
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
            // What a row points at is of an object of its own.
            let is_hidden = |id: Option<RecordId>| id.is_some_and(|id| found.hidden.contains(&id));
            if let Some(hidden) = rows.rows().find(|row| is_hidden(row.id)) {
                hidden.object.clone_into(&mut object);
            }
        }
        let absent = found.hidden.first().map(|id| {
            let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
            let version = &self.version;
            format!("/services/data/{version}/sobjects/{object}/{}{query}", id.absent(0).long())
        });
        looked.seen.append(&mut found.seen);
        looked.hidden.append(&mut found.hidden);
        looked.shown.append(&mut found.shown);
        Ok(absent)
    }

    /// Whether no row of an object is hidden: it has no marks, and points at nothing that has.
    pub(super) async fn hides_none_of(&self, object: &str) -> Result<bool, Turned> {
        let statement = format!("SELECT Id FROM {object}");
        let isolated = statement::isolated(self, &statement, Marks::NotAsked).await?;
        Ok(isolated.text == statement)
    }
}

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
