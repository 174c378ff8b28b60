//! The answers that an object keeps, so that a repeated write has one effect and one answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotcast_protocol::Fault;

use crate::ids::Author;

/// Answers are kept so long, in ms: 24 h.
const KEPT_MS: u64 = 24 * 60 * 60 * 1000;

/// How exactly their age is known, in ms: who writes often does not change places each time.
const AGE_MS: u64 = 1_000;

/// Authors whose answers one object keeps; beyond, those that wrote longest ago are forgotten.
const AUTHORS_MAX: usize = 4096;

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is in this version; whether it moved anything.
    Accepted { version: u64, changed: bool },
    /// It changed nothing, and why.
    Refused(Fault),
}

/// What is known of an id.
pub(crate) enum Known {
    /// Never seen: do it.
    New,
    /// Done before, with this end.
    Answered(Answer),
    /// Used before, but how it ended is no longer known.
    Forgotten,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answers {
    authors: BTreeMap<Arc<Author>, Kept>,
    /// The same authors, those that wrote longest ago first.
    by_age: BTreeMap<(u64, Arc<Author>), ()>,
}

#[derive(Debug, PartialEq)]
struct Kept {
    last_id: u64,
    recent: VecDeque<(u64, Answer)>,
    touched_ms: u64,
}

impl Answers {
    pub fn look_up(&self, author: &Arc<Author>, id: Option<u64>) -> Known {
        let (Some(id), Some(kept)) = (id, self.authors.get(author)) else { return Known::New };
        if id > kept.last_id {
            return Known::New;
        }
        match kept.recent.iter().find(|(kept_id, _)| *kept_id == id) {
            Some((_, answer)) => Known::Answered(answer.clone()),
            None => Known::Forgotten,
        }
    }

    /// Keeps the author's newest `inflight` answers.
    pub fn keep(
        &mut self,
        author: &Arc<Author>,
        id: Option<u64>,
        answer: Answer,
        now_ms: u64,
        inflight: usize,
    ) {
        let Some(id) = id else { return };
        let touched_ms = now_ms - now_ms % AGE_MS;
        let fresh = || Kept { last_id: 0, recent: VecDeque::new(), touched_ms: 0 };
        let kept = self.authors.entry(author.clone()).or_insert_with(fresh);
        if kept.touched_ms != touched_ms || kept.recent.is_empty() {
            self.by_age.remove(&(kept.touched_ms, author.clone()));
            self.by_age.insert((touched_ms, author.clone()), ());
            kept.touched_ms = touched_ms;
        }
        kept.last_id = id;
        kept.recent.push_back((id, answer));
        if kept.recent.len() > inflight {
            kept.recent.pop_front();
        }
        self.forget(now_ms);
    }

    pub fn is_empty(&self) -> bool {
        self.authors.is_empty()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.authors.values().map(|kept| kept.recent.len()).sum()
    }

    pub fn authors(&self) -> impl Iterator<Item = &Arc<Author>> {
        self.authors.keys()
    }

    /// Author, newest id, when it came, and the answers, the oldest first.
    pub fn kept(&self) -> impl Iterator<Item = (&Arc<Author>, u64, u64, &VecDeque<(u64, Answer)>)> {
        self.authors.iter().map(|(author, kept)| (author, kept.last_id, kept.touched_ms, &kept.recent))
    }

    /// Puts back what [`Answers::kept`] gave.
    pub fn restore(
        &mut self,
        author: Arc<Author>,
        last_id: u64,
        touched_ms: u64,
        recent: Vec<(u64, Answer)>,
    ) {
        self.by_age.insert((touched_ms, author.clone()), ());
        self.authors.insert(author, Kept { last_id, recent: recent.into(), touched_ms });
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some(((touched_ms, author), ())) = self.by_age.first_key_value() {
            if self.authors.len() <= AUTHORS_MAX && touched_ms.saturating_add(KEPT_MS) > now_ms {
                return;
            }
            self.authors.remove(author);
            self.by_age.pop_first();
        }
    }
}
