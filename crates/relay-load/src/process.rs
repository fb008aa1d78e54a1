//! The servers under load, each a process of its own: what it needs of processor and memory is
//! read from `/proc`, from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use crate::serve::{CERTIFICATE, KEY};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// This project's relay.
    Ours,
    /// This project's relay, with the rates of tracker clients lifted: a closed loop asks faster
    /// than any client may.
    OursUnmetered,
    /// This project's relay, over TLS.
    OursTls,
    /// `rivals/relay.mjs`.
    NodeRelay,
    /// `rivals/tracker.mjs`.
    NodeTracker,
}

/// A server that runs; it is ended when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The path of its tracker.
    pub tracker_path: &'static str,
    /// What it shows, if it speaks TLS.
    pub certificate: Option<CertificateDer<'static>>,
    /// Removed when this is dropped.
    _files: TempDir,
}

impl Server {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not say its port.
    pub fn start(contender: Contender) -> Result<Self> {
        let rivals = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals");
        let files = TempDir::new()?;
        let mut certificate = None;
        let (mut command, tracker_path) = match contender {
            Contender::Ours => (ours()?, "/announce"),
            Contender::OursUnmetered => {
                let mut command = ours()?;
                command.arg("--unmetered-tracker");
                (command, "/announce")
            }
            Contender::OursTls => {
                certificate = Some(certify(files.path())?);
                let mut command = ours()?;
                command.arg("--tls").arg(files.path());
                (command, "/announce")
            }
            Contender::NodeRelay => (node(&rivals, "relay.mjs")?, "/"),
            Contender::NodeTracker => (node(&rivals, "tracker.mjs")?, "/"),
        };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("a server's output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("a port, not {line:?}"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { child, address, tracker_path, certificate, _files: files })
    }

    /// Processor time since it started, of all its threads. (seconds)
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn processor(&self) -> Result<f64> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut nanoseconds = 0.0;
        for task in fs::read_dir(&tasks).context("the server has ended")? {
            // A thread may end between these two lines.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let first = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
            nanoseconds += first.context("nanoseconds on a processor")?;
        }
        Ok(nanoseconds / 1e9)
    }

    /// Memory it holds. (bytes)
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn memory(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).context("the server has ended")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.context("the server has ended")? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ours() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve");
    Ok(command)
}

/// Writes a certificate for this computer and its key.
fn certify(folder: &Path) -> Result<CertificateDer<'static>> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    fs::write(folder.join(KEY), made.signing_key.serialize_pem())?;
    Ok(made.cert.der().clone())
}

fn node(rivals: &Path, script: &str) -> Result<Command> {
    if !rivals.join("node_modules").is_dir() {
        bail!("run `npm ci --ignore-scripts` in {}", rivals.display());
    }
    let mut command = Command::new("node");
    command.arg(script).current_dir(rivals);
    Ok(command)
}
