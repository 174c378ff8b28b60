//! What comes into a registrar, and what must happen outside because of it.

use std::sync::Arc;

use slotcast_protocol::roster::{Edit, Mark, Tag};
use slotcast_protocol::{Fault, User};

use crate::roster::commit::Commit;
use crate::roster::contacts::Contacts;
use crate::roster::difference::Difference;
use crate::roster::lease::HomeId;
use crate::roster::list::List;
use crate::roster::tell::{Heard, Tell};

/// What a registrar is told. A `ticket` is the asker's own number, given back with the answer.
#[derive(Clone, Debug)]
pub enum Input {
    /// The time is now this, in ms of the Unix clock; it never goes back.
    Tick(u64),
    /// An owner, or a backend in the owner's name, changes a list.
    Edit { ticket: u64, owner: User, edit: Edit },
    /// The owner's account is gone.
    Erase { ticket: u64, owner: User },
    /// A client wants to have what it lacks.
    Read { ticket: u64, owner: User, have: Option<Tag> },
    /// The other side of a tie.
    Tell(Tell),
    /// Its answer.
    Heard(Heard),
    /// A home wants a list, unless it is as it has it. `fetch` numbers the home's questions. The answer must have
    /// reached `at_least`, if it is of that epoch. One that acknowledges nothing is not answered.
    Fetch { home: HomeId, fetch: u64, owner: User, have: Option<Mark>, at_least: Option<Mark> },
    /// A home keeps what it has.
    Renew { home: HomeId, fetch: u64 },
    /// A home serves nothing before this any more.
    Acknowledge { home: HomeId, owner: User, mark: Mark },
    /// A home has dropped what it fetched.
    Release { home: HomeId, owner: User, fetch: u64 },
    /// The answer to one of [`Effects::loads`]: None if the owner never had a list, a fault if it cannot be had.
    Loaded { owner: User, list: Result<Option<Box<List>>, Fault> },
}

/// What a home is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is as the home has it.
    Same(Mark),
    /// This is it.
    List(Arc<Contacts>),
    /// The list is not as far yet where it was read.
    Behind,
    /// It cannot be had, and why.
    Failed(Fault),
}

/// What must happen: the `commits` at once, and when they and those of the turns before are kept, the `outputs`. Each in its order.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the store.
    pub commits: Vec<Commit>,
    /// For everyone else.
    pub outputs: Vec<Output>,
    /// Lists to be fetched from the store, at once, and answered by [`Input::Loaded`].
    pub loads: Vec<User>,
}

/// What a registrar says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// An edit is done, and this is how far the list is; or it is refused.
    Edited { ticket: u64, result: Result<Mark, Fault> },
    /// The answer to a read.
    Read { ticket: u64, result: Result<Difference, Fault> },
    /// For the registrar of [`Tell::to`].
    Tell(Tell),
    /// For the registrar of [`Heard::to`].
    Heard(Heard),
    /// The answer to a fetch. The list is covered by the lease of this number, which is renewed.
    Fetched { home: HomeId, fetch: u64, owner: User, lease: u64, fetched: Fetched },
    /// The lease is renewed; of these lists nothing older may be served.
    Renewed { home: HomeId, fetch: u64, lease: u64, stale: Vec<(User, Mark)> },
    /// Nothing older of this list may be served.
    Invalidate { home: HomeId, owner: User, mark: Mark },
}
