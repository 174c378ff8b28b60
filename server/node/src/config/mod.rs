//! What the operator decided: defaults, then the file, then the environment, then the flags; the last to speak wins.
//!
//! Everything is checked here, once. A name that is not known is an error that says which one was probably meant, so that a
//! typing mistake is never a setting that silently does nothing.

mod auth;
mod environment;
mod error;
mod file;
mod kinds;
mod limits;
mod relay;
mod rights;
mod setting;
mod shown;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slotcast_protocol::{Limits, User};
use slotcast_state::{Kinds, Relay};

pub use error::ConfigError;

use crate::auth::Settings;
use crate::friends::Address;
use crate::gateway::Block;
use crate::tls::Files;
use environment::Environment;
use error::Place;

/// The port that clients try when they are told none.
pub const PORT: u16 = 7440;

/// The folder of the store, where none is named: in the current folder.
pub const DATA: &str = "slotcast-data";

/// A server's settings, all of them good.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; a loopback address when `dev`.
    pub listen: SocketAddr,
    /// Threads, each an edge and a shard; one per core if nothing is said.
    pub workers: usize,
    /// Whether guests may enter without a token.
    pub dev: bool,
    /// A folder of pages to serve over HTTP.
    pub pages: Option<PathBuf>,
    /// The folder of the store; it is made when there is a kind that is stored.
    pub data: PathBuf,
    /// The certificate and its key in PEM; both or neither.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// From whom `X-Forwarded-For` is believed.
    pub proxies: Vec<Block>,
    /// Whether `/metrics` is for everyone, and not for this machine alone.
    pub public_metrics: bool,
    /// Where browsers' pages may come from, as in `Origin`: `https://example.org`.
    pub origins: Vec<String>,
    /// By token.
    pub users: BTreeMap<String, User>,
    /// Tokens that others sign, and users who are shut out.
    pub auth: Settings,
    /// In force for all.
    pub limits: Arc<Limits>,
    /// How objects behave.
    pub kinds: Arc<Kinds>,
    /// How messages between users are kept and let through; the users are `users`.
    pub relay: Relay,
    /// The friend service, if the lists are not ours.
    pub friends: Option<Address>,
    /// What to log, as directives of `tracing`'s environment filter.
    pub log: String,
    /// Whether log lines are JSON.
    pub log_json: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            workers: std::thread::available_parallelism().map_or(1, usize::from).min(setting::WORKERS_MAX),
            dev: false,
            pages: None,
            data: PathBuf::from(DATA),
            tls_certificate: None,
            tls_key: None,
            proxies: Vec::new(),
            public_metrics: false,
            origins: Vec::new(),
            users: BTreeMap::new(),
            auth: Settings::default(),
            limits: Arc::default(),
            kinds: Arc::default(),
            relay: Relay::default(),
            friends: None,
            log: "info".to_owned(),
            log_json: false,
        }
    }
}

/// What the command line says; None and false leave a setting as it was.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--workers`
    pub workers: Option<String>,
    /// `--dev`
    pub dev: bool,
    /// `--pages`
    pub pages: Option<PathBuf>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--tls-certificate`
    pub tls_certificate: Option<PathBuf>,
    /// `--tls-key`
    pub tls_key: Option<PathBuf>,
    /// `--behind-proxy`
    pub behind_proxy: Option<String>,
    /// `--log`
    pub log: Option<String>,
}

impl Config {
    /// All sources together. `file` is `--config`; without it the environment may name one.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: Flags,
    ) -> Result<Config, ConfigError> {
        let environment = Environment::read(variables)?;
        let mut config = Config::default();
        if let Some(path) = file.or(environment.config_file()) {
            file::read(path)?.apply(&mut config)?;
        }
        environment.apply(&mut config)?;
        flags.apply(&mut config)?;
        config.check()?;
        Ok(config)
    }

    /// As a file that could be loaded, but for the tokens, which are not shown.
    pub fn to_toml(&self) -> String {
        shown::file(self)
    }

    /// Where the certificate and its key are, if the server speaks TLS.
    pub fn tls(&self) -> Option<Files> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(Files { certificate, key })
    }

    /// What no single setting can tell.
    fn check(&self) -> Result<(), ConfigError> {
        limits::check(&self.limits)?;
        if self.dev && !self.listen.ip().is_loopback() {
            return Err(ConfigError::general(format!(
                "dev lets everyone in without a token, so it listens on this machine only: {} is not a loopback \
                 address; leave out dev, or listen on 127.0.0.1:{}",
                self.listen,
                self.listen.port(),
            )));
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::general(
                "tls: needs both, a certificate and its key (PEM files), or neither",
            ));
        }
        if let Some(files) = self.tls() {
            files.read().map_err(|why| ConfigError::general(format!("tls: {why}")))?;
        }
        if !self.dev && self.users.is_empty() && self.auth.signed.is_none() {
            return Err(ConfigError::general(
                "nobody could connect: there are no users; name some in the file's [users] table \
                 (name = \"token\"), give it the keys of signed ones ([auth] jwks), or say --dev to let guests in from this \
                 machine",
            ));
        }
        Ok(())
    }
}

impl Flags {
    fn apply(self, config: &mut Config) -> Result<(), ConfigError> {
        if let Some(text) = &self.listen {
            config.listen = setting::listen(text).map_err(|why| Place::Flag("--listen").error(why))?;
        }
        if let Some(text) = &self.workers {
            config.workers =
                setting::workers_text(text).map_err(|why| Place::Flag("--workers").error(why))?;
        }
        if let Some(folder) = self.pages {
            config.pages = Some(setting::pages(folder).map_err(|why| Place::Flag("--pages").error(why))?);
        }
        if let Some(folder) = self.data {
            config.data = setting::data(folder).map_err(|why| Place::Flag("--data").error(why))?;
        }
        config.tls_certificate = self.tls_certificate.or(config.tls_certificate.take());
        config.tls_key = self.tls_key.or(config.tls_key.take());
        if let Some(text) = &self.behind_proxy {
            config.proxies =
                setting::proxies(text).map_err(|why| Place::Flag("--behind-proxy").error(why))?;
        }
        if let Some(text) = self.log {
            config.log = setting::log(text).map_err(|why| Place::Flag("--log").error(why))?;
        }
        config.dev |= self.dev;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
