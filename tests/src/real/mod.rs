//! The real binary, and clients that talk to it over real sockets.

pub mod folder;
pub mod friends;
pub mod http;
pub mod requests;
pub mod server;
pub mod session;
pub mod shim;
pub mod socket;
#[cfg(feature = "node")]
pub mod tls;

/// A number out of the environment: how long a test runs, or with which seed.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

/// `SLOTCAST_TEST_SEED`, or one that was never used; it is printed.
pub fn seed(test: &str) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed =
        number("SLOTCAST_TEST_SEED").unwrap_or(now.map_or(0, |now| now.as_micros() as u64 % 1_000_000_000));
    println!("{test}: to see it again: SLOTCAST_TEST_SEED={seed}");
    seed
}
