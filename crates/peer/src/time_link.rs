//! Time by UDP: asks the relay and the neighbours, and answers the neighbours.
//!
//! One task owns one socket. Stamps are taken at its edge: the kernel's for what arrives, the
//! clock's right before what is sent. What the stamps mean is `sync_core`'s matter; who may
//! ask is decided here: who signs with the swarm's key, and not too often.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use audio_engine::MonotonicClock;
use protocol::datagram::{Datagram, DatagramKey, LENGTH, Ping, Pong, Tag};
use protocol::limits::MAX_ADDRESSES;
use protocol::sync::TimeService;
use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;
use sync_core::rate::{Rate, TokenBuckets};
use sync_core::room::{Face, Probe};
use time_socket::TimeSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

/// Questions waiting to be sent. One that waits that long is worth nothing: what does not fit
/// is dropped, and the next one comes soon.
const QUESTIONS: usize = 64;

/// Answers waiting for the member. More than a second of a large room's.
const ANSWERS: usize = 256;

/// What one neighbour may ask: two start bursts, and twice the fastest pace for good.
const NEIGHBOUR_RATE: Rate = Rate { per_second: 20.0, burst: 60.0 };

/// Neighbours whose rates are kept count of.
const MOST_NEIGHBOURS: usize = 512;

/// What to send.
enum Question {
    /// To a neighbour.
    Neighbour(Probe),
    /// To the relay.
    Relay,
    /// Ask this relay from now on, or none.
    Service(Option<RelayService>),
}

/// How a relay is asked.
struct RelayService {
    address: SocketAddr,
    token: Tag,
    key: DatagramKey,
}

/// What arrived.
#[derive(Debug)]
pub(crate) enum TimeAnswer {
    /// The relay's.
    Relay(ClockSample),
    /// A neighbour's.
    Neighbour {
        /// From where.
        address: SocketAddr,
        /// What.
        pong: Box<Pong>,
        /// When.
        received: LocalTime,
    },
}

/// Handle to the task. Dropping it ends the task.
pub(crate) struct TimeLink {
    questions: mpsc::Sender<Question>,
    answers: mpsc::Receiver<TimeAnswer>,
    face: watch::Sender<Option<Face>>,
    port: u16,
    task: JoinHandle<()>,
}

impl TimeLink {
    /// Opens a socket for the swarm of `key`, as member `me`. None if the system gives none:
    /// the relay is asked over its WebSocket then.
    pub(crate) fn open(me: Tag, key: DatagramKey, clock: MonotonicClock) -> Option<Self> {
        let opened = TimeSocket::bind_anywhere().and_then(|socket| Ok((socket.port()?, socket)));
        let (port, socket) =
            opened.inspect_err(|error| warn!(%error, "no socket for time datagrams")).ok()?;
        let (question_sender, questions) = mpsc::channel(QUESTIONS);
        let (answer_sender, answers) = mpsc::channel(ANSWERS);
        let (face, face_seen) = watch::channel(None);
        let rates = TokenBuckets::new(NEIGHBOUR_RATE, MOST_NEIGHBOURS);
        let answers_to = answer_sender;
        let worker =
            Worker { me, key, clock, socket, answers_to, face: face_seen, relay: None, rates };
        let task = tokio::spawn(worker.run(questions));
        Some(Self { questions: question_sender, answers, face, port, task })
    }

    /// Asks a neighbour.
    pub(crate) fn probe(&self, probe: Probe) {
        self.ask(Question::Neighbour(probe));
    }

    /// Asks the relay.
    pub(crate) fn ask_relay(&self) {
        self.ask(Question::Relay);
    }

    /// Asks this relay from now on, at the host that its WebSocket leads to.
    pub(crate) fn use_service(&self, service: Option<&TimeService>, relay: Option<SocketAddr>) {
        let service = service.zip(relay).and_then(|(service, relay)| {
            let token = Tag(u64::from_str_radix(&service.token, 16).ok()?);
            let key = DatagramKey::parse(&service.key)?;
            let port = service.port.unwrap_or(relay.port());
            Some(RelayService { address: SocketAddr::new(relay.ip(), port), token, key })
        });
        self.ask(Question::Service(service));
    }

