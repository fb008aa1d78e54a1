//! What the owner of a swarm (or of the tracker) has to say to one connection: bounded, and with
//! a say about what happens when the other side does not read.
//!
//! The owner never waits: what the socket does not take at once lies in the [`Line`]'s queue.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;

use crate::line::Line;
use crate::socket::Goodbye;

/// Where messages for one connection are put. Dropping it ends the connection.
pub(crate) struct Outbox {
    line: Arc<Line>,
    owner: u64,
    /// Something was put in since the last [`Self::flush`].
    unsent: bool,
}

/// The message was not queued: the connection reads too slowly, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Undeliverable;

impl Outbox {
    /// The way into `line`.
    pub(crate) fn new(line: Arc<Line>) -> Self {
        let owner = line.next_owner();
        Self { line, owner, unsent: false }
    }

    /// Takes a message that must arrive. It leaves with the next [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: the connection can not be kept, because it would miss something.
    pub(crate) fn push(&mut self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        self.unsent = true;
        self.line.push(frame)
    }

    /// Takes messages that belong together as one. An empty queue takes them whatever their
    /// length, so that a swarm's whole state can always be told to one who keeps up.
    ///
    /// # Errors
    ///
    /// As for [`Self::push`].
    pub(crate) fn push_together(&mut self, frames: Vec<Utf8Bytes>) -> Result<(), Undeliverable> {
        self.unsent = true;
        self.line.push_together(frames.into())
    }

    /// Takes a message that can be replaced by a later summary, while less than half of the
    /// queue is in use: the other half is kept for what must arrive.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: a summary is owed.
    pub(crate) fn push_droppable(&mut self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        if self.is_busy() { Err(Undeliverable) } else { self.push(frame) }
    }

    /// True when half of the queue is in use.
    pub(crate) fn is_busy(&self) -> bool {
        self.line.is_busy()
    }

    /// Sends what was put in, all at once. For the owner when it has said everything it has to
    /// say for the moment: several messages then cost one write.
    pub(crate) fn flush(&mut self) {
        if std::mem::take(&mut self.unsent) {
            self.line.flush();
        }
    }

    /// True when everything queued was taken out.
    pub(crate) fn is_drained(&self) -> bool {
        self.line.is_drained()
    }

    /// Ends the connection with `goodbye` once everything queued is sent, and `frame` after it;
    /// at once if the other side reads too slowly for that.
    pub(crate) fn finish(self, frame: Option<Utf8Bytes>, goodbye: Goodbye) {
        self.line.finish(self.owner, frame, goodbye);
    }

    /// Ends the connection with `goodbye`, without sending what still waits.
    pub(crate) fn hang_up(self, goodbye: Goodbye) {
        self.line.hang_up(self.owner, goodbye);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.line.hang_up(self.owner, Goodbye::DONE);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use axum::extract::ws::WebSocketUpgrade;
    use axum::routing::get;
    use axum::{Router, serve};
    use futures_util::StreamExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;
    use tokio::time::timeout;
    use tokio_tungstenite::{WebSocketStream, client_async};

    use super::*;
    use crate::limits::Limits;
    use crate::metrics::SocketKind;
    use crate::relay::{Keeping, Shared};
    use crate::socket::{self, SocketWriter};

    /// Far longer than any wait here.
    const DEADLINE: Duration = Duration::from_secs(10);

    /// A frame of which systems hold some hundreds for one who does not read.
    const LONG: usize = 60_000;

    /// The relay's end of a connection and the other one.
    pub(crate) struct Connection {
        pub(crate) writer: SocketWriter,
        pub(crate) client: Client,
        _reader: socket::SocketReader,
    }

    /// Who is told things.
    pub(crate) struct Client(WebSocketStream<TcpStream>);

    impl Connection {
        /// Opens a WebSocket on this computer.
        pub(crate) async fn open(relay: &Arc<Shared>) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            let (opened, mut open) = mpsc::channel(1);
            let take = async move |upgrade: WebSocketUpgrade| {
                socket::bounded(upgrade, SocketKind::Member).on_upgrade(async move |socket| {
                    let _ = opened.send(socket).await;
                })
            };
            let serving =
                tokio::spawn(serve(listener, Router::new().route("/", get(take))).into_future());
            let stream = TcpStream::connect(address).await.expect("it listens");
            let (client, _) = client_async("ws://localhost/", stream).await.expect("a WebSocket");
            let socket = open.recv().await.expect("the same WebSocket");
            serving.abort();
            let (reader, writer) = socket::split(socket, relay, SocketKind::Member);
            Self { writer, client: Client(client), _reader: reader }
        }
    }

