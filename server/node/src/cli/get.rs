//! `slotcast get`: what is there now.

use clap::Args;
use slotcast_protocol::{Door, ObjectName, Pattern, Record, SlotName, json};

use super::client::{Client, fresh_device};
use super::failure::Failure;
use super::line;
use super::link::Link;
use super::object_copy::ObjectCopy;
use super::place::name;
use super::screen::{Paint, print, printable};
use super::value::shown;

/// Arguments.
#[derive(Args)]
pub struct Get {
    /// The object, like auction/42; it is made if it does not exist
    #[arg(value_parser = ObjectName::parse)]
    object: ObjectName,
    /// Only this slot: its value alone is printed
    #[arg(value_parser = SlotName::parse)]
    slot: Option<SlotName>,
    #[command(flatten)]
    link: Link,
}

pub async fn run(get: Get) -> Result<(), Failure> {
    let Get { object, slot, link } = get;
    let pattern =
        slot.as_ref().map(|slot| Pattern::parse(slot.as_str()).expect("a slot's name is a pattern"));
    let mut client = Client::connect(&link, &fresh_device(), Door::Objects).await?;
    let copy = client.read(&object, pattern.as_ref().map(std::slice::from_ref)).await?;
    client.close().await;
    match slot {
        _ if link.json => print(&printable(&object_text(&copy))),
        Some(slot) => match copy.slots().next().and_then(|record| record.value.as_ref()) {
            Some(value) => print(&shown(value)),
            None => Err(Failure::Failed(format!("{object} has no slot {}", name(slot.as_str())))),
        },
        None => print_all(&object, &copy),
    }
}

fn print_all(object: &ObjectName, copy: &ObjectCopy) -> Result<(), Failure> {
    let paint = Paint::of_stdout();
    if let Some(cursor) = copy.cursor() {
        print(
            &paint.strong(&format!("= {}", line::whole(object, copy.len(), cursor.version, cursor.epoch))),
        )?;
    }
    copy.slots().try_for_each(|record| print(&line::record(record, paint)))
}

/// One JSON object, slot by slot.
fn object_text(copy: &ObjectCopy) -> String {
    let member = |record: &Record| {
        let value = record.value.as_ref().map_or("null".to_owned(), |value| json::value_text(value.bytes()));
        format!("{}:{value}", serde_json::Value::from(record.slot.as_str()))
    };
    let members: Vec<String> = copy.slots().map(member).collect();
    format!("{{{}}}", members.join(","))
}
