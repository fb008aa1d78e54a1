//! The connection to the relay: one task that connects, carries messages both ways, and
//! connects again for as long as it lives.
//!
//! It stamps time at the socket's edge: `t0` right before a ping is written, the arrival
//! of every message right after it is read, before it is parsed. It knows nothing of what
//! the messages mean, and nothing that plays waits for it.

use std::net::SocketAddr;
use std::time::Duration;

use audio_engine::MonotonicClock;
use futures_util::{SinkExt, StreamExt};
use protocol::limits;
use protocol::{ClientMessage, LocalTime, ServerMessage};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tracing::{debug, info};

use crate::address::RelayAddress;
use crate::route::Route;

/// Longest time for TCP, TLS and the WebSocket handshake together.
///
/// A relay on the other side of the world answers within a second even on a bad line.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// Silence after which the connection counts as dead: the session pings at least every
/// half second, so this is a dozen answers missing in a row.
const SILENCE_LIMIT: Duration = Duration::from_secs(6);

/// First and longest pause between two attempts; each is drawn between half and whole, so
/// that members cut off together do not return in step.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The same where another relay takes a dead one's place: its lease runs out within seconds.
const FIRST_PAUSE_OF_SEVERAL: Duration = Duration::from_millis(200);
const LONGEST_PAUSE_OF_SEVERAL: Duration = Duration::from_secs(2);

/// How long a connection must hold for the pauses to begin anew.
const PROOF_OF_HEALTH: Duration = Duration::from_secs(3);

/// Messages waiting to be written. The session sends a handful a second; a queue this full
/// means a dead connection, and what does not fit is dropped: the next `joined` repairs it.
const OUTGOING_DEPTH: usize = 256;

/// Read buffer. The largest frame is rare, and thousands of bytes per idle link add up.
const READ_BUFFER: usize = 4 * 1024;

/// What goes out.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A message as it is.
    Message(Box<ClientMessage>),
    /// A time ping, stamped when it is written.
    Ping,
}

/// What comes back.
#[derive(Debug)]
pub enum LinkEvent {
    /// Connected; nothing has been said yet.
    Up {
        /// To which address, if the system tells.
        relay: Option<SocketAddr>,
    },
    /// The relay said something.
    Message {
        /// What.
        message: Box<ServerMessage>,
        /// When it was read from the socket.
        received: LocalTime,
    },
    /// Sent to another relay; the connection to it follows.
    Moved,
    /// Not connected: an attempt failed or the connection broke. Another attempt follows.
    Down {
        /// Why, in technical words.
        reason: String,
        /// True if it had been connected.
        was_up: bool,
    },
}

/// Handle to the task. Dropping it ends the connection.
#[derive(Debug)]
pub struct RelayLink {
    outgoing: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

impl RelayLink {
    /// Starts connecting to `relay`, reporting to `events`.
    pub fn open(
        relay: RelayAddress,
        clock: MonotonicClock,
        events: mpsc::Sender<LinkEvent>,
    ) -> Self {
        let (outgoing, outbox) = mpsc::channel(OUTGOING_DEPTH);
        let route = Route::from(relay);
        let task = tokio::spawn(Worker { route, clock, events, outbox }.run());
        Self { outgoing, task }
    }

    /// Queues a message. Dropped when nobody is connected and the queue is full.
    pub fn send(&self, outgoing: Outgoing) {
        if self.outgoing.try_send(outgoing).is_err() {
            debug!("dropped a message to the relay");
        }
    }

    /// Says goodbye, so that the others see this member leave at once, and ends.
    pub async fn close(mut self) {
        self.send(Outgoing::Message(Box::new(ClientMessage::Leave)));
        let (nobody, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.outgoing, nobody));
        // The worker ends when its outbox is drained and closed; a dead socket may not hold us.
        let _ = timeout(Duration::from_millis(500), &mut self.task).await;
    }
}

impl Drop for RelayLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended.
enum Ended {
    /// The handle was dropped or closed.
    Closed,
    /// The connection broke.
    Broken(String),
    /// Another relay keeps the swarm, if it is to be gone to.
    Moved { is_followed: bool },
}

struct Worker {
    route: Route,
    clock: MonotonicClock,
    events: mpsc::Sender<LinkEvent>,
    outbox: mpsc::Receiver<Outgoing>,
}

