//! Asking another app that may carry the same swarm how it stands.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::datagram::DatagramKey;
use protocol::{Carriage, Challenge, ClientMessage, ServerMessage, Standby, SwarmHash, UserId};
use sync_core::succession::Standing;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::address::RelayAddress;
use crate::socket;

/// How long one may take to answer: far longer than anything on a local network, short enough
/// that a look is over before the next one.
const PATIENCE: Duration = Duration::from_millis(800);

/// Another app that carries the swarm, and has proven that it holds the key.
#[derive(Clone, Debug)]
pub(crate) struct Rival {
    /// Where it was reached.
    pub(crate) address: RelayAddress,
    /// How it stands.
    pub(crate) standing: Standing,
}

/// What is asked, and for whom.
#[derive(Clone)]
pub(crate) struct Question {
    /// Which swarm.
    pub(crate) swarm: SwarmHash,
    /// Made of its key.
    pub(crate) key: DatagramKey,
    /// Who asks.
    pub(crate) user_id: UserId,
    /// Where its own relay can be reached.
    pub(crate) standby: Option<Standby>,
}

/// Asks at all these addresses at once; those that carry the swarm.
pub(crate) async fn look(question: Question, addresses: Vec<RelayAddress>) -> Vec<Rival> {
    let mut attempts = JoinSet::new();
    for address in addresses {
        attempts.spawn(timeout(PATIENCE, ask(question.clone(), address)));
    }
    let mut rivals = Vec::new();
    while let Some(attempt) = attempts.join_next().await {
        if let Ok(Ok(Some(rival))) = attempt {
            rivals.push(rival);
        }
    }
    rivals
}

async fn ask(question: Question, address: RelayAddress) -> Option<Rival> {
    let Question { swarm, key, user_id, standby } = question;
    let challenge = fresh_challenge()?;
    let ask = ClientMessage::CarrierAsk {
        swarm_hash: swarm,
        challenge: challenge.clone(),
        user_id,
        standby,
    };
    let (mut socket, _) = socket::open(&address, PATIENCE).await.ok()?;
    socket.send(Message::text(ask.encode())).await.ok()?;
    while let Some(Ok(frame)) = socket.next().await {
        let Message::Text(text) = frame else { continue };
        let Ok(ServerMessage::Carriage(said)) = ServerMessage::decode(&text) else { return None };
        if !key.made_carriage(&challenge, &said) {
            return None;
        }
        let Carriage { user_id: carrier, epoch, is_followed, .. } = said;
        return Some(Rival { address, standing: Standing { epoch, is_followed, carrier } });
    }
    None
}

/// A number that nobody could know before; none if the system gives no random numbers.
pub(crate) fn fresh_challenge() -> Option<Challenge> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    Some(Challenge::new(random))
}
