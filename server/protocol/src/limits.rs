//! Every limit of the server, with its unit and default; `protocol.md` section 9 is the same table for people.

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:literal,)*) => {
        /// The limits in force. Each can be set in the configuration under its own name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $name: $type,)* }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Names and values, in the order of the page.
            pub fn table(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name as u64),)*]
            }

            /// Sets one by name; false if there is none of that name.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => self.$name = value as $type,)*
                    _unknown => return false,
                }
                true
            }
        }
    };
}

limits! {
    /// bytes, one message from a client
    message_bytes: usize = 65536,
    /// bytes, the body of one request of a session over HTTP
    batch_bytes: usize = 131072,
    /// bytes, the first message
    hello_bytes: usize = 4096,
    /// ms until `hello`
    hello_ms: u64 = 5000,
    /// bytes of MessagePack, one value in a message
    value_bytes: usize = 32768,
    /// levels
    value_depth: usize = 16,
    /// bytes of slots and values of one object
    object_bytes: usize = 1048576,
    /// slots of one object
    slots: usize = 4096,
    /// operations of one write
    ops: usize = 64,
    /// answers kept per device and object
    inflight: usize = 64,
    /// patterns of one `use`
    patterns: usize = 16,
    /// different views (patterns, rate, encoding) of one object at a time: each costs an encoding of every change
    audiences: usize = 64,
    /// objects in use by one session
    objects: usize = 128,
    /// sessions
    sessions_per_user: usize = 16,
    /// sockets of one server
    connections: usize = 20000,
    /// connections and sessions over HTTP from one address (IPv6: from one /64); 0: any number
    connections_per_address: usize = 4096,
    /// connections that have not said hello, or are not of a session
    strangers: usize = 1024,
    /// of them from one address; 0: any number
    strangers_per_address: usize = 32,
    /// TLS handshakes/s of one server; whoever would wait longer than 1 s for a turn is turned away
    handshakes_per_s: u32 = 200,
    /// messages/s from one session, in the long run
    messages_per_s: u32 = 50,
    /// messages at once
    messages_burst: u32 = 200,
    /// bytes/s from one session, in the long run
    bytes_per_s: u32 = 262144,
    /// bytes at once
    bytes_burst: u32 = 1048576,
    /// pings and pongs/s from one session, in the long run; more than `controls_burst` beyond that end it
    controls_per_s: u32 = 10,
    /// pings and pongs at once
    controls_burst: u32 = 100,
    /// ms from a message's first fragment to its last
    fragments_ms: u64 = 10000,
    /// ms of silence before a ping
    ping_ms: u64 = 25000,
    /// ms after it
    pong_ms: u64 = 10000,
    /// recent frames kept per object and view, for those who lag
    ring_frames: usize = 1024,
    /// bytes of them
    ring_bytes: usize = 262144,
    /// bytes of memory that all of them take in the whole server, beyond which the largest let go of their oldest frames
    rings_bytes: usize = 268435456,
    /// bytes that wait for slow readers in the whole server, beyond which what a socket does not take at all is not kept for it
    waiting_bytes: usize = 536870912,
    /// bytes of stored objects that nobody uses, kept in memory
    idle_bytes: usize = 268435456,
    /// bytes of all objects in memory, with what each costs beyond its values; beyond them nothing is opened that is not in memory, and nothing grows
    objects_bytes: usize = 1073741824,
    /// bytes of the store's log, beyond which its older half is folded into whole objects
    log_bytes: usize = 67108864,
    /// bytes of slots in one part of a snapshot
    part_bytes: usize = 65536,
    /// bytes of MessagePack, the body of one message between users
    tell_bytes: usize = 32768,
    /// messages and signals/s from one user, in the long run
    tells_per_s: u32 = 20,
    /// messages and signals at once
    tells_burst: u32 = 100,
    /// entries of an inbox on their way to one session without an `ack`
    window_messages: usize = 64,
    /// bytes of them
    window_bytes: usize = 262144,
    /// days for which an inbox keeps an entry
    inbox_days: u64 = 30,
    /// entries of one inbox
    inbox_messages: usize = 1000,
    /// bytes of them
    inbox_bytes: usize = 5242880,
    /// messages of one sender that no device has acknowledged
    inbox_per_sender: usize = 100,
    /// senders' devices whose newest ids an inbox knows
    inbox_senders: usize = 1024,
    /// devices of one user whose cursors are remembered
    devices: usize = 16,
    /// people on one friend list
    friends: usize = 1000,
    /// groups of one friend
    friend_groups: usize = 16,
    /// people who ask to be let in and have no answer yet
    friend_asks: usize = 100,
    /// people on one block list
    blocks: usize = 1000,
    /// friend lists that the server keeps at hand beside those of users who are there
    lists: usize = 100000,
    /// bytes of MessagePack, what a user says with a status
    status_bytes: usize = 1024,
    /// ms from one word about friends' statuses to the next, to one user at least
    status_ms: u64 = 1000,
    /// words about statuses from user to user that the server passes on, each second
    statuses_per_s: usize = 200000,
    /// users of whom it is remembered when they were seen last
    last_seen: usize = 100000,
    /// ms from SIGTERM to exit at the most
    drain_ms: u64 = 30000,
}
