//! What a process costs, as the kernel counts it; and the limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::io;

/// CPU and memory of a process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time on a CPU since its start, user and system together, in ns.
    pub cpu_ns: u64,
    /// Resident memory in KiB.
    pub rss_kib: u64,
}

impl Cost {
    /// Reads it. The time is the sum over the threads that live now, so threads must not end in between.
    pub fn read(pid: u32) -> io::Result<Self> {
        Ok(Self { cpu_ns: cpu_ns(pid)?, rss_kib: rss_kib(pid)? })
    }

    /// CPU spent since `earlier`, in µs.
    pub fn cpu_us_since(&self, earlier: &Self) -> f64 {
        self.cpu_ns.saturating_sub(earlier.cpu_ns) as f64 / 1000.0
    }
}

/// Lets this process open as many files as it may; the answer is how many.
pub fn open_files_raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // A privileged process may lift the hard limit as well; where it may not, the hard limit is what there is.
    let wished = Rlimit { current: Some(65_536), maximum: Some(65_536) };
    if limit.maximum.is_some_and(|hard| hard < 65_536) && setrlimit(Resource::Nofile, wished).is_ok() {
        return 65_536;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

fn cpu_ns(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        if let Ok(schedstat) = fs::read_to_string(task?.path().join("schedstat")) {
            sum += number(&schedstat)?;
        }
    }
    Ok(sum)
}

fn rss_kib(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    number(line.unwrap_or_default())
}

fn number(text: &str) -> io::Result<u64> {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.parse()
        .map_err(|_| io::Error::other(format!("no number where the kernel should have one: {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_costs_something() {
        let cost = Cost::read(std::process::id()).expect("a process can read itself");
        assert!(cost.cpu_ns > 0 && cost.rss_kib > 0);
    }
}
