//! Commits and contents as bytes, as they lie in a log and in a store. `docs/store.md` draws them; the golden store in the tests holds
//! them to it.
//!
//! All is MessagePack. Fields are only ever added at the end; what is missing there reads as nil.

pub(crate) mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Change, Code, Device, Durability, Fault, ObjectName, SlotName, User};

use crate::answers::{Answer, Answers};
use crate::commit::{Commit, Lived};
use crate::contents::Contents;
use crate::ids::{Author, SessionId};
use crate::slots::{Cleared, Slot, Slots, Tombstone};

use row::{Row, broken};

/// The form of what [`Contents::encode`] writes.
const FORM: u64 = 1;

impl Commit {
    /// Appends it to a batch.
    pub fn encode(&self, writer: &mut Writer) {
        writer.array(11).text(self.object.as_str()).uint(self.epoch).uint(self.version).uint(self.sends);
        writer.uint(self.at_ms).text(self.author.user.as_str()).text(self.author.device.as_str());
        writer.optional_uint(self.id);
        match &self.answer {
            Some(answer) => put_answer(answer, writer),
            None => _ = writer.nil(),
        }
        writer.array(self.changes.len());
        self.changes.iter().for_each(|change| change.encode(writer));
        writer.array(self.lives.len());
        for Lived { slot, expires_ms, tied } in &self.lives {
            writer.array(3).text(slot.as_str()).optional_uint(*expires_ms).bool(*tied);
        }
    }

    /// Reads the next one of a batch.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Commit, Fault> {
        let mut row = Row::open(reader)?;
        let commit = Commit {
            object: ObjectName::parse(row.text()?)?,
            durability: Durability::Disk,
            epoch: row.uint()?,
            version: row.uint()?,
            sends: row.uint()?,
            at_ms: row.uint()?,
            author: Arc::new(Author { user: user(row.text()?)?, device: Device::parse(row.text()?)? }),
            id: row.optional_uint()?,
            answer: row.optional(answer)?,
            changes: row.list(change)?.into(),
            lives: row.list(lived)?,
        };
        row.close()?;
        Ok(commit)
    }

    /// The object of the next one of a batch, which is passed over.
    pub fn skip<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Fault> {
        let mut item = Reader::new(reader.skip()?);
        let head = (item.token()?, item.token()?);
        let (Token::Array(_), Token::Text(object)) = head else {
            return Err(broken("a commit begins with an object's name"));
        };
        Ok(object)
    }
}

impl Contents {
    /// The whole state.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.slots.bytes() + self.slots.count() * 32 + 128);
        let authors = Authors::of(self);
        writer.array(10).uint(FORM).uint(self.epoch).uint(self.version).uint(self.sends);
        writer.uint(self.slots.floor());
        match self.slots.cleared() {
            Some(cleared) => _ = writer.array(2).uint(cleared.version).uint(authors.number(&cleared.author)),
            None => _ = writer.nil(),
        }
        authors.put(&mut writer);
        put_slots(&self.slots, &authors, &mut writer);
        put_gone(&self.slots, &authors, &mut writer);
        put_answers(&self.answers, &authors, &mut writer);
        writer.0
    }

    /// Reads what [`Contents::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Contents, Fault> {
        let mut reader = Reader::new(bytes);
        let mut row = Row::open(&mut reader)?;
        let form = row.uint()?;
        if form != FORM {
            return Err(broken(&format!("contents of the form {form}, which this version cannot read")));
        }
        let (epoch, version, sends, floor) = (row.uint()?, row.uint()?, row.uint()?, row.uint()?);
        let cleared = row.optional(|reader| {
            let mut row = Row::open(reader)?;
            let cleared = (row.uint()?, row.uint()?);
            row.close().map(|()| cleared)
        })?;
        let authors = row.list(author)?;
        let by = |number: u64| {
            let author = authors.get(number as usize).cloned();
            author.ok_or_else(|| broken("an author that is not listed"))
        };
        let cleared = cleared.map(|(version, number)| by(number).map(|author| Cleared { version, author }));
        let mut slots = Slots::restored(floor, cleared.transpose()?);
        row.each(|reader| slot(reader, &by).map(|(name, slot)| slots.restore(name, slot)))?;
        row.each(|reader| gone(reader, &by).map(|(name, gone)| slots.restore_gone(name, gone)))?;
        let mut answers = Answers::default();
        row.each(|reader| kept(reader, &by, &mut answers))?;
        row.close()?;
        if !reader.is_done() {
            return Err(broken("bytes after the end"));
        }
        Ok(Contents { epoch, version, sends, slots, answers })
    }
}

/// Everyone who is named in some contents, numbered from 0, so that each name is written once.
struct Authors<'a>(BTreeMap<&'a Arc<Author>, u64>);

impl<'a> Authors<'a> {
    fn of(contents: &'a Contents) -> Self {
        let slots = &contents.slots;
        let present = slots.iter().map(|(_, slot)| &slot.author);
        let gone = slots.gone().map(|(_, gone)| &gone.author);
        let cleared = slots.cleared().map(|cleared| &cleared.author);
        let answered = contents.answers.authors();
        let mut authors: BTreeMap<&Arc<Author>, u64> =
            present.chain(gone).chain(cleared).chain(answered).map(|author| (author, 0)).collect();
        authors.values_mut().zip(0..).for_each(|(number, place)| *number = place);
        Authors(authors)
    }

