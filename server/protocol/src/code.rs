//! Every code that a client can be told, in one table; `protocol.md` section 8 is the same table for people.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $retry:literal,)*) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// The whole table, in the order of the page.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The code's name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// Whether the same request may succeed later without anyone changing it.
            pub fn retry(self) -> bool {
                match self { $(Code::$variant => $retry,)* }
            }
        }
    };
}

codes! {
    /// Not MessagePack or JSON of a message's shape.
    BadMessage "bad_message" false,
    /// No such message.
    UnknownType "unknown_type" false,
    /// A field is missing or has the wrong shape.
    BadField "bad_field" false,
    /// A name breaks its rule.
    BadName "bad_name" false,
    /// A value that is not allowed, or an overflow.
    BadValue "bad_value" false,
    /// A value deeper than the limit.
    TooDeep "too_deep" false,
    /// A value or an object beyond its limit in bytes.
    TooLarge "too_large" false,
    /// More of something than its limit.
    TooMany "too_many" false,
    /// A message before `welcome`, or a second `hello`.
    HelloFirst "hello_first" false,
    /// The token is not accepted.
    Unauthorized "unauthorized" false,
    /// The object is not in use by this session.
    NotUsed "not_used" false,
    /// The object has another epoch.
    WrongEpoch "wrong_epoch" false,
    /// Another was first.
    Conflict "conflict" false,
    /// The operation does not fit what the slot holds.
    WrongType "wrong_type" false,
    /// The slot's rule does not allow the operation.
    WrongRule "wrong_rule" false,
    /// Not this user's to change.
    NotPermitted "not_permitted" false,
    /// There is no such user.
    UnknownUser "unknown_user" false,
    /// The recipient is away and has no room.
    InboxFull "inbox_full" true,
    /// More messages than the sender's rate allows.
    TooFast "too_fast" true,
    /// Not on the list.
    NoFriend "no_friend" false,
    /// No one who asks.
    NoRequest "no_request" false,
    /// The id was used before and its answer is no longer kept.
    AnswerForgotten "answer_forgotten" false,
    /// The store has no room.
    StorageFull "storage_full" true,
    /// The object's stored copy fails its checksum.
    StorageDamaged "storage_damaged" false,
    /// The server is stopping, or its store does not answer.
    Unavailable "unavailable" true,
    /// A session over HTTP is over, or lost something on the way.
    Gone "gone" false,
    /// A batch is neither the next nor an older one.
    OutOfOrder "out_of_order" false,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! close_codes {
    ($($(#[$doc:meta])* $variant:ident $number:literal,)*) => {
        /// WebSocket close codes that the server uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CloseCode { $($(#[$doc])* $variant,)* }

        impl CloseCode {
            /// The whole table, in the order of the page.
            pub const ALL: &[CloseCode] = &[$(CloseCode::$variant,)*];

            /// The number on the wire.
            pub fn number(self) -> u16 {
                match self { $(CloseCode::$variant => $number,)* }
            }
        }
    };
}

close_codes! {
    /// The server stops.
    GoingAway 1001,
    /// The frames break RFC 6455.
    Protocol 1002,
    /// Text on the binary subprotocol, or the reverse.
    WrongFrame 1003,
    /// A text message is not UTF-8.
    NotUtf8 1007,
    /// Frames that nobody needs so many of, or a message that takes too long.
    Policy 1008,
    /// A message beyond its limit.
    TooLarge 1009,
    /// The token was not accepted or has ended, or the first message was no good `hello`.
    Unauthorized 4401,
    /// The user's right to be here was taken back.
    Revoked 4403,
    /// No `hello` in time.
    HelloTimeout 4408,
    /// The same user and device connected again.
    Replaced 4409,
    /// Too many connections.
    TooMany 4429,
}

/// A refusal: the code and the name of what was wrong. Told as `error`, or as `reject` where there is a write to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the table.
    pub code: Code,
    /// What was wrong, by name: a field, a slot, a limit.
    pub what: String,
}

impl Fault {
    /// A fault about `what`.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Fault { code, what: what.into() }
    }

    /// The same fault, seen from further out: `slot` becomes `ops[2].slot`.
    pub fn inside(self, place: impl fmt::Display) -> Self {
        Fault { code: self.code, what: format!("{place}.{}", self.what) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.what)
    }
}

impl std::error::Error for Fault {}
