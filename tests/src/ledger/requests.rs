//! What each request about one object has to come to.

use std::sync::Arc;

use slotcast_protocol::{Code, Durability, Event, Send, Sent, Write};
use slotcast_state::{Author, Delivery, SessionId, Start};

use crate::asked::Asked;
use crate::copy::Copy;
use crate::ledger::Ledger;
use crate::model::{Model, Verdict};
use crate::told::{Told, Turn};
use crate::verdicts::{Checked, check, compare, forgot, no_room, not_used, records, same, winners};

impl Ledger {
    /// What is about one object that is in memory, or is found not to be.
    pub(super) fn one(&mut self, asked: Asked, told: &mut Told<'_>, turn: &Turn<'_>) -> Checked {
        match asked {
            Asked::Use { session, author, object, turn: of } => {
                let Some(start) = told.start(session) else {
                    let looks = self.kinds.of(&object).durability == Durability::Disk
                        && turn.loads.contains(&object.clone().into())
                        && !self.living(&object).is_some_and(Model::is_followed);
                    let asked = Asked::Use { session, author, object: object.clone(), turn: of };
                    self.loading.insert(object.clone(), [asked].into());
                    return check(looks, || format!("{object}: no start, and no load"));
                };
                self.born(&object, start.epoch)?;
                self.with(&object, |model, _| model.join(session, author.user.clone()));
                self.start(start)
            }
            Asked::CatchUp { session, object } => {
                match self.living(&object).is_some_and(|model| model.follows(session)) {
                    true => self.start(told.start(session).ok_or("no start")?),
                    false => Ok(()),
                }
            }
            Asked::Release { session, object } => {
                let left = self.with(&object, |model, now_ms| model.leave(session, now_ms)) == Some(true);
                let told = matches!(told.next(), Some(Delivery::Left { session: to, .. }) if *to == session);
                check(left == told, || format!("{object}: released"))
            }
            Asked::Gone { session, objects } => {
                self.gone(session, objects);
                Ok(())
            }
            Asked::Write { session, author, write } => self.write(session, &author, &write, told),
            Asked::Send { session, author, send } => self.send(session, &author, send, told),
            Asked::Fingerprint { session, object } => {
                let follows = self.living(&object).is_some_and(|model| model.follows(session));
                match told.reply(session)? {
                    Event::Fingerprint { version, .. } => {
                        check(self.living(&object).map(Model::version) == Some(*version), || "version".into())
                    }
                    _error => check(!follows, || format!("{object}: no fingerprint")),
                }
            }
            Asked::Tick(_) | Asked::Loaded { .. } | Asked::StorageFull(_) | Asked::Housekeeping => Ok(()),
        }
    }

    /// The events of a start lead from what the cursor stands for to the present.
    fn start(&mut self, start: &Start) -> Checked {
        let (object, view) = (&start.object, &start.audience.view);
        let model = self.living(object).ok_or("a start of what is dead")?;
        let at = start.cursor.filter(|c| c.epoch == model.epoch && c.version <= model.version());
        let mut copy = match at {
            Some(cursor) => {
                let records = records(&model.states[cursor.version as usize], view);
                Copy::new(model.epoch, cursor.version, cursor.sends.unwrap_or(0), records)
            }
            None => Copy::default(),
        };
        for event in start.told() {
            copy.take(event).map_err(|broken| format!("{object}: {}", broken.0))?;
        }
        if start.covered {
            let nothing =
                at.map(|cursor| cursor.version) == Some(copy.have) && start.mark.version == copy.have;
            return check(nothing && copy.complete, || format!("{object}: a covered start with {start:?}"));
        }
        check(copy.complete && copy.epoch == model.epoch, || format!("{object}: a start in part"))?;
        check(copy.have == model.version() && start.mark.version == copy.have, || {
            format!("{object}: a start to {}, not {}", copy.have, model.version())
        })?;
        let counts = at.is_none_or(|cursor| cursor.sends.is_some());
        check(!counts || copy.sends == model.sends.len() as u64, || {
            format!("{object}: sends {}", copy.sends)
        })?;
        same(&copy, model.now(), view).map_err(|why| format!("{object}, a start: {why}"))?;
        match start.told().next() {
            Some(Event::Snapshot(_)) => self.met.snapshots += 1,
            _diff => self.met.diffs += 1,
        }
        let older = start.whole.as_ref().filter(|whole| whole.mark() != start.mark);
        self.met.parts += u64::from(start.whole.is_some());
        self.met.older_parts += u64::from(older.is_some());
        Ok(())
    }

