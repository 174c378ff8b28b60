//! One write, staged beside the object: all of it is applied, or nothing was touched.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{
    Change, ChangeKind, Code, Fault, Life, Limits, Number, ObjectName, Op, Record, SlotName, Value, Write,
};

use crate::commit::{Commit, Lived};
use crate::ids::{Author, SessionId};
use crate::kind::Kind;
use crate::merge;
use crate::patch::patch;
use crate::rule::{Rule, check_status};
use crate::slots::{Slot, Slots};

/// Who writes, and when.
pub(crate) struct Writer<'a> {
    pub author: &'a Arc<Author>,
    pub session: SessionId,
    pub now_ms: u64,
    pub limits: &'a Limits,
}

/// Why not, and what stood in the way.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub fault: Fault,
    pub winners: Vec<Record>,
}

/// The write's effects, not yet applied. Slots that are not in `touched` are as in the object, unless `cleared`.
pub(crate) struct Staged<'a> {
    slots: &'a Slots,
    kind: &'a Kind,
    writer: &'a Writer<'a>,
    version: u64,
    touched: BTreeMap<SlotName, Option<Slot>>,
    cleared: bool,
    changes: Vec<ChangeKind>,
}

/// What is left of a write when it has been checked: to be put into the slots.
pub(crate) struct Accepted {
    touched: BTreeMap<SlotName, Option<Slot>>,
    cleared: bool,
    changes: Vec<ChangeKind>,
}

impl<'a> Staged<'a> {
    /// Checks and stages the write as the object's `version`.
    pub fn stage(
        slots: &'a Slots,
        kind: &'a Kind,
        version: u64,
        writer: &'a Writer<'a>,
        write: &Write,
    ) -> Result<Accepted, Refusal> {
        let touched = BTreeMap::new();
        let mut staged =
            Staged { slots, kind, writer, version, touched, cleared: false, changes: Vec::new() };
        staged.check_conflicts(write)?;
        for op in &write.ops {
            staged.apply(op).map_err(|fault| staged.refusal(fault, op.slot().into_iter()))?;
        }
        staged.check_size(&write.object).map_err(|fault| staged.refusal(fault, std::iter::empty()))?;
        Ok(Accepted { touched: staged.touched, cleared: staged.cleared, changes: staged.changes })
    }

