//! Clients on real sockets. Every wait has a deadline; nothing sleeps.

#![allow(dead_code, reason = "each test file uses another part of it")]

pub mod http;
#[cfg(feature = "program")]
pub mod program;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::message::{FileAnnouncement, Joined, MediaInfo, Playback};
use protocol::time::Millis;
use protocol::{ClientMessage, ErrorCode, ServerMessage, SwarmHash, SwarmKey, SwarmTime, UserId};
use relay_server::{Limits, Relay, RunningRelay};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

/// Far longer than anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(10);

pub async fn relay() -> RunningRelay {
    relay_with(Limits::default()).await
}

pub async fn relay_with(limits: Limits) -> RunningRelay {
    Relay::builder().limits(limits).spawn().await.expect("a free port on loopback")
}

pub fn swarm(key: &str) -> SwarmHash {
    SwarmKey::parse(key).expect("a plain key").hash()
}

pub fn id(text: &str) -> UserId {
    UserId::parse(text).expect("a plain user id")
}

/// A file with its own content for every letter.
pub fn file(letter: char) -> FileAnnouncement {
    let digits = format!("{:x}", u32::from(letter)).repeat(64);
    FileAnnouncement {
        file_id: digits[..64].parse().expect("hex"),
        name: format!("{letter}.mp3").parse().expect("a file name"),
        size: 1_000,
        info_hash: digits[..40].parse().expect("hex"),
        magnet: format!("magnet:?xt=urn:btih:{}", &digits[..40]).parse().expect("a magnet link"),
        media: MediaInfo::default(),
    }
}

/// A `play` from the beginning, `ahead` of `now`.
pub fn play(file: &FileAnnouncement, now: SwarmTime, ahead: protocol::Span) -> ClientMessage {
    let start = Millis::from(now + ahead);
    ClientMessage::Play(Playback::playing(file.file_id.clone(), start, Millis::default()))
}

/// One member, or one tracker client.
pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub async fn connect(address: SocketAddr, path: &str) -> Self {
        let (socket, _) =
            connect_async(format!("ws://{address}{path}")).await.expect("the relay listens");
        Self { socket }
    }

    /// A connection that has not joined yet.
    pub async fn stranger(relay: &RunningRelay) -> Self {
        Self::connect(relay.local_addr(), "/ws").await
    }

    /// A member of the swarm `party`.
    pub async fn join(relay: &RunningRelay, user: &str) -> (Self, Joined) {
        let mut client = Self::stranger(relay).await;
        client.send(join_message("party", user, None)).await;
        let joined = client.joined().await;
        (client, joined)
    }

    /// A member of a swarm of its own choice, where nobody is told anything it must read.
    pub async fn member(relay: &RunningRelay, user: &str) -> Self {
        Self::join(relay, user).await.0
    }

    /// A member with a small receive buffer, for a test that leaves its socket unread.
    pub async fn slow_member(relay: &RunningRelay, user: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a small buffer");
        let stream = socket.connect(relay.local_addr()).await.expect("the relay listens");
        let url = format!("ws://{}/ws", relay.local_addr());
        let (socket, _) =
            client_async(url, MaybeTlsStream::Plain(stream)).await.expect("a WebSocket");
        let mut client = Self { socket };
        client.send(join_message("party", user, None)).await;
        client.joined().await;
        client
    }

    pub async fn send(&mut self, message: ClientMessage) {
        self.send_text(message.encode()).await;
    }

    pub async fn send_text(&mut self, text: impl Into<String>) {
        let frame = Message::Text(text.into().into());
        within(self.socket.send(frame)).await.expect("the relay reads");
    }

    /// The next frame that is not only there to keep the connection alive.
    pub async fn frame(&mut self) -> Message {
        loop {
            let frame = within(self.socket.next()).await;
            match frame.expect("a frame before the end").expect("a whole frame") {
                Message::Ping(_) | Message::Pong(_) => {}
                frame => return frame,
            }
        }
    }

    pub async fn text(&mut self) -> String {
        match self.frame().await {
            Message::Text(text) => text.to_string(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    pub async fn next(&mut self) -> ServerMessage {
        let text = self.text().await;
        ServerMessage::decode(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The next message for which `wanted` gives something; others are passed over.
    pub async fn wait_for<T>(&mut self, wanted: impl Fn(ServerMessage) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    pub async fn joined(&mut self) -> Joined {
        match self.next().await {
            ServerMessage::Joined(joined) => joined,
            other => panic!("expected joined, got {other:?}"),
        }
    }

    pub async fn error(&mut self) -> (ErrorCode, Option<String>) {
        match self.next().await {
            ServerMessage::Error { code, in_reply_to, .. } => (code, in_reply_to),
            other => panic!("expected an error, got {other:?}"),
        }
    }

    /// Sends a message and expects its refusal to be the next thing said.
    pub async fn refused(&mut self, message: ClientMessage) -> ErrorCode {
        self.send(message).await;
        self.error().await.0
    }

    /// The close code, after whatever else is still said.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.frame().await {
                return frame.expect("a close frame with a code").code.into();
            }
        }
    }

    /// Sends what is far too large and returns the close code. None when the connection was
    /// reset: closing a socket with unread bytes may overtake the goodbye.
    pub async fn closed_after(&mut self, text: String) -> Option<u16> {
        // The relay hangs up as soon as it has read the length.
        let _ = within(self.socket.send(Message::Text(text.into()))).await;
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The relay's time, and proof that everything sent before it was read.
    pub async fn time(&mut self) -> SwarmTime {
        self.send(ClientMessage::TimePing { t0: Millis::default() }).await;
        self.wait_for(|message| match message {
            ServerMessage::TimePong { t_s, .. } => Some(SwarmTime::from(t_s)),
            _ => None,
        })
        .await
    }

    /// Makes sure that whatever the swarm had to say to this member was said: sends itself
    /// through the swarm and returns what came before the answer.
    pub async fn settled(&mut self) -> Vec<ServerMessage> {
        let nobody = ClientMessage::RtcSignal { to: id("nobody-at-all"), data: 0.into() };
        self.send(nobody).await;
        let mut before = Vec::new();
        loop {
            match self.next().await {
                ServerMessage::Error { code: ErrorCode::UnknownPeer, .. } => return before,
                other => before.push(other),
            }
        }
    }

    pub async fn end(mut self) {
        within(self.socket.close(None)).await.expect("an open connection");
    }
}

/// A whole HTTP answer, head and body.
pub async fn http_get(address: SocketAddr, path: &str) -> String {
    http_get_with(address, path, "").await
}

/// The same with more header lines, each ended by a line break.
pub async fn http_get_with(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the relay listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("an open socket");
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.expect("text");
    answer
}

pub fn join_message(key: &str, user: &str, resume: Option<String>) -> ClientMessage {
    let (alias, challenge) = (None, None);
    ClientMessage::Join { swarm_hash: swarm(key), user_id: id(user), alias, resume, challenge }
}

/// Fails the test when `future` takes longer than [`DEADLINE`].
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("done before the deadline")
}

/// Waits until `condition` holds, for what no message tells.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(DEADLINE, poll).await.is_ok(), "{what}");
}
