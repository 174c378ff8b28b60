//! Requests as raw bytes, and what each must get: a line of a table each, all to one server over sockets of their own.

mod table;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::Server;

use table::{After, Case, cases};

const PATIENCE: Duration = Duration::from_secs(20);

/// Neither lists nor `--dev` let anyone in beyond these.
const CONFIG: &str = "origins = [\"https://shop.example\", \"http://shop.example:8080\", \
    \"https://xn--bcher-kva.example\"]\n[users]\nada = \"a-token-that-is-long-enough\"\n";

/// Fewer means that a table was not read to its end.
const LINES: usize = 425;

/// What is asked for behind a request, to see whether the connection goes on: no request's own answer looks like its.
const PROBE: &[u8] = b"GET /the-probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const PROBED: &str = "HTTP/1.1 404 ";

/// A close frame without a code, and its answer.
const GOODBYE: &[u8] = &[0x88, 0x80, 0, 0, 0, 0];
const GOODBYE_ANSWER: &[u8] = &[0x88, 0];

/// A folder beside a page that must never be seen.
fn pages() -> TempFolder {
    let folder = TempFolder::new("pages");
    let inner = folder.join("pages/inner");
    std::fs::create_dir_all(inner.join("deep")).expect("the temporary folder can be written to");
    let files = ["secret.html", "pages/secret.txt", "pages/index.html", "pages/page.js", "pages/slotcast.js"];
    let deeper = [
        "pages/inner/index.html",
        "pages/inner/style.css",
        "pages/inner/secret.txt",
        "pages/inner/deep/page.js",
    ];
    for name in files.into_iter().chain(deeper) {
        std::fs::write(folder.join(name), name).expect("the temporary folder has room");
    }
    folder
}

/// An answer: its head, and how the connection went on.
#[derive(Debug)]
struct Answer {
    head: String,
    rest: Vec<u8>,
}

fn ask(address: SocketAddr, case: &Case) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
    // Whoever is refused early may not be read to the end.
    let _ = stream.write_all(&case.request);
    if case.ends {
        stream.shutdown(Shutdown::Write).expect("it is open");
    }
    let head = read_head(&mut stream);
    if case.request.starts_with(b"HEAD ") {
        return Answer { head, rest: afterwards(&mut stream, PROBE) };
    }
    let length = field(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body is as long as its head says");
    let next = if head.starts_with("HTTP/1.1 101") { GOODBYE } else { PROBE };
    Answer { head, rest: afterwards(&mut stream, next) }
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no answer in {PATIENCE:?}"),
            Err(_reset) => break,
        }
    }
    String::from_utf8(head).expect("heads are plain")
}

/// All that comes until the connection is over, if this is said.
fn afterwards(stream: &mut TcpStream, said: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(said);
    let (mut rest, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return rest,
            Ok(read) => rest.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it stays open for {PATIENCE:?}"),
            Err(_reset) => return rest,
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// What is wrong with an answer.
fn verdict(case: &Case, answer: &Answer) -> Option<String> {
    if case.statuses.is_empty() {
        return (!answer.head.is_empty() || !answer.rest.is_empty()).then(|| "it was answered".into());
    }
    if !case
        .statuses
        .iter()
        .any(|status| answer.head.get(8..).is_some_and(|head| head.starts_with(&format!(" {status} "))))
    {
        return Some("another status".into());
    }
    if let Some((name, value)) = &case.field
        && field(&answer.head, name).unwrap_or("none") != value
    {
        return Some(format!("{name} is not {value}"));
    }
    let rest = String::from_utf8_lossy(&answer.rest);
    let answers = rest.matches("HTTP/1.1 ").count();
    let holds = match case.after {
        After::Socket => answer.rest == GOODBYE_ANSWER,
        After::Closes => answer.rest.is_empty(),
        After::Stays => answers == 1 && rest.starts_with(PROBED),
        After::Once => answers == 0 || answers == 1 && rest.starts_with(PROBED),
    };
    (!holds).then(|| format!("afterwards it should be so: {:?}", case.after))
}

/// What is wrong, a line of the table each.
fn faults(address: SocketAddr, table: &str, cases: &[Case]) -> Vec<String> {
    let judged = cases.iter().filter_map(|case| {
        let answer = ask(address, case);
        let why = verdict(case, &answer)?;
        let rest = String::from_utf8_lossy(&answer.rest).into_owned();
        Some(format!("{table}:{}: {why}\n  {}\n  got {:?}, then {rest:?}", case.line, case.text, answer.head))
    });
    judged.collect()
}

#[test]
fn each_request_gets_what_its_line_says() {
    let folder = pages();
    let pages = folder.join("pages").to_string_lossy().into_owned();
    let server = Server::start(&["--pages", &pages], CONFIG);
    let dev = Server::dev(CONFIG);
    let tables = [
        ("handshake.txt", include_str!("handshake.txt")),
        ("http.txt", include_str!("http.txt")),
        ("origins.txt", include_str!("origins.txt")),
        ("pages.txt", include_str!("pages.txt")),
    ];
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, text) in tables {
        let (in_dev, plain): (Vec<Case>, Vec<Case>) = cases(text).into_iter().partition(|case| case.dev);
        count += plain.len() + in_dev.len();
        wrong.extend(faults(server.address, name, &plain));
        wrong.extend(faults(dev.address, name, &in_dev));
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= LINES, "a table has lost lines: {count} are left");
    let said = server.said();
    let since = said.lines().skip_while(|line| !line.contains("serving")).count();
    assert_eq!(since, 1, "where it listens, and nobody can fill its log: {said}");
    println!("{count} requests got what they should");
}
