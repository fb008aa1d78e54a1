//! A swarm's task and its ownership: nothing is told before it is written down, and nothing is
//! decided without a lease. The judge is the test itself, which answers when it likes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protocol::ids::FileId;
use protocol::message::{FileAnnouncement, MediaInfo, Playback};
use protocol::sync::Arm;
use protocol::time::Millis;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::outbox::tests::Connection;
use crate::ownership::{Leaving, Ownership, Record, Settled, Stored};
use crate::relay::{Keeping, Mailboxes};

/// Far longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(10);

const EPOCH: u64 = 1_000;

#[tokio::test]
async fn what_is_decided_is_told_to_nobody_before_it_is_written_down() {
    let mut stage = Stage::new().await;
    for decision in [stage.selection(), stage.play(), ClientMessage::Stop, stage.withdrawal()] {
        stage.say(decision.clone()).await;
        let (record, written) = stage.record().await;
        assert_eq!(record.epoch, EPOCH);
        assert_eq!(stage.heard_by_now().await, [] as [String; 0], "of {decision:?}");
        // What is said behind it keeps its place.
        stage.say(ClientMessage::RtcSignal { to: id("mia"), data: 1.into() }).await;
        written.send(Stored::Done).expect("it waits");
        let (told, echo) = (stage.hears().await, stage.ada_hears().await);
        assert_eq!(told, echo);
        let kind = decision.encode();
        let kind = kind.split(',').next().expect("a type").trim_end_matches('}');
        assert!(told.starts_with(kind), "{told} tells of {kind}");
        assert!(stage.hears().await.starts_with("{\"type\":\"rtc:signal\""));
    }
}

#[tokio::test]
async fn without_a_lease_nothing_is_decided_and_nobody_let_in_and_signals_pass() {
    let mut stage = Stage::new().await;
    stage.holds.store(false, Ordering::Relaxed);
    let arm = ClientMessage::Arm(Arm {
        number: 1,
        file_id: stage.file_id(),
        position_ms: Millis::default(),
    });
    let decisions = [arm, stage.selection(), stage.play(), ClientMessage::Stop, stage.withdrawal()];
    for decision in decisions {
        stage.say(decision.clone()).await;
        assert!(stage.ada_hears().await.contains("\"not-owner\""), "{decision:?}");
    }
    let (answer, _reads) = stage.knock("zoe").await;
    assert!(matches!(answer, Err(Denial::Unsettled)));
    stage.say(ClientMessage::RtcSignal { to: id("mia"), data: 1.into() }).await;
    assert!(stage.hears().await.starts_with("{\"type\":\"rtc:signal\""), "the first she hears");
    assert!(stage.records.try_recv().is_err(), "nothing is to be written down");
    assert_eq!(stage.relay.metrics.dropped.of(DropReason::NotOwner).get(), 5);
}

#[tokio::test]
async fn what_another_owner_does_not_let_be_written_is_taken_back_from_those_who_asked() {
    let mut stage = Stage::new().await;
    stage.say(stage.selection()).await;
    stage.record().await.1.send(Stored::Done).expect("it waits");
    assert!(stage.hears().await.starts_with("{\"type\":\"selectFile\""));
    assert!(stage.ada_hears().await.starts_with("{\"type\":\"selectFile\""));

    stage.say(stage.withdrawal()).await;
    stage.say(ClientMessage::RtcSignal { to: id("mia"), data: 1.into() }).await;
    let (record, written) = stage.record().await;
    let record = serde_json::to_string(&record.heritage).expect("plain data");
    assert!(record.contains("\"selection\":null,") && record.contains("\"files\":[]"), "{record}");
    written.send(Stored::Fenced).expect("it waits");
    assert!(stage.hears().await.starts_with("{\"type\":\"rtc:signal\""), "the first she hears");
    let refused = stage.ada_hears().await;
    assert!(refused.contains("\"not-owner\"") && refused.contains("file:withdraw"), "{refused}");
    assert_eq!(stage.relay.metrics.writes.of(Write::Fenced).get(), 1);
    assert_eq!(stage.relay.metrics.dropped.of(DropReason::NotOwner).get(), 1);
}

#[tokio::test]
async fn what_is_written_down_is_not_gone_back_behind() {
    let mut stage = Stage::new().await;
    stage.say(stage.withdrawal()).await;
    stage.record().await.1.send(Stored::Done).expect("it waits");
    assert!(stage.ada_hears().await.starts_with("{\"type\":\"file:withdraw\""));
    stage.say(ClientMessage::DirectorTake { user_id: id("ada") }).await;
    let (_, written) = stage.record().await;
    stage.holds.store(false, Ordering::Relaxed);
    written.send(Stored::Unknown).expect("it waits");
    assert!(stage.ada_hears().await.contains("\"not-owner\""));
    stage.holds.store(true, Ordering::Relaxed);
    let (_, mut zoe) = stage.enters("zoe").await;
    let joined = zoe.client.next().await;
    assert!(joined.starts_with("{\"type\":\"joined\"") && !joined.contains("a.mp3"), "{joined}");
}

/// A swarm of ada, who leads and shares a file, and mia.
struct Stage {
    relay: Arc<Shared>,
    swarm: mpsc::Sender<SwarmCommand>,
    holds: Arc<AtomicBool>,
    records: mpsc::Receiver<(Record, oneshot::Sender<Stored>)>,
    file: FileAnnouncement,
    ada: (ConnectionId, Connection),
    mia: Connection,
    _mailboxes: Mailboxes,
    _task: JoinHandle<Ended>,
}