impl Worker {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let relay = self.route.next();
            let (reason, was_up) = match self.connect(&relay).await {
                Err(reason) => (reason, false),
                Ok((socket, relay)) => {
                    info!("connected to the relay");
                    let since = Instant::now();
                    // What was queued for a connection that is gone means nothing to this one.
                    while self.outbox.try_recv().is_ok() {}
                    if self.events.send(LinkEvent::Up { relay }).await.is_err() {
                        return;
                    }
                    let ended = self.carry(socket).await;
                    // A relay that takes connections only to close them is not hurried.
                    if since.elapsed() >= PROOF_OF_HEALTH {
                        pause = self.pauses()[0];
                    }
                    match ended {
                        Ended::Closed => return,
                        Ended::Moved { is_followed: true } => {
                            info!("sent to another relay");
                            if self.events.send(LinkEvent::Moved).await.is_err() {
                                return;
                            }
                            continue;
                        }
                        Ended::Moved { is_followed: false } => {
                            ("the relay sends to one that is not to be trusted".to_owned(), true)
                        }
                        Ended::Broken(reason) => (reason, true),
                    }
                }
            };
            debug!(%reason, was_up, "not connected to the relay");
            if self.events.send(LinkEvent::Down { reason, was_up }).await.is_err() {
                return;
            }
            if self.outbox.is_closed() {
                return;
            }
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(self.pauses()[1]);
        }
    }

    /// The shortest and the longest.
    fn pauses(&self) -> [Duration; 2] {
        if self.route.has_choice() {
            [FIRST_PAUSE_OF_SEVERAL, LONGEST_PAUSE_OF_SEVERAL]
        } else {
            [FIRST_PAUSE, LONGEST_PAUSE]
        }
    }

    async fn connect(&self, relay: &RelayAddress) -> Result<(Socket, Option<SocketAddr>), String> {
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
                client_async_tls_with_config(relay.member_uri(), stream, Some(config), None)
                    .await?;
            Ok::<_, tungstenite::Error>((socket, address))
        };
        match timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
        }
    }

    /// Carries messages until the connection or the handle ends.
    async fn carry(&mut self, mut socket: Socket) -> Ended {
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                // Arrivals first: their stamp must not wait for what we have to say.
                biased;
                read = timeout_at(heard + SILENCE_LIMIT, socket.next()) => {
                    let received = self.clock.now();
                    heard = Instant::now();
                    let frame = match read {
                        Err(_) => return Ended::Broken("the relay fell silent".to_owned()),
                        Ok(None) => return Ended::Broken("the relay closed the connection".to_owned()),
                        Ok(Some(Err(error))) => return Ended::Broken(error.to_string()),
                        Ok(Some(Ok(frame))) => frame,
                    };
                    if let Some(ended) = self.arrived(frame, received).await {
                        return ended;
                    }
                }
                outgoing = self.outbox.recv() => {
                    let Some(outgoing) = outgoing else {
                        let _ = socket.close(None).await;
                        return Ended::Closed;
                    };
                    let message = match outgoing {
                        Outgoing::Message(message) => *message,
                        Outgoing::Ping => ClientMessage::TimePing { t0: self.clock.now().into() },
                    };
                    if let Err(error) = socket.send(Message::text(message.encode())).await {
                        return Ended::Broken(error.to_string());
                    }
                }
            }
        }
    }

    async fn arrived(&mut self, frame: Message, received: LocalTime) -> Option<Ended> {
        match frame {
            Message::Text(text) => match ServerMessage::decode(&text) {
                Ok(ServerMessage::Moved { url, epoch }) => {
                    let is_followed = self.route.moved(url.as_deref(), epoch);
                    Some(Ended::Moved { is_followed })
                }
                Ok(ServerMessage::Joined(joined))
                    if !self.route.joined(Instant::now(), joined.epoch, &joined.relays) =>
                {
                    Some(Ended::Broken("the relay lost the swarm and does not know it".to_owned()))
                }
                Ok(message) => {
                    let event = LinkEvent::Message { message: Box::new(message), received };
                    self.events.send(event).await.err().map(|_| Ended::Closed)
                }
                Err(error) => {
                    debug!(code = ?error.code, "the relay sent something unknown");
                    None
                }
            },
            Message::Close(frame) => Some(Ended::Broken(match frame {
                Some(frame) => {
                    format!("the relay closed the connection: {} {}", frame.code, frame.reason)
                }
                None => "the relay closed the connection".to_owned(),
            })),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
        }
    }
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0_u8];
    // Without randomness every pause is whole, which is safe and only less polite.
    let share = if getrandom::fill(&mut byte).is_ok() { f64::from(byte[0]) / 255.0 } else { 1.0 };
    pause.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use protocol::message::Joined;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::Receiver;
    use tokio_tungstenite::accept_async;

    use super::*;

    /// Far longer than anything here takes on a busy machine.
    const DEADLINE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_link_follows_a_relay_that_sends_it_on_and_comes_back_to_those_it_was_told_of() {
        let (first, second) = (FakeRelay::new().await, FakeRelay::new().await);
        let (link, mut events) = open(&first);
        let mut socket = first.accept().await;
        expect_up(&mut events).await;
        say(&mut socket, &ServerMessage::Moved { url: Some(second.url()), epoch: 7 }).await;
        let mut socket = second.accept().await;
        assert!(matches!(next(&mut events).await, LinkEvent::Moved));
        expect_up(&mut events).await;
        say(&mut socket, &joined(7, vec![second.url()])).await;
        let LinkEvent::Message { message, .. } = next(&mut events).await else {
            panic!("not let in");
        };
        assert!(matches!(*message, ServerMessage::Joined(Joined { epoch: 7, .. })));

        // The owner dies. Home is tried first, then what the owner named.
        drop(socket);
        assert!(matches!(next(&mut events).await, LinkEvent::Down { was_up: true, .. }));
        drop(first.accept().await);
        second.accept().await;
        drop(link);
    }

    #[tokio::test]
    async fn a_link_goes_nowhere_else_and_believes_no_owner_of_the_past() {
        let home = FakeRelay::new().await;
        let (link, mut events) = open(&home);
        let mut socket = home.accept().await;
        expect_up(&mut events).await;
        say(&mut socket, &joined(9, Vec::new())).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Message { .. }));
        let elsewhere = Some("ws://192.0.2.1:9/ws".to_owned());
        say(&mut socket, &ServerMessage::Moved { url: elsewhere, epoch: 10 }).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Down { was_up: true, .. }));
        let mut socket = home.accept().await;
        expect_up(&mut events).await;
        say(&mut socket, &joined(8, Vec::new())).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Down { was_up: true, .. }));
        drop(link);
    }

    struct FakeRelay(TcpListener);

    impl FakeRelay {
        async fn new() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
        }

        fn url(&self) -> String {
            format!("ws://{}/ws", self.0.local_addr().unwrap())
        }

        async fn accept(&self) -> WebSocketStream<TcpStream> {
            let (stream, _) = within(self.0.accept()).await.unwrap();
            within(accept_async(stream)).await.unwrap()
        }
    }

    fn open(home: &FakeRelay) -> (RelayLink, Receiver<LinkEvent>) {
        let (sender, events) = mpsc::channel(16);
        let address = RelayAddress::parse(&home.url()).unwrap();
        (RelayLink::open(address, MonotonicClock::new(), sender), events)
    }

    fn joined(epoch: u64, relays: Vec<String>) -> ServerMessage {
        ServerMessage::Joined(Joined {
            peers: Vec::new(),
            director: None,
            term: epoch,
            files: Vec::new(),
            selection: None,
            playback: None,
            upcoming: Vec::new(),
            clock_id: epoch.to_string(),
            time: None,
            ice: Vec::new(),
            files_per_member: 3,
            resume: String::new(),
            epoch,
            relays,
            queue: Default::default(),
        })
    }

    async fn say(socket: &mut WebSocketStream<TcpStream>, message: &ServerMessage) {
        within(socket.send(Message::text(message.encode()))).await.unwrap();
    }

    async fn expect_up(events: &mut Receiver<LinkEvent>) {
        assert!(matches!(next(events).await, LinkEvent::Up { .. }));
    }

    async fn next(events: &mut Receiver<LinkEvent>) -> LinkEvent {
        within(events.recv()).await.unwrap()
    }

    async fn within<T>(future: impl Future<Output = T>) -> T {
        timeout(DEADLINE, future).await.unwrap()
    }
}
