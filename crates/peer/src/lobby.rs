//! What waits before a party is entered: words for a new key, and an invitation that nobody has
//! said yes or no to. What is done about them is in `joining`.

use protocol::SwarmKey;
use protocol::host::{InvitationView, LobbyView, RecentPartyView};
use protocol::ids::{Label, SwarmHash};

use crate::address::RelayAddress;
use crate::settings::RecentParty;
use crate::words::draw_key;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Lobby {
    /// For a party to be started here; none if the system gives no random numbers.
    new_key: Option<SwarmKey>,
    invitation: Option<Invitation>,
    /// The swarm whose key is shown in clear.
    revealed: Option<SwarmHash>,
}

/// An invitation that was read and found sound.
#[derive(Debug)]
pub(crate) struct Invitation {
    pub(crate) key: SwarmKey,
    pub(crate) name: Label,
    pub(crate) relays: Vec<RelayAddress>,
}

impl Lobby {
    pub(crate) fn new() -> Self {
        Self { new_key: draw_key(), invitation: None, revealed: None }
    }

    /// Draws other words.
    pub(crate) fn draw_key(&mut self) {
        self.new_key = draw_key();
    }

    /// Shows an invitation in place of an earlier one.
    pub(crate) fn show_invite(&mut self, invitation: Invitation) {
        self.revealed = None;
        self.invitation = Some(invitation);
    }

    pub(crate) fn close_invite(&mut self) {
        self.take_invite();
    }

    pub(crate) fn take_invite(&mut self) -> Option<Invitation> {
        self.revealed = None;
        self.invitation.take()
    }

    /// Shows the key of this swarm, and no other one.
    pub(crate) fn reveal(&mut self, swarm: Option<SwarmHash>) {
        self.revealed = swarm;
    }

    /// A party is entered: its words are not offered to the next one, and nothing stays open.
    pub(crate) fn entered(&mut self, key: &SwarmKey) {
        self.close_invite();
        if self.new_key.as_ref() == Some(key) {
            self.draw_key();
        }
    }

    /// What people see of it.
    pub(crate) fn view(&self, recent: &[RecentParty]) -> LobbyView {
        LobbyView {
            new_key: self.new_key.as_ref().map(|key| key.reveal().to_owned()),
            invitation: self.invitation.as_ref().map(|invitation| InvitationView {
                swarm: invitation.key.hash(),
                name: invitation.name.clone(),
                relays: invitation.relays.iter().map(ToString::to_string).collect(),
                key: self.shown(&invitation.key),
            }),
            recent: recent
                .iter()
                .map(|party| RecentPartyView {
                    swarm: party.key.hash(),
                    name: party.name.clone(),
                    relay: party.relay.clone(),
                    key: self.shown(&party.key),
                })
                .collect(),
        }
    }

    fn shown(&self, key: &SwarmKey) -> Option<String> {
        let is_revealed = self.revealed.as_ref() == Some(&key.hash());
        is_revealed.then(|| key.reveal().to_owned())
    }
}
