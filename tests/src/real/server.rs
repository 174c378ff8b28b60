//! The real binary, on a port of its own, for as long as a test holds it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::folder::TempFolder;

pub struct Server {
    pub address: SocketAddr,
    child: Child,
    own: TempFolder,
}

/// How one is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    flags: Vec<OsString>,
    config: String,
    environment: Vec<(OsString, OsString)>,
    /// None is a port of its choice.
    listen: Option<SocketAddr>,
}

/// One that did not start.
#[derive(Debug)]
pub struct Refusal {
    pub code: Option<i32>,
    /// To standard error.
    pub said: String,
}

impl Launch {
    /// With `--dev` and this configuration file.
    pub fn dev(config: &str) -> Launch {
        Launch { flags: vec!["--dev".into()], config: config.to_owned(), ..Launch::default() }
    }

    pub fn data(mut self, folder: &Path) -> Launch {
        self.flags.extend(["--data".into(), folder.into()]);
        self
    }

    pub fn with(mut self, variables: Vec<(OsString, OsString)>) -> Launch {
        self.environment.extend(variables);
        self
    }

    /// Where another was before.
    pub fn at(mut self, address: SocketAddr) -> Launch {
        self.listen = Some(address);
        self
    }

    pub fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|refusal| panic!("the server did not start: {refusal:?}"))
    }

    pub fn refusal(&self) -> Refusal {
        self.try_start().err().expect("the server refuses to start")
    }

    pub fn try_start(&self) -> Result<Server, Refusal> {
        let own = TempFolder::new("server");
        let config = own.join("slotcast.toml");
        std::fs::write(&config, &self.config).expect("the temporary folder has room");
        let said = std::fs::File::create(own.join("stderr")).expect("the temporary folder has room");
        let mut child = Command::new(binary())
            .args(["serve", "--workers", "2", "--listen"])
            .arg(self.listen.map_or("127.0.0.1:0".to_owned(), |listen| listen.to_string()))
            .arg("--config")
            .arg(&config)
            .args(&self.flags)
            .envs(self.environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .expect("the binary is built before the tests: `make test` does it");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let address = line.trim().rsplit("://").next().expect("a last part").trim_end_matches('/');
        match address.parse() {
            Ok(address) => Ok(Server { address, child, own }),
            Err(_) => {
                let code = child.wait().expect("it is our child").code();
                Err(Refusal { code, said: text(&own.join("stderr")) })
            }
        }
    }
}

impl Server {
    /// With `--dev` and this configuration file.
    pub fn dev(config: &str) -> Server {
        Launch::dev(config).start()
    }

    pub fn start(flags: &[&str], config: &str) -> Server {
        let flags = flags.iter().map(OsString::from).collect();
        Launch { flags, config: config.to_owned(), ..Launch::default() }.start()
    }

    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// By its name without SIG.
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(told.expect("kill is everywhere").success());
    }

    /// kill -9; returns when it is dead.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Waits for the end; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it is our child").code()
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is our child")
    }

    /// All that it has written to standard error.
    pub fn said(&self) -> String {
        text(&self.own.join("stderr"))
    }

    /// What it has in memory now.
    pub fn memory_bytes(&self) -> f64 {
        let path = format!("/proc/{}/statm", self.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
        pages.map_or(0.0, |pages| pages * 4096.0)
    }

    /// A metric's value now.
    pub fn metric(&self, name: &str) -> f64 {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let page = super::socket::read_all(self.address, request);
        let line = page.lines().find(|line| line.split(' ').next() == Some(name));
        let value = line.and_then(|line| line.split(' ').nth(1)).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name} in {page}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("the server said:\n{}", self.said());
        }
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// Beside the test's own binary, or where SLOTCAST_BIN says.
pub fn binary() -> PathBuf {
    if let Ok(path) = std::env::var("SLOTCAST_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/test");
    folder.join("slotcast")
}
