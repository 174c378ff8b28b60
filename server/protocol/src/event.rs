//! What the server tells.

use std::sync::Arc;

use crate::code::{Code, Fault};
use crate::durability::Durability;
use crate::names::{Device, ObjectName, SendName, SlotName, User};
use crate::op::{Path, encode_optional};
use crate::relay::RelayEvent;
use crate::value::Value;
use crate::writer::Writer;

/// How much of an object someone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The incarnation.
    pub epoch: u64,
    /// The last version that was applied.
    pub version: u64,
    /// Sends of this epoch that were received or skipped; None if the client does not want those it missed.
    pub sends: Option<u64>,
}

/// One message from the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer to `hello`.
    Welcome(Welcome),
    /// A write or send was accepted.
    Success(Success),
    /// It was not.
    Reject(Reject),
    /// Something else was refused.
    Error { fault: Fault, object: Option<ObjectName> },
    /// All slots.
    Snapshot(Snapshot),
    /// What changed between two versions.
    Diff(Diff),
    /// A `send`.
    Sent(Sent),
    /// The MD5 of an object's canonical form, 32 hex digits.
    Fingerprint { object: ObjectName, epoch: u64, version: u64, md5: String },
    /// A sign of life.
    Pong { n: Option<u64>, time_ms: u64 },
    /// No more frames about this object.
    Released { object: ObjectName },
    /// The connection will be closed; come back after `retry_ms`.
    Goaway { retry_ms: u64, reason: String },
    /// The session goes on with its new token, until that one ends; None is never.
    Renewed { expires_ms: Option<u64> },
    /// The session's last word, by a door that has no other way to say it: one of the close codes, and why.
    Close { code: u64, reason: String },
    /// Told on the relay.
    Relay(RelayEvent),
}

/// `welcome`.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Names this connection, for logs.
    pub session: String,
    /// Who the client is.
    pub user: User,
    /// Which of the user's clients.
    pub device: Device,
    /// The server's clock, Unix.
    pub time_ms: u64,
    /// What a client needs to know of the limits.
    pub limits: Vec<(String, u64)>,
    /// When its token ends, Unix; None is never.
    pub expires_ms: Option<u64>,
}

/// `success`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// The request's.
    pub id: Option<u64>,
    /// The version that contains the write.
    pub version: u64,
    /// What the write survives.
    pub class: Durability,
    /// Whether anything moved.
    pub changed: bool,
}

/// `reject`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reject {
    /// The request's.
    pub id: Option<u64>,
    /// Why.
    pub fault: Fault,
    /// The object's version now.
    pub version: u64,
    /// What stood in the way.
    pub winners: Vec<Record>,
}

/// A slot as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which.
    pub slot: SlotName,
    /// The version of its last change.
    pub version: u64,
    /// Who made it.
    pub by: User,
    /// None if the slot is absent.
    pub value: Option<Value>,
}

/// `snapshot`, or one part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Which object.
    pub object: ObjectName,
    /// Its incarnation.
    pub epoch: u64,
    /// The version that it shows; with the last part, the version that all parts together show.
    pub version: u64,
    /// The object's sends so far.
    pub sends: u64,
    /// Slots; in the last of several parts those that have changed since the others were made, also those that are gone.
    pub slots: Vec<Record>,
    /// Whether another part follows.
    pub more: bool,
    /// Sends that the follower lost.
    pub skipped: u64,
    /// Which part of the snapshot this is, from 1.
    pub part: u64,
    /// How many there are.
    pub parts: u64,
}

/// `diff`.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// Which object.
    pub object: ObjectName,
    /// Whoever has this version or a later one can take it.
    pub from: u64,
    /// The version that it leads to.
    pub to: u64,
    /// In the order of their versions.
    pub changes: Vec<Change>,
    /// Sends that the follower lost.
    pub skipped: u64,
}

/// What a write did.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The version that it made.
    pub version: u64,
    /// Who did it.
    pub by: User,
    /// What.
    pub kind: ChangeKind,
}

/// What happened to a slot, or to all.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeKind {
    /// It is now this.
    Set { slot: SlotName, value: Value },
    /// It is gone.
    Delete { slot: SlotName },
    /// A place inside it is now this, or gone.
    Patch { slot: SlotName, path: Path, value: Option<Value> },
    /// These items came; the newest `keep` stay, 0 for all.
    Append { slot: SlotName, items: Arc<[Value]>, keep: u32 },
    /// All but status slots are gone.
    Clear,
}

impl ChangeKind {
    /// The slot; None for `clear`.
    pub fn slot(&self) -> Option<&SlotName> {
        match self {
            ChangeKind::Set { slot, .. } | ChangeKind::Delete { slot } => Some(slot),
            ChangeKind::Patch { slot, .. } | ChangeKind::Append { slot, .. } => Some(slot),
            ChangeKind::Clear => None,
        }
    }
}

/// `sent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Whose followers hear it.
    pub object: ObjectName,
    /// The version after which it happened.
    pub version: u64,
    /// What it is called.
    pub name: SendName,
    /// Its content.
    pub value: Value,
    /// Who sent it.
    pub by: User,
}

