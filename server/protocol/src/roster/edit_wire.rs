//! Edits as they are on the wire: a name, a user, and what the edit needs to know.

use std::collections::BTreeSet;

use crate::code::Fault;
use crate::fields::{Fields, text_item};
use crate::names::User;
use crate::roster::edit::Edit;
use crate::roster::names::{Alias, Group, member};
use crate::writer::Writer;

impl Edit {
    /// The names of all edits, as the wire has them.
    pub const NAMES: [&str; 9] =
        ["ask", "accept", "decline", "remove", "approve", "alias", "groups", "block", "unblock"];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Edit::Ask(_) => "ask",
            Edit::Accept(_) => "accept",
            Edit::Decline(_) => "decline",
            Edit::Remove(_) => "remove",
            Edit::Approve { .. } => "approve",
            Edit::Alias { .. } => "alias",
            Edit::Groups { .. } => "groups",
            Edit::Block(_) => "block",
            Edit::Unblock(_) => "unblock",
        }
    }

    /// Out of `edit`, `user` and `value`, from this place on.
    pub(crate) fn from_fields(fields: &Fields<'_>, place: usize) -> Result<Edit, Fault> {
        let user = member(fields.text(place + 1)?)?;
        Ok(match fields.text(place)? {
            "ask" => Edit::Ask(user),
            "accept" => Edit::Accept(user),
            "decline" => Edit::Decline(user),
            "remove" => Edit::Remove(user),
            "approve" => Edit::Approve { user, on: fields.flag(place + 2)? },
            "alias" => {
                Edit::Alias { user, alias: fields.optional_text(place + 2)?.map(Alias::parse).transpose()? }
            }
            "groups" => Edit::Groups { user, groups: groups(fields, place + 2)? },
            "block" => Edit::Block(user),
            "unblock" => Edit::Unblock(user),
            _other => return Err(fields.fault(place, &format!("must be one of {}", Edit::NAMES.join(", ")))),
        })
    }

    /// Appends `edit`, `user` and `value`.
    pub(crate) fn encode(&self, writer: &mut Writer) {
        let user: &User = self.user();
        self.encode_value(writer.text(self.name()).text(user.as_str()));
    }

    /// What the edit needs to know, as a MessagePack value.
    pub fn value(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.encode_value(&mut writer);
        writer.0
    }

    fn encode_value(&self, writer: &mut Writer) {
        match self {
            Edit::Approve { on, .. } => _ = writer.bool(*on),
            Edit::Alias { alias, .. } => _ = writer.optional_text(alias.as_ref().map(Alias::as_str)),
            Edit::Groups { groups, .. } => {
                writer.array(groups.len());
                groups.iter().for_each(|group| _ = writer.text(group.as_str()));
            }
            Edit::Ask(_) | Edit::Accept(_) | Edit::Decline(_) | Edit::Remove(_) => _ = writer.nil(),
            Edit::Block(_) | Edit::Unblock(_) => _ = writer.nil(),
        }
    }
}

fn groups(fields: &Fields<'_>, place: usize) -> Result<BTreeSet<Group>, Fault> {
    let (count, mut reader) = fields.array(place)?;
    (0..count).map(|_| Group::parse(text_item(&mut reader, "value")?)).collect()
}
