//! `slotcast friends`: the own friend list, and with `--watch` what changes on it and how the friends are, over cuts and restarts.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use slotcast_protocol::{Device, Door, Event, RelayEvent, RelayRequest, Request, Roster, Status, User, json};

use super::backoff::Backoff;
use super::client::{Client, failed, fresh_device};
use super::edit::{self, Words};
use super::failure::{Failure, say};
use super::friend_copy::FriendCopy;
use super::link::Link;
use super::person;
use super::screen::{Paint, print, printable};

/// Arguments.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Friends {
    #[command(subcommand)]
    edit: Option<Words>,
    /// Go on with what changes, and how the friends are
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    link: Link,
}

pub async fn run(friends: Friends) -> Result<(), Failure> {
    let Friends { edit, watch, link } = friends;
    if let Some(words) = edit {
        return edit::run(words).await;
    }
    let (device, paint, backoff) = (fresh_device(), Paint::of_stdout(), Backoff::new());
    let mut reader =
        Reader { watch, link, device, paint, listed: false, copy: FriendCopy::default(), backoff };
    loop {
        match reader.read().await {
            Err(Failure::Cut(why)) if reader.listed => reader.backoff.pause(&why).await,
            done => return done,
        }
    }
}

struct Reader {
    watch: bool,
    link: Link,
    device: Device,
    paint: Paint,
    /// The list is printed; what comes is news.
    listed: bool,
    copy: FriendCopy,
    backoff: Backoff,
}

impl Reader {
    /// One connection: to its end, or until the list is printed.
    async fn read(&mut self) -> Result<(), Failure> {
        let mut client = Client::connect(&self.link, &self.device, Door::Relay).await?;
        if self.listed {
            say("connected again");
        }
        self.ask(&mut client).await?;
        let mut event = client.answer(|event| Some(Ok(event))).await?;
        loop {
            self.take(event, &mut client).await?;
            if self.listed && !self.watch {
                client.close().await;
                return Ok(());
            }
            event = client.event().await?;
        }
    }

    async fn ask(&self, client: &mut Client) -> Result<(), Failure> {
        client.request(&Request::Relay(RelayRequest::Friends { have: self.copy.tag() })).await
    }

    async fn take(&mut self, event: Event, client: &mut Client) -> Result<(), Failure> {
        match event {
            Event::Relay(RelayEvent::Roster(roster)) => {
                if self.take_roster(&client.user, roster)? {
                    return Ok(());
                }
                say("the copy of the list is not the server's; reading it anew");
                self.ask(client).await?;
            }
            Event::Relay(RelayEvent::Stale { .. }) => self.ask(client).await?,
            Event::Relay(RelayEvent::Presence(people)) if self.watch => self.print_statuses(people)?,
            Event::Goaway { retry_ms, reason } => self.backoff.goaway(retry_ms, &reason),
            Event::Error { fault, .. } => return Err(failed(&fault)),
            _other => {}
        }
        Ok(())
    }

    /// False if all of the list is needed.
    fn take_roster(&mut self, owner: &User, roster: Roster) -> Result<bool, Failure> {
        let event = RelayEvent::Roster(roster.clone());
        let Some(news) = self.copy.take(owner, roster) else { return Ok(false) };
        let first = !std::mem::replace(&mut self.listed, true);
        if self.link.json {
            let is_news = first || !news.is_empty();
            return if is_news { print_json(event).map(|()| true) } else { Ok(true) };
        }
        let at_ms = now_ms();
        for (user, now) in &news {
            print(&match first {
                true => person::contact(user, now, self.paint),
                false => person::change(user, now, at_ms, self.paint),
            })?;
        }
        Ok(true)
    }

    fn print_statuses(&self, people: Vec<(User, Status)>) -> Result<(), Failure> {
        if self.link.json {
            return print_json(RelayEvent::Presence(people));
        }
        let at_ms = now_ms();
        people.iter().try_for_each(|(user, status)| print(&person::status(user, status, at_ms, self.paint)))
    }
}

fn now_ms() -> u64 {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    at.as_secs() * 1000 + u64::from(at.subsec_millis())
}

fn print_json(event: RelayEvent) -> Result<(), Failure> {
    print(&printable(&json::event_text(&Event::Relay(event).encode())))
}
