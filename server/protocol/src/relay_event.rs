//! The relay's events as bytes: the server writes them, the command line and the tests read them.

use crate::code::Fault;
use crate::event_decode::{fault, value};
use crate::fields::Fields;
use crate::names::{MessageKind, User};
use crate::reader::Reader;
use crate::relay::{Entry, Matter, RelayEvent, Roster};
use crate::roster::{Contact, Tag};
use crate::status::Status;
use crate::writer::Writer;

impl RelayEvent {
    pub(crate) fn encode_to(&self, writer: &mut Writer) {
        match self {
            RelayEvent::Inbox { epoch, from, to } => {
                writer.array(4).uint(48).uint(*epoch).uint(*from).uint(*to);
            }
            RelayEvent::Entry(entry) => encode_entry(entry, writer),
            RelayEvent::Current { seq } => _ = writer.array(2).uint(53).uint(*seq),
            RelayEvent::Missed { to } => _ = writer.array(2).uint(54).uint(*to),
            RelayEvent::Stored { id, at, time_ms, class } => {
                writer.array(5).uint(55).uint(*id).uint(*at).uint(*time_ms).text(class.name());
            }
            RelayEvent::Refused { id, fault, retry_ms } => {
                writer.array(if retry_ms.is_some() { 5 } else { 4 }).uint(56).optional_uint(*id);
                writer.text(fault.code.name()).text(&fault.what);
                if let Some(retry_ms) = retry_ms {
                    writer.uint(*retry_ms);
                }
            }
            RelayEvent::Signal { from, kind, body } => {
                writer.array(4).uint(57).text(from.as_str()).text(kind.as_str()).splice(body.bytes());
            }
            RelayEvent::Roster(Roster { tag, blocks_tag, from, people }) => {
                writer.array(5).uint(58).text(&tag.to_string()).text(&blocks_tag.to_string());
                writer.optional_uint(*from).array(people.len());
                people.iter().for_each(|(user, contact)| contact.encode(user, writer));
            }
            RelayEvent::Edited { id, rev } => _ = writer.array(3).uint(59).uint(*id).uint(*rev),
            RelayEvent::Stale { full } => _ = writer.array(2).uint(60).bool(*full),
            RelayEvent::Presence(people) => {
                writer.array(2).uint(61).array(people.len());
                people.iter().for_each(|(user, status)| status.encode(user, writer));
            }
        }
    }

    pub(crate) fn from_fields(name: &str, fields: &Fields<'_>) -> Result<RelayEvent, Fault> {
        Ok(match name {
            "inbox" => {
                RelayEvent::Inbox { epoch: fields.uint(0)?, from: fields.uint(1)?, to: fields.uint(2)? }
            }
            "message" | "copy" | "receipt" | "seen" => RelayEvent::Entry(entry(name, fields)?),
            "current" => RelayEvent::Current { seq: fields.uint(0)? },
            "missed" => RelayEvent::Missed { to: fields.uint(0)? },
            "stored" => RelayEvent::Stored {
                id: fields.uint(0)?,
                at: fields.uint(1)?,
                time_ms: fields.uint(2)?,
                class: fields.text(3)?.parse().map_err(|()| fields.fault(3, "no such class"))?,
            },
            "refused" => RelayEvent::Refused {
                id: fields.optional_uint(0)?,
                fault: fault(fields, 1)?,
                retry_ms: fields.optional_uint(3)?,
            },
            "signal" => RelayEvent::Signal {
                from: User::parse(fields.text(0)?)?,
                kind: MessageKind::parse(fields.text(1)?)?,
                body: value(fields, 2)?,
            },
            "roster" => RelayEvent::Roster(Roster {
                tag: Tag::parse(fields.text(0)?)?,
                blocks_tag: Tag::parse(fields.text(1)?)?,
                from: fields.optional_uint(2)?,
                people: rows(fields, 3, Contact::decode)?,
            }),
            "edited" => RelayEvent::Edited { id: fields.uint(0)?, rev: fields.uint(1)? },
            "stale" => RelayEvent::Stale { full: fields.flag(0)? },
            "presence" => RelayEvent::Presence(rows(fields, 0, Status::decode)?),
            _other => unreachable!("the table of the relay's events has no other name"),
        })
    }
}

fn rows<T>(
    fields: &Fields<'_>,
    place: usize,
    row: fn(&mut Reader<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let (count, mut reader) = fields.array(place)?;
    (0..count).map(|_| row(&mut reader)).collect()
}

fn encode_entry(entry: &Entry, writer: &mut Writer) {
    let Entry { seq, time_ms, matter } = entry;
    match matter {
        Matter::Message { from, id, body, kind } => {
            writer.array(7).uint(49).uint(*seq).text(from.as_str()).uint(*id).splice(body.bytes());
            writer.uint(*time_ms).optional_text(kind.as_ref().map(MessageKind::as_str));
        }
        Matter::Copy { to, id, body, kind, at } => {
            writer.array(8).uint(50).uint(*seq).text(to.as_str()).uint(*id).splice(body.bytes());
            writer.uint(*time_ms).optional_text(kind.as_ref().map(MessageKind::as_str)).uint(*at);
        }
        Matter::Receipt { user, delivered, read } => {
            writer.array(6).uint(51).uint(*seq).text(user.as_str()).uint(*delivered).uint(*read);
            writer.uint(*time_ms);
        }
        Matter::Seen { user, read } => {
            writer.array(5).uint(52).uint(*seq).text(user.as_str()).uint(*read).uint(*time_ms);
        }
    }
}

fn entry(name: &str, fields: &Fields<'_>) -> Result<Entry, Fault> {
    let user = || fields.text(1).and_then(User::parse);
    let kind = || fields.optional_text(5)?.map(MessageKind::parse).transpose();
    let (time_ms, matter) = match name {
        "message" => {
            let (id, body) = (fields.uint(2)?, value(fields, 3)?);
            (fields.uint(4)?, Matter::Message { from: user()?, id, body, kind: kind()? })
        }
        "copy" => {
            let (id, body, at) = (fields.uint(2)?, value(fields, 3)?, fields.uint(6)?);
            (fields.uint(4)?, Matter::Copy { to: user()?, id, body, kind: kind()?, at })
        }
        "receipt" => {
            let (delivered, read) = (fields.uint(2)?, fields.uint(3)?);
            (fields.uint(4)?, Matter::Receipt { user: user()?, delivered, read })
        }
        _seen => (fields.uint(3)?, Matter::Seen { user: user()?, read: fields.uint(2)? }),
    };
    Ok(Entry { seq: fields.uint(0)?, time_ms, matter })
}
