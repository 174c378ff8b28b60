//! Single settings from their text; the error says what is expected.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::gateway::Block;
use slotcast_protocol::User;
use tracing_subscriber::EnvFilter;

/// More threads than this are a typing mistake.
pub const WORKERS_MAX: usize = 256;

/// A shorter token could be guessed.
const TOKEN_BYTES_MIN: usize = 16;

/// A `hello` with a longer one would not fit into its first message.
const TOKEN_BYTES_MAX: usize = 1024;

pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("expected an IP address and a port, like 127.0.0.1:7440 or [::1]:7440, not `{text}`")
    })
}

pub fn workers(number: u64) -> Result<usize, String> {
    match usize::try_from(number) {
        Ok(workers @ 1..=WORKERS_MAX) => Ok(workers),
        Ok(_) | Err(_) => Err(format!("expected 1 to {WORKERS_MAX} threads, not {number}")),
    }
}

pub fn workers_text(text: &str) -> Result<usize, String> {
    let number = text.parse();
    number.map_err(|_| format!("expected a number from 1 to {WORKERS_MAX}, not `{text}`")).and_then(workers)
}

pub fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" => Ok(true),
        "" | "0" | "false" | "no" => Ok(false),
        other => Err(format!("expected true or false, not `{other}`")),
    }
}

pub fn pages(folder: PathBuf) -> Result<PathBuf, String> {
    if folder.is_dir() { Ok(folder) } else { Err(format!("expected a folder; {} is none", folder.display())) }
}

/// Only that it can be a folder; the store makes it.
pub fn data(folder: PathBuf) -> Result<PathBuf, String> {
    if folder.as_os_str().is_empty() || folder.exists() && !folder.is_dir() {
        return Err(format!("expected a folder for the store; `{}` is none", folder.display()));
    }
    Ok(folder)
}

/// As a browser writes it: no path, no `/` at the end, small letters.
pub fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    let fits = |host: &str| {
        let plain = host.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
        !host.is_empty() && plain && !host.contains(['/', '?', '#', '@', '*', ','])
    };
    if host.is_some_and(fits) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected origins as browsers write them, like https://example.org or http://localhost:8080 \
         (small letters, no path, no `*`), not `{text}`"
    ))
}

/// Whether they are for everyone.
pub fn metrics(text: &str) -> Result<bool, String> {
    match text {
        "local" => Ok(false),
        "public" => Ok(true),
        other => Err(format!("expected local (for this machine) or public, not `{other}`")),
    }
}

/// With commas between.
pub fn proxies(text: &str) -> Result<Vec<Block>, String> {
    let each = text.split(',').map(str::trim).filter(|block| !block.is_empty());
    each.map(str::parse).collect()
}

pub fn log(text: String) -> Result<String, String> {
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(why) => {
            Err(format!("expected a level or directives, like info or slotcast=debug, not `{text}`: {why}"))
        }
    }
}

/// Whether it is JSON.
pub fn log_format(text: &str) -> Result<bool, String> {
    match text {
        "text" => Ok(false),
        "json" => Ok(true),
        other => Err(format!("expected text or json, not `{other}`")),
    }
}

pub fn user(name: &str) -> Result<User, String> {
    User::parse(name).map_err(|fault| fault.what)
}

/// The token itself is never told, not even a wrong one.
pub fn token(text: &str) -> Result<&str, String> {
    if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len()) {
        let length = text.len();
        return Err(format!(
            "expected a token of {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} bytes; this one has {length}"
        ));
    }
    Ok(text)
}
