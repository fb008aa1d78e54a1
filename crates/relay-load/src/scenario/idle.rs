//! What a member costs that says nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};

use crate::client::join;
use crate::figures::{Figure, Unit};
use crate::process::Server;

/// Members of one swarm: a household.
const IN_SWARM: usize = 5;

/// What a server that has just begun to work needs once and for all is not counted.
const WARM_UP: usize = 200;

/// `count` members join and stay.
pub async fn hold(server: &Server, count: usize) -> Result<Vec<Figure>> {
    let door = Door::to(server)?;
    drop(door.enter(WARM_UP).await?);
    let before = settled(server).await?;
    let members = door.enter(count).await?;
    let each = (settled(server).await? - before) / members.len() as f64;
    Ok(vec![
        Figure::new("memory per connection", Unit::Kb, each / 1e3),
        Figure::new("connections per GB", Unit::Count, 1e9 / each),
    ])
}

/// A member that joined and is left to itself: nobody reads what it is sent.
type Idle = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The way in, over TLS or not.
struct Door {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Door {
    fn to(server: &Server) -> Result<Self> {
        let tls = server.certificate.clone().map(trusting).transpose()?;
        Ok(Self { address: server.address, tls })
    }

    /// Lets `count` members in.
    async fn enter(&self, count: usize) -> Result<Vec<Idle>> {
        /// Joins on their way at a time.
        const AT_ONCE: usize = 50;
        let mut all = Vec::with_capacity(count);
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(AT_ONCE) {
            all.extend(try_join_all(some.iter().map(|&number| self.enter_one(number))).await?);
        }
        Ok(all)
    }

    async fn enter_one(&self, number: usize) -> Result<Idle> {
        let stream = TcpStream::connect(self.address).await?;
        let stream = match &self.tls {
            None => MaybeTlsStream::Plain(stream),
            Some(connector) => {
                let name = ServerName::try_from("localhost")?;
                MaybeTlsStream::Rustls(connector.connect(name, stream).await?)
            }
        };
        let mut socket = open(self.address, stream).await?;
        let join = join(1_000 + number / IN_SWARM, &format!("i{number}"));
        socket.send(Message::Text(join.into())).await?;
        socket.next().await.context("the relay lets everyone in")??;
        Ok(socket)
    }
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    address: SocketAddr,
    stream: S,
) -> Result<WebSocketStream<S>> {
    // This process holds as many connections as the server does.
    let config = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0);
    let url = format!("ws://{address}/ws");
    Ok(client_async_with_config(url, stream, Some(config)).await?.0)
}

fn trusting(certificate: CertificateDer<'static>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The memory once the server has done what it still had to do.
async fn settled(server: &Server) -> Result<f64> {
    let mut last = 0.0;
    loop {
        let busy = server.processor()?;
        sleep(Duration::from_millis(300)).await;
        // Idle is less than a hundredth of a processor.
        if server.processor()? - busy < 0.003 {
            return server.memory();
        }
        last += 1.0;
        if last > 20.0 {
            return server.memory();
        }
    }
}
