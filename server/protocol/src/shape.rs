//! The tables of messages, operations and changes: codes, names, fields. The JSON encoding is made from them, and
//! `protocol.md` is checked against them.

/// How a field looks in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the MessagePack says.
    Plain,
    /// An array of operations.
    Ops,
    /// An array of changes.
    Changes,
    /// An array of slot records.
    Records,
}

/// One field.
#[derive(Clone, Copy, Debug)]
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
const SLOTS_FIELD: Field = Field { name: "slots", form: Form::Records };
const WINNERS_FIELD: Field = Field { name: "winners", form: Form::Records };

/// From the client.
pub const REQUESTS: &[Shape] = shapes! {
    1 hello [plain("token"), plain("device"), plain("user")],
    2 use [plain("object"), plain("cursor"), plain("slots"), plain("rate")],
    3 release [plain("object")],
    4 write [plain("id"), plain("object"), plain("epoch"), plain("seen"), plain("if"), OPS_FIELD],
    5 send [plain("id"), plain("object"), plain("name"), plain("value")],
    6 fingerprint [plain("object")],
    7 ping [plain("n")],
};

/// From the server.
pub const EVENTS: &[Shape] = shapes! {
    16 welcome [plain("session"), plain("user"), plain("device"), plain("time_ms"), plain("limits")],
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
};

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

/// The shape with a code.
pub fn by_code(shapes: &'static [Shape], code: u64) -> Option<&'static Shape> {
    shapes.iter().find(|shape| shape.code == code)
}

/// The shape with a name.
pub fn by_name(shapes: &'static [Shape], name: &str) -> Option<&'static Shape> {
    shapes.iter().find(|shape| shape.name == name)
}
