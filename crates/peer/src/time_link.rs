//! Time by UDP: asks the relay and the neighbours, and answers the neighbours.
//!
//! One task owns one socket. Stamps are taken at its edge: the kernel's for what arrives, the
//! clock's right before what is sent. Each answer is followed at once by a second question: the
//! first finds programs, caches and radios asleep, which costs it tens of microseconds in one
//! direction. What the stamps mean is `sync_core`'s matter; who may
//! ask is decided here: who signs with the swarm's key, and not too often.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use audio_engine::MonotonicClock;
use protocol::datagram::{Datagram, DatagramKey, LENGTH, Ping, Pong, Tag};
use protocol::limits::{MAX_ADDRESSES, MAX_MEMBERS};
use protocol::sync::TimeService;
use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;
use sync_core::rate::{Rate, TokenBuckets};
use sync_core::room::{Face, Probe, is_local_network};
use time_socket::TimeSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::suspend::SuspendWatch;

/// Questions waiting to be sent. One that waits that long is worth nothing: what does not fit
/// is dropped, and the next one comes soon.
///
/// The largest swarm, searched for at every address of every member.
const QUESTIONS: usize = MAX_MEMBERS * MAX_ADDRESSES + 64;

/// Answers waiting for the member. More than a second of a large room's.
const ANSWERS: usize = 256;

/// What one neighbour may ask: two start bursts, and more than the fastest pace for good, which is
/// 20 Hz of two questions each.
const NEIGHBOUR_RATE: Rate = Rate { per_second: 60.0, burst: 120.0 };

