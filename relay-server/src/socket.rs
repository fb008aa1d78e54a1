//! One WebSocket: text frames in with the moment of their arrival, text frames out, pings to
//! keep proxies from cutting it, and a close code that says why it ends.
//!
//! Members and tracker clients share this file; what their messages mean is said elsewhere.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use protocol::limits::MAX_MESSAGE;
use protocol::{ErrorCode, ServerMessage, SwarmTime};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite;

use crate::budget::FloodWatch;
use crate::clock::RelayClock;
use crate::line::{Line, WRITE_BATCH, Wire};
use crate::metrics::{CloseCode, Counted, SocketKind, Via, counted};
use crate::outbox::{Outbox, Undeliverable};
use crate::relay::Shared;

/// Tells the connections of one relay apart. Never reused while the relay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Bytes read from a member's socket at once.
///
/// tungstenite sets this much aside for every connection; its default of 128 KiB would make
/// idle members cost twelve times what they need. Control messages fit with room to spare, and
/// a description of a WebRTC connection takes a second read.
const MEMBER_READ_BUFFER: usize = 2 * 1024;

/// The same of a tracker client's, whose announces carry five descriptions.
const TRACKER_READ_BUFFER: usize = 4 * 1024;

/// What tungstenite may hold back for one connection: four messages of the largest size.
const WRITE_BUFFER_MAX: usize = 4 * MAX_MESSAGE;

/// How long a goodbye may take to be sent, and the other side to answer it.
pub(crate) const PARTING: Duration = Duration::from_secs(1);

/// What a ping interval of zero is taken for.
const SHORTEST_PING_INTERVAL: Duration = Duration::from_millis(1);

/// Why a connection ends, in the words of its close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Goodbye {
    /// RFC 6455 section 7.4; 4000 and above are our own.
    code: u16,
    reason: &'static str,
    /// Also said as an `error` message, to members.
    error: Option<ErrorCode>,
    /// False when nothing can be read from the socket any more.
    waits_for_answer: bool,
}

impl Goodbye {
    /// The other side said goodbye, or has nothing more to be told.
    pub(crate) const DONE: Self = Self::new(1000, "goodbye");
    /// The other side vanished.
    pub(crate) const LOST: Self = Self::new(1001, "connection lost").deaf();
    /// The relay ends.
    pub(crate) const SHUTTING_DOWN: Self =
        Self::new(1001, "the relay is shutting down").saying(ErrorCode::ShuttingDown);
    /// The relay ends; for tracker clients, who know no `error` message.
    pub(crate) const GOING_AWAY: Self = Self::new(1001, "the relay is shutting down");
    /// Does not read what it is sent; for tracker clients.
    pub(crate) const UNREAD: Self = Self::new(4008, "messages were not read fast enough");
    /// Bytes that are no WebSocket frames.
    const PROTOCOL: Self = Self::new(1002, "not a WebSocket frame").deaf();
    /// Text that is no UTF-8.
    const NOT_TEXT: Self = Self::new(1007, "text must be UTF-8").deaf();
    /// More than [`MAX_MESSAGE`].
    const TOO_LARGE: Self = Self::new(1009, "a message may have at most 65536 bytes").deaf();
    /// A fault of the relay's own.
    pub(crate) const INTERNAL: Self = Self::new(1011, "internal error, please try again");
    /// The relay has too much to do.
    pub(crate) const BUSY: Self = Self::new(1013, "busy, please try again later");
    /// Another relay keeps the swarm.
    pub(crate) const MOVED: Self = Self::new(4001, "another relay keeps this swarm");
    /// Nobody can say at the moment which relay keeps the swarm.
    pub(crate) const UNSETTLED: Self =
        Self::new(1013, "which relay keeps this swarm is not settled, please try again")
            .saying(ErrorCode::NotOwner);
    /// No successful `join` in time.
    pub(crate) const NO_JOIN: Self = Self::new(4002, "no join in time");
    /// Does not read what it is sent.
    pub(crate) const TOO_SLOW: Self =
        Self::new(4008, "messages were not read fast enough").saying(ErrorCode::TooSlow);
    /// Sends far more than is read, and does not stop.
    const FLOOD: Self = Self::new(4009, "far too many messages for too long");
    /// Says nothing, though it is there to announce something; for tracker clients.
    pub(crate) const IDLE: Self = Self::new(4002, "nothing announced in time");
    /// The member came back over another connection.
    pub(crate) const REPLACED: Self = Self::new(4010, "replaced by a newer connection");

