//! Tickets: a token for one time and some seconds, for what cannot carry a better one, such as the URL of an event stream.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use slotcast_protocol::{Code, Fault};

use super::grant::Grant;
use super::refused::{Reason, Refused};

/// How all of them begin, and no other token should.
const PREFIX: &str = "ticket.";

/// ms
const LIFE_MS: u64 = 10_000;

/// That are out at a time; who asks for one more is told to wait.
const TICKETS_MAX: usize = 10_000;

/// All that are out. A lock for all threads: tickets are rare, and nothing is done under it.
#[derive(Default)]
pub struct Tickets(Mutex<Out>);

#[derive(Default)]
struct Out {
    by_name: HashMap<String, Ticket>,
    /// In the order in which their times are over; also those that were used.
    order: VecDeque<(u64, String)>,
}

struct Ticket {
    grant: Grant,
    origin: Option<Box<str>>,
    expires_ms: u64,
}

impl Tickets {
    /// Whether a token is to be looked for here.
    pub fn is_one(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// A new one, and when its time is over.
    pub fn issue(&self, grant: &Grant, origin: Option<&str>, now_ms: u64) -> Result<(String, u64), Fault> {
        let mut random = [0; 24];
        let drawn = SystemRandom::new().fill(&mut random);
        drawn.map_err(|_| Fault::new(Code::Unavailable, "tickets: there is no randomness"))?;
        let name = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let mut out = self.out();
        out.forget(now_ms);
        if out.order.len() >= TICKETS_MAX {
            return Err(Fault::new(Code::TooMany, format!("tickets: {TICKETS_MAX} are out")));
        }
        let expires_ms = now_ms + LIFE_MS;
        let ticket = Ticket { grant: grant.clone(), origin: origin.map(Box::from), expires_ms };
        out.order.push_back((expires_ms, name.clone()));
        out.by_name.insert(name.clone(), ticket);
        Ok((name, expires_ms))
    }

    /// What it stands for. Whatever comes of it, it was used.
    pub fn redeem(&self, name: &str, origin: Option<&str>, now_ms: u64) -> Result<Grant, Refused> {
        let ticket = self.out().by_name.remove(name);
        let refused = |what| Err(Refused::new(Reason::Ticket, what));
        match ticket {
            Some(ticket) if ticket.expires_ms > now_ms => {
                if ticket.origin.as_deref() != origin {
                    return refused("ticket: is another page's");
                }
                match ticket.grant.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
                    true => refused("ticket: what it stands for has ended"),
                    false => Ok(ticket.grant),
                }
            }
            Some(_) | None => refused("ticket: was used, or its time is over"),
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn forget(&mut self, now_ms: u64) {
        while let Some((_, name)) = self.order.pop_front_if(|(expires_ms, _)| *expires_ms <= now_ms) {
            self.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use slotcast_protocol::User;

    use super::*;

    fn grant(expires_ms: Option<u64>) -> Grant {
        Grant { expires_ms, ..Grant::of(User::parse("alice").expect("a good user")) }
    }

    fn told(result: Result<Grant, Refused>) -> String {
        result.map_or_else(|refused| refused.fault().what, |grant| grant.user.to_string())
    }

    #[test]
    fn once_in_time_and_from_the_same_page() {
        let tickets = Tickets::default();
        let (page, other) = (Some("https://a.example"), Some("https://b.example"));
        let used = "token: ticket: was used, or its time is over";
        for (bound, shown, at_ms, expires_ms, wanted) in [
            (page, page, 10_999, None, "alice"),
            (None, None, 1_000, None, "alice"),
            (page, page, 11_000, None, used),
            (page, other, 1_000, None, "token: ticket: is another page's"),
            (page, None, 1_000, None, "token: ticket: is another page's"),
            (None, page, 1_000, None, "token: ticket: is another page's"),
            (None, None, 2_000, Some(2_001), "alice"),
            (None, None, 2_000, Some(2_000), "token: ticket: what it stands for has ended"),
        ] {
            let (name, until_ms) = tickets.issue(&grant(expires_ms), bound, 1_000).expect("there is room");
            assert_eq!(until_ms, 11_000);
            assert!(Tickets::is_one(&name) && name.len() == PREFIX.len() + 32, "{name}");
            assert_eq!(told(tickets.redeem(&name, shown, at_ms)), wanted, "{bound:?} {shown:?} {at_ms}");
            assert_eq!(told(tickets.redeem(&name, bound, 1_000)), used, "a second time");
        }
        assert_eq!(told(tickets.redeem("ticket.", None, 0)), used);
    }

    #[test]
    fn ten_thousand_at_a_time() {
        let tickets = Tickets::default();
        for _ in 0..TICKETS_MAX {
            tickets.issue(&grant(None), None, 1_000).expect("there is room");
        }
        let full = tickets.issue(&grant(None), None, 10_999).expect_err("there is none");
        assert_eq!(full.code, Code::TooMany);
        let (name, _) = tickets.issue(&grant(None), None, 11_000).expect("their time is over");
        assert_eq!(tickets.out().by_name.len(), 1);
        assert_eq!(told(tickets.redeem(&name, None, 11_000)), "alice");
    }
}
