//! Bringing a member to life.

use std::sync::Arc;

use audio_engine::MonotonicClock;
use protocol::host::{LogLevel, NoticeCode};
use tokio::sync::{mpsc, watch};
use track_store::{StoreError, TrackStore};

use crate::actor::{self, ViewDue};
use crate::bench::Bench;
use crate::config::PeerConfig;
use crate::handle::{INTENT_DEPTH, PeerHandle};
use crate::lobby::Lobby;
use crate::nearby::Nearby;
use crate::notices::Notices;
use crate::playout::Playout;
use crate::settings::{Found, SettingsError, SettingsFile};
use crate::shelf::{Shelf, StoreInbox};
use crate::suspend::SuspendWatch;
use crate::trace::Recorder;
use crate::view::blank_view;

/// Sightings waiting for the member; mDNS repeats what is missed.
const SIGHTING_DEPTH: usize = 64;

/// Why a member cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its settings cannot be read or written.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Its files cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A member of swarms.
#[derive(Debug)]
pub struct Peer;

impl Peer {
    /// Starts a member as a task of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] when its data folder cannot be used, for instance because another
    /// running app uses it.
    pub async fn start(config: PeerConfig) -> Result<PeerHandle, StartError> {
        // TLS to relays needs a process-wide choice of cryptography; a second call is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (mut settings, found) = SettingsFile::open(&config.data_dir)?;
        let inbox = Arc::new(StoreInbox::default());
        let store = {
            let (dir, inbox) = (config.data_dir.join("music"), inbox.clone());
            tokio::task::spawn_blocking(move || {
                TrackStore::open(&dir, Arc::new(move |change| inbox.post(change)))
            })
            .await
            .expect("opening the store does not panic")?
        };
        if let Some(alias) = config.alias {
            settings.change(|settings| settings.alias = alias)?;
        }
        let Bench { clock_offset, clock_ppm, .. } = config.bench;
        let clock = MonotonicClock::skewed(clock_offset, clock_ppm);
        let output = config.output.or_else(|| settings.current().output.clone());
        let playout = Playout::start(
            clock,
            output.clone(),
            settings.current().speaker_delay(),
            settings.current().rates.clone(),
        );
        let (sighting_sender, sightings) = mpsc::channel(SIGHTING_DEPTH);
        let (request_sender, requests) = mpsc::channel(INTENT_DEPTH);
        let mut notices = Notices::default();
        match found {
            Found::Sound => {}
            Found::Clamped => notices.add(
                LogLevel::Warning,
                NoticeCode::BadSetting,
                "settings out of range were set to the nearest allowed value",
            ),
            Found::Damaged(aside) => notices.add(
                LogLevel::Warning,
                NoticeCode::BadSetting,
                format!("the settings could not be read; they were kept as {}", aside.display()),
            ),
        }
        let user_id = config.user_id.unwrap_or_else(|| settings.current().user_id.clone());
        let (view_sender, views) =
            watch::channel(Arc::new(blank_view(&user_id, settings.current())));
        let mut shelf = Shelf::default();
        shelf.list_outputs();
        let peer = actor::Peer {
            clock,
            user_id,
            settings,
            store: store.clone(),
            shelf,
            playout,
            nearby: Nearby::start(sighting_sender),
            notices,
            swarm: None,
            output,
            outputs: Vec::new(),
            startup: config.startup,
            lobby: Lobby::new(),
            bench: config.bench,
            suspends: SuspendWatch::default(),
            root: None,
            sync_checks: 0,
            recorder: Recorder::default(),
            traces: config.data_dir.join("traces"),
            expected: None,
            cueing: None,
            inbox: inbox.clone(),
            signals: None,
            views: view_sender,
            view_due: ViewDue::new(),
            checks: Default::default(),
            history: Default::default(),
        };
        tokio::spawn(peer.run(requests, sightings));
        Ok(PeerHandle { requests: request_sender, views, store, inbox })
    }
}
