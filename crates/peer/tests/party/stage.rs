//! Members to test with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use peer::{Peer, PeerConfig, PeerHandle, Startup};
use protocol::host::{Intent, MeetingPoint, NoticeCode, TransferTask, View};
use protocol::ids::UserId;
use relay_server::{Relay, RunningRelay};
use tokio::time::timeout;

/// Longest wait for anything. Everything here takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A relay on loopback.
pub async fn relay_on(port: u16) -> RunningRelay {
    Relay::builder()
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .spawn()
        .await
        .expect("loopback has a free port")
}

/// A member and its data folder.
pub struct Member {
    pub handle: PeerHandle,
    pub dir: PathBuf,
}

impl Member {
    /// Starts a member; its output does not exist, so it is silent.
    pub async fn start(root: &Path, id: &str) -> Self {
        let dir = root.join(id);
        let config = PeerConfig {
            data_dir: dir.clone(),
            user_id: Some(UserId::parse(id).unwrap()),
            alias: None,
            output: Some("alsa:no-such-card".to_owned()),
            startup: Startup::default(),
            bench: Default::default(),
        };
        Self { handle: Peer::start(config).await.unwrap(), dir }
    }

    /// Starts a member and enters a swarm.
    pub async fn joined(root: &Path, id: &str, key: &str, relay: SocketAddr) -> Self {
        let member = Self::start(root, id).await;
        member.join(key, relay).await;
        member
            .sees("the relay", |view| view.swarm.as_ref().is_some_and(|s| !s.members.is_empty()))
            .await;
        member
    }

    pub async fn join(&self, key: &str, relay: SocketAddr) {
        let at = MeetingPoint::Relay { url: format!("ws://{relay}") };
        self.handle.send(Intent::JoinSwarm { key: key.to_owned(), at }).await;
    }

    /// Waits until this member shows what is expected, and returns it.
    pub async fn sees(&self, what: &str, expected: impl Fn(&View) -> bool) -> Arc<View> {
        let mut views = self.handle.views();
        let seen = timeout(PATIENCE, views.wait_for(|view| expected(view)))
            .await
            .map(|seen| seen.expect("the member runs").clone());
        match seen {
            Ok(view) => view,
            Err(_) => panic!("never saw {what}; last view: {:#?}", self.handle.views().borrow()),
        }
    }

    pub async fn is_told(&self, code: NoticeCode) -> Arc<View> {
        self.sees(&format!("{code:?}"), |view| view.log.iter().any(|line| line.notice.code == code))
            .await
    }

    pub async fn directs(&self) -> Arc<View> {
        self.sees("itself directing", |view| view.swarm.as_ref().is_some_and(|s| s.is_director))
            .await
    }

    /// Shares a file and waits until the swarm lists it.
    pub async fn shares(&self, path: &Path) -> Arc<View> {
        let paths = vec![path.to_string_lossy().into_owned()];
        let before = self.handle.views().borrow().files.len();
        self.handle.send(Intent::AddFiles { paths }).await;
        self.sees("its file listed", |view| view.files.len() > before).await
    }
}

/// Carries pieces from one member to another, as WebTorrent does between windows.
pub async fn carry(
    from: &PeerHandle,
    to: &PeerHandle,
    task: &TransferTask,
    pieces: std::ops::Range<u32>,
) {
    if !task.has_metainfo {
        let metainfo = from.metainfo(task.info_hash.clone()).await.unwrap();
        to.put_metainfo(task.info_hash.clone(), metainfo).await.unwrap();
    }
    for index in pieces {
        let length = piece_length(task.size, index);
        let piece = from.read_piece(task.info_hash.clone(), index, 0, length).await.unwrap();
        to.write_piece(task.info_hash.clone(), index, piece).await.unwrap();
    }
}

const PIECE: u64 = 256 * 1024;

/// Pieces of a file that is small enough for the smallest piece length.
pub fn piece_count(size: u64) -> u32 {
    u32::try_from(size.div_ceil(PIECE)).unwrap()
}

fn piece_length(size: u64, index: u32) -> u32 {
    let left = size - u64::from(index) * PIECE;
    u32::try_from(left.min(PIECE)).unwrap()
}

/// A playable song: a WAV file of noise, different for every seed.
pub fn song(dir: &Path, name: &str, seed: u32, seconds: u32) -> PathBuf {
    let frames = seconds * 44_100;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + frames * 4).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    for field in [1_u16, 2] {
        wav.extend_from_slice(&field.to_le_bytes());
    }
    for field in [44_100_u32, 176_400] {
        wav.extend_from_slice(&field.to_le_bytes());
    }
    for field in [4_u16, 16] {
        wav.extend_from_slice(&field.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&(frames * 4).to_le_bytes());
    let mut state = 2 * seed + 1;
    for _ in 0..frames {
        // Marsaglia's xorshift32: cheap noise that never repeats within a song.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        wav.extend_from_slice(&state.to_le_bytes());
    }
    let path = dir.join(name);
    std::fs::write(&path, wav).unwrap();
    path
}
