//! `slotcast friends ask USER` and its like: one edit of the own list, over cuts and restarts.

use clap::{Args, Subcommand};
use slotcast_protocol::roster::{Alias, Edit, Group, member};
use slotcast_protocol::{Code, Device, Door, Event, RelayEvent, RelayRequest, Request, User, json};
use tokio::time::timeout;

use super::backoff::Backoff;
use super::client::{Client, failed, fresh_device};
use super::failure::{Failure, say};
use super::link::Link;
use super::screen::{print, printable};
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
    let (json, patience) = (link.json, link.timeout);
    let request = Request::Relay(RelayRequest::Edit { id: ID, edit });
    let mut editor = Editor { link, device: fresh_device(), request, backoff: Backoff::new(), said: false };
    let answered = timeout(patience, editor.until_answered()).await;
    let answer = answered.unwrap_or_else(|_| Err(Failure::Cut(format!("no answer within {patience:?}"))));
    let answer = answer.map_err(|failure| editor.in_doubt(failure))?;
    if json {
        print(&printable(&json::event_text(&Event::Relay(answer.clone()).encode())))?;
    }
    match answer {
        RelayEvent::Refused { fault, retry_ms, .. } => {
            let again = retry_ms.map_or(String::new(), |ms| format!("; it may be tried again in {ms} ms"));
            say(&format!("refused: {fault}{again}"));
            Err(Failure::Rejected)
        }
        RelayEvent::Edited { rev, .. } if !json => print(&format!("done, list at rev {rev}")),
        _edited => Ok(()),
    }
}

struct Editor {
    link: Link,
    device: Device,
    /// It says how it is to be, so that to say it again changes nothing.
    request: Request,
    backoff: Backoff,
    /// Whether the server may have heard it.
    said: bool,
}

impl Editor {
    async fn until_answered(&mut self) -> Result<RelayEvent, Failure> {
        loop {
            match self.say().await {
                Err(Failure::Cut(why)) if self.said => self.backoff.pause(&why).await,
                done => return done,
            }
        }
    }

    /// One connection; the server's word for it.
    async fn say(&mut self) -> Result<RelayEvent, Failure> {
        let mut client = Client::connect(&self.link, &self.device, Door::Relay).await?;
        self.said = true;
        client.request(&self.request).await?;
        let backoff = &mut self.backoff;
        let answer = client.answer(|event| match event {
            Event::Relay(RelayEvent::Refused { fault, .. }) if fault.code == Code::Unavailable => {
                Some(Err(failed(&fault)))
            }
            Event::Relay(answer @ (RelayEvent::Edited { .. } | RelayEvent::Refused { .. })) => {
                Some(Ok(answer))
            }
            Event::Goaway { retry_ms, reason } => {
                backoff.goaway(retry_ms, &reason);
                None
            }
            Event::Error { fault, .. } => Some(Err(failed(&fault))),
            _other => None,
        });
        let answer = answer.await?;
        client.close().await;
        Ok(answer)
    }

    fn in_doubt(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Cut(why) if self.said => {
                Failure::Cut(format!("{why}; it is not known whether it is done"))
            }
            other => other,
        }
    }
}
