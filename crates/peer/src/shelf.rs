//! The files of this member: adding, fetching, telling the others what is held.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use audio_engine::draw_waveform;
use protocol::host::{AddingView, Notice, NoticeCode, OutputChoice, TransferRates};
use protocol::ids::{FileId, InfoHash};
use protocol::message::FileAnnouncement;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use track_store::{AddError, Fault, Origin, StoreChange, StoreError, Track, TrackStore};

use crate::trace;
use crate::view::output_choices;

/// What the member knows of its files beyond what the store keeps.
#[derive(Default)]
pub(crate) struct Shelf {
    adding: Vec<Adding>,
    jobs: JoinSet<Done>,
    /// Added while in no swarm; shared with the next one entered.
    pub(crate) unshared: Vec<FileId>,
    /// Why a file cannot be played or shared.
    pub(crate) faults: BTreeMap<FileId, Notice>,
    pub(crate) rates: BTreeMap<InfoHash, TransferRates>,
    /// Files the store was told to expect, so that it is told once.
    expected: BTreeSet<FileId>,
    /// The look for vanished files that is under way; on a hung network disk it takes its time.
    checking: Option<Id>,
    /// Songs whose waveform was drawn, or could not be, in this run.
    drawn: BTreeSet<FileId>,
    /// True while one is being drawn: one at a time, for it keeps a core busy.
    is_drawing: bool,
    /// Set when nobody waits for a waveform any more.
    is_closed: Arc<AtomicBool>,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

struct Adding {
    job: Id,
    name: String,
    size: u64,
    done: Arc<AtomicU64>,
}

/// A piece of disk work that ended.
pub(crate) enum Done {
    /// A file of this device was read, or could not be.
    Added { name: String, outcome: Box<Result<Track, AddError>> },
    /// The store was told of a file of somebody else.
    Expected { file_id: FileId, outcome: Result<(), StoreError> },
    /// The files of this device were looked for.
    Checked,
    /// The sound devices were listed.
    Outputs(Vec<OutputChoice>),
    /// What this device measured was written, or could not be.
    TraceSaved(std::io::Result<PathBuf>),
    /// A song's waveform is part of its announcement, or there is none.
    Drawn,
    /// A file was forgotten.
    Removed { file_id: FileId, outcome: Result<(), StoreError> },
}

impl Shelf {
    /// Files being read.
    pub(crate) fn adding(&self) -> Vec<AddingView> {
        self.adding
            .iter()
            .map(|adding| AddingView {
                name: adding.name.clone(),
                done_bytes: adding.done.load(Ordering::Relaxed),
                size: adding.size,
            })
            .collect()
    }

    /// Starts reading a file of this device.
    pub(crate) fn add(&mut self, store: &TrackStore, path: PathBuf) {
        let name = shown_name(&path);
        let done = Arc::new(AtomicU64::new(0));
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        let (store, shown, counted) = (store.clone(), name.clone(), done.clone());
        let job = self.jobs.spawn_blocking(move || {
            let outcome = store.add_file(&path, &|progress| {
                counted.store(progress.done_bytes, Ordering::Relaxed);
            });
            Done::Added { name: shown, outcome: Box::new(outcome) }
        });
        self.adding.push(Adding { job: job.id(), name, size, done });
    }

    /// Tells the store of a file of somebody else, once.
    pub(crate) fn expect(&mut self, store: &TrackStore, file: &FileAnnouncement) {
        if !self.expected.insert(file.file_id.clone()) {
            return;
        }
        let (store, file) = (store.clone(), file.clone());
        self.jobs.spawn_blocking(move || Done::Expected {
            outcome: store.expect(&file),
            file_id: file.file_id,
        });
    }

    /// Looks whether the files of this device are still where they were; the store reports
    /// those that are not.
    pub(crate) fn check(&mut self, store: &TrackStore) {
        if self.checking.is_some() {
            return;
        }
        let store = store.clone();
        let job = self.jobs.spawn_blocking(move || {
            store.check_files();
            Done::Checked
        });
        self.checking = Some(job.id());
    }

