//! `slotcast.toml`: its shape, and the lines that errors point to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use slotcast_state::Rosters;
use toml::Spanned;

use super::error::{ConfigError, Place};
use super::kinds::{self, Wrong};
use super::{Config, auth, limits, relay, setting};

/// A file that was read, with its text for line numbers.
pub(super) struct File {
    path: PathBuf,
    text: String,
    shape: Shape,
}

/// The whole file; what is left out stays as it was.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Shape {
    listen: Option<Spanned<String>>,
    workers: Option<Spanned<i64>>,
    dev: Option<bool>,
    pages: Option<Spanned<PathBuf>>,
    data: Option<Spanned<PathBuf>>,
    behind_proxy: Option<Vec<Spanned<String>>>,
    origins: Option<Vec<Spanned<String>>>,
    metrics: Option<Spanned<String>>,
    log: Option<Spanned<String>>,
    log_format: Option<Spanned<String>>,
    tls: Option<TlsTable>,
    users: BTreeMap<Spanned<String>, Spanned<String>>,
    limits: BTreeMap<Spanned<String>, Spanned<i64>>,
    kind: BTreeMap<Spanned<String>, kinds::Table>,
    default: Option<kinds::Table>,
    auth: Option<auth::Table>,
    relay: Option<relay::Table>,
    roster: Option<relay::RosterTable>,
}

/// The certificate of the server, seen from the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    certificate: PathBuf,
    key: PathBuf,
}

pub(super) fn read(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|why| ConfigError::general(format!("{}: cannot be read: {why}", path.display())))?;
    parse(path, text)
}

/// The message of `toml` with our line; its own form shows the line's text, which may hold a token.
pub(super) fn parse(path: &Path, text: String) -> Result<File, ConfigError> {
    let path = path.to_owned();
    match toml::from_str(&text) {
        Ok(shape) => Ok(File { path, text, shape }),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let key = key_at(&text, at);
            Err(Place::File { path: &path, line: line_of(&text, at), key }.error(error.message()))
        }
    }
}

impl File {
    pub fn apply(self, config: &mut Config) -> Result<(), ConfigError> {
        let File { path, text, shape } = self;
        let lines = Lines { path: &path, text: &text };
        lines.apply_plain(&shape, config)?;
        lines.apply_users(shape.users, config)?;
        let limits = Arc::make_mut(&mut config.limits);
        for (name, value) in shape.limits {
            let (name_at, value_at) = (name.span().start, value.span().start);
            let at = if limits.table().iter().any(|(known, _)| known == name.as_ref()) {
                value_at
            } else {
                name_at
            };
            limits::set(limits, name.as_ref(), (*value.as_ref()).into())
                .map_err(|why| lines.error(at, format!("limits.{}", name.as_ref()), why))?;
        }
        if let Some(table) = shape.auth {
            let here = path.parent().unwrap_or(Path::new(""));
            config.auth = table.settings(here).map_err(|wrong| lines.wrong("auth", wrong))?;
        }
        if let Some(TlsTable { certificate, key }) = shape.tls {
            let here = path.parent().unwrap_or(Path::new(""));
            config.tls_certificate = Some(here.join(certificate));
            config.tls_key = Some(here.join(key));
        }
        if let Some(table) = shape.relay {
            config.relay = table.relay().map_err(|wrong| lines.wrong("relay", wrong))?;
            config.relay.rosters = Rosters::Own(config.relay.durability);
        }
        if let Some(table) = shape.roster {
            let (rosters, friends) = table.rosters().map_err(|wrong| lines.wrong("roster", wrong))?;
            config.relay.rosters = rosters.unwrap_or(config.relay.rosters);
            config.friends = friends;
        }
        lines.apply_kinds(shape.kind, shape.default, config)
    }
}

/// Turns offsets into places.
struct Lines<'a> {
    path: &'a PathBuf,
    text: &'a str,
}