    impl Client {
        /// The next message.
        pub(crate) async fn next(&mut self) -> String {
            self.next_within(DEADLINE).await.expect("a message in time")
        }

        /// What has come already: what was sent before is in the system's hands, and the
        /// runtime looks there once it has nothing else to do.
        pub(crate) async fn come_already(&mut self) -> Option<String> {
            self.next_within(Duration::from_millis(1)).await
        }

        async fn next_within(&mut self, wait: Duration) -> Option<String> {
            let next = timeout(wait, self.0.next()).await.ok()?;
            let frame = next.expect("an open connection").expect("a frame");
            Some(frame.into_text().expect("text").to_string())
        }
    }

    #[tokio::test]
    async fn finishing_lets_what_waits_go_first() {
        let Connection { mut writer, mut client, _reader } = open(Limits::default()).await;
        let mut outbox = writer.outbox();
        let filled = fill(&mut outbox);
        assert!(!outbox.is_drained());
        outbox.finish(Some("last".into()), Goodbye::MOVED);
        let reading = async {
            for _ in 0..filled {
                assert_eq!(client.next().await.len(), LONG);
            }
            assert_eq!(client.next().await, "last");
        };
        let parting = timeout(DEADLINE, writer.run());
        let (goodbye, ()) = tokio::join!(parting, reading);
        assert_eq!(goodbye, Ok(Goodbye::MOVED));
    }

    #[tokio::test]
    async fn one_who_does_not_read_is_not_waited_for_when_all_is_finished() {
        let limits = Limits { queue_messages: 1, ..Limits::default() };
        let Connection { mut writer, client: _client, _reader } = open(limits).await;
        let mut outbox = writer.outbox();
        fill(&mut outbox);
        outbox.finish(Some("never read".into()), Goodbye::MOVED);
        assert_eq!(timeout(DEADLINE, writer.run()).await, Ok(Goodbye::MOVED));
    }

    #[tokio::test]
    async fn hanging_up_overtakes_what_waits() {
        let Connection { mut writer, client: _client, _reader } = open(Limits::default()).await;
        let mut outbox = writer.outbox();
        fill(&mut outbox);
        assert!(!outbox.is_drained());
        outbox.hang_up(Goodbye::TOO_SLOW);
        assert_eq!(timeout(DEADLINE, writer.run()).await, Ok(Goodbye::TOO_SLOW));
    }

    #[tokio::test]
    async fn what_can_be_made_up_for_is_left_out_while_half_of_the_queue_is_in_use() {
        let limits = Limits { queue_messages: 10, ..Limits::default() };
        let Connection { writer, client: _client, _reader } = open(limits).await;
        let mut outbox = writer.outbox();
        fill(&mut outbox);
        while outbox.push_droppable("x".into()).is_ok() {}
        assert_eq!((0..20).take_while(|_| outbox.push("x".into()).is_ok()).count(), 4);
    }

    async fn open(limits: Limits) -> Connection {
        let keeping = Keeping::alone(Default::default());
        let terms = (limits, Default::default(), None);
        let (relay, _mailboxes) = Shared::new(String::new(), terms, false, keeping);
        Connection::open(&relay).await
    }

    /// Says as much as fits between the two ends and one frame more, which waits. Returns how
    /// many frames that were.
    fn fill(outbox: &mut Outbox) -> usize {
        let frame: Utf8Bytes = "x".repeat(LONG).into();
        let mut frames = 0;
        while outbox.is_drained() {
            outbox.push(frame.clone()).expect("room for one that waits");
            outbox.flush();
            frames += 1;
        }
        frames
    }
}
