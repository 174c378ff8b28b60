//! `slotcast tell`: a message to a user, stored once, over cuts and restarts.

use std::io::Read;

use clap::Args;
use slotcast_protocol::{MessageKind, RelayEvent, RelayRequest, User};

use super::errand;
use super::failure::Failure;
use super::link::Link;
use super::screen::print;
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
    let (json, tell) = (link.json, slotcast_protocol::Tell { id: ID, to, body, kind, have: None });
    match errand::run(RelayRequest::Tell(tell), link, "the message is stored").await? {
        RelayEvent::Stored { at, class, .. } if !json => print(&format!("stored at {at}, class {class}")),
        _answer => Ok(()),
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
