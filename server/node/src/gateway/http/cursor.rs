//! A cursor as text, `epoch.version.sends`, and how messages move it.

use std::fmt;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::{Value, json};
use slotcast_protocol::Code;

use super::answer::Refusal;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    epoch: u64,
    version: u64,
    sends: u64,
}

impl Cursor {
    /// `name` is what the error calls it.
    pub fn read(text: &str, name: &str) -> Result<Cursor, Refusal> {
        let mut numbers = text.split('.').map(|number| number.parse::<u64>().ok());
        let read = [numbers.next(), numbers.next(), numbers.next()].map(Option::flatten);
        match (read, numbers.next()) {
            ([Some(epoch), Some(version), Some(sends)], None) => Ok(Cursor { epoch, version, sends }),
            _ => {
                let what = format!("{name}: must be a cursor, `epoch.version.sends`");
                Err(Refusal::new(StatusCode::BAD_REQUEST, Code::BadField, what))
            }
        }
    }

    /// As `use` takes it.
    pub fn array(self) -> Value {
        json!([self.epoch, self.version, self.sends])
    }

    /// What one has who has this message too.
    pub fn after(self, message: &Value) -> Cursor {
        let number = |name: &str| message[name].as_u64().unwrap_or(0);
        match message["type"].as_str() {
            Some("snapshot") => {
                Cursor { epoch: number("epoch"), version: number("version"), sends: number("sends") }
            }
            Some("diff") => Cursor {
                version: self.version.max(number("to")),
                sends: self.sends + number("skipped"),
                ..self
            },
            Some("sent") => Cursor { sends: self.sends + 1, ..self },
            _ => self,
        }
    }

    pub fn header(self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).expect("digits and dots are plain")
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cursor { epoch, version, sends } = self;
        write!(f, "{epoch}.{version}.{sends}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let cursor = Cursor::read("7.41.3", "since").ok().expect("a good one");
        assert_eq!(cursor.to_string(), "7.41.3");
        for text in ["", "7", "7.41", "7.41.3.0", "7.-1.3", "a.b.c", "7.41.", "99999999999999999999.1.1"] {
            assert!(Cursor::read(text, "since").is_err(), "{text}");
        }
    }

    #[test]
    fn messages_move_it() {
        let cursor = Cursor { epoch: 7, version: 41, sends: 3 };
        let rows = [
            (json!({ "type": "diff", "from": 41, "to": 43, "skipped": 2 }), "7.43.5"),
            (json!({ "type": "sent", "version": 41 }), "7.41.4"),
            (json!({ "type": "snapshot", "epoch": 8, "version": 1, "sends": 0 }), "8.1.0"),
            (json!({ "type": "fingerprint", "epoch": 9, "version": 50 }), "7.41.3"),
        ];
        for (message, wanted) in rows {
            assert_eq!(cursor.after(&message).to_string(), wanted, "{message}");
        }
    }
}
