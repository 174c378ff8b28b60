//! What an edge keeps in its rings, all together.

use super::Edge;

impl Edge {
    /// What the rings take in memory, in bytes. More than the edge's share only until the turn is handed out.
    pub fn rings_bytes(&self) -> usize {
        self.rings.weight()
    }

    /// Bytes that rings let go of because all together held too much, since the edge began.
    pub fn rings_cut_bytes(&self) -> u64 {
        self.rings.cut_weight()
    }

    /// Behind a whole flush: by then whoever has room has everything, and what goes is missed by none but those who lag.
    pub(super) fn cut_rings(&mut self) {
        while let Some(id) = self.rings.first_over() {
            let channel =
                self.channels.get_mut(&id).expect("the ring of a channel that is gone is forgotten");
            self.rings.cut(id, &mut channel.ring);
        }
    }
}
