//! What is shared in a swarm, in the order in which it was announced, and by whom.

use protocol::ids::FileId;
use protocol::message::{FileAnnouncement, SharedFile};
use protocol::{ErrorCode, UserId};

use super::Refusal;
use crate::limits::Limits;

/// The list of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedFiles {
    files: Vec<SharedFile>,
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

    /// Takes a file off the list.
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