    /// The goodbye of another relay, passed on.
    #[cfg(feature = "cluster")]
    pub(crate) const fn passed_on(code: u16) -> Self {
        Self::new(code, "the relay that keeps this swarm closed the connection")
    }

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason, error: None, waits_for_answer: true }
    }

    const fn saying(mut self, error: ErrorCode) -> Self {
        self.error = Some(error);
        self
    }

    const fn deaf(mut self) -> Self {
        self.waits_for_answer = false;
        self
    }
}

/// What came in.
pub(crate) enum Incoming {
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame; nobody here speaks binary.
    Binary,
}

/// An answer to this connection's own messages, sent ahead of everything queued.
pub(crate) enum Answer {
    /// To a `timePing`: the sender's stamp and when it arrived. The moment of sending is
    /// added when it is sent.
    Pong {
        /// The member's stamp.
        t0: protocol::time::Millis,
        /// When the ping arrived.
        t1: SwarmTime,
    },
    /// Ready to send.
    Text(Utf8Bytes),
    /// A ping of the relay's own, which waits behind nothing either.
    Ping,
}

/// Sets the bounds of a WebSocket before it is opened.
pub(crate) fn bounded(upgrade: WebSocketUpgrade, kind: SocketKind) -> WebSocketUpgrade {
    let read_buffer = match kind {
        SocketKind::Member => MEMBER_READ_BUFFER,
        SocketKind::Tracker => TRACKER_READ_BUFFER,
    };
    upgrade
        .read_buffer_size(read_buffer)
        .write_buffer_size(WRITE_BATCH)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
}

/// Takes an open WebSocket apart into its two directions.
pub(crate) fn split(
    socket: WebSocket,
    relay: &Arc<Shared>,
    kind: SocketKind,
) -> (SocketReader, SocketWriter) {
    let limits = &relay.limits;
    let patience = limits.ping_interval + limits.pong_timeout;
    let line = Line::new(Wire { socket, relay: relay.clone(), kind });
    (
        SocketReader {
            line: line.clone(),
            clock: relay.clock.clone(),
            patience,
            flood: FloodWatch::new(limits, relay.clock.now()),
        },
        SocketWriter {
            line,
            relay: relay.clone(),
            ping_interval: limits.ping_interval.max(SHORTEST_PING_INTERVAL),
            _counted: counted(relay.metrics.websockets.of(kind)),
        },
    )
}

/// Where a connection's own messages are answered.
pub(crate) struct Answers(Arc<Line>);

impl Answers {
    /// Sends an answer at once, or as soon as the socket takes it.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: the other side asks without reading.
    pub(crate) fn try_send(&self, answer: Answer) -> Result<(), Undeliverable> {
        self.0.answer(answer)
    }
}

impl Answer {
    /// The message to send at this moment.
    pub(crate) fn message(self, relay: &Shared) -> Message {
        match self {
            Self::Pong { t0, t1 } => {
                let t2 = relay.clock.now();
                relay.metrics.time_holding_seconds.observe(Via::Websocket, t2 - t1);
                let midpoint = t1 + (t2 - t1).mul_f64(0.5);
                let (t1, t2) = (t1.into(), t2.into());
                let pong = ServerMessage::TimePong { t0, t_s: midpoint.into(), t1, t2 };
                Message::Text(pong.encode().into())
            }
            Self::Text(text) => Message::Text(text),
            Self::Ping => Message::Ping(Default::default()),
        }
    }
}

