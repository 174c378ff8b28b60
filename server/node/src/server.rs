//! The whole server: its threads from start to drain.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use slotcast_protocol::Durability;
use slotcast_state::{Kinds, Relay, Rosters, Shard};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::auth::Auth;
use crate::config::Config;
use crate::engine::embedded::Recovered;
use crate::engine::{Embedded, Engine};
use crate::friends::{self, Service};
use crate::gateway::pages::Pages;
use crate::gateway::{self, Porter, Turns};
use crate::identity::Identities;
use crate::line::Lines;
use crate::metrics::Metrics;
use crate::store::{Store, Threads};
use crate::tls::Tls;
use crate::worker::{House, Letter, Worker, now_ms};

/// Connections that the kernel holds until a worker takes them.
const BACKLOG: i32 = 4_096;

/// How often it is looked whether the drain is over.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// How long requests without a session may take to get their answers when all sessions have ended.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// From one look at the files of `[auth]` to the next.
const FILES_WAIT: Duration = Duration::from_secs(1);

/// File descriptors that are not for connections.
const DESCRIPTORS_KEPT: u64 = 512;

/// How often the certificate's files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// However long the connections took to end, the store gets so long to keep what is under way.
const STORE_STOP_MIN: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT, then drains.
pub fn run(mut config: Config) -> io::Result<()> {
    fit_connections(&mut config)?;
    let listener = listen(config.listen)?;
    let address = listener.local_addr()?;
    let (store, threads) = store(&config)?.unzip();
    let (roster, asked) = config.friends.as_ref().map(|_| Service::new()).unzip();
    let (house, mail) = house(&config, store, roster)?;
    if let (Some(address), Some(asked)) = (config.friends.clone(), asked) {
        let (house, run) = (house.clone(), seed());
        let thread = std::thread::Builder::new().name("friends".to_owned());
        thread.spawn(move || friends::run(address, run, asked, house))?;
    }
    if let Some(threads) = threads {
        threads.start(house.clone())?;
    }
    if house.auth.has_files() {
        let house = house.clone();
        std::thread::Builder::new().name("files".to_owned()).spawn(move || watch(&house))?;
    }
    let relay = Arc::new(relay(&config));
    for (number, mail) in mail.into_iter().enumerate() {
        let (house, kinds, relay) = (house.clone(), config.kinds.clone(), relay.clone());
        let listener = listener.try_clone()?;
        let seed = seed().wrapping_add(number as u64);
        let idle_bytes = house.limits.idle_bytes / config.workers;
        let shard = Shard::new(number as u16, seed, kinds.clone(), house.limits.clone(), idle_bytes)
            .with_relay(relay, config.workers);
        std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || work(number, house, kinds, shard, listener, mail))?;
    }
    drop(listener);
    wait(&house, || greet(&config, address))
}

/// No more connections than there are descriptors for, with some left for the store and whatever else needs one.
fn fit_connections(config: &mut Config) -> io::Result<()> {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX)?;
    let most = descriptors.saturating_sub(DESCRIPTORS_KEPT).max(descriptors / 4) as usize;
    if config.limits.connections > most {
        tracing::warn!(
            connections = most,
            descriptors,
            "the system gives too few file descriptors for limits.connections = {}",
            config.limits.connections
        );
        Arc::make_mut(&mut config.limits).connections = most;
    }
    Ok(())
}

/// Differs from run to run.
fn seed() -> u64 {
    now_ms().wrapping_mul(0x9e37_79b9) ^ u64::from(std::process::id()) << 32
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).map_err(named)?;
    socket.listen(BACKLOG).map_err(named)?;
    Ok(socket.into())
}

/// Opens the store, if there is a kind that is stored, or the messages between users are; what is only in its log is done again before anyone is let in.
fn store(config: &Config) -> io::Result<Option<(Store, Threads)>> {
    let in_memory = [Rosters::Own(Durability::Memory), Rosters::Outside].contains(&config.relay.rosters);
    if !config.kinds.any_on_disk() && config.relay.durability == Durability::Memory && in_memory {
        return Ok(None);
    }
    let begun = Instant::now();
    let opened = Embedded::open(&config.data, &config.kinds, &config.limits).map_err(io::Error::other)?;
    let Recovered { groups, commits, names } = opened.recovered;
    let (stored, ms) = (opened.size().names, begun.elapsed().as_millis() as u64);
    tracing::info!(folder = %config.data.display(), names = stored, ms, "the store is open");
    if groups > 0 {
        tracing::info!(groups, commits, names, "the log of the last run was folded");
    }
    Store::new(Box::new(opened)).map(Some).map_err(|error| io::Error::other(error.to_string()))
}

