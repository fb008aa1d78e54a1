//! The swarms of one relay: a registry that knows which swarms exist, and a task for each.
//!
//! Every `join` goes through the registry, every other message straight to the swarm's task.
//! A swarm's task ends when its last member has left and hands its mailbox back; a `join`
//! that lies in it by then starts the swarm anew, so none is lost and no swarm ever runs
//! twice. Nothing of the former swarm remains either way.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use protocol::ids::hex;
use protocol::{ClientMessage, ErrorCode, SwarmHash, UserId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error};

use crate::metrics::{Admission, Counted, Counters, DropReason, counted};
use crate::outbox::{Outbox, Undeliverable};
use crate::relay::Shared;
use crate::room::{Audience, Join, Output, Refusal, Room, snapshot};
use crate::socket::{ConnectionId, Goodbye};
use crate::status::Obstacle;

/// Joins that may wait for the registry, which does next to nothing for each.
pub(crate) const REGISTRY_MAILBOX: usize = 256;

/// Messages that may wait for a swarm. Members beyond it wait at their own socket.
const SWARM_MAILBOX: usize = 256;

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
    pub(crate) answer: oneshot::Sender<Result<mpsc::Sender<SwarmCommand>, Refusal>>,
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
}

/// What is left of a swarm that has ended.
struct Ended {
    swarm: SwarmHash,
    mailbox: mpsc::Receiver<SwarmCommand>,
}

/// Runs the registry until the relay closes.
pub(crate) async fn run_registry(relay: Arc<Shared>, mut mailbox: mpsc::Receiver<Enter>) {
    let mut registry = Registry::new(relay.clone());
    loop {
        tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            Some(ended) = registry.tasks.join_next_with_id() => registry.ended(ended),
            enter = mailbox.recv() => match enter {
                Some(enter) => registry.pass_on(enter),
                None => return,
            },
        }
        relay.metrics.swarms.set(registry.swarms.len() as i64);
    }
}

struct Registry {
    relay: Arc<Shared>,
    swarms: HashMap<SwarmHash, Running>,
    tasks: JoinSet<Ended>,
}

struct Running {
    mailbox: mpsc::Sender<SwarmCommand>,
    task: Id,
}

impl Registry {
    fn new(relay: Arc<Shared>) -> Self {
        Self { relay, swarms: HashMap::new(), tasks: JoinSet::new() }
    }

    fn pass_on(&mut self, enter: Enter) {
        if self.relay.readiness.is_raised(Obstacle::Draining) {
            self.relay.metrics.turned_away.inc(Admission::Draining);
            let message = "the relay is shutting down; join again over a new connection";
            // Whoever asked may be gone by now.
            let _ = enter.answer.send(Err(Refusal { code: ErrorCode::ShuttingDown, message }));
            return;
        }
        if !self.swarms.contains_key(&enter.swarm) {
            let (mailbox, mailbox_out) = mpsc::channel(SWARM_MAILBOX);
            self.start(enter.swarm.clone(), mailbox, mailbox_out);
        }
        let Some(running) = self.swarms.get(&enter.swarm) else { return };
        let way_in = running.mailbox.clone();
        // A full mailbox drops the request, and the connection learns that the relay is busy:
        // waiting here would hold up every other swarm.
        if running.mailbox.try_send(SwarmCommand::Enter(Box::new(enter), way_in)).is_err() {
            self.relay.metrics.dropped.inc(DropReason::SwarmBusy);
            debug!("a swarm is too busy to let anyone in");
        }
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        match ended {
            Ok((_, Ended { swarm, mailbox })) => {
                // Only this task puts joins in, so none can arrive between the check and the removal.
                let Some(running) = self.swarms.remove(&swarm) else { return };
                if !mailbox.is_empty() {
                    self.start(swarm, running.mailbox, mailbox);
                }
            }
            Err(error) => {
                error!("a swarm's task failed; its members are disconnected");
                self.swarms.retain(|_, running| running.task != error.id());
            }
        }
    }

    fn start(
        &mut self,
        swarm: SwarmHash,
        mailbox: mpsc::Sender<SwarmCommand>,
        mailbox_out: mpsc::Receiver<SwarmCommand>,
    ) {
        let task = SwarmTask::new(self.relay.clone(), swarm.clone());
        let task = self.tasks.spawn(task.run(mailbox_out)).id();
        self.swarms.insert(swarm, Running { mailbox, task });
    }
}

/// Owns one swarm: applies the room's rules and delivers what they say.
struct SwarmTask {
    relay: Arc<Shared>,
    swarm: SwarmHash,
    room: Room,
    members: BTreeMap<UserId, Seat>,
    connections: HashMap<ConnectionId, UserId>,
}

/// A member's end of its connection.
struct Seat {
    connection: ConnectionId,
    outbox: Outbox,
    /// Some presence was left out because the member reads slowly; a summary is owed.
    owes_summary: bool,
    _counted: Counted,
}

