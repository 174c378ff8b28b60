//! Numbers as the merge operations see them.

use std::cmp::Ordering;

use crate::code::{Code, Fault};
use crate::reader::{Reader, Token};
use crate::value::Value;
use crate::writer::Writer;

/// An integer between -2^63 and 2^64-1, or a finite float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Any integer that MessagePack can hold.
    Integer(i128),
    /// A finite float.
    Float(f64),
}

impl Number {
    /// The number that `bytes` hold, if they do.
    pub fn read(bytes: &[u8]) -> Option<Number> {
        match Reader::new(bytes).token().ok()? {
            Token::Unsigned(number) => Some(Number::Integer(number.into())),
            Token::Negative(number) => Some(Number::Integer(number.into())),
            Token::Float(float) if float.is_finite() => Some(Number::Float(float)),
            Token::Float(_) | Token::Nil | Token::Bool(_) | Token::Text(_) => None,
            Token::Binary(_) | Token::Array(_) | Token::Map(_) => None,
        }
    }

    /// The sum; `bad_value` where it leaves 64 bits or the finite floats.
    pub fn plus(self, other: Number) -> Result<Number, Fault> {
        let overflow = || Fault::new(Code::BadValue, "value: the sum overflows");
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => {
                let sum = a + b;
                let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&sum);
                if fits { Ok(Number::Integer(sum)) } else { Err(overflow()) }
            }
            (Number::Float(_), _) | (_, Number::Float(_)) => {
                let sum = self.as_float() + other.as_float();
                if sum.is_finite() { Ok(Number::Float(sum)) } else { Err(overflow()) }
            }
        }
    }

    /// Which is greater; an integer and a float are compared as floats.
    pub fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            (Number::Float(_), _) | (_, Number::Float(_)) => self.as_float().total_cmp(&other.as_float()),
        }
    }

    /// This number, as a float if the other is one: what comes of the two stays of one kind.
    pub fn beside(self, other: Number) -> Number {
        match (self, other) {
            (Number::Integer(_), Number::Float(_)) => Number::Float(self.as_float()),
            (Number::Float(_), _) | (Number::Integer(_), Number::Integer(_)) => self,
        }
    }

    /// As MessagePack.
    pub fn value(self) -> Value {
        let mut writer = Writer::default();
        match self {
            Number::Float(float) => writer.float(float),
            Number::Integer(number) => match u64::try_from(number) {
                Ok(positive) => writer.uint(positive),
                Err(_) => writer.int(number as i64),
            },
        };
        Value::trusted(writer.0)
    }

    fn as_float(self) -> f64 {
        match self {
            Number::Integer(number) => number as f64,
            Number::Float(float) => float,
        }
    }
}
