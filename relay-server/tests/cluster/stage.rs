//! A Redis and relays as child processes. They end with the test, however it ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

use crate::common::http_get;

/// How long the relays' leases are here. Shorter than usual, so that the tests are quick; long
/// enough that a busy machine does not end one.
pub const LEASE: Duration = Duration::from_secs(2);

/// How long a process may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// One Redis and the relays that use it.
pub struct Stage {
    pub redis: Redis,
    pub nodes: Vec<Node>,
    /// Further settings of every relay.
    settings: Vec<String>,
    logs: TempDir,
}

impl Stage {
    /// A Redis and a relay for each name, which members reach at addresses of their own.
    pub async fn with(names: &[&str]) -> Self {
        Self::new(names, Redis::start(), (true, &[])).await
    }

    /// As [`Self::with`], with a Redis that runs.
    pub async fn with_redis(names: &[&str], redis: Redis) -> Self {
        Self::new(names, redis, (true, &[])).await
    }

    /// As [`Self::with`], with further settings of every relay.
    pub async fn with_settings(names: &[&str], settings: &[&str]) -> Self {
        Self::new(names, Redis::start(), (true, settings)).await
    }

    /// Relays that members reach only through each other.
    pub async fn without_public_names(names: &[&str]) -> Self {
        Self::new(names, Redis::start(), (false, &[])).await
    }

    async fn new(names: &[&str], redis: Redis, (is_public, settings): (bool, &[&str])) -> Self {
        let logs = TempDir::new().expect("a folder for logs");
        let settings = settings.iter().map(|&text| text.to_owned()).collect();
        let mut stage = Self { redis, nodes: Vec::new(), settings, logs };
        for name in names {
            let node = stage.node(name, is_public);
            stage.nodes.push(node);
        }
        for node in &mut stage.nodes {
            node.ready().await;
        }
        stage
    }

    /// Starts one more relay; it is not among [`Self::nodes`].
    pub fn node(&self, name: &str, is_public: bool) -> Node {
        self.node_at(name, is_public, &self.redis.place)
    }

    /// As [`Self::node`], with this for a Redis.
    pub fn node_at(&self, name: &str, is_public: bool, redis: &Place) -> Node {
        let (port, metrics) = (free_port(), free_port());
        let url = format!("ws://127.0.0.1:{port}/ws");
        let log = self.logs.path().join(format!("{name}-{port}.log"));
        let file = File::create(&log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay-server"));
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--cluster-redis-url", &redis.url])
            .args(["--cluster-node-id", name])
            .args(["--cluster-lease", &format!("{}ms", LEASE.as_millis())])
            .args(["--log-level", "relay_server=debug"])
            .args(["--metrics-listen", &format!("127.0.0.1:{metrics}")])
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file);
        if let Some(ca) = &redis.ca {
            command.arg("--cluster-redis-ca").arg(ca);
        }
        if is_public {
            command.args(["--cluster-public-url", &url]);
        }
        let child = command.spawn().expect("the relay's program");
        Node { name: name.to_owned(), url, port, metrics, log, process: Process(child) }
    }

    /// Where members may try.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.url.clone()).collect()
    }

    /// The relay at `url`.
    pub fn at(&mut self, url: &str) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.url == url).expect("a relay of this stage")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                eprintln!("--- log of {}\n{}", node.name, node.said());
            }
        }
    }
}

/// One relay.
pub struct Node {
    pub name: String,
    pub url: String,
    pub port: u16,
    metrics: u16,
    log: PathBuf,
    pub process: Process,
}

impl Node {
    /// Waits until it serves.
    pub async fn ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() || !self.is_in_cluster() {
            if let Ok(Some(status)) = self.process.0.try_wait() {
                panic!("{} ended with {status}:\n{}", self.name, self.said());
            }
            assert!(Instant::now() < until, "{} does not start:\n{}", self.name, self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn is_in_cluster(&self) -> bool {
        self.said().contains("relay listens")
    }

    /// What it counts as `metric`.
    pub async fn counts(&self, metric: &str) -> f64 {
        let page = http_get(([127, 0, 0, 1], self.metrics).into(), "/metrics").await;
        let value = page.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {metric} in\n{page}"))
    }

    /// Its log.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A child process.
pub struct Process(pub Child);

impl Process {
    /// Ends it without a chance to do anything.
    pub fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ended");
    }

    /// Lets it stand still; it does when this returns.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let pid = Pid::from_child(&self.0);
        waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is a child");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that stands still is killed all the same.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Redis that keeps nothing on disk.
pub struct Redis {
    port: u16,
    /// What relays know of it.
    pub place: Place,
    pub process: Process,
}

/// Where relays look for a Redis.
#[derive(Clone)]
pub struct Place {
    pub url: String,
    /// From where its certificate must come.
    pub ca: Option<PathBuf>,
}

impl Redis {
    fn start() -> Self {
        let port = free_port();
        let place = Place { url: format!("redis://127.0.0.1:{port}"), ca: None };
        Self { port, place, process: Self::spawn(port, &[]) }
    }

    /// One that relays reach by TLS, with a certificate of its own.
    pub fn start_with_tls(certificate: PathBuf, key: &Path) -> Self {
        let (port, secured) = (free_port(), free_port());
        let tls_port = secured.to_string();
        let settings = [
            OsStr::new("--tls-port"),
            OsStr::new(&tls_port),
            OsStr::new("--tls-cert-file"),
            certificate.as_os_str(),
            OsStr::new("--tls-key-file"),
            key.as_os_str(),
            OsStr::new("--tls-auth-clients"),
            OsStr::new("no"),
        ];
        let process = Self::spawn(port, &settings);
        let url = format!("rediss://localhost:{secured}");
        Self { port, place: Place { url, ca: Some(certificate) }, process }
    }

    fn spawn(port: u16, settings: &[&OsStr]) -> Process {
        let spawn = |program: &str| {
            Command::new(program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "no"])
                .args(settings)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        let child = spawn("redis-server").or_else(|_| spawn("valkey-server"));
        let process = Process(child.expect("`cargo xtask test` installs redis-server"));
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "Redis does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    }

    /// Kills it and everything it knows.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts an empty one in its place.
    pub fn restart(&mut self) {
        self.process = Self::spawn(self.port, &[]);
    }

    /// Where it is reached without TLS.
    pub fn plain_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Asks it something, past the relays.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.plain_url()).expect("a URL of Redis's");
        let mut connection = client.get_connection().expect("Redis runs");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection).expect("an answer")
    }
}

fn free_port() -> u16 {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(any).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
