//! The durability classes: what an acknowledgement stands for.

use std::fmt;
use std::str::FromStr;

/// How much an acknowledged write survives. The order is that of strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// It is applied. A crash of the server may lose it.
    #[default]
    Memory,
    /// It is on the disk of the server: a crash of the process or a power cut does not lose it.
    Disk,
}

impl Durability {
    /// All classes, the weakest first.
    pub const ALL: [Durability; 2] = [Durability::Memory, Durability::Disk];

    /// The class on the wire and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Memory => "memory",
            Durability::Disk => "disk",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Durability {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Durability::ALL.into_iter().find(|class| class.name() == text).ok_or(())
    }
}
