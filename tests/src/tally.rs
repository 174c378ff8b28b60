//! How often the rarer paths were taken, so that a simulation cannot go blind without anyone seeing it.

/// Counts over one seed or many.
macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts over one seed or many.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Tally { $($(#[$doc])* pub $name: u64,)* }

        impl $crate::seeds::Counts for Tally {
            fn add(&mut self, other: &Tally) {
                $(self.$name += other.$name;)*
            }

            fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

pub(crate) use tally;
