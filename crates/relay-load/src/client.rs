//! One WebSocket to a server under load. Cheap, because it shares the machine with the server:
//! what arrives is looked at as text, and only the one number that matters is read.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::stamped::{Arrival, Stamped};

/// Bytes read at once. tungstenite's default would fill this process's memory with buffers.
const READ_BUFFER: usize = 8 * 1024;

/// Both directions.
pub type Socket = WebSocketStream<Stamped>;

/// The outgoing direction.
pub struct Writer(SplitSink<Socket, Message>);

/// The incoming direction.
pub struct Reader {
    stream: SplitStream<Socket>,
    arrival: Arrival,
}

/// Opens a WebSocket. `receive_buffer` bounds what the system takes in for it; none leaves
/// that to the system.
///
/// # Errors
///
/// When the server does not take it.
pub async fn connect(
    address: SocketAddr,
    path: &str,
    receive_buffer: Option<u32>,
) -> Result<Socket> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    let url = format!("ws://{address}{path}");
    let stream = Stamped::new(stream)?;
    let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    Ok(socket)
}

/// Takes a socket apart.
pub fn split(socket: Socket) -> (Reader, Writer) {
    let arrival = socket.get_ref().arrival();
    let (sink, stream) = socket.split();
    (Reader { stream, arrival }, Writer(sink))
}

impl Writer {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn send(&mut self, text: impl Into<Utf8Bytes>) -> Result<()> {
        Ok(self.0.send(Message::Text(text.into())).await?)
    }
}

impl Reader {
    /// The next text.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn next(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.stream.next().await.context("the connection ended")?? {
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Waits for the end of the connection.
    pub async fn ended(mut self) {
        while self.stream.next().await.is_some_and(|message| message.is_ok()) {}
    }

    /// When the last text arrived, or something behind it that was read with it. (milliseconds)
    pub fn arrived(&self) -> f64 {
        self.arrival.ms()
    }

    /// Puts a socket together again.
    ///
    /// # Errors
    ///
    /// When the two are not of one socket.
    pub fn reunite(self, writer: Writer) -> Result<Socket> {
        self.stream.reunite(writer.0).map_err(|_| anyhow::anyhow!("halves of two sockets"))
    }

    /// The next text of this type.
    ///
    /// # Errors
    ///
    /// When the connection ends before it.
    pub async fn next_of(&mut self, name: &str) -> Result<Utf8Bytes> {
        loop {
            let text = self.next().await?;
            if is(&text, name) {
                return Ok(text);
            }
            if is(&text, "error") {
                bail!("{text}");
            }
        }
    }
}

/// Whether a text is a message of this type.
pub fn is(text: &str, name: &str) -> bool {
    // Both sides write the type first.
    text.strip_prefix("{\"type\":\"")
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with('"'))
}

/// The number behind a key, such as `"positionMs":`.
pub fn number(text: &str, key: &str) -> Option<f64> {
    let rest = &text[text.find(key)? + key.len()..];
    let end = rest.find([',', '}'])?;
    rest[..end].parse().ok()
}

/// A `join` of the swarm that this number names.
pub fn join(swarm: usize, user: &str) -> String {
    format!("{{\"type\":\"join\",\"swarmHash\":\"{swarm:064x}\",\"userId\":\"{user}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_whole_name() {
        assert!(is(r#"{"type":"play","fileId":"a"}"#, "play"));
        assert!(!is(r#"{"type":"playback"}"#, "play"));
    }

    #[test]
    fn a_number_is_read_wherever_it_stands() {
        let text = r#"{"type":"timePong","t0":1.5,"tS":-2e3}"#;
        assert_eq!((number(text, "\"t0\":"), number(text, "\"tS\":")), (Some(1.5), Some(-2000.0)));
        assert_eq!(number(text, "\"t9\":"), None);
    }
}
