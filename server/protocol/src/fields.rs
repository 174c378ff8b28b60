//! The fields of one message, split at their borders: each is then asked for by its place and reported by its name.

use crate::code::{Code, Fault};
use crate::reader::{Reader, Token};
use crate::shape::Field;

/// No message has more fields than this.
const FIELDS_MAX: usize = 12;

/// A number of the protocol is below 2^53, so that every client can hold it.
const NUMBER_MAX: u64 = (1 << 53) - 1;

pub(crate) struct Fields<'a> {
    names: &'static [Field],
    items: [&'a [u8]; FIELDS_MAX],
}

impl<'a> Fields<'a> {
    /// Reads `count` items; those beyond the known ones are passed over.
    pub fn split(reader: &mut Reader<'a>, count: usize, names: &'static [Field]) -> Result<Self, Fault> {
        let mut items = [&[][..]; FIELDS_MAX];
        for place in 0..count {
            let item = reader.skip()?;
            if let Some(known) = items[..names.len()].get_mut(place) {
                *known = item;
            }
        }
        Ok(Fields { names, items })
    }

    /// The field's bytes, unless it is missing or nil.
    pub fn raw(&self, place: usize) -> Option<&'a [u8]> {
        match self.items[place] {
            [] | [0xc0] => None,
            item => Some(item),
        }
    }

    /// The field's bytes, nil included.
    pub fn raw_or_nil(&self, place: usize) -> Result<&'a [u8], Fault> {
        match self.items[place] {
            [] => Err(self.fault(place, "is missing")),
            item => Ok(item),
        }
    }

    pub fn text(&self, place: usize) -> Result<&'a str, Fault> {
        self.optional_text(place)?.ok_or_else(|| self.fault(place, "is missing"))
    }

    pub fn optional_text(&self, place: usize) -> Result<Option<&'a str>, Fault> {
        match self.token(place)? {
            None => Ok(None),
            Some((Token::Text(text), _)) => Ok(Some(text)),
            Some(_other) => Err(self.fault(place, "must be a string")),
        }
    }

    pub fn uint(&self, place: usize) -> Result<u64, Fault> {
        self.optional_uint(place)?.ok_or_else(|| self.fault(place, "is missing"))
    }

    pub fn optional_uint(&self, place: usize) -> Result<Option<u64>, Fault> {
        match self.token(place)? {
            None => Ok(None),
            Some((Token::Unsigned(number), _)) if number <= NUMBER_MAX => Ok(Some(number)),
            Some(_other) => Err(self.fault(place, "must be a whole number from 0 to 2^53-1")),
        }
    }

    /// Missing and nil are false.
    pub fn flag(&self, place: usize) -> Result<bool, Fault> {
        match self.token(place)? {
            None => Ok(false),
            Some((Token::Bool(bool), _)) => Ok(bool),
            Some(_other) => Err(self.fault(place, "must be true or false")),
        }
    }

    pub fn array(&self, place: usize) -> Result<(usize, Reader<'a>), Fault> {
        self.optional_array(place)?.ok_or_else(|| self.fault(place, "is missing"))
    }

    pub fn optional_array(&self, place: usize) -> Result<Option<(usize, Reader<'a>)>, Fault> {
        match self.token(place)? {
            None => Ok(None),
            Some((Token::Array(items), reader)) => Ok(Some((items, reader))),
            Some(_other) => Err(self.fault(place, "must be an array")),
        }
    }

    pub fn optional_map(&self, place: usize) -> Result<Option<(usize, Reader<'a>)>, Fault> {
        match self.token(place)? {
            None => Ok(None),
            Some((Token::Map(pairs), reader)) => Ok(Some((pairs, reader))),
            Some(_other) => Err(self.fault(place, "must be a map")),
        }
    }

    /// `bad_field`, about the field in this place.
    pub fn fault(&self, place: usize, why: &str) -> Fault {
        Fault::new(Code::BadField, format!("{}: {why}", self.names[place].name))
    }

    fn token(&self, place: usize) -> Result<Option<(Token<'a>, Reader<'a>)>, Fault> {
        let Some(item) = self.raw(place) else { return Ok(None) };
        let mut reader = Reader::new(item);
        let token = reader.token()?;
        Ok(Some((token, reader)))
    }
}

/// An array's next item as a whole number.
pub(crate) fn uint_item(reader: &mut Reader<'_>, field: &str) -> Result<u64, Fault> {
    match reader.token()? {
        Token::Unsigned(number) if number <= NUMBER_MAX => Ok(number),
        _other => {
            Err(Fault::new(Code::BadField, format!("{field}: must hold whole numbers from 0 to 2^53-1")))
        }
    }
}

/// An array's or map's next item as a string.
pub(crate) fn text_item<'a>(reader: &mut Reader<'a>, field: &str) -> Result<&'a str, Fault> {
    match reader.token()? {
        Token::Text(text) => Ok(text),
        _other => Err(Fault::new(Code::BadField, format!("{field}: must hold strings"))),
    }
}
