//! The relay as a real process, with everything it wrote.

#![allow(dead_code, reason = "each test file uses another part of it")]

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::{eventually, within};

/// A relay that listens. Killed when dropped.
pub struct Program {
    pub address: SocketAddr,
    child: Child,
    written: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

/// The program with the given flags, and with no variable of this test's own environment.
pub fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay-server"));
    command.env_clear().args(flags).kill_on_drop(true);
    command
}

/// What a program that ends by itself wrote: whether it succeeded, its output, its complaints.
pub async fn run(mut command: Command) -> (bool, String, String) {
    let output = within(command.output()).await.expect("the program was built");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

impl Program {
    /// Starts it on a free port of loopback and waits until it listens.
    pub async fn start(mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program was built");
        let stderr = child.stderr.take().expect("a pipe");
        let written = Arc::new(Mutex::new(String::new()));
        let reading = tokio::spawn({
            let written = written.clone();
            async move {
                let mut lines = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let mut written = written.lock().expect("whole");
                    written.push_str(&line);
                    written.push('\n');
                }
            }
        });
        eventually("the relay listens", || address_in(&written).is_some()).await;
        let address = address_in(&written).expect("just seen");
        Self { address, child, written, reading }
    }

    /// Everything it wrote so far.
    pub fn written(&self) -> String {
        self.written.lock().expect("whole").clone()
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32));
        rustix::process::kill_process(id.expect("it runs"), signal).expect("it runs");
    }

    /// Waits for its end: whether that was a success, and everything it wrote.
    pub async fn ended(mut self) -> (bool, String) {
        let status = within(self.child.wait()).await.expect("a child");
        within(self.reading).await.expect("read to the end");
        let written = self.written.lock().expect("whole").clone();
        (status.success(), written)
    }
}

fn address_in(written: &Mutex<String>) -> Option<SocketAddr> {
    let written = written.lock().expect("whole");
    let line = written.lines().find(|line| line.contains("relay listens"))?;
    let at = line.find("127.0.0.1:")?;
    let address = line[at..].split(|c: char| c == '"' || c.is_whitespace()).next()?;
    address.parse().ok()
}
