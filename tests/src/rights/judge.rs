//! The judge: nothing that a socket is handed holds what its session may not read, and at rest each copy is all that it may.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use slotcast_protocol::{Code, Event};
use slotcast_state::Right;

use super::{World, is_open, wishes};

impl World {
    /// The judge reads what the sockets were handed, by the rights that their sessions have.
    pub(super) fn read(&mut self) -> Result<(), String> {
        for (session, frame) in self.sockets.take() {
            self.met.frames += 1;
            let at = session.slot();
            let event = Event::decode(&frame).expect("we encoded it").expect("its type is known");
            let _ = writeln!(self.log, "{at} hears {event:?}");
            let roles = &self.clients[at].allowed.roles;
            let seen = wishes::SLOTS.iter().find(|slot| !is_open(slot, roles) && holds(&frame, slot));
            // A refusal names the slot that its own request named.
            let names_it = matches!(&event, Event::Reject(reject)
                if reject.fault.code == Code::NotPermitted && reject.winners.is_empty());
            if let Some(slot) = seen.filter(|_| !names_it) {
                return Err(format!("{at} with the roles {roles:?} was told of {slot}"));
            }
            self.heed(at, &event)?;
        }
        Ok(())
    }

    fn heed(&mut self, at: usize, event: &Event) -> Result<(), String> {
        let client = &mut self.clients[at];
        match event {
            Event::Snapshot(slotcast_protocol::Snapshot { object, .. })
            | Event::Diff(slotcast_protocol::Diff { object, .. })
            | Event::Sent(slotcast_protocol::Sent { object, .. }) => {
                if !client.allowed.lets(object, Right::Read) {
                    return Err(format!("{at} was told of {object}"));
                }
                let copy = client.copies.entry(object.clone()).or_default();
                copy.take(event).map_err(|broken| format!("{at}: {broken:?}"))?;
            }
            Event::Released { object } => drop(client.copies.remove(object)),
            Event::Error { fault, object: Some(object) } if fault.code == Code::NotPermitted => {
                self.met.refused += 1;
                if !client.allowed.lets(object, Right::Read) {
                    self.met.left += u64::from(client.copies.remove(object).is_some());
                }
            }
            Event::Success(success) => {
                let must_fail = success.id.and_then(|id| client.asked.remove(&id));
                let wrong = || format!("{at}: {success:?}, which was not its to do");
                return if must_fail == Some(true) { Err(wrong()) } else { Ok(()) };
            }
            Event::Reject(reject) => {
                reject.id.map(|id| client.asked.remove(&id));
                self.met.hidden_writes += u64::from(reject.fault.what.contains("hidden"));
            }
            Event::Fingerprint { object, .. } if client.allowed.roles.len() < 2 => {
                return Err(format!("{at} was told the fingerprint of {object}"));
            }
            _other => {}
        }
        Ok(())
    }

    pub(super) fn compare(&mut self) -> Result<(), String> {
        let (auditor, others) = self.clients.split_first().expect("there is an auditor");
        for client in others {
            for (object, copy) in &client.copies {
                if !copy.complete {
                    return Err(format!("{:?}: the copy of {object} is still not whole", client.allowed));
                }
                let truth = &auditor.copies[object];
                let patterns = &client.views[object];
                let wanted: BTreeMap<_, _> = truth
                    .slots
                    .iter()
                    .filter(|(slot, _)| is_open(slot.as_str(), &client.allowed.roles) && patterns.shows(slot))
                    .collect();
                self.met.compared += 1;
                self.met.shorter += u64::from(wanted.len() < truth.slots.len());
                if !copy.slots.iter().eq(wanted) {
                    return Err(format!(
                        "{:?} of {object}: {:?} instead of {:?}",
                        client.allowed, copy.slots, truth.slots
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether the name is somewhere in the bytes, as a text of MessagePack or inside one.
fn holds(bytes: &[u8], name: &str) -> bool {
    bytes.windows(name.len()).any(|window| window == name.as_bytes())
}
