//! `slotcast send`: a message to all who use an object.

use clap::Args;
use slotcast_protocol::{Door, ObjectName, Request, SendName, Value};

use super::client::{Client, fresh_device};
use super::failure::Failure;
use super::link::Link;
use super::screen::print;
use super::{set, value};

/// Arguments.
#[derive(Args)]
pub struct Send {
    /// The object, like auction/42
    #[arg(value_parser = ObjectName::parse)]
    object: ObjectName,
    /// What the message is called
    #[arg(value_parser = SendName::parse)]
    name: SendName,
    /// Its content
    #[arg(value_name = "JSON", value_parser = value::parse, allow_hyphen_values = true)]
    value: Value,
    #[command(flatten)]
    link: Link,
}

pub async fn run(send: Send) -> Result<(), Failure> {
    let Send { object, name, value, link } = send;
    let mut client = Client::connect(&link, &fresh_device(), Door::Objects).await?;
    client.read(&object, Some(&[])).await?;
    let request = slotcast_protocol::Send { id: Some(set::ID), object, name, value };
    client.request(&Request::Send(request)).await?;
    let success = set::success(&mut client, &link).await?;
    client.close().await;
    if link.json { Ok(()) } else { print(&format!("sent at version {}", success.version)) }
}
