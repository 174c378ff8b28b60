//! The reference friend service (`tests/friends/service.py`), for as long as a test holds it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub const KEY: &str = "the key of this server";

pub struct Friends {
    child: Child,
    url: String,
}

impl Friends {
    pub fn start() -> Friends {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/friends/service.py");
        let mut command = Command::new("python3");
        let child = command.args(["-B", script, "--key", KEY]).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("Python 3 is there: `make test` needs it");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut url).expect("it says where it listens");
        Friends { child, url: url.trim().to_owned() }
    }

    /// For a server's configuration.
    pub fn config(&self) -> String {
        format!("[roster]\nurl = \"{}\"\nkey = \"{KEY}\"\n", self.url)
    }

    /// Makes it slow, broken or late.
    pub fn control(&self, what: &Value) {
        let body = what.to_string();
        let length = format!("Content-Length: {}", body.len());
        self.request("POST /control", &length, &body);
    }

    /// Has another home fetch someone's list, of which nothing is heard any more.
    pub fn fetch_elsewhere(&self, owner: &str) {
        let key = format!("Authorization: Bearer {KEY}");
        self.request(&format!("GET /rosters/{owner}?home=elsewhere&fetch=1"), &key, "");
    }

    fn request(&self, line: &str, header: &str, body: &str) {
        let address = self.url.trim_start_matches("http://");
        let mut socket = TcpStream::connect(address).expect("it listens");
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
        socket.write_all((head + body).as_bytes()).expect("it reads");
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).expect("it answers");
        assert!(line.contains("200"), "{line}");
    }
}

impl Drop for Friends {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
