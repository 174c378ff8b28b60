//! `[auth]`: whose tokens are taken, and whose no longer.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::kinds::Wrong;
use crate::auth::{self, Settings, Signed};

/// The table as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    jwks: Option<Spanned<PathBuf>>,
    issuer: Option<Spanned<String>>,
    audience: Option<Spanned<String>>,
    revoked: Option<Spanned<PathBuf>>,
}

impl Table {
    /// Paths are seen from `here`. The files are read, so that a mistake in them is told with the others.
    pub fn settings(self, here: &Path) -> Result<Settings, Wrong> {
        let jwks = self.jwks.map(|path| checked(path, here, "jwks", auth::check_jwks)).transpose()?;
        let revoked = self.revoked.map(|path| checked(path, here, "revoked", auth::check_revoked));
        let signed = match (jwks, self.issuer, self.audience) {
            (Some((_, jwks)), Some(issuer), Some(audience)) => {
                let (issuer, audience) = (filled(issuer, "issuer")?, filled(audience, "audience")?);
                Some(Signed { jwks, issuer, audience })
            }
            (Some((at, _)), _, _) => {
                let why = "needs an issuer and an audience beside it, which tokens must name";
                return Err(wrong(at, "jwks", why));
            }
            (None, Some(alone), _) => {
                return Err(wrong(alone.span().start, "issuer", "needs jwks beside it"));
            }
            (None, None, Some(alone)) => {
                return Err(wrong(alone.span().start, "audience", "needs jwks beside it"));
            }
            (None, None, None) => None,
        };
        Ok(Settings { signed, revoked: revoked.transpose()?.map(|(_, path)| path) })
    }
}

/// The path, and where it stands in the configuration.
fn checked(
    path: Spanned<PathBuf>,
    here: &Path,
    key: &str,
    check: fn(&Path) -> Result<(), String>,
) -> Result<(usize, PathBuf), Wrong> {
    let (at, path) = (path.span().start, here.join(path.into_inner()));
    check(&path).map_err(|why| wrong(at, key, &why))?;
    Ok((at, path))
}

fn filled(text: Spanned<String>, key: &str) -> Result<String, Wrong> {
    match text.as_ref().is_empty() {
        true => Err(wrong(text.span().start, key, "must not be empty")),
        false => Ok(text.into_inner()),
    }
}

fn wrong(at: usize, key: &str, why: &str) -> Wrong {
    Wrong { at, key: key.to_owned(), why: why.to_owned() }
}
