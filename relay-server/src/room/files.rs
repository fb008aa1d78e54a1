//! What is shared in a swarm, in the order in which it was announced, and by whom; and when a
//! file goes.

use std::collections::VecDeque;

use protocol::ids::FileId;
use protocol::message::{FileAnnouncement, SharedFile};
use protocol::{ErrorCode, ServerMessage, UserId};
use sync_core::schedule::Schedule;

use super::{Audience, Output, Refusal, Room};
use crate::limits::Limits;

/// The list of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedFiles {
    files: Vec<SharedFile>,
    /// Withdrawn by a decision that may yet be taken back, and at which place they stood. No more
    /// than there are decisions kept back; see `swarms/holding.rs`.
    withdrawn: VecDeque<(usize, SharedFile)>,
    /// How many such there have been.
    withdrawals: u64,
}

impl SharedFiles {
    /// The files, first announced first.
    pub(crate) fn list(&self) -> &[SharedFile] {
        &self.files
    }

    /// Adds a file, an owner to it, or the waveform it had none of. False if nothing is new.
    ///
    /// The first announcement stays: a second owner of the same bytes can not rename a song
    /// that others already see. Only the waveform takes its time and may come later.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TooManyFiles`]; [`ErrorCode::BadField`] if the same content is said to
    /// have another length or torrent, of which one must be a lie.
    pub(crate) fn announce(
        &mut self,
        owner: &UserId,
        file: &FileAnnouncement,
        limits: &Limits,
    ) -> Result<bool, Refusal> {
        let known = self.files.iter().position(|shared| shared.file.file_id == file.file_id);
        if let Some(shared) = known.map(|index| &self.files[index]) {
            if (shared.file.size, &shared.file.info_hash) != (file.size, &file.info_hash) {
                return Err(Refusal {
                    code: ErrorCode::BadField,
                    message: "this file is shared already, with another `size` or `infoHash`",
                });
            }
            if shared.owners.contains(owner) {
                return Ok(known.is_some_and(|index| self.files[index].draw(file)));
            }
        }
        if self.owned_by(owner) >= limits.files_per_member {
            return Err(Refusal {
                code: ErrorCode::TooManyFiles,
                message: "you share as many files as this relay allows; withdraw one first",
            });
        }
        match known {
            Some(index) => {
                self.files[index].owners.push(owner.clone());
                self.files[index].draw(file);
            }
            None if self.files.len() >= limits.files_per_swarm => {
                return Err(Refusal {
                    code: ErrorCode::TooManyFiles,
                    message: "the swarm shares as many files as this relay allows",
                });
            }
            None => {
                self.files.push(SharedFile { file: file.clone(), owners: vec![owner.clone()] });
            }
        }
        Ok(true)
    }

    /// Takes over what a former owner of the swarm listed, at most `most` files.
    pub(crate) fn inherit(&mut self, files: Vec<SharedFile>, most: usize) {
        self.files = files;
        self.files.truncate(most);
    }

    /// Everyone who announced something.
    pub(crate) fn owners(&self) -> impl Iterator<Item = &UserId> {
        self.files.iter().flat_map(|shared| &shared.owners)
    }

    /// Takes a file off the list until it is [`Self::put_back`].
    pub(crate) fn withdraw(&mut self, file_id: &FileId) {
        let place = self.files.iter().position(|shared| shared.file.file_id == *file_id);
        if let Some(place) = place {
            self.withdrawn.push_back((place, self.files.remove(place)));
            self.withdrawals += 1;
        }
    }

    /// How often [`Self::withdraw`] took a file off.
    pub(crate) fn withdrawals(&self) -> u64 {
        self.withdrawals
    }

    /// What was withdrawn when there had been so many withdrawals is gone for good.
    pub(crate) fn settle(&mut self, withdrawals: u64) {
        let open = usize::try_from(self.withdrawals.saturating_sub(withdrawals));
        let settled = self.withdrawn.len().saturating_sub(open.unwrap_or(usize::MAX));
        self.withdrawn.drain(..settled);
    }

    /// Puts back what was withdrawn and is not settled, with those owners that own it still.
    pub(crate) fn put_back(&mut self, owns_still: impl Fn(&UserId) -> bool) {
        while let Some((place, mut shared)) = self.withdrawn.pop_back() {
            // Who shared it anew meanwhile did so for good.
            if self.check_shared(&shared.file.file_id).is_err() {
                shared.owners.retain(&owns_still);
                self.files.insert(place.min(self.files.len()), shared);
            }
        }
    }

