//! What is said on the door `/relay`: messages from user to user, and the inbox that they lie in.

use crate::code::Fault;
use crate::durability::Durability;
use crate::fields::Fields;
use crate::limits::Limits;
use crate::names::{MessageKind, User};
use crate::roster::{Contact, Edit, Tag};
use crate::status::{State, Status};
use crate::value::Value;
use crate::writer::Writer;

/// What a client asks of the relay.
#[derive(Clone, Debug, PartialEq)]
pub enum RelayRequest {
    /// To be given the entries of the own inbox, from a cursor on; without one from where the server remembers the device.
    Open { cursor: Option<InboxCursor> },
    /// A message to a user.
    Tell(Tell),
    /// The device has all entries up to here.
    Ack { seq: u64 },
    /// The user has read what came from `user`, up to here.
    Read { user: User, seq: u64 },
    /// Something to a user that is worth nothing later.
    Signal(Signal),
    /// To be given the own friend list, or what is new since this one, and to be told when it changes and how the friends are.
    Friends { have: Option<Tag> },
    /// To have the own list changed.
    Edit { id: u64, edit: Edit },
    /// How the user is, as far as this session knows; None if it does not.
    Status { state: Option<State>, body: Option<Value> },
}

/// How much of an inbox a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxCursor {
    /// The incarnation.
    pub epoch: u64,
    /// The last entry that it has.
    pub seq: u64,
}

/// `tell`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tell {
    /// For retries; rising per device.
    pub id: u64,
    /// Who is to get it.
    pub to: User,
    /// Its content; may be nil.
    pub body: Value,
    /// What it is, as clients agree.
    pub kind: Option<MessageKind>,
    /// Which friend list the sender's client has.
    pub have: Option<Tag>,
}

/// `signal`.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Comes back with a refusal.
    pub id: Option<u64>,
    /// Who is to get it.
    pub to: User,
    /// What it is, as clients agree.
    pub kind: MessageKind,
    /// Its content; may be nil.
    pub body: Value,
}

/// What the relay tells.
#[derive(Clone, Debug, PartialEq)]
pub enum RelayEvent {
    /// The answer to `open`: entries above `from` follow, up to `to` and then what happens later.
    Inbox { epoch: u64, from: u64, to: u64 },
    /// An entry.
    Entry(Entry),
    /// All up to here has been handed over.
    Current { seq: u64 },
    /// Of the entries up to here some are gone.
    Missed { to: u64 },
    /// A message is in the inbox of its recipient, as `at`.
    Stored { id: u64, at: u64, time_ms: u64, class: Durability },
    /// It is not; a rate says when one more will do.
    Refused { id: Option<u64>, fault: Fault, retry_ms: Option<u64> },
    /// Someone's signal.
    Signal { from: User, kind: MessageKind, body: Value },
    /// The own friend list, or what is new of it.
    Roster(Roster),
    /// An edit is done; the list is at this rev, or further.
    Edited { id: u64, rev: u64 },
    /// The list is not any more what the client has; `full`: and what it has leads nowhere.
    Stale { full: bool },
    /// How these people are.
    Presence(Vec<(User, Status)>),
}

/// `roster`.
#[derive(Clone, Debug, PartialEq)]
pub struct Roster {
    /// Of the friends, afterwards.
    pub tag: Tag,
    /// Of the blocks.
    pub blocks_tag: Tag,
    /// The rev from which it leads; None if these are all people that there are on it.
    pub from: Option<u64>,
    /// As they are now; one of whom there is nothing to say is gone.
    pub people: Vec<(User, Contact)>,
}

/// One entry of an inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number; rising.
    pub seq: u64,
    /// When it came, ms of the Unix clock.
    pub time_ms: u64,
    /// What it is.
    pub matter: Matter,
}

/// What an entry of an inbox is.
#[derive(Clone, Debug, PartialEq)]
pub enum Matter {
    /// Someone told the user something; `id` is the sender's.
    Message { from: User, id: u64, body: Value, kind: Option<MessageKind> },
    /// The user told someone something, from another device; it lies in the other's inbox as `at`.
    Copy { to: User, id: u64, body: Value, kind: Option<MessageKind>, at: u64 },
    /// The other has what the user told him, up to these places in the other's inbox.
    Receipt { user: User, delivered: u64, read: u64 },
    /// The user has read, on another device, what came from someone, up to here.
    Seen { user: User, read: u64 },
}

