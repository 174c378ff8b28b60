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
        let (before, over) = (ring.weight(), self.weight - self.weight_max);
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
