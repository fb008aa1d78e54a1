//! The relay's time by UDP, asked for over a real socket.

mod common;

use std::time::Duration;

use common::{Client, eventually, join_message, relay, relay_with, within};
use protocol::datagram::{Datagram, DatagramKey, LENGTH, Ping, Pong, Tag};
use protocol::sync::TimeService;
use relay_server::{Limits, Rate, RunningRelay};
use tokio::net::UdpSocket;
use tokio::time::timeout;

#[tokio::test]
async fn a_member_is_told_the_time_by_datagram_as_over_the_websocket() {
    let (relay, service, _ada) = member().await;
    let asker = Asker::new(&relay, &service).await;
    let pong = asker.ask(7).await.expect("an answer");
    assert_eq!((pong.probe, pong.to), (7, asker.token));
    assert!(pong.t2 >= pong.t1, "{pong:?}");
    let mut mia = Client::member(&relay, "mia").await;
    let by_socket = mia.time().await;
    let apart = by_socket - pong.t1;
    assert!(apart.as_secs_f64() >= 0.0 && apart.as_secs_f64() < 30.0, "one clock: {apart:?}");
}

#[tokio::test]
async fn who_has_no_key_gets_no_answer_and_nobody_gets_a_longer_one() {
    let (relay, service, _ada) = member().await;
    let asker = Asker::new(&relay, &service).await;
    let stranger = DatagramKey::of_token(b"guessed", asker.token);
    let forged = Datagram::Ping(asker.ping(1)).encode(&stranger);
    let misled = Datagram::Ping(Ping { to: Tag(5), ..asker.ping(2) }).encode(&asker.key);
    let short = &Datagram::Ping(asker.ping(3)).encode(&asker.key)[..LENGTH - 1];
    let mut long = Datagram::Ping(asker.ping(4)).encode(&asker.key).to_vec();
    long.push(0);
    for bad in [&forged[..], &misled, short, &long, b"", b"hello"] {
        asker.send(bad).await;
    }
    // What was wrong went before: an answer to it would come first.
    let pong = asker.ask(9).await.expect("an answer");
    assert_eq!(pong.probe, 9);
    assert_eq!(asker.received_length.get(), LENGTH);
}

#[tokio::test]
async fn who_asks_too_often_is_not_answered_and_the_others_are() {
    // However long the test takes, nothing is added.
    let time_pings = Rate { per_second: 0.001, burst: 40.0 };
    let relay = relay_with(Limits { time_pings, ..Limits::default() }).await;
    let (_ada, joined) = Client::join(&relay, "ada").await;
    let flood = Asker::new(&relay, &joined.time.expect("a way to ask")).await;
    for probe in 0..400 {
        flood.send(&Datagram::Ping(flood.ping(probe)).encode(&flood.key)).await;
    }
    let (_mia, joined) = Client::join(&relay, "mia").await;
    let other = Asker::new(&relay, &joined.time.expect("a way to ask")).await;
    assert!(other.ask(1).await.is_some(), "somebody else");
    let mut answers = 0;
    while flood.receive().await.is_some() {
        answers += 1;
    }
    assert!((1..=40).contains(&answers), "{answers} answers to 400 questions at once");
}

#[tokio::test]
async fn the_right_to_ask_ends_when_its_member_leaves_and_the_others_keep_theirs() {
    let relay = patient_relay().await;
    let (ada, joined) = Client::join(&relay, "ada").await;
    let leaver = Asker::new(&relay, &joined.time.expect("a way to ask")).await;
    let (_mia, joined) = Client::join(&relay, "mia").await;
    let other = Asker::new(&relay, &joined.time.expect("a way to ask")).await;
    assert!(leaver.ask(1).await.is_some());
    ada.end().await;
    eventually("she is out", || relay.members() == 1).await;
    leaver.stops_being_answered().await;
    assert!(other.ask(2).await.is_some(), "a member still");
}

#[tokio::test]
async fn one_who_comes_back_over_another_connection_asks_with_the_new_right() {
    let relay = patient_relay().await;
    let (mut ada, joined) = Client::join(&relay, "ada").await;
    let former = Asker::new(&relay, &joined.time.expect("a way to ask")).await;
    let mut again = Client::stranger(&relay).await;
    again.send(join_message("party", "ada", Some(joined.resume))).await;
    let joined = again.joined().await;
    let present = Asker::new(&relay, &joined.time.expect("a way to ask")).await;
    assert_eq!(ada.close_code().await, 4010);
    drop(ada);
    former.stops_being_answered().await;
    assert!(present.ask(1).await.is_some());
}

/// A relay that nobody can ask too often: who is not answered has no right to ask.
async fn patient_relay() -> RunningRelay {
    let time_pings = Rate { per_second: 1e6, burst: 1e6 };
    relay_with(Limits { time_pings, ..Limits::default() }).await
}

/// A relay, a member of it, and how that one asks.
async fn member() -> (RunningRelay, TimeService, Client) {
    let relay = relay().await;
    let (ada, joined) = Client::join(&relay, "ada").await;
    (relay, joined.time.expect("a way to ask"), ada)
}

struct Asker {
    socket: UdpSocket,
    token: Tag,
    key: DatagramKey,
    received_length: std::cell::Cell<usize>,
}

impl Asker {
    async fn new(relay: &RunningRelay, service: &TimeService) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect(relay.local_addr()).await.expect("a local address");
        let token = Tag(u64::from_str_radix(&service.token, 16).expect("hex digits"));
        let key = DatagramKey::parse(&service.key).expect("a key");
        Self { socket, token, key, received_length: 0.into() }
    }

    fn ping(&self, probe: u64) -> Ping {
        Ping { from: self.token, to: Tag::RELAY, probe }
    }

    async fn send(&self, bytes: &[u8]) {
        self.socket.send(bytes).await.expect("room in the socket");
    }

    async fn ask(&self, probe: u64) -> Option<Pong> {
        self.send(&Datagram::Ping(self.ping(probe)).encode(&self.key)).await;
        self.receive().await
    }

    /// Asks until no answer comes: the end of a connection takes a moment.
    async fn stops_being_answered(&self) {
        within(async { while self.ask(9).await.is_some() {} }).await;
    }

    /// The next answer; none if none comes within a while.
    async fn receive(&self) -> Option<Pong> {
        let mut buffer = [0; 2 * LENGTH];
        let received = timeout(Duration::from_secs(1), self.socket.recv(&mut buffer)).await.ok()?;
        let length = received.expect("the relay listens");
        self.received_length.set(length);
        match Datagram::decode(&buffer[..length], &self.key) {
            Ok(Datagram::Pong(pong)) => Some(pong),
            other => panic!("{other:?}"),
        }
    }
}
