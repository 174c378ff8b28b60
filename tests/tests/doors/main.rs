//! The doors, against the real binary and real sockets.

mod close_codes;
mod conversation;
mod drain;
mod encodings;
mod friends;
mod garbage;
mod handshake;
mod herd;
mod http;
mod large;
mod limits;
mod openapi;
mod plain;
mod rate;
mod refusals;
mod relay;
mod relay_refusals;
mod requests;
mod stalled;
mod terminal;
mod tls;
mod tokens;

use slotcast_tests::real::{http as http_client, server, socket};
