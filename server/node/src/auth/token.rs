//! A signed token (a JWT, RFC 7519, in the compact form of RFC 7515), from its text to a [`Grant`].
//!
//! ```text
//! base64url(header) . base64url(claims) . base64url(signature)
//! ```
//!
//! Nothing of the claims is looked at before the signature holds, and nothing of the header but `alg`, `kid`, `typ` and `crit`: a key
//! that a token brings along, or says where to fetch, is no key.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use slotcast_protocol::User;
use slotcast_state::{Objects, Right, Rights, Role};

use super::grant::Grant;
use super::jwks::Keys;
use super::refused::{Reason, Refused};
use super::strict;

/// bytes
const TOKEN_BYTES_MAX: usize = 4096;

/// s by which the clock of whoever signs may be ahead. There is none for `exp`: the end of a session is the end by our clock.
const LEEWAY_S: u64 = 30;

/// s; later than this is no time, as the protocol counts ms below 2^53
const TIME_S_MAX: u64 = (1 << 53) / 1000;

/// Of one token.
const ROLES_MAX: usize = 64;
const OBJECTS_MAX: usize = 64;

/// What a token must say.
pub struct Expected {
    pub issuer: String,
    pub audience: String,
}

/// The grant of a token that one of the keys has signed.
pub fn verify(token: &str, keys: &Keys, expected: &Expected, now_ms: u64) -> Result<Grant, Refused> {
    let form = |what: &str| Refused::new(Reason::Form, what);
    if token.len() > TOKEN_BYTES_MAX {
        return Err(form("is longer than 4096 bytes"));
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(form("is not accepted"));
    };
    let decode = |part: &str, name| {
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(part);
        decoded.map_err(|_| form(&format!("{name}: is no base64url without padding")))
    };
    let key = check_header(&decode(header, "header")?, keys)?;
    let signed = &token[..header.len() + 1 + claims.len()];
    if !key.verifies(signed.as_bytes(), &decode(signature, "signature")?) {
        return Err(Refused::new(Reason::Signature, "signature: does not hold"));
    }
    let claims = strict::object(&decode(claims, "claims")?);
    let claims = claims.ok_or_else(|| form("claims: are no JSON object in which each name stands once"))?;
    Claimed(&claims).grant(expected, now_ms)
}

/// The key that the token was signed with, if the header is one of ours.
fn check_header<'k>(header: &[u8], keys: &'k Keys) -> Result<&'k super::key::Key, Refused> {
    let form = |what: &str| Refused::new(Reason::Form, what);
    let header = strict::object(header);
    let header = header.ok_or_else(|| form("header: is no JSON object in which each name stands once"))?;
    if header.contains_key("crit") {
        return Err(form("crit: is not understood here"));
    }
    let is_jwt = |typ: &Value| {
        typ.as_str().is_some_and(|typ| ["jwt", "at+jwt"].iter().any(|ours| typ.eq_ignore_ascii_case(ours)))
    };
    if !header.get("typ").is_none_or(is_jwt) {
        return Err(form("typ: must be JWT"));
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if !kid.is_empty() => Some(kid.as_str()),
        Some(_other) => return Err(form("kid: must be a text")),
    };
    let key = keys.named(kid).ok_or_else(|| Refused::new(Reason::Key, "kid: names no key"))?;
    match header.get("alg").and_then(Value::as_str) {
        Some(alg) if alg == key.algorithm().name() => Ok(key),
        Some(_) | None => Err(Refused::new(Reason::Key, "alg: is not the key's")),
    }
}

/// What a token says.
struct Claimed<'a>(&'a Map<String, Value>);

impl Claimed<'_> {
    fn grant(&self, expected: &Expected, now_ms: u64) -> Result<Grant, Refused> {
        let now_s = now_ms / 1000;
        if self.text("iss")? != expected.issuer {
            return Err(wrong("iss", "is not the one that this server trusts"));
        }
        if self.text("aud")? != expected.audience {
            return Err(wrong("aud", "is not this server's"));
        }
        let expires_ms = self.time("exp")? * 1000;
        if expires_ms <= now_ms {
            return Err(Refused::new(Reason::Expired, "exp: has passed"));
        }
        let issued_s = self.time("iat")?;
        let begins_s = if self.0.contains_key("nbf") { self.time("nbf")? } else { 0 };
        for (name, time) in [("iat", issued_s), ("nbf", begins_s)] {
            if time > now_s + LEEWAY_S {
                return Err(wrong(name, "is in the future"));
            }
        }
        let user = User::parse(self.text("sub")?).map_err(|_| wrong("sub", "is no user's name"))?;
        if self.0.contains_key("name") {
            self.text("name")?;
        }
        let rights = self.rights()?.map(Arc::new);
        Ok(Grant { user, expires_ms: Some(expires_ms), issued_s: Some(issued_s), rights })
    }

    fn text(&self, name: &str) -> Result<&str, Refused> {
        match self.0.get(name) {
            None => Err(wrong(name, "is missing")),
            Some(Value::String(text)) => Ok(text),
            Some(_other) => Err(wrong(name, "must be a text")),
        }
    }

    /// s of the Unix clock.
    fn time(&self, name: &str) -> Result<u64, Refused> {
        let value = self.0.get(name).ok_or_else(|| wrong(name, "is missing"))?;
        let time = value.as_u64().filter(|time| *time < TIME_S_MAX);
        time.ok_or_else(|| wrong(name, "must be a time in whole seconds"))
    }

    /// None if the token has neither roles nor objects.
    fn rights(&self) -> Result<Option<Rights>, Refused> {
        let roles = match self.0.get("roles") {
            None => Vec::new(),
            Some(roles) => roles_of(roles).ok_or_else(|| wrong("roles", "must be an array of names"))?,
        };
        let objects = self.0.get("objects").map(|objects| {
            let why = "must name objects, or beginnings of names and `*`, and for each an array of read, write and send";
            objects_of(objects).ok_or_else(|| wrong("objects", why))
        });
        let objects = objects.transpose()?;
        let speaks = !roles.is_empty() || objects.is_some();
        Ok(speaks.then(|| Rights::new(roles, objects)))
    }
}

fn roles_of(roles: &Value) -> Option<Vec<Role>> {
    let roles = roles.as_array().filter(|roles| roles.len() <= ROLES_MAX)?;
    roles.iter().map(|role| Role::parse(role.as_str()?).ok()).collect()
}

fn objects_of(objects: &Value) -> Option<Vec<(Objects, Vec<Right>)>> {
    let objects = objects.as_object().filter(|objects| objects.len() <= OBJECTS_MAX)?;
    let right = |right: &Value| {
        let name = right.as_str()?;
        Right::ALL.into_iter().find(|right| right.name() == name)
    };
    let row = |(pattern, rights): (&String, &Value)| {
        let rights = rights.as_array().filter(|rights| rights.len() <= Right::ALL.len())?;
        Some((Objects::parse(pattern).ok()?, rights.iter().map(right).collect::<Option<_>>()?))
    };
    objects.iter().map(row).collect()
}

fn wrong(claim: &str, why: &str) -> Refused {
    Refused::new(Reason::Claims, format!("{claim}: {why}"))
}
