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
use protocol::datagram::DatagramKey;
use protocol::message::Joined;
use protocol::{Challenge, ClientMessage, LocalTime, ServerMessage};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tracing::{debug, info};

use crate::address::RelayAddress;
use crate::choice::first_to_answer;
use crate::rival::fresh_challenge;
use crate::route::{Attempt, Door, Route};
use crate::socket::{self, Socket};

/// Longest time for TCP, TLS and the WebSocket handshake together.
///
/// A relay on the other side of the world answers within a second even on a bad line.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);

/// Silence after which the connection counts as dead: the session pings at least every
/// half second, so this is a dozen answers missing in a row.
const SILENCE_LIMIT: Duration = Duration::from_secs(6);

/// The same where an app carries the party: its device may be gone, and another one's takes over.
/// Three signs of life missing; the session asks for one twice a second. A connection that was
/// only slow is made again within a round trip.
const CARRIED_SILENCE: Duration = Duration::from_millis(1_500);

/// How long each door is knocked at once the carrier is gone, up to an open WebSocket. Devices on
/// one network answer within milliseconds, and one that is asleep never.
const DOOR_TIMEOUT: Duration = Duration::from_millis(400);

/// How long to wait at the door of one that stands by, which may notice half a second later that
/// the carrier is gone; and at the own one, where a member that is alone waits longest.
const DOOR_WAIT: Duration = Duration::from_millis(1_500);
const OWN_DOOR_WAIT: Duration = Duration::from_secs(4);

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
        /// The same as it was given or told.
        address: RelayAddress,
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
    doors: watch::Sender<Vec<Door>>,
    task: JoinHandle<()>,
}

impl RelayLink {
    /// Starts connecting to `relay`, reporting to `events`. A relay that an app carries has to prove
    /// that it holds `key`.
    pub fn open(
        relay: RelayAddress,
        key: DatagramKey,
        clock: MonotonicClock,
        events: mpsc::Sender<LinkEvent>,
    ) -> Self {
        let (outgoing, outbox) = mpsc::channel(OUTGOING_DEPTH);
        let (doors, doors_seen) = watch::channel(Vec::new());
        let route = Route::from(relay);
        let worker =
            Worker { route, key, challenge: None, clock, events, outbox, doors: doors_seen };
        Self { outgoing, doors, task: tokio::spawn(worker.run()) }
    }

    /// Where to knock should the app that carries the party be gone.
    pub fn set_doors(&self, doors: Vec<Door>) {
        self.doors.send_if_modified(|known| {
            let is_news = *known != doors;
            *known = doors;
            is_news
        });
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

/// An open connection.
struct Connected {
    socket: Socket,
    address: RelayAddress,
    peer: Option<SocketAddr>,
}

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
    key: DatagramKey,
    /// What the relay was asked to prove itself by.
    challenge: Option<Challenge>,
    clock: MonotonicClock,
    events: mpsc::Sender<LinkEvent>,
    outbox: mpsc::Receiver<Outgoing>,
    doors: watch::Receiver<Vec<Door>>,
}

impl Worker {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt = self.route.next(&self.doors.borrow_and_update());
            let (reason, was_up) = match self.connect(&attempt).await {
                Err(reason) => (reason, false),
                Ok(Connected { socket, address, peer: relay }) => {
                    info!("connected to the relay");
                    let since = Instant::now();
                    // What was queued for a connection that is gone means nothing to this one.
                    while self.outbox.try_recv().is_ok() {}
                    if self
                        .events
                        .send(LinkEvent::Up { relay, address: address.clone() })
                        .await
                        .is_err()
                    {
                        return;
                    }
                    let ended = self.carry(socket, address, &attempt).await;
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
            // The next door is knocked at without delay.
            if self.route.is_round_over() {
                sleep(jittered(pause)).await;
                pause = (pause * 2).min(self.pauses()[1]);
            }
        }
    }

    /// The shortest and the longest.
    fn pauses(&self) -> [Duration; 2] {
        if self.route.is_carried() {
            [FIRST_PAUSE, LONGEST_PAUSE_OF_SEVERAL]
        } else if self.route.has_choice() {
            [FIRST_PAUSE_OF_SEVERAL, LONGEST_PAUSE_OF_SEVERAL]
        } else {
            [FIRST_PAUSE, LONGEST_PAUSE]
        }
    }

