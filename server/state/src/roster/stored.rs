//! Rosters and what happened to them as bytes, as they lie in a log and in a store. `docs/store.md` draws them.

use std::collections::BTreeSet;

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::roster::{Alias, Group, Mark, member};
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Fault, User};

use crate::name::Name;
use crate::roster::commit::{Commit, Line};
use crate::roster::list::List;
use crate::roster::log::Log;
use crate::roster::tell::Stance;
use crate::roster::tie::{Card, Tie};
use crate::stored::row::{Row, broken};

/// The form of what [`List::encode`] writes.
const FORM: u64 = 1;

const WANTS: u64 = 1;
const GRANTS: u64 = 2;

impl Commit {
    /// Appends it to a batch.
    pub fn encode(&self, writer: &mut Writer) {
        let name = Name::Roster(self.owner.clone()).to_string();
        writer.array(5).text(&name).uint(self.mark.epoch).uint(self.mark.rev).uint(self.at_ms);
        writer.array(self.lines.len());
        for line in &self.lines {
            match line {
                Line::Tie { user, tie: Some(tie) } => put_tie(user, tie, writer),
                Line::Tie { user, tie: None } => _ = writer.array(1).text(user.as_str()),
                Line::Block { user, on } => _ = writer.array(2).text(user.as_str()).bool(*on),
            }
        }
    }

    /// Reads the next one of a batch.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Commit, Fault> {
        let mut row = Row::open(reader)?;
        let Name::Roster(owner) = Name::parse(row.text()?)? else { return Err(broken("no roster's name")) };
        let mark = Mark { epoch: row.uint()?, rev: row.uint()? };
        let commit = Commit { owner, mark, at_ms: row.uint()?, lines: row.list(line)? };
        row.close()?;
        Ok(commit)
    }
}

impl List {
    /// All of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.weight());
        let Mark { epoch, rev } = self.mark();
        writer.array(6).uint(FORM).uint(epoch).uint(rev);
        writer.array(self.ties().len());
        self.ties().iter().for_each(|(user, tie)| put_tie(user, tie, &mut writer));
        writer.array(self.blocks().len());
        self.blocks().iter().for_each(|user| _ = writer.text(user.as_str()));
        writer.array(self.log().changes().len());
        for (rev, at_ms, users) in self.log().changes() {
            writer.array(3).uint(*rev).uint(*at_ms).array(users.len());
            users.iter().for_each(|user| _ = writer.text(user.as_str()));
        }
        writer.0
    }

    /// Reads what [`List::encode`] wrote.
    pub fn decode(owner: &User, bytes: &[u8]) -> Result<List, Fault> {
        let mut reader = Reader::new(bytes);
        let mut row = Row::open(&mut reader)?;
        let form = row.uint()?;
        if form != FORM {
            return Err(broken(&format!("a roster of the form {form}, which this version cannot read")));
        }
        let mark = Mark { epoch: row.uint()?, rev: row.uint()? };
        let ties = row.list(|reader| {
            let mut row = Row::open(reader)?;
            let pair = (member(row.text()?)?, tie(&mut row)?);
            row.close().map(|()| pair)
        })?;
        let blocks = row.list(user)?;
        let mut log = Log::default();
        row.each(|reader| {
            let mut row = Row::open(reader)?;
            log.push(row.uint()?, row.uint()?, row.list(user)?);
            row.close()
        })?;
        row.close()?;
        if !reader.is_done() {
            return Err(broken("bytes after the end"));
        }
        let (ties, blocks) = (ties.into_iter().collect(), blocks.into_iter().collect());
        Ok(List::restored(owner.clone(), mark, ties, blocks, log))
    }
}

fn user(reader: &mut Reader<'_>) -> Result<User, Fault> {
    let Token::Text(text) = reader.token()? else { return Err(broken("a user is missing")) };
    member(text)
}

/// `[user, card or nil, ours, since, theirs, theirs_at or nil, ended or nil, owed or nil]`
fn put_tie(user: &User, tie: &Tie, writer: &mut Writer) {
    let Tie { card, ours, since, theirs, theirs_at, ended, owed } = tie;
    writer.array(8).text(user.as_str());
    match card {
        Some(Card { alias, groups }) => {
            writer.array(2).optional_text(alias.as_ref().map(Alias::as_str)).array(groups.len());
            groups.iter().for_each(|group| _ = writer.text(group.as_str()));
        }
        None => _ = writer.nil(),
    }
    writer.uint(stance_bits(*ours)).uint(*since).uint(stance_bits(*theirs));
    for mark in [theirs_at, ended] {
        match mark {
            Some(Mark { epoch, rev }) => writer.array(2).uint(*epoch).uint(*rev),
            None => writer.nil(),
        };
    }
    writer.optional_uint(*owed);
}

/// Behind its user.
fn tie(row: &mut Row<'_, '_>) -> Result<Tie, Fault> {
    Ok(Tie {
        card: row.optional(card)?,
        ours: stance(row.uint()?),
        since: row.uint()?,
        theirs: stance(row.uint()?),
        theirs_at: row.optional(mark)?,
        ended: row.optional(mark)?,
        owed: row.optional_uint()?,
    })
}

/// A tie as it is written whole; with its user alone one that is gone; with true or false whether the user is blocked.
fn line(reader: &mut Reader<'_>) -> Result<Line, Fault> {
    let Token::Array(fields) = reader.clone().token()? else { return Err(broken("an array is missing")) };
    let mut row = Row::open(reader)?;
    let user = member(row.text()?)?;
    let line = match fields {
        1 => Line::Tie { user, tie: None },
        2 => Line::Block { user, on: row.flag()? },
        _more => Line::Tie { user, tie: Some(Box::new(tie(&mut row)?)) },
    };
    row.close()?;
    Ok(line)
}

fn card(reader: &mut Reader<'_>) -> Result<Card, Fault> {
    let mut row = Row::open(reader)?;
    let alias = row.optional_text()?.map(Alias::parse).transpose()?;
    let groups = row.list(|reader| {
        let Token::Text(text) = reader.token()? else { return Err(broken("a group is missing")) };
        Group::parse(text)
    })?;
    row.close()?;
    Ok(Card { alias, groups: groups.into_iter().collect::<BTreeSet<_>>() })
}

fn mark(reader: &mut Reader<'_>) -> Result<Mark, Fault> {
    let mut row = Row::open(reader)?;
    let mark = Mark { epoch: row.uint()?, rev: row.uint()? };
    row.close()?;
    Ok(mark)
}

fn stance_bits(Stance { wants, grants }: Stance) -> u64 {
    u64::from(wants) * WANTS + u64::from(grants) * GRANTS
}

fn stance(bits: u64) -> Stance {
    Stance { wants: bits & WANTS != 0, grants: bits & GRANTS != 0 }
}
