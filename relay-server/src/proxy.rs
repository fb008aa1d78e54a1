//! Passes one member's frames on to the relay that keeps its swarm, and back: for clusters whose
//! relays only a load balancer can reach.
//!
//! Frames go through unread, time pings as well: the way there and the way back grow alike, and
//! the owner stamps them. The member's rates are the owner's business; this side only bounds
//! what waits for a member that does not read.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use futures_util::{SinkExt, StreamExt};
use protocol::limits::MAX_MESSAGE;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tracing::debug;

use crate::member::{PassedOn, unsettled};
use crate::metrics::{Counters, Toward};
use crate::outbox::Outbox;
use crate::relay::Shared;
use crate::socket::{Goodbye, Incoming, SocketReader, SocketWriter};
use crate::web::PASSED_ON;

/// How long the owner may take to be connected to. It is in the same data centre.
const CONNECT: Duration = Duration::from_secs(2);

/// As for members' own connections; see `socket.rs`.
const READ_BUFFER: usize = 4 * 1024;

type Owner = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Lets a member take part in a swarm that another relay keeps, until either side ends it.
pub(crate) async fn pass_on(
    reader: &mut SocketReader,
    writer: &mut SocketWriter,
    relay: &Arc<Shared>,
    PassedOn { owner, client, join }: PassedOn,
) -> Goodbye {
    let connected = async {
        let mut owner = connect(&owner.inside, client).await?;
        owner.send(Message::text(join.encode())).await?;
        Ok::<_, tungstenite::Error>(owner)
    };
    let owner = match timeout(CONNECT, connected).await {
        Ok(Ok(owner)) => owner,
        // It may have died a moment ago: its swarms are free when its lease has run out.
        Ok(Err(error)) => {
            debug!(%error, "the relay that keeps the swarm can not be reached");
            return unsettled(relay);
        }
        Err(_) => return unsettled(relay),
    };
    let (mut to_owner, from_owner) = owner.split();
    let outbox = writer.outbox();
    let passed_on = &relay.metrics.proxied_frames;
    // Its `join`.
    passed_on.inc(Toward::Owner);
    let goodbye = tokio::select! {
        biased;
        () = relay.leaving.cancelled() => Goodbye::SHUTTING_DOWN,
        goodbye = forward(reader, &mut to_owner, passed_on) => goodbye,
        goodbye = back(from_owner, outbox, passed_on) => goodbye,
        goodbye = writer.run() => goodbye,
    };
    // So that the others see at once that the member has gone.
    let _ = timeout(CONNECT, to_owner.close()).await;
    goodbye
}

async fn connect(url: &str, client: IpAddr) -> Result<Owner, tungstenite::Error> {
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(PASSED_ON, HeaderValue::from_static("1"));
    // In either form, of which the owner reads one if it trusts this relay.
    let node = match client {
        IpAddr::V4(client) => format!("for={client}"),
        IpAddr::V6(client) => format!("for=\"[{client}]\""),
    };
    headers.insert("x-forwarded-for", HeaderValue::try_from(client.to_string())?);
    headers.insert(header::FORWARDED, HeaderValue::try_from(node)?);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let is_prompt = true;
    let (owner, _) = connect_async_with_config(request, Some(config), is_prompt).await?;
    Ok(owner)
}

/// What the member says, to the owner.
async fn forward(
    reader: &mut SocketReader,
    to_owner: &mut (impl SinkExt<Message, Error = tungstenite::Error> + Unpin),
    passed_on: &Counters<Toward>,
) -> Goodbye {
    loop {
        let message = match reader.next().await {
            Ok((Incoming::Text(text), _)) => Message::text(text.as_str()),
            Ok((Incoming::Binary, _)) => Message::binary(Vec::new()),
            Err(goodbye) => return goodbye,
        };
        // A member waits at its own socket while the owner is busy.
        if to_owner.send(message).await.is_err() {
            return Goodbye::UNSETTLED;
        }
        passed_on.inc(Toward::Owner);
    }
}

/// What the owner says, to the member.
async fn back(
    mut from_owner: impl StreamExt<Item = Result<Message, tungstenite::Error>> + Unpin,
    mut outbox: Outbox,
    passed_on: &Counters<Toward>,
) -> Goodbye {
    let goodbye = loop {
        match from_owner.next().await {
            Some(Ok(Message::Text(text))) => {
                if outbox.push(text.as_str().into()).is_err() {
                    return Goodbye::TOO_SLOW;
                }
                outbox.flush();
                passed_on.inc(Toward::Member);
            }
            Some(Ok(Message::Close(Some(frame)))) => break Goodbye::passed_on(frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break Goodbye::UNSETTLED,
        }
    };
    // What is queued goes first; the writer ends the connection then.
    outbox.finish(None, goodbye);
    std::future::pending().await
}