impl Change {
    /// Appends it as in a diff.
    pub fn encode(&self, writer: &mut Writer) {
        let head = |writer: &mut Writer, fields: usize, code: u64| {
            writer.array(fields).uint(code);
            if let Some(slot) = self.kind.slot() {
                writer.text(slot.as_str());
            }
            writer.uint(self.version).text(self.by.as_str());
        };
        match &self.kind {
            ChangeKind::Set { value, .. } => {
                head(writer, 5, 1);
                writer.splice(value.bytes());
            }
            ChangeKind::Delete { .. } => head(writer, 4, 2),
            ChangeKind::Patch { path, value, .. } => {
                head(writer, 6, 3);
                path.encode(writer);
                encode_optional(value.as_ref(), writer);
            }
            ChangeKind::Append { items, keep, .. } => {
                head(writer, 6, 4);
                writer.array(items.len());
                items.iter().for_each(|item| _ = writer.splice(item.bytes()));
                writer.uint((*keep).into());
            }
            ChangeKind::Clear => head(writer, 3, 5),
        }
    }
}

impl Event {
    /// As one MessagePack message.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(64);
        self.encode_to(&mut writer);
        writer.0
    }

    /// Appends one MessagePack message.
    pub fn encode_to(&self, writer: &mut Writer) {
        match self {
            Event::Welcome(welcome) => encode_welcome(welcome, writer),
            Event::Success(Success { id, version, class, changed }) => {
                writer.array(5).uint(17).optional_uint(*id).uint(*version).text(class.name()).bool(*changed)
            }
            Event::Reject(Reject { id, fault, version, winners }) => {
                writer
                    .array(6)
                    .uint(18)
                    .optional_uint(*id)
                    .text(fault.code.name())
                    .text(&fault.what)
                    .uint(*version);
                encode_records(winners, writer)
            }
            Event::Error { fault, object } => {
                let object = object.as_ref().map(ObjectName::as_str);
                writer.array(4).uint(19).text(fault.code.name()).text(&fault.what).optional_text(object)
            }
            Event::Snapshot(snapshot) => encode_snapshot(snapshot, writer),
            Event::Diff(diff) => encode_diff(diff, writer),
            Event::Sent(Sent { object, version, name, value, by }) => {
                writer.array(6).uint(22).text(object.as_str()).uint(*version);
                writer.text(name.as_str()).splice(value.bytes()).text(by.as_str())
            }
            Event::Fingerprint { object, epoch, version, md5 } => {
                writer.array(5).uint(23).text(object.as_str()).uint(*epoch).uint(*version).text(md5)
            }
            Event::Pong { n, time_ms } => writer.array(3).uint(24).optional_uint(*n).uint(*time_ms),
            Event::Released { object } => writer.array(2).uint(25).text(object.as_str()),
            Event::Goaway { retry_ms, reason } => writer.array(3).uint(26).uint(*retry_ms).text(reason),
            Event::Renewed { expires_ms } => writer.array(2).uint(27).optional_uint(*expires_ms),
            Event::Close { code, reason } => writer.array(3).uint(28).uint(*code).text(reason),
            Event::Relay(event) => {
                event.encode_to(writer);
                writer
            }
        };
    }
}

fn encode_welcome<'w>(welcome: &Welcome, writer: &'w mut Writer) -> &'w mut Writer {
    let ends = welcome.expires_ms.is_some();
    writer
        .array(if ends { 7 } else { 6 })
        .uint(16)
        .text(&welcome.session)
        .text(welcome.user.as_str())
        .text(welcome.device.as_str());
    writer.uint(welcome.time_ms).map(welcome.limits.len());
    let writer = welcome.limits.iter().fold(writer, |writer, (name, value)| writer.text(name).uint(*value));
    if ends { writer.optional_uint(welcome.expires_ms) } else { writer }
}

fn encode_snapshot<'w>(snapshot: &Snapshot, writer: &'w mut Writer) -> &'w mut Writer {
    let in_parts = snapshot.parts > 1;
    writer.array(if in_parts { 10 } else { 8 }).uint(20).text(snapshot.object.as_str());
    writer.uint(snapshot.epoch).uint(snapshot.version).uint(snapshot.sends);
    encode_records(&snapshot.slots, writer).bool(snapshot.more).uint(snapshot.skipped);
    if in_parts { writer.uint(snapshot.part).uint(snapshot.parts) } else { writer }
}

fn encode_diff<'w>(diff: &Diff, writer: &'w mut Writer) -> &'w mut Writer {
    let fields = if diff.skipped > 0 { 6 } else { 5 };
    writer
        .array(fields)
        .uint(21)
        .text(diff.object.as_str())
        .uint(diff.from)
        .uint(diff.to)
        .array(diff.changes.len());
    diff.changes.iter().for_each(|change| change.encode(writer));
    if diff.skipped > 0 { writer.uint(diff.skipped) } else { writer }
}

fn encode_records<'w>(records: &[Record], writer: &'w mut Writer) -> &'w mut Writer {
    writer.array(records.len());
    for Record { slot, version, by, value } in records {
        writer.array(4).text(slot.as_str()).uint(*version).text(by.as_str());
        encode_optional(value.as_ref(), writer);
    }
    writer
}

/// The code with a wire name.
pub(crate) fn code_named(name: &str) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| code.name() == name)
}
