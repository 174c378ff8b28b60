//! A connection, for as long as it is there, as the counts see it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderMap;

use super::budget::{Budget, Taken};
use super::porter::{Full, Network};
use super::proxy;
use crate::worker::{Worker, now_ms};

/// Counts from the door to the end.
pub struct Visitor {
    worker: Rc<Worker>,
    network: Option<Network>,
    is_stranger: Cell<bool>,
}

impl Visitor {
    /// A stranger comes in, if there is room.
    pub fn enter(worker: &Rc<Worker>, network: Option<Network>) -> Result<Visitor, Full> {
        let (house, worker) = (&worker.house, worker.clone());
        match house.porter.enter(network, &house.limits) {
            Ok(()) => {
                house.metrics.connections.inc();
                Ok(Visitor { worker, network, is_stranger: Cell::new(true) })
            }
            Err(full) => {
                let metrics = &house.metrics;
                match full {
                    Full::All => &metrics.turned_away,
                    Full::Address => &metrics.turned_away_address,
                    Full::Strangers | Full::AddressStrangers => &metrics.turned_away_strangers,
                }
                .inc();
                Err(full)
            }
        }
    }

    /// It has said who it is.
    pub fn meet(&self) {
        if self.is_stranger.replace(false) {
            self.worker.house.porter.meet(self.network);
        }
    }
}

impl Deref for Visitor {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let house = &self.worker.house;
        house.porter.leave(self.network, self.is_stranger.get());
        house.metrics.connections.dec();
    }
}

/// One connection at the doors, while it speaks HTTP.
pub struct Knock {
    pub peer: IpAddr,
    /// Whether it is a proxy of ours: not itself a client, but many.
    is_proxy: bool,
    /// None when a WebSocket has it.
    visitor: RefCell<Option<Visitor>>,
    budget: RefCell<Budget>,
}

impl Knock {
    pub fn new(worker: &Rc<Worker>, peer: IpAddr) -> Result<Knock, Full> {
        let is_proxy = proxy::is_trusted(&worker.house.proxies, peer);
        let visitor = Visitor::enter(worker, (!is_proxy).then(|| peer.into()))?;
        if is_proxy {
            visitor.meet();
        }
        let budget = RefCell::new(Budget::new(&worker.house.limits, now_ms()));
        Ok(Knock { peer, is_proxy, visitor: RefCell::new(Some(visitor)), budget })
    }

    /// Whom a request is from.
    pub fn client(&self, worker: &Worker, headers: &HeaderMap) -> IpAddr {
        proxy::client(&worker.house.proxies, self.peer, headers)
    }

    /// The connection becomes a WebSocket. One that came by a proxy counts from now on as its client's.
    pub fn upgrade(&self, worker: &Rc<Worker>, headers: &HeaderMap) -> Result<Visitor, Full> {
        match self.visitor.take() {
            Some(visitor) if !self.is_proxy => Ok(visitor),
            visitor => {
                self.visitor.replace(visitor);
                Visitor::enter(worker, Some(self.client(worker, headers).into()))
            }
        }
    }

    /// Whether it is shown the metrics: from this machine, and not on behalf of another, unless the operator shows them to all.
    pub fn may_measure(&self, worker: &Worker, headers: &HeaderMap) -> bool {
        let is_here = self.peer.to_canonical().is_loopback() && !proxy::is_forwarded(headers);
        is_here || worker.house.public_metrics
    }

    /// Whoever is behind it has said who it is.
    pub fn meet(&self) {
        if let Some(visitor) = &*self.visitor.borrow() {
            visitor.meet();
        }
    }

    /// How long a request waits for its turn: a connection has as many as a session has messages. One of a proxy carries those of many.
    pub fn wait(&self, worker: &Worker) -> Option<Duration> {
        if self.is_proxy {
            return None;
        }
        self.budget.borrow_mut().take(&worker.house.limits, now_ms(), Taken::message(0))
    }
}
