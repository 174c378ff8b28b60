//! Files, variables and flags, and what comes of them: a row each.

use std::path::Path;

use slotcast_protocol::{Durability, Limits, Rate, SlotName};
use slotcast_state::Rule;

use super::*;

const TOKEN: &str = "0123456789abcdef";

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// As [`Config::load`], but the file is a text.
fn load(text: &str, pairs: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
    let environment = Environment::read(variables(pairs))?;
    let mut config = Config::default();
    file::parse(Path::new("slotcast.toml"), text.to_owned())?.apply(&mut config)?;
    environment.apply(&mut config)?;
    flags.apply(&mut config)?;
    config.check().map(|()| config)
}

fn dev() -> Flags {
    Flags { dev: true, ..Flags::default() }
}

fn why(result: Result<Config, ConfigError>) -> String {
    result.err().map_or("it was taken".to_owned(), |error| error.to_string())
}

#[test]
fn files_that_are_refused() {
    let users = format!("[users]\nalice = \"{TOKEN}\"\nbob = \"{TOKEN}\"\n");
    let rows: &[(&str, &str)] = &[
        (
            "lisen = \"127.0.0.1:1\"",
            "slotcast.toml:1: lisen: unknown field `lisen`, expected one of `listen`",
        ),
        ("\n[limts]\nslots = 1", "slotcast.toml:2: [limts]: unknown field `limts`"),
        (
            "listen = \"localhost\"",
            "slotcast.toml:1: listen: expected an IP address and a port, like 127.0.0.1:7440",
        ),
        ("listen = 7440", "slotcast.toml:1: listen: invalid type: integer `7440`, expected a string"),
        ("listen = ", "slotcast.toml:1: listen: "),
        ("dev = true\nworkers = 0", "slotcast.toml:2: workers: expected 1 to 256 threads, not 0"),
        ("workers = -3", "slotcast.toml:1: workers: expected 1 to 256 threads"),
        ("workers = 257", "not 257"),
        ("dev = \"yes\"", "slotcast.toml:1: dev: invalid type: string \"yes\", expected a boolean"),
        ("pages = \"no-such-folder\"", "slotcast.toml:1: pages: expected a folder; no-such-folder is none"),
        (
            "origins = [\"https://a.example\",\n  \"https://b.example/\"]",
            "slotcast.toml:2: origins: expected origins as",
        ),
        (
            "behind_proxy = [\"10.0.0.0/8\", \"nginx\"]",
            "slotcast.toml:1: behind_proxy: expected an address or a block",
        ),
        ("origins = [\"*\"]", "not `*`"),
        ("origins = [\"https://*.a.example\"]", "not `https://*.a.example`"),
        ("log = \"slotcast=loud\"", "slotcast.toml:1: log: expected a level or directives"),
        (
            "metrics = \"all\"",
            "slotcast.toml:1: metrics: expected local (for this machine) or public, not `all`",
        ),
        ("log_format = \"xml\"", "slotcast.toml:1: log_format: expected text or json, not `xml`"),
        (
            "[users]\nalice = \"secret\"",
            "slotcast.toml:2: users.alice: expected a token of 16 to 1024 bytes; this one has 6",
        ),
        ("[users]\n\"@a\" = \"0123456789abcdef\"", "slotcast.toml:2: users.@a: user: must not hold"),
        (&users, "slotcast.toml:3: users.bob: has the same token as alice"),
        (
            "[limits]\nslotz = 3",
            "slotcast.toml:2: limits.slotz: there is no limit of this name; did you mean `slots`?",
        ),
        ("[limits]\nbananas = 3", "slotcast.toml:2: limits.bananas: there is no limit of this name"),
        ("[limits]\nslots = 0", "slotcast.toml:2: limits.slots: expected 1 to 1000000, not 0"),
        ("[limits]\n\nslots = -1", "slotcast.toml:3: limits.slots: expected 1 to 1000000, not -1"),
        ("[limits]\nslots = \"many\"", "slotcast.toml:2: slots: invalid type: string \"many\""),
        ("[limits]\nvalue_depth = 17", "expected 1 to 16, not 17"),
        ("[limits]\nvalue_bytes = 100000", "value_bytes = 100000 does not fit into message_bytes = 65536"),
        (
            "[kind.chat]\nlinger = 1",
            "slotcast.toml:2: linger: unknown field `linger`, expected one of `linger_ms`",
        ),
        ("[kind.chat]\nlinger_ms = -1", "slotcast.toml:2: kind.chat.linger_ms: expected 0 to"),
        ("[kind.chat]\nresync_depth = 0", "slotcast.toml:2: kind.chat.resync_depth: expected 1 to"),
        ("[kind.\"a/b\"]", "slotcast.toml:1: kind.a/b: a kind is the first segment"),
        ("[kind.\"a b\"]", "slotcast.toml:1: kind.a b: a kind's name may hold only"),
        ("[tls]\ncertificate = \"a.pem\"", "slotcast.toml:1: [tls]: missing field `key`"),
        ("[tls]\ncertificate = \"a.pem\"\nkey = \"no-such-key.pem\"", "tls: no-such-key.pem: cannot be read"),
        ("data = \"Cargo.toml\"", "slotcast.toml:1: data: expected a folder for the store"),
        (
            "[default]\ndurability = \"quorum\"",
            "slotcast.toml:2: default.durability: `quorum` needs a cluster",
        ),
        ("[kind.chat]\nrate = 0", "expected 1 to 1000, not 0"),
        ("[kind.chat]\ndurability = \"paper\"", "expected \"memory\" or \"disk\", not `paper`"),
        (
            "[kind.chat.rules]\nlog = \"apend\"",
            "slotcast.toml:2: kind.chat.rules.\"log\": expected guarded, last, add",
        ),
        ("[kind.chat]\nrules = { log = \"append:5000\" }", "not `append:5000`"),
        (
            "[kind.chat.rules]\n\"a*b\" = \"last\"",
            "slotcast.toml:2: kind.chat.rules.\"a*b\": pattern: must not hold `*`",
        ),
        ("[kind.chat.rules]\n\"@*\" = \"last\"", "status slots have a rule of their own"),
        ("[kind.chat]\nread = \"staff\"", "kind.chat.read: expected \"anyone\", or an array of roles"),
        ("[kind.chat]\nwrite = [1]", "slotcast.toml:2: kind.chat.write: a role is 1 to 64 bytes of text"),
        ("[kind.chat]\nsend = [\"anyone\"]", "slotcast.toml:2: kind.chat.send: a role is"),
        ("[kind.chat]\nhidden = { \"a*b\" = [] }", "kind.chat.hidden.\"a*b\": pattern: must not hold `*`"),
        ("[kind.chat]\nhidden = { \"@*\" = [] }", "kind.chat.hidden.\"@*\": who may use an object sees"),
        ("[kind.chat]\nhidden = { a = [\"\"] }", "kind.chat.hidden.\"a\": a role is"),
        ("[auth]\nkeys = \"x\"", "slotcast.toml:2: keys: unknown field `keys`, expected one of `jwks`"),
        ("[auth]\njwks = \"no-such-file\"", "slotcast.toml:2: auth.jwks: no-such-file: cannot be read"),
        ("[auth]\nissuer = \"x\"", "slotcast.toml:2: auth.issuer: needs jwks beside it"),
        ("[auth]\naudience = \"x\"", "slotcast.toml:2: auth.audience: needs jwks beside it"),
        ("[auth]\njwks = \"Cargo.toml\"", "auth.jwks: Cargo.toml: is no JSON object"),
        ("[auth]\nrevoked = \"no-such-file\"", "auth.revoked: no-such-file: cannot be read"),
    ];
    for (text, wanted) in rows {
        let said = why(load(text, &[], dev()));
        assert!(said.contains(wanted), "{text:?}\n  said:   {said}\n  wanted: {wanted}");
    }
}

