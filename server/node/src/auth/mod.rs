//! Who may come in, and with which rights: a user's own token from the configuration, a signed one, a ticket, or a guest's bare name.
//!
//! All of them lead to a [`Grant`]. Nothing here is ever logged or told but the name of what is wrong.

mod grant;
mod jwks;
mod key;
mod refused;
mod revoked;
mod sign;
mod strict;
mod tickets;
mod token;
mod watched;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prometheus_client::metrics::counter::Counter;
use slotcast_protocol::{Fault, User};

pub use grant::Grant;
pub use jwks::Keys;
pub use key::Algorithm;
pub use refused::{Reason, Refusals};
pub use sign::{Claims, SigningKey, fresh};

use crate::metrics::Metrics;
use refused::Refused;
use revoked::Revoked;
use tickets::Tickets;
use token::Expected;
use watched::Watched;

/// The `[auth]` table of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Keys of those who sign tokens, and what a token must say.
    pub signed: Option<Signed>,
    /// Users whose tokens are no longer good.
    pub revoked: Option<PathBuf>,
}

/// What makes a signed token good.
#[derive(Clone, Debug)]
pub struct Signed {
    /// A file with a set of JSON Web Keys.
    pub jwks: PathBuf,
    /// `iss`
    pub issuer: String,
    /// `aud`
    pub audience: String,
}

/// What someone shows at the door.
#[derive(Clone, Debug, Default)]
pub struct Shown<'a> {
    /// Of any form.
    pub token: Option<&'a str>,
    /// The name that a guest would like to have, where guests are let in.
    pub user: Option<User>,
    /// The page that it comes from, as a browser says it.
    pub origin: Option<&'a str>,
}

/// One per server, used by all its threads.
pub struct Auth {
    dev: bool,
    users: BTreeMap<String, User>,
    keys: Option<(Watched<Keys>, Expected)>,
    revoked: Option<Watched<Revoked>>,
    tickets: Tickets,
    refusals: Refusals,
    issued: Counter,
}

impl Auth {
    /// Reads the files; the error is a sentence for the operator.
    pub fn new(
        dev: bool,
        users: BTreeMap<String, User>,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Auth, String> {
        let signed = settings.signed.clone();
        let keys = signed.map(|Signed { jwks, issuer, audience }| {
            Watched::new(jwks, jwks::read).map(|keys| (keys, Expected { issuer, audience }))
        });
        let revoked = settings.revoked.clone().map(|path| Watched::new(path, revoked::read));
        Ok(Auth {
            dev,
            users,
            keys: keys.transpose()?,
            revoked: revoked.transpose()?,
            tickets: Tickets::default(),
            refusals: metrics.tokens_refused.clone(),
            issued: metrics.tickets.clone(),
        })
    }

    /// What whoever shows this may do. `guest` is the name of one who brings none.
    pub fn admit(&self, shown: &Shown<'_>, guest: &str, now_ms: u64) -> Result<Grant, Fault> {
        self.counted(match shown.token {
            Some(token) if Tickets::is_one(token) => self.tickets.redeem(token, shown.origin, now_ms),
            Some(token) => self.by_token(token, now_ms),
            None if self.dev => match shown.user.clone().map_or_else(|| User::parse(guest), Ok) {
                Ok(user) => Ok(Grant::of(user)),
                Err(fault) => return Err(fault),
            },
            None => Err(Refused::new(Reason::Missing, "is missing")),
        })
    }

    /// What another token for the same user allows. A ticket opens a session, and renews none.
    pub fn renew(&self, user: &User, token: &str, now_ms: u64) -> Result<Grant, Fault> {
        let grant = self.by_token(token, now_ms);
        self.counted(grant.and_then(|grant| match grant.user == *user {
            true => Ok(grant),
            false => Err(Refused::new(Reason::Claims, "sub: is another user")),
        }))
    }

    /// A ticket for what is granted, good once and for some seconds, from one origin or from none; and when its time is over.
    pub fn ticket(&self, grant: &Grant, origin: Option<&str>, now_ms: u64) -> Result<(String, u64), Fault> {
        let ticket = self.tickets.issue(grant, origin, now_ms)?;
        self.issued.inc();
        Ok(ticket)
    }

    /// A ticket for what a token grants. None for a ticket: it would never end.
    pub fn exchange(
        &self,
        token: Option<&str>,
        origin: Option<&str>,
        now_ms: u64,
    ) -> Result<(String, u64), Fault> {
        let missing = Refused::new(Reason::Missing, "is missing");
        let grant = self.counted(token.ok_or(missing).and_then(|token| self.by_token(token, now_ms)))?;
        self.ticket(&grant, origin, now_ms)
    }

    /// Whether what was granted has been taken back.
    pub fn is_revoked(&self, user: &User, issued_s: Option<u64>) -> bool {
        self.revoked.as_ref().is_some_and(|revoked| revoked.held().holds(user, issued_s))
    }

    /// Whether there are files to look at again.
    pub fn has_files(&self) -> bool {
        self.keys.is_some() || self.revoked.is_some()
    }

    /// Reads what has changed; whether the users who may not come in did.
    pub fn look_again(&self) -> bool {
        if let Some((keys, _)) = &self.keys {
            keys.look_again();
        }
        self.revoked.as_ref().is_some_and(Watched::look_again)
    }

    fn by_token(&self, token: &str, now_ms: u64) -> Result<Grant, Refused> {
        if let Some(user) = self.own(token) {
            return Ok(Grant::of(user));
        }
        match &self.keys {
            Some((keys, expected)) => token::verify(token, &keys.held(), expected, now_ms),
            None => Err(Refused::new(Reason::Unknown, "is not accepted")),
        }
    }

    /// Compares with every token in full, so that the time taken tells nothing about how much of one was right.
    fn own(&self, token: &str) -> Option<User> {
        let same = |known: &str| {
            known.len() == token.len()
                && known.bytes().zip(token.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
        };
        self.users
            .iter()
            .fold(None, |found, (known, user)| if same(known) { Some(user.clone()) } else { found })
    }

    fn counted(&self, grant: Result<Grant, Refused>) -> Result<Grant, Fault> {
        let grant = grant.and_then(|grant| match self.is_revoked(&grant.user, grant.issued_s) {
            false => Ok(grant),
            true => Err(Refused::new(Reason::Revoked, "has been taken back")),
        });
        grant.map_err(|refused| {
            self.refusals.get_or_create(&refused.reason.label()).inc();
            refused.fault()
        })
    }
}

/// Whether a token is a ticket, by how it begins.
pub fn is_ticket(token: &str) -> bool {
    Tickets::is_one(token)
}

/// Whether the files can be used: for a configuration that is checked and not run.
pub fn check_jwks(path: &Path) -> Result<(), String> {
    jwks::read(path).map(drop)
}

/// The same, of users whose tokens are no longer good.
pub fn check_revoked(path: &Path) -> Result<(), String> {
    revoked::read(path).map(drop)
}

#[cfg(test)]
mod tests;