    /// Answers neighbours with this from now on.
    pub(crate) fn show(&self, face: Option<Face>) {
        self.face.send_replace(face);
    }

    /// The next answer; waits for ever when the task has ended.
    pub(crate) async fn next_answer(&mut self) -> TimeAnswer {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// Where neighbours can ask. On this computer too if the relay is `here`: then the other
    /// members may be.
    pub(crate) fn addresses(&self, here: bool) -> Vec<SocketAddr> {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let mut found: Vec<IpAddr> = interfaces
            .into_iter()
            .map(|interface| interface.ip())
            .filter(is_local_network)
            .collect();
        // IPv4 first: it is what rooms have.
        found.sort();
        found.dedup();
        if here {
            found.insert(0, Ipv4Addr::LOCALHOST.into());
        }
        found.truncate(MAX_ADDRESSES);
        found.into_iter().map(|address| SocketAddr::new(address, self.port)).collect()
    }

    fn ask(&self, question: Question) {
        if self.questions.try_send(question).is_err() {
            debug!("a time question was dropped");
        }
    }
}

impl Drop for TimeLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Addresses that only a local network leads to: nothing else is told to the others.
fn is_local_network(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => is_unique_local(v6),
    }
}

/// fc00::/7. Link-local addresses need a scope, which means something on one device only.
fn is_unique_local(address: &Ipv6Addr) -> bool {
    address.segments()[0] & 0xfe00 == 0xfc00
}

struct Worker {
    me: Tag,
    key: DatagramKey,
    clock: MonotonicClock,
    socket: TimeSocket,
    answers_to: mpsc::Sender<TimeAnswer>,
    face: watch::Receiver<Option<Face>>,
    relay: Option<RelayService>,
    rates: TokenBuckets<IpAddr, LocalTime>,
}

impl Worker {
    async fn run(mut self, mut questions: mpsc::Receiver<Question>) {
        // One byte more than a datagram has, so that a longer one is not taken for one.
        let mut buffer = [0; LENGTH + 1];
        loop {
            tokio::select! {
                biased;
                arrival = self.socket.receive(&mut buffer) => match arrival {
                    Ok(arrival) => {
                        self.arrived(&buffer[..arrival.length], arrival.from, arrival.at);
                    }
                    // On some systems an earlier datagram that nobody took is told here.
                    Err(error) => debug!(%error, "no datagram"),
                },
                question = questions.recv() => match question {
                    Some(question) => self.ask(question),
                    None => return,
                },
            }
        }
    }

    fn ask(&mut self, question: Question) {
        match question {
            Question::Service(service) => self.relay = service,
            Question::Relay => {
                let Some(RelayService { address, token, key }) = &self.relay else { return };
                let ping = Ping { from: *token, to: Tag::RELAY, probe: 0, t0: self.clock.now() };
                self.send(&Datagram::Ping(ping).encode(key), *address);
            }
            Question::Neighbour(Probe { to, address, number }) => {
                let ping = Ping { from: self.me, to, probe: number, t0: self.clock.now() };
                self.send(&Datagram::Ping(ping).encode(&self.key), address);
            }
        }
    }

    fn arrived(&mut self, bytes: &[u8], from: SocketAddr, at: Instant) {
        let received = self.clock.at(at);
        let by_relay = self.relay.as_ref().filter(|relay| relay.address == from);
        if let Some(RelayService { token, key, .. }) = by_relay
            && let Ok(Datagram::Pong(pong)) = Datagram::decode(bytes, key)
        {
            if pong.to == *token {
                let Pong { t0, t1, t2, .. } = pong;
                self.tell(TimeAnswer::Relay(ClockSample { t0, t1, t2, t3: received }));
            }
            return;
        }
        match Datagram::decode(bytes, &self.key) {
            Ok(Datagram::Ping(ping)) if ping.to == self.me => self.answer(ping, from, received),
            Ok(Datagram::Pong(pong)) if pong.to == self.me => {
                let pong = Box::new(pong);
                self.tell(TimeAnswer::Neighbour { address: from, pong, received });
            }
            // For another member behind the same address, or from nobody of this swarm.
            Ok(_) | Err(_) => {}
        }
    }

