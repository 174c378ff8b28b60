//! The mind of Slotcast: what happens to objects and who is told, as pure state machines.
//!
//! There is no clock, no dice, no task and no socket here: time comes in as [`Input::Tick`], randomness as a seed, and
//! everything that must happen outside goes out as [`Effects`], in the order in which it must happen. Two halves meet in
//! the body's channels: the [`Shard`] owns objects (one writer each), the [`Edge`] owns the sessions' cursors into them.
#![warn(clippy::wildcard_enum_match_arm)]

mod answers;
mod catch_up;
mod channel;
mod commit;
mod contents;
mod edge;
mod effects;
mod fingerprint;
mod followers;
mod idle;
mod ids;
mod keeping;
mod kind;
mod merge;
mod name;
mod object;
mod pace;
mod patch;
mod people;
mod rights;
mod ring;
mod rings;
pub mod roster;
mod rule;
mod shard;
mod slots;
mod starts;
mod stored;
mod user;
mod whole;
mod write;

pub use answers::Answer;
pub use commit::{Commit, Lived};
pub use contents::Contents;
pub use edge::{Edge, Flow, Sink, Taken};
pub use effects::{Ask, Delivery, Effects, Found, Input, Start, Stored};
pub use fingerprint::md5_of;
pub use followers::{Audience, View};
pub use ids::{Author, ChannelId, EdgeId, SessionId};
pub use kind::{Kind, Kinds};
pub use merge::{append, append_stamped};
pub use name::Name;
pub use patch::patch;
pub use rights::{Access, Objects, Right, Rights, Role};
pub use ring::Mark;
pub use rule::Rule;
pub use shard::Shard;
pub use starts::Told;
pub use user::{
    At, Deed, Ending, Filed, HomeInput, Letter, Outcome, PersonLetter, Policy, Relay, Rosters, UserCommit,
    UserContents,
};
pub use whole::{Frames, Whole};