    fn refusal<'s>(&self, fault: Fault, slots: impl Iterator<Item = &'s SlotName>) -> Refusal {
        Refusal { fault, winners: slots.map(|slot| self.slots.record(slot)).collect() }
    }

    /// Rules first, then preconditions and the conflict rule together, so that a reject names all the winners at once.
    fn check_conflicts(&self, write: &Write) -> Result<(), Refusal> {
        let mut winners = BTreeSet::new();
        for (slot, version) in &write.conditions {
            if self.slots.version_of(slot) != *version {
                winners.insert(slot);
            }
        }
        for op in &write.ops {
            let guarded = self.check_rule(op).map_err(|fault| self.refusal(fault, op.slot().into_iter()))?;
            let Some(slot) = op.slot().filter(|_| guarded) else { continue };
            let conditional = write.conditions.iter().any(|(named, _)| named == slot);
            if !conditional && self.slots.changed_by_another(slot, write.seen, self.writer.author) {
                winners.insert(slot);
            }
        }
        if winners.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = winners.iter().map(|slot| slot.as_str()).collect();
        Err(self.refusal(Fault::new(Code::Conflict, names.join(", ")), winners.into_iter()))
    }

    /// Whether the conflict rule applies to the operation; refused if the slot's rule does not take it.
    fn check_rule(&self, op: &Op) -> Result<bool, Fault> {
        let Some(slot) = op.slot() else {
            let refused = || Fault::new(Code::NotPermitted, "clear: the kind does not allow it");
            return if self.kind.clear { Ok(false) } else { Err(refused()) };
        };
        if let Some(owner) = slot.status_of() {
            return check_status(op, owner, &self.writer.author.user).map(|()| false);
        }
        let rule = self.kind.rule(slot);
        rule.check(op, slot).map(|()| rule.guards(op))
    }

    fn held(&self, slot: &SlotName) -> Option<&Slot> {
        match self.touched.get(slot) {
            Some(touched) => touched.as_ref(),
            None if self.cleared && slot.status_of().is_none() => None,
            None => self.slots.get(slot),
        }
    }

    fn value(&self, slot: &SlotName) -> Option<&Value> {
        self.held(slot).map(|held| &held.value)
    }

    fn apply(&mut self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::Set { slot, value: Some(value), life } => self.set(slot, value.clone(), *life),
            Op::Set { slot, value: None, .. } | Op::Delete { slot } => self.delete(slot),
            Op::Add { slot, number } => self.merged(slot, merge::add(slot, self.value(slot), *number)?),
            Op::Max { slot, number } => self.extreme(slot, *number, Ordering::Greater)?,
            Op::Min { slot, number } => self.extreme(slot, *number, Ordering::Less)?,
            Op::Once { slot, value, life } => match self.held(slot) {
                Some(_) => return Err(Fault::new(Code::Conflict, slot.as_str())),
                None => self.set(slot, value.clone(), *life),
            },
            Op::Append { slot, value, keep, stamp } => self.append(slot, value, *keep, *stamp)?,
            Op::Patch { slot, path, value } => {
                let held = self
                    .value(slot)
                    .ok_or_else(|| Fault::new(Code::WrongType, format!("{slot}: is absent")))?;
                if let Some(patched) = patch(slot, held, path, value.as_ref(), self.writer.limits)? {
                    let change =
                        ChangeKind::Patch { slot: slot.clone(), path: path.clone(), value: value.clone() };
                    self.keep_life(slot, patched, change);
                }
            }
            Op::Clear => self.clear(),
        }
        Ok(())
    }

    fn set(&mut self, slot: &SlotName, value: Value, life: Life) {
        let change = ChangeKind::Set { slot: slot.clone(), value: value.clone() };
        let expires_ms = life.ttl_ms.map(|ttl_ms| self.writer.now_ms.saturating_add(ttl_ms));
        let tied_to = life.tie.then_some(self.writer.session);
        self.touch(slot, value, expires_ms, tied_to, change);
    }

    fn delete(&mut self, slot: &SlotName) {
        if self.held(slot).is_some() {
            self.touched.insert(slot.clone(), None);
            self.changes.push(ChangeKind::Delete { slot: slot.clone() });
        }
    }

    fn extreme(&mut self, slot: &SlotName, number: Number, wanted: Ordering) -> Result<(), Fault> {
        let value = merge::extreme(slot, self.value(slot), number, wanted)?;
        self.merged(slot, value);
        Ok(())
    }

    fn merged(&mut self, slot: &SlotName, value: Option<Value>) {
        if let Some(value) = value {
            self.keep_life(slot, value.clone(), ChangeKind::Set { slot: slot.clone(), value });
        }
    }

    /// Where the rule is `append`, its `keep` and `stamp` count and not the writer's.
    fn append(&mut self, slot: &SlotName, item: &Value, keep: u32, stamp: bool) -> Result<(), Fault> {
        let (keep, stamp) = match self.kind.rule(slot) {
            Rule::Append { keep, stamp } => (keep, stamp),
            Rule::Guarded | Rule::Last | Rule::Add | Rule::Max | Rule::Min | Rule::Once | Rule::Server => {
                (keep, stamp)
            }
        };
        let Writer { limits, author, .. } = *self.writer;
        let value_depth = limits.value_depth.saturating_sub(if stamp { 2 } else { 1 });
        Value::check(item.bytes(), &Limits { value_depth, ..limits.clone() })?;
        let by = &author.user;
        let stamped = || merge::append_stamped(item, by, self.writer.now_ms, self.version);
        let item = if stamp { stamped() } else { item.clone() };
        let value = merge::append(slot, self.value(slot), &item, keep)?;
        self.keep_life(slot, value, ChangeKind::Append { slot: slot.clone(), items: [item].into(), keep });
        Ok(())
    }

    fn clear(&mut self) {
        let is_plain = |slot: &SlotName| slot.status_of().is_none();
        let anything = self.slots.iter().any(|(slot, _)| is_plain(slot)) || self.touched.keys().any(is_plain);
        self.touched.retain(|slot, _| !is_plain(slot));
        if anything {
            self.cleared = true;
            self.changes.push(ChangeKind::Clear);
        }
    }

    fn keep_life(&mut self, slot: &SlotName, value: Value, change: ChangeKind) {
        let (expires_ms, tied_to) =
            self.held(slot).map_or((None, None), |held| (held.expires_ms, held.tied_to));
        self.touch(slot, value, expires_ms, tied_to, change);
    }

    fn touch(
        &mut self,
        slot: &SlotName,
        value: Value,
        expires_ms: Option<u64>,
        tied_to: Option<SessionId>,
        change: ChangeKind,
    ) {
        let (version, author) = (self.version, self.writer.author.clone());
        let after = Slot { value, version, author, by_another: 0, expires_ms, tied_to };
        self.touched.insert(slot.clone(), Some(after));
        self.changes.push(change);
    }

    fn check_size(&self, object: &ObjectName) -> Result<(), Fault> {
        let limits = self.writer.limits;
        let (slots, bytes) = self.size();
        if slots > limits.slots && slots > self.slots.len() {
            return Err(Fault::new(Code::TooMany, format!("{object}: more than {} slots", limits.slots)));
        }
        if bytes > limits.object_bytes && bytes > self.slots.bytes() {
            return Err(Fault::new(
                Code::TooLarge,
                format!("{object}: more than {} bytes", limits.object_bytes),
            ));
        }
        Ok(())
    }

    /// Slots and bytes as they would be.
    fn size(&self) -> (usize, usize) {
        let weight = |(name, slot): (&SlotName, &Slot)| name.as_str().len() + slot.value.bytes().len();
        let (mut slots, mut bytes) = (self.slots.len(), self.slots.bytes());
        if self.cleared {
            let stay = || self.slots.iter().filter(|(name, _)| name.status_of().is_some());
            (slots, bytes) = (stay().count(), stay().map(weight).sum());
        }
        for (name, touched) in &self.touched {
            let counted = !self.cleared || name.status_of().is_some();
            if let Some(before) = self.slots.get(name).filter(|_| counted) {
                slots -= 1;
                bytes -= weight((name, before));
            }
            if let Some(after) = touched {
                slots += 1;
                bytes += weight((name, after));
            }
        }
        (slots, bytes)
    }
}

