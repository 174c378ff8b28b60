//! Why a configuration was not taken: where, which key, and what was expected.

use std::fmt;
use std::path::PathBuf;

/// One sentence for the operator, beginning with the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    /// About the settings together.
    pub(super) fn general(what: impl Into<String>) -> Self {
        ConfigError(what.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Where a setting was found.
pub(super) enum Place<'a> {
    /// `slotcast.toml:3: limits.slots`
    File { path: &'a PathBuf, line: usize, key: String },
    /// A variable's name.
    Variable(&'a str),
    /// A flag's name.
    Flag(&'static str),
}

impl Place<'_> {
    pub fn error(&self, why: impl fmt::Display) -> ConfigError {
        ConfigError(match self {
            Place::File { path, line, key } if key.is_empty() => format!("{}:{line}: {why}", path.display()),
            Place::File { path, line, key } => format!("{}:{line}: {key}: {why}", path.display()),
            Place::Variable(name) => format!("environment: {name}: {why}"),
            Place::Flag(name) => format!("{name}: {why}"),
        })
    }
}

/// `no such X; did you mean Y?`, if a known name is near enough.
pub(super) fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str>) -> String {
    let distances = known.map(|known| (distance(name, known), known));
    match distances.min().filter(|(distance, _)| *distance <= name.len() / 3 + 1) {
        Some((_, nearest)) => format!("there is no {what} of this name; did you mean `{nearest}`?"),
        None => format!("there is no {what} of this name"),
    }
}

/// Insertions, removals and replacements of characters from one to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, left) in from.chars().zip(1..) {
        let mut diagonal = std::mem::replace(&mut row[0], left);
        for (place, letter) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(*letter != above);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, wanted) in [
            ("", "abc", 3),
            ("slots", "slots", 0),
            ("slotz", "slots", 1),
            ("slot", "slots", 1),
            ("sitting", "kitten", 3),
        ] {
            assert_eq!(distance(from, to), wanted, "{from} -> {to}");
        }
    }
}
