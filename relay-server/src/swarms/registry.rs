//! Which swarms exist at this relay, and whose they are.
//!
//! A swarm that nobody keeps here is claimed first; joins wait for that and the registry does
//! not. It puts joins into the mailbox of the swarm's task and starts the task if there is none.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{ErrorCode, SwarmHash};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{debug, error};

use super::{Denial, Ended, Enter, SWARM_MAILBOX, SwarmCommand, SwarmTask};
use crate::metrics::{Admission, DropReason, Move};
use crate::ownership::{Claim, Leaving, Settled, Verdict};
use crate::relay::Shared;
use crate::room::{Heritage, Refusal};

/// Runs the registry until the relay closes.
pub(crate) async fn run_registry(
    relay: Arc<Shared>,
    mut mailbox: mpsc::Receiver<Enter>,
    mut verdicts: mpsc::Receiver<Verdict>,
) {
    let mut registry = Registry::new(relay.clone());
    loop {
        tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            Some(ended) = registry.tasks.join_next_with_id() => registry.ended(ended),
            Some(verdict) = verdicts.recv() => registry.judged(verdict),
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
    /// Who waits for the claim of a swarm.
    claimed: HashMap<SwarmHash, Vec<Enter>>,
    tasks: JoinSet<Ended>,
}

struct Running {
    mailbox: mpsc::Sender<SwarmCommand>,
    task: Id,
    /// Of the ownership under which it runs.
    epoch: u64,
}

impl Registry {
    fn new(relay: Arc<Shared>) -> Self {
        Self { relay, swarms: HashMap::new(), claimed: HashMap::new(), tasks: JoinSet::new() }
    }

    fn pass_on(&mut self, enter: Enter) {
        if self.relay.readiness.is_draining() {
            self.relay.metrics.turned_away.inc(Admission::Draining);
            let message = "the relay is shutting down; join again over a new connection";
            let refusal = Refusal { code: ErrorCode::ShuttingDown, message };
            // Whoever asked may be gone by now.
            let _ = enter.answer.send(Err(Denial::Refused(refusal)));
            return;
        }
        if self.swarms.contains_key(&enter.swarm) {
            return self.let_in(enter);
        }
        self.relay.ownership.knocked(&enter.swarm, &enter.join.user_id);
        if let Some(waiting) = self.claimed.get_mut(&enter.swarm) {
            waiting.retain(|enter| !enter.answer.is_closed());
            if waiting.len() < SWARM_MAILBOX {
                waiting.push(enter);
            } else {
                // Whoever is too many hears that the relay is busy.
                self.relay.metrics.dropped.inc(DropReason::SwarmBusy);
            }
            return;
        }
        let swarm = enter.swarm.clone();
        self.claimed.insert(swarm.clone(), vec![enter]);
        if let Some(settled) = self.relay.ownership.claim(&swarm) {
            self.settle(swarm, settled);
        }
    }

    /// It is known whose a swarm is that someone wants to enter.
    fn settle(&mut self, swarm: SwarmHash, settled: Settled) {
        let waiting = self.claimed.remove(&swarm).unwrap_or_default();
        let denial = match settled {
            Ok(Claim::Mine { epoch, heritage }) => {
                self.start(swarm, epoch, heritage.map(|heritage| *heritage));
                waiting.into_iter().for_each(|enter| self.let_in(enter));
                return;
            }
            Ok(Claim::Theirs(owner)) => Denial::Elsewhere(owner),
            Err(_) => Denial::Unsettled,
        };
        for enter in waiting {
            // Whoever asked may be gone by now.
            let _ = enter.answer.send(Err(denial.clone()));
        }
    }

    fn judged(&mut self, verdict: Verdict) {
        let (swarm, command, moves) = match verdict {
            Verdict::Claimed { swarm, settled } => return self.settle(swarm, settled),
            Verdict::AskAgain { swarm } => return self.claim_again(swarm),
            Verdict::Taken { swarm, owner } => {
                let command = SwarmCommand::Depart { to: Some(owner), is_ours: false };
                (swarm, command, Some(Move::Taken))
            }
            Verdict::Leave { swarm, to } => {
                (swarm, SwarmCommand::Depart { to, is_ours: true }, Some(Move::Draining))
            }
            Verdict::Raised { swarm, epoch } => {
                if let Some(running) = self.swarms.get_mut(&swarm) {
                    running.epoch = epoch;
                }
                (swarm, SwarmCommand::Raised(epoch), None)
            }
        };
        let Some(running) = self.swarms.get(&swarm) else { return };
        if let Some(reason) = moves {
            self.relay.metrics.swarms_moved.inc(reason);
        }
        if let Err(mpsc::error::TrySendError::Full(command)) = running.mailbox.try_send(command) {
            // It must not be lost, and the registry does not wait.
            let mailbox = running.mailbox.clone();
            self.relay.spawn(async move {
                let _ = mailbox.send(command).await;
            });
        }
    }

    fn claim_again(&mut self, swarm: SwarmHash) {
        if self.claimed.contains_key(&swarm)
            && let Some(settled) = self.relay.ownership.claim(&swarm)
        {
            self.settle(swarm, settled);
        }
    }

    fn let_in(&mut self, enter: Enter) {
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
            Ok((_, Ended { swarm, mut mailbox, leaving })) => {
                self.swarms.remove(&swarm);
                if let Some((epoch, leaving)) = leaving {
                    self.relay.ownership.release(&swarm, epoch, leaving);
                }
                // Only this task puts joins in, so none can arrive after the last one here.
                while let Ok(command) = mailbox.try_recv() {
                    if let SwarmCommand::Enter(enter, _) = command {
                        self.pass_on(*enter);
                    }
                }
            }
            Err(error) => {
                error!("a swarm's task failed; its members are disconnected");
                let is_failed = |(_, running): &(&SwarmHash, &Running)| running.task == error.id();
                let failed = self.swarms.iter().find(is_failed).map(|(swarm, _)| swarm.clone());
                if let Some((swarm, running)) = failed.and_then(|s| self.swarms.remove_entry(&s)) {
                    self.relay.ownership.release(&swarm, running.epoch, Leaving::ToAnother);
                }
            }
        }
    }

    fn start(&mut self, swarm: SwarmHash, epoch: u64, heritage: Option<Heritage>) {
        let (mailbox, mailbox_out) = mpsc::channel(SWARM_MAILBOX);
        let task = SwarmTask::new(self.relay.clone(), swarm.clone(), epoch, heritage);
        let task = self.tasks.spawn(task.run(mailbox_out)).id();
        self.swarms.insert(swarm, Running { mailbox, task, epoch });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::outbox::tests::Connection;
    use crate::relay::{Keeping, Mailboxes};
    use crate::room::Join;
    use crate::socket::ConnectionId;

    type Answer = oneshot::Receiver<Result<mpsc::Sender<SwarmCommand>, Denial>>;

    #[tokio::test]
    async fn a_join_that_meets_the_end_of_its_swarm_begins_it_anew() {
        let (relay, mut registry, _mailboxes) = relay();
        let (connection, to_swarm, _ada) = join_alone(&relay, &mut registry).await;

        // Nothing runs between these two: the join lies behind the goodbye of the last member.
        to_swarm.try_send(SwarmCommand::Gone { connection }).expect("an empty mailbox");
        let (enter, mia_in, mut mia) = enter(&relay, "mia").await;
        registry.pass_on(enter);

        let ended = registry.tasks.join_next_with_id().await.expect("the swarm ended");
        registry.ended(ended);
        mia_in.await.expect("an answer").expect("a place");
        let joined = mia.client.next().await;
        assert!(joined.contains("\"userId\":\"mia\"") && !joined.contains("ada"), "{joined}");
        assert_eq!((registry.swarms.len(), registry.tasks.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_swarm_that_ended_is_forgotten() {
        let (relay, mut registry, _mailboxes) = relay();
        let (connection, to_swarm, _ada) = join_alone(&relay, &mut registry).await;
        to_swarm.try_send(SwarmCommand::Gone { connection }).expect("an empty mailbox");
        let ended = registry.tasks.join_next_with_id().await.expect("the swarm ended");
        registry.ended(ended);
        assert_eq!((registry.swarms.len(), registry.tasks.len()), (0, 0));
        assert_eq!(relay.metrics.members.get(), 0);
    }

    #[tokio::test]
    async fn after_a_sleep_every_member_is_told_the_whole_state_under_the_clocks_new_name() {
        let (relay, mut registry, _mailboxes) = relay();
        let (_, _to_swarm, mut ada) = join_alone(&relay, &mut registry).await;
        let first = ada.client.next().await;
        assert!(first.contains(&relay.clock.id()), "{first}");

        relay.clock.make_up_for(protocol::Span::from_secs(60));
        let again = ada.client.next().await;
        assert!(again.starts_with("{\"type\":\"joined\"") && again.contains("ada"), "{again}");
        assert!(again.contains(&relay.clock.id()), "{again}");
        assert_ne!(first, again);
        // Who comes now reads the new name at once, and is told once.
        let (enter, mia_in, mut mia) = enter(&relay, "mia").await;
        registry.pass_on(enter);
        mia_in.await.expect("an answer").expect("a place");
        let joined = mia.client.next().await;
        assert!(joined.contains(&relay.clock.id()), "{joined}");
    }

    fn relay() -> (Arc<Shared>, Registry, Mailboxes) {
        let keeping = Keeping::alone(Default::default());
        let terms = Default::default();
        let (relay, mailboxes) = Shared::new(String::new(), terms, false, keeping);
        let registry = Registry::new(relay.clone());
        (relay, registry, mailboxes)
    }

    async fn join_alone(
        relay: &Arc<Shared>,
        registry: &mut Registry,
    ) -> (ConnectionId, mpsc::Sender<SwarmCommand>, Connection) {
        let (enter, ada_in, ada) = enter(relay, "ada").await;
        let connection = enter.connection;
        registry.pass_on(enter);
        (connection, ada_in.await.expect("an answer").expect("a place"), ada)
    }

    async fn enter(relay: &Arc<Shared>, user: &str) -> (Enter, Answer, Connection) {
        let connection = Connection::open(relay).await;
        let (answer, answered) = oneshot::channel();
        let user_id = user.parse().expect("a plain user id");
        let enter = Enter {
            swarm: "0".repeat(64).parse().expect("hex"),
            join: Join {
                user_id,
                alias: None,
                resume: None,
                time: None,
                ice: Vec::new(),
                relays: Vec::new(),
                challenge: None,
                carrier: None,
            },
            connection: relay.next_connection(),
            outbox: connection.writer.outbox(),
            answer,
        };
        (enter, answered, connection)
    }
}
