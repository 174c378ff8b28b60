//! The real binary, on a port of its own, for as long as a test holds it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub struct Server {
    pub address: SocketAddr,
    child: Child,
    config: PathBuf,
}

impl Server {
    /// With `--dev` and this configuration file.
    pub fn dev(config: &str) -> Server {
        Server::start(&["--dev"], config)
    }

    pub fn start(flags: &[&str], config: &str) -> Server {
        let file = config_file(config);
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--workers", "2", "--config"])
            .arg(&file)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary is built before the tests: `make test` does it");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let address = line.trim().rsplit("http://").next().expect("a last part").trim_end_matches('/');
        let address = address.parse().unwrap_or_else(|_| panic!("no address in {line:?}"));
        Server { address, child, config: file }
    }

    pub fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.expect("kill is everywhere").success());
    }

    /// Waits for the end; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.config);
    }
}

fn config_file(config: &str) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("slotcast-doors-{}-{number}.toml", std::process::id()));
    let mut file = std::fs::File::create(&path).expect("the temporary folder can be written to");
    file.write_all(config.as_bytes()).expect("it has room");
    path
}

/// Beside the test's own binary, or where SLOTCAST_BIN says.
fn binary() -> PathBuf {
    if let Ok(path) = std::env::var("SLOTCAST_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/test");
    folder.join("slotcast")
}
