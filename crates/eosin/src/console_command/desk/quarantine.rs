//! The quarantine in the console: what waits is looked at, without its content, and released or rejected.

use gateway::PageAnswer;
use index::Value;
use miette::IntoDiagnostic as _;
use policy::{Decision, Recorded};
use quarantine::{ItemId, Kept, State};
use web::{QuarantineAct, QuarantineItem, Told};

use super::{Desk, reason};
use crate::{
    console_command::{
        answers::{Asked, Form, elsewhere},
        reception::{Present, trouble, with_setting},
    },
    emergency_command,
    quarantine_command::{
        asking::{self, Ask},
        contents, telling,
    },
};

impl Desk {
    /// A page of the quarantine.
    pub(super) fn quarantine(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        let query = asked.query();
        let form = asked.form.as_ref().unwrap_or(&query);
        let found = match self.kept(form.get("item")) {
            Ok(Some(found)) => found,
            Ok(None) => return elsewhere("/quarantine"),
            Err(report) => return trouble(&report),
        };
        let act = QuarantineAct::read(form.get("act"));
        match (asked.path(), act, &asked.form) {
            ("/quarantine/item", ..) => {
                let one = shown(&found);
                with_setting(present, |setting| web::quarantine_item(setting, &one, Told::Nothing))
            }
            ("/quarantine/question", Some(act), None) => self.question(&found, act, Told::Nothing, present),
            ("/quarantine/decide", Some(act), Some(form)) => self.decide(&found, act, form, present),
            _ => elsewhere("/quarantine"),
        }
    }

    /// An item by its name; nothing where there is none of it.
    fn kept(&self, name: &str) -> miette::Result<Option<Kept>> {
        let Ok(id) = name.parse::<ItemId>() else { return Ok(None) };
        Ok(contents(&self.config)?.kept.into_iter().find(|kept| kept.item.id == id))
    }

    fn question(&self, found: &Kept, act: QuarantineAct, told: Told<'_>, present: &Present) -> PageAnswer {
        let one = shown(found);
        let (now, is_refused) = self.said_now(found);
        let mut consequences = match act {
            QuarantineAct::Release => vec![
                format!(
                    "What was kept, {} records, is delivered to what is behind {}, as it came.",
                    one.records, one.boundary
                ),
                now,
            ],
            QuarantineAct::Reject => vec![
                "Its key is destroyed and its content removed. Nobody can bring it back.".to_owned(),
                format!("{} has to send it again if it is to arrive.", one.client),
            ],
        };
        consequences.push("The ledger and the log of operators say that you did it, and why.".to_owned());
        with_setting(present, |setting| {
            web::quarantine_question(setting, &one, act, &consequences, is_refused, told)
        })
    }

    /// What the policies in force say of it now, and whether they refuse it.
    fn said_now(&self, found: &Kept) -> (String, bool) {
        let answered = self.recorded(&found.item.ruling).ok().flatten().and_then(|(recorded, objects)| {
            let policies = emergency_command::ruling_now(&self.config).ok()?;
            // Of what is not written down nobody can say that it is outside of an emergency's scope.
            let objects: Option<Vec<&str>> = objects.as_deref().map(|text| text.split(',').collect());
            let narrower = objects.and_then(|objects| policies.about(&objects));
            recorded.answered_by(narrower.as_deref().unwrap_or(&policies))
        });
        match answered {
            Some(answer) if answer.decision == Decision::Block => {
                let by: Vec<String> = answer.policies.into_iter().collect();
                let version = answer.version;
                (format!("{version} refuses it now: {} ({}).", answer.reason, by.join(", ")), true)
            }
            Some(answer) => (format!("{}, which is in force, lets it pass now.", answer.version), false),
            None => {
                let says = "What policies say of it now cannot be told beforehand: they are asked when it is released.";
                (says.to_owned(), true)
            }
        }
    }