    /// Takes a file off the list for good.
    pub(crate) fn remove(&mut self, file_id: &FileId) {
        self.files.retain(|shared| shared.file.file_id != *file_id);
    }

    /// Takes a member off every file it announced.
    pub(crate) fn forget_owner(&mut self, user: &UserId) {
        for shared in &mut self.files {
            shared.owners.retain(|owner| owner != user);
        }
    }

    /// Files whose owners have all left.
    pub(crate) fn without_owner(&self) -> impl Iterator<Item = &FileAnnouncement> {
        self.files.iter().filter(|shared| shared.owners.is_empty()).map(|shared| &shared.file)
    }

    /// True when `user` announced the file.
    pub(crate) fn is_owner(&self, file_id: &FileId, user: &UserId) -> bool {
        self.files
            .iter()
            .any(|shared| shared.file.file_id == *file_id && shared.owners.contains(user))
    }

    /// # Errors
    ///
    /// [`ErrorCode::UnknownFile`] unless the file is on the list.
    pub(crate) fn check_shared(&self, file_id: &FileId) -> Result<(), Refusal> {
        if self.files.iter().any(|shared| shared.file.file_id == *file_id) {
            return Ok(());
        }
        Err(Refusal { code: ErrorCode::UnknownFile, message: "no such file is shared here" })
    }

    fn owned_by(&self, user: &UserId) -> usize {
        self.files.iter().filter(|shared| shared.owners.contains(user)).count()
    }
}

impl Room {
    /// Withdraws a file, and ends it if it plays.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownFile`]; [`ErrorCode::NotDirector`] when it is another's, or plays.
    pub(super) fn withdraw(
        &mut self,
        from: &UserId,
        file_id: &FileId,
    ) -> Result<Vec<Output>, Refusal> {
        self.files.check_shared(file_id)?;
        let directs = self.seat.is_director(from);
        if !directs && !self.files.is_owner(file_id, from) {
            return Err(Refusal {
                code: ErrorCode::NotDirector,
                message: "only the director and those who announced a file may withdraw it",
            });
        }
        let on_air = self.is_on_air(file_id);
        if on_air && !directs {
            return Err(Refusal {
                code: ErrorCode::NotDirector,
                message: "this file plays; only the director may end it",
            });
        }
        let mut outputs = Vec::new();
        self.withdraw_file(file_id);
        if on_air {
            self.schedule = Schedule::silent();
            outputs.extend(self.told_all(ServerMessage::Stop { term: self.seat.term() }));
        }
        outputs.push(gone(file_id.clone()));
        Ok(outputs)
    }

    /// Removes the files that nobody can give any more.
    pub(super) fn drop_lost_files(&mut self) -> Vec<Output> {
        let lost = self.lost_files();
        for file_id in &lost {
            self.files.remove(file_id);
        }
        lost.into_iter().map(gone).collect()
    }

    /// Files that nobody can give any more. What is selected or on air is not among them: members
    /// may still hold enough of it to play on.
    pub(super) fn lost_files(&self) -> Vec<FileId> {
        // Asked at every `readiness`, of which there are many.
        if self.files.without_owner().next().is_none() {
            return Vec::new();
        }
        self.files
            .without_owner()
            .filter(|file| self.selection.as_ref() != Some(&file.file_id))
            .filter(|file| !self.is_on_air(&file.file_id))
            .filter(|file| !self.members.values().any(|member| member.holds(file)))
            .map(|file| file.file_id.clone())
            .collect()
    }

    /// Takes a file off the list by a decision. Where a next owner may come that can be taken back.
    pub(super) fn withdraw_file(&mut self, file_id: &FileId) {
        if self.epoch > 0 {
            self.files.withdraw(file_id);
        } else {
            self.files.remove(file_id);
        }
        if self.selection.as_ref() == Some(file_id) {
            self.selection = None;
        }
    }

    /// True while it plays, or is about to.
    pub(super) fn is_on_air(&self, file_id: &FileId) -> bool {
        self.schedule.plans().iter().any(|plan| plan.file_id == *file_id)
    }
}

/// Tells that a file is shared no longer.
pub(super) fn gone(file_id: FileId) -> Output {
    Output { to: Audience::All, message: ServerMessage::FileWithdraw { file_id } }
}
