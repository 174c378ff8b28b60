//! Reads the fields of a MessagePack array in their order; those that are missing at the end are nil, and those that are too many are passed over.

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::{Code, Fault, Limits, Value};

/// The fields of one array, asked for in their order.
pub struct Row<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
}

impl<'r, 'a> Row<'r, 'a> {
    pub fn open(reader: &'r mut Reader<'a>) -> Result<Self, Fault> {
        let Token::Array(left) = reader.token()? else { return Err(broken("an array is missing")) };
        Ok(Row { reader, left })
    }

    /// Passes over the fields that a later version has added.
    pub fn close(self) -> Result<(), Fault> {
        (0..self.left).try_for_each(|_| self.reader.skip().map(drop))
    }

    /// The next field's reader; None if the row ends before it.
    pub fn next(&mut self) -> Option<&mut Reader<'a>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.reader)
    }

    pub fn token(&mut self) -> Result<Token<'a>, Fault> {
        self.next().map_or(Ok(Token::Nil), Reader::token)
    }

    pub fn uint(&mut self) -> Result<u64, Fault> {
        self.optional_uint()?.ok_or_else(|| broken("a number is missing"))
    }

    pub fn optional_uint(&mut self) -> Result<Option<u64>, Fault> {
        let token = self.token()?;
        if token == Token::Nil {
            return Ok(None);
        }
        let Token::Unsigned(number) = token else { return Err(broken("a number is expected")) };
        Ok(Some(number))
    }

    pub fn text(&mut self) -> Result<&'a str, Fault> {
        let Token::Text(text) = self.token()? else { return Err(broken("a string is expected")) };
        Ok(text)
    }

    pub fn optional_text(&mut self) -> Result<Option<&'a str>, Fault> {
        let token = self.token()?;
        if token == Token::Nil {
            return Ok(None);
        }
        let Token::Text(text) = token else { return Err(broken("a string is expected")) };
        Ok(Some(text))
    }

    pub fn flag(&mut self) -> Result<bool, Fault> {
        let token = self.token()?;
        if token == Token::Nil {
            return Ok(false);
        }
        let Token::Bool(flag) = token else { return Err(broken("true or false is expected")) };
        Ok(flag)
    }

    pub fn value(&mut self) -> Result<Value, Fault> {
        let limits = Limits { value_bytes: usize::MAX, ..Limits::default() };
        let item = self.next().ok_or_else(|| broken("a value is missing"))?.skip()?;
        Value::check(item, &limits)
    }

    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let Some(reader) = self.next() else { return Ok(None) };
        if matches!(reader.clone().token()?, Token::Nil) {
            return reader.token().map(|_nil| None);
        }
        read(reader).map(Some)
    }

    /// What must be there.
    pub fn some<T>(&mut self, read: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.optional(read)?.ok_or_else(|| broken("a field is missing"))
    }

    pub fn list<T>(&mut self, read: impl Fn(&mut Reader<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let mut items = Vec::new();
        self.each(|reader| read(reader).map(|item| items.push(item)))?;
        Ok(items)
    }

    pub fn each(&mut self, mut read: impl FnMut(&mut Reader<'a>) -> Result<(), Fault>) -> Result<(), Fault> {
        let token = self.token()?;
        if token == Token::Nil {
            return Ok(());
        }
        let Token::Array(count) = token else { return Err(broken("a list is expected")) };
        (0..count).try_for_each(|_| read(self.reader))
    }
}

pub fn broken(what: &str) -> Fault {
    Fault::new(Code::BadField, what)
}
