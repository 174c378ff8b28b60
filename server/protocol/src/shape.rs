//! The tables of messages, operations and changes: codes, names, fields. The JSON encoding is made from them, and
//! `protocol.md` is checked against them.

use crate::Door;

/// How a field looks in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the MessagePack says.
    Plain,
    /// An array of operations.
    Ops,
    /// An array of changes.
    Changes,
    /// An array of rows with these fields: arrays in MessagePack, objects in JSON.
    Rows(&'static [Field]),
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON and in faults.
    pub name: &'static str,
    /// Its form in JSON.
    pub form: Form,
}

/// One message, operation or change.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The first item of its array.
    pub code: u64,
    /// Its name in JSON.
    pub name: &'static str,
    /// What follows, in order.
    pub fields: &'static [Field],
}

const fn plain(name: &'static str) -> Field {
    Field { name, form: Form::Plain }
}

macro_rules! shapes {
    ($($code:literal $name:ident [$($field:expr),*],)*) => {
        &[$(Shape { code: $code, name: stringify!($name), fields: &[$($field),*] },)*]
    };
}

const OPS_FIELD: Field = Field { name: "ops", form: Form::Ops };
const CHANGES_FIELD: Field = Field { name: "changes", form: Form::Changes };
const SLOTS_FIELD: Field = Field { name: "slots", form: Form::Rows(RECORD) };
const WINNERS_FIELD: Field = Field { name: "winners", form: Form::Rows(RECORD) };
const PEOPLE_FIELD: Field = Field { name: "people", form: Form::Rows(PERSON) };
const STATUSES_FIELD: Field = Field { name: "people", form: Form::Rows(STATUS) };

/// From the client.
pub const REQUESTS: &[Shape] = shapes! {
    1 hello [plain("token"), plain("device"), plain("user")],
    2 use [plain("object"), plain("cursor"), plain("slots"), plain("rate")],
    3 release [plain("object")],
    4 write [plain("id"), plain("object"), plain("epoch"), plain("seen"), plain("if"), OPS_FIELD, plain("at")],
    5 send [plain("id"), plain("object"), plain("name"), plain("value")],
    6 fingerprint [plain("object")],
    7 ping [plain("n")],
    8 renew [plain("token")],
};

/// From the server.
pub const EVENTS: &[Shape] = shapes! {
    16 welcome [plain("session"), plain("user"), plain("device"), plain("time_ms"), plain("limits"), plain("expires_ms")],
    17 success [plain("id"), plain("version"), plain("class"), plain("changed")],
    18 reject [plain("id"), plain("code"), plain("what"), plain("version"), WINNERS_FIELD],
    19 error [plain("code"), plain("what"), plain("object")],
    20 snapshot [plain("object"), plain("epoch"), plain("version"), plain("sends"), SLOTS_FIELD, plain("more"), plain("skipped"), plain("part"), plain("parts")],
    21 diff [plain("object"), plain("from"), plain("to"), CHANGES_FIELD, plain("skipped")],
    22 sent [plain("object"), plain("version"), plain("name"), plain("value"), plain("by")],
    23 fingerprint [plain("object"), plain("epoch"), plain("version"), plain("md5")],
    24 pong [plain("n"), plain("time_ms")],
    25 released [plain("object")],
    26 goaway [plain("retry_ms"), plain("reason")],
    27 renewed [plain("expires_ms")],
    28 close [plain("code"), plain("reason")],
};

/// From the client, on the relay.
pub const RELAY_REQUESTS: &[Shape] = shapes! {
    32 open [plain("epoch"), plain("seq")],
    33 tell [plain("id"), plain("to"), plain("body"), plain("kind"), plain("have")],
    34 ack [plain("seq")],
    35 read [plain("user"), plain("seq")],
    36 signal [plain("to"), plain("kind"), plain("body"), plain("id")],
    37 friends [plain("have")],
    38 edit [plain("id"), plain("edit"), plain("user"), plain("value")],
    39 status [plain("state"), plain("body")],
};