impl Stage {
    async fn new() -> Self {
        let (to_test, records) = mpsc::channel(8);
        let holds = Arc::new(AtomicBool::new(true));
        let judge = Judge { holds: holds.clone(), to_test };
        let alone = Keeping::alone(Default::default());
        let keeping = Keeping { ownership: Box::new(judge), ..alone };
        let (relay, mailboxes) = Shared::new(String::new(), Default::default(), false, keeping);
        let hash = "0".repeat(64).parse().expect("hex");
        let task = SwarmTask::new(relay.clone(), hash, EPOCH, None);
        let (swarm, mailbox) = mpsc::channel(SWARM_MAILBOX);
        let mut stage = Self {
            swarm,
            holds,
            records,
            file: file(),
            ada: (relay.next_connection(), Connection::open(&relay).await),
            mia: Connection::open(&relay).await,
            relay: relay.clone(),
            _mailboxes: mailboxes,
            _task: tokio::spawn(task.run(mailbox)),
        };
        stage.ada = stage.enters("ada").await;
        // Her lead is to be written down before she reads of it.
        stage.record().await.1.send(Stored::Done).expect("it waits");
        assert!(stage.ada_hears().await.starts_with("{\"type\":\"joined\""));
        stage.mia = stage.enters("mia").await.1;
        assert!(stage.hears().await.starts_with("{\"type\":\"joined\""));
        assert!(stage.ada_hears().await.starts_with("{\"type\":\"presence\""));
        stage.say(ClientMessage::FileAnnounce(file())).await;
        assert!(stage.hears().await.starts_with("{\"type\":\"file:announce\""));
        assert!(stage.ada_hears().await.starts_with("{\"type\":\"file:announce\""));
        stage
    }

    async fn enters(&self, user: &str) -> (ConnectionId, Connection) {
        let (answer, connection) = self.knock(user).await;
        answer.expect("a place");
        connection
    }

    async fn knock(
        &self,
        user: &str,
    ) -> (Result<mpsc::Sender<SwarmCommand>, Denial>, (ConnectionId, Connection)) {
        let opened = Connection::open(&self.relay).await;
        let outbox = opened.writer.outbox();
        let (answer, answered) = oneshot::channel();
        let connection = self.relay.next_connection();
        let join = Join {
            user_id: id(user),
            alias: None,
            resume: None,
            time: None,
            ice: Vec::new(),
            relays: Vec::new(),
            challenge: None,
            carrier: None,
        };
        let swarm = "0".repeat(64).parse().expect("hex");
        let enter = Box::new(Enter { swarm, join, connection, outbox, answer });
        let command = SwarmCommand::Enter(enter, self.swarm.clone());
        self.swarm.send(command).await.expect("it runs");
        (answered.await.expect("an answer"), (connection, opened))
    }

    /// Ada says something.
    async fn say(&self, message: ClientMessage) {
        let command = SwarmCommand::Message { connection: self.ada.0, message: Box::new(message) };
        self.swarm.send(command).await.expect("it runs");
    }

    /// What the task wants to have written down next.
    async fn record(&mut self) -> (Record, oneshot::Sender<Stored>) {
        timeout(DEADLINE, self.records.recv()).await.expect("in time").expect("it runs")
    }

    async fn hears(&mut self) -> String {
        self.mia.client.next().await
    }

    async fn ada_hears(&mut self) -> String {
        self.ada.1.client.next().await
    }

    /// What anybody was told that nobody has heard yet.
    async fn heard_by_now(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        for connection in [&mut self.ada.1, &mut self.mia] {
            while let Some(text) = connection.client.come_already().await {
                heard.push(text);
            }
        }
        heard
    }

    fn file_id(&self) -> FileId {
        self.file.file_id.clone()
    }

    fn selection(&self) -> ClientMessage {
        ClientMessage::SelectFile { file_id: self.file_id() }
    }

    fn play(&self) -> ClientMessage {
        let start = Millis::from(self.relay.clock.now());
        ClientMessage::Play(Playback::playing(self.file_id(), start, Millis::default()))
    }

    fn withdrawal(&self) -> ClientMessage {
        ClientMessage::FileWithdraw { file_id: self.file_id() }
    }
}

/// Leaves it to the test what becomes of what is to be written down.
struct Judge {
    holds: Arc<AtomicBool>,
    to_test: mpsc::Sender<(Record, oneshot::Sender<Stored>)>,
}

impl Ownership for Judge {
    fn claim(&self, _: &SwarmHash) -> Option<Settled> {
        None
    }

    fn holds(&self) -> bool {
        self.holds.load(Ordering::Relaxed)
    }

    fn store(&self, record: Record) -> Option<oneshot::Receiver<Stored>> {
        let (waiting, answer) = oneshot::channel();
        self.to_test.try_send((record, waiting)).expect("room for one more");
        Some(answer)
    }

    fn release(&self, _: &SwarmHash, _: u64, _: Leaving) -> oneshot::Receiver<()> {
        oneshot::channel().1
    }

    fn relays(&self) -> Vec<String> {
        Vec::new()
    }

    fn drain(&self, _: Duration) -> Option<oneshot::Receiver<()>> {
        None
    }
}

fn file() -> FileAnnouncement {
    FileAnnouncement {
        file_id: "a".repeat(64).parse().expect("hex"),
        name: "a.mp3".parse().expect("a file name"),
        size: 1_000,
        info_hash: "a".repeat(40).parse().expect("hex"),
        magnet: "magnet:?xt=urn:btih:0".parse().expect("a magnet link"),
        media: MediaInfo::default(),
    }
}

fn id(user: &str) -> UserId {
    user.parse().expect("a plain user id")
}