impl Lines<'_> {
    fn error(&self, at: usize, key: impl Into<String>, why: impl std::fmt::Display) -> ConfigError {
        Place::File { path: self.path, line: line_of(self.text, at), key: key.into() }.error(why)
    }

    fn apply_plain(&self, shape: &Shape, config: &mut Config) -> Result<(), ConfigError> {
        if let Some(listen) = &shape.listen {
            config.listen = self.taken("listen", listen, |text| setting::listen(text))?;
        }
        if let Some(workers) = &shape.workers {
            let workers_of = |number: &i64| setting::workers((*number).max(0).unsigned_abs());
            config.workers = self.taken("workers", workers, workers_of)?;
        }
        if let Some(dev) = shape.dev {
            config.dev = dev;
        }
        if let Some(pages) = &shape.pages {
            let here = self.path.parent().unwrap_or(Path::new(""));
            config.pages = Some(self.taken("pages", pages, |folder| setting::pages(here.join(folder)))?);
        }
        if let Some(data) = &shape.data {
            let here = self.path.parent().unwrap_or(Path::new(""));
            config.data = self.taken("data", data, |folder| setting::data(here.join(folder)))?;
        }
        if let Some(origins) = &shape.origins {
            let each =
                origins.iter().map(|origin| self.taken("origins", origin, |text| setting::origin(text)));
            config.origins = each.collect::<Result<_, _>>()?;
        }
        if let Some(blocks) = &shape.behind_proxy {
            let each = blocks.iter().map(|block| self.taken("behind_proxy", block, |text| text.parse()));
            config.proxies = each.collect::<Result<_, _>>()?;
        }
        if let Some(metrics) = &shape.metrics {
            config.public_metrics = self.taken("metrics", metrics, |text| setting::metrics(text))?;
        }
        if let Some(log) = &shape.log {
            config.log = self.taken("log", log, |text| setting::log(text.clone()))?;
        }
        if let Some(format) = &shape.log_format {
            config.log_json = self.taken("log_format", format, |text| setting::log_format(text))?;
        }
        Ok(())
    }

    fn taken<T, U>(
        &self,
        key: &str,
        found: &Spanned<T>,
        take: impl FnOnce(&T) -> Result<U, String>,
    ) -> Result<U, ConfigError> {
        take(found.as_ref()).map_err(|why| self.error(found.span().start, key, why))
    }

    fn apply_users(
        &self,
        users: BTreeMap<Spanned<String>, Spanned<String>>,
        config: &mut Config,
    ) -> Result<(), ConfigError> {
        for (name, token) in users {
            let key = format!("users.{}", name.as_ref().escape_debug());
            let user = self.taken(&key, &name, |name| setting::user(name))?;
            let text = self.taken(&key, &token, |text| setting::token(text).map(str::to_owned))?;
            if let Some(other) = config.users.insert(text, user) {
                let why = format!("has the same token as {other}; every user needs one of their own");
                return Err(self.error(token.span().start, key, why));
            }
        }
        Ok(())
    }

    fn apply_kinds(
        &self,
        named: BTreeMap<Spanned<String>, kinds::Table>,
        other: Option<kinds::Table>,
        config: &mut Config,
    ) -> Result<(), ConfigError> {
        let kinds = Arc::make_mut(&mut config.kinds);
        for (name, table) in named {
            let header = format!("kind.{}", name.as_ref().escape_debug());
            self.taken(&header, &name, |name| kinds::check_name(name))?;
            let kind = table.kind().map_err(|wrong| self.wrong(&header, wrong))?;
            kinds.named.insert(name.into_inner(), Arc::new(kind));
        }
        if let Some(table) = other {
            kinds.other = Arc::new(table.kind().map_err(|wrong| self.wrong("default", wrong))?);
        }
        Ok(())
    }

    fn wrong(&self, header: &str, Wrong { at, key, why }: Wrong) -> ConfigError {
        self.error(at, format!("{header}.{key}"), why)
    }
}

/// Counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// What stands before the `=` in the line, or the header's text.
fn key_at(text: &str, at: usize) -> String {
    let line = text.lines().nth(line_of(text, at) - 1).unwrap_or("").trim();
    match line.split_once('=') {
        Some((key, _)) => key.trim().to_owned(),
        None if line.starts_with('[') => line.to_owned(),
        None => String::new(),
    }
}
