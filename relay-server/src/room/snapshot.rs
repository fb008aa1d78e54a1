//! A swarm's state in messages that each stay below the largest size.
//!
//! Almost always that is one message. A large swarm with long names does not fit; then the
//! least urgent parts follow in messages that members understand anyway, right behind it.

use protocol::limits::MAX_MESSAGE;
use protocol::message::{Joined, PeerInfo, PresenceAction, SharedFile};
use protocol::sync::Reach;
use protocol::{ServerMessage, UserId};
use serde::Serialize;

/// A message as it is sent: in one frame, or, if it is too large for that, in several that say
/// the same.
pub(crate) fn frames(message: &ServerMessage) -> Vec<String> {
    let whole = message.encode();
    let surplus = whole.len().saturating_sub(MAX_MESSAGE);
    let parts = match message {
        ServerMessage::Joined(joined) if surplus > 0 => opening(joined.clone(), surplus),
        ServerMessage::Peers { peers } if surplus > 0 => members(peers.clone(), surplus),
        // No other message grows with the swarm.
        _ => return vec![whole],
    };
    parts.iter().map(ServerMessage::encode).collect()
}

/// Tells a newcomer everything: `joined`, and what is too much for it.
fn opening(mut joined: Joined, mut surplus: usize) -> Vec<ServerMessage> {
    let mut rest = Vec::new();
    shed_readiness(&mut joined.peers, &mut surplus, &mut rest);
    shed_files(&mut joined, &mut surplus, &mut rest);
    shed_peers(&mut joined.peers, &mut surplus, &mut rest);
    let mut messages = vec![ServerMessage::Joined(joined)];
    messages.append(&mut rest);
    messages
}

/// Tells who is in the swarm: `peers`, and what is too much for it.
fn members(mut peers: Vec<PeerInfo>, mut surplus: usize) -> Vec<ServerMessage> {
    let mut rest = Vec::new();
    shed_readiness(&mut peers, &mut surplus, &mut rest);
    shed_peers(&mut peers, &mut surplus, &mut rest);
    let mut messages = vec![ServerMessage::Peers { peers }];
    messages.append(&mut rest);
    messages
}

fn shed_readiness(peers: &mut [PeerInfo], surplus: &mut usize, rest: &mut Vec<ServerMessage>) {
    for peer in peers.iter_mut().rev().filter(|peer| !peer.readiness.is_empty()) {
        if *surplus == 0 {
            return;
        }
        *surplus = surplus.saturating_sub(length(&peer.readiness) - "[]".len());
        let files = std::mem::take(&mut peer.readiness);
        rest.push(ServerMessage::Readiness { user_id: peer.user_id.clone(), files });
    }
}

/// Files that nobody selected or plays go first, the latest announced first.
fn shed_files(joined: &mut Joined, surplus: &mut usize, rest: &mut Vec<ServerMessage>) {
    let on_air = joined.playback.as_ref().map(|playback| &playback.file_id);
    let is_pinned = |shared: &SharedFile| {
        let file_id = Some(&shared.file.file_id);
        file_id == joined.selection.as_ref() || file_id == on_air
    };
    let mut shed = Vec::new();
    for index in (0..joined.files.len()).rev() {
        if *surplus == 0 {
            break;
        }
        if !is_pinned(&joined.files[index]) {
            shed.push(joined.files.remove(index));
            *surplus = surplus.saturating_sub(length(&shed[shed.len() - 1]) + ",".len());
        }
    }
    for shared in shed.into_iter().rev() {
        // A file that all its owners left is on the list because someone holds it whole.
        let owners = if shared.owners.is_empty() {
            holder(&joined.peers, rest, &shared).into_iter().collect()
        } else {
            shared.owners
        };
        rest.extend(
            owners
                .into_iter()
                .map(|user_id| ServerMessage::FileAnnounce { user_id, file: shared.file.clone() }),
        );
    }
}

fn shed_peers(peers: &mut Vec<PeerInfo>, surplus: &mut usize, rest: &mut Vec<ServerMessage>) {
    while *surplus > 0
        && let Some(peer) = peers.pop()
    {
        *surplus = surplus.saturating_sub(length(&peer) + ",".len());
        let PeerInfo { user_id, alias, addresses, standby, .. } = peer;
        if !addresses.is_empty() || standby.is_some() {
            let reach = Reach { addresses, standby };
            rest.push(ServerMessage::Reach { user_id: user_id.clone(), reach });
        }
        // Ahead of the rest, which may be about this very member.
        rest.insert(0, ServerMessage::Presence { user_id, action: PresenceAction::Join, alias });
    }
}

fn holder(peers: &[PeerInfo], rest: &[ServerMessage], shared: &SharedFile) -> Option<UserId> {
    let holds = |files: &[protocol::message::FileReadiness]| {
        files
            .iter()
            .any(|held| held.file_id == shared.file.file_id && held.held_bytes >= shared.file.size)
    };
    let among_peers = peers.iter().find(|peer| holds(&peer.readiness)).map(|peer| &peer.user_id);
    let among_rest = || {
        rest.iter().find_map(|message| match message {
            ServerMessage::Readiness { user_id, files } if holds(files) => Some(user_id),
            _ => None,
        })
    };
    among_peers.or_else(among_rest).cloned()
}

fn length(part: &impl Serialize) -> usize {
    serde_json::to_string(part).map_or(0, |text| text.len())
}
