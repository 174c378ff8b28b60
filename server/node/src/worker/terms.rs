//! When sessions end because their tokens do. One whose token never ends costs nothing here.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::{CloseCode, Event};
use slotcast_state::SessionId;

use super::{Worker, now_ms};
use crate::auth::Grant;

/// Every session here is in both.
#[derive(Default)]
pub struct Terms {
    by_session: BTreeMap<SessionId, Term>,
    in_order: BTreeSet<(u64, SessionId)>,
}

struct Term {
    expires_ms: u64,
    /// When the token was made.
    issued_s: Option<u64>,
}

impl Terms {
    /// A session goes on until its grant ends, whatever was said before.
    pub fn set(&mut self, session: SessionId, grant: &Grant) {
        self.remove(session);
        if let Some(expires_ms) = grant.expires_ms {
            self.by_session.insert(session, Term { expires_ms, issued_s: grant.issued_s });
            self.in_order.insert((expires_ms, session));
        }
    }

    /// A session has ended.
    pub fn remove(&mut self, session: SessionId) {
        if let Some(term) = self.by_session.remove(&session) {
            self.in_order.remove(&(term.expires_ms, session));
        }
    }

    /// When the session's token was made; None where that is not known.
    pub fn issued_s(&self, session: SessionId) -> Option<u64> {
        self.by_session.get(&session).and_then(|term| term.issued_s)
    }

    /// Those whose time is over; they are forgotten by that.
    pub fn take_over(&mut self, now_ms: u64) -> Vec<SessionId> {
        let mut over = Vec::new();
        while let Some((_, session)) = self.in_order.first().filter(|(at, _)| *at <= now_ms).copied() {
            self.remove(session);
            over.push(session);
        }
        over
    }
}

impl Worker {
    /// With a token that is not accepted the session goes on as it was.
    pub(super) fn renew(&self, session: SessionId, token: &str) {
        let Some(user) = self.edge.borrow().user(session) else { return };
        match self.house.auth.renew(&user, token, now_ms()) {
            Ok(grant) => {
                let taken = self.edge.borrow_mut().entitle(session, grant.rights.clone());
                taken.into_iter().for_each(|taken| self.carry_out(session, taken));
                self.terms.borrow_mut().set(session, &grant);
                self.answer(session, &Event::Renewed { expires_ms: grant.expires_ms });
            }
            Err(fault) => self.answer(session, &Event::Error { fault, object: None }),
        }
    }

    /// Some users may not be here any more.
    pub(super) fn end_revoked(&self) {
        let sessions = self.sockets.borrow().sessions();
        for session in sessions {
            let issued_s = self.terms.borrow().issued_s(session);
            let user = self.edge.borrow().user(session);
            if user.is_some_and(|user| self.house.auth.is_revoked(&user, issued_s)) {
                self.sockets.borrow_mut().close(session, CloseCode::Revoked);
                self.house.metrics.sessions_revoked.inc();
            }
        }
    }

    /// Ends the sessions whose tokens have ended.
    pub(super) fn end_expired(&self) {
        let over = self.terms.borrow_mut().take_over(now_ms());
        for session in over {
            self.sockets.borrow_mut().close(session, CloseCode::Unauthorized);
            self.house.metrics.sessions_expired.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use slotcast_protocol::User;
    use slotcast_state::EdgeId;

    use super::*;

    fn grant(expires_ms: Option<u64>) -> Grant {
        let user = User::parse("alice").expect("a good user");
        Grant { expires_ms, issued_s: expires_ms.map(|_| 1), ..Grant::of(user) }
    }

    #[test]
    fn each_ends_at_its_time_and_once() {
        let session = |number| SessionId::new(EdgeId(0), 1, number);
        let mut terms = Terms::default();
        for (number, expires_ms) in [
            (1, Some(2_000)),
            (2, Some(1_000)),
            (3, None),
            (4, Some(1_500)),
            (5, Some(1_000)),
            (6, Some(900)),
        ] {
            terms.set(session(number), &grant(expires_ms));
        }
        terms.set(session(2), &grant(Some(3_000)));
        terms.set(session(5), &grant(None));
        terms.remove(session(6));
        assert_eq!((terms.issued_s(session(1)), terms.issued_s(session(3))), (Some(1), None));
        assert_eq!(terms.take_over(1_499), []);
        assert_eq!(terms.take_over(1_500), [session(4)]);
        assert_eq!(terms.take_over(10_000), [session(1), session(2)]);
        assert_eq!(terms.take_over(u64::MAX), []);
        assert!(terms.by_session.is_empty() && terms.in_order.is_empty());
    }
}
