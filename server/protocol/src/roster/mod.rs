//! The words of the roster: who is on an owner's list, what the owner does to it, and the tag that says which list it is. `protocol.md` has a
//! section for it.

mod canonical;
mod contact;
mod edit;
mod edit_wire;
mod friend;
mod names;
mod tag;

pub use canonical::{blocks_form, friends_form};
pub use contact::Contact;
pub use edit::Edit;
pub use friend::{Friend, Sub};
pub use names::{Alias, Group, member};
pub use tag::{Mark, Tag};
