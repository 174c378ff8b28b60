//! `slotcast tell`: a message to a user, stored once, over cuts and restarts.

use std::io::Read;

use clap::Args;
use slotcast_protocol::{
    Code, Device, Door, Event, MessageKind, RelayEvent, RelayRequest, Request, User, Value, json,
};
use tokio::time::timeout;

use super::backoff::Backoff;
use super::client::{Client, failed, fresh_device};
use super::failure::{Failure, say};
use super::link::Link;
use super::screen::{print, printable};
use super::set::ID;
use super::value;

/// What is read of standard input: as much as any server can be told to take for one message.
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// Arguments.
#[derive(Args)]
pub struct Tell {
    /// Who is to get it
    #[arg(value_name = "USER", value_parser = User::parse)]
    to: User,
    /// JSON, or else a text as it is; `-` or nothing reads standard input
    #[arg(allow_negative_numbers = true)]
    message: Option<String>,
    /// What it is, as clients agree
    #[arg(long, value_parser = MessageKind::parse)]
    kind: Option<MessageKind>,
    #[command(flatten)]
    link: Link,
}

pub async fn run(tell: Tell) -> Result<(), Failure> {
    let Tell { to, message, kind, link } = tell;
    let text = message.filter(|text| text != "-").map_or_else(standard_input, Ok)?;
    let body = value::parse_or_text(&text).map_err(|why| Failure::Usage(format!("the message: {why}")))?;
    let (json, patience) = (link.json, link.timeout);
    let mut teller = Teller::new(to, body, kind, link);
    let answered = timeout(patience, teller.until_answered()).await;
    let answer = answered.unwrap_or_else(|_| Err(Failure::Cut(format!("no answer within {patience:?}"))));
    let answer = answer.map_err(|failure| teller.in_doubt(failure))?;
    if json {
        print(&printable(&json::event_text(&Event::Relay(answer.clone()).encode())))?;
    }
    match answer {
        RelayEvent::Refused { fault, retry_ms, .. } => {
            let again = retry_ms.map_or(String::new(), |ms| format!("; it may be tried again in {ms} ms"));
            say(&format!("refused: {fault}{again}"));
            Err(Failure::Rejected)
        }
        RelayEvent::Stored { at, class, .. } if !json => print(&format!("stored at {at}, class {class}")),
        _stored => Ok(()),
    }
}

/// Without the end of its last line.
fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_string(&mut text);
    let bytes = read.map_err(|why| Failure::Usage(format!("standard input cannot be read: {why}")))?;
    if bytes as u64 > INPUT_BYTES_MAX {
        return Err(Failure::Usage(format!("standard input is longer than {INPUT_BYTES_MAX} bytes")));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

struct Teller {
    link: Link,
    /// The same on each connection: with the id it makes the message the same message.
    device: Device,
    request: Request,
    backoff: Backoff,
    /// Whether the server may have heard it.
    said: bool,
}

impl Teller {
    fn new(to: User, body: Value, kind: Option<MessageKind>, link: Link) -> Self {
        let tell = slotcast_protocol::Tell { id: ID, to, body, kind, have: None };
        let (device, request) = (fresh_device(), Request::Relay(RelayRequest::Tell(tell)));
        Teller { link, device, request, backoff: Backoff::new(), said: false }
    }

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
            Event::Relay(answer @ (RelayEvent::Stored { .. } | RelayEvent::Refused { .. })) => {
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
                Failure::Cut(format!("{why}; it is not known whether the message is stored"))
            }
            other => other,
        }
    }
}
