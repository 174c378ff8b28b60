//! Reads MessagePack without recursion and without trusting a declared length.

use crate::code::{Code, Fault};

/// Levels that may be skipped without looking into them; a message itself needs a few more than its values.
const SKIP_DEPTH_MAX: usize = 32;

/// One token; containers say how many items (pairs, for maps) follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// Nothing.
    Nil,
    /// true or false.
    Bool(bool),
    /// A negative integer.
    Negative(i64),
    /// Zero or a positive integer.
    Unsigned(u64),
    /// Float 32 or 64.
    Float(f64),
    /// UTF-8 text.
    Text(&'a str),
    /// Binary.
    Binary(&'a [u8]),
    /// So many items follow.
    Array(usize),
    /// So many pairs follow.
    Map(usize),
}

/// A place in a buffer.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether all has been read.
    pub fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next token. Extension types are refused with `bad_value`, what is no MessagePack with `bad_message`.
    pub fn token(&mut self) -> Result<Token<'a>, Fault> {
        let marker = self.take(1)?[0];
        Ok(match marker {
            0x00..=0x7f => Token::Unsigned(marker.into()),
            0x80..=0x8f => self.container((marker & 0x0f).into(), 2, Token::Map)?,
            0x90..=0x9f => self.container((marker & 0x0f).into(), 1, Token::Array)?,
            0xa0..=0xbf => self.text((marker & 0x1f).into())?,
            0xc0 => Token::Nil,
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4 => self.binary(1)?,
            0xc5 => self.binary(2)?,
            0xc6 => self.binary(4)?,
            0xca => Token::Float(f32::from_bits(self.uint(4)? as u32).into()),
            0xcb => Token::Float(f64::from_bits(self.uint(8)?)),
            0xcc => Token::Unsigned(self.uint(1)?),
            0xcd => Token::Unsigned(self.uint(2)?),
            0xce => Token::Unsigned(self.uint(4)?),
            0xcf => Token::Unsigned(self.uint(8)?),
            0xd0 => signed((self.uint(1)? as u8 as i8).into()),
            0xd1 => signed((self.uint(2)? as u16 as i16).into()),
            0xd2 => signed((self.uint(4)? as u32 as i32).into()),
            0xd3 => signed(self.uint(8)? as i64),
            0xd9 => self.sized_text(1)?,
            0xda => self.sized_text(2)?,
            0xdb => self.sized_text(4)?,
            0xdc => self.sized_container(2, 1, Token::Array)?,
            0xdd => self.sized_container(4, 1, Token::Array)?,
            0xde => self.sized_container(2, 2, Token::Map)?,
            0xdf => self.sized_container(4, 2, Token::Map)?,
            0xe0..=0xff => Token::Negative((marker as i8).into()),
            0xc1 => {
                return Err(Fault::new(
                    Code::BadMessage,
                    format!("byte {}: 0xc1 is no MessagePack", self.at - 1),
                ));
            }
            0xc7..=0xc9 | 0xd4..=0xd8 => {
                return Err(Fault::new(Code::BadValue, "extension types are not allowed"));
            }
        })
    }

    /// Passes over one item, whatever is in it, and gives its bytes.
    pub fn skip(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        let mut open = [0usize; SKIP_DEPTH_MAX];
        let mut depth = 0;
        loop {
            let items = match self.token()? {
                Token::Array(items) => items,
                Token::Map(pairs) => pairs * 2,
                _scalar => 0,
            };
            if items > 0 {
                let slot = open.get_mut(depth).ok_or_else(|| Fault::new(Code::TooDeep, "message"))?;
                *slot = items;
                depth += 1;
                continue;
            }
            loop {
                let Some(top) = depth.checked_sub(1) else { return Ok(&self.bytes[start..self.at]) };
                open[top] -= 1;
                if open[top] > 0 {
                    break;
                }
                depth = top;
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| {
            Fault::new(Code::BadMessage, format!("ends within an item at byte {}", self.bytes.len()))
        })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn uint(&mut self, width: usize) -> Result<u64, Fault> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: usize) -> Result<Token<'a>, Fault> {
        let start = self.at;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(Token::Text)
            .map_err(|_| Fault::new(Code::BadMessage, format!("the string at byte {start} is not UTF-8")))
    }

    fn sized_text(&mut self, width: usize) -> Result<Token<'a>, Fault> {
        let length = self.uint(width)? as usize;
        self.text(length)
    }

    fn binary(&mut self, width: usize) -> Result<Token<'a>, Fault> {
        let length = self.uint(width)? as usize;
        Ok(Token::Binary(self.take(length)?))
    }

    fn sized_container(
        &mut self,
        width: usize,
        each: usize,
        make: fn(usize) -> Token<'a>,
    ) -> Result<Token<'a>, Fault> {
        let count = self.uint(width)? as usize;
        self.container(count, each, make)
    }

    /// An item takes at least a byte: a count beyond what is left is a lie, found before anything is reserved for it.
    fn container(&self, count: usize, each: usize, make: fn(usize) -> Token<'a>) -> Result<Token<'a>, Fault> {
        if count.saturating_mul(each) > self.bytes.len() - self.at {
            return Err(Fault::new(
                Code::BadMessage,
                format!("declares {count} items at byte {} and ends before", self.at),
            ));
        }
        Ok(make(count))
    }
}

fn signed<'a>(number: i64) -> Token<'a> {
    match u64::try_from(number) {
        Ok(positive) => Token::Unsigned(positive),
        Err(_) => Token::Negative(number),
    }
}