/// Guests can be anyone, and so can those whose tokens others sign; else there is no user but those of the file.
fn relay(config: &Config) -> Relay {
    let is_closed = !config.dev && config.auth.signed.is_none();
    let users = is_closed.then(|| config.users.values().cloned().collect());
    Relay { users, ..config.relay.clone() }
}

fn house(
    config: &Config,
    store: Option<Store>,
    roster: Option<Service>,
) -> io::Result<(Arc<House>, Vec<UnboundedReceiver<Letter>>)> {
    let (boxes, mail): (Vec<UnboundedSender<_>>, Vec<_>) =
        (0..config.workers).map(|_| unbounded_channel()).unzip();
    let pages = match &config.pages {
        Some(folder) => Pages::of(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot read the pages in {}: {error}", folder.display()))
        })?,
        None => Pages::default(),
    };
    let metrics = Metrics::default();
    let auth = Auth::new(config.dev, config.users.clone(), &config.auth, &metrics);
    let house = House {
        limits: config.limits.clone(),
        auth: auth.map_err(io::Error::other)?,
        identities: Identities::new(config.limits.sessions_per_user),
        metrics,
        origins: config.origins.clone(),
        dev: config.dev,
        pages,
        tls: config.tls().map(Tls::new).transpose()?,
        porter: Porter::default(),
        public_metrics: config.public_metrics,
        proxies: config.proxies.clone(),
        turns: Turns::default(),
        boxes,
        lines: Lines::new(&config.limits),
        store,
        roster: roster.map(|service| Box::new(service) as Box<dyn friends::Roster>),
        conversations: AtomicUsize::new(0),
        behind: AtomicUsize::new(0),
    };
    Ok((Arc::new(house), mail))
}

fn work(
    number: usize,
    house: Arc<House>,
    kinds: Arc<Kinds>,
    shard: Shard,
    listener: TcpListener,
    mail: UnboundedReceiver<Letter>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the kernel gives an epoll to each worker");
    LocalSet::new().block_on(&runtime, async {
        let worker = Worker::new(number, house, kinds, shard);
        let listener = tokio::net::TcpListener::from_std(listener).expect("the listener is non-blocking");
        tokio::task::spawn_local(gateway::accept(worker.clone(), listener));
        worker.run(mail).await;
    });
}

/// Looks for new keys, and for users who are to be shut out, for as long as the server runs.
fn watch(house: &House) {
    loop {
        std::thread::sleep(FILES_WAIT);
        if house.auth.look_again() {
            house.boxes.iter().for_each(|letter_box| _ = letter_box.send(Letter::Revoked));
        }
    }
}

/// Whoever started the server may have stopped listening to it: that is no reason to stop.
fn greet(config: &Config, address: SocketAddr) {
    let scheme = if config.tls().is_some() { "https" } else { "http" };
    let mut text = format!("slotcast listens on {scheme}://{address}/\n");
    if config.dev {
        text += "--dev: anyone on this machine is let in as a guest; do not put this on a network\n";
    }
    if let Err(error) = io::stdout().write_all(text.as_bytes()) {
        tracing::debug!(%error, "nobody reads what is printed");
    }
    tracing::info!(%address, workers = config.workers, dev = config.dev, "serving");
}

/// Looks at the certificate's files now and then, and when SIGHUP says so; without end.
async fn look_again(house: &House, mut hang_up: Signal) {
    let mut now_and_then = tokio::time::interval(LOOK_AGAIN);
    loop {
        let is_asked = tokio::select! {
            _ = now_and_then.tick() => false,
            _ = hang_up.recv() => true,
        };
        if let Some(tls) = &house.tls {
            tls.refresh(is_asked);
        }
    }
}

/// Sleeps until told to stop; then every session is told when to come back, and nothing that was accepted is lost. Whoever is greeted
/// may tell it.
fn wait(house: &House, greet: impl FnOnce()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        greet();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = look_again(house, hang_up) => {}
        }
        tracing::info!(sessions = house.metrics.sessions.get(), "draining");
        for letter_box in &house.boxes {
            let _ = letter_box.send(Letter::Drain);
        }
        let drained = async {
            while house.conversations.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
            // Others come and go, a load balancer that asks for our health among them: they are not waited for long.
            let begun = Instant::now();
            while house.metrics.connections.get() > 0 && begun.elapsed() < LAST_ANSWERS {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
        };
        let deadline = Instant::now() + Duration::from_millis(house.limits.drain_ms);
        if tokio::time::timeout_at(deadline.into(), drained).await.is_err() {
            tracing::warn!(
                connections = house.metrics.connections.get(),
                "not all connections ended in time"
            );
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(STORE_STOP_MIN);
        if house.store.as_ref().is_some_and(|store| !store.stop(left)) {
            return Err(io::Error::other("the store has no room: what was not acknowledged is left out"));
        }
        tracing::info!("stopped");
        Ok(())
    })
}