    /// Draws the waveform of the first of `tracks` that has none, unless one is being drawn. A song
    /// that cannot be drawn goes without.
    pub(crate) fn draw(&mut self, store: &TrackStore, tracks: impl Iterator<Item = Track>) {
        if self.is_drawing {
            return;
        }
        let undrawn = tracks.filter_map(|track| match track.origin {
            Origin::Mine { path } if track.announcement.media.waveform.is_none() => {
                Some((path, track.announcement))
            }
            _ => None,
        });
        for (path, FileAnnouncement { file_id, media, .. }) in undrawn {
            if !self.drawn.insert(file_id.clone()) {
                continue;
            }
            self.is_drawing = true;
            let (store, is_closed) = (store.clone(), self.is_closed.clone());
            self.jobs.spawn_blocking(move || {
                let format = media.format.as_ref().map(|format| format.as_str());
                let is_wanted = || !is_closed.load(Ordering::Relaxed);
                match File::open(path).map(|file| draw_waveform(Box::new(file), format, is_wanted))
                {
                    Ok(Ok(Some(waveform))) => {
                        if let Err(error) = store.set_waveform(&file_id, waveform) {
                            tracing::debug!(%error, "a waveform came too late");
                        }
                    }
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "no waveform: not to be decoded"),
                    Err(error) => tracing::debug!(%error, "no waveform: not to be read"),
                }
                Done::Drawn
            });
            return;
        }
    }

    /// A file was read anew: what was drawn of it does not count.
    pub(crate) fn draw_again(&mut self, file_id: &FileId) {
        self.drawn.remove(file_id);
    }

    /// Lists the sound devices, which some systems take their time for.
    pub(crate) fn list_outputs(&mut self) {
        self.jobs.spawn_blocking(|| Done::Outputs(output_choices()));
    }

    /// Writes a trace.
    pub(crate) fn save_trace(&mut self, folder: PathBuf, text: String) {
        self.jobs.spawn_blocking(move || Done::TraceSaved(trace::save(&folder, &text)));
    }

    /// Forgets a file.
    pub(crate) fn remove(&mut self, store: &TrackStore, file_id: FileId) {
        self.expected.remove(&file_id);
        self.faults.remove(&file_id);
        let store = store.clone();
        self.jobs
            .spawn_blocking(move || Done::Removed { outcome: store.remove(&file_id), file_id });
    }

    /// Files being read now.
    pub(crate) fn adding_count(&self) -> usize {
        self.adding.len()
    }

    /// The next piece of disk work that ends; waits for ever when none is under way.
    pub(crate) async fn next_done(&mut self) -> Done {
        loop {
            let Some(ended) = self.jobs.join_next_with_id().await else {
                std::future::pending().await
            };
            let job = ended.as_ref().map_or_else(JoinError::id, |(job, _)| *job);
            self.adding.retain(|adding| adding.job != job);
            self.checking.take_if(|checking| *checking == job);
            match ended {
                Ok((_, done)) => {
                    self.is_drawing &= !matches!(done, Done::Drawn);
                    // Refused for now: a later look through the list tries again.
                    if let Done::Expected { file_id, outcome: Err(_) } = &done {
                        self.expected.remove(file_id);
                    }
                    return done;
                }
                // A panic in the store is a defect there; it may not take the party down.
                Err(error) => tracing::error!(%error, "disk work ended by panic"),
            }
        }
    }

    /// Leaves a swarm: what was told of its files no longer holds.
    pub(crate) fn clear_swarm(&mut self) {
        self.expected.clear();
        self.faults.clear();
        self.rates.clear();
    }
}

/// How a failed addition is told.
pub(crate) fn add_notice(name: &str, error: &AddError) -> Notice {
    let code = match error {
        AddError::Empty => NoticeCode::FileEmpty,
        AddError::TooLarge { .. } => NoticeCode::FileTooLarge,
        AddError::NotMusic => NoticeCode::FileNotMusic,
        AddError::Unreadable(_) | AddError::NotAFile | AddError::Changed | AddError::Removed => {
            NoticeCode::FileUnreadable
        }
        AddError::Store(error) => store_code(error),
    };
    Notice { code, detail: format!("{name}: {}", with_causes(error)) }
}

