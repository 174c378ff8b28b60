//! What an edge lets its sessions do. What they may not do goes no further, and what they may not see is in no view of theirs.

use std::sync::Arc;

use slotcast_protocol::{Code, Event, Fault, ObjectName, Pattern, Reject, Request};

use super::{Edge, Taken};
use crate::effects::Input;
use crate::ids::SessionId;
use crate::rights::{Right, Rights};

impl Edge {
    /// A session has these rights from now on. It leaves what it may no longer read, and begins anew where other slots are hidden from it; until then
    /// nothing about those objects reaches it. What is to be passed on and told, in this order.
    pub fn entitle(&mut self, session: SessionId, rights: Option<Arc<Rights>>) -> Vec<Taken> {
        let Some(entry) = self.session_mut(session) else { return Vec::new() };
        let before = std::mem::replace(&mut entry.rights, rights);
        let objects: Vec<_> = entry.uses.iter().map(|used| used.object.clone()).collect();
        if before == self.rights(session) {
            return Vec::new();
        }
        objects.into_iter().flat_map(|object| self.look_again(session, object, before.as_deref())).collect()
    }

    fn look_again(&mut self, session: SessionId, object: ObjectName, before: Option<&Rights>) -> Vec<Taken> {
        let rights = self.rights(session);
        let kind = self.kinds.of(&object).clone();
        if !kind.lets(rights.as_deref(), &object, Right::Read) {
            self.unplace(session, &object);
            let entry = self.session_mut(session).expect("it was just looked up");
            entry.uses.retain(|used| used.object != object);
            let gone = Input::Gone { session, objects: vec![object.clone()] };
            let fault = not_permitted(&object, Right::Read);
            let told = Event::Error { fault, object: Some(object.clone()) };
            return vec![Taken::Shard(object, gone), Taken::Answer(told)];
        }
        let hidden = kind.hidden_from(rights.as_deref());
        if hidden == kind.hidden_from(before) {
            return Vec::new();
        }
        self.unplace(session, &object);
        let used = self.used(session, &object).expect("it is one of those in use");
        used.asked += 1;
        let turn = used.asked;
        vec![Taken::Shard(object.clone(), Input::Hide { session, object, hidden, turn })]
    }

    /// The answer to a request that is not the session's to make.
    pub(super) fn forbidden(&self, session: SessionId, request: &Request) -> Option<Event> {
        if !self.kinds_ask && self.session(session)?.rights.is_none() {
            return None;
        }
        let (object, right) = match request {
            Request::Use(request) => (&request.object, Right::Read),
            Request::Fingerprint { object } => (object, Right::Read),
            Request::Write(write) => (&write.object, Right::Write),
            Request::Send(send) => (&send.object, Right::Send),
            Request::Hello { .. } | Request::Release { .. } => return None,
            Request::Ping { .. } | Request::Renew { .. } | Request::Relay(_) => return None,
        };
        let rights = self.rights(session);
        let fault = match self.kinds.of(object).lets(rights.as_deref(), object, right) {
            false => not_permitted(object, right),
            true if matches!(request, Request::Fingerprint { .. }) => self.no_fingerprint(session, object)?,
            true => return None,
        };
        let reject = |id| Event::Reject(Reject { id, fault: fault.clone(), version: 0, winners: Vec::new() });
        Some(match request {
            Request::Write(write) => reject(write.id),
            Request::Send(send) => reject(send.id),
            Request::Hello { .. }
            | Request::Use(_)
            | Request::Release { .. }
            | Request::Fingerprint { .. } => Event::Error { fault, object: Some(object.clone()) },
            Request::Ping { .. } | Request::Renew { .. } | Request::Relay(_) => return None,
        })
    }

    /// It is over all slots, and would tell when one that is hidden has some value.
    fn no_fingerprint(&self, session: SessionId, object: &ObjectName) -> Option<Fault> {
        let what = || format!("object: {object} has slots that are hidden from this session");
        let is_hidden = !self.hidden_from(session, object).is_empty();
        is_hidden.then(|| Fault::new(Code::NotPermitted, what()))
    }

    /// The patterns of the slots of an object that the session may not read.
    pub(super) fn hidden_from(&self, session: SessionId, object: &ObjectName) -> Vec<Pattern> {
        match self.kinds_ask {
            true => self.kinds.of(object).hidden_from(self.rights(session).as_deref()),
            false => Vec::new(),
        }
    }

    fn rights(&self, session: SessionId) -> Option<Arc<Rights>> {
        self.session(session).and_then(|session| session.rights.clone())
    }
}

fn not_permitted(object: &ObjectName, right: Right) -> Fault {
    Fault::new(Code::NotPermitted, format!("object: {object} is not this session's to {}", right.name()))
}
