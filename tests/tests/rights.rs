//! What sessions may do and see: the rules, a line of `protocol.md` section 16 each, and random rights that change while everything goes on.

use slotcast_tests::{rights, seeds};

#[test]
fn nothing_hidden_ever_reaches_a_socket() {
    seeds::simulate(400, 20, |seed, _aloud| rights::run(seed));
}