/// The incoming direction.
pub(crate) struct SocketReader {
    line: Arc<Line>,
    clock: RelayClock,
    patience: Duration,
    flood: FloodWatch,
}

impl SocketReader {
    /// The next frame and the moment it was read from the socket, before anything was made of
    /// it. Frames that only keep the link alive are not shown.
    ///
    /// # Errors
    ///
    /// The goodbye that fits how the connection ended.
    pub(crate) async fn next(&mut self) -> Result<(Incoming, SwarmTime), Goodbye> {
        loop {
            // Whatever arrives shows that the other side lives, pongs included.
            let Ok(next) = timeout(self.patience, self.message()).await else {
                return Err(Goodbye::LOST);
            };
            let arrived = self.clock.now();
            // Pings count too: each makes work and an answer.
            if self.flood.floods(arrived) {
                return Err(Goodbye::FLOOD);
            }
            match next {
                Some(Ok(Message::Text(text))) => return Ok((Incoming::Text(text), arrived)),
                Some(Ok(Message::Binary(_))) => return Ok((Incoming::Binary, arrived)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Err(Goodbye::DONE),
                Some(Err(error)) => return Err(goodbye_after(error)),
            }
        }
    }
}

impl SocketReader {
    async fn message(&mut self) -> Option<Result<Message, axum::Error>> {
        poll_fn(|context| self.line.poll_read(context)).await
    }
}

fn goodbye_after(error: axum::Error) -> Goodbye {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Goodbye::TOO_LARGE,
        Some(tungstenite::Error::Utf8(_)) => Goodbye::NOT_TEXT,
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => Goodbye::LOST,
        Some(tungstenite::Error::Protocol(_)) => Goodbye::PROTOCOL,
        _ => Goodbye::LOST,
    }
}

/// The outgoing direction.
pub(crate) struct SocketWriter {
    line: Arc<Line>,
    relay: Arc<Shared>,
    ping_interval: Duration,
    _counted: Counted,
}

impl SocketWriter {
    /// Where the connection's own messages are answered.
    pub(crate) fn answers(&self) -> Answers {
        Answers(self.line.clone())
    }

    /// What others put their messages for this connection into. The connection ends when the
    /// latest one is dropped.
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::new(self.line.clone())
    }

    /// Sends what waits until the connection is to end.
    pub(crate) async fn run(&mut self) -> Goodbye {
        let mut pings = interval(self.ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is due an interval from here.
        pings.reset();
        loop {
            tokio::select! {
                biased;
                goodbye = poll_fn(|context| self.line.poll_write(context)) => return goodbye,
                _ = pings.tick() => {
                    // Who reads nothing misses pings too, and is not heard of any more.
                    let _ = self.line.answer(Answer::Ping);
                }
            }
        }
    }

    /// Sends one message outside [`Self::run`].
    ///
    /// # Errors
    ///
    /// [`Goodbye::LOST`].
    pub(crate) async fn send(&mut self, text: Utf8Bytes) -> Result<(), Goodbye> {
        self.line.send(Message::Text(text)).await
    }
}

/// Ends a connection: says why, closes, and waits a moment for the other side to do the same.
pub(crate) async fn part(mut reader: SocketReader, mut writer: SocketWriter, goodbye: Goodbye) {
    writer.relay.metrics.closed.inc(CloseCode::of(goodbye.code));
    writer.line.end();
    let parting = async {
        if let Some(code) = goodbye.error {
            let last = ServerMessage::Error {
                code,
                message: goodbye.reason.to_owned(),
                in_reply_to: None,
            };
            writer.send(last.encode().into()).await.ok()?;
        }
        let frame = CloseFrame { code: goodbye.code, reason: goodbye.reason.into() };
        writer.line.send(Message::Close(Some(frame))).await.ok()?;
        // Closing a socket with unread bytes resets it, and the reset may overtake the goodbye.
        if goodbye.waits_for_answer {
            while reader.message().await?.is_ok() {}
        }
        Some(())
    };
    let _ = timeout(PARTING, parting).await;
}