#[test]
fn a_broken_line_is_told_without_its_token() {
    for line in ["alice = \"0123456789abcdef", "alice = 0123456789abcdef", "alice == \"0123456789abcdef\""] {
        let said = why(load(&format!("[users]\n{line}"), &[], dev()));
        assert!(said.starts_with("slotcast.toml:2: alice: "), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
    }
}

#[test]
fn variables_that_are_refused() {
    let rows: &[(&str, &str, &str)] = &[
        (
            "SLOTCAST_LISEN",
            "127.0.0.1:1",
            "environment: SLOTCAST_LISEN: there is no variable of this name; did you mean `SLOTCAST_LISTEN`?",
        ),
        ("SLOTCAST_", "", "environment: SLOTCAST_: there is no variable"),
        ("SLOTCAST_LISTEN", "here", "environment: SLOTCAST_LISTEN: expected an IP address and a port"),
        (
            "SLOTCAST_WORKERS",
            "two",
            "environment: SLOTCAST_WORKERS: expected a number from 1 to 256, not `two`",
        ),
        ("SLOTCAST_DEV", "perhaps", "environment: SLOTCAST_DEV: expected true or false, not `perhaps`"),
        ("SLOTCAST_PAGES", "no-such-folder", "environment: SLOTCAST_PAGES: expected a folder"),
        (
            "SLOTCAST_ORIGINS",
            "https://a.example,b.example",
            "environment: SLOTCAST_ORIGINS: expected origins as",
        ),
        (
            "SLOTCAST_LIMITS_SLOTZ",
            "1",
            "environment: SLOTCAST_LIMITS_SLOTZ: there is no limit of this name; did you mean `slots`?",
        ),
        ("SLOTCAST_LIMITS_SLOTS", "0", "environment: SLOTCAST_LIMITS_SLOTS: expected 1 to 1000000, not 0"),
        ("SLOTCAST_LIMITS_SLOTS", "1k", "expected a whole number, not `1k`"),
        ("SLOTCAST_LOG", "slotcast=loud", "environment: SLOTCAST_LOG: expected a level"),
        ("SLOTCAST_LOG_FORMAT", "xml", "environment: SLOTCAST_LOG_FORMAT: expected text or json"),
    ];
    for (name, text, wanted) in rows {
        let said = why(load("", &[(name, text)], dev()));
        assert!(said.contains(wanted), "{name}={text}\n  said:   {said}\n  wanted: {wanted}");
    }
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        "SLOTCAST_TEST_X",
        "SLOTCAST_SEED",
        "SLOTCAST_SEEDS",
        "SLOTCAST_BIN",
        "SLOTCAST_TOKEN",
        "SLOTCAST_URL",
        "PATH",
    ];
    for name in others {
        assert!(load("", &[(name, "x")], dev()).is_ok(), "{name}");
    }
}

