//! `slotcast set`: one operation on one slot.

use clap::Args;
use slotcast_protocol::op::KEEP_MAX;
use slotcast_protocol::{
    Door, Event, Life, Number, ObjectName, Op, Path, Pattern, Reject, Request, SlotName, Success, Value,
    Write, json,
};

use super::client::{Client, failed, fresh_device};
use super::failure::{Failure, say};
use super::link::Link;
use super::screen::{Paint, print, printable};
use super::{line, place, value};

/// Each run is a device of its own, and asks for one thing.
pub const ID: u64 = 1;

/// Arguments.
#[derive(Args)]
pub struct Set {
    /// The object, like auction/42; it is made if it does not exist
    #[arg(value_parser = ObjectName::parse)]
    object: ObjectName,
    /// The slot
    #[arg(value_parser = SlotName::parse)]
    slot: SlotName,
    /// What the slot becomes (or the place inside it, with --patch); null deletes
    #[arg(value_name = "JSON", value_parser = value::parse, allow_hyphen_values = true,
          required_unless_present_any = ["delete", "add", "append"], conflicts_with_all = ["delete", "add", "append"])]
    value: Option<Value>,
    /// Delete the slot
    #[arg(long, group = "operation")]
    delete: bool,
    /// Add a number to the slot
    #[arg(long, group = "operation", value_name = "N", value_parser = value::parse_number, allow_hyphen_values = true)]
    add: Option<Number>,
    /// Put an item at the end of the slot's array
    #[arg(long, group = "operation", value_name = "JSON", value_parser = value::parse, allow_hyphen_values = true)]
    append: Option<Value>,
    /// With --append: keep only the newest N items
    #[arg(long, value_name = "N", requires = "append", conflicts_with = "value", value_parser = clap::value_parser!(u32).range(1..=KEEP_MAX as i64))]
    keep: Option<u32>,
    /// Set a place inside the slot, like a.b[2].c or a["b.c"]
    #[arg(long, group = "operation", value_name = "PATH", value_parser = place::parse)]
    patch: Option<Path>,
    /// Let the server delete the slot after so many milliseconds
    #[arg(long, value_name = "MS", conflicts_with = "operation", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
    ttl: Option<u64>,
    /// Only if the slot's version is this one (0: if it is absent); without it, only if no one changes it meanwhile
    #[arg(long = "if", value_name = "VERSION", value_parser = clap::value_parser!(u64).range(..1 << 53))]
    condition: Option<u64>,
    #[command(flatten)]
    link: Link,
}

pub async fn run(set: Set) -> Result<(), Failure> {
    let pattern = Pattern::parse(set.slot.as_str()).expect("a slot's name is a pattern");
    let mut client = Client::connect(&set.link, &fresh_device(), Door::Objects).await?;
    let copy = client.read(&set.object, Some(&[pattern])).await?;
    let link = set.link.clone();
    let cursor = copy.cursor().expect("a copy that was read has a cursor");
    let write = Write {
        id: Some(ID),
        object: set.object.clone(),
        epoch: Some(cursor.epoch),
        seen: cursor.version,
        conditions: set.condition.map(|version| (set.slot.clone(), version)).into_iter().collect(),
        ops: vec![set.op()],
        at: None,
    };
    client.request(&Request::Write(write)).await?;
    let Success { version, changed, .. } = success(&mut client, &link).await?;
    client.close().await;
    match changed {
        _ if link.json => Ok(()),
        true => print(&format!("version {version}")),
        false => print(&format!("version {version}, nothing changed")),
    }
}

impl Set {
    fn op(self) -> Op {
        let Set { slot, value, delete, add, append, keep, patch, ttl, .. } = self;
        let value = value.filter(|value| !value.is_nil());
        match (delete, add, append, patch) {
            (true, ..) => Op::Delete { slot },
            (_, Some(number), ..) => Op::Add { slot, number },
            (_, _, Some(value), _) => Op::Append { slot, value, keep: keep.unwrap_or(0), stamp: false },
            (.., Some(path)) => Op::Patch { slot, path, value },
            (false, None, None, None) => Op::Set { slot, value, life: Life { ttl_ms: ttl, tie: false } },
        }
    }
}

/// Waits for the answer to [`ID`]. With `--json` it is printed as it is; a reject is told in any case.
pub async fn success(client: &mut Client, link: &Link) -> Result<Success, Failure> {
    let answered = client.answer(|event| match event {
        Event::Success(Success { id: Some(ID), .. }) | Event::Reject(Reject { id: Some(ID), .. }) => {
            Some(Ok(event))
        }
        Event::Error { fault, .. } => Some(Err(failed(&fault))),
        _other => None,
    });
    let event = answered.await.map_err(|failure| match failure {
        Failure::Cut(why) => Failure::Cut(format!("{why}; it is not known whether the server did it")),
        other => other,
    })?;
    if link.json {
        print(&printable(&json::event_text(&event.encode())))?;
    }
    match event {
        Event::Success(success) => Ok(success),
        Event::Reject(reject) => {
            tell(&reject);
            Err(Failure::Rejected)
        }
        _other => unreachable!("only these two are picked"),
    }
}

/// The reason, and what is there instead.
fn tell(reject: &Reject) {
    say(&format!("rejected: {} (the object is at version {})", reject.fault, reject.version));
    for winner in &reject.winners {
        say(&line::record(winner, Paint::PLAIN));
    }
}