    async fn connect(&self, attempt: &Attempt) -> Result<Connected, String> {
        let patience = if attempt.is_brief { DOOR_TIMEOUT } else { CONNECT_TIMEOUT };
        let address = match &attempt.addresses[..] {
            [address] => address.clone(),
            several => {
                let first = timeout(patience, first_to_answer(several.to_vec())).await;
                first.ok().flatten().ok_or("none of its addresses answers")?
            }
        };
        let (socket, peer) = socket::open(&address, patience).await?;
        Ok(Connected { socket, address, peer })
    }

    /// Carries messages until the connection or the handle ends.
    async fn carry(
        &mut self,
        mut socket: Socket,
        address: RelayAddress,
        attempt: &Attempt,
    ) -> Ended {
        let mut heard = Instant::now();
        let mut is_in = false;
        self.challenge = None;
        loop {
            let silence = match (is_in, self.route.is_carried()) {
                (_, false) => SILENCE_LIMIT,
                (true, true) => CARRIED_SILENCE,
                (false, true) if attempt.is_own => OWN_DOOR_WAIT,
                (false, true) => DOOR_WAIT,
            };
            tokio::select! {
                // Arrivals first: their stamp must not wait for what we have to say.
                biased;
                read = timeout_at(heard + silence, socket.next()) => {
                    let received = self.clock.now();
                    heard = Instant::now();
                    let frame = match read {
                        Err(_) => return Ended::Broken("the relay fell silent".to_owned()),
                        Ok(None) => return Ended::Broken("the relay closed the connection".to_owned()),
                        Ok(Some(Err(error))) => return Ended::Broken(error.to_string()),
                        Ok(Some(Ok(frame))) => frame,
                    };
                    match self.arrived(frame, received, &address).await {
                        Heard::Nothing => {}
                        Heard::Welcome => is_in = true,
                        Heard::Ended(ended) => return ended,
                    }
                }
                outgoing = self.outbox.recv() => {
                    let Some(outgoing) = outgoing else {
                        let _ = socket.close(None).await;
                        return Ended::Closed;
                    };
                    let message = match outgoing {
                        Outgoing::Message(message) => self.challenging(*message),
                        Outgoing::Ping => ClientMessage::TimePing { t0: self.clock.now().into() },
                    };
                    if let Err(error) = socket.send(Message::text(message.encode())).await {
                        return Ended::Broken(error.to_string());
                    }
                }
            }
        }
    }

    /// Asks the relay to prove itself when this member asks to be let in.
    fn challenging(&mut self, mut message: ClientMessage) -> ClientMessage {
        if let ClientMessage::Join { challenge, .. } = &mut message {
            self.challenge = fresh_challenge();
            challenge.clone_from(&self.challenge);
        }
        message
    }

    async fn arrived(
        &mut self,
        frame: Message,
        received: LocalTime,
        address: &RelayAddress,
    ) -> Heard {
        let broken = |reason: &str| Heard::Ended(Ended::Broken(reason.to_owned()));
        match frame {
            Message::Text(text) => match ServerMessage::decode(&text) {
                Ok(ServerMessage::Moved { url, epoch }) => {
                    let is_followed = self.route.moved(url.as_deref(), epoch);
                    Heard::Ended(Ended::Moved { is_followed })
                }
                Ok(message) => {
                    let mut heard = Heard::Nothing;
                    if let ServerMessage::Joined(joined) = &message {
                        if let Err(reason) = self.check(joined, address) {
                            return broken(reason);
                        }
                        heard = Heard::Welcome;
                    }
                    let event = LinkEvent::Message { message: Box::new(message), received };
                    match self.events.send(event).await {
                        Ok(()) => heard,
                        Err(_) => Heard::Ended(Ended::Closed),
                    }
                }
                Err(error) => {
                    debug!(code = ?error.code, "the relay sent something unknown");
                    Heard::Nothing
                }
            },
            Message::Close(frame) => match frame {
                Some(frame) => {
                    let (code, reason) = (frame.code, frame.reason);
                    broken(&format!("the relay closed the connection: {code} {reason}"))
                }
                None => broken("the relay closed the connection"),
            },
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                Heard::Nothing
            }
        }
    }