/// From the server, on the relay.
pub const RELAY_EVENTS: &[Shape] = shapes! {
    48 inbox [plain("epoch"), plain("from"), plain("to")],
    49 message [plain("seq"), plain("from"), plain("id"), plain("body"), plain("time_ms"), plain("kind")],
    50 copy [plain("seq"), plain("to"), plain("id"), plain("body"), plain("time_ms"), plain("kind"), plain("at")],
    51 receipt [plain("seq"), plain("user"), plain("delivered"), plain("read"), plain("time_ms")],
    52 seen [plain("seq"), plain("user"), plain("read"), plain("time_ms")],
    53 current [plain("seq")],
    54 missed [plain("to")],
    55 stored [plain("id"), plain("at"), plain("time_ms"), plain("class")],
    56 refused [plain("id"), plain("code"), plain("what"), plain("retry_ms")],
    57 signal [plain("from"), plain("kind"), plain("body")],
    58 roster [plain("tag"), plain("blocks_tag"), plain("from"), PEOPLE_FIELD],
    59 edited [plain("id"), plain("rev")],
    60 stale [plain("full")],
    61 presence [STATUSES_FIELD],
};

/// What is said on both doors: `hello`, `ping`, `renew`.
const ON_BOTH: [u64; 3] = [1, 7, 8];

/// What may come from a client on a door.
pub fn requests(door: Door) -> impl Iterator<Item = &'static Shape> {
    let objects = REQUESTS.iter().filter(move |shape| door == Door::Objects || ON_BOTH.contains(&shape.code));
    let relay = RELAY_REQUESTS.iter().filter(move |_| door == Door::Relay);
    objects.chain(relay)
}

/// What may come from a server, on either door: no two have a code or a name in common.
pub fn events() -> impl Iterator<Item = &'static Shape> {
    EVENTS.iter().chain(RELAY_EVENTS)
}

/// Within `write`.
pub const OPS: &[Shape] = shapes! {
    1 set [plain("slot"), plain("value"), plain("ttl_ms"), plain("tie")],
    2 delete [plain("slot")],
    3 add [plain("slot"), plain("value")],
    4 max [plain("slot"), plain("value")],
    5 min [plain("slot"), plain("value")],
    6 once [plain("slot"), plain("value"), plain("ttl_ms"), plain("tie")],
    7 append [plain("slot"), plain("value"), plain("keep"), plain("stamp")],
    8 patch [plain("slot"), plain("path"), plain("value")],
    9 clear [],
};

/// Within `diff`.
pub const CHANGES: &[Shape] = shapes! {
    1 set [plain("slot"), plain("version"), plain("by"), plain("value")],
    2 delete [plain("slot"), plain("version"), plain("by")],
    3 patch [plain("slot"), plain("version"), plain("by"), plain("path"), plain("value")],
    4 append [plain("slot"), plain("version"), plain("by"), plain("items"), plain("keep")],
    5 clear [plain("version"), plain("by")],
};

/// A slot record, within `snapshot` and `reject`: it has no code.
pub const RECORD: &[Field] = &[plain("slot"), plain("version"), plain("by"), plain("value")];

/// What a roster says of one user, within `roster`.
pub const PERSON: &[Field] = &[
    plain("user"),
    plain("sub"),
    plain("asked"),
    plain("approved"),
    plain("alias"),
    plain("groups"),
    plain("blocked"),
    plain("asks"),
];

/// A user's status, within `presence`.
pub const STATUS: &[Field] = &[plain("user"), plain("state"), plain("body"), plain("since_ms")];

/// The shape with a code.
pub fn by_code(shapes: impl IntoIterator<Item = &'static Shape>, code: u64) -> Option<&'static Shape> {
    shapes.into_iter().find(|shape| shape.code == code)
}

/// The shape with a name.
pub fn by_name(shapes: impl IntoIterator<Item = &'static Shape>, name: &str) -> Option<&'static Shape> {
    shapes.into_iter().find(|shape| shape.name == name)
}