    fn answer(&mut self, ping: Ping, from: SocketAddr, received: LocalTime) {
        if !self.rates.admits(from.ip(), received) {
            return;
        }
        let face = *self.face.borrow();
        let own_clock = |at: LocalTime| SwarmTime::from_nanos(at.as_nanos());
        let pong = Pong {
            from: self.me,
            to: ping.from,
            probe: ping.probe,
            t0: ping.t0,
            t1: own_clock(received),
            t2: own_clock(self.clock.now()),
            doubt: face.map_or(Span::ZERO, |face| face.line.uncertainty(received)),
            room: face.map(|face| face.room),
        };
        self.send(&Datagram::Pong(pong).encode(&self.key), from);
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) {
        // A network that is down says so each time; the member notices by the silence.
        if let Err(error) = self.socket.send(bytes, to) {
            debug!(%error, "a time datagram was not sent");
        }
    }

    fn tell(&self, answer: TimeAnswer) {
        if self.answers_to.try_send(answer).is_err() {
            debug!("a time answer was dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::SwarmKey;
    use std::time::Duration;

    #[tokio::test]
    async fn members_with_one_key_tell_each_other_the_time_and_others_get_nothing() {
        let [mut ada, mia] = [1, 2].map(|tag| open(tag, "blue otter"));
        let stranger = open(2, "red otter");
        // The wrong key first: an answer to it would come first.
        ada.probe(Probe { to: Tag(2), address: address(&stranger), number: 1 });
        ada.probe(Probe { to: Tag(3), address: address(&mia), number: 2 });
        ada.probe(Probe { to: Tag(2), address: address(&mia), number: 3 });
        let answer = tokio::time::timeout(Duration::from_secs(5), ada.next_answer()).await;
        let Ok(TimeAnswer::Neighbour { address: from, pong, received }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!((from, pong.from, pong.probe), (address(&mia), Tag(2), 3));
        assert!(pong.t2 >= pong.t1 && received > pong.t0, "{pong:?}");
        assert_eq!(pong.room, None, "nobody leads yet");
    }

    #[tokio::test]
    async fn one_who_asks_too_often_is_not_answered_without_end() {
        let [mut ada, mia] = [1, 2].map(|tag| open(tag, "blue otter"));
        let mut answers = 0;
        for number in 0..200 {
            ada.probe(Probe { to: Tag(2), address: address(&mia), number });
            let answer = tokio::time::timeout(Duration::from_millis(20), ada.next_answer()).await;
            if answer.is_err() {
                break;
            }
            answers += 1;
        }
        let burst = NEIGHBOUR_RATE.burst as u32;
        assert!((burst / 2..=2 * burst).contains(&answers), "{answers} answers");
    }

    #[tokio::test]
    async fn only_addresses_of_local_networks_are_told() {
        for (text, is_told) in [
            ("192.168.1.7", true),
            ("10.0.0.1", true),
            ("172.20.0.3", true),
            ("169.254.3.3", true),
            ("fd12::1", true),
            ("127.0.0.1", false),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
            ("::1", false),
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(is_local_network(&address), is_told, "{text}");
        }
        let link = open(1, "blue otter");
        assert_eq!(link.addresses(true)[0], address(&link));
        assert!(!link.addresses(false).contains(&address(&link)));
    }

    fn open(tag: u64, key: &str) -> TimeLink {
        let key = DatagramKey::of_swarm(&SwarmKey::parse(key).unwrap());
        TimeLink::open(Tag(tag), key, MonotonicClock::new()).unwrap()
    }

    fn address(link: &TimeLink) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, link.port))
    }
}
