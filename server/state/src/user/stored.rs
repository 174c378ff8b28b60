//! Users and what happened to them as bytes, as they lie in a log and in a store. `docs/store.md` draws them.

use std::sync::Arc;

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Code, Device, Durability, Entry, Fault, Matter, MessageKind, User};

use crate::ids::Author;
use crate::name::Name;
use crate::stored::row::{Row, broken};
use crate::user::commit::{At, Deed, Outcome, Sender, UserCommit};
use crate::user::contents::{Reached, UserContents};
use crate::user::ids::{Ids, Kept};
use crate::user::inbox::{Filed, Inbox};

/// The form of what [`UserContents::encode`] writes.
const FORM: u64 = 1;

const REACHED: u64 = 1;
const FILED: u64 = 2;
const TOLD: u64 = 3;

const MESSAGE: u64 = 1;
const COPY: u64 = 2;
const RECEIPT: u64 = 3;
const SEEN: u64 = 4;

impl UserCommit {
    /// Appends it to a batch.
    pub fn encode(&self, writer: &mut Writer) {
        let name = Name::User(self.user.clone()).to_string();
        writer.array(5).text(&name).uint(self.epoch).uint(self.at_ms);
        match &self.deed {
            Deed::Reached { device, seq } => {
                writer.uint(REACHED).array(2).text(device.as_str()).uint(*seq);
            }
            Deed::Filed(filed) => put_filed(filed, writer.uint(FILED)),
            Deed::Told { device, id, outcome, copy } => {
                writer.uint(TOLD).array(4).text(device.as_str()).uint(*id);
                put_outcome(outcome, writer);
                match copy {
                    Some(entry) => put_filed(&Filed { entry: entry.clone(), device: None }, writer),
                    None => _ = writer.nil(),
                }
            }
        }
    }

    /// Reads the next one of a batch.
    pub fn decode(reader: &mut Reader<'_>) -> Result<UserCommit, Fault> {
        let mut row = Row::open(reader)?;
        let Name::User(user) = Name::parse(row.text()?)? else { return Err(broken("no user's name")) };
        let (epoch, at_ms) = (row.uint()?, row.uint()?);
        let deed = match row.uint()? {
            REACHED => row.some(reached)?,
            FILED => Deed::Filed(row.some(filed)?),
            TOLD => row.some(told)?,
            _later => return Err(broken("a deed of a kind that this version does not know")),
        };
        row.close()?;
        Ok(UserCommit { user, durability: Durability::Disk, epoch, at_ms, deed })
    }
}

impl UserContents {
    /// All that is kept of the user.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.inbox.bytes() + 256);
        let inbox = &self.inbox;
        writer.array(9).uint(FORM).uint(self.epoch);
        writer.uint(inbox.last()).uint(inbox.delivered()).uint(inbox.lost_to());
        writer.array(inbox.iter().len());
        inbox.iter().for_each(|filed| put_filed(filed, &mut writer));
        writer.array(self.devices.len());
        for (device, Reached { seq, seen_ms }) in &self.devices {
            writer.array(3).text(device.as_str()).uint(*seq).uint(*seen_ms);
        }
        put_ids(&self.told, &mut writer, |device, writer| _ = writer.text(device.as_str()), put_outcome);
        put_ids(&self.heard, &mut writer, put_sender, put_at);
        writer.0
    }

    /// Reads what [`UserContents::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<UserContents, Fault> {
        let mut reader = Reader::new(bytes);
        let mut row = Row::open(&mut reader)?;
        let form = row.uint()?;
        if form != FORM {
            return Err(broken(&format!("a user of the form {form}, which this version cannot read")));
        }
        let epoch = row.uint()?;
        let mut inbox = Inbox::restored(row.uint()?, row.uint()?, row.uint()?);
        row.each(|reader| filed(reader).map(|filed| inbox.restore(filed)))?;
        let devices = row.list(device)?.into_iter().collect();
        let told = ids(&mut row, |row| Device::parse(row.text()?), outcome)?;
        let heard = ids(&mut row, |row| row.some(sender), at)?;
        row.close()?;
        if !reader.is_done() {
            return Err(broken("bytes after the end"));
        }
        Ok(UserContents { epoch, inbox, devices, told, heard })
    }
}

/// `[seq, time_ms, device, kind of matter, field, …]`
fn put_filed(filed: &Filed, writer: &mut Writer) {
    let Filed { entry: Entry { seq, time_ms, matter }, device } = filed;
    let mut head = |fields: usize, code: u64, user: &User| {
        writer.array(5 + fields).uint(*seq).uint(*time_ms);
        writer.optional_text(device.as_ref().map(Device::as_str)).uint(code).text(user.as_str());
    };
    match matter {
        Matter::Message { from, id, body, kind } => {
            head(3, MESSAGE, from);
            writer.uint(*id).splice(body.bytes()).optional_text(kind.as_ref().map(MessageKind::as_str));
        }
        Matter::Copy { to, id, body, kind, at } => {
            head(4, COPY, to);
            writer.uint(*id).splice(body.bytes()).optional_text(kind.as_ref().map(MessageKind::as_str));
            writer.uint(*at);
        }
        Matter::Receipt { user, delivered, read } => {
            head(2, RECEIPT, user);
            writer.uint(*delivered).uint(*read);
        }
        Matter::Seen { user, read } => {
            head(1, SEEN, user);
            writer.uint(*read);
        }
    }
}