    fn number(&self, author: &Arc<Author>) -> u64 {
        self.0[author]
    }

    fn put(&self, writer: &mut Writer) {
        writer.array(self.0.len());
        for author in self.0.keys() {
            writer.array(2).text(author.user.as_str()).text(author.device.as_str());
        }
    }
}

fn put_slots(slots: &Slots, authors: &Authors<'_>, writer: &mut Writer) {
    writer.array(slots.len());
    for (name, slot) in slots.iter() {
        writer.array(7).text(name.as_str()).splice(slot.value.bytes()).uint(slot.version);
        writer.uint(authors.number(&slot.author)).uint(slot.by_another);
        writer.optional_uint(slot.expires_ms).bool(slot.tied_to.is_some());
    }
}

fn put_gone(slots: &Slots, authors: &Authors<'_>, writer: &mut Writer) {
    writer.array(slots.gone().count());
    for (name, gone) in slots.gone() {
        writer.array(4).text(name.as_str()).uint(gone.version);
        writer.uint(authors.number(&gone.author)).uint(gone.by_another);
    }
}

fn put_answers(answers: &Answers, authors: &Authors<'_>, writer: &mut Writer) {
    writer.array(answers.authors().count());
    for (author, last_id, touched_ms, recent) in answers.kept() {
        writer.array(4).uint(authors.number(author)).uint(last_id).uint(touched_ms).array(recent.len());
        for (id, answer) in recent {
            writer.array(2).uint(*id);
            put_answer(answer, writer);
        }
    }
}

/// `[version, changed]` or `[code, what]`
fn put_answer(answer: &Answer, writer: &mut Writer) {
    match answer {
        Answer::Accepted { version, changed } => writer.array(2).uint(*version).bool(*changed),
        Answer::Refused(fault) => writer.array(2).text(fault.code.name()).text(&fault.what),
    };
}

fn user(text: &str) -> Result<User, Fault> {
    if text.is_empty() { Ok(User::server()) } else { User::parse(text) }
}

fn author(reader: &mut Reader<'_>) -> Result<Arc<Author>, Fault> {
    let mut row = Row::open(reader)?;
    let author = Author { user: user(row.text()?)?, device: Device::parse(row.text()?)? };
    row.close()?;
    Ok(Arc::new(author))
}

fn change(reader: &mut Reader<'_>) -> Result<Change, Fault> {
    Change::decode(reader)?.ok_or_else(|| broken("a change of a kind that this version does not know"))
}

fn lived(reader: &mut Reader<'_>) -> Result<Lived, Fault> {
    let mut row = Row::open(reader)?;
    let lived =
        Lived { slot: SlotName::parse(row.text()?)?, expires_ms: row.optional_uint()?, tied: row.flag()? };
    row.close()?;
    Ok(lived)
}

fn answer(reader: &mut Reader<'_>) -> Result<Answer, Fault> {
    let mut row = Row::open(reader)?;
    let token = row.token()?;
    let answer = if let Token::Unsigned(version) = token {
        Answer::Accepted { version, changed: row.flag()? }
    } else if let Token::Text(name) = token {
        let code = Code::ALL.iter().copied().find(|code| code.name() == name);
        Answer::Refused(Fault::new(code.ok_or_else(|| broken("no such code"))?, row.text()?))
    } else {
        return Err(broken("an answer is a version or a code"));
    };
    row.close()?;
    Ok(answer)
}

type By<'f> = dyn Fn(u64) -> Result<Arc<Author>, Fault> + 'f;

fn slot(reader: &mut Reader<'_>, by: &By<'_>) -> Result<(SlotName, Slot), Fault> {
    let mut row = Row::open(reader)?;
    let name = SlotName::parse(row.text()?)?;
    let (value, version, author, by_another) = (row.value()?, row.uint()?, by(row.uint()?)?, row.uint()?);
    let (expires_ms, tied) = (row.optional_uint()?, row.flag()?);
    row.close()?;
    let tied_to = tied.then_some(SessionId::GONE);
    Ok((name, Slot { value, version, author, by_another, expires_ms, tied_to }))
}

fn gone(reader: &mut Reader<'_>, by: &By<'_>) -> Result<(SlotName, Tombstone), Fault> {
    let mut row = Row::open(reader)?;
    let name = SlotName::parse(row.text()?)?;
    let (version, author, by_another) = (row.uint()?, by(row.uint()?)?, row.uint()?);
    row.close()?;
    Ok((name, Tombstone { version, author, by_another }))
}

fn kept(reader: &mut Reader<'_>, by: &By<'_>, answers: &mut Answers) -> Result<(), Fault> {
    let mut row = Row::open(reader)?;
    let (author, last_id, touched_ms) = (by(row.uint()?)?, row.uint()?, row.uint()?);
    let recent = row.list(|reader| {
        let mut row = Row::open(reader)?;
        let id = row.uint()?;
        let told = row.optional(answer)?.ok_or_else(|| broken("an answer is missing"))?;
        row.close().map(|()| (id, told))
    })?;
    row.close()?;
    answers.restore(author, last_id, touched_ms, recent);
    Ok(())
}
