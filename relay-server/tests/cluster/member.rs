//! A light member: finds its swarm through any of several relays, keeps what it is told, and
//! comes back by itself.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use protocol::ids::FileId;
use protocol::message::{FileAnnouncement, Joined, Playback};
use protocol::time::Millis;
use protocol::{ClientMessage, ErrorCode, ServerMessage, SwarmHash, UserId};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::common::{id, swarm};

/// Longest wait for anything a test hopes for.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How long a relay may take to answer a `join`; one that stands still never does.
const DOOR: Duration = Duration::from_millis(1_500);

/// Pause between two attempts to come back.
const PAUSE: Duration = Duration::from_millis(100);

/// The clock of this process.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Relays that may follow each other before an attempt is given up.
const HOPS: usize = 3;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a member knows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The relay it is connected to; none while it is not.
    pub at: Option<String>,
    pub epoch: u64,
    pub term: u64,
    pub director: Option<UserId>,
    pub clock_id: String,
    pub members: usize,
    /// What plays, as it was told last.
    pub playback: Option<Playback>,
    /// How often that became something else.
    pub changes: u32,
    /// How often it entered the swarm.
    pub entered: u32,
    /// How often it was sent to another relay.
    pub moved: u32,
    /// Refusals, and what they answer.
    pub refused: Vec<(ErrorCode, Option<String>)>,
    /// Signals of other members.
    pub signals: u32,
    /// How often it was to get ready.
    pub arms: u32,
    /// What is shared, and what of it is selected.
    pub files: BTreeSet<FileId>,
    pub selection: Option<FileId>,
    /// The relay's clock beside this process's, by the best of several exchanges.
    pub clock: Option<Measured>,
    /// The position it was told last before it was out for the first time. (ms)
    pub told_before: Option<u32>,
    /// The position it was told when it was back for the first time. (ms)
    pub kept: Option<u32>,
    /// When it was out of the swarm, and when it was back.
    pub outages: Vec<(Instant, Instant)>,
}

/// The relay's clock, as one exchange told it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// How long the exchange took: twice the error at most. (ms)
    pub round_trip: f64,
    /// Ahead of this process's clock. (ms)
    pub ahead: f64,
}

