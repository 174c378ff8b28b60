//! `slotcast inbox`: the entries of the own inbox, and with `--follow` those to come, over cuts and restarts.

use clap::Args;
use futures_util::FutureExt;
use slotcast_protocol::{Device, Door, Entry, Event, InboxCursor, RelayEvent, RelayRequest, Request, json};

use super::backoff::Backoff;
use super::client::{Client, failed};
use super::entry;
use super::failure::{Failure, say};
use super::link::Link;
use super::screen::{Paint, print, printable};

/// Arguments.
#[derive(Args)]
pub struct Inbox {
    /// Go on with what comes
    #[arg(long)]
    follow: bool,
    /// The next call with the same name goes on where this one ends; a name that is new is given all that is kept. Two at a time need a
    /// name each, as the later one takes the earlier one's place
    #[arg(long, value_name = "NAME", default_value = "terminal", value_parser = Device::parse)]
    device: Device,
    #[command(flatten)]
    link: Link,
}

pub async fn run(inbox: Inbox) -> Result<(), Failure> {
    let Inbox { follow, device, link } = inbox;
    let (paint, backoff) = (Paint::of_stdout(), Backoff::new());
    let mut reader = Reader { follow, link, device, paint, cursor: None, printed: None, backoff };
    loop {
        match reader.read().await {
            Err(Failure::Cut(why)) if reader.cursor.is_some() => reader.backoff.pause(&why).await,
            done => return done,
        }
    }
}

struct Reader {
    follow: bool,
    link: Link,
    device: Device,
    paint: Paint,
    /// What is printed, once the server has said what there is.
    cursor: Option<InboxCursor>,
    /// Up to where this connection has printed and not acknowledged.
    printed: Option<u64>,
    backoff: Backoff,
}

impl Reader {
    /// One connection: to its end, or until nothing waits any more.
    async fn read(&mut self) -> Result<(), Failure> {
        let mut client = Client::connect(&self.link, &self.device, Door::Relay).await?;
        if let Some(cursor) = self.cursor {
            say(&format!("connected again, at {}", cursor.seq));
        }
        self.printed = None;
        client.request(&Request::Relay(RelayRequest::Open { cursor: self.cursor })).await?;
        let mut event = client.answer(|event| Some(Ok(event))).await?;
        loop {
            let current = self.take(event)?;
            if current && !self.follow {
                self.acknowledge(&mut client).await?;
                client.settle().await?;
                client.close().await;
                return Ok(());
            }
            event = self.next(&mut client).await?;
        }
    }

    /// What has come already is printed before all of it is acknowledged together.
    async fn next(&mut self, client: &mut Client) -> Result<Event, Failure> {
        if let Some(event) = client.event().now_or_never() {
            return event;
        }
        self.acknowledge(client).await?;
        client.event().await
    }

    async fn acknowledge(&mut self, client: &mut Client) -> Result<(), Failure> {
        match self.printed.take() {
            Some(seq) => client.request(&Request::Relay(RelayRequest::Ack { seq })).await,
            None => Ok(()),
        }
    }

    /// Whether that was all that waited.
    fn take(&mut self, event: Event) -> Result<bool, Failure> {
        match event {
            Event::Relay(RelayEvent::Inbox { epoch, from, .. }) => {
                self.begin(InboxCursor { epoch, seq: from });
            }
            Event::Relay(RelayEvent::Entry(entry)) => self.take_entry(entry)?,
            Event::Relay(RelayEvent::Missed { to }) if self.link.json => {
                print_json(RelayEvent::Missed { to })?;
            }
            Event::Relay(RelayEvent::Missed { to }) => print(&entry::missed(to, self.paint))?,
            Event::Relay(RelayEvent::Current { seq }) => {
                self.move_to(seq);
                return Ok(true);
            }
            Event::Goaway { retry_ms, reason } => self.backoff.goaway(retry_ms, &reason),
            Event::Error { fault, .. } => return Err(failed(&fault)),
            _other => {}
        }
        Ok(false)
    }

    fn begin(&mut self, here: InboxCursor) {
        match self.cursor {
            Some(cursor) if cursor.epoch == here.epoch => {}
            Some(_) => {
                say("the inbox was made anew");
                self.cursor = Some(here);
            }
            None => self.cursor = Some(here),
        }
    }

    fn take_entry(&mut self, entry: Entry) -> Result<(), Failure> {
        let seq = entry.seq;
        if self.cursor.is_some_and(|cursor| seq > cursor.seq) {
            match self.link.json {
                true => print_json(RelayEvent::Entry(entry))?,
                false => print(&entry::line(&entry, self.paint))?,
            }
            self.move_to(seq);
        }
        self.printed = Some(seq);
        Ok(())
    }

    fn move_to(&mut self, seq: u64) {
        if let Some(cursor) = &mut self.cursor {
            cursor.seq = cursor.seq.max(seq);
        }
    }
}

fn print_json(event: RelayEvent) -> Result<(), Failure> {
    print(&printable(&json::event_text(&Event::Relay(event).encode())))
}
