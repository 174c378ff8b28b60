//! The effective configuration as a file, for `slotcast serve --check`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use slotcast_state::{Kind, Rosters};

use super::{Config, kinds, relay, rights};
use crate::auth::{Settings, Signed};
use crate::tls::Files;

/// Writing to a String does not fail.
const GROWS: &str = "a String takes all";

pub(super) fn file(config: &Config) -> String {
    let mut out = String::new();
    plain(config, &mut out);
    if let Some(Files { certificate, key }) = config.tls() {
        let path = |path: PathBuf| text(&std::path::absolute(&path).unwrap_or(path).to_string_lossy());
        writeln!(out, "\n[tls]\ncertificate = {}\nkey = {}", path(certificate), path(key)).expect(GROWS);
    }
    out.push_str("\n[users]\n");
    for (token, user) in &config.users {
        writeln!(out, "# {} = a token of {} bytes", text(user.as_str()), token.len()).expect(GROWS);
    }
    auth(&config.auth, &mut out);
    out.push_str("\n[limits]\n");
    for (name, value) in config.limits.table() {
        writeln!(out, "{name} = {value}").expect(GROWS);
    }
    let (durability, policy) = (config.relay.durability.name(), relay::policy_text(config.relay.policy));
    writeln!(out, "\n[relay]\ndurability = {}\npolicy = {}", text(durability), text(policy)).expect(GROWS);
    if let Rosters::Own(durability) = config.relay.rosters {
        writeln!(out, "\n[roster]\ndurability = {}", text(durability.name())).expect(GROWS);
    }
    if let Some(friends) = &config.friends {
        writeln!(out, "\n[roster]\nurl = {}\n# and a key, if one is set", text(friends.url())).expect(GROWS);
    }
    kind("default", &config.kinds.other, &mut out);
    for (name, named) in &config.kinds.named {
        kind(&format!("kind.{}", text(name)), named, &mut out);
    }
    out
}

fn plain(config: &Config, out: &mut String) {
    let origins: Vec<String> = config.origins.iter().map(|origin| text(origin)).collect();
    let proxies: Vec<String> = config.proxies.iter().map(|block| text(&block.to_string())).collect();
    let pages = config.pages.as_ref().map(|folder| std::path::absolute(folder).unwrap_or(folder.clone()));
    let data = std::path::absolute(&config.data).unwrap_or(config.data.clone());
    let lines = [
        format!("listen = {}", text(&config.listen.to_string())),
        format!("workers = {}", config.workers),
        format!("dev = {}", config.dev),
        pages.map_or("# pages: none".to_owned(), |folder| {
            format!("pages = {}", text(&folder.to_string_lossy()))
        }),
        format!("data = {}", text(&data.to_string_lossy())),
        format!("behind_proxy = [{}]", proxies.join(", ")),
        format!("origins = [{}]", origins.join(", ")),
        format!("metrics = {}", text(if config.public_metrics { "public" } else { "local" })),
        format!("log = {}", text(&config.log)),
        format!("log_format = {}", text(if config.log_json { "json" } else { "text" })),
    ];
    lines.iter().for_each(|line| writeln!(out, "{line}").expect(GROWS));
}

fn auth(settings: &Settings, out: &mut String) {
    let path = |path: &Path| text(&std::path::absolute(path).unwrap_or(path.to_owned()).to_string_lossy());
    if settings.signed.is_some() || settings.revoked.is_some() {
        out.push_str("\n[auth]\n");
    }
    if let Some(Signed { jwks, issuer, audience }) = &settings.signed {
        let (jwks, issuer, audience) = (path(jwks), text(issuer), text(audience));
        writeln!(out, "jwks = {jwks}\nissuer = {issuer}\naudience = {audience}").expect(GROWS);
    }
    if let Some(revoked) = &settings.revoked {
        writeln!(out, "revoked = {}", path(revoked)).expect(GROWS);
    }
}

fn kind(header: &str, kind: &Kind, out: &mut String) {
    let rules = kind.rules.iter();
    let rules =
        rules.map(|(slots, rule)| format!("{} = {}", text(slots.as_str()), text(&kinds::rule_text(*rule))));
    let rules: Vec<String> = rules.collect();
    let rate = kind.rate.map(|rate| format!("rate = {}", rate.per_second()));
    let lines = [
        format!("\n[{header}]"),
        format!("linger_ms = {}", kind.linger_ms),
        format!("clear = {}", kind.clear),
        format!("resync_depth = {}", kind.resync_depth),
        format!("durability = {}", text(kind.durability.name())),
        format!("rules = {{ {} }}", rules.join(", ")),
    ];
    let rights = rights::text(kind);
    lines.iter().chain(&rate).chain(&rights).for_each(|line| writeln!(out, "{line}").expect(GROWS));
}

/// A TOML string.
fn text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
