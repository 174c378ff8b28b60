//! The words of the roster: who is on an owner's list, and the tag that says which list it is. `protocol.md` has a section for it.

mod canonical;
mod friend;
mod names;
mod tag;

pub use canonical::{blocks_form, friends_form};
pub use friend::{Friend, Sub};
pub use names::{Alias, Group, member};
pub use tag::{Mark, Tag};
