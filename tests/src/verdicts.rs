//! Answers and states held against the model's.

use slotcast_protocol::{Code, Event, Fault, Record, Reject, SlotName, Success, Write};
use slotcast_state::View;

use crate::copy::{Copy, Held};
use crate::model::{Cell, Model, State, Verdict};
use crate::vectors::form;

pub type Checked = Result<(), String>;

pub fn check(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// The copy is the state, as far as it is in view.
pub fn same(copy: &Copy, state: &State, view: &View) -> Checked {
    let mut held = copy.slots.iter();
    for (slot, cell) in state.iter().filter(|(slot, _)| view.shows(slot)) {
        let Some((name, Held { version, by, value })) = held.next() else {
            return Err(format!("{slot} is missing"));
        };
        check(name == slot, || format!("{name} instead of {slot}"))?;
        check(*version == cell.version && *by == cell.by && form(value) == *cell.value, || {
            format!(
                "{slot} is {value:?} of {version} by `{by}`, not {} of {} by `{}`",
                cell.value, cell.version, cell.by
            )
        })?;
    }
    held.next().map_or(Ok(()), |(slot, _)| Err(format!("{slot} should not be there")))
}

pub fn records(state: &State, view: &View) -> Vec<Record> {
    let shown = state.iter().filter(|(slot, _)| view.shows(slot));
    let record = |(slot, cell): (&SlotName, &Cell)| Record {
        slot: slot.clone(),
        version: cell.version,
        by: cell.by.clone(),
        value: Some(crate::vectors::value(&cell.value)),
    };
    shown.map(record).collect()
}

pub fn not_used(told: &Event) -> Checked {
    match told {
        Event::Reject(reject) if reject.fault.code == Code::NotUsed => Ok(()),
        other => Err(format!("not in use, and told {other:?}")),
    }
}

/// Deletions are remembered for `depth` versions; who saw less may be told of a conflict that was none.
pub fn forgot(told: &Event, write: &Write, model: &Model, depth: u64) -> bool {
    let conflict = matches!(told, Event::Reject(reject) if reject.fault.code == Code::Conflict);
    conflict && write.seen + depth < model.version()
}

pub fn winners(told: &Event) -> Vec<SlotName> {
    match told {
        Event::Reject(reject) => reject.winners.iter().map(|record| record.slot.clone()).collect(),
        _other => Vec::new(),
    }
}

/// `before` is the state that the winners are from; None where they are not looked at.
pub fn compare(
    told: &Event,
    id: Option<u64>,
    verdict: &Verdict,
    model: &Model,
    before: Option<&State>,
) -> Checked {
    match (told, verdict) {
        (Event::Success(told), Verdict::Success { version, changed }) => {
            let class = model.class();
            let wanted = Success { id, version: *version, class, changed: *changed };
            check(*told == wanted, || format!("{told:?}, not {wanted:?}"))
        }
        (Event::Reject(told), Verdict::Reject { code, winners }) => {
            check(told.fault.code == *code && told.id == id, || format!("{told:?}, not {code}"))?;
            let Some(before) = before else { return Ok(()) };
            check(told.version == model.version(), || format!("{told:?} at {}", model.version()))?;
            let names: Vec<_> = told.winners.iter().map(|record| record.slot.clone()).collect();
            check(names == *winners, || format!("{told:?}: the winners are {winners:?}"))?;
            told.winners.iter().try_for_each(|record| compare_winner(record, model, before, told))
        }
        (told, verdict) => Err(format!("{told:?}, not {verdict:?}")),
    }
}

fn compare_winner(record: &Record, model: &Model, before: &State, told: &Reject) -> Checked {
    let holds = match (before.get(&record.slot), &record.value) {
        (Some(cell), Some(value)) => {
            (record.version, &record.by) == (cell.version, &cell.by) && form(value) == *cell.value
        }
        (None, None) => record.version <= model.last_change(&record.slot),
        (Some(_), None) | (None, Some(_)) => false,
    };
    check(holds, || format!("{told:?}: {record:?} is not there"))
}

/// The refusal of a store that has no room.
pub fn no_room(told: &Event, id: Option<u64>, model: &Model) -> Checked {
    let holds = match told {
        Event::Reject(Reject { id: of, fault: Fault { code, .. }, version, winners }) => {
            *of == id && *code == Code::StorageFull && *version == model.version() && winners.is_empty()
        }
        _other => false,
    };
    check(holds, || format!("the store is full, and told is {told:?}"))
}
