//! What a shard told because of one input, in its order.

use slotcast_protocol::{Durability, Event, ObjectName};
use slotcast_state::{Commit, Delivery, Effects, Kinds, Name, SessionId, Start};

/// How far the effects were filled before an input.
pub struct Before {
    commits: usize,
    deliveries: usize,
    held: usize,
    loads: usize,
    evicted: u64,
}

/// What one input has added to the effects.
pub struct Turn<'a> {
    pub commits: &'a [Commit],
    pub loads: &'a [Name],
    pub evicted: u64,
    deliveries: &'a [Delivery],
    held: &'a [Delivery],
}

impl Before {
    pub fn of(effects: &Effects) -> Self {
        Before {
            commits: effects.commits.len(),
            deliveries: effects.deliveries.len(),
            held: effects.held.len(),
            loads: effects.loads.len(),
            evicted: effects.evicted,
        }
    }

    pub fn turn(self, effects: &Effects) -> Turn<'_> {
        Turn {
            commits: &effects.commits[self.commits..],
            loads: &effects.loads[self.loads..],
            evicted: effects.evicted - self.evicted,
            deliveries: &effects.deliveries[self.deliveries..],
            held: &effects.held[self.held..],
        }
    }
}

impl<'a> Turn<'a> {
    /// What was told about an object; nothing else may have been told.
    pub fn about(&self, class: Durability) -> Result<Told<'a>, String> {
        let (told, others) = match class {
            Durability::Memory => (self.deliveries, self.held),
            Durability::Disk => (self.held, self.deliveries),
        };
        match others {
            [] => Ok(Told { rest: told, published: 0 }),
            others => Err(format!("told before it may be, or too late: {others:?}")),
        }
    }

    /// No one was answered, and what was published was held if it is about a stored object.
    pub fn publishes_only(&self, kinds: &Kinds) -> Result<(), String> {
        let fits = |delivery: &Delivery, class| {
            let object = published(delivery);
            object.is_some_and(|object| kinds.of(object).durability == class)
        };
        let wrong = self.deliveries.iter().find(|delivery| !fits(delivery, Durability::Memory));
        let wrong = wrong.or(self.held.iter().find(|delivery| !fits(delivery, Durability::Disk)));
        wrong.map_or(Ok(()), |wrong| Err(format!("told and not asked for, or not in time: {wrong:?}")))
    }

    pub fn is_empty(&self) -> bool {
        let told = self.deliveries.is_empty() && self.held.is_empty();
        told && self.commits.is_empty() && self.loads.is_empty()
    }
}

/// The object that a frame for all is about; None if it is for one.
fn published(delivery: &Delivery) -> Option<&ObjectName> {
    match delivery {
        Delivery::Publish { event: Event::Diff(diff), .. } => Some(&diff.object),
        Delivery::Publish { event: Event::Sent(sent), .. } => Some(&sent.object),
        _for_one => None,
    }
}

/// The answers, one after another; frames for all are passed over.
pub struct Told<'a> {
    rest: &'a [Delivery],
    /// The newest version that was published before the answer that was taken last.
    pub published: u64,
}

impl<'a> Told<'a> {
    fn peek(&mut self) -> Option<&'a Delivery> {
        while let Some((Delivery::Publish { event, .. }, rest)) = self.rest.split_first() {
            if let Event::Diff(diff) = event {
                self.published = self.published.max(diff.to);
            }
            self.rest = rest;
        }
        self.rest.first()
    }

    pub fn next(&mut self) -> Option<&'a Delivery> {
        let next = self.peek()?;
        self.rest = &self.rest[1..];
        Some(next)
    }

    pub fn start(&mut self, session: SessionId) -> Option<&'a Start> {
        match self.peek()? {
            Delivery::Start { session: to, start } if *to == session => {
                self.next();
                Some(start)
            }
            _other => None,
        }
    }

    pub fn reply(&mut self, session: SessionId) -> Result<&'a Event, String> {
        match self.next() {
            Some(Delivery::Reply { session: to, event }) if *to == session => Ok(event),
            other => Err(format!("a reply, not {other:?}")),
        }
    }

    pub fn refused(&mut self, session: SessionId, turn: u32) -> Result<(), String> {
        match self.next() {
            Some(Delivery::Refused { session: to, turn: of, .. }) if (*to, *of) == (session, turn) => Ok(()),
            other => Err(format!("a refused use, not {other:?}")),
        }
    }

    pub fn end(mut self) -> Result<(), String> {
        self.peek().map_or(Ok(()), |more| Err(format!("told and not asked for: {more:?}")))
    }
}