    fn write(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        write: &Write,
        told: &mut Told<'_>,
    ) -> Checked {
        let (reply, now_ms) = (told.reply(session)?, self.now_ms);
        let (told, published) = (reply, told.published);
        let Some(epoch) = self.alive.get(&write.object).copied() else { return not_used(told) };
        let life = self.lives.get_mut(&(write.object.clone(), epoch)).expect("who is alive was born");
        let model = &mut life.model;
        if !model.follows(session) {
            return not_used(told);
        }
        if let Some(verdict) = model.repeated(author, write.id) {
            self.met.repeated += 1;
            if matches!(verdict, Verdict::Reject { code: Code::AnswerForgotten, .. }) {
                self.met.forgotten += 1;
            }
            return compare(told, write.id, &verdict, model, None);
        }
        if model.is_stored() && self.storage_full {
            self.met.storage_full += 1;
            return no_room(told, write.id, model);
        }
        let before = model.now().clone();
        let verdict = match model.judge(session, author, write, now_ms) {
            _any if forgot(told, write, model, self.kinds.of(&write.object).resync_depth) => {
                Verdict::Reject { code: Code::Conflict, winners: winners(told) }
            }
            Ok(draft) => model.accept(draft, author, session),
            Err(verdict) => verdict,
        };
        model.keep(author, write.id, verdict.clone());
        match &verdict {
            Verdict::Success { changed: true, version } => {
                self.met.accepted += 1;
                check(published < *version, || format!("the diff to {published} came before its success"))?;
                if let Some(id) = write.id {
                    let of = if self.ids_are_unique { 0 } else { epoch };
                    let key = (author.clone(), write.object.clone(), of, id);
                    let before = self.applied.insert(key, (epoch, *version));
                    check(before.is_none(), || format!("write {id} of {author:?}: applied again"))?;
                }
            }
            Verdict::Success { changed: false, .. } => {}
            Verdict::Reject { code, .. } => {
                self.met.conflicts += u64::from(*code == Code::Conflict);
                self.met.wrong_epoch += u64::from(*code == Code::WrongEpoch);
            }
        }
        compare(told, write.id, &verdict, model, Some(&before))
    }

    fn send(&mut self, session: SessionId, author: &Arc<Author>, send: Send, told: &mut Told<'_>) -> Checked {
        let told = told.reply(session)?;
        let Some(epoch) = self.alive.get(&send.object).copied() else { return not_used(told) };
        let life = self.lives.get_mut(&(send.object.clone(), epoch)).expect("who is alive was born");
        let model = &mut life.model;
        if !model.follows(session) {
            return not_used(told);
        }
        let verdict = match model.repeated(author, send.id) {
            Some(verdict) => verdict,
            None if model.is_stored() && self.storage_full => {
                self.met.storage_full += 1;
                return no_room(told, send.id, model);
            }
            None => {
                let (id, version) = (send.id, model.version());
                let (object, name, value, by) = (send.object, send.name, send.value, author.user.clone());
                model.send(Sent { object, version, name, value, by });
                let verdict = Verdict::Success { version, changed: false };
                model.keep(author, id, verdict.clone());
                verdict
            }
        };
        compare(told, send.id, &verdict, model, None)
    }
}
