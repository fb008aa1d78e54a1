//! The swarms of one relay: a registry that knows which swarms exist, and a task for each.
//!
//! Every `join` goes through the registry, every other message straight to the swarm's task.
//! A swarm's task ends when its last member has left and hands its mailbox back; a `join`
//! that lies in it by then starts the swarm anew, so none is lost and no swarm ever runs
//! twice. Nothing of the former swarm remains either way.

mod holding;
mod registry;

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use protocol::ids::hex;
use protocol::{ClientMessage, ServerMessage, SwarmHash, UserId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::debug;

use crate::metrics::{Admission, DropReason, Write, counted};
use crate::outbox::Outbox;
use crate::ownership::{Elsewhere, Leaving, Stored};
use crate::presence::{Gathering, Told};
use crate::relay::Shared;
use crate::room::{Audience, Heritage, Join, Output, Refusal, Room};
use crate::seat::{Seat, Telling, frames_of};
use crate::socket::{ConnectionId, Goodbye};
pub(crate) use holding::NOT_OWNER;
use holding::{Asked, Holding, News};
pub(crate) use registry::run_registry;

/// Joins that may wait for the registry, which does next to nothing for each.
pub(crate) const REGISTRY_MAILBOX: usize = 256;

/// Messages that may wait for a swarm. Members beyond it wait at their own socket.
const SWARM_MAILBOX: usize = 256;

/// Messages that are handled before what they lead to is sent. Whoever they concern gets it in
/// one write then; a swarm with less to do sends after each.
const BATCH: usize = 32;

/// How soon a member who missed some presence is told who is there.
const SUMMARY_INTERVAL: Duration = Duration::from_millis(250);

/// A connection asks to be let into a swarm.
pub(crate) struct Enter {
    /// Which one.
    pub(crate) swarm: SwarmHash,
    /// As whom.
    pub(crate) join: Join,
    /// Over which connection.
    pub(crate) connection: ConnectionId,
    /// Where to send what the member is told.
    pub(crate) outbox: Outbox,
    /// The way to the swarm's task, once let in.
    pub(crate) answer: oneshot::Sender<Result<mpsc::Sender<SwarmCommand>, Denial>>,
}

/// Why a connection is not let into a swarm.
#[derive(Clone, Debug)]
pub(crate) enum Denial {
    /// The swarm's rules do not allow it.
    Refused(Refusal),
    /// Another relay keeps the swarm.
    Elsewhere(Elsewhere),
    /// Nobody can say at the moment who keeps the swarm.
    Unsettled,
}

/// What a swarm's task is told.
pub(crate) enum SwarmCommand {
    /// Someone wants to come in.
    Enter(Box<Enter>, mpsc::Sender<SwarmCommand>),
    /// A member said something.
    Message {
        /// Over which connection.
        connection: ConnectionId,
        /// What.
        message: Box<ClientMessage>,
    },
    /// A connection has ended.
    Gone {
        /// Which one.
        connection: ConnectionId,
    },
    /// The swarm goes to another relay.
    Depart {
        /// To which, if that is known.
        to: Option<Elsewhere>,
        /// True if it is still this relay's and must be released first.
        is_ours: bool,
    },
    /// The swarm is still this relay's, under this number.
    Raised(u64),
}

/// What is left of a swarm that has ended.
struct Ended {
    swarm: SwarmHash,
    mailbox: mpsc::Receiver<SwarmCommand>,
    /// How it is to be given up, if it was not already.
    leaving: Option<(u64, Leaving)>,
}

/// Owns one swarm: applies the room's rules and delivers what they say.
struct SwarmTask {
    relay: Arc<Shared>,
    swarm: SwarmHash,
    room: Room,
    holding: Holding,
    members: BTreeMap<UserId, Seat>,
    connections: HashMap<ConnectionId, UserId>,
    presence: Gathering,
    /// Another message waits while this one is handled.
    more_waits: bool,
}

impl SwarmTask {
    fn new(relay: Arc<Shared>, swarm: SwarmHash, epoch: u64, heritage: Option<Heritage>) -> Self {
        let clock_id = relay.clock.id();
        let heritage = (heritage, relay.clock.now());
        let room = Room::inherit(relay.limits.clone(), clock_id, epoch, heritage);
        let holding = Holding::new(&room);
        Self {
            relay,
            swarm,
            room,
            holding,
            members: BTreeMap::new(),
            connections: HashMap::new(),
            presence: Gathering::default(),
            more_waits: false,
        }
    }

    async fn run(mut self, mut mailbox: mpsc::Receiver<SwarmCommand>) -> Ended {
        let mut summaries = interval(SUMMARY_INTERVAL);
        summaries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let relay = self.relay.clone();
        let mut time_to_part = pin!(relay.time_to_part());
        let mut clock_names = self.relay.clock.renamings();
        loop {
            let owes_summaries = self.members.values().any(|seat| seat.owes_summary);
            let due = self.poll_timeout();
            tokio::select! {
                biased;
                () = &mut time_to_part => {
                    self.part();
                    break;
                }
                _ = summaries.tick(), if owes_summaries => self.summarise(),
                Ok(()) = clock_names.changed() => self.introduce_clock(),
                news = self.holding.next() => self.heard_of_holding(news),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.handle_timeout();
                }
                command = mailbox.recv(), if !self.holding.is_full() => match command {
                    Some(command) => self.handle_all(command, &mut mailbox),
                    None => break,
                },
            }
            self.members.values_mut().for_each(|seat| seat.outbox.flush());
            let ownership = &*self.relay.ownership;
            self.holding.write(&self.swarm, &self.room, ownership);
            self.holding.release(&self.swarm, &self.room, ownership);
            if let Some(to) = self.holding.departs() {
                let to = to.cloned();
                return self.send_away(to, mailbox);
            }
            if self.room.is_empty() {
                break;
            }
            // Telling many takes a while, in which other tasks of this thread did not run.
            yield_now().await;
        }
        debug!(swarm = self.swarm.short(), "swarm ended");
        // Members of the former owner may be still on their way, and those here go elsewhere.
        let is_inherited = self.room.poll_timeout().is_some() || !self.room.is_empty();
        let leaving = if is_inherited { Leaving::ToAnother } else { Leaving::ForGood };
        Ended { swarm: self.swarm, mailbox, leaving: Some((self.room.epoch(), leaving)) }
    }

    /// Tells everyone who keeps the swarm now.
    fn send_away(mut self, to: Option<Elsewhere>, mailbox: mpsc::Receiver<SwarmCommand>) -> Ended {
        debug!(swarm = self.swarm.short(), members = self.members.len(), "swarm moved");
        let kept_back = self.holding.take_back(&mut self.room);
        self.deliver_what_is_left(kept_back);
        let epoch = to.as_ref().map_or(0, |to| to.epoch).max(self.room.epoch());
        let moved = ServerMessage::Moved { url: to.and_then(|to| to.public), epoch };
        let frame: Utf8Bytes = moved.encode().into();
        for seat in self.members.into_values() {
            seat.outbox.finish(Some(frame.clone()), Goodbye::MOVED);
        }
        Ended { swarm: self.swarm, mailbox, leaving: None }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let presence = self.presence.due();
        let room = self.room.poll_timeout().into_iter().chain(presence).min().map(|at| {
            let wait = at - self.relay.clock.now();
            Instant::now() + Duration::from_secs_f64(wait.as_secs_f64().max(0.0))
        });
        [room, self.holding.poll_timeout()].into_iter().flatten().min()
    }

    fn handle_timeout(&mut self) {
        if self.presence.due().is_some_and(|due| due <= self.relay.clock.now()) {
            self.tell_presence();
        }
        self.holding.handle_timeout();
        let outputs = self.room.handle_timeout(self.relay.clock.now());
        self.say(outputs, None);
    }

    fn heard_of_holding(&mut self, news: News) {
        match news {
            News::Written(stored) => {
                self.relay.metrics.writes.inc(match stored {
                    Stored::Done => Write::Done,
                    Stored::Fenced => Write::Fenced,
                    Stored::Unknown => Write::Unknown,
                });
                let ownership = &*self.relay.ownership;
                let outputs = self.holding.written(stored, &mut self.room, ownership);
                match stored {
                    Stored::Done => self.deliver(outputs),
                    Stored::Fenced | Stored::Unknown => self.deliver_what_is_left(outputs),
                }
            }
            News::Released => self.holding.released(),
        }
    }

    /// Sends everyone away together. Nobody is told that the others leave: they all do.
    fn part(&mut self) {
        self.connections.clear();
        for seat in std::mem::take(&mut self.members).into_values() {
            seat.outbox.hang_up(Goodbye::SHUTTING_DOWN);
        }
    }

    /// Handles a message and those that wait behind it, up to the end of the swarm.
    fn handle_all(&mut self, first: SwarmCommand, mailbox: &mut mpsc::Receiver<SwarmCommand>) {
        let mut command = first;
        for left in (0..BATCH).rev() {
            self.more_waits = left > 0 && !mailbox.is_empty();
            self.handle(command);
            // What waits behind the last goodbye belongs to the swarm that begins next.
            let is_over = self.room.is_empty() || self.holding.departs().is_some();
            if left == 0 || is_over || self.holding.is_full() {
                return;
            }
            let Ok(next) = mailbox.try_recv() else { return };
            command = next;
        }
    }

    fn handle(&mut self, command: SwarmCommand) {
        match command {
            SwarmCommand::Enter(enter, way_in) => self.enter(*enter, way_in),
            SwarmCommand::Message { connection, message } => {
                // A connection that was replaced may still have messages on their way.
                let Some(from) = self.connections.get(&connection).cloned() else { return };
                let decision = holding::decision(&message);
                if let Some(name) = decision
                    && !self.holding.may_decide(&*self.relay.ownership)
                {
                    self.relay.metrics.dropped.inc(DropReason::NotOwner);
                    let message = NOT_OWNER.reply_to(name);
                    return self.say(vec![Output { to: Audience::One(from), message }], None);
                }
                let outputs = self.room.handle_message(self.relay.clock.now(), &from, *message);
                self.say(outputs, decision.map(|name| (from, name)));
            }
            SwarmCommand::Gone { connection } => {
                let Some(user) = self.connections.get(&connection).cloned() else { return };
                self.remove(&user);
            }
            SwarmCommand::Depart { to, is_ours } => self.holding.depart(to, is_ours),
            SwarmCommand::Raised(epoch) => {
                self.holding.claimed_anew();
                let outputs = self.room.raise_epoch(epoch);
                self.say(outputs, None);
            }
        }
    }

    fn enter(&mut self, enter: Enter, way_in: mpsc::Sender<SwarmCommand>) {
        let Enter { mut join, connection, outbox, answer, .. } = enter;
        if !self.holding.may_decide(&*self.relay.ownership) {
            let _ = answer.send(Err(Denial::Unsettled));
            return;
        }
        let ownership = &self.relay.ownership;
        join.relays = ownership.relays();
        join.carrier = ownership.carrier(&self.swarm, join.challenge.as_ref());
        if let Some(epoch) = ownership.admits(&self.swarm, &join.user_id) {
            let outputs = self.room.raise_epoch(epoch);
            self.say(outputs, None);
        }
        let user = join.user_id.clone();
        let outputs =
            match self.room.join(self.relay.clock.now(), join, hex(&rand::random::<[u8; 16]>())) {
                Ok(outputs) => outputs,
                Err(refusal) => {
                    self.relay.metrics.turned_away.inc(Admission::Join);
                    // Whoever asked may be gone by now.
                    let _ = answer.send(Err(Denial::Refused(refusal)));
                    return;
                }
            };
        let counted = counted(&self.relay.metrics.members);
        let told = self.presence.welcomed();
        let seat = Seat { connection, outbox, owes_summary: false, told, _counted: counted };
        if let Some(former) = self.members.insert(user.clone(), seat) {
            self.connections.remove(&former.connection);
            former.outbox.hang_up(Goodbye::REPLACED);
        }
        self.connections.insert(connection, user.clone());
        debug!(swarm = self.swarm.short(), members = self.members.len(), "member joined");
        self.say(outputs, None);
        if answer.send(Ok(way_in)).is_err() {
            self.remove(&user);
        }
    }

    /// Sends what the room says, once it may be told.
    fn say(&mut self, outputs: Vec<Output>, asked: Option<Asked>) {
        let outputs = self.holding.said(&self.room, outputs, asked);
        self.deliver(outputs);
    }

    /// Sends what is left when decisions were taken back, with the refusals that stand for those.
    fn deliver_what_is_left(&mut self, outputs: Vec<Output>) {
        let refused = outputs.iter().filter(|output| holding::refuses(output)).count();
        self.relay.metrics.dropped.of(DropReason::NotOwner).inc_by(refused as u64);
        self.deliver(outputs);
    }

    /// Sends messages, and takes out those who can not be reached, until everyone
    /// left has been told.
    fn deliver(&mut self, outputs: Vec<Output>) {
        let unreachable = self.send_all(outputs);
        for (user, connection) in unreachable {
            // It may be out already, or back over another connection.
            if self.members.get(&user).is_none_or(|seat| seat.connection != connection) {
                continue;
            }
            debug!(swarm = self.swarm.short(), "member can not be reached");
            if let Some(outbox) = self.remove(&user) {
                self.relay.metrics.dropped.inc(DropReason::TooSlow);
                outbox.hang_up(Goodbye::TOO_SLOW);
            }
        }
    }

    fn send_all(&mut self, outputs: Vec<Output>) -> Vec<(UserId, ConnectionId)> {
        let mut unreachable = Vec::new();
        let now = self.relay.clock.now();
        let dropped = &self.relay.metrics.dropped;
        for output in outputs {
            let is_droppable = output.is_droppable();
            let frames = frames_of(&output);
            if let [frame] = frames.as_slice()
                && self.presence.holds(now, &output, frame)
            {
                continue;
            }
            let mut telling = Telling::new(&self.room, &self.presence, dropped);
            if !self.more_waits {
                telling = telling.sending_at_once();
            }
            let mut tell = |user: &UserId, seat: &mut Seat| {
                if telling.tell(user, seat, &frames, is_droppable).is_err() {
                    unreachable.push((user.clone(), seat.connection));
                }
            };
            let members = &mut self.members;
            match &output.to {
                Audience::One(user) => {
                    members.get_mut(user).into_iter().for_each(|seat| tell(user, seat));
                }
                Audience::All => members.iter_mut().for_each(|(user, seat)| tell(user, seat)),
                Audience::AllBut(one) => {
                    let others = members.iter_mut().filter(|(user, _)| *user != one);
                    others.for_each(|(user, seat)| tell(user, seat));
                }
            }
        }
        unreachable
    }

    /// Takes out a member whose connection has ended or is about to.
    fn remove(&mut self, user: &UserId) -> Option<Outbox> {
        let Seat { connection, outbox, .. } = self.members.remove(user)?;
        self.connections.remove(&connection);
        debug!(swarm = self.swarm.short(), members = self.members.len(), "member left");
        let outputs = self.room.leave(user);
        self.say(outputs, None);
        Some(outbox)
    }

    /// Tells everyone that the clock is another one: the whole state anew, as after a break.
    fn introduce_clock(&mut self) {
        self.room.set_clock(self.relay.clock.id());
        let members: Vec<UserId> = self.members.keys().cloned().collect();
        for user in members {
            let state = self.room.state_for(&user);
            self.say(state.into_iter().collect(), None);
        }
    }

    /// Tells everyone of those who came and went.
    fn tell_presence(&mut self) {
        let dropped = &self.relay.metrics.dropped;
        let mut telling = Telling::new(&self.room, &self.presence, dropped);
        for (user, seat) in &mut self.members {
            telling.catch_up(user, seat);
            seat.told = Told::default();
        }
        self.presence.everyone_told(self.relay.clock.now());
    }

    /// Tells those who missed some presence who is there, once they have caught up.
    fn summarise(&mut self) {
        let dropped = &self.relay.metrics.dropped;
        let mut telling = Telling::new(&self.room, &self.presence, dropped);
        for seat in self.members.values_mut() {
            if seat.owes_summary && seat.outbox.is_drained() {
                telling.summarise(seat);
            }
        }
    }
}

#[cfg(test)]
mod write_ahead_tests;
