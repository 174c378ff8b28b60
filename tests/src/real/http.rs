//! An HTTP client: one connection, one request at a time, answers read whole or piece by piece.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nothing that is waited for here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Http {
    reader: BufReader<TcpStream>,
}

/// The head of an answer, and its body as far as it has been read.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Http {
    pub fn connect(address: SocketAddr) -> Option<Http> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Some(Http { reader: BufReader::new(stream) })
    }

    /// The same connection, to be shut from elsewhere.
    pub fn handle(&self) -> TcpStream {
        self.reader.get_ref().try_clone().expect("a descriptor more")
    }

    /// One request and its whole answer; None if the connection is over before.
    pub fn ask(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut answer = self.begin(line, headers, body)?;
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(piece) = self.piece()? {
                answer.body.extend(piece);
            }
        }
        Some(answer)
    }

    /// One request and the head of its answer; and the body, if its length is known.
    pub fn begin(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut request = format!("{line} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || line.starts_with("POST") {
            request += &format!("content-length: {}\r\n", body.len());
        }
        let request = [request.as_bytes(), b"\r\n", body].concat();
        self.reader.get_mut().write_all(&request).ok()?;
        let status = self.line()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        answer.body = vec![0; length];
        self.reader.read_exact(&mut answer.body).ok()?;
        Some(answer)
    }

    /// The next chunk of a body without a known length: None if the connection broke off, Some(None) at its end.
    pub fn piece(&mut self) -> Option<Option<Vec<u8>>> {
        let length = usize::from_str_radix(self.line()?.trim(), 16).expect("a chunk begins with its length");
        let mut piece = vec![0; length];
        self.reader.read_exact(&mut piece).ok()?;
        self.line()?;
        Some((length > 0).then_some(piece))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        assert!(
            !matches!(&read, Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)),
            "the server was silent for {PATIENCE:?}"
        );
        line.ends_with('\n').then(|| line.trim_end().to_owned())
    }
}
