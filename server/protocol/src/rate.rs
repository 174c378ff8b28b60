//! How many frames a second a follower wants at the most.

use crate::code::{Code, Fault};

/// Frames a second, 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u16);

impl Rate {
    /// The highest rate; whoever wants to miss nothing asks for none.
    pub const MAX: u64 = 1_000;

    /// Refused if it is none.
    pub fn new(per_second: u64) -> Result<Rate, Fault> {
        match per_second {
            1..=Self::MAX => Ok(Rate(per_second as u16)),
            other => {
                Err(Fault::new(Code::BadField, format!("rate: must be 1 to {}, not {other}", Self::MAX)))
            }
        }
    }

    /// Frames a second.
    pub fn per_second(self) -> u64 {
        self.0.into()
    }
}