#[test]
fn settings_that_do_not_go_together() {
    let listen = |listen: &str, dev| Flags { listen: Some(listen.to_owned()), dev, ..Flags::default() };
    let users = format!("[users]\nalice = \"{TOKEN}\"");
    let rows = [
        ("", listen("0.0.0.0:7440", true), Some("0.0.0.0:7440 is not a loopback address")),
        ("", listen("[::]:7440", true), Some("is not a loopback address")),
        ("dev = true\nlisten = \"192.168.0.1:80\"", Flags::default(), Some("is not a loopback address")),
        ("", listen("127.0.0.2:0", true), None),
        ("", listen("[::1]:7440", true), None),
        ("", listen("127.0.0.1:7440", false), Some("nobody could connect: there are no users")),
        ("[users]", Flags::default(), Some("nobody could connect")),
        (&users, listen("0.0.0.0:7440", false), None),
    ];
    for (text, flags, wanted) in rows {
        let asked = format!("{text:?} {flags:?}");
        let said = load(text, &[], flags).err().map(|error| error.to_string());
        match wanted {
            None => assert_eq!(said, None, "{asked}"),
            Some(wanted) => {
                assert!(said.as_ref().is_some_and(|said| said.contains(wanted)), "{asked}: {said:?}")
            }
        }
    }
}

#[test]
fn flags_win_over_the_environment_and_it_over_the_file() {
    let port = |config: Result<Config, ConfigError>| config.expect("all good").listen.port();
    let text = "listen = \"127.0.0.1:1\"";
    let pairs = [("SLOTCAST_LISTEN", "127.0.0.1:2")];
    let flags = Flags { listen: Some("127.0.0.1:3".to_owned()), ..dev() };
    assert_eq!(port(load("", &[], dev())), PORT);
    assert_eq!(port(load(text, &[], dev())), 1);
    assert_eq!(port(load(text, &pairs, dev())), 2);
    assert_eq!(port(load(text, &pairs, flags)), 3);
}

