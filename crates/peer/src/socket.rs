//! Opening a WebSocket to a relay.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::limits;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::address::RelayAddress;

/// Read buffer. The largest frame is rare, and thousands of bytes per idle link add up.
const READ_BUFFER: usize = 4 * 1024;

/// An open connection.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects within `patience` for TCP, TLS and the WebSocket handshake together; also tells which
/// address was reached, if the system does.
///
/// # Errors
///
/// Why not, in technical words.
pub(crate) async fn open(
    relay: &RelayAddress,
    patience: Duration,
) -> Result<(Socket, Option<SocketAddr>), String> {
    let connect = async {
        let stream = TcpStream::connect((relay.host(), relay.port())).await?;
        stream.set_nodelay(true)?;
        let address = stream.peer_addr().ok();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(limits::MAX_MESSAGE))
            .max_frame_size(Some(limits::MAX_MESSAGE));
        let (socket, _) =
            client_async_tls_with_config(relay.member_uri(), stream, Some(config), None).await?;
        Ok::<_, tungstenite::Error>((socket, address))
    };
    match timeout(patience, connect).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {:.1} s", patience.as_secs_f64())),
    }
}
