//! Sharing, fetching and telling: what happens to files between disk, session and people.

use std::path::PathBuf;

use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::FileId;
use protocol::message::{FileAnnouncement, FileReadiness};
use sync_core::session::Input;
use track_store::{AddError, Origin, Track};

use crate::actor::Peer;
use crate::shelf::{add_notice, shown_name};

impl Peer {
    /// Starts reading a file of this device, if one more may be shared.
    pub(crate) fn add_file(&mut self, path: PathBuf) {
        let limit = self.settings.current().files_per_member;
        let shared = self.own_announcements().len() + self.shelf.unshared.len();
        if shared + self.shelf.adding_count() >= limit {
            let detail = format!("{}: no more than {limit} can be shared", shown_name(&path));
            return self.tell(LogLevel::Warning, NoticeCode::TooManyFiles, detail);
        }
        self.shelf.add(&self.store, path);
        self.changed();
    }

    /// A file of this device was read, or could not be.
    pub(crate) fn file_added(&mut self, name: &str, outcome: Result<Track, AddError>) {
        match outcome {
            Ok(track) => {
                let file_id = track.announcement.file_id;
                self.shelf.faults.remove(&file_id);
                self.shelf.draw_again(&file_id);
                match self.swarm.as_ref().map(|swarm| swarm.hash.clone()) {
                    Some(hash) => self.remember(|settings| settings.share(&hash, &file_id)),
                    None => self.shelf.unshared.push(file_id),
                }
                self.draw_waveforms();
                self.tell(LogLevel::Info, NoticeCode::FileAdded, name);
                self.tell_files();
            }
            Err(error) => {
                let notice = add_notice(name, &error);
                self.tell(LogLevel::Error, notice.code, notice.detail);
            }
        }
    }

    /// Draws what is shared from here, or is to be, and has no waveform yet.
    pub(crate) fn draw_waveforms(&mut self) {
        let shared = self.own_announcements().into_iter().map(|file| file.file_id);
        let songs: Vec<FileId> = shared.chain(self.shelf.unshared.iter().cloned()).collect();
        let tracks = songs.iter().filter_map(|file_id| self.store.track(file_id));
        self.shelf.draw(&self.store, tracks);
    }

    /// Tells the session what this member shares and how much it holds.
    pub(crate) fn tell_files(&mut self) {
        let announcements = self.own_announcements();
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        let readiness = swarm
            .session
            .files()
            .iter()
            .map(|shared| &shared.file.file_id)
            .chain(announcements.iter().map(|file| &file.file_id))
            .filter(|file_id| !self.shelf.faults.contains_key(*file_id))
            .filter_map(|file_id| self.store.track(file_id))
            .filter(|track| track.held_bytes > 0)
            .map(|track| (track.announcement.file_id.clone(), track))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_values()
            .map(|track| FileReadiness {
                file_id: track.announcement.file_id,
                held_bytes: track.held_bytes,
                playable: track.playable,
            })
            .collect();
        swarm.session.handle(now, Input::LocalFiles { announcements, readiness });
        self.draw_waveforms();
    }

    /// Looks through the swarm's list of files after it changed: what is held from an
    /// earlier time is told, what is new is expected.
    pub(crate) fn look_through_files(&mut self) {
        let Some(swarm) = &mut self.swarm else { return };
        let listed = swarm.session.files().iter().map(|shared| &shared.file.file_id);
        if listed.clone().eq(&swarm.listed) {
            return;
        }
        swarm.listed = listed.cloned().collect();
        for shared in swarm.session.files() {
            if self.store.track(&shared.file.file_id).is_none() {
                self.shelf.expect(&self.store, &shared.file);
            }
        }
        self.tell_files();
    }

    /// What this device shares in the swarm it is in.
    fn own_announcements(&self) -> Vec<FileAnnouncement> {
        let Some(swarm) = &self.swarm else { return Vec::new() };
        self.settings
            .current()
            .shared_in(&swarm.hash)
            .iter()
            .filter_map(|file_id| self.store.track(file_id))
            .filter(|track| matches!(track.origin, Origin::Mine { .. }))
            .map(|track| track.announcement)
            .collect()
    }
}
