//! People with friends: who they are, how they become so, and what one sees of them.

use super::crew::Crew;
use super::line::Line;
use super::metrics::Metrics;
use super::person::{Part, Person};
use super::target::Target;
use crate::message::relay::{self, SUBPROTOCOL};
use crate::pack::Reader;
use std::io;
use std::time::{Duration, Instant};

/// Edits of one session that have no answer.
const EDITS_ON_WAY: u64 = 32;
/// The server forgets those who are gone within this time.
const GONE_TIME_MAX: Duration = Duration::from_secs(30);
const SECOND_US: u64 = 1_000_000;

/// One's place among people who stand in a circle; the friends of each are the next `reach` to both sides.
#[derive(Clone, Copy, Debug)]
pub struct Circle {
    pub place: usize,
    pub size: usize,
    pub reach: usize,
}

impl Circle {
    /// Everyone's place.
    pub fn places(size: usize, reach: usize) -> impl Iterator<Item = Circle> {
        (0..size).map(move |place| Circle { place, size, reach })
    }

    /// Who stands here.
    pub fn name(&self) -> String {
        format!("c{}", self.place)
    }

    /// The friends: first those who come after, then those before.
    pub fn friends(&self) -> Vec<String> {
        let after = 1..=self.reach;
        let before = self.size - self.reach..self.size;
        let place = |step: usize| (self.place + step) % self.size;
        after.chain(before).map(|step| format!("c{}", place(step))).collect()
    }

    /// Which of the friends this is, from 0.
    fn number(&self, name: &[u8]) -> Option<usize> {
        let digits = std::str::from_utf8(name).ok()?.strip_prefix('c')?;
        let place: usize = digits.parse().ok().filter(|place| *place < self.size)?;
        let step = (place + self.size - self.place) % self.size;
        let back = self.size - step;
        match step {
            0 => None,
            _ if step <= self.reach => Some(step - 1),
            _ if back <= self.reach => Some(self.reach + back - 1),
            _ => None,
        }
    }
}