/// See the head of this file.
pub struct Member {
    user: UserId,
    view: watch::Receiver<View>,
    say: mpsc::Sender<ClientMessage>,
    task: JoinHandle<()>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Member {
    /// Enters the swarm of `key` through the relays at `urls`, the first one first.
    pub fn enter(urls: &[String], key: &str, user: &str) -> Self {
        let (tell, view) = watch::channel(View::default());
        let (say, said) = mpsc::channel(64);
        let worker = Worker {
            urls: urls.to_vec(),
            next: 0,
            sent_to: None,
            resume: None,
            swarm: swarm(key),
            user: id(user),
            tell,
            said,
        };
        Self { user: id(user), view, say, task: tokio::spawn(worker.run()) }
    }

    /// As [`Self::enter`], and waits until it is in.
    pub async fn entered(urls: &[String], key: &str, user: &str) -> Self {
        let member = Self::enter(urls, key, user);
        member.until("in the swarm", |view| view.at.is_some()).await;
        member
    }

    /// What it knows now.
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Waits until what it knows is as wanted, and returns it.
    pub async fn until(&self, what: &str, wanted: impl FnMut(&View) -> bool) -> View {
        let mut view = self.view.clone();
        match timeout(DEADLINE, view.wait_for(wanted)).await {
            Ok(found) => found.expect("the member lives").clone(),
            Err(_) => panic!("not {what}: {:?}", self.view()),
        }
    }

    /// Another way to say something.
    pub fn sender(&self) -> mpsc::Sender<ClientMessage> {
        self.say.clone()
    }

    /// Says something over the present connection; lost if there is none.
    pub async fn say(&self, message: ClientMessage) {
        self.say.send(message).await.expect("the member lives");
    }

    /// Takes the lead.
    pub async fn lead(&self) {
        let View { term, .. } = self.view();
        self.say(ClientMessage::DirectorTake { user_id: self.user.clone() }).await;
        self.until("leading", |view| {
            view.term > term && view.director.as_ref() == Some(&self.user)
        })
        .await;
    }

    /// Shares a file, and plays it from `at` on, until everyone is told so.
    pub async fn play(&self, file: &FileAnnouncement, at: Millis) -> Playback {
        let playback = Playback::playing(file.file_id.clone(), at, Millis::default());
        let until = Instant::now() + DEADLINE;
        while self.view().playback.as_ref() != Some(&playback) {
            assert!(Instant::now() < until, "nothing plays: {:?}", self.view());
            self.say(ClientMessage::FileAnnounce(file.clone())).await;
            self.say(ClientMessage::Play(playback.clone())).await;
            let mut view = self.view.clone();
            let is_told = |view: &View| view.playback.as_ref() == Some(&playback);
            // A lease that lapsed on a busy machine is back in a moment.
            let _ = timeout(Duration::from_secs(1), view.wait_for(is_told)).await;
        }
        playback
    }
}

struct Worker {
    urls: Vec<String>,
    next: usize,
    sent_to: Option<String>,
    /// Its secret, as it was told it last.
    resume: Option<String>,
    swarm: SwarmHash,
    user: UserId,
    tell: watch::Sender<View>,
    said: mpsc::Receiver<ClientMessage>,
}

impl Worker {
    async fn run(mut self) {
        let mut out_since = None;
        loop {
            let Some((mut socket, joined, url)) = self.find().await else {
                sleep(PAUSE).await;
                continue;
            };
            let back = Instant::now();
            // What was said to a connection that is gone is gone with it.
            while self.said.try_recv().is_ok() {}
            self.resume = Some(joined.resume.clone());
            self.tell.send_modify(|view| {
                view.outages.extend(out_since.take().map(|since| (since, back)));
                view.entered += 1;
                view.at = Some(url);
                view.epoch = joined.epoch;
                view.term = joined.term;
                view.director.clone_from(&joined.director);
                view.clock_id.clone_from(&joined.clock_id);
                view.members = joined.peers.len();
                view.files =
                    joined.files.iter().map(|shared| shared.file.file_id.clone()).collect();
                view.selection.clone_from(&joined.selection);
                told(view, joined.playback.clone());
                if view.entered == 2 {
                    view.kept = position(view);
                }
            });
            let clock = self.clock(&mut socket).await;
            self.tell.send_modify(|view| view.clock = clock.or(view.clock));
            self.sent_to = self.carry(socket).await;
            out_since = Some(Instant::now());
            self.tell.send_modify(|view| {
                view.at = None;
                if view.entered == 1 {
                    view.told_before = position(view);
                }
            });
        }
    }

    /// The relay that keeps the swarm, by way of those that know it.
    async fn find(&mut self) -> Option<(Socket, Joined, String)> {
        let mut url = match self.sent_to.take() {
            Some(url) => url,
            None => {
                self.next += 1;
                self.urls[(self.next - 1) % self.urls.len()].clone()
            }
        };
        for _ in 0..HOPS {
            let who = (&self.user, self.resume.clone());
            match timeout(DOOR, knock_as(&url, &self.swarm, who)).await.ok()?? {
                Door::Open(socket, joined) => return Some((*socket, *joined, url)),
                Door::Moved(Some(to)) => {
                    self.tell.send_modify(|view| view.moved += 1);
                    url = to;
                }
                Door::Moved(None) | Door::Refused(_) | Door::Closed => return None,
            }
        }
        None
    }

    /// By the best of sixteen exchanges.
    async fn clock(&self, socket: &mut Socket) -> Option<Measured> {
        let mut best: Option<Measured> = None;
        for number in 0..16 {
            let now = || ORIGIN.elapsed().as_secs_f64() * 1e3;
            let sent = now();
            let stamp = Millis::new(f64::from(number)).ok()?;
            let ping = ClientMessage::TimePing { t0: stamp };
            socket.send(Message::text(ping.encode())).await.ok()?;
            let relay = loop {
                let message = timeout(DOOR, read(socket)).await.ok()??;
                match message {
                    ServerMessage::TimePong { t0, t_s, .. } if t0 == stamp => break t_s.get(),
                    message => self.tell.send_modify(|view| hear(view, message)),
                }
            };
            let round_trip = now() - sent;
            if best.is_none_or(|best| round_trip < best.round_trip) {
                best = Some(Measured { round_trip, ahead: relay - (sent + round_trip / 2.0) });
            }
        }
        best
    }

