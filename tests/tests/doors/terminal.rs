//! `slotcast tell`, `inbox`, `friends` and `status`, as a person or a script calls them, with the real server behind them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};
use slotcast_tests::real::folder::TempFolder;

use super::server::{Launch, Server, binary};
use super::socket::Socket;

fn slotcast(address: SocketAddr, user: &str, words: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(words).args(["--user", user, "--url", &format!("ws://{address}")]);
    command.env_remove("SLOTCAST_TOKEN").stdin(Stdio::null());
    command
}

fn run(server: &Server, user: &str, words: &[&str]) -> Output {
    slotcast(server.address, user, words).output().expect("the binary is built before the tests")
}

/// What it prints; it must do what it is asked.
fn lines(output: &Output) -> Vec<&str> {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).expect("it speaks UTF-8").lines().collect()
}

/// A line without the day and the time.
fn timeless(line: &str) -> &str {
    line.splitn(3, ' ').nth(2).expect("a day, a time and more")
}

#[test]
fn told_and_read() {
    let folder = TempFolder::new("terminal");
    let server = Launch::dev("[relay]\ndurability = \"disk\"").data(folder.path()).start();
    assert_eq!(lines(&run(&server, "alice", &["tell", "bob", "on my way"])), ["stored at 1, class disk"]);
    let mut piped = slotcast(server.address, "alice", &["tell", "bob", "--kind", "note"]);
    let mut piped = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary is there");
    piped.stdin.take().expect("it is piped").write_all(b"{\"a\": 1}\n").expect("it reads");
    assert_eq!(lines(&piped.wait_with_output().expect("it is our child")), ["stored at 2, class disk"]);
    let read = || run(&server, "bob", &["inbox", "--device", "desk"]);
    let (first, second) = (read(), read());
    let printed: Vec<_> = lines(&first).into_iter().map(timeless).collect();
    assert_eq!(printed, ["     1 alice      \"on my way\"", "     2 alice      note {\"a\":1}"]);
    assert!(lines(&second).is_empty(), "it was acknowledged: {second:?}");
    let told = run(&server, "alice", &["tell", "bob", "-3", "--json"]);
    let stored: Value = serde_json::from_str(lines(&told)[0]).expect("it is JSON");
    assert_eq!((&stored["type"], &stored["at"]), (&json!("stored"), &json!(3)));
    let third = run(&server, "bob", &["inbox", "--device", "desk", "--json"]);
    let printed: Vec<Value> =
        lines(&third).iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert_eq!((&printed[0]["type"], &printed[0]["body"]), (&json!("message"), &json!(-3)));
    assert_eq!(lines(&run(&server, "bob", &["inbox"])).len(), 3, "another device gets all that is kept");
    let again = run(&server, "bob", &["inbox"]);
    assert!(lines(&again).is_empty(), "who names no device is the same one each time: {again:?}");
}

/// Two of one name: the later one stays, and the other says why it goes.
#[test]
fn an_inbox_takes_the_place_of_another() {
    let server = Server::dev("");
    assert_eq!(lines(&run(&server, "alice", &["tell", "bob", "hello"])), ["stored at 1, class memory"]);
    let mut first = slotcast(server.address, "bob", &["inbox", "--follow"]);
    let mut first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary is there");
    let mut line = String::new();
    let printed = BufReader::new(first.stdout.take().expect("it is piped")).read_line(&mut line);
    printed.expect("it speaks UTF-8");
    assert_eq!(timeless(line.trim_end()), "     1 alice      \"hello\"");
    assert!(run(&server, "bob", &["inbox"]).status.success());
    let first = first.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("4409") && said.contains("--device"), "{said}");
}

#[test]
fn an_inbox_of_many_pages() {
    let server = Server::dev("[limits]\nwindow_messages = 3\ntells_burst = 1000");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    for id in 1..=20 {
        let tell = json!({"type": "tell", "id": id, "to": "bob", "body": id});
        assert_eq!(alice.ask(tell)["at"], id);
    }
    let read = run(&server, "bob", &["inbox"]);
    let printed: Vec<_> = lines(&read).into_iter().map(timeless).collect();
    let wanted: Vec<_> = (1..=20).map(|id| format!("{id:>6} alice      {id}")).collect();
    assert_eq!(printed, wanted);
}

#[test]
fn what_was_refused_says_so() {
    let server = Server::dev("[limits]\ninbox_per_sender = 1");
    assert_eq!(lines(&run(&server, "alice", &["tell", "bob", "one"])), ["stored at 1, class memory"]);
    let rows: [(&[&str], i32, &str); 4] = [
        (&["tell", "bob", "two"], 3, "refused: inbox_full"),
        (&["tell", "bob", "{\"__proto__\":1}"], 2, "the message: "),
        (&["tell", "a\nb", "two"], 2, "invalid value"),
        (&["inbox", "--token-file", "/nowhere"], 2, "/nowhere"),
    ];
    for (words, code, wanted) in rows {
        let refused = run(&server, "alice", words);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(wanted) && refused.stdout.is_empty(), "{words:?}: {refused:?}");
    }
    let huge = slotcast(server.address, "alice", &["tell", "bob"]).stdin(pipe_of(100_000)).output();
    assert_eq!(huge.expect("the binary is there").status.code(), Some(1), "no server takes such a message");
}

