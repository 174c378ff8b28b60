//! The body of the server: sockets, threads, time and bytes. It decides nothing; what happens is decided in `slotcast_state`.
//!
//! One worker per core is an edge and a shard. The bytes of a write walk `gateway/websocket` (decode) -> `worker` (route) ->
//! shard -> `engine` (commit) -> `worker/deliver` (encode once) -> edge -> `outbox` -> socket.

mod auth;
pub mod cli;
pub mod config;
pub mod engine;
mod frame;
mod friends;
mod gateway;
mod identity;
mod line;
mod log;
mod metrics;
mod outbox;
pub mod server;
mod store;
mod tls;
mod worker;
