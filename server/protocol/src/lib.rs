//! The words of Slotcast: names, values, messages and codes, in MessagePack and in JSON.
//!
//! Nothing here does I/O or keeps state. `protocol.md` is the page for people; `tests/tests/protocol_page.rs` holds the two together.
//!
//! Bytes from a client go `json` (for the JSON subprotocol) -> [`Request::decode`]; what goes to a client is encoded once
//! by [`Event::encode`] and, for followers of the JSON subprotocol, once more by [`json::event_text`].

pub mod canonical;
pub mod code;
mod durability;
pub mod event;
mod event_decode;
mod fields;
pub mod json;
pub mod limits;
pub mod names;
pub mod number;
pub mod op;
mod rate;
pub mod reader;
pub mod relay;
mod relay_event;
pub mod request;
mod request_encode;
pub mod roster;
pub mod shape;
mod status;
pub mod value;
pub mod writer;

pub use code::{CloseCode, Code, Fault};
pub use durability::Durability;
pub use event::{Change, ChangeKind, Cursor, Diff, Event, Record, Reject, Sent, Snapshot, Success, Welcome};
pub use limits::Limits;
pub use names::{Device, MessageKind, ObjectName, Pattern, SendName, SlotName, User};
pub use number::Number;
pub use op::{Life, Op, Path, Step};
pub use rate::Rate;
pub use relay::{Entry, InboxCursor, Matter, RelayEvent, RelayRequest, Roster, Signal, Tell};
pub use request::{Request, Send, Use, Write};
pub use status::{State, Status};
pub use value::Value;

/// What a connection is for; each has a path and subprotocols of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// `/objects`: shared objects.
    Objects,
    /// `/relay`: messages from user to user.
    Relay,
}

/// The two encodings of version 1; a connection chooses one by its subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// `slotcast.v1.msgpack`: binary frames, positional fields.
    MessagePack,
    /// `slotcast.v1.json`: text frames, named fields.
    Json,
}

impl Encoding {
    /// All encodings, in the order in which a server prefers them.
    pub const ALL: [Encoding; 2] = [Encoding::MessagePack, Encoding::Json];

    /// The name on the wire, for `Sec-WebSocket-Protocol`.
    pub fn subprotocol(self, door: Door) -> &'static str {
        match (door, self) {
            (Door::Objects, Encoding::MessagePack) => "slotcast.v1.msgpack",
            (Door::Objects, Encoding::Json) => "slotcast.v1.json",
            (Door::Relay, Encoding::MessagePack) => "slotcast.relay.v1.msgpack",
            (Door::Relay, Encoding::Json) => "slotcast.relay.v1.json",
        }
    }
}

impl Door {
    /// All doors.
    pub const ALL: [Door; 2] = [Door::Objects, Door::Relay];
}
