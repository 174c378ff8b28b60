//! What an owner's list says of one user: a row of `roster`.

use crate::code::{Code, Fault};
use crate::fields::{Fields, text_item};
use crate::names::User;
use crate::reader::{Reader, Token};
use crate::roster::friend::{Friend, Sub};
use crate::roster::names::{Alias, Group};
use crate::shape;
use crate::writer::Writer;

/// See the file's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// The line on the friend list, if there is one.
    pub friend: Option<Friend>,
    /// Whether the user is blocked.
    pub blocked: bool,
    /// Whether the user asks to be let in.
    pub asks: bool,
}

impl Contact {
    /// Whether there is nothing to say.
    pub fn is_nothing(&self) -> bool {
        self.friend.is_none() && !self.blocked && !self.asks
    }

    /// Whether the user, as a friend, may see the owner and write to the owner.
    pub fn is_admitted(&self) -> bool {
        !self.blocked && self.friend.as_ref().is_some_and(|friend| friend.sub.is_seen())
    }

    /// Whether the owner sees the user.
    pub fn is_seen(&self) -> bool {
        !self.blocked && self.friend.as_ref().is_some_and(|friend| friend.sub.sees())
    }

    /// Appends the row.
    pub fn encode(&self, user: &User, writer: &mut Writer) {
        let friend = self.friend.as_ref();
        writer.array(shape::PERSON.len()).text(user.as_str());
        writer.optional_text(friend.map(|friend| friend.sub.name()));
        writer.bool(friend.is_some_and(|friend| friend.asked));
        writer.bool(friend.is_some_and(|friend| friend.approved));
        writer.optional_text(friend.and_then(|friend| friend.alias.as_ref()).map(Alias::as_str));
        let groups = friend.iter().flat_map(|friend| &friend.groups);
        writer.array(groups.clone().count());
        groups.for_each(|group| _ = writer.text(group.as_str()));
        writer.bool(self.blocked).bool(self.asks);
    }

    /// Reads a row.
    pub fn decode(reader: &mut Reader<'_>) -> Result<(User, Contact), Fault> {
        let Token::Array(items) = reader.token()? else {
            return Err(Fault::new(Code::BadField, "people: must hold arrays"));
        };
        let row = Fields::split(reader, items, shape::PERSON)?;
        let id = User::parse(row.text(0)?)?;
        let sub = row.optional_text(1)?.map(|name| named(&row, name)).transpose()?;
        let alias = row.optional_text(4)?.map(Alias::parse).transpose()?;
        let (count, mut reader) = row.array(5)?;
        let groups = (0..count).map(|_| Group::parse(text_item(&mut reader, "groups")?));
        let (asked, approved, groups) = (row.flag(2)?, row.flag(3)?, groups.collect::<Result<_, _>>()?);
        let friend = sub.map(|sub| Friend { id: id.clone(), alias, sub, asked, approved, groups });
        Ok((id, Contact { friend, blocked: row.flag(6)?, asks: row.flag(7)? }))
    }
}

fn named(row: &Fields<'_>, name: &str) -> Result<Sub, Fault> {
    let found = Sub::ALL.into_iter().find(|sub| sub.name() == name);
    found.ok_or_else(|| row.fault(1, "must be none, to, from or both"))
}
