//! `slotcast friends ask USER` and its like: one edit of the own list, over cuts and restarts.

use clap::{Args, Subcommand};
use slotcast_protocol::roster::{Alias, Edit, Group, member};
use slotcast_protocol::{RelayEvent, RelayRequest, User};

use super::errand;
use super::failure::Failure;
use super::link::Link;
use super::screen::print;
use super::set::ID;

/// Arguments.
#[derive(Subcommand)]
pub enum Words {
    /// Ask to be friends; who has asked already is a friend then
    Ask(Whom),
    /// Let in one who asks, and be friends
    Accept(Whom),
    /// Refuse one who asks
    Decline(Whom),
    /// Take someone off the list: neither sees the other any more
    Remove(Whom),
    /// Let someone see how one is, without wanting to see them
    Approve {
        #[command(flatten)]
        whom: Whom,
        /// Not any more
        #[arg(long)]
        off: bool,
    },
    /// Call a friend by this name; without one by the own name again
    Alias {
        #[command(flatten)]
        whom: Whom,
        #[arg(value_name = "NAME", value_parser = Alias::parse)]
        alias: Option<Alias>,
    },
    /// Have a friend in these groups and no others
    Groups {
        #[command(flatten)]
        whom: Whom,
        #[arg(value_name = "GROUP", value_parser = Group::parse)]
        groups: Vec<Group>,
    },
    /// Hear nothing of someone, and be seen by them no more
    Block(Whom),
    /// End that
    Unblock(Whom),
}

/// Whom it is about, and where.
#[derive(Args)]
pub struct Whom {
    #[arg(value_name = "USER", value_parser = member)]
    other: User,
    #[command(flatten)]
    link: Link,
}

impl Words {
    fn edit(self) -> (Edit, Link) {
        let of = |edit: fn(User) -> Edit, Whom { other, link }| (edit(other), link);
        match self {
            Words::Ask(whom) => of(Edit::Ask, whom),
            Words::Accept(whom) => of(Edit::Accept, whom),
            Words::Decline(whom) => of(Edit::Decline, whom),
            Words::Remove(whom) => of(Edit::Remove, whom),
            Words::Block(whom) => of(Edit::Block, whom),
            Words::Unblock(whom) => of(Edit::Unblock, whom),
            Words::Approve { whom, off } => (Edit::Approve { user: whom.other, on: !off }, whom.link),
            Words::Alias { whom, alias } => (Edit::Alias { user: whom.other, alias }, whom.link),
            Words::Groups { whom, groups } => {
                (Edit::Groups { user: whom.other, groups: groups.into_iter().collect() }, whom.link)
            }
        }
    }
}

pub async fn run(words: Words) -> Result<(), Failure> {
    let (edit, link) = words.edit();
    let json = link.json;
    match errand::run(RelayRequest::Edit { id: ID, edit }, link, "it is done").await? {
        RelayEvent::Edited { rev, .. } if !json => print(&format!("done, list at rev {rev}")),
        _answer => Ok(()),
    }
}
