//! A member's real rules, `sync_core`'s session, over real sockets while its owner is killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use protocol::ids::Alias;
use protocol::message::Joined;
use protocol::time::LocalTime;
use protocol::{ClientMessage, ServerMessage, Span};
use sync_core::session::{Input, Output, Session, SessionConfig, Way};
use sync_core::{ClockEstimate, schedule::Schedule};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{file, id, swarm};
use crate::member::{Door, Member, Socket, in_seconds, read};
use crate::stage::Stage;

/// Longer than a session learns a new clock before it carries a song over to it.
const LEARNING: Duration = Duration::from_millis(4_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_session_plays_on_through_a_takeover_without_a_step() {
    let mut stage = Stage::with(&["a", "b", "c"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let start = in_seconds(0.0);
    ada.play(&file('a'), start).await;

    let mut mia = Shell::new();
    let owner = mia.enter(&stage.urls()).await;
    mia.run(LEARNING).await;
    let (clock, schedule) = mia.playing().expect("it plays");
    let told = mia.told.len();
    stage.at(&owner).process.kill();
    mia.run_until_closed().await;
    let went = Instant::now();
    let next = mia.enter(&stage.urls()).await;
    assert_ne!(next, owner);
    let away = went.elapsed();
    mia.run(LEARNING).await;

    let mut heard = (clock, schedule.clone());
    let mut largest = Span::ZERO;
    for (at, clock, now_playing) in mia.told.drain(told..) {
        let clock = clock.expect("the clock is never unknown");
        assert_eq!(now_playing, schedule, "no schedule changes");
        let position = |(clock, schedule): &(ClockEstimate, Schedule)| {
            let at = clock.to_swarm(at);
            schedule.plan_at(at).expect("something plays").position_at(at)
        };
        let next = (clock, now_playing);
        largest = largest.max((position(&next) - position(&heard)).abs());
        heard = next;
    }
    let is_new_clock = mia.clock_ids.len() == 2 && mia.clock_ids[0] != mia.clock_ids[1];
    assert!(is_new_clock, "{:?}", mia.clock_ids);
    eprintln!(
        "a session through a takeover: {:.2} s without a relay, schedules changed: 0, largest step \
         of what is heard {:.3} ms",
        away.as_secs_f64(),
        largest.as_millis_f64(),
    );
    assert!(largest < Span::from_millis(2), "{largest:?}");
}

/// A session with a socket, and no sound.
struct Shell {
    session: Session,
    socket: Option<Socket>,
    origin: Instant,
    /// Every time line it was given, and when.
    told: Vec<(LocalTime, Option<ClockEstimate>, Schedule)>,
    clock_ids: Vec<String>,
    outgoing: Vec<ClientMessage>,
}

impl Shell {
    fn new() -> Self {
        let config = SessionConfig {
            swarm_hash: swarm("party"),
            user_id: id("mia"),
            alias: Alias::parse("Mia").expect("a name"),
            seed: 1,
            skews: BTreeMap::new(),
        };
        Self {
            session: Session::new(config),
            socket: None,
            origin: Instant::now(),
            told: Vec::new(),
            clock_ids: Vec::new(),
            outgoing: Vec::new(),
        }
    }

    fn now(&self) -> LocalTime {
        let passed = Span::from_secs_f64(self.origin.elapsed().as_secs_f64());
        LocalTime::from_nanos(1_000_000_000) + passed
    }

    fn playing(&self) -> Option<(ClockEstimate, Schedule)> {
        let (_, clock, schedule) = self.told.last()?;
        (!schedule.is_silent()).then_some((clock.as_ref().copied()?, schedule.clone()))
    }

    /// Enters the swarm, wherever it is; returns the relay that let it in.
    async fn enter(&mut self, urls: &[String]) -> String {
        let until = Instant::now() + crate::member::DEADLINE;
        let mut sent_to: Option<String> = None;
        for next in 0.. {
            assert!(Instant::now() < until, "nobody lets it in");
            let url = sent_to.take().unwrap_or_else(|| urls[next % urls.len()].clone());
            let door = crate::member::knock(&url, &swarm("party"), &id("mia")).await;
            match door {
                Some(Door::Open(socket, joined)) => {
                    self.socket = Some(*socket);
                    self.clock_ids.push(joined.clock_id.clone());
                    let (now, received) = (self.now(), self.now());
                    self.session.handle(now, Input::LinkUp);
                    // It has no socket for datagrams.
                    let joined = Joined { time: None, ..*joined };
                    let message = Box::new(ServerMessage::Joined(joined));
                    self.session.handle(now, Input::Message { message, received });
                    self.drain().await;
                    return url;
                }
                Some(Door::Moved(to)) => sent_to = to,
                Some(Door::Refused(_) | Door::Closed) | None => {
                    sleep(Duration::from_millis(100)).await
                }
            }
        }
        unreachable!("the loop has no end")
    }

    async fn run(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            assert!(self.step().await, "the connection ended");
        }
    }

    async fn run_until_closed(&mut self) {
        while self.step().await {}
        self.socket = None;
        self.session.handle(self.now(), Input::LinkDown);
        self.drain().await;
    }

    /// Waits for a message or a time-out; false once the connection has ended.
    async fn step(&mut self) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        let due = self.session.poll_timeout().map_or(Span::from_millis(50), |at| {
            let passed = Span::from_secs_f64(self.origin.elapsed().as_secs_f64());
            at - (LocalTime::from_nanos(1_000_000_000) + passed)
        });
        let wait = Duration::from_secs_f64(due.as_secs_f64().clamp(0.0, 0.05));
        match timeout(wait, read(socket)).await {
            Ok(Some(message)) => {
                let received = self.now();
                let message = Box::new(message);
                self.session.handle(received, Input::Message { message, received });
            }
            Ok(None) => return false,
            Err(_) => self.session.handle_timeout(self.now()),
        }
        self.drain().await;
        true
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                // The door has said it already.
                Output::Send(ClientMessage::Join { .. }) => {}
                Output::Send(message) => self.outgoing.push(message),
                Output::Ping(Way::WebSocket) => {
                    let t0 = self.now().into();
                    self.outgoing.push(ClientMessage::TimePing { t0 });
                }
                Output::Timeline { clock, schedule } => {
                    self.told.push((self.now(), clock, schedule));
                }
                _ => {}
            }
        }
        let Some(socket) = &mut self.socket else { return };
        for message in self.outgoing.drain(..) {
            // One that has ended is noticed when it is read.
            let _ = socket.send(Message::text(message.encode())).await;
        }
    }
}
