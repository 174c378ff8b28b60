//! `slotcast key`: a new key to sign tokens with, as the file that the server and `slotcast token` read.

use clap::Args;

use super::failure::Failure;
use super::screen::print;
use crate::auth::{Algorithm, fresh};

/// Arguments.
#[derive(Args)]
pub struct Key {
    /// HS256, where whoever checks tokens may also make them; or EdDSA
    #[arg(long, default_value = "HS256", value_parser = algorithm)]
    alg: Algorithm,
}

pub fn run(key: Key) -> Result<(), Failure> {
    print(fresh(key.alg).map_err(Failure::Failed)?.trim_end())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let known = [Algorithm::Hs256, Algorithm::EdDsa];
    let named = known.into_iter().find(|algorithm| algorithm.name() == text);
    named.ok_or_else(|| format!("expected HS256 or EdDSA, not `{text}`; others are made by openssl"))
}