/// Questions under way that are remembered. What is answered later than so many others is
/// worth nothing.
const MOST_ASKED: usize = QUESTIONS;

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
        /// When it was asked.
        sent: LocalTime,
        /// When it arrived.
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
        let mut suspends = SuspendWatch::default();
        // From now on: the first look only tells how long it slept before.
        suspends.has_slept();
        let worker = Worker {
            me,
            key,
            clock,
            socket,
            answers_to,
            facing: Facing { face: face_seen, is_stale: false },
            suspends,
            relay: None,
            rates,
            asked: VecDeque::new(),
            number: 0,
        };
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

    /// The port at which neighbours can ask.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where neighbours can ask. On this computer too if the relay is `here`: then the other
    /// members may be.
    pub(crate) fn addresses(&self, here: bool) -> Vec<SocketAddr> {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let mut found: Vec<IpAddr> = interfaces
            .into_iter()
            .map(|interface| interface.ip())
            .filter(|address| is_local_network(address) && !address.is_loopback())
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

struct Worker {
    me: Tag,
    key: DatagramKey,
    clock: MonotonicClock,
    socket: TimeSocket,
    answers_to: mpsc::Sender<TimeAnswer>,
    facing: Facing,
    suspends: SuspendWatch,
    relay: Option<RelayService>,
    rates: TokenBuckets<IpAddr, LocalTime>,
    /// Questions under way, oldest first.
    asked: VecDeque<Asked>,
    /// Numbers questions.
    number: u64,
}

/// A question under way.
#[derive(Clone, Copy)]
struct Asked {
    number: u64,
    to: Tag,
    sent: LocalTime,
    /// It is the answer's turn to be followed by another question.
    is_first: bool,
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
            Question::Relay => self.ask_relay(true),
            Question::Neighbour(Probe { to, address }) => self.ask_neighbour(to, address, true),
        }
    }

    fn ask_relay(&mut self, is_first: bool) {
        let Some(RelayService { address, token, key }) = &self.relay else { return };
        let (address, key) = (*address, key.clone());
        self.send_ping(*token, Tag::RELAY, &key, address, is_first);
    }

    fn ask_neighbour(&mut self, to: Tag, address: SocketAddr, is_first: bool) {
        let key = self.key.clone();
        self.send_ping(self.me, to, &key, address, is_first);
    }

    fn send_ping(
        &mut self,
        from: Tag,
        to: Tag,
        key: &DatagramKey,
        address: SocketAddr,
        is_first: bool,
    ) {
        self.number += 1;
        let number = self.number;
        let bytes = Datagram::Ping(Ping { from, to, probe: number }).encode(key);
        if self.asked.len() == MOST_ASKED {
            self.asked.pop_front();
        }
        let sent = self.clock.now();
        self.send(&bytes, address);
        self.asked.push_back(Asked { number, to, sent, is_first });
    }

    /// The question that an answer is to, once.
    fn answered(&mut self, by: Tag, number: u64) -> Option<Asked> {
        let found = self.asked.iter().position(|asked| asked.number == number && asked.to == by);
        self.asked.remove(found?)
    }

    fn arrived(&mut self, bytes: &[u8], from: SocketAddr, at: Instant) {
        if self.suspends.has_slept() {
            self.facing.distrust();
            // Answers to what was asked before would mislead this device.
            self.asked.clear();
        }
        let received = self.clock.at(at);
        let by_relay = self.relay.as_ref().filter(|relay| relay.address == from);
        if let Some(RelayService { token, key, .. }) = by_relay
            && let Ok(Datagram::Pong(pong)) = Datagram::decode(bytes, key)
        {
            if pong.to == *token
                && let Some(asked) = self.answered(Tag::RELAY, pong.probe)
            {
                if asked.is_first {
                    self.ask_relay(false);
                }
                let Pong { t1, t2, .. } = pong;
                let sample = ClockSample { t0: asked.sent, t1, t2, t3: received };
                self.tell(TimeAnswer::Relay(sample));
            }
            return;
        }
        match Datagram::decode(bytes, &self.key) {
            Ok(Datagram::Ping(ping)) if ping.to == self.me => self.answer(ping, from, received),
            Ok(Datagram::Pong(pong)) if pong.to == self.me => {
                let Some(Asked { sent, is_first, .. }) = self.answered(pong.from, pong.probe)
                else {
                    return;
                };
                if is_first {
                    self.ask_neighbour(pong.from, from, false);
                }
                let pong = Box::new(pong);
                self.tell(TimeAnswer::Neighbour { address: from, pong, sent, received });
            }
            // For another member behind the same address, or from nobody of this swarm.
            Ok(_) | Err(_) => {}
        }
    }

    fn answer(&mut self, ping: Ping, from: SocketAddr, received: LocalTime) {
        if !self.rates.admits(from.ip(), received) {
            return;
        }
        let face = self.facing.shown();
        let own_clock = |at: LocalTime| SwarmTime::from_nanos(at.as_nanos());
        let pong = Pong {
            from: self.me,
            to: ping.from,
            probe: ping.probe,
            t1: own_clock(received),
            t2: own_clock(received),
            doubt: face.map_or(Span::ZERO, |face| face.line.uncertainty(received)),
            room: face.map(|face| face.room),
        };
        let bytes = Datagram::answer(pong, &self.key, || own_clock(self.clock.now()));
        self.send(&bytes, from);
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

/// What neighbours are answered with.
struct Facing {
    face: watch::Receiver<Option<Face>>,
    /// The computer slept, and the member has said nothing since.
    is_stale: bool,
}

impl Facing {
    /// After a suspend nothing of what the member said before holds. This task may wake first,
    /// and would mislead everyone who follows this device.
    fn distrust(&mut self) {
        self.face.mark_unchanged();
        self.is_stale = true;
    }

    /// What to answer with.
    fn shown(&mut self) -> Option<Face> {
        // A member that is gone says nothing more.
        self.is_stale &= !self.face.has_changed().unwrap_or(false);
        if self.is_stale { None } else { *self.face.borrow_and_update() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::SwarmKey;
    use protocol::datagram::RoomTime;
    use std::time::Duration;
    use sync_core::ClockEstimate;

    #[tokio::test]
    async fn members_with_one_key_tell_each_other_the_time_and_others_get_nothing() {
        let [mut ada, mia] = [1, 2].map(|tag| open(tag, "blue otter"));
        let stranger = open(2, "red otter");
        // The wrong key first: an answer to it would come first.
        ada.probe(Probe { to: Tag(2), address: address(&stranger) });
        ada.probe(Probe { to: Tag(3), address: address(&mia) });
        ada.probe(Probe { to: Tag(2), address: address(&mia) });
        let answer = tokio::time::timeout(Duration::from_secs(5), ada.next_answer()).await;
        let Ok(TimeAnswer::Neighbour { address: from, pong, sent, received }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!((from, pong.from, pong.probe), (address(&mia), Tag(2), 3));
        assert!(pong.t2 >= pong.t1 && received > sent, "{pong:?}");
        let second = tokio::time::timeout(Duration::from_secs(5), ada.next_answer()).await;
        assert!(matches!(second, Ok(TimeAnswer::Neighbour { sent: later, .. }) if later > sent));
        assert_eq!(pong.room, None, "nobody leads yet");
    }

    #[tokio::test]
    async fn one_who_asks_too_often_is_not_answered_without_end() {
        let [mut ada, mia] = [1, 2].map(|tag| open(tag, "blue otter"));
        let mut answers = 0;
        for _ in 0..200 {
            ada.probe(Probe { to: Tag(2), address: address(&mia) });
            let answer = tokio::time::timeout(Duration::from_millis(20), ada.next_answer()).await;
            if answer.is_err() {
                break;
            }
            answers += 1;
            // The second question's.
            let _ = tokio::time::timeout(Duration::from_millis(20), ada.next_answer()).await;
        }
        let burst = NEIGHBOUR_RATE.burst as u32 / 2;
        assert!((burst / 2..=2 * burst).contains(&answers), "{answers} answers");
    }

    #[tokio::test]
    async fn this_computer_is_told_only_to_those_who_may_be_on_it() {
        let link = open(1, "blue otter");
        assert_eq!(link.addresses(true)[0], address(&link));
        assert!(!link.addresses(false).contains(&address(&link)));
    }

    #[test]
    fn a_device_that_wakes_tells_nobody_the_time_it_knew_before() {
        let origin = LocalTime::default();
        let line = ClockEstimate::exact(origin, SwarmTime::default(), 0.0);
        let told = line.to_line(1);
        let room =
            RoomTime { room: 1, epoch: 0, root: Tag(1), hops: 0, line: told, correction: None };
        let face = Face { line, room };
        let (say, face_seen) = watch::channel(Some(face));
        let mut facing = Facing { face: face_seen, is_stale: false };
        assert_eq!(facing.shown(), Some(face));
        facing.distrust();
        assert_eq!(facing.shown(), None, "the member has not noticed yet");
        say.send_replace(None);
        assert_eq!(facing.shown(), None);
        say.send_replace(Some(face));
        assert_eq!(facing.shown(), Some(face), "learnt anew");
    }

    fn open(tag: u64, key: &str) -> TimeLink {
        let key = DatagramKey::of_swarm(&SwarmKey::parse(key).unwrap());
        TimeLink::open(Tag(tag), key, MonotonicClock::new()).unwrap()
    }

    fn address(link: &TimeLink) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, link.port))
    }
}