/// The connection is cut when the server's answer is on its way; the command comes back, says it again and hears the same.
#[test]
fn an_answer_that_is_lost() {
    let server = Server::dev("");
    let wire = Wire::to(server.address);
    let mut tell = slotcast(wire.address, "alice", &["tell", "bob", "once"]);
    let told = tell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    // The request for the WebSocket, `hello`, and then the message.
    let (client, upstream) = wire.accept();
    (0..2).for_each(|_| exchange(&client, &upstream));
    pass(&client, &upstream);
    let mut answer = [0; 1024];
    assert!((&upstream).read(&mut answer).expect("the server answers") > 0);
    drop((client, upstream));
    let (client, upstream) = wire.accept();
    (0..3).for_each(|_| exchange(&client, &upstream));
    let told = told.expect("the binary is there").wait_with_output().expect("it is our child");
    assert_eq!(lines(&told), ["stored at 1, class memory"]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("again in"), "{told:?}");
    let read = run(&server, "bob", &["inbox"]);
    let printed: Vec<_> = lines(&read).into_iter().map(timeless).collect();
    assert_eq!(printed, ["     1 alice      \"once\""]);
}

#[test]
fn an_inbox_is_followed_over_a_cut() {
    let server = Server::dev("");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    let mut tell = |id| alice.ask(json!({"type": "tell", "id": id, "to": "bob", "body": id}));
    let wire = Wire::to(server.address);
    let (_reader, mut next) = follow(&wire, "bob");
    assert_eq!(tell(1)["at"], 1);
    let first = Cut::between(wire.accept());
    assert_eq!(timeless(&next()), "     1 alice      1");
    first.now();
    assert_eq!(tell(2)["at"], 2);
    let _second = Cut::between(wire.accept());
    assert_eq!(timeless(&next()), "     2 alice      2", "and not the first again");
    assert_eq!(tell(3)["at"], 3);
    assert_eq!(timeless(&next()), "     3 alice      3");
}

/// A server that stops greets no one; who says hello to it meanwhile comes back, and finds the next one.
#[test]
fn an_inbox_is_followed_to_the_next_server() {
    let (server, next_server) = (Server::dev(""), Server::dev(""));
    let mut wire = Wire::to(server.address);
    let (_reader, mut next) = follow(&wire, "bob");
    let told = |server: &Server, text: &str| {
        assert_eq!(lines(&run(server, "alice", &["tell", "bob", text])), ["stored at 1, class memory"]);
    };
    told(&server, "one");
    let first = Cut::between(wire.accept());
    assert_eq!(timeless(&next()), "     1 alice      \"one\"");
    first.now();
    // The request for the WebSocket; then, when all workers stop, `hello`.
    let (client, upstream) = wire.accept();
    exchange(&client, &upstream);
    let mut others: Vec<_> =
        (0..20).map(|other| Socket::json(server.address, &format!("other-{other}"))).collect();
    server.terminate();
    others.iter_mut().for_each(|other| assert_eq!(other.hear()["type"], "goaway"));
    exchange(&client, &upstream);
    drop((client, upstream));
    wire.server = next_server.address;
    told(&next_server, "two");
    // Beside, as no one comes if the reader has given up.
    let _second = thread::spawn(move || Cut::between(wire.accept()));
    assert_eq!(timeless(&next()), "     1 alice      \"two\"");
}

#[test]
fn a_friendship_from_the_terminal() {
    let server = Server::dev("");
    let done = |user: &str, words: &[&str]| {
        let output = run(&server, user, &[&["friends"], words].concat());
        let line = lines(&output).concat();
        assert!(line.starts_with("done, list at rev "), "{user} {words:?}: {line}");
    };
    let list = |user: &str| lines(&run(&server, user, &["friends"])).join("|");
    assert_eq!(list("alice"), "");
    done("alice", &["ask", "bob"]);
    assert_eq!(list("alice"), "bob      none  (asked)  (approved)");
    until(|| list("bob") == "alice    -     asks");
    done("bob", &["accept", "alice"]);
    until(|| list("alice") == "bob      both");
    done("alice", &["alias", "bob", "Bobby"]);
    done("alice", &["groups", "bob", "work", "chess"]);
    done("alice", &["block", "eve"]);
    assert_eq!(list("alice"), "bob      both  Bobby  [chess, work]|eve      -     blocked");
    done("alice", &["alias", "bob"]);
    done("alice", &["groups", "bob"]);
    done("alice", &["unblock", "eve"]);
    done("alice", &["approve", "bob", "--off"]);
    until(|| list("bob").starts_with("alice    from"));
    done("bob", &["remove", "alice"]);
    assert_eq!(list("bob"), "");
    let told = run(&server, "alice", &["friends", "--json"]);
    let roster: Value = serde_json::from_str(lines(&told)[0]).expect("it is JSON");
    assert_eq!((&roster["type"], &roster["people"][0]["user"]), (&json!("roster"), &json!("bob")));
    let rows: [(&[&str], i32, &str); 3] = [
        (&["friends", "accept", "zoe"], 3, "refused: no_request"),
        (&["friends", "alias", "zoe", "Zoe"], 3, "refused: no_friend"),
        (&["friends", "ask", "zoe\u{308}"], 2, "NFC"),
    ];
    for (words, code, wanted) in rows {
        let refused = run(&server, "alice", words);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(wanted) && refused.stdout.is_empty(), "{words:?}: {refused:?}");
    }
}