/// What a store's refusal means to people.
pub(crate) fn store_code(error: &StoreError) -> NoticeCode {
    match error {
        StoreError::DiskFull { .. } => NoticeCode::DiskFull,
        StoreError::PieceCorrupt { .. } => NoticeCode::PieceCorrupt,
        StoreError::Metainfo(_) | StoreError::Refused(_) => NoticeCode::MetainfoMismatch,
        StoreError::Gone(_) => NoticeCode::FileGone,
        _ => NoticeCode::StorageFault,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors name their cause themselves.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

/// What the store's reports about a file mean to people.
fn fault_notice(fault: Fault) -> Notice {
    let (code, detail) = match fault {
        Fault::ContentMismatch => {
            (NoticeCode::MetainfoMismatch, "it is not the file announced".to_owned())
        }
        Fault::PieceDamaged { index } => {
            (NoticeCode::PieceCorrupt, format!("piece {index} was damaged on disk"))
        }
        Fault::Unverified => (NoticeCode::StorageFault, "it could not be read back".to_owned()),
        Fault::RecordDamaged => (NoticeCode::StorageFault, "its record was damaged".to_owned()),
    };
    Notice { code, detail }
}

impl Changes {
    fn merge(&mut self, change: StoreChange) {
        match change {
            StoreChange::Described { file_id } => {
                self.held.insert(file_id);
            }
            StoreChange::Held { file_id, complete, .. } => {
                if complete {
                    self.completed.insert(file_id.clone());
                }
                self.held.insert(file_id);
            }
            // The next view asks the store which pieces are urgent.
            StoreChange::Urgent { .. } => {}
            StoreChange::Gone { file_id, reason } => {
                let notice = Notice { code: NoticeCode::FileGone, detail: reason.to_string() };
                self.held.insert(file_id.clone());
                self.faults.insert(file_id, notice);
            }
            StoreChange::Fault { file_id, fault } => {
                self.held.insert(file_id.clone());
                self.faults.insert(file_id, fault_notice(fault));
            }
        }
    }
}

pub(crate) fn shown_name(path: &Path) -> String {
    let raw = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    protocol::ids::FileName::clean(&raw).map_or_else(|| "?".to_owned(), |name| name.to_string())
}

/// Where the store reports from any thread. Changes of one file are merged, so the inbox
/// holds at most one entry per file, whatever the pace of pieces.
#[derive(Default)]
pub(crate) struct StoreInbox {
    changes: Mutex<Changes>,
    arrived: Notify,
}

/// What changed since the inbox was last emptied. Any change shows in the next view.
#[derive(Default)]
pub(crate) struct Changes {
    /// Files of which more or less is held now.
    pub(crate) held: BTreeSet<FileId>,
    /// Files that were completed.
    pub(crate) completed: BTreeSet<FileId>,
    /// Torrents of which a piece could not be kept, with the newest reason.
    pub(crate) unkept: BTreeMap<InfoHash, Notice>,
    /// Files with a fault, newest fault only.
    pub(crate) faults: BTreeMap<FileId, Notice>,
}

impl StoreInbox {
    /// Takes a report; never waits longer than another report takes.
    pub(crate) fn post(&self, change: StoreChange) {
        self.lock().merge(change);
        self.arrived.notify_one();
    }

    /// Takes note that a piece could not be kept.
    pub(crate) fn post_unkept(&self, info_hash: InfoHash, error: &StoreError) {
        let notice = Notice { code: store_code(error), detail: with_causes(error) };
        self.lock().unkept.insert(info_hash, notice);
        self.arrived.notify_one();
    }

    /// Waits until something changed, and takes it all.
    pub(crate) async fn take(&self) -> Changes {
        self.arrived.notified().await;
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_that_cannot_be_kept_are_told_once_for_each_torrent() {
        let inbox = StoreInbox::default();
        let torrent = InfoHash::parse("a".repeat(40)).unwrap();
        for _ in 0..100 {
            inbox.post_unkept(torrent.clone(), &StoreError::DiskFull { action: "write a piece" });
        }
        let changes = inbox.take().await;
        let [notice] = changes.unkept.values().collect::<Vec<_>>()[..] else { panic!("not one") };
        assert_eq!(notice.code, NoticeCode::DiskFull);
        assert!(notice.detail.contains("write a piece"), "{notice:?}");
    }

    #[test]
    fn a_cause_that_an_error_names_itself_is_not_said_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("no sound: {0}")]
        struct NoSound(#[source] std::io::Error);
        let error = NoSound(std::io::Error::other("pulled out"));
        assert_eq!(with_causes(&error), "no sound: pulled out");
    }
}
