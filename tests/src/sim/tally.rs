//! How often the rarer paths were taken, so that the simulation cannot go blind without anyone seeing it.

use crate::ledger::Met;
use crate::tally::tally;

tally! {
    events,
    /// Pushes out of a ring to a socket.
    ring_pieces,
    /// Pushes of more than one frame, ring or not.
    pushes_of_several,
    covered_starts,
    /// Flushes behind which rings held too much together.
    rings_cut,
    /// A start whose events came when the socket was full.
    put_offs,
    asks,
    full_sockets,
    refused_pushes,
    drains,
    flushes_cut_short,
    cuts,
    cuts_within_a_frame,
    replaced,
    second_uses,
    releases,
    releases_with_use_behind,
    resumed_by_diff,
    resumed_by_snapshot,
    other_epochs_met,
    retries,
    sent_received,
    sends_skipped,
    /// Versions that a follower with a rate got folded into another's diff.
    folded_by_rate,
    /// Sends that came behind changes which are later than they are.
    sends_behind_later_changes,
    fingerprints_compared,
    accepted,
    conflicts,
    repeated,
    forgotten,
    wrong_epoch,
    expired,
    deaths,
    snapshots,
    diffs,
    parts,
    crashes,
    batches,
    /// At a crash.
    batches_lost,
    /// They reached the disk, and no one was told before the crash.
    batches_kept_untold,
    resumed_by_diff_across_a_crash,
    /// Whole objects that went to the store.
    wholes,
    evicted,
    loaded,
    loads_refused,
    /// Inputs behind a load.
    waited,
    /// Objects that came back with slots of an earlier run's sessions.
    swept,
    storage_full,
    tried_again_for_room,
    /// Answers that came twice and were the same.
    answers_compared,
    older_parts,
    /// Between two parts of a snapshot.
    cuts_within_parts,
    uses_within_parts,
    releases_within_parts,
    others_within_parts,
}

impl Tally {
    pub fn add_met(&mut self, met: &Met) {
        self.accepted += met.accepted;
        self.conflicts += met.conflicts;
        self.repeated += met.repeated;
        self.forgotten += met.forgotten;
        self.wrong_epoch += met.wrong_epoch;
        self.expired += met.expired;
        self.deaths += met.deaths;
        self.snapshots += met.snapshots;
        self.diffs += met.diffs;
        self.parts += met.parts;
        self.evicted += met.evicted;
        self.loaded += met.loaded;
        self.loads_refused += met.loads_refused;
        self.waited += met.waited;
        self.swept += met.swept;
        self.storage_full += met.storage_full;
        self.older_parts += met.older_parts;
    }
}
