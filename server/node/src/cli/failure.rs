//! How a command can end other than well, and the exit code that a script sees.

use std::process::ExitCode;

use super::screen::printable;

/// One sentence each, for standard error.
#[derive(Debug)]
pub enum Failure {
    /// The command or the configuration makes no sense.
    Usage(String),
    /// It did not work, and trying again will not help.
    Failed(String),
    /// There is no connection (any more); it may work later.
    Cut(String),
    /// The server rejected the write or refused the message. What there was to say is said.
    Rejected,
    /// Whoever read our output has gone, as `head` does.
    Unread,
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Unread => ExitCode::SUCCESS,
            Failure::Failed(_) | Failure::Cut(_) => ExitCode::from(1),
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Rejected => ExitCode::from(3),
        }
    }

    pub fn tell(&self) {
        match self {
            Failure::Usage(why) | Failure::Failed(why) | Failure::Cut(why) => say(why),
            Failure::Rejected | Failure::Unread => {}
        }
    }
}

/// A line on standard error; that no one reads it is no reason to stop.
pub fn say(text: &str) {
    use std::io::Write;
    for line in text.lines() {
        _ = writeln!(std::io::stderr(), "slotcast: {}", printable(line));
    }
}