    /// Takes part until the connection ends; returns where it was sent, if it was.
    async fn carry(&mut self, mut socket: Socket) -> Option<String> {
        let mut sent_to = None;
        loop {
            tokio::select! {
                message = read(&mut socket) => match message {
                    Some(message) => {
                        if let ServerMessage::Moved { url, .. } = &message {
                            sent_to.clone_from(url);
                        }
                        self.tell.send_modify(|view| hear(view, message));
                    }
                    None => return sent_to,
                },
                said = self.said.recv() => match said {
                    Some(message) => {
                        if socket.send(Message::text(message.encode())).await.is_err() {
                            return sent_to;
                        }
                    }
                    None => return None,
                },
            }
        }
    }
}

/// What a relay says to one who wants to enter.
pub enum Door {
    Open(Box<Socket>, Box<Joined>),
    Moved(Option<String>),
    Refused(ErrorCode),
    Closed,
}

/// Asks one relay to be let into a swarm for the first time.
pub async fn knock(url: &str, swarm: &SwarmHash, user: &UserId) -> Option<Door> {
    knock_as(url, swarm, (user, None)).await
}

/// Asks one relay to be let into a swarm again, with a secret.
pub async fn knock_as(
    url: &str,
    swarm: &SwarmHash,
    (user, resume): (&UserId, Option<String>),
) -> Option<Door> {
    let (mut socket, _) = connect_async_with_config(url, None, true).await.ok()?;
    let join = ClientMessage::Join {
        swarm_hash: swarm.clone(),
        user_id: user.clone(),
        alias: None,
        resume,
        challenge: None,
    };
    socket.send(Message::text(join.encode())).await.ok()?;
    Some(loop {
        match read(&mut socket).await {
            Some(ServerMessage::Joined(joined)) => {
                break Door::Open(Box::new(socket), Box::new(joined));
            }
            Some(ServerMessage::Moved { url, .. }) => break Door::Moved(url),
            Some(ServerMessage::Error { code, in_reply_to: Some(_), .. }) => {
                break Door::Refused(code);
            }
            Some(_) => {}
            None => break Door::Closed,
        }
    })
}

/// The next message; none once the connection has ended.
pub async fn read(socket: &mut Socket) -> Option<ServerMessage> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => {
                let message = ServerMessage::decode(&text);
                return Some(message.unwrap_or_else(|error| panic!("{error}: {text}")));
            }
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

fn hear(view: &mut View, message: ServerMessage) {
    match message {
        ServerMessage::Play { playback, term } if term >= view.term => told(view, Some(playback)),
        ServerMessage::Stop { term } if term >= view.term => told(view, None),
        ServerMessage::DirectorAssert { user_id, term }
        | ServerMessage::DirectorTake { user_id, term }
            if term >= view.term =>
        {
            (view.director, view.term) = (Some(user_id), term);
        }
        ServerMessage::Presence { action, .. } => match action {
            protocol::message::PresenceAction::Join => view.members += 1,
            protocol::message::PresenceAction::Leave => view.members -= 1,
        },
        ServerMessage::Peers { peers } => view.members = peers.len(),
        ServerMessage::Error { code, in_reply_to, .. } => view.refused.push((code, in_reply_to)),
        ServerMessage::RtcSignal { .. } => view.signals += 1,
        ServerMessage::Arm { .. } => view.arms += 1,
        ServerMessage::FileAnnounce { file, .. } => {
            view.files.insert(file.file_id);
        }
        ServerMessage::FileWithdraw { file_id } => {
            view.files.remove(&file_id);
            view.selection = view.selection.take().filter(|selected| *selected != file_id);
        }
        ServerMessage::SelectFile { file_id, term } if term >= view.term => {
            view.selection = Some(file_id);
        }
        ServerMessage::Moved { .. } => view.moved += 1,
        _ => {}
    }
}

fn told(view: &mut View, playback: Option<Playback>) {
    view.changes += u32::from(view.playback != playback);
    view.playback = playback;
}

/// Where in the song playing began, in whole milliseconds.
pub fn position(view: &View) -> Option<u32> {
    view.playback.as_ref().map(|playback| playback.position_ms.get() as u32)
}

/// The swarm's time, `seconds` from now: the relays' clocks are set by this computer's. In whole
/// milliseconds, which JSON keeps to the last bit.
pub fn in_seconds(seconds: f64) -> Millis {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = wall.expect("after 1970").as_secs_f64();
    Millis::new(((now + seconds) * 1e3).round()).expect("a time")
}

/// The distance from the lowest to the highest.
pub fn spread(values: &[f64]) -> f64 {
    let (low, high) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    high - low
}
