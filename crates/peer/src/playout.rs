//! What this device sounds: hands songs, time line and clock to the audio engine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use audio_engine::{Engine, EngineConfig, EngineEvent, MonotonicClock, OpenTrack, TrackSource};
use protocol::ids::FileId;
use protocol::time::Span;
use sync_core::ClockEstimate;
use sync_core::schedule::Schedule;
use tokio::sync::mpsc;
use tracing::debug;
use track_store::{PieceReader, TrackStore};

/// Engine events on their way to the member. They are rare, a few per song; when the
/// member is this far behind, they wait in the engine's own queue.
const EVENT_DEPTH: usize = 64;

/// The engine and the songs it was given.
pub(crate) struct Playout {
    engine: Engine,
    events: mpsc::Receiver<EngineEvent>,
    songs: BTreeMap<FileId, Song>,
}

/// A song in the engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Song {
    /// Its length, once decoded far enough to know.
    pub(crate) duration: Option<Span>,
}

impl Playout {
    /// Opens the output. Without one the engine keeps trying and says so in its status.
    pub(crate) fn start(
        clock: MonotonicClock,
        output: Option<String>,
        speaker_delay: Span,
        rates: BTreeMap<String, f64>,
    ) -> Self {
        let config = EngineConfig { clock, output, speaker_delay, rates };
        let (engine, engine_events) = Engine::start(config);
        let (sender, events) = mpsc::channel(EVENT_DEPTH);
        // The engine's channel blocks; this thread ends when engine or member does.
        std::thread::spawn(move || {
            while let Some(event) = engine_events.recv() {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        });
        Self { engine, events, songs: BTreeMap::new() }
    }

    /// The engine, for what needs no bookkeeping.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Plays by this from now on.
    pub(crate) fn set_timeline(&self, clock: Option<ClockEstimate>, schedule: Schedule) {
        self.engine.set_timeline(clock, schedule);
    }

    /// The song, if the engine was given it.
    pub(crate) fn song(&self, file_id: &FileId) -> Option<&Song> {
        self.songs.get(file_id)
    }

    /// Gives the engine the songs that may be wanted next, and takes the others away.
    /// A song whose description has not arrived yet is given at a later call.
    pub(crate) fn keep(&mut self, wanted: &BTreeSet<FileId>, store: &TrackStore) {
        let unwanted: Vec<FileId> =
            self.songs.keys().filter(|song| !wanted.contains(*song)).cloned().collect();
        for file_id in unwanted {
            self.forget(&file_id);
        }
        for file_id in wanted {
            if self.songs.contains_key(file_id) {
                continue;
            }
            let Some(track) = store.track(file_id) else { continue };
            if let Err(reason) = store.reader(file_id) {
                debug!(%file_id, %reason, "not readable yet");
                continue;
            }
            let format = track.announcement.media.format.as_ref().map(|format| format.as_str());
            self.engine.prepare(file_id.clone(), format, opener(store, file_id));
            self.songs.insert(file_id.clone(), Song::default());
        }
    }

    /// Takes a song away, so that a later [`Self::keep`] gives it anew.
    pub(crate) fn forget(&mut self, file_id: &FileId) {
        if self.songs.remove(file_id).is_some() {
            self.engine.release(file_id);
        }
    }

    /// The next thing the engine tells; waits for ever when it has ended.
    pub(crate) async fn next_event(&mut self) -> EngineEvent {
        let Some(event) = self.events.recv().await else { return std::future::pending().await };
        if let EngineEvent::TrackReady { file_id, duration, .. } = &event
            && let Some(song) = self.songs.get_mut(file_id)
        {
            song.duration = *duration;
        }
        event
    }
}

/// Opens a song once for each place of it that the engine decodes.
fn opener(store: &TrackStore, file_id: &FileId) -> OpenTrack {
    let (store, file_id) = (store.clone(), file_id.clone());
    Arc::new(move || {
        let reader = store.reader(&file_id).map_err(io::Error::other)?;
        Ok(Box::new(Source(reader)))
    })
}

/// A file being read piece by piece, as the engine wants it.
struct Source(PieceReader);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl TrackSource for Source {
    fn byte_len(&self) -> u64 {
        self.0.byte_len()
    }

    fn canceller(&self) -> Box<dyn Fn() + Send + Sync> {
        self.0.canceller()
    }
}
