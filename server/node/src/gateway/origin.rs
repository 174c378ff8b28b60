//! Which pages may connect: an exact list, and in `--dev` whatever is served from this machine; and under which names this machine answers there.

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Without an `Origin` it is no browser, or a page of our own, and the token decides; a browser says so if the page is another's.
pub fn is_allowed(headers: &HeaderMap, origins: &[String], dev: bool) -> bool {
    let mut values = headers.get_all(ORIGIN).iter();
    let Some(origin) = values.next() else {
        return headers.get(SEC_FETCH_SITE).is_none_or(|site| site != "cross-site");
    };
    let Ok(origin) = origin.to_str() else { return false };
    if values.next().is_some() {
        return false;
    }
    origins.iter().any(|allowed| allowed == origin) || dev && is_loopback(origin)
}

/// In `--dev` guests need no token, so that a page of anyone's could read all there is, once its own name leads to this machine (DNS
/// rebinding). Its requests bear its name as `Host`.
pub fn is_host_allowed(headers: &HeaderMap, dev: bool) -> bool {
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or(""));
    !dev || host.is_none_or(is_loopback_host)
}

fn is_loopback(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    is_loopback_host(rest)
}

/// With or without a port.
fn is_loopback_host(rest: &str) -> bool {
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
        for (site, wanted) in
            [("none", true), ("same-origin", true), ("same-site", true), ("cross-site", false)]
        {
            let headers = HeaderMap::from_iter([(SEC_FETCH_SITE, HeaderValue::from_static(site))]);
            assert_eq!(is_allowed(&headers, &allowed, true), wanted, "{site}");
        }
    }

    #[test]
    fn hosts() {
        let rows = [
            ("localhost", true),
            ("localhost:7440", true),
            ("127.0.0.1:7440", true),
            ("[::1]:7440", true),
            ("evil.example", false),
            ("evil.example:7440", false),
            ("127.0.0.1.evil.example", false),
            ("localhost:80:80", false),
            ("192.168.0.1", false),
            ("", false),
        ];
        for (host, wanted) in rows {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert_eq!(is_host_allowed(&headers, true), wanted, "{host}");
            assert!(is_host_allowed(&headers, false), "{host}: whoever has a token knows where it goes");
        }
    }
}