#[test]
fn everything_at_once() {
    let text = format!(
        "workers = 3\norigins = [\"https://a.example\"]\nlog = \"debug\"\nlog_format = \"json\"\n\
         [users]\nalice = \"{TOKEN}\"\n\"zoë b\" = \"{TOKEN}x\"\n[limits]\nslots = 10\nops = 3\n"
    );
    let pairs =
        [("SLOTCAST_LIMITS_OPS", "5"), ("SLOTCAST_ORIGINS", "http://b.example:81, https://c.example")];
    let config = load(&text, &pairs, Flags::default()).expect("all good");
    assert_eq!(config.workers, 3);
    assert_eq!(config.origins, ["http://b.example:81", "https://c.example"]);
    assert_eq!((config.log.as_str(), config.log_json), ("debug", true));
    assert_eq!(config.users[TOKEN].as_str(), "alice");
    assert_eq!(config.users.len(), 2);
    assert_eq!(*config.limits, Limits { slots: 10, ops: 5, ..Limits::default() });
}

#[test]
fn the_narrower_rule_decides() {
    let text = "[kind.auction]\nclear = false\nrate = 4\ndurability = \"disk\"\n[kind.auction.rules]\n\"*\" = \"server\"\n\"bid.*\" = \"max\"\n\
                \"bid.best\" = \"guarded\"\n\"bid.old.*\" = \"last\"\nlog = \"append:200:stamp\"\n\
                [default]\nlinger_ms = 0\nrules = { hits = \"add\" }\n";
    let config = load(text, &[], dev()).expect("all good");
    let (auction, other) = (&config.kinds.named["auction"], &config.kinds.other);
    let rows = [
        (auction, "bid.7", Rule::Max),
        (auction, "bid.best", Rule::Guarded),
        (auction, "bid.old.7", Rule::Last),
        (auction, "log", Rule::Append { keep: 200, stamp: true }),
        (auction, "else", Rule::Server),
        (other, "hits", Rule::Add),
        (other, "else", Rule::Guarded),
    ];
    for (kind, slot, wanted) in rows {
        assert_eq!(kind.rule(&SlotName::parse(slot).expect(slot)), wanted, "{slot}");
    }
    assert_eq!((auction.durability, other.durability), (Durability::Disk, Durability::Memory));
    assert!(!auction.clear && other.clear);
    assert_eq!((auction.rate.map(Rate::per_second), other.rate), (Some(4), None));
    assert_eq!((auction.linger_ms, other.linger_ms), (30_000, 0));
}

#[test]
fn what_is_shown_can_be_loaded_and_holds_no_token() {
    let text = format!(
        "pages = \".\"\nbehind_proxy = [\"127.0.0.1\", \"10.0.0.0/8\"]\norigins = [\"https://a.example\"]\n[users]\nalice = \"{TOKEN}\"\n[limits]\nring_frames = 7\n\
         [kind.a]\nlinger_ms = 5\nrules = {{ \"x.*\" = \"append\", \"q\\\"\" = \"append:3:stamp\", y = \"once\" }}\n\
         write = [\"staff\", \"q\\\"\"]\nsend = []\nhidden = {{ \"bid.*\" = [\"staff\"], s = [] }}\n"
    );
    let config = load(&text, &[], dev()).expect("all good");
    let shown = config.to_toml();
    assert!(!shown.contains(TOKEN), "{shown}");
    let again = load(&shown, &[], Flags::default()).expect(&shown);
    assert_eq!(again.to_toml().replace("[users]\n", "[users]\n# \"alice\" = a token of 16 bytes\n"), shown);
    assert_eq!(again.kinds.named, config.kinds.named);
}

#[test]
fn the_example_shows_every_limit_with_its_default() {
    let text = include_str!("../../../../slotcast.example.toml");
    let config = load(text, &[], dev()).expect("all good");
    assert_eq!(*config.limits, Limits::default());
    for (name, default) in Limits::default().table() {
        assert!(text.contains(&format!("\n{name} = {default} ")), "{name} = {default}");
    }
}

#[test]
fn the_repository_s_own_files_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for path in ["slotcast.example.toml", "demos/slotcast.toml", "bench/slotcast.toml"] {
        let loaded = Config::load(Some(&root.join(path)), [], dev());
        assert!(loaded.is_ok(), "{path}: {}", why(loaded));
    }
}

#[test]
fn a_file_that_is_not_there() {
    let pairs = variables(&[("SLOTCAST_CONFIG", "no-such-file.toml")]);
    let said = why(Config::load(None, pairs.clone(), dev()));
    assert!(said.starts_with("no-such-file.toml: cannot be read: "), "{said}");
    let said = why(Config::load(Some(Path::new("other.toml")), pairs, dev()));
    assert!(said.starts_with("other.toml: cannot be read: "), "{said}");
}
