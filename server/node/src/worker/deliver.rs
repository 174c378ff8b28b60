//! From effects to letters: every event is encoded once per channel, however many edges and followers get it.

use std::sync::Arc;

use bytes::Bytes;
use slotcast_protocol::{Event, User};
use slotcast_state::{Delivery, Frames, Input, Letter, Start};

use super::desk::Mail;
use crate::frame;
use crate::metrics::Metrics;

/// The deliveries of one turn.
pub struct Turn<'a> {
    mail: Vec<Vec<Mail>>,
    /// For the homes of users, on whatever workers they are.
    letters: Vec<(User, Letter)>,
    /// For the shard itself.
    own: Vec<Input>,
    metrics: &'a Metrics,
}

impl<'a> Turn<'a> {
    pub fn new(workers: usize, metrics: &'a Metrics) -> Self {
        Turn {
            mail: (0..workers).map(|_| Vec::new()).collect(),
            letters: Vec::new(),
            own: Vec::new(),
            metrics,
        }
    }

    pub fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Reply { session, event } => self.to(session.edge().0, Mail::Reply { session, event }),
            Delivery::Publish { channel, encoding, edges, event, mark } => {
                self.metrics.encodings.inc();
                let frame = frame::of(&event, encoding);
                for edge in edges {
                    self.to(edge.0, Mail::Frame { channel, frame: frame.clone(), mark });
                }
            }
            Delivery::Start { session, start } => {
                let frames = Frames { parts: self.encode_whole(&start), last: self.encode_event(&start) };
                self.to(session.edge().0, Mail::Start { session, start: Box::new(start), frames });
            }
            Delivery::Left { session, object } => self.to(session.edge().0, Mail::Left { session, object }),
            Delivery::Refused { session, object, turn, fault } => {
                self.metrics.no_room.inc();
                self.to(session.edge().0, Mail::Refused { session, object, turn, fault });
            }
            Delivery::Fleeting { session, event } => {
                self.to(session.edge().0, Mail::Fleeting { session, event });
            }
            Delivery::News { session, event } => self.to(session.edge().0, Mail::News { session, event }),
            Delivery::Letter { to, letter } => self.letters.push((to, letter)),
            Delivery::Roster(output) => self.own.push(Input::Roster(output)),
        }
    }

    /// What there is for the homes of users.
    pub fn take_letters(&mut self) -> Vec<(User, Letter)> {
        std::mem::take(&mut self.letters)
    }

    /// What there is for the shard itself.
    pub fn take_own(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.own)
    }

    /// What there is for each worker.
    pub fn letters(self) -> impl Iterator<Item = (usize, Vec<Mail>)> {
        self.mail.into_iter().enumerate().filter(|(_, mail)| !mail.is_empty())
    }

    fn to(&mut self, edge: u16, mail: Mail) {
        self.mail[usize::from(edge)].push(mail);
    }

    /// Once for all who are given the same.
    fn encode_whole(&self, start: &Start) -> Option<Arc<[Bytes]>> {
        let encoding = start.audience.encoding;
        start.whole.as_ref().map(|whole| {
            whole.frames(|parts| {
                self.metrics.snapshots_encoded.inc();
                parts.iter().map(|part| frame::of(part, encoding)).collect()
            })
        })
    }

    /// The same.
    fn encode_event(&self, start: &Start) -> Bytes {
        start.event.frame(|event| {
            self.metrics.caught_up.inc();
            let is_snapshot = start.whole.is_none() && matches!(event, Event::Snapshot(_));
            self.metrics.snapshots_encoded.inc_by(is_snapshot.into());
            frame::of(event, start.audience.encoding)
        })
    }
}