fn filed(reader: &mut Reader<'_>) -> Result<Filed, Fault> {
    let mut row = Row::open(reader)?;
    let (seq, time_ms) = (row.uint()?, row.uint()?);
    let device = row.optional_text()?.map(Device::parse).transpose()?;
    let (code, user) = (row.uint()?, User::parse(row.text()?)?);
    let matter = match code {
        MESSAGE => Matter::Message { from: user, id: row.uint()?, body: row.value()?, kind: kind(&mut row)? },
        COPY => {
            let (id, body, kind) = (row.uint()?, row.value()?, kind(&mut row)?);
            Matter::Copy { to: user, id, body, kind, at: row.uint()? }
        }
        RECEIPT => Matter::Receipt { user, delivered: row.uint()?, read: row.uint()? },
        SEEN => Matter::Seen { user, read: row.uint()? },
        _later => return Err(broken("an entry of a kind that this version does not know")),
    };
    row.close()?;
    Ok(Filed { entry: Entry { seq, time_ms, matter }, device })
}

fn kind(row: &mut Row<'_, '_>) -> Result<Option<MessageKind>, Fault> {
    row.optional_text()?.map(MessageKind::parse).transpose()
}

fn reached(reader: &mut Reader<'_>) -> Result<Deed, Fault> {
    let mut row = Row::open(reader)?;
    let deed = Deed::Reached { device: Device::parse(row.text()?)?, seq: row.uint()? };
    row.close()?;
    Ok(deed)
}

fn told(reader: &mut Reader<'_>) -> Result<Deed, Fault> {
    let mut row = Row::open(reader)?;
    let (device, id, outcome) = (Device::parse(row.text()?)?, row.uint()?, row.some(outcome)?);
    let copy = row.optional(filed)?.map(|filed| filed.entry);
    row.close()?;
    Ok(Deed::Told { device, id, outcome, copy })
}

fn device(reader: &mut Reader<'_>) -> Result<(Device, Reached), Fault> {
    let mut row = Row::open(reader)?;
    let device = Device::parse(row.text()?)?;
    let reached = Reached { seq: row.uint()?, seen_ms: row.uint()? };
    row.close()?;
    Ok((device, reached))
}

/// `[seq, time_ms]` or `[code, what]`
fn put_outcome(outcome: &Outcome, writer: &mut Writer) {
    match outcome {
        Outcome::Stored(at) => put_at(at, writer),
        Outcome::Refused(fault) => _ = writer.array(2).text(fault.code.name()).text(&fault.what),
    }
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome, Fault> {
    let mut row = Row::open(reader)?;
    let token = row.token()?;
    let outcome = if let Token::Unsigned(seq) = token {
        Outcome::Stored(At { seq, time_ms: row.uint()? })
    } else if let Token::Text(name) = token {
        let code = Code::ALL.iter().copied().find(|code| code.name() == name);
        Outcome::Refused(Fault::new(code.ok_or_else(|| broken("no such code"))?, row.text()?))
    } else {
        return Err(broken("an outcome is a place or a code"));
    };
    row.close()?;
    Ok(outcome)
}

fn put_at(at: &At, writer: &mut Writer) {
    writer.array(2).uint(at.seq).uint(at.time_ms);
}

fn at(reader: &mut Reader<'_>) -> Result<At, Fault> {
    let mut row = Row::open(reader)?;
    let at = At { seq: row.uint()?, time_ms: row.uint()? };
    row.close()?;
    Ok(at)
}

fn put_sender(sender: &Sender, writer: &mut Writer) {
    writer.array(2).text(sender.user.as_str()).text(sender.device.as_str());
}

fn sender(reader: &mut Reader<'_>) -> Result<Sender, Fault> {
    let mut row = Row::open(reader)?;
    let sender = Author { user: User::parse(row.text()?)?, device: Device::parse(row.text()?)? };
    row.close()?;
    Ok(Arc::new(sender))
}

/// `[[device, floor, touched_ms, [[id, answer], …]], …]`
fn put_ids<K: Ord + Clone, A: Clone>(
    ids: &Ids<K, A>,
    writer: &mut Writer,
    put_device: impl Fn(&K, &mut Writer),
    put_answer: impl Fn(&A, &mut Writer),
) {
    writer.array(ids.kept().len());
    for (device, kept) in ids.kept() {
        put_device(device, writer.array(4));
        writer.uint(kept.floor).uint(kept.touched_ms).array(kept.answers.len());
        for (id, answer) in &kept.answers {
            put_answer(answer, writer.array(2).uint(*id));
        }
    }
}

fn ids<K: Ord + Clone, A: Clone>(
    row: &mut Row<'_, '_>,
    device: impl Fn(&mut Row<'_, '_>) -> Result<K, Fault>,
    answer: impl Fn(&mut Reader<'_>) -> Result<A, Fault>,
) -> Result<Ids<K, A>, Fault> {
    let mut ids = Ids::default();
    row.each(|reader| {
        let mut row = Row::open(reader)?;
        let (device, floor, touched_ms) = (device(&mut row)?, row.uint()?, row.uint()?);
        let answers = row.list(|reader| {
            let mut row = Row::open(reader)?;
            let pair = (row.uint()?, row.some(&answer)?);
            row.close().map(|()| pair)
        })?;
        row.close()?;
        ids.restore(device, Kept { answers: answers.into_iter().collect(), floor, touched_ms });
        Ok(())
    })?;
    Ok(ids)
}