    /// Whether a relay that lets this member in is to be believed.
    fn check(&mut self, joined: &Joined, address: &RelayAddress) -> Result<(), &'static str> {
        let challenge = self.challenge.as_ref();
        let is_proven = match &joined.carrier {
            Some(carrier) => challenge.is_some_and(|asked| self.key.made_carrier(asked, carrier)),
            // What was carried by friends is not taken over by a relay that anyone may run.
            None => !self.route.is_carried(),
        };
        if !is_proven {
            return Err("the relay does not prove that it holds the swarm's key");
        }
        if !self.route.joined(Instant::now(), joined.epoch, &joined.relays) {
            return Err("the relay lost the swarm and does not know it");
        }
        if joined.carrier.is_some() {
            self.route.carried_at(address.clone());
        }
        Ok(())
    }
}

/// What became of a frame.
enum Heard {
    Nothing,
    /// The relay let this member in.
    Welcome,
    Ended(Ended),
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
    use protocol::{Carrier, SwarmKey, UserId};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc::Receiver;
    use tokio_tungstenite::{WebSocketStream, accept_async};

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

    #[tokio::test]
    async fn a_party_that_friends_carry_is_taken_over_by_nobody_without_the_key() {
        let [home, heir] = [FakeRelay::new().await, FakeRelay::new().await];
        let (link, mut events) = open(&home);
        let door = Door { addresses: vec![address(&heir)], is_own: false };
        link.set_doors(vec![door]);
        let mut socket = home.accept().await;
        expect_up(&mut events).await;
        let asked = challenge(&link, &mut socket).await;
        say(&mut socket, &carried(&key(), &asked)).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Message { .. }));

        // The carrier dies. Its address is taken by a stranger first, with a proof overheard.
        drop(socket);
        assert!(matches!(next(&mut events).await, LinkEvent::Down { was_up: true, .. }));
        let mut socket = home.accept().await;
        expect_up(&mut events).await;
        challenge(&link, &mut socket).await;
        say(&mut socket, &carried(&key(), &asked)).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Down { was_up: true, .. }));
        // Then one who says nothing of a carrier, at the door of the next in line.
        let mut socket = heir.accept().await;
        expect_up(&mut events).await;
        say(&mut socket, &joined(0, Vec::new())).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Down { was_up: true, .. }));
        drop(home.accept().await);
        while !matches!(next(&mut events).await, LinkEvent::Down { .. }) {}
        // At last the heir, who holds the key.
        let mut socket = heir.accept().await;
        expect_up(&mut events).await;
        let asked = challenge(&link, &mut socket).await;
        say(&mut socket, &carried(&key(), &asked)).await;
        assert!(matches!(next(&mut events).await, LinkEvent::Message { .. }));
    }

    fn key() -> DatagramKey {
        DatagramKey::of_swarm(&SwarmKey::parse("blue otter").unwrap())
    }

    fn address(relay: &FakeRelay) -> RelayAddress {
        RelayAddress::parse(&relay.url()).unwrap()
    }

    fn carried(key: &DatagramKey, asked: &Challenge) -> ServerMessage {
        let ServerMessage::Joined(state) = joined(0, Vec::new()) else { unreachable!() };
        let user_id = UserId::parse("ada").unwrap();
        let proof = key.carrier_proof(asked, &user_id);
        ServerMessage::Joined(Joined { carrier: Some(Carrier { user_id, proof }), ..state })
    }

    /// Joins, and what the relay is asked to prove itself by.
    async fn challenge(link: &RelayLink, socket: &mut WebSocketStream<TcpStream>) -> Challenge {
        let swarm_hash = SwarmKey::parse("blue otter").unwrap().hash();
        let (user_id, alias) = (UserId::parse("mia").unwrap(), None);
        let join =
            ClientMessage::Join { swarm_hash, user_id, alias, resume: None, challenge: None };
        link.send(Outgoing::Message(Box::new(join)));
        loop {
            let frame = within(socket.next()).await.unwrap().unwrap();
            let Message::Text(text) = frame else { continue };
            let Ok(ClientMessage::Join { challenge, .. }) = ClientMessage::decode(&text) else {
                panic!("{text}")
            };
            return challenge.expect("a challenge");
        }
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
        (RelayLink::open(address, key(), MonotonicClock::new(), sender), events)
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
            carrier: None,
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
