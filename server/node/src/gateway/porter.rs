//! Who may come in: so many connections in all and from one address, and so many that have not said who they are. An IPv6 address
//! stands for its /64, as whoever has one has all of them.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use slotcast_protocol::Limits;

/// One who shares an address with nobody: the first 64 bits of an IPv6 address, or an IPv4 address where no IPv6 address begins so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(u64);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Network(match address.to_canonical() {
            IpAddr::V4(address) => 1 << 32 | u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        })
    }
}

/// Why someone is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are too many connections.
    All,
    /// There are too many from this address.
    Address,
    /// There are too many that have not said who they are.
    Strangers,
    /// The same, from this address.
    AddressStrangers,
}

/// One per server.
#[derive(Default)]
pub struct Porter {
    connections: AtomicUsize,
    strangers: AtomicUsize,
    /// Those who are there; hashed with a key, so that nobody can choose addresses that collide.
    by_network: DashMap<Network, Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    connections: usize,
    strangers: usize,
}

impl Porter {
    /// Lets a stranger in, whom [`Porter::meet`] and [`Porter::leave`] must be told of. Without a network only the whole is looked at.
    pub fn enter(&self, network: Option<Network>, limits: &Limits) -> Result<(), Full> {
        if let Some(network) = network {
            let mut count = self.by_network.entry(network).or_default();
            let full = count.full(limits);
            if full.is_none() {
                count.connections += 1;
                count.strangers += 1;
            }
            drop(count);
            if let Some(full) = full {
                self.forget(network);
                return Err(full);
            }
        }
        let connections = self.connections.fetch_add(1, Ordering::Relaxed);
        let strangers = self.strangers.fetch_add(1, Ordering::Relaxed);
        let full = match () {
            () if connections >= limits.connections => Full::All,
            () if strangers >= limits.strangers => Full::Strangers,
            () => return Ok(()),
        };
        self.leave(network, true);
        Err(full)
    }

    /// A stranger has said who it is.
    pub fn meet(&self, network: Option<Network>) {
        self.strangers.fetch_sub(1, Ordering::Relaxed);
        if let Some(mut count) = network.and_then(|network| self.by_network.get_mut(&network)) {
            count.strangers -= 1;
        }
    }

    /// Someone is gone.
    pub fn leave(&self, network: Option<Network>, is_stranger: bool) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        self.strangers.fetch_sub(is_stranger.into(), Ordering::Relaxed);
        let Some(network) = network else { return };
        if let Some(mut count) = self.by_network.get_mut(&network) {
            count.connections -= 1;
            count.strangers -= usize::from(is_stranger);
        }
        self.forget(network);
    }

    pub fn strangers(&self) -> usize {
        self.strangers.load(Ordering::Relaxed)
    }

    fn forget(&self, network: Network) {
        self.by_network.remove_if(&network, |_, count| count.connections == 0);
    }
}

impl Count {
    /// 0 is no limit.
    fn full(self, limits: &Limits) -> Option<Full> {
        let reached = |count: usize, limit: usize| limit > 0 && count >= limit;
        match self {
            _ if reached(self.connections, limits.connections_per_address) => Some(Full::Address),
            _ if reached(self.strangers, limits.strangers_per_address) => Some(Full::AddressStrangers),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Option<Network> {
        Some(address.parse::<IpAddr>().expect("a good address").into())
    }

    #[test]
    fn who_has_one_address_of_a_64_has_all() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
        assert_ne!(network("0.0.0.1"), network("::1"));
    }

    #[test]
    fn each_count_has_its_limit_and_all_is_forgotten() {
        let limits = Limits {
            connections: 5,
            strangers: 4,
            connections_per_address: 3,
            strangers_per_address: 2,
            ..Limits::default()
        };
        let porter = Porter::default();
        let (a, b, c) = (network("10.0.0.1"), network("10.0.0.2"), network("10.0.0.3"));
        assert_eq!([a, a].map(|network| porter.enter(network, &limits)), [Ok(()); 2]);
        assert_eq!(porter.enter(a, &limits), Err(Full::AddressStrangers));
        porter.meet(a);
        assert_eq!(porter.enter(a, &limits), Ok(()));
        porter.meet(a);
        assert_eq!(porter.enter(a, &limits), Err(Full::Address));
        assert_eq!([b, b].map(|network| porter.enter(network, &limits)), [Ok(()); 2]);
        assert_eq!(porter.enter(c, &limits), Err(Full::All));
        porter.leave(a, true);
        assert_eq!(porter.enter(c, &limits), Ok(()));
        porter.leave(a, false);
        assert_eq!(porter.enter(None, &limits), Ok(()));
        porter.leave(a, false);
        assert_eq!(porter.enter(None, &limits), Err(Full::Strangers));
        for (network, is_stranger) in [(b, true), (b, true), (c, true), (None, true)] {
            porter.leave(network, is_stranger);
        }
        assert_eq!((porter.connections.into_inner(), porter.by_network.len()), (0, 0));
    }
}
