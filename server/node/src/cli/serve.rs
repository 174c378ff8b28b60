//! `slotcast serve`: reads the configuration and runs the server.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::screen::print;
use crate::config::{Config, Flags};
use crate::{log, server};

/// Arguments.
#[derive(Args)]
pub struct Serve {
    /// The settings' file [environment: SLOTCAST_CONFIG]; see slotcast.example.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen; by default 127.0.0.1:7440
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Threads; by default one per core
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// Let guests in without a token, from this machine only
    #[arg(long)]
    dev: bool,
    /// Serve a folder of pages over HTTP
    #[arg(long, value_name = "FOLDER")]
    pages: Option<PathBuf>,
    /// The folder in which objects of the class `disk` are kept; by default slotcast-data
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Speak TLS, with this certificate and those behind it (PEM)
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Proxies whose X-Forwarded-For is believed: addresses or blocks, with commas between
    #[arg(long, value_name = "ADDRESSES")]
    behind_proxy: Option<String>,
    /// What to log: a level, or directives like info,slotcast_node=debug
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Only check the configuration, and print all of it but the tokens
    #[arg(long)]
    check: bool,
}

pub fn run(serve: Serve) -> Result<(), Failure> {
    let Serve {
        config,
        listen,
        workers,
        dev,
        pages,
        data,
        tls_certificate,
        tls_key,
        behind_proxy,
        log,
        check,
    } = serve;
    let flags = Flags { listen, workers, dev, pages, data, tls_certificate, tls_key, behind_proxy, log };
    let config = Config::load(config.as_deref(), variables(), flags);
    let config = config.map_err(|error| Failure::Usage(error.to_string()))?;
    if check {
        return print(config.to_toml().trim_end());
    }
    log::start(&config);
    server::run(config).map_err(|error| Failure::Failed(error.to_string()))
}

/// What is not UTF-8 keeps its name and is refused by its value.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()))
}