impl Accepted {
    /// Whether anything moved.
    pub fn moves(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What a commit that was logged did to the slots as they were before it.
    pub fn again(slots: &Slots, commit: &Commit) -> Result<Accepted, Fault> {
        let mut accepted = Accepted { touched: BTreeMap::new(), cleared: false, changes: Vec::new() };
        for change in commit.changes.iter() {
            let Some(slot) = change.kind.slot() else {
                accepted.touched.retain(|slot, _| slot.status_of().is_some());
                accepted.cleared = true;
                continue;
            };
            let value = accepted.value_after(slots, slot, &change.kind)?;
            let touched = value.map(|value| {
                let life = commit.lives.iter().find(|lived| lived.slot == *slot);
                let tied_to = life.filter(|life| life.tied).map(|_| SessionId::GONE);
                let (version, author) = (commit.version, commit.author.clone());
                let expires_ms = life.and_then(|life| life.expires_ms);
                Slot { value, version, author, by_another: 0, expires_ms, tied_to }
            });
            accepted.touched.insert(slot.clone(), touched);
        }
        Ok(accepted)
    }

    /// A slot's value after one more change; None if it is gone.
    fn value_after(
        &self,
        slots: &Slots,
        slot: &SlotName,
        change: &ChangeKind,
    ) -> Result<Option<Value>, Fault> {
        let before = match self.touched.get(slot) {
            Some(touched) => touched.as_ref(),
            None if self.cleared && slot.status_of().is_none() => None,
            None => slots.get(slot),
        };
        let before = before.map(|slot| &slot.value);
        Ok(match change {
            ChangeKind::Set { value, .. } => Some(value.clone()),
            ChangeKind::Delete { .. } | ChangeKind::Clear => None,
            ChangeKind::Append { items, keep, .. } => {
                let mut value = before.cloned();
                for item in items.iter() {
                    value = Some(merge::append(slot, value.as_ref(), item, *keep)?);
                }
                value
            }
            ChangeKind::Patch { path, value, .. } => {
                let absent = || Fault::new(Code::WrongType, format!("{slot}: is absent"));
                let before = before.ok_or_else(absent)?;
                let limits = Limits { value_bytes: usize::MAX, ..Limits::default() };
                Some(patch(slot, before, path, value.as_ref(), &limits)?.unwrap_or_else(|| before.clone()))
            }
        })
    }

    /// The slots that will not stay for good.
    pub fn lives(&self) -> Vec<Lived> {
        let touched = self.touched.iter().filter_map(|(slot, touched)| Some((slot, touched.as_ref()?)));
        let lived = touched.filter(|(_, touched)| touched.expires_ms.is_some() || touched.tied_to.is_some());
        let lived = lived.map(|(slot, touched)| Lived {
            slot: slot.clone(),
            expires_ms: touched.expires_ms,
            tied: touched.tied_to.is_some(),
        });
        lived.collect()
    }

    /// Puts it into the slots, as `version`.
    pub fn commit(self, slots: &mut Slots, version: u64, author: &Arc<Author>) -> Vec<Change> {
        if self.cleared {
            slots.clear(version, author.clone());
        }
        for (name, touched) in self.touched {
            match touched {
                Some(slot) => slots.put(name, slot),
                None => slots.delete(name, version, author.clone()),
            }
        }
        let by = author.user.clone();
        self.changes.into_iter().map(|kind| Change { version, by: by.clone(), kind }).collect()
    }
}
