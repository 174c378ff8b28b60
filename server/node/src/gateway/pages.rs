//! The demo pages. What can be asked for is listed when the server starts: a path in a URL is a key, never a path on the disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION,
};

use super::{Answer, http, text};
use crate::log::said;

/// No inline script or style, nothing from elsewhere, no frames around us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'";

/// The client's one-file build, which pages of other sites may import.
const CLIENT: &str = "/slotcast.js";

const TYPES: [(&str, &str); 6] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
];

/// URL path -> file.
#[derive(Default)]
pub struct Pages {
    files: BTreeMap<String, (PathBuf, &'static str)>,
}

impl Pages {
    /// All files of the known types under `folder`, two levels deep.
    pub fn of(folder: &Path) -> io::Result<Pages> {
        let mut pages = Pages::default();
        pages.add(folder, "/")?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pages.add(&entry.path(), &format!("/{}/", entry.file_name().to_string_lossy()))?;
            }
        }
        Ok(pages)
    }

    /// The file, read anew each time, so that an edit shows at the next load.
    pub fn answer(&self, path: &str) -> Answer {
        let Some((file, content_type)) = self.files.get(path) else {
            if self.files.contains_key(&format!("{path}/")) {
                return moved(path);
            }
            return text(StatusCode::NOT_FOUND, "there is nothing here\n");
        };
        match std::fs::read(file) {
            Ok(body) if path == CLIENT => for_any_site(page(body.into(), content_type)),
            Ok(body) => page(body.into(), content_type),
            Err(error) => {
                tracing::warn!(%error, path = said(path), "a page cannot be read");
                text(StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be read\n")
            }
        }
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
            let known = TYPES.iter().find(|(known, _)| *known == extension);
            let (Some((_, content_type)), Some(name)) =
                (known, path.file_name().and_then(|name| name.to_str()))
            else {
                continue;
            };
            if name == "index.html" {
                self.files.insert(prefix.to_owned(), (path.clone(), content_type));
            }
            self.files.insert(format!("{prefix}{name}"), (path, content_type));
        }
        Ok(())
    }
}

fn page(body: Bytes, content_type: &'static str) -> Answer {
    let mut answer = http::whole(StatusCode::OK, content_type, body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn for_any_site(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// The path was one of our keys but for its last `/`, so it is safe in a header.
fn moved(path: &str) -> Answer {
    let mut answer = text(StatusCode::PERMANENT_REDIRECT, "");
    let location = HeaderValue::from_str(&format!("{path}/")).expect("our own paths are plain");
    answer.headers_mut().insert(LOCATION, location);
    answer
}
