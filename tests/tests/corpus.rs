//! The fuzzer's targets over their seeds and over what it has kept: `fuzz/corpus`, a file a target, a line of hex an input.

use slotcast_tests::fuzz::{TARGETS, Target, seeds};
use slotcast_tests::vectors::bytes;

fn kept(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/../fuzz/corpus/{target}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| bytes(&line.into())).collect()
}

fn hold(name: &str, target: Target, inputs: &[Vec<u8>]) {
    assert!(!inputs.is_empty(), "{name} has inputs");
    for (number, input) in inputs.iter().enumerate() {
        let held = std::panic::catch_unwind(|| target(input));
        assert!(
            held.is_ok(),
            "{name} does not hold for input {} of {}: {input:02x?}",
            number + 1,
            inputs.len()
        );
    }
}

#[test]
fn every_target_holds_for_its_seeds_and_its_corpus() {
    for (name, target) in TARGETS {
        let (seeds, kept) = (seeds::of(name), kept(name));
        hold(name, *target, &seeds);
        hold(name, *target, &kept);
        println!("{name}: {} seeds, {} kept", seeds.len(), kept.len());
    }
}