/// All of them ask each of theirs, and so all become friends; then they go. The answer is how long it took, in s.
pub fn befriend(target: &Target, people: Vec<(String, Vec<String>)>) -> io::Result<f64> {
    let start = Instant::now();
    let (count, server) = (people.len(), target.server);
    let asks: usize = people.iter().map(|(_, friends)| friends.len()).sum();
    let part = |(user, asks)| Part { user, asks, ..Part::default() };
    let mut crew = Crew::open(count, people.into_iter().map(part).collect(), server, |link, part| {
        Person::new(Line::to(server, "/relay", SUBPROTOCOL, link), part)
    })?;
    crew.keep_full(EDITS_ON_WAY, f64::INFINITY, asks as u64)?;
    if crew.seen.successes != asks as u64 {
        let what = crew.seen.complaint.as_deref().unwrap_or("without a word");
        return Err(io::Error::other(format!("{} of {asks} edits are done: {what}", crew.seen.successes)));
    }
    drop(crew);
    let end = Instant::now() + GONE_TIME_MAX;
    while Metrics::read(server)?.number("slotcast_sessions") > 0 {
        if Instant::now() > end {
            return Err(io::Error::other("the server does not see that all have gone"));
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// The pairs become friends.
pub fn befriend_pairs(target: &Target, parts: Vec<Part>) -> io::Result<()> {
    let mutual = |Part { user, to, .. }: Part| {
        let both = |other: String| [(user.clone(), vec![other.clone()]), (other, vec![user.clone()])];
        to.into_iter().flat_map(both).collect::<Vec<_>>()
    };
    befriend(target, parts.into_iter().flat_map(mutual).collect()).map(drop)
}

/// What one sees of the own friends.
pub struct Look {
    among: Circle,
    online: Vec<bool>,
    online_count: usize,
    /// Frames of the second that began then.
    began_us: u64,
    frames: u64,
}

impl Look {
    pub fn new(among: Circle) -> Self {
        Look { among, online: vec![false; 2 * among.reach], online_count: 0, began_us: 0, frames: 0 }
    }

    /// Some of the friends are so now.
    pub fn on_presence(&mut self, reader: Reader<'_>, now_us: u64, arrivals: &mut Arrivals) -> Option<()> {
        self.count_frame(now_us);
        arrivals.frames += 1;
        arrivals.frames_per_s_max = arrivals.frames_per_s_max.max(self.frames);
        let before = self.online_count;
        relay::each_status(reader, |user, is_online| {
            arrivals.statuses += 1;
            if let Some(number) = self.among.number(user) {
                let was_online = std::mem::replace(&mut self.online[number], is_online);
                self.online_count = self.online_count + usize::from(is_online) - usize::from(was_online);
            }
        })?;
        if before < self.online.len() && self.online_count == self.online.len() {
            arrivals.see_all(now_us);
        }
        Some(())
    }

    fn count_frame(&mut self, now_us: u64) {
        if now_us - self.began_us >= SECOND_US {
            (self.began_us, self.frames) = (now_us, 0);
        }
        self.frames += 1;
    }
}

/// How far those have come who log in.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// When the first one came.
    pub began_us: u64,
    /// Those whom the server has welcomed.
    pub greeted: u64,
    /// Those who have opened their inbox and have their list.
    pub logged_in: u64,
    logged_in_us: u64,
    /// Those who see all their friends online; who does not any more counts still.
    pub see_all: u64,
    see_all_us: u64,
    /// Friends on both sides, on all lists that came.
    pub friends: u64,
    /// `presence` that came.
    pub frames: u64,
    /// Statuses in these.
    pub statuses: u64,
    /// Of one session within a second.
    pub frames_per_s_max: u64,
}

impl Arrivals {
    /// One more.
    pub fn log_in(&mut self, now_us: u64) {
        self.logged_in += 1;
        self.logged_in_us = now_us;
    }

    fn see_all(&mut self, now_us: u64) {
        self.see_all += 1;
        self.see_all_us = now_us;
    }

    /// Until the last one was logged in, in s.
    pub fn logged_in_s(&self) -> f64 {
        self.logged_in_us.saturating_sub(self.began_us) as f64 / 1e6
    }

    /// Until the last one saw all friends, in s.
    pub fn see_all_s(&self) -> f64 {
        self.see_all_us.saturating_sub(self.began_us) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack;

    #[test]
    fn each_friend_has_a_number_and_no_one_else() {
        for circle in Circle::places(7, 2) {
            let mut numbers: Vec<_> =
                circle.friends().iter().map(|name| circle.number(name.as_bytes())).collect();
            numbers.sort();
            assert_eq!(numbers, [Some(0), Some(1), Some(2), Some(3)]);
            let strangers =
                Circle::places(7, 2).filter(|other| circle.number(other.name().as_bytes()).is_none());
            assert_eq!(strangers.count(), 3, "two and oneself");
        }
        let circle = Circle { place: 0, size: 7, reach: 2 };
        assert_eq!((circle.number(b"c7"), circle.number(b"a1"), circle.number(b"c")), (None, None, None));
    }

    #[test]
    fn friends_are_mutual() {
        for circle in Circle::places(9, 3) {
            for friend in Circle::places(9, 3).filter(|other| circle.friends().contains(&other.name())) {
                assert!(friend.friends().contains(&circle.name()));
            }
        }
    }

    #[test]
    fn all_are_seen_when_the_last_one_is_online() {
        let mut look = Look::new(Circle { place: 0, size: 5, reach: 1 });
        let mut arrivals = Arrivals { began_us: 1_000_000, ..Arrivals::default() };
        let rows = [
            ("c1", "online", 0),
            ("c0", "online", 0),
            ("c1", "away", 0),
            ("c4", "online", 0),
            ("c1", "online", 1),
        ];
        for (at, (user, state, see_all)) in rows.into_iter().enumerate() {
            let mut bytes = vec![0x91, 0x92];
            [user, state].into_iter().for_each(|word| pack::str(&mut bytes, word.as_bytes()));
            let now_us = 1_500_000 + at as u64 * 400_000;
            look.on_presence(Reader::new(&bytes), now_us, &mut arrivals).expect("it can be read");
            assert_eq!(arrivals.see_all, see_all, "{user} {state}");
        }
        assert_eq!((arrivals.frames, arrivals.frames_per_s_max, arrivals.see_all_s()), (5, 3, 2.1));
    }
}