/// Friends and their statuses, over a cut of the one who watches; and who says a status takes it back by stopping.
#[test]
fn friends_are_watched_over_a_cut() {
    let server = Server::dev("[limits]\nstatus_ms = 1");
    let edit = |user: &str, words: &[&str]| {
        assert!(run(&server, user, &[&["friends"], words].concat()).status.success());
    };
    edit("alice", &["ask", "bob"]);
    edit("bob", &["ask", "alice"]);
    let wire = Wire::to(server.address);
    let (_watcher, mut next) = printing(&wire, "bob", &["friends", "--watch"]);
    let first = Cut::between(wire.accept());
    assert_eq!(next(), "alice    both");
    let mut away = slotcast(server.address, "alice", &["status", "away", "--text", "lunch"]);
    let away = Killed(away.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary is there"));
    assert_eq!(without_time(&next()), "alice    is away \"lunch\"");
    drop(away);
    assert_eq!(without_time(&next()), "alice    is offline");
    edit("bob", &["alias", "alice", "Al"]);
    assert_eq!(without_time(&next()), "alice    both  Al");
    first.now();
    edit("bob", &["block", "eve"]);
    let _second = Cut::between(wire.accept());
    // How the friends are is told anew, before the list or after it.
    let mut told = [next(), next()].map(|line| without_time(&line).to_owned());
    told.sort();
    assert_eq!(told, ["alice    is offline", "eve      -     blocked"]);
}

/// A line without the time.
fn without_time(line: &str) -> &str {
    line.split_once(' ').expect("a time and more").1
}

/// What one side of a friendship says is soon on the other's list.
fn until(holds: impl Fn() -> bool) {
    assert!((0..1_000).any(|_| holds()), "it never is so");
}

/// `slotcast inbox --follow` over a wire, and the lines that it prints.
fn follow(wire: &Wire, user: &str) -> (Killed, impl FnMut() -> String + use<>) {
    printing(wire, user, &["inbox", "--follow"])
}

/// A command over a wire, and the lines that it prints.
fn printing(wire: &Wire, user: &str, words: &[&str]) -> (Killed, impl FnMut() -> String + use<>) {
    let mut command = slotcast(wire.address, user, words);
    let reader = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut reader = Killed(reader.expect("the binary is there"));
    let mut printed = BufReader::new(reader.0.stdout.take().expect("it is piped")).lines();
    (reader, move || printed.next().expect("it goes on").expect("it speaks UTF-8"))
}

/// Standard input with so many bytes.
fn pipe_of(bytes: usize) -> Stdio {
    let (reader, mut writer) = std::io::pipe().expect("there are pipes");
    thread::spawn(move || writer.write_all("x".repeat(bytes).as_bytes()));
    reader.into()
}

/// A place to connect to that leads to the server, and can be cut.
struct Wire {
    address: SocketAddr,
    listener: TcpListener,
    server: SocketAddr,
}

impl Wire {
    fn to(server: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        Wire { address, listener, server }
    }

    /// The next connection, and its continuation to the server.
    fn accept(&self) -> (TcpStream, TcpStream) {
        let (client, _) = self.listener.accept().expect("the command connects");
        (client, TcpStream::connect(self.server).expect("the server listens"))
    }
}

/// One read, handed on.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let mut bytes = [0; 4096];
    let length = from.read(&mut bytes).expect("it speaks");
    assert!(length > 0, "it speaks");
    to.write_all(&bytes[..length]).expect("it listens");
}

/// The client's word, and the server's answer.
fn exchange(client: &TcpStream, server: &TcpStream) {
    pass(client, server);
    pass(server, client);
}

/// A connection that carries everything, until it is cut.
struct Cut(TcpStream, TcpStream, mpsc::Receiver<()>);

impl Cut {
    fn between((client, server): (TcpStream, TcpStream)) -> Cut {
        let (ended, end) = mpsc::channel();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (mut from, mut to, ended) = (copy(from), copy(to), ended.clone());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
                let _ = ended.send(());
            });
        }
        drop(ended);
        Cut(client, server, end)
    }

    /// Both ways are dead when it returns.
    fn now(self) {
        let Cut(client, server, end) = self;
        for stream in [client, server] {
            let _ = stream.shutdown(Shutdown::Both);
        }
        assert_eq!(end.iter().count(), 2);
    }
}

fn copy(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("there are handles left")
}

/// A command that does not end by itself.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
