//! A value: MessagePack bytes that were checked once and are spliced from then on, never re-encoded.

use std::fmt;
use std::sync::Arc;

use crate::code::{Code, Fault};
use crate::limits::Limits;
use crate::names::FORBIDDEN_KEYS;
use crate::reader::{Reader, Token};

/// A checked MessagePack value: bounded depth and size, string keys, no key twice, finite floats, no extension types.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Arc<[u8]>);

impl Value {
    /// Checks bytes that hold exactly one item.
    pub fn check(bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        Value::check_within(bytes, "value", limits.value_bytes, limits.value_depth)
    }

    /// The same within other limits; a fault about the size names the `field`.
    pub fn check_within(
        bytes: &[u8],
        field: &str,
        bytes_max: usize,
        depth_max: usize,
    ) -> Result<Self, Fault> {
        if bytes.len() > bytes_max {
            let what = format!("{field}: {} bytes, the limit is {bytes_max}", bytes.len());
            return Err(Fault::new(Code::TooLarge, what));
        }
        let mut walk = Walk { reader: Reader::new(bytes), open: Vec::new(), keys: Vec::new() };
        walk.run(depth_max)?;
        if !walk.reader.is_done() {
            return Err(Fault::new(Code::BadMessage, "value: bytes after its end"));
        }
        Ok(Value(bytes.into()))
    }

    /// Bytes that were made here, out of values that were checked.
    pub fn trusted(bytes: impl Into<Arc<[u8]>>) -> Self {
        Value(bytes.into())
    }

    /// The MessagePack.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is nil.
    pub fn is_nil(&self) -> bool {
        *self.0 == [0xc0]
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::json::value_text(&self.0))
    }
}

/// One container that is open: what is still to come, and where its keys begin.
struct Open {
    items: usize,
    is_map: bool,
    keys_from: usize,
}

struct Walk<'a> {
    reader: Reader<'a>,
    open: Vec<Open>,
    keys: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn run(&mut self, depth_max: usize) -> Result<(), Fault> {
        loop {
            let is_key = self.open.last().is_some_and(|open| open.is_map && open.items.is_multiple_of(2));
            let token = self.reader.token()?;
            if is_key {
                self.key(token)?;
            } else if let Token::Float(float) = token
                && !float.is_finite()
            {
                return Err(Fault::new(Code::BadValue, "value: floats must be finite"));
            }
            if self.open.len() >= depth_max {
                return Err(Fault::new(Code::TooDeep, format!("value: deeper than {depth_max}")));
            }
            match token {
                Token::Array(items) => self.enter(items, false),
                Token::Map(pairs) => self.enter(pairs * 2, true),
                Token::Nil | Token::Bool(_) | Token::Negative(_) | Token::Unsigned(_) => self.step(),
                Token::Float(_) | Token::Text(_) | Token::Binary(_) => self.step(),
            }
            self.close_ended()?;
            if self.open.is_empty() {
                return Ok(());
            }
        }
    }

    fn key(&mut self, token: Token<'a>) -> Result<(), Fault> {
        let Token::Text(key) = token else {
            return Err(Fault::new(Code::BadValue, "value: map keys must be strings"));
        };
        if FORBIDDEN_KEYS.contains(&key) {
            return Err(Fault::new(Code::BadValue, format!("value: the key `{key}` is not allowed")));
        }
        self.keys.push(key);
        Ok(())
    }

    fn enter(&mut self, items: usize, is_map: bool) {
        self.open.push(Open { items, is_map, keys_from: self.keys.len() });
    }

    fn step(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.items -= 1;
        }
    }

    fn close_ended(&mut self) -> Result<(), Fault> {
        while let Some(open) = self.open.pop_if(|open| open.items == 0) {
            let keys = &mut self.keys[open.keys_from..];
            keys.sort_unstable();
            if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Fault::new(
                    Code::BadValue,
                    format!("value: the key `{}` is there twice", twice[0]),
                ));
            }
            self.keys.truncate(open.keys_from);
            self.step();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<Value, Code> {
        Value::check(bytes, &Limits::default()).map_err(|fault| fault.code)
    }

    #[test]
    fn accepts_and_refuses() {
        let nested = |levels: usize| [vec![0x91; levels], vec![0x01]].concat();
        let rows: Vec<(Vec<u8>, Option<Code>)> = vec![
            (vec![0x01], None),
            (vec![0x90], None),
            (vec![0x80], None),
            (vec![0x81, 0xa1, b'a', 0x90], None),
            (vec![0x82, 0xa1, b'a', 1, 0xa1, b'a', 2], Some(Code::BadValue)),
            (vec![0x81, 0x01, 0x01], Some(Code::BadValue)),
            (vec![0x81, 0x90, 0x01], Some(Code::BadValue)),
            (vec![0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], Some(Code::BadValue)),
            (vec![0xd4, 1, 1], Some(Code::BadValue)),
            (vec![0xc1], Some(Code::BadMessage)),
            (vec![0xa2, b'a'], Some(Code::BadMessage)),
            (vec![0xa1, 0xff], Some(Code::BadMessage)),
            (vec![0xdd, 0xff, 0xff, 0xff, 0xff], Some(Code::BadMessage)),
            (vec![0x01, 0x01], Some(Code::BadMessage)),
            (vec![], Some(Code::BadMessage)),
            (nested(15), None),
            (nested(16), Some(Code::TooDeep)),
            (nested(20_000), Some(Code::TooDeep)),
            (vec![0xc6, 0, 0, 0x80, 0], Some(Code::BadMessage)),
        ];
        for (bytes, wanted) in rows {
            assert_eq!(check(&bytes).err(), wanted, "{:x?}", &bytes[..bytes.len().min(20)]);
        }
    }
}
