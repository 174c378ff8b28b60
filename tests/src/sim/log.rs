//! What happened, line by line: a hash of all of it, and the last lines for the one who looks for the fault.

use std::collections::VecDeque;

const KEPT: usize = 40;

/// See the module's text.
pub struct Log {
    hash: u64,
    last: VecDeque<String>,
    aloud: bool,
}

impl Log {
    /// `aloud` prints each line.
    pub fn new(aloud: bool) -> Self {
        Log { hash: 0xcbf2_9ce4_8422_2325, last: VecDeque::new(), aloud }
    }

    pub fn line(&mut self, line: String) {
        // FNV-1a
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.aloud {
            println!("{line}");
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// The same for the same seed.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn tail(&self) -> String {
        self.last.iter().map(|line| format!("  {line}\n")).collect()
    }
}