impl RelayRequest {
    pub(crate) fn from_fields(name: &str, fields: &Fields<'_>, limits: &Limits) -> Result<Self, Fault> {
        Ok(match name {
            "open" => RelayRequest::Open { cursor: cursor(fields)? },
            "tell" => RelayRequest::Tell(Tell {
                id: fields.uint(0)?,
                to: User::parse(fields.text(1)?)?,
                body: body(fields, 2, limits)?,
                kind: fields.optional_text(3)?.map(MessageKind::parse).transpose()?,
                have: have(fields, 4)?,
            }),
            "ack" => RelayRequest::Ack { seq: fields.uint(0)? },
            "read" => RelayRequest::Read { user: User::parse(fields.text(0)?)?, seq: fields.uint(1)? },
            "signal" => RelayRequest::Signal(Signal {
                to: User::parse(fields.text(0)?)?,
                kind: MessageKind::parse(fields.text(1)?)?,
                body: body(fields, 2, limits)?,
                id: fields.optional_uint(3)?,
            }),
            "friends" => RelayRequest::Friends { have: have(fields, 0)? },
            "edit" => RelayRequest::Edit { id: fields.uint(0)?, edit: Edit::from_fields(fields, 1)? },
            "status" => RelayRequest::Status { state: own_state(fields)?, body: own_body(fields, limits)? },
            _other => unreachable!("the table of the relay's requests has no other name"),
        })
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        match self {
            RelayRequest::Open { cursor } => {
                let (epoch, seq) = (cursor.map(|cursor| cursor.epoch), cursor.map(|cursor| cursor.seq));
                writer.array(3).uint(32).optional_uint(epoch).optional_uint(seq)
            }
            RelayRequest::Tell(Tell { id, to, body, kind, have }) => {
                writer.array(if have.is_some() { 6 } else { 5 }).uint(33).uint(*id).text(to.as_str());
                writer.splice(body.bytes()).optional_text(kind.as_ref().map(MessageKind::as_str));
                have.iter().fold(writer, |writer, tag| writer.text(&tag.to_string()))
            }
            RelayRequest::Ack { seq } => writer.array(2).uint(34).uint(*seq),
            RelayRequest::Read { user, seq } => writer.array(3).uint(35).text(user.as_str()).uint(*seq),
            RelayRequest::Signal(Signal { id, to, kind, body }) => writer
                .array(5)
                .uint(36)
                .text(to.as_str())
                .text(kind.as_str())
                .splice(body.bytes())
                .optional_uint(*id),
            RelayRequest::Friends { have } => {
                writer.array(2).uint(37).optional_text(have.map(|tag| tag.to_string()).as_deref())
            }
            RelayRequest::Edit { id, edit } => {
                edit.encode(writer.array(5).uint(38).uint(*id));
                writer
            }
            RelayRequest::Status { state, body } => {
                writer.array(3).uint(39).optional_text(state.map(State::name));
                match body {
                    Some(body) => writer.splice(body.bytes()),
                    None => writer.nil(),
                }
            }
        };
    }
}

fn cursor(fields: &Fields<'_>) -> Result<Option<InboxCursor>, Fault> {
    match (fields.optional_uint(0)?, fields.optional_uint(1)?) {
        (Some(epoch), Some(seq)) => Ok(Some(InboxCursor { epoch, seq })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(fields.fault(1, "must be there with an epoch")),
        (None, Some(_)) => Err(fields.fault(0, "must be there with a seq")),
    }
}

fn have(fields: &Fields<'_>, place: usize) -> Result<Option<Tag>, Fault> {
    let Some(text) = fields.optional_text(place)? else { return Ok(None) };
    Tag::parse(text).map(Some).map_err(|_| fields.fault(place, "must be <16 hex>.<decimal>.<32 hex>"))
}

/// Who is offline does not say so.
fn own_state(fields: &Fields<'_>) -> Result<Option<State>, Fault> {
    match State::from_fields(fields, 0)? {
        Some(State::Offline) => Err(fields.fault(0, "must be online, away, busy or invisible")),
        state => Ok(state),
    }
}

fn own_body(fields: &Fields<'_>, limits: &Limits) -> Result<Option<Value>, Fault> {
    let check = |raw| Value::check_within(raw, "body", limits.status_bytes, limits.value_depth);
    fields.raw(1).map(check).transpose()
}

fn body(fields: &Fields<'_>, place: usize, limits: &Limits) -> Result<Value, Fault> {
    let raw = fields.raw(place).unwrap_or(&[0xc0]);
    Value::check_within(raw, "body", limits.tell_bytes, limits.value_depth)
}
