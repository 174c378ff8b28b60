//! `slotcast token`: a signed token, for a developer's own page or a script. A real site's own back end signs them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use slotcast_protocol::User;
use slotcast_state::{Objects, Right, Role};

use super::failure::Failure;
use super::screen::print;
use crate::auth::{Claims, Signed, SigningKey};
use crate::config::{Config, Flags};
use crate::worker::now_ms;

/// Arguments.
#[derive(Args)]
pub struct Token {
    /// The file of keys to sign with, as `slotcast key` prints one; by default the one of --config
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    key: Option<PathBuf>,
    /// Which of the keys; by default the first that can sign
    #[arg(long)]
    kid: Option<String>,
    /// Whose token
    #[arg(long, value_parser = |text: &str| User::parse(text).map_err(|fault| fault.what))]
    user: User,
    /// A role of the user's; may be said several times
    #[arg(long = "role", value_parser = role)]
    roles: Vec<String>,
    /// Objects that may be read: a name, or the beginning of one and *. With none of --read, --write and --send the kinds decide
    #[arg(long, value_name = "OBJECTS", value_parser = objects)]
    read: Vec<String>,
    /// Objects that may be changed
    #[arg(long, value_name = "OBJECTS", value_parser = objects)]
    write: Vec<String>,
    /// Objects to whose followers may be sent
    #[arg(long, value_name = "OBJECTS", value_parser = objects)]
    send: Vec<String>,
    /// How long it is good: 90s, 15m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = seconds)]
    ttl: u64,
    /// The server's settings, for the issuer, the audience and the keys
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "audience"])]
    config: Option<PathBuf>,
    /// As in the server's settings
    #[arg(long, required_unless_present = "config")]
    issuer: Option<String>,
    /// As in the server's settings
    #[arg(long, required_unless_present = "config")]
    audience: Option<String>,
}

pub fn run(token: Token) -> Result<(), Failure> {
    let signed = settings(&token)?;
    let told = |why: String| Failure::Usage(format!("{}: {why}", signed.jwks.display()));
    let text = std::fs::read(&signed.jwks).map_err(|why| told(format!("cannot be read: {why}")))?;
    let key = SigningKey::find(&text, token.kid.as_deref()).map_err(told)?;
    let claims = claims(&token, &signed, now_ms() / 1000);
    print(&key.sign(&claims).map_err(Failure::Failed)?)
}

/// Where the keys are, and what the token has to say.
fn settings(token: &Token) -> Result<Signed, Failure> {
    let Token { key, issuer, audience, .. } = token;
    let mut signed = match &token.config {
        Some(path) => {
            let config = Config::load(Some(path), [], Flags::default());
            let config = config.map_err(|error| Failure::Usage(error.to_string()))?;
            let none = || Failure::Usage(format!("{}: has no keys in [auth]", path.display()));
            config.auth.signed.ok_or_else(none)?
        }
        None => Signed {
            jwks: PathBuf::new(),
            issuer: issuer.clone().unwrap_or_default(),
            audience: audience.clone().unwrap_or_default(),
        },
    };
    if let Some(key) = key {
        signed.jwks.clone_from(key);
    }
    Ok(signed)
}

fn claims(token: &Token, signed: &Signed, now_s: u64) -> Claims {
    let mut claims = Claims::new();
    let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    say("iss", signed.issuer.as_str().into());
    say("aud", signed.audience.as_str().into());
    say("sub", token.user.as_str().into());
    say("iat", now_s.into());
    say("exp", (now_s + token.ttl).into());
    if !token.roles.is_empty() {
        say("roles", token.roles.clone().into());
    }
    let rows = rows(token);
    if !rows.is_empty() {
        say("objects", json!(rows));
    }
    claims
}

/// The narrowest row that matches decides, so each has also what wider ones give.
fn rows(token: &Token) -> BTreeMap<&str, Vec<&'static str>> {
    let said = [(Right::Read, &token.read), (Right::Write, &token.write), (Right::Send, &token.send)];
    let covers = |wide: &str, narrow: &str| match wide.strip_suffix('*') {
        Some(beginning) => narrow.trim_end_matches('*').starts_with(beginning),
        None => wide == narrow,
    };
    let all = said.iter().flat_map(|(_, patterns)| patterns.iter());
    let row = |pattern: &'_ String| {
        let has = |patterns: &Vec<String>| patterns.iter().any(|wide| covers(wide, pattern));
        said.iter().filter(|(_, patterns)| has(patterns)).map(|(right, _)| right.name()).collect()
    };
    all.map(|pattern| (pattern.as_str(), row(pattern))).collect()
}

fn role(text: &str) -> Result<String, String> {
    Role::parse(text).map(|role| role.as_str().to_owned()).map_err(|fault| fault.what)
}

fn objects(text: &str) -> Result<String, String> {
    Objects::parse(text).map(|_| text.to_owned()).map_err(|fault| fault.what)
}

/// A number and s, m, h or d.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let parsed = units.into_iter().find_map(|(unit, seconds)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(u64::from(number) * seconds)
    });
    parsed.filter(|seconds| *seconds > 0).ok_or_else(|| format!("expected 90s, 15m, 1h or 7d, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(|&pattern| pattern.to_owned()).collect()
    }

    #[test]
    fn a_narrow_row_has_what_wide_ones_give() {
        let token = Token {
            key: None,
            kid: None,
            user: User::parse("alice").expect("a good user"),
            roles: Vec::new(),
            read: texts(&["a/*"]),
            write: texts(&["a/1", "b"]),
            send: texts(&["a/x*", "a/*"]),
            ttl: 60,
            config: None,
            issuer: None,
            audience: None,
        };
        let wanted = json!({"a/*": ["read", "send"], "a/1": ["read", "write", "send"], "a/x*": ["read", "send"], "b": ["write"]});
        assert_eq!(json!(rows(&token)), wanted);
    }

    #[test]
    fn times() {
        for (text, wanted) in
            [("90s", Some(90)), ("15m", Some(900)), ("1h", Some(3600)), ("7d", Some(604_800))]
        {
            assert_eq!(seconds(text).ok(), wanted, "{text}");
        }
        for text in ["", "h", "1", "0s", "-1h", "1.5h", "1w", "99999999999h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
