//! The command line: `serve` runs the server; `get`, `watch`, `set`, `send`, `tell`, `inbox`, `friends` and `status` are for the person who looks into it at night;
//! `backup`, `restore`, `verify`, `export` and `import` are for the one who keeps its store; `key` and `token` for the one who lets people in.
//!
//! The eight siblings are clients like any other, over the protocol of `protocol.md`: a file each, one function `run`.

mod backoff;
mod client;
mod edit;
mod entry;
mod errand;
mod failure;
mod friend_copy;
mod friends;
mod get;
mod inbox;
mod key;
mod line;
mod link;
mod object_copy;
mod person;
mod place;
mod screen;
mod send;
mod serve;
mod set;
mod status;
mod store;
mod tell;
mod token;
mod trust;
mod value;
mod watch;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// A server of shared objects, and the tools to look into it.
#[derive(Parser)]
#[command(name = "slotcast", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 the server rejected the write, or refused the message or the edit";

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Print an object's slots, or one slot's value
    Get(get::Get),
    /// Print an object's slots, then every change as it happens
    Watch(watch::Watch),
    /// Change one slot
    Set(set::Set),
    /// Send a message to all who use an object
    Send(send::Send),
    /// Tell a user something; it waits in the user's inbox
    Tell(tell::Tell),
    /// Print what is in the own inbox
    Inbox(inbox::Inbox),
    /// Print the own friend list, or change it
    Friends(friends::Friends),
    /// Be online, away, busy or invisible until this is stopped
    Status(status::Status),
    /// Print a new key to sign tokens with
    Key(key::Key),
    /// Print a signed token
    Token(token::Token),
    /// Copy the store to a file, also while a server has it open
    Backup(store::backup::Backup),
    /// Make a data folder of a backup
    Restore(store::restore::Restore),
    /// Check everything in a store or a backup
    Verify(store::verify::Verify),
    /// Print every stored object as a line of JSON
    Export(store::export::Export),
    /// Put objects, a line of JSON each on standard input, into a store
    Import(store::import::Import),
}

/// What the program does; the result is its exit code.
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(serve) => serve::run(serve),
        Command::Get(get) => block_on(get::run(get)),
        Command::Watch(watch) => block_on(watch::run(watch)),
        Command::Set(set) => block_on(set::run(set)),
        Command::Send(send) => block_on(send::run(send)),
        Command::Tell(tell) => block_on(tell::run(tell)),
        Command::Inbox(inbox) => block_on(inbox::run(inbox)),
        Command::Friends(friends) => block_on(friends::run(friends)),
        Command::Status(status) => block_on(status::run(status)),
        Command::Key(key) => key::run(key),
        Command::Token(token) => token::run(token),
        Command::Backup(backup) => store::backup::run(backup),
        Command::Restore(restore) => store::restore::run(restore),
        Command::Verify(verify) => store::verify::run(verify),
        Command::Export(export) => store::export::run(export),
        Command::Import(import) => store::import::run(import),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit_code()
        }
    }
}

fn block_on(task: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?.block_on(task)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn usage() {
        let rows = [
            ("get auction/42", true),
            ("get auction/42 price --json --url ws://a:1/objects", true),
            ("get a --url wss://a/objects --ca ca.pem", true),
            ("get auction//42", false),
            ("get auction/42 a*", false),
            ("get a --token secret", false),
            ("watch a bid.* @* --user zoe", true),
            ("watch a b*c", false),
            ("set a b 1", true),
            ("set a b -1.5 --ttl 500 --if 0", true),
            ("set a b tea", false),
            ("set a b", false),
            ("set a b --delete", true),
            ("set a b 1 --delete", false),
            ("set a b --add -3", true),
            ("set a b --add x", false),
            ("set a b --append {\"x\":1} --keep 10", true),
            ("set a b --append 1 --keep 0", false),
            ("set a b --append 1 --keep 4097", false),
            ("set a b 1 --keep 10", false),
            ("set a b --patch x[2].y null", true),
            ("set a b --patch x[2", false),
            ("set a b --patch x", false),
            ("set a b --patch x 1 --ttl 5", false),
            ("set a b --delete --add 1", false),
            ("send a cheer \"hi\"", true),
            ("send a cheer", false),
            ("tell bob", true),
            ("tell bob -", true),
            ("tell bob -1.5 --kind chat", true),
            ("tell bob --knid", false),
            ("tell bob -- --knid", true),
            ("tell bob hello there", false),
            ("inbox", true),
            ("inbox --follow --device pad --json --user zoe", true),
            ("inbox bob", false),
            ("friends", true),
            ("friends --watch --json --user zoe", true),
            ("friends bob", false),
            ("friends ask bob --user zoe", true),
            ("friends ask", false),
            ("friends ask zoe\u{308}", false),
            ("friends --watch ask bob", false),
            ("friends approve bob --off", true),
            ("friends block bob --off", false),
            ("friends alias bob Bobby", true),
            ("friends alias bob", true),
            ("friends groups bob work chess", true),
            ("friends groups bob", true),
            ("status away --text lunch", true),
            ("status offline", false),
            ("serve --dev --workers 1 --listen 127.0.0.1:0 --check", true),
            ("serve --tls-certificate chain.pem --tls-key key.pem", true),
            ("serve --tokens x", false),
            ("key", true),
            ("key --alg EdDSA", true),
            ("key --alg RS256", false),
            ("token --key k --user al --issuer i --audience a --role r --role s --read a/* --ttl 5m", true),
            ("token --config c --user al", true),
            ("token --config c --key k --kid x --user al --write a --send b*", true),
            ("token --config c --user @al", false),
            ("token --config c --user al --role anyone", false),
            ("token --config c --user al --read a**", false),
            ("token --config c --user al --ttl 5", false),
            ("token --config c --user al --issuer i", false),
            ("token --key k --user al --issuer i", false),
            ("token --user al --issuer i --audience a", false),
            ("backup", false),
            ("backup file --data folder", true),
            ("restore file", true),
            ("verify", true),
            ("verify file", true),
            ("export --data folder", true),
            ("export file", false),
            ("import --replace", true),
        ];
        for (line, good) in rows {
            let parsed = Arguments::try_parse_from(["slotcast"].into_iter().chain(line.split(' ')));
            assert_eq!(parsed.is_ok(), good, "{line}: {:?}", parsed.err().map(|error| error.to_string()));
        }
    }
}
