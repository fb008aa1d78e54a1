//! The bridge behind a WebSocket, so that a page in any browser can use it without the app.
//!
//! Prints the port it listens on, then serves one page after the other on loopback:
//! `cargo run -p webrtc-bridge --example bridge_server`.
//!
//! A call is a text message `{"id", "command", "args"}`, answered by `{"id", "ok"}` or
//! `{"id", "error"}`; events of a connection are `{"events", "event"}`, where `events` is the
//! number the page gave when it opened the connection. Bytes are binary messages of little-endian
//! numbers and a batch of frames: `[id u32][connection u32][channel u32][batch]` to send, and
//! `[id u32][batch]` to answer a receive. The page's end is `tests/browser/socket-host.ts`.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use webrtc_bridge::{Bridge, ChannelId, ConnectionEvent, ConnectionId};

/// Answers and events on their way to the page. Each call yields one, and a page has few calls
/// open at a time; a page that stops reading stops its own calls.
const QUEUE: usize = 1024;

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve(stream).await {
                tracing::warn!(%error, "page left");
            }
        });
    }
}

#[derive(Deserialize)]
struct Call {
    id: u32,
    command: String,
    #[serde(default)]
    args: Value,
}

async fn serve(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut to_page, mut from_page) = tokio_tungstenite::accept_async(stream).await?.split();
    let (outgoing, mut queue) = mpsc::channel::<Message>(QUEUE);
    let writer = tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            to_page.send(message).await?;
        }
        anyhow::Ok(())
    });
    let bridge = Bridge::default();
    while let Some(message) = from_page.next().await {
        let (bridge, outgoing) = (bridge.clone(), outgoing.clone());
        match message? {
            Message::Text(text) => {
                let call: Call = serde_json::from_str(&text)?;
                tokio::spawn(async move {
                    let answer = answer(&bridge, call, &outgoing).await;
                    let _ = outgoing.send(answer).await;
                });
            }
            Message::Binary(bytes) => {
                tokio::spawn(async move {
                    if let Err(error) = send(&bridge, &bytes, &outgoing).await {
                        tracing::warn!(%error, "malformed send");
                    }
                });
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    bridge.reset().await;
    writer.abort();
    Ok(())
}

async fn send(bridge: &Bridge, bytes: &[u8], outgoing: &mpsc::Sender<Message>) -> Result<()> {
    let number = |at: usize| -> Result<u32> {
        let bytes = bytes.get(at..at + 4).context("a number is missing")?;
        Ok(u32::from_le_bytes(bytes.try_into()?))
    };
    let (id, connection, channel) = (number(0)?, number(4)?, number(8)?);
    let sent = bridge.send(connection, channel, bytes[12..].to_vec()).await;
    let answer = match sent {
        Ok(()) => json!({ "id": id, "ok": null }),
        Err(error) => json!({ "id": id, "error": error.to_string() }),
    };
    outgoing.send(Message::text(answer.to_string())).await?;
    Ok(())
}

async fn answer(bridge: &Bridge, call: Call, outgoing: &mpsc::Sender<Message>) -> Message {
    let id = call.id;
    tracing::debug!(id, command = call.command, connection = ?call.args.get("connection"), "call");
    match run(bridge, call, outgoing).await {
        Ok(Answer::Json(ok)) => Message::text(json!({ "id": id, "ok": ok }).to_string()),
        Ok(Answer::Batch(batch)) => {
            let mut bytes = id.to_le_bytes().to_vec();
            bytes.extend_from_slice(&batch);
            Message::binary(bytes)
        }
        Err(error) => Message::text(json!({ "id": id, "error": format!("{error:#}") }).to_string()),
    }
}

enum Answer {
    Json(Value),
    Batch(Vec<u8>),
}

async fn run(bridge: &Bridge, call: Call, outgoing: &mpsc::Sender<Message>) -> Result<Answer> {
    let args = &call.args;
    let connection = || -> Result<ConnectionId> { field(args, "connection") };
    let channel = || -> Result<ChannelId> { field(args, "channel") };
    let ok = match call.command.as_str() {
        "reset" => json!(bridge.reset().await),
        "open" => {
            let events: u32 = field(args, "events")?;
            let outgoing = outgoing.clone();
            let sink = Arc::new(move |event: ConnectionEvent| {
                tracing::debug!(events, ?event, "event");
                let message = json!({ "events": events, "event": event });
                if outgoing.try_send(Message::text(message.to_string())).is_err() {
                    tracing::error!("the page does not read its events");
                }
            });
            json!(bridge.open(field(args, "config")?, sink).await?)
        }
        "close" => json!(bridge.close(connection()?).await?),
        "createChannel" => {
            json!(bridge.create_channel(connection()?, field(args, "config")?).await?)
        }
        "createOffer" => json!(bridge.create_offer(connection()?).await?),
        "createAnswer" => json!(bridge.create_answer(connection()?).await?),
        "setLocal" => json!(bridge.set_local(connection()?, field(args, "description")?).await?),
        "setRemote" => json!(bridge.set_remote(connection()?, field(args, "description")?).await?),
        "addCandidate" => {
            json!(bridge.add_candidate(connection()?, field(args, "candidate")?).await?)
        }
        "selectedPath" => json!(bridge.selected_path(connection()?).await?),
        "receive" => {
            return Ok(Answer::Batch(bridge.receive(connection()?, channel()?).await?));
        }
        "closeChannel" => json!(bridge.close_channel(connection()?, channel()?).await?),
        other => bail!("there is no command {other}"),
    };
    Ok(Answer::Json(ok))
}

fn field<T: for<'a> Deserialize<'a>>(args: &Value, name: &str) -> Result<T> {
    let value = args.get(name).with_context(|| format!("{name} is missing"))?;
    T::deserialize(value).with_context(|| format!("{name} is malformed"))
}
