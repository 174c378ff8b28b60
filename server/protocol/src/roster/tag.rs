//! Which list it is: an incarnation, a number, and the MD5 of its canonical form.

use std::fmt;

use crate::code::{Code, Fault};

/// A place in an owner's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The incarnation; of two nothing says which is newer.
    pub epoch: u64,
    /// The number of its last change.
    pub rev: u64,
}

impl Mark {
    /// Whether it is known to be before `other`; of another incarnation nothing is known.
    pub fn is_before(self, other: Mark) -> bool {
        self.epoch == other.epoch && self.rev < other.rev
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.rev)
    }
}

/// `<epoch: 16 hex>.<rev: decimal>.<md5: 32 hex>`, in lower case and without leading zeros in `rev`. The MD5 is a cache tag, not a security
/// measure: what is newer, the mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// When.
    pub mark: Mark,
    /// What.
    pub md5: [u8; 16],
}

impl Tag {
    /// Reads the text of a tag.
    pub fn parse(text: &str) -> Result<Tag, Fault> {
        let wrong = || Fault::new(Code::BadField, "tag: must be <16 hex>.<decimal>.<32 hex>");
        let mut parts = text.split('.');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(epoch), Some(rev), Some(md5), None) = parts else { return Err(wrong()) };
        let is_decimal =
            rev.bytes().all(|byte| byte.is_ascii_digit()) && (rev == "0" || !rev.starts_with('0'));
        if !is_hex(epoch, 16) || !is_decimal || !is_hex(md5, 32) {
            return Err(wrong());
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| wrong())?;
        let mark = Mark { epoch, rev: rev.parse().map_err(|_| wrong())? };
        let md5 = u128::from_str_radix(md5, 16).map_err(|_| wrong())?.to_be_bytes();
        Ok(Tag { mark, md5 })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:032x}", self.mark, u128::from_be_bytes(self.md5))
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
