//! The swarm as the relay last described it.

use protocol::ids::{Alias, FileId, UserId};
use protocol::limits::{MAX_FILES_PER_SWARM, MAX_MEMBERS};
use protocol::message::{FileAnnouncement, FileReadiness, Joined, PeerInfo, Queue, SharedFile};
use protocol::sync::Reach;

use crate::director::Claim;

/// Members, files, director and selection. Bounded, whatever the relay says.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    members: Vec<PeerInfo>,
    files: Vec<SharedFile>,
    director: Option<UserId>,
    /// By what right the director leads, if that was said.
    claim: Option<Claim>,
    term: u64,
    selection: Option<FileId>,
    pub queue: Queue,
}

impl Roster {
    /// A member that has just joined knows this and nothing else.
    pub fn from_joined(joined: &Joined) -> Self {
        let mut roster = Self {
            director: joined.director.clone(),
            claim: None,
            term: joined.term,
            selection: joined.selection.clone(),
            queue: joined.queue.clone(),
            files: joined.files.iter().take(MAX_FILES_PER_SWARM).cloned().collect(),
            members: Vec::new(),
        };
        roster.set_members(joined.peers.clone());
        roster
    }

    pub fn members(&self) -> &[PeerInfo] {
        &self.members
    }

    pub fn files(&self) -> &[SharedFile] {
        &self.files
    }

    pub fn director(&self) -> Option<&UserId> {
        self.director.as_ref()
    }

    pub fn claim(&self) -> Option<Claim> {
        self.claim
    }

    pub fn term(&self) -> u64 {
        self.term
    }

    pub fn selection(&self) -> Option<&FileId> {
        self.selection.as_ref()
    }

    pub fn select(&mut self, file: FileId) {
        self.selection = Some(file);
    }

    pub fn set_members(&mut self, mut members: Vec<PeerInfo>) {
        members.truncate(MAX_MEMBERS);
        self.members = members;
    }

    /// Adds a member, or changes what it is called. True if it was not there.
    pub fn add_member(&mut self, user_id: UserId, alias: Option<Alias>) -> bool {
        if let Some(member) = self.member_mut(&user_id) {
            member.alias = alias;
            return false;
        }
        let has_room = self.members.len() < MAX_MEMBERS;
        if has_room {
            self.members.push(PeerInfo::new(user_id, alias));
        }
        has_room
    }

    /// Takes a member out, and its name off the files it shared.
    pub fn remove_member(&mut self, user_id: &UserId) -> Option<PeerInfo> {
        for shared in &mut self.files {
            shared.owners.retain(|owner| owner != user_id);
        }
        let index = self.members.iter().position(|member| member.user_id == *user_id)?;
        Some(self.members.remove(index))
    }

    pub fn set_readiness(&mut self, user_id: &UserId, readiness: Vec<FileReadiness>) {
        if let Some(member) = self.member_mut(user_id) {
            member.readiness = readiness;
        }
    }

    pub fn set_reach(&mut self, user_id: &UserId, reach: Reach) {
        if let Some(member) = self.member_mut(user_id) {
            let Reach { addresses, standby } = reach;
            (member.addresses, member.standby) = (addresses, standby);
        }
    }

    pub fn is_member(&self, user_id: &UserId) -> bool {
        self.members.iter().any(|member| member.user_id == *user_id)
    }

    /// What a member is called, for people.
    pub fn name_of(&self, user_id: &UserId) -> String {
        self.members
            .iter()
            .find(|member| member.user_id == *user_id)
            .and_then(|member| member.alias.as_ref())
            .map_or_else(|| user_id.to_string(), ToString::to_string)
    }

    /// Seats a director. False if the news is older than what is known.
    pub fn seat(&mut self, director: UserId, term: u64, claim: Claim) -> bool {
        if term < self.term {
            return false;
        }
        self.director = Some(director);
        self.claim = Some(claim);
        self.term = term;
        true
    }

    pub fn file(&self, file: &FileId) -> Option<&SharedFile> {
        self.files.iter().find(|shared| shared.file.file_id == *file)
    }

    pub fn is_owner(&self, file: &FileId, user: &UserId) -> bool {
        self.file(file).is_some_and(|shared| shared.owners.contains(user))
    }

    pub fn add_file(&mut self, owner: UserId, file: FileAnnouncement) {
        let has_room = self.files.len() < MAX_FILES_PER_SWARM;
        let mut known = self.files.iter_mut().find(|shared| shared.file.file_id == file.file_id);
        if let Some(shared) = &mut known {
            shared.draw(&file);
        }
        match known {
            Some(shared) if shared.owners.contains(&owner) => {}
            Some(shared) if shared.owners.len() < MAX_MEMBERS => shared.owners.push(owner),
            None if has_room => {
                self.files.push(SharedFile { file, owners: vec![owner] });
            }
            Some(_) | None => {}
        }
    }

    pub fn remove_file(&mut self, file: &FileId) {
        self.files.retain(|shared| shared.file.file_id != *file);
        if self.selection.as_ref() == Some(file) {
            self.selection = None;
        }
    }

    fn member_mut(&mut self, user_id: &UserId) -> Option<&mut PeerInfo> {
        self.members.iter_mut().find(|member| member.user_id == *user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_relay_can_make_the_list_of_members_grow_without_bound() {
        let mut roster = Roster::default();
        for number in 0..10 * MAX_MEMBERS {
            roster.add_member(UserId::parse(format!("m{number}")).expect("a plain id"), None);
        }
        assert_eq!(roster.members().len(), MAX_MEMBERS);
    }

    #[test]
    fn news_of_an_older_term_seats_nobody() {
        let mut roster = Roster::default();
        let [ada, mia] = ["ada", "mia"].map(|id| UserId::parse(id).expect("a plain id"));
        assert!(roster.seat(ada.clone(), 5, Claim::Lowest));
        assert!(!roster.seat(mia, 4, Claim::Taken));
        assert_eq!(roster.director(), Some(&ada));
    }
}