impl SwarmTask {
    fn new(relay: Arc<Shared>, swarm: SwarmHash) -> Self {
        let room = Room::new(relay.limits.clone(), relay.clock.id());
        Self { relay, swarm, room, members: BTreeMap::new(), connections: HashMap::new() }
    }

    async fn run(mut self, mut mailbox: mpsc::Receiver<SwarmCommand>) -> Ended {
        let mut summaries = interval(SUMMARY_INTERVAL);
        summaries.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let relay = self.relay.clone();
        let mut time_to_part = pin!(relay.time_to_part());
        let mut clock_names = self.relay.clock.renamings();
        loop {
            let owes_summaries = self.members.values().any(|seat| seat.owes_summary);
            tokio::select! {
                biased;
                () = &mut time_to_part => {
                    self.part();
                    break;
                }
                _ = summaries.tick(), if owes_summaries => self.summarise(),
                Ok(()) = clock_names.changed() => self.introduce_clock(),
                command = mailbox.recv() => match command {
                    Some(command) => self.handle(command),
                    None => break,
                },
            }
            if self.room.is_empty() {
                break;
            }
        }
        debug!(swarm = self.swarm.short(), "swarm ended");
        Ended { swarm: self.swarm, mailbox }
    }

    /// Sends everyone away together. Nobody is told that the others leave: they all do.
    fn part(&mut self) {
        self.connections.clear();
        for seat in std::mem::take(&mut self.members).into_values() {
            seat.outbox.hang_up(Goodbye::SHUTTING_DOWN);
        }
    }

    fn handle(&mut self, command: SwarmCommand) {
        match command {
            SwarmCommand::Enter(enter, way_in) => self.enter(*enter, way_in),
            SwarmCommand::Message { connection, message } => {
                // A connection that was replaced may still have messages on their way.
                let Some(from) = self.connections.get(&connection).cloned() else { return };
                let outputs = self.room.handle_message(self.relay.clock.now(), &from, *message);
                self.deliver(outputs);
            }
            SwarmCommand::Gone { connection } => {
                let Some(user) = self.connections.get(&connection).cloned() else { return };
                self.remove(&user);
            }
        }
    }

    fn enter(&mut self, enter: Enter, way_in: mpsc::Sender<SwarmCommand>) {
        let Enter { join, connection, outbox, answer, .. } = enter;
        let user = join.user_id.clone();
        let outputs =
            match self.room.join(self.relay.clock.now(), join, hex(&rand::random::<[u8; 16]>())) {
                Ok(outputs) => outputs,
                Err(refusal) => {
                    self.relay.metrics.turned_away.inc(Admission::Join);
                    // Whoever asked may be gone by now.
                    let _ = answer.send(Err(refusal));
                    return;
                }
            };
        let counted = counted(&self.relay.metrics.members);
        let seat = Seat { connection, outbox, owes_summary: false, _counted: counted };
        if let Some(former) = self.members.insert(user.clone(), seat) {
            self.connections.remove(&former.connection);
            former.outbox.hang_up(Goodbye::REPLACED);
        }
        self.connections.insert(connection, user.clone());
        debug!(swarm = self.swarm.short(), members = self.members.len(), "member joined");
        self.deliver(outputs);
        if answer.send(Ok(way_in)).is_err() {
            self.remove(&user);
        }
    }

