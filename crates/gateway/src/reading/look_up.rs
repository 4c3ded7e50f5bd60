//! Which ids lead to hidden rows: of which objects they can be, and what each of those says of them.

use std::collections::{BTreeMap, BTreeSet};

use carrier::salesforce::{RecordId, ShownRows, Telling};

use super::{
    LookedUp, Turned,
    org::{Found, IDS_MAX, Org, hides_datasets, list},
};
use crate::{isolation::OrgKnown, problem::Problem};

/// Ids that are asked for one by one where one of them is none of the object's.
const ALONE_MAX: usize = 25;

/// What a request says of the ids that it names.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Of which object they are.
    pub(super) objects: BTreeMap<RecordId, String>,
    /// Those that stand where nothing but the id of a row can.
    pub(super) rows: BTreeSet<RecordId>,
}

impl Org<'_> {
    /// Finds out which of these ids lead to hidden rows.
    ///
    /// Ids of an object that carries Eosin's fields are looked up and judged. Those of any other are hidden if an
    /// isolated query does not find them.
    pub(crate) async fn look_up(
        &self,
        ids: &BTreeSet<RecordId>,
        looked: &mut LookedUp,
    ) -> Result<(), Turned> {
        self.look_up_said(ids, &Said::default(), looked).await
    }

    /// The same, where it is said of some ids which object they are of.
    pub(crate) async fn look_up_of(
        &self,
        ids: &BTreeSet<RecordId>,
        objects: &BTreeMap<RecordId, String>,
        looked: &mut LookedUp,
    ) -> Result<(), Turned> {
        let said = Said { objects: objects.clone(), rows: BTreeSet::new() };
        self.look_up_said(ids, &said, looked).await
    }

    /// The same, with all that is said of them. Where their first three characters tell nothing the list of objects is asked
    /// again, for objects come: at most once a minute a session for what may be no id at all, and always for the id of a row;
    /// one that nobody tells the object of is hidden then, for it can lead anywhere.
    ///
    /// Several objects can have the same characters, and what is said can be untrue: each is asked.
    pub(super) async fn look_up_said(
        &self,
        ids: &BTreeSet<RecordId>,
        said: &Said,
        looked: &mut LookedUp,
    ) -> Result<(), Turned> {
        let is_new = |id: &&RecordId| !looked.shown.contains(id) && !looked.hidden.contains(id);
        let new: BTreeSet<RecordId> = ids.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut known = self.known().await?;
        let untold =
            |known: &OrgKnown, id: &RecordId| known.of(*id).is_empty() && !said.objects.contains_key(id);
        let lately = Some(self.lane.flow.seconds());
        let has_listed = self.isolation.sessions().has_listed(self.session(), lately);
        if new.iter().any(|id| untold(&known, id) && (!has_listed || said.rows.contains(id))) {
            self.list().await?;
            known = self.isolation.known();
        }
        let mut alone = BTreeMap::<String, Vec<RecordId>>::new();
        let mut several = BTreeMap::<String, Vec<RecordId>>::new();
        for id in new {
            let mut could: BTreeMap<String, &String> =
                known.of(id).iter().map(|object| (object.to_ascii_lowercase(), object)).collect();
            if let Some(said) = said.objects.get(&id) {
                could.entry(said.to_ascii_lowercase()).or_insert(said);
            }
            if could.is_empty() && said.rows.contains(&id) {
                looked.hidden.insert(id);
            }
            let among = if could.len() == 1 { &mut alone } else { &mut several };
            for object in could.into_values() {
                among.entry(object.clone()).or_default().push(id);
            }
        }
        for (object, ids) in alone {
            self.look_in(&object, &ids, looked).await?;
        }
        self.look_in_each(several, looked).await
    }

    /// Looks at ids of one object.
    async fn look_in(&self, object: &str, ids: &[RecordId], looked: &mut LookedUp) -> Result<(), Turned> {
        if self.isolation.is_dataset(object) && hides_datasets(self.reader) {
            looked.hidden.extend(ids);
            return Ok(());
        }
        for ids in ids.chunks(IDS_MAX) {
            if self.look_at(object, ids, looked).await? == Found::Answered || ids.len() == 1 {
                continue;
            }
            if ids.len() > ALONE_MAX {
                return Err(Problem::ShownUnreadable.into());
            }
            // One that is none must not hide the others.
            for id in ids {
                self.look_at(object, std::slice::from_ref(id), looked).await?;
            }
        }
        Ok(())
    }

    /// Looks at ids that can be of several objects each. A row is one object's: what finds it says what it is, and what nothing
    /// finds is hidden if one of the objects hides rows that it does not find.
    async fn look_in_each(
        &self,
        objects: BTreeMap<String, Vec<RecordId>>,
        looked: &mut LookedUp,
    ) -> Result<(), Turned> {
        let mut unfound = BTreeSet::new();
        for (object, ids) in objects {
            if !self.isolation.is_dataset(&object) && self.hides_none_of(&object).await? {
                looked.shown.append(&mut self.found_in(&object, &ids).await?);
                continue;
            }
            let mut own = LookedUp { steps: looked.steps, ..LookedUp::default() };
            self.look_in(&object, &ids, &mut own).await?;
            let first = looked.seen.len();
            looked.by_id.extend(own.by_id.into_iter().map(|(id, at)| (id, first + at)));
            looked.seen.append(&mut own.seen);
            looked.shown.append(&mut own.shown);
            if self.isolation.is_marked(&object) {
                looked.hidden.append(&mut own.hidden);
            } else {
                unfound.append(&mut own.hidden);
            }
        }
        looked.hidden.extend(unfound.difference(&looked.shown).copied().collect::<Vec<_>>());
        Ok(())
    }

    /// Which of these ids are of rows of an object that hides none.
    async fn found_in(&self, object: &str, ids: &[RecordId]) -> Result<BTreeSet<RecordId>, Turned> {
        let mut found = BTreeSet::new();
        for ids in ids.chunks(IDS_MAX) {
            let statement = format!("SELECT Id FROM {object} WHERE Id IN ({})", list(ids));
            match self.rows(&statement).await {
                Ok(pages) => {
                    for page in pages.into_iter().flatten() {
                        let rows = ShownRows::find(&page, Telling::Rows, self.lane.flow.limits().records);
                        let rows = rows.map_err(|_| Problem::ShownUnreadable)?;
                        found.extend(rows.rows().filter_map(|row| row.id));
                    }
                }
                // An object that cannot be asked for finds nothing.
                Err(Turned::Problem(_)) => {}
                Err(answer @ Turned::Answer(_)) => return Err(answer),
            }
        }
        Ok(found)
    }
}
