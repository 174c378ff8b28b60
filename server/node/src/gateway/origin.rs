//! Which pages may connect: an exact list, and in `--dev` whatever is served from this machine.

use hyper::header::{HeaderMap, ORIGIN};

/// Without an `Origin` it is no browser, and the token decides.
pub fn is_allowed(headers: &HeaderMap, origins: &[String], dev: bool) -> bool {
    let mut values = headers.get_all(ORIGIN).iter();
    let Some(origin) = values.next() else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if values.next().is_some() {
        return false;
    }
    origins.iter().any(|allowed| allowed == origin) || dev && is_loopback(origin)
}

fn is_loopback(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    let host = match rest.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => rest,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn origins() {
        let allowed = ["https://shop.example".to_owned()];
        let rows = [
            ("https://shop.example", true, false),
            ("https://shop.example.evil.example", false, false),
            ("https://shop.example:8443", false, false),
            ("http://shop.example", false, false),
            ("HTTPS://shop.example", false, false),
            ("null", false, false),
            ("http://localhost:7440", false, true),
            ("http://127.0.0.1", false, true),
            ("http://[::1]:80", false, true),
            ("http://localhost.evil.example", false, false),
            ("http://user@localhost", false, false),
            ("http://127.0.0.1:80:80", false, false),
            ("file://localhost", false, false),
        ];
        for (origin, plain, dev) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(is_allowed(&headers, &allowed, false), plain, "{origin}");
            assert_eq!(is_allowed(&headers, &allowed, true), plain || dev, "{origin} in dev");
        }
        assert!(is_allowed(&HeaderMap::new(), &allowed, false));
    }
}