    /// What was asked then, and the objects of its records where they are written down.
    fn recorded(&self, ruling: &str) -> miette::Result<Option<(Recorded, Option<String>)>> {
        let Some((origin, entry)) = ruling.rsplit_once('#') else { return Ok(None) };
        let Ok(entry) = entry.parse() else { return Ok(None) };
        let sql = "SELECT q.asked, r.objects FROM rulings r JOIN questions q ON q.origin = r.origin AND q.question = r.question \
                   WHERE r.origin = $1 AND r.entry = $2";
        let answer =
            self.index()?.query(sql, &[Value::text(origin), Value::Integer(entry)]).into_diagnostic()?;
        let Some([Value::Text(asked), objects]) =
            answer.rows.into_iter().next().and_then(|row| <[Value; 2]>::try_from(row).ok())
        else {
            return Ok(None);
        };
        let objects = match objects {
            Value::Text(objects) => Some(objects),
            Value::Null | Value::Integer(_) => None,
        };
        Ok(serde_json::from_str(&asked).ok().map(|recorded| (recorded, objects)))
    }

    /// What was shown and asked before; shown again where the item has moved on.
    fn decide(&self, found: &Kept, act: QuarantineAct, form: &Form, present: &Present) -> PageAnswer {
        let again = |fault: &str, status: u16| {
            let mut answer = self.question(found, act, Told::Fault(fault), present);
            answer.status = status;
            answer
        };
        if form.get("seen") != shown(found).seen() {
            return again(
                "Somebody has decided, or it has moved on, since you looked. This is how it stands now.",
                409,
            );
        }
        let Some(reason) = reason(form.get("reason")) else {
            return again("Say why: the ledger has a reason for each.", 422);
        };
        let token = Some(form.get("token").trim().to_owned()).filter(|token| !token.is_empty());
        if let Some(Err(error)) = token.as_deref().map(gateway::Courier::accepts) {
            return again(&format!("{error}."), 422);
        }
        let by = present.by();
        let items = vec![found.item.id.clone()];
        let (event, ask) = match act {
            QuarantineAct::Release => {
                let ask = Ask::Release {
                    items,
                    by: by.name().to_owned(),
                    reason: reason.clone(),
                    again: form.get("again") == "yes",
                    overrule: form.get("overrule") == "yes",
                    elsewhere: form.get("elsewhere") == "yes",
                    to: None,
                    token,
                };
                ("quarantine-release", ask)
            }
            QuarantineAct::Reject => {
                let ask = Ask::Reject { items, by: by.name().to_owned(), reason: reason.clone() };
                ("quarantine-reject", ask)
            }
        };
        let done = self
            .note(present, event, vec![found.item.id.to_string()], &reason)
            .and_then(|_| asking::ask(&self.config, ask, &self.printer));
        let told = match done {
            Ok(told) => told,
            Err(report) => return trouble(&report),
        };
        let Some(told) = told.into_iter().next() else { return elsewhere("/quarantine") };
        let now = self.kept(form.get("item")).ok().flatten();
        let one = shown(now.as_ref().unwrap_or(found));
        with_setting(present, |setting| {
            let said = if told.is_done { Told::Done(&told.said) } else { Told::Fault(&told.said) };
            web::quarantine_item(setting, &one, said)
        })
    }
}

fn shown(kept: &Kept) -> QuarantineItem {
    let item = &kept.item;
    QuarantineItem {
        id: item.id.to_string(),
        state: kept.state.as_str().to_owned(),
        since: kept.since.clone(),
        boundary: item.boundary.clone(),
        received: item.received.clone(),
        client: item.client.clone(),
        route: format!("{} ({})", item.route, item.method),
        records: item.records,
        bytes: item.bytes,
        behind: telling::behind(kept),
        reason: item.reason.clone(),
        policies: item.policies.clone(),
        ruling: item.ruling.clone(),
        counts: item
            .counts
            .iter()
            .map(|(name, many)| (name.clone(), *many))
            .filter(|(_, many)| *many > 0)
            .collect(),
        attempts: kept.attempts,
        note: kept.note.clone(),
        waits: matches!(kept.state, State::Held | State::Uncertain),
        is_uncertain: kept.state == State::Uncertain,
    }
}
