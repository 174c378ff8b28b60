//! Who a request is from, where a proxy stands before the server: what it says is believed if it is one of the operator's, and nobody else's word is.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::header::{FORWARDED, HeaderMap, HeaderName, VIA};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Addresses that have the first bits in common: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    bits: u8,
}

impl Block {
    fn holds(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (ours.to_bits() ^ theirs.to_bits()).leading_zeros(),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits() ^ theirs.to_bits()).leading_zeros(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        differ >= self.bits.into()
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected an address or a block of them, like 127.0.0.1 or 10.0.0.0/8, not `{text}`");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(bits_max), |bits| bits.parse().map_err(|_| expected()))?;
        if bits > bits_max { Err(expected()) } else { Ok(Block { address, bits }) }
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Whether an address is one of the operator's proxies.
pub fn is_trusted(proxies: &[Block], address: IpAddr) -> bool {
    proxies.iter().any(|block| block.holds(address.to_canonical()))
}

/// Whom the proxies say that a request is from: the last of the chain who is none of them. What cannot be read ends the chain, and
/// the proxy that passed it on stands for all behind it.
pub fn client(proxies: &[Block], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut client = peer.to_canonical();
    for hop in chain(headers).iter().rev() {
        if !is_trusted(proxies, client) {
            break;
        }
        let Some(address) = address(hop) else { break };
        client = address;
    }
    client
}

/// Whether a proxy, one of ours or not, has passed a request on.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    [X_FORWARDED_FOR, FORWARDED, VIA].iter().any(|name| headers.contains_key(name))
}

/// The chain, nearest proxy last; `X-Forwarded-For`, or RFC 7239's `Forwarded` where that is not there.
fn chain(headers: &HeaderMap) -> Vec<&str> {
    let items = |name| {
        let values = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or(""));
        values.flat_map(|value| value.split(',')).map(str::trim)
    };
    if headers.contains_key(X_FORWARDED_FOR) {
        return items(X_FORWARDED_FOR).collect();
    }
    let is_for = |pair: &&str| pair.trim().get(..4).is_some_and(|name| name.eq_ignore_ascii_case("for="));
    let hops =
        items(FORWARDED).map(|hop| hop.split(';').find(is_for).map_or("", |pair| pair.trim()[4..].trim()));
    hops.collect()
}

/// An address, perhaps with a port, in brackets or quotes.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches('"');
    let bare = match hop.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if hop.matches(':').count() == 1 => hop.split_once(':')?.0,
        None => hop,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn blocks() {
        let rows = [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe12::1", false),
        ];
        for (block, address, wanted) in rows {
            let blocks = [block.parse().expect("a good one")];
            assert_eq!(
                is_trusted(&blocks, address.parse().expect("a good one")),
                wanted,
                "{block} {address}"
            );
        }
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "localhost", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<Block>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_who_is_no_proxy() {
        let proxies = ["127.0.0.1".parse().expect("good"), "10.0.0.0/8".parse().expect("good")];
        let rows: [(&str, &str, &str, &str); 14] = [
            ("9.9.9.9", "x-forwarded-for", "1.1.1.1", "9.9.9.9"),
            ("127.0.0.1", "x-forwarded-for", "1.1.1.1", "1.1.1.1"),
            ("127.0.0.1", "x-forwarded-for", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
            ("127.0.0.1", "x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.1.1.1", "1.1.1.1"),
            ("127.0.0.1", "x-forwarded-for", "10.2.2.2", "10.2.2.2"),
            ("127.0.0.1", "x-forwarded-for", "1.1.1.1, unknown", "127.0.0.1"),
            ("127.0.0.1", "x-forwarded-for", "1.1.1.1:7, [2001:db8::1]:80", "2001:db8::1"),
            ("127.0.0.1", "x-forwarded-for", "1.1.1.1:700", "1.1.1.1"),
            ("127.0.0.1", "x-forwarded-for", "", "127.0.0.1"),
            ("::ffff:127.0.0.1", "x-forwarded-for", "1.1.1.1", "1.1.1.1"),
            ("127.0.0.1", "forwarded", "for=6.6.6.6, proto=https;For=1.1.1.1", "1.1.1.1"),
            ("127.0.0.1", "forwarded", "for=\"[2001:db8::1]:80\"", "2001:db8::1"),
            ("127.0.0.1", "forwarded", "for=_hidden", "127.0.0.1"),
            ("127.0.0.1", "x-real-ip", "1.1.1.1", "127.0.0.1"),
        ];
        for (peer, name, value, wanted) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).expect("it is plain"));
            let found = client(&proxies, peer.parse().expect("good"), &headers);
            assert_eq!(found.to_string(), wanted, "{peer} says {value}");
        }
    }
}
