//! What the rings of an edge hold together. Where that is too much the largest give way, with what is oldest in them: whoever fills many rings
//! loses what he put there, and the small ring of a busy object keeps what it has.

use std::collections::BTreeSet;
use std::sync::Arc;

use slotcast_protocol::Limits;

use crate::ids::ChannelId;
use crate::ring::Ring;

/// Whatever changes a ring's weight goes through here. The work of a turn is bounded by what the turn brought: it lets go of no more than that, and
/// a ring moves down one size for each that it has moved up.
pub(crate) struct Rings {
    limits: Arc<Limits>,
    weight_max: usize,
    weight: usize,
    cut_weight: u64,
    /// Each ring that holds something, under the greatest size that it had since it was last looked at: most turns change nothing here.
    by_size: BTreeSet<(u8, ChannelId)>,
}

impl Rings {
    /// None; all together they may weigh this, in bytes.
    pub fn new(weight_max: usize, limits: Arc<Limits>) -> Self {
        Rings { limits, weight_max, weight: 0, cut_weight: 0, by_size: BTreeSet::new() }
    }

    /// What they hold, in bytes of memory.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// What they have let go of for one another, in bytes.
    pub fn cut_weight(&self) -> u64 {
        self.cut_weight
    }

    /// Closes a ring's open buffer; from then on it counts.
    pub fn close(&mut self, id: ChannelId, ring: &mut Ring) {
        self.weight -= ring.weight();
        ring.close(&self.limits);
        self.weight += ring.weight();
        if size(ring.weight()) > ring.listed {
            self.list(id, ring);
        }
    }

    /// A ring goes with its channel.
    pub fn forget(&mut self, id: ChannelId, ring: &Ring) {
        self.weight -= ring.weight();
        self.by_size.remove(&(ring.listed, id));
    }

    /// The ring to be cut next, as all together are too much.
    pub fn first_over(&self) -> Option<ChannelId> {
        let (_, largest) = self.by_size.last().filter(|_| self.weight > self.weight_max)?;
        Some(*largest)
    }

    /// Lets go of as much of that ring as is too much, but not of what makes it one of the next smaller size: then others are as large.
    pub fn cut(&mut self, id: ChannelId, ring: &mut Ring) {
        let (before, over) = (ring.weight(), self.weight.saturating_sub(self.weight_max));
        if size(before) == ring.listed {
            let smaller = (1 << (ring.listed - 1)) - 1;
            ring.cut(smaller.max(before.saturating_sub(over)));
        }
        let gone = before - ring.weight();
        self.weight -= gone;
        self.cut_weight += gone as u64;
        self.list(id, ring);
    }

    fn list(&mut self, id: ChannelId, ring: &mut Ring) {
        self.by_size.remove(&(ring.listed, id));
        ring.listed = size(ring.weight());
        if ring.listed > 0 {
            self.by_size.insert((ring.listed, id));
        }
    }
}

/// The binary digits of a weight: rings of one size are within a factor of two of each other.
fn size(weight: usize) -> u8 {
    (usize::BITS - weight.leading_zeros()) as u8
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ring::Mark;

    const WEIGHT_MAX: usize = 100_000;

    /// Rings by the numbers of their channels.
    struct House {
        rings: Rings,
        all: BTreeMap<u64, Ring>,
        version: u64,
    }

    impl House {
        fn new() -> House {
            let rings = Rings::new(WEIGHT_MAX, Arc::new(Limits::default()));
            House { rings, all: BTreeMap::new(), version: 0 }
        }

        /// A turn with one frame.
        fn push(&mut self, number: u64, bytes: usize) {
            self.version += 1;
            let ring = self.all.entry(number).or_insert_with(|| Ring::new(Mark::default()));
            ring.push(&vec![0; bytes], Mark { version: self.version, sends: 0 });
            self.rings.close(ChannelId(number), ring);
            self.check();
        }

        /// How often a ring was looked at for that.
        fn cut(&mut self) -> usize {
            let mut looks = 0;
            while let Some(id) = self.rings.first_over() {
                self.rings.cut(id, self.all.get_mut(&id.0).expect("one of these"));
                self.check();
                looks += 1;
            }
            assert!(self.rings.weight() <= WEIGHT_MAX);
            looks
        }

        fn leave(&mut self, number: u64) {
            let ring = self.all.remove(&number).expect("one of these");
            self.rings.forget(ChannelId(number), &ring);
            self.check();
        }

        fn weight(&self, number: u64) -> usize {
            self.all[&number].weight()
        }

        /// Everything is counted, and each that holds something stands under its size or a greater one, once.
        fn check(&self) {
            assert_eq!(self.rings.weight(), self.all.values().map(Ring::weight).sum::<usize>());
            let listed = |(number, ring): (&u64, &Ring)| {
                assert!(ring.listed >= size(ring.weight()));
                (ring.listed > 0).then_some((ring.listed, ChannelId(*number)))
            };
            assert_eq!(self.rings.by_size, self.all.iter().filter_map(listed).collect());
        }
    }

    #[test]
    fn the_largest_give_way_and_a_small_one_keeps_what_it_has() {
        let mut house = House::new();
        for turn in 0..2_000 {
            (1..=20).for_each(|greedy| house.push(greedy, 1_000));
            if turn % 200 == 0 {
                house.push(0, 10);
                house.push(21, 10);
            }
            house.cut();
        }
        let small = house.weight(0);
        assert_eq!((house.all[&0].find(Mark::default()), house.weight(21)), (Some(0), small), "all is there");
        let (least, most) = (1..=20).fold((usize::MAX, 0), |(least, most), greedy| {
            (least.min(house.weight(greedy)), most.max(house.weight(greedy)))
        });
        let one_size = 2 * (least + 1_000 + 200);
        assert!(small < least && most <= one_size, "{small}, {least} to {most}");
        assert!(house.rings.weight() > WEIGHT_MAX - 2_000, "no more goes than must");
    }

    #[test]
    fn of_equals_some_lose_all_and_others_nothing() {
        let mut house = House::new();
        (0..1_000).for_each(|number| house.push(number, 300));
        house.cut();
        let empty = house.all.values().filter(|ring| ring.weight() == 0).count();
        assert!(empty > 500 && empty < 900, "of equals some lose all: {empty}");
        (0..1_000).for_each(|number| house.leave(number));
        assert_eq!((house.rings.weight(), house.rings.by_size.len()), (0, 0));
    }

    #[test]
    fn a_turn_lets_go_of_what_it_brought_and_of_part_of_a_chunk() {
        let mut house = House::new();
        for turn in 0..1_000 {
            let (kept, cut) = (house.rings.weight(), house.rings.cut_weight());
            house.push(0, 900 + turn % 7);
            let brought = house.rings.weight() - kept;
            house.cut();
            let gone = (house.rings.cut_weight() - cut) as usize;
            assert!(gone < brought + 1_100, "{gone} for {brought}");
        }
        assert!(house.rings.cut_weight() > 900 * 1_000 - WEIGHT_MAX as u64);
    }

    #[test]
    fn what_went_with_its_channel_is_not_counted() {
        let mut house = House::new();
        (0..10).for_each(|number| house.push(number, 5_000));
        (0..10).for_each(|number| house.leave(number));
        assert_eq!((house.rings.weight(), house.rings.by_size.len()), (0, 0));
        house.push(1, 90_000);
        assert_eq!((house.cut(), house.rings.cut_weight()), (0, 0), "there is room again");
    }
}
