//! What seeds met, so that a test can see that it is not blind.

use crate::tally::tally;

tally! {
    stored,
    messages,
    copies,
    receipts,
    seen,
    signals,
    missed,
    currents,
    repeated,
    answers_compared,
    refused_for_good,
    inbox_full,
    too_fast,
    not_now,
    forgotten,
    cuts,
    crashes,
    resumed,
    resumed_across_a_crash,
    wiped,
    other_epochs,
    evicted,
    loaded,
    loads_refused,
    wholes,
    batches_kept_untold,
    batches_lost,
}