    /// Sends what the room says, and takes out those who can not be reached, until everyone
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
        let dropped = &self.relay.metrics.dropped;
        for output in outputs {
            let is_droppable = output.is_droppable();
            let frames = frames_of(&output);
            let mut tell = |user: &UserId, seat: &mut Seat| {
                if seat.send(&frames, is_droppable, dropped).is_err() {
                    unreachable.push((user.clone(), seat.connection));
                }
            };
            match &output.to {
                Audience::One(user) => {
                    self.members.get_mut(user).into_iter().for_each(|seat| tell(user, seat));
                }
                Audience::All => self.members.iter_mut().for_each(|(user, seat)| tell(user, seat)),
                Audience::AllBut(one) => {
                    let others = self.members.iter_mut().filter(|(user, _)| *user != one);
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
        self.deliver(outputs);
        Some(outbox)
    }

    /// Tells everyone that the clock is another one: the whole state anew, as after a break.
    fn introduce_clock(&mut self) {
        self.room.set_clock(self.relay.clock.id());
        let members: Vec<UserId> = self.members.keys().cloned().collect();
        for user in members {
            let state = self.room.state_for(&user);
            self.deliver(state.into_iter().collect());
        }
    }

    /// Tells those who missed some presence who is there, once they have caught up.
    fn summarise(&mut self) {
        let owed: Vec<&mut Seat> = self
            .members
            .values_mut()
            .filter(|seat| seat.owes_summary && seat.outbox.is_drained())
            .collect();
        if owed.is_empty() {
            return;
        }
        let summary: Vec<Utf8Bytes> =
            snapshot::members(self.room.peers()).iter().map(|part| part.encode().into()).collect();
        for seat in owed {
            seat.owes_summary = seat.outbox.push_together(summary.clone()).is_err();
        }
    }
}

impl Seat {
    fn send(
        &mut self,
        frames: &[Utf8Bytes],
        is_droppable: bool,
        dropped: &Counters<DropReason>,
    ) -> Result<(), Undeliverable> {
        match frames {
            [frame] if is_droppable => {
                if self.outbox.push_droppable(frame.clone()).is_err() {
                    self.owes_summary = true;
                    dropped.inc(DropReason::Presence);
                }
                Ok(())
            }
            [frame] => self.outbox.push(frame.clone()),
            frames => self.outbox.push_together(frames.to_vec()),
        }
    }
}

/// Encoded once, however many members read it.
fn frames_of(output: &Output) -> Vec<Utf8Bytes> {
    match &output.message {
        protocol::ServerMessage::Joined(joined) => {
            snapshot::opening(joined.clone()).iter().map(|part| part.encode().into()).collect()
        }
        message => vec![message.encode().into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{OutboxReader, outbox};
    use crate::relay::Mailboxes;

    type Answer = oneshot::Receiver<Result<mpsc::Sender<SwarmCommand>, Refusal>>;

    #[tokio::test]
    async fn a_join_that_meets_the_end_of_its_swarm_begins_it_anew() {
        let (relay, mut registry, _mailboxes) = relay();
        let (connection, to_swarm, _ada_reads) = join_alone(&relay, &mut registry).await;

        // Nothing runs between these two: the join lies behind the goodbye of the last member.
        to_swarm.try_send(SwarmCommand::Gone { connection }).expect("an empty mailbox");
        let (mia, mia_in, mut mia_reads) = enter(&relay, "mia");
        registry.pass_on(mia);

        let ended = registry.tasks.join_next_with_id().await.expect("the swarm ended");
        registry.ended(ended);
        mia_in.await.expect("an answer").expect("a place");
        let joined = mia_reads.next().await.expect("a message");
        assert!(joined.contains("\"userId\":\"mia\"") && !joined.contains("ada"), "{joined}");
        assert_eq!((registry.swarms.len(), registry.tasks.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_swarm_that_ended_is_forgotten() {
        let (relay, mut registry, _mailboxes) = relay();
        let (connection, to_swarm, _ada_reads) = join_alone(&relay, &mut registry).await;
        to_swarm.try_send(SwarmCommand::Gone { connection }).expect("an empty mailbox");
        let ended = registry.tasks.join_next_with_id().await.expect("the swarm ended");
        registry.ended(ended);
        assert_eq!((registry.swarms.len(), registry.tasks.len()), (0, 0));
        assert_eq!(relay.metrics.members.get(), 0);
    }

    #[tokio::test]
    async fn after_a_sleep_every_member_is_told_the_whole_state_under_the_clocks_new_name() {
        let (relay, mut registry, _mailboxes) = relay();
        let (_, _to_swarm, mut ada_reads) = join_alone(&relay, &mut registry).await;
        let first = ada_reads.next().await.expect("a message");
        assert!(first.contains(&relay.clock.id()), "{first}");

        relay.clock.make_up_for(protocol::Span::from_secs(60));
        let deadline = Duration::from_secs(10);
        let told = tokio::time::timeout(deadline, ada_reads.next()).await.expect("she is told");
        let again = told.expect("a message");
        assert!(again.starts_with("{\"type\":\"joined\"") && again.contains("ada"), "{again}");
        assert!(again.contains(&relay.clock.id()), "{again}");
        assert_ne!(first, again);
        // Who comes now reads the new name at once, and is told once.
        let (mia, mia_in, mut mia_reads) = enter(&relay, "mia");
        registry.pass_on(mia);
        mia_in.await.expect("an answer").expect("a place");
        let joined = mia_reads.next().await.expect("a message");
        assert!(joined.contains(&relay.clock.id()), "{joined}");
    }

    fn relay() -> (Arc<Shared>, Registry, Mailboxes) {
        let (relay, mailboxes) =
            Shared::new(String::new(), Default::default(), Default::default(), false, None);
        let registry = Registry::new(relay.clone());
        (relay, registry, mailboxes)
    }

    async fn join_alone(
        relay: &Shared,
        registry: &mut Registry,
    ) -> (ConnectionId, mpsc::Sender<SwarmCommand>, OutboxReader) {
        let (ada, ada_in, reads) = enter(relay, "ada");
        let connection = ada.connection;
        registry.pass_on(ada);
        (connection, ada_in.await.expect("an answer").expect("a place"), reads)
    }

    fn enter(relay: &Shared, user: &str) -> (Enter, Answer, OutboxReader) {
        let (outbox, reads) = outbox(&relay.limits, &relay.metrics.queue_bytes);
        let (answer, answered) = oneshot::channel();
        let user_id = user.parse().expect("a plain user id");
        let enter = Enter {
            swarm: "0".repeat(64).parse().expect("hex"),
            join: Join { user_id, alias: None, resume: None, time: None, ice: Vec::new() },
            connection: relay.next_connection(),
            outbox,
            answer,
        };
        (enter, answered, reads)
    }
}
