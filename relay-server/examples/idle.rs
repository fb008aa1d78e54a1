//! Measures what an idle member costs the relay in memory, over plain HTTP and over TLS.
//!
//! `cargo run --release -p relay-server --example idle -- 2000` starts the relay as a process of
//! its own, lets so many members in, in swarms of five, and reads its resident memory before and
//! after. Linux only. Build the program first: `cargo build --release -p relay-server`.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use protocol::{ClientMessage, SwarmKey};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

/// Members of one swarm: a small party.
const PARTY: usize = 5;

/// Members that come in before the first reading, so that what the relay sets up once is in both.
const FIRST: usize = 50;

type Member = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count = std::env::args().nth(1).map_or(Ok(2_000), |count| count.parse())?;
    println!("| transport | members | kB each | per GB |\n|---|---|---|---|");
    measure("plain", count, None).await?;
    let folder = tempfile::tempdir()?;
    let new = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(folder.path().join("cert.pem"), new.cert.pem())?;
    std::fs::write(folder.path().join("key.pem"), new.signing_key.serialize_pem())?;
    let mut roots = RootCertStore::empty();
    roots.add(new.cert.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    measure("TLS 1.3", count, Some((folder.path(), Arc::new(config)))).await
}

async fn measure(
    transport: &str,
    count: usize,
    tls: Option<(&Path, Arc<ClientConfig>)>,
) -> anyhow::Result<()> {
    let (child, address) = start(tls.as_ref().map(|(folder, _)| *folder)).await?;
    let config = tls.map(|(_, config)| config);
    let mut members = Vec::new();
    for number in 0..FIRST {
        members.push(join(address, number, config.clone()).await?);
    }
    let before = resident(&child).await?;
    for number in FIRST..FIRST + count {
        members.push(join(address, number, config.clone()).await?);
    }
    let after = resident(&child).await?;
    let each = (after.saturating_sub(before)) as f64 / count as f64;
    println!("| {transport} | {count} | {each:.1} | {:.0} |", 1e6 / each);
    Ok(())
}

/// Starts the program that lies beside this one.
async fn start(tls: Option<&Path>) -> anyhow::Result<(Child, SocketAddr)> {
    let here = std::env::current_exe()?;
    let folder = here.ancestors().nth(2).context("an example lies in a folder of its own")?;
    let mut command = Command::new(folder.join("relay-server"));
    // Nobody reads here, so nobody would answer a ping.
    command
        .args(["--listen", "127.0.0.1:0", "--limits-ping-interval", "1h"])
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(folder) = tls {
        command.arg("--tls-cert").arg(folder.join("cert.pem"));
        command.arg("--tls-key").arg(folder.join("key.pem"));
    }
    let mut child = command.spawn().context("run `cargo build --release -p relay-server` first")?;
    let mut lines = BufReader::new(child.stderr.take().context("a pipe")?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, address)) = line.split_once("relay listens local_addr=") {
            let address = address.trim().parse()?;
            // It writes little, but a full pipe would stop it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, address));
        }
    }
    bail!("the relay did not start")
}

async fn join(
    relay: SocketAddr,
    number: usize,
    tls: Option<Arc<ClientConfig>>,
) -> anyhow::Result<Member> {
    let socket = TcpSocket::new_v4()?;
    // An address for every few members: a relay bounds how many one may have.
    let [high, low] = u16::try_from(number / PARTY)?.to_be_bytes();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0)))?;
    let stream = socket.connect(relay).await?;
    let url = if tls.is_some() { "wss://localhost/ws" } else { "ws://localhost/ws" };
    let connector = tls.map_or(Connector::Plain, Connector::Rustls);
    let config = WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(0);
    let opening = client_async_tls_with_config(url, stream, Some(config), Some(connector));
    let (mut member, _) = opening.await?;
    let join = ClientMessage::Join {
        swarm_hash: SwarmKey::parse(&format!("party {}", number / PARTY))?.hash(),
        user_id: format!("member-{number}").parse()?,
        alias: None,
        resume: None,
    };
    member.send(join.encode().into()).await?;
    member.next().await.context("an answer")??;
    Ok(member)
}

/// The resident memory of the relay in kB, once it has come to rest.
async fn resident(child: &Child) -> anyhow::Result<u64> {
    sleep(Duration::from_secs(1)).await;
    let id = child.id().context("the relay has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("Linux")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
