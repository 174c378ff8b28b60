//! `slotcast status`: says how the user is, and holds on to that until it is stopped, over cuts and restarts.

use clap::{Args, ValueEnum};
use slotcast_protocol::{Device, Door, Event, RelayRequest, Request, State, Value};

use super::backoff::Backoff;
use super::client::{Client, failed, fresh_device};
use super::failure::{Failure, say};
use super::link::Link;
use super::value;

/// Arguments.
#[derive(Args)]
pub struct Status {
    state: Word,
    /// What is said with it: JSON, or else a text as it is
    #[arg(long, value_name = "JSON", value_parser = value::parse_or_text)]
    text: Option<Value>,
    #[command(flatten)]
    link: Link,
}

/// How one can be.
#[derive(Clone, Copy, ValueEnum)]
enum Word {
    Online,
    Away,
    Busy,
    /// Here, and for everyone else offline
    Invisible,
}

impl Word {
    fn state(self) -> State {
        match self {
            Word::Online => State::Online,
            Word::Away => State::Away,
            Word::Busy => State::Busy,
            Word::Invisible => State::Invisible,
        }
    }
}

/// Never returned: it has no good end.
enum Never {}

pub async fn run(status: Status) -> Result<(), Failure> {
    let Status { state, text, link } = status;
    let request = Request::Relay(RelayRequest::Status { state: Some(state.state()), body: text });
    let (device, backoff) = (fresh_device(), Backoff::new());
    let mut holder = Holder { link, device, state: state.state(), request, said: false, backoff };
    loop {
        let Err(failure) = holder.hold().await;
        match failure {
            Failure::Cut(why) if holder.said => holder.backoff.pause(&why).await,
            other => return Err(other),
        }
    }
}

struct Holder {
    link: Link,
    device: Device,
    state: State,
    request: Request,
    /// The server has taken it once.
    said: bool,
    backoff: Backoff,
}

impl Holder {
    /// One connection, to its end: what a session says is over with it.
    async fn hold(&mut self) -> Result<Never, Failure> {
        let mut client = Client::connect(&self.link, &self.device, Door::Relay).await?;
        client.request(&self.request).await?;
        client.request(&Request::Ping { n: None }).await?;
        loop {
            match client.event().await? {
                Event::Pong { .. } if !self.said => {
                    self.said = true;
                    say(&format!("{} is {} until this is stopped", client.user, self.state.name()));
                }
                Event::Goaway { retry_ms, reason } => self.backoff.goaway(retry_ms, &reason),
                Event::Error { fault, .. } => return Err(failed(&fault)),
                _other => {}
            }
        }
    }
}
