//! The way into a running member, for windows and scripts.

use std::sync::Arc;

use protocol::host::{HostEvent, Intent, View};
use protocol::ids::{FileId, InfoHash};
use tokio::sync::{mpsc, oneshot, watch};
use track_store::{StoreError, TrackStore};

use crate::shelf::StoreInbox;

/// Intents waiting for the member. People cannot click this fast; a script that can waits.
pub(crate) const INTENT_DEPTH: usize = 64;

/// Signals waiting for the window. One connection takes two to ten; a window that does not
/// take them has hung, and newer ones are dropped: the other side tries again.
pub(crate) const SIGNAL_DEPTH: usize = 256;

/// What reaches the member from outside.
#[derive(Debug)]
pub(crate) enum Request {
    Intent(Intent),
    /// From now on signals go here; an earlier subscriber gets no more.
    Subscribe(mpsc::Sender<HostEvent>),
    /// The party report goes here.
    Report(oneshot::Sender<String>),
    Shutdown(oneshot::Sender<()>),
}

/// Why a piece, a torrent file or a picture cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing under that name.
    #[error("nothing is kept under {0}")]
    Unknown(String),
    /// The member is ending.
    #[error("the app is closing")]
    Closing,
    /// The work ended in a defect of this program, which the log names.
    #[error("the app failed at this; please report it")]
    Defect,
}

/// A running member. Clones speak to the same one.
#[derive(Clone)]
pub struct PeerHandle {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) views: watch::Receiver<Arc<View>>,
    pub(crate) store: TrackStore,
    pub(crate) inbox: Arc<StoreInbox>,
}

impl PeerHandle {
    /// Passes on what a person wants. The outcome shows in the next views.
    pub async fn send(&self, intent: Intent) {
        // Refused only by a member that is ending, where no intent matters.
        let _ = self.requests.send(Request::Intent(intent)).await;
    }

    /// The present state and its changes. Slow readers see the newest one only.
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }

    /// States and signals for a window.
    pub async fn subscribe(&self) -> Subscription {
        let (sink, signals) = mpsc::channel(SIGNAL_DEPTH);
        let _ = self.requests.send(Request::Subscribe(sink)).await;
        let mut views = self.views.clone();
        views.mark_changed();
        Subscription { views, signals }
    }

    /// How well every device of the party kept time lately, as text without names, keys and
    /// addresses; none when the member is ending.
    pub async fn report(&self) -> Option<String> {
        let (to, report) = oneshot::channel();
        self.requests.send(Request::Report(to)).await.ok()?;
        report.await.ok()
    }

    /// Reads part of a piece that is held.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn read_piece(
        &self,
        info_hash: InfoHash,
        index: u32,
        offset: u32,
        length: u32,
    ) -> Result<Vec<u8>, StoreFault> {
        self.with_store(move |store| Ok(store.read_piece(&info_hash, index, offset, length)?)).await
    }

    /// Verifies a piece and keeps it.
    ///
    /// # Errors
    ///
    /// [`StoreFault`]; a piece that does not match its hash is not kept.
    pub async fn write_piece(
        &self,
        info_hash: InfoHash,
        index: u32,
        bytes: Vec<u8>,
    ) -> Result<(), StoreFault> {
        let inbox = self.inbox.clone();
        self.with_store(move |store| {
            store.write_piece(&info_hash, index, &bytes).map(drop).map_err(|error| {
                if matches!(error, StoreError::DiskFull { .. } | StoreError::Io { .. }) {
                    inbox.post_unkept(info_hash, &error);
                }
                error.into()
            })
        })
        .await
    }

    /// The whole torrent file.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn metainfo(&self, info_hash: InfoHash) -> Result<Vec<u8>, StoreFault> {
        self.with_store(move |store| {
            store.metainfo(&info_hash).ok_or_else(|| StoreFault::Unknown(info_hash.to_string()))
        })
        .await
    }

    /// Takes a torrent's description: a torrent file or its info dictionary.
    ///
    /// # Errors
    ///
    /// [`StoreFault`] if it is not the one announced.
    pub async fn put_metainfo(
        &self,
        info_hash: InfoHash,
        bytes: Vec<u8>,
    ) -> Result<(), StoreFault> {
        self.with_store(move |store| Ok(store.put_metainfo(&info_hash, &bytes)?)).await
    }

    /// Which pieces are held, as a BitTorrent bit field (BEP 3: first piece in the highest bit).
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn held_pieces(&self, info_hash: InfoHash) -> Result<Vec<u8>, StoreFault> {
        self.with_store(move |store| {
            store.held_pieces(&info_hash).ok_or_else(|| StoreFault::Unknown(info_hash.to_string()))
        })
        .await
    }

    /// The picture that belongs to a file: its MIME type, a line feed, its bytes.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn artwork(&self, file_id: FileId) -> Result<Vec<u8>, StoreFault> {
        self.with_store(move |store| {
            let artwork =
                store.artwork(&file_id).ok_or_else(|| StoreFault::Unknown(file_id.to_string()))?;
            let mut framed = artwork.mime.as_bytes().to_vec();
            framed.push(b'\n');
            framed.extend_from_slice(&artwork.bytes);
            Ok(framed)
        })
        .await
    }

    /// Leaves the swarm, ends a relay carried here, and waits until both are done.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        if self.requests.send(Request::Shutdown(done)).await.is_ok() {
            let _ = ended.await;
        }
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(TrackStore) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(store)).await {
            Ok(outcome) => outcome,
            Err(ended) if ended.is_panic() => {
                tracing::error!(%ended, "store work ended by panic");
                Err(StoreFault::Defect)
            }
            Err(_) => Err(StoreFault::Closing),
        }
    }
}

/// States and signals: every signal, and the newest state.
#[derive(Debug)]
pub struct Subscription {
    views: watch::Receiver<Arc<View>>,
    signals: mpsc::Receiver<HostEvent>,
}

impl Subscription {
    /// The next event; `None` when the member has ended or a newer subscriber took over.
    pub async fn next(&mut self) -> Option<HostEvent> {
        tokio::select! {
            signal = self.signals.recv() => signal,
            changed = self.views.changed() => {
                changed.ok()?;
                let view = self.views.borrow_and_update().as_ref().clone();
                Some(HostEvent::View { view: Box::new(view) })
            }
        }
    }
}
