//! A user's status, as others are told of it.

use crate::code::{Code, Fault};
use crate::event_decode::value;
use crate::fields::Fields;
use crate::names::User;
use crate::reader::{Reader, Token};
use crate::shape;
use crate::value::Value;
use crate::writer::Writer;

/// How a user is, or wants to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Here.
    Online,
    /// Not at hand.
    Away,
    /// Not to be disturbed.
    Busy,
    /// Here, and for everyone else offline.
    Invisible,
    /// Not here. No one says so of themselves.
    Offline,
}

/// A state, what was said with it, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How the user is.
    pub state: State,
    /// What the user says of it.
    pub body: Option<Value>,
    /// Since when, in ms of the Unix clock: of one who is offline when they were seen last. None if that is not remembered.
    pub since_ms: Option<u64>,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] = [State::Online, State::Away, State::Busy, State::Invisible, State::Offline];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            State::Online => "online",
            State::Away => "away",
            State::Busy => "busy",
            State::Invisible => "invisible",
            State::Offline => "offline",
        }
    }

    pub(crate) fn from_fields(fields: &Fields<'_>, place: usize) -> Result<Option<State>, Fault> {
        let Some(name) = fields.optional_text(place)? else { return Ok(None) };
        let known = State::ALL.into_iter().find(|state| state.name() == name);
        let states = "must be online, away, busy or invisible";
        known.map(Some).ok_or_else(|| fields.fault(place, states))
    }
}

impl Status {
    /// One of whom nothing is known.
    pub const OFFLINE: Status = Status { state: State::Offline, body: None, since_ms: None };

    pub(crate) fn encode(&self, user: &User, writer: &mut Writer) {
        writer.array(shape::STATUS.len()).text(user.as_str()).text(self.state.name());
        match &self.body {
            Some(body) => writer.splice(body.bytes()),
            None => writer.nil(),
        };
        writer.optional_uint(self.since_ms);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<(User, Status), Fault> {
        let Token::Array(items) = reader.token()? else {
            return Err(Fault::new(Code::BadField, "people: must hold arrays"));
        };
        let row = Fields::split(reader, items, shape::STATUS)?;
        let state = State::from_fields(&row, 1)?.ok_or_else(|| row.fault(1, "is missing"))?;
        let body = row.raw(2).map(|_| value(&row, 2)).transpose()?;
        Ok((User::parse(row.text(0)?)?, Status { state, body, since_ms: row.optional_uint(3)? }))
    }
}
