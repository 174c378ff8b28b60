//! How a command reaches the server: the flags that all of them share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use slotcast_protocol::{Door, User};
use tokio_tungstenite::tungstenite::http::Uri;

use super::failure::Failure;

/// Flags.
#[derive(Args, Clone, Debug)]
pub struct Link {
    /// Where the server is
    #[arg(long, env = "SLOTCAST_URL", default_value = "ws://127.0.0.1:7440/objects", value_parser = url)]
    url: Uri,
    /// A file with the token (the environment's SLOTCAST_TOKEN otherwise; never an argument, where others could see it)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file of certificates (PEM) to trust in a server behind wss://, in place of those that browsers trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The guest to be, where the server runs with --dev
    #[arg(long, value_name = "NAME", value_parser = User::parse)]
    pub user: Option<User>,
    /// Print the protocol's JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,
}

impl Link {
    /// Where a door is. The doors lie beside each other; a path that ends otherwise is the operator's, and is taken as it is.
    pub fn url(&self, door: Door) -> Uri {
        let Some(folder) = Door::ALL.iter().find_map(|door| self.url.path().strip_suffix(path(*door))) else {
            return self.url.clone();
        };
        let query = self.url.query().map_or(String::new(), |query| format!("?{query}"));
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = format!("{folder}{}{query}", path(door)).parse().ok();
        Uri::from_parts(parts).expect("only the path's last word is another")
    }

    /// Whom to trust, if not whom browsers trust.
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// The token, if there is one.
    pub fn token(&self) -> Result<Option<String>, Failure> {
        let text = match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map(Some)
                .map_err(|why| Failure::Usage(format!("{}: cannot be read: {why}", path.display())))?,
            None => std::env::var("SLOTCAST_TOKEN").ok(),
        };
        Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }
}

fn path(door: Door) -> &'static str {
    match door {
        Door::Objects => "/objects",
        Door::Relay => "/relay",
    }
}

/// A path is added where there is none.
fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "expected a URL like ws://127.0.0.1:7440/objects".to_owned())?;
    match (uri.scheme_str(), uri.path()) {
        (Some("ws" | "wss"), "" | "/") => format!("{}/objects", text.trim_end_matches('/'))
            .parse()
            .map_err(|_| "expected no more than host and port before a `?`".to_owned()),
        (Some("ws" | "wss"), _) => Ok(uri),
        (Some(_) | None, _) => {
            Err("expected a URL that begins with ws:// or wss://, like ws://127.0.0.1:7440/objects"
                .to_owned())
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0.001 to 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let rows = [
            ("ws://127.0.0.1:7440/objects", Some("ws://127.0.0.1:7440/objects")),
            ("ws://host", Some("ws://host/objects")),
            ("ws://host:1/", Some("ws://host:1/objects")),
            ("ws://host/a/objects", Some("ws://host/a/objects")),
            ("wss://host", Some("wss://host/objects")),
            ("wss://host:1/a/objects", Some("wss://host:1/a/objects")),
            ("https://host", None),
            ("http://host", None),
            ("127.0.0.1:7440", None),
            ("host", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(url(text).ok().map(|uri| uri.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn doors_lie_beside_each_other() {
        let rows = [
            ("ws://host", "ws://host/objects", "ws://host/relay"),
            ("ws://host:1/relay", "ws://host:1/objects", "ws://host:1/relay"),
            ("ws://host/a/objects?b=1", "ws://host/a/objects?b=1", "ws://host/a/relay?b=1"),
            ("ws://host/a", "ws://host/a", "ws://host/a"),
        ];
        for (text, objects, relay) in rows {
            let (token_file, ca, user, timeout) = (None, None, None, Duration::from_secs(1));
            let link = Link { url: url(text).expect(text), token_file, ca, user, json: false, timeout };
            assert_eq!(link.url(Door::Objects).to_string(), objects, "{text}");
            assert_eq!(link.url(Door::Relay).to_string(), relay, "{text}");
        }
    }
}
