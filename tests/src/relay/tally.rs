//! What seeds met, so that a test can see that it is not blind.

macro_rules! tally {
    ($($name:ident,)*) => {
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Tally { $(pub $name: u64,)* }

        impl Tally {
            pub fn add(&mut self, other: &Tally) {
                $(self.$name += other.$name;)*
            }

            pub fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

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
