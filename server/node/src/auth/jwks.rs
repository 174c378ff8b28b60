//! The keys of those who sign tokens: a file, `{"keys": [JWK, …]}`, which is read again when it changes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Map, Value};

use super::key::Key;
use super::strict;

/// bytes; more than this are no keys
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// More than this are a mistake, and each would be looked at.
const KEYS_MAX: usize = 64;

/// Keys by their names. One without a name is alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Key>);

impl Keys {
    /// From the text of a file.
    pub fn parse(text: &[u8]) -> Result<Keys, String> {
        let keys: Vec<(String, Key)> = members(text)?
            .iter()
            .enumerate()
            .filter(|(_, jwk)| jwk.get("use").is_none_or(|usage| usage == "sig"))
            .map(|(place, jwk)| named(jwk).map_err(|why| format!("keys[{place}].{why}")))
            .collect::<Result<_, _>>()?;
        let (count, by_name) = (keys.len(), BTreeMap::from_iter(keys));
        if by_name.is_empty() {
            return Err("keys: holds no key to check a signature with".to_owned());
        }
        if by_name.len() < count {
            return Err("keys: two of them have the same kid".to_owned());
        }
        if by_name.len() > 1 && by_name.contains_key("") {
            return Err("keys: where there are several, each needs a kid".to_owned());
        }
        Ok(Keys(by_name))
    }

    /// The key that a token names; without a name the only one there is.
    pub fn named(&self, kid: Option<&str>) -> Option<&Key> {
        match kid {
            Some(kid) => self.0.get(kid),
            None if self.0.len() == 1 => self.0.values().next(),
            None => None,
        }
    }
}

/// The JSON Web Keys in a text.
pub fn members(text: &[u8]) -> Result<Vec<Map<String, Value>>, String> {
    let mut file = strict::object(text).ok_or("is no JSON object in which each name stands once")?;
    let Some(Value::Array(keys)) = file.remove("keys") else {
        return Err("keys: expected an array of keys".to_owned());
    };
    if keys.len() > KEYS_MAX {
        return Err(format!("keys: {} are too many, the limit is {KEYS_MAX}", keys.len()));
    }
    let object = |(place, key)| match key {
        Value::Object(members) => Ok(members),
        _other => Err(format!("keys[{place}]: expected an object")),
    };
    keys.into_iter().enumerate().map(object).collect()
}

fn named(jwk: &Map<String, Value>) -> Result<(String, Key), String> {
    let kid = match jwk.get("kid") {
        None => "",
        Some(Value::String(kid)) if !kid.is_empty() => kid,
        Some(_other) => return Err("kid: expected a text".to_owned()),
    };
    Ok((kid.to_owned(), Key::parse(jwk)?))
}

/// Reads a file of keys, unless others could have read or changed what only the operator should.
pub fn read(path: &Path) -> Result<Keys, String> {
    let told = |why: String| format!("{}: {why}", path.display());
    let mut file = File::open(path).map_err(|why| told(format!("cannot be read: {why}")))?;
    let about = file.metadata().map_err(|why| told(format!("cannot be read: {why}")))?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(told(format!("expected a file of at most {FILE_BYTES_MAX} bytes")));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|why| told(format!("cannot be read: {why}")))?;
    let keys = Keys::parse(&text).map_err(told)?;
    let (mode, secret) = (about.permissions().mode(), keys.0.values().any(|key| key.is_secret));
    if mode & 0o002 != 0 || secret && mode & 0o004 != 0 {
        return Err(told(format!(
            "holds secrets, and others on this machine may read or change it (mode {:03o}); say chmod 0640",
            mode & 0o777
        )));
    }
    Ok(keys)
}
