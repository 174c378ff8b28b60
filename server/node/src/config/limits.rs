//! The limits' sane ranges, and what two of them must be to each other.

use std::ops::RangeInclusive;

use slotcast_protocol::Limits;

use super::error::{ConfigError, unknown};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MILLION: u64 = 1_000_000;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// What can be meant; None if there is no limit of this name.
fn range(name: &str) -> Option<RangeInclusive<u64>> {
    Some(match name {
        "message_bytes" => 256..=16 * MIB,
        "batch_bytes" => KIB..=64 * MIB,
        // Room for the longest token, a device and a user.
        "hello_bytes" => 1536..=64 * KIB,
        "hello_ms" => 10..=10 * MINUTE_MS,
        "value_bytes" => 16..=16 * MIB,
        // The protocol's own bound, which clients know (protocol.md section 3).
        "value_depth" => 1..=16,
        "object_bytes" => KIB..=GIB,
        "slots" => 1..=MILLION,
        "ops" => 1..=KIB,
        "inflight" => 1..=64 * KIB,
        "patterns" => 1..=256,
        "audiences" => 1..=64 * KIB,
        "objects" => 1..=64 * KIB,
        "sessions_per_user" => 1..=10 * MILLION,
        "connections" => 1..=10 * MILLION,
        "connections_per_address" => 0..=10 * MILLION,
        "strangers" => 1..=10 * MILLION,
        "strangers_per_address" => 0..=10 * MILLION,
        "handshakes_per_s" => 1..=MILLION,
        "messages_per_s" => 1..=10 * MILLION,
        "messages_burst" => 1..=10 * MILLION,
        "bytes_per_s" => KIB..=4 * GIB - 1,
        "bytes_burst" => KIB..=GIB,
        "controls_per_s" => 1..=10 * MILLION,
        "controls_burst" => 1..=10 * MILLION,
        "fragments_ms" => 10..=10 * MINUTE_MS,
        "ping_ms" => 10..=HOUR_MS,
        "pong_ms" => 10..=10 * MINUTE_MS,
        "ring_frames" => 1..=MILLION,
        "ring_bytes" => KIB..=GIB,
        "rings_bytes" => 1..=1024 * GIB,
        "waiting_bytes" => 1..=1024 * GIB,
        "idle_bytes" => 1..=1024 * GIB,
        "objects_bytes" => MIB..=1024 * GIB,
        "log_bytes" => MIB..=64 * GIB,
        // Clients take messages of 8 MiB.
        "part_bytes" => 256..=4 * MIB,
        "tell_bytes" => 16..=16 * MIB,
        "tells_per_s" => 1..=10 * MILLION,
        "tells_burst" => 1..=10 * MILLION,
        "window_messages" => 1..=64 * KIB,
        "window_bytes" => KIB..=GIB,
        "inbox_days" => 1..=3_650,
        "inbox_messages" => 1..=MILLION,
        "inbox_bytes" => KIB..=GIB,
        "inbox_per_sender" => 1..=MILLION,
        "inbox_senders" => 1..=MILLION,
        "devices" => 1..=64 * KIB,
        "friends" | "blocks" => 1..=100_000,
        "friend_groups" => 1..=256,
        "friend_asks" => 1..=10_000,
        "lists" | "last_seen" => 1..=100 * MILLION,
        "status_bytes" => 1..=64 * KIB,
        "status_ms" => 1..=MINUTE_MS,
        "statuses_per_s" => 1..=100 * MILLION,
        "drain_ms" => 1..=HOUR_MS,
        _unknown => return None,
    })
}

/// Sets one limit; the error says which name was meant, or the range.
pub(super) fn set(limits: &mut Limits, name: &str, value: i128) -> Result<(), String> {
    let Some(range) = range(name) else {
        let names: Vec<&str> = limits.table().iter().map(|(name, _)| *name).collect();
        return Err(unknown("limit", name, names.into_iter()));
    };
    let outside = || format!("expected {} to {}, not {value}", range.start(), range.end());
    let value = u64::try_from(value).ok().filter(|value| range.contains(value)).ok_or_else(outside)?;
    let known = limits.set(name, value);
    debug_assert!(known, "{name} has a range and is no limit");
    Ok(())
}

/// The same, from an environment variable's text.
pub(super) fn set_text(limits: &mut Limits, name: &str, text: &str) -> Result<(), String> {
    let value = text.parse::<i64>().map_err(|_| format!("expected a whole number, not `{text}`"))?;
    set(limits, name, value.into())
}

/// A smaller one inside a larger one.
pub(super) fn check(limits: &Limits) -> Result<(), ConfigError> {
    let pairs = [
        ("hello_bytes", limits.hello_bytes, "message_bytes", limits.message_bytes),
        ("value_bytes", limits.value_bytes, "message_bytes", limits.message_bytes),
        ("value_bytes", limits.value_bytes, "object_bytes", limits.object_bytes),
        ("tell_bytes", limits.tell_bytes, "message_bytes", limits.message_bytes),
        ("tell_bytes", limits.tell_bytes, "inbox_bytes", limits.inbox_bytes),
        ("status_bytes", limits.status_bytes, "message_bytes", limits.message_bytes),
    ];
    for (inner, less, outer, more) in pairs {
        if less > more {
            return Err(ConfigError::general(format!(
                "limits: {inner} = {less} does not fit into {outer} = {more}; make the first smaller or the second greater"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_range_with_its_default_inside() {
        for (name, default) in Limits::default().table() {
            assert!(range(name).is_some_and(|range| range.contains(&default)), "{name}");
            assert_eq!(
                set(&mut Limits::default(), name, 0).is_ok(),
                name.ends_with("_per_address"),
                "{name} = 0"
            );
            assert!(set(&mut Limits::default(), name, i128::from(u64::MAX)).is_err(), "{name} = 2^64-1");
        }
    }
}
