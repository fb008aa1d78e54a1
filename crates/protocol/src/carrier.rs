//! Which member's app carries the relay of a party, which would take over, and how each proves
//! that it holds the swarm's key.
//!
//! A relay inside an app serves a party among friends; when its device goes, another member's
//! app takes over. Addresses travel over the relay and answers come from whoever listens there, so
//! neither is believed without a proof that only holders of the key can make: a keyed digest over
//! what is claimed, and for an answer over a number that the asker has just drawn.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::datagram::DatagramKey;
use crate::ids::{UserId, hex};
use crate::limits;
use crate::sync::few;

/// A random number that whoever is asked must put into its proof: 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "string"))]
pub struct Challenge(String);

impl Challenge {
    /// From 128 random bits.
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex(&random))
    }
}

impl TryFrom<String> for Challenge {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == 32 && is_hex {
            return Ok(Self(text));
        }
        Err("a challenge is 32 lower-case hex digits".to_owned())
    }
}

/// Where a member's own relay can be reached, should the one that carries the party go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Standby {
    /// At most [`limits::MAX_ADDRESSES`] addresses with ports, on the local network.
    #[serde(deserialize_with = "few")]
    #[cfg_attr(feature = "ts", ts(type = "Array<string>"))]
    pub addresses: Vec<SocketAddr>,
    /// [`DatagramKey::standby_proof`] of them, so that no relay can put strangers in their place.
    pub proof: String,
}

/// The member whose app carries the relay that speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Carrier {
    /// Who.
    pub user_id: UserId,
    /// [`DatagramKey::carrier_proof`] for the challenge of the `join`; empty if that had none.
    #[serde(default)]
    pub proof: String,
}

/// How a relay inside an app stands towards another one that carries the same swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Carriage {
    /// Whose app carries it.
    pub user_id: UserId,
    /// Counts those who have carried the swarm and were followed.
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub epoch: u64,
    /// True once any other member has met here.
    pub is_followed: bool,
    /// [`DatagramKey::carriage_proof`].
    pub proof: String,
}

impl DatagramKey {
    /// Shows that a member who holds the key said that its relay is at these addresses.
    pub fn standby_proof(&self, user_id: &UserId, addresses: &[SocketAddr]) -> String {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.sign(&format!("relay that stands by: {user_id} at {}", list.join(",")))
    }

    /// The addresses at which a member's relay stands by, with the proof.
    pub fn standby(&self, user_id: &UserId, mut addresses: Vec<SocketAddr>) -> Standby {
        addresses.truncate(limits::MAX_ADDRESSES);
        Standby { proof: self.standby_proof(user_id, &addresses), addresses }
    }

    /// True if a holder of the key made it for this member.
    pub fn made_standby(&self, user_id: &UserId, standby: &Standby) -> bool {
        is_same(&standby.proof, &self.standby_proof(user_id, &standby.addresses))
    }

    /// Shows to who has drawn `challenge` that this member's app holds the key.
    pub fn carrier_proof(&self, challenge: &Challenge, user_id: &UserId) -> String {
        self.sign(&format!("relay carried by {user_id}, asked {}", challenge.0))
    }

    /// True if who carries the relay holds the key.
    pub fn made_carrier(&self, challenge: &Challenge, carrier: &Carrier) -> bool {
        is_same(&carrier.proof, &self.carrier_proof(challenge, &carrier.user_id))
    }

    /// Shows the same of all that a [`Carriage`] says.
    pub fn carriage_proof(&self, challenge: &Challenge, said: &Carriage) -> String {
        let Carriage { user_id, epoch, is_followed, .. } = said;
        let asked = &challenge.0;
        self.sign(&format!("carriage {epoch}, followed {is_followed}, by {user_id}, asked {asked}"))
    }

    /// True if a holder of the key said this, to whom has drawn `challenge`.
    pub fn made_carriage(&self, challenge: &Challenge, said: &Carriage) -> bool {
        is_same(&said.proof, &self.carriage_proof(challenge, said))
    }

    /// Names a swarm on a local network where others listen, beside the id of its relay: another
    /// name for every relay, known to those who hold the key.
    pub fn party_mark(&self, relay_id: &str) -> String {
        self.sign(&format!("party on the local network: {relay_id}"))
    }
}

/// Compares proofs in a time that does not tell how much of one was right.
fn is_same(shown: &str, made: &str) -> bool {
    let differences = shown.bytes().zip(made.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    shown.len() == made.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SwarmKey;

    fn key(text: &str) -> DatagramKey {
        DatagramKey::of_swarm(&SwarmKey::parse(text).expect("a plain key"))
    }

    fn id(text: &str) -> UserId {
        UserId::parse(text).expect("a plain id")
    }

    #[test]
    fn a_standby_address_is_believed_from_holders_of_the_key_for_its_member_only() {
        let addresses = vec!["192.168.1.7:40001".parse().expect("an address")];
        let card = key("blue otter").standby(&id("ada"), addresses);
        assert!(key("blue otter").made_standby(&id("ada"), &card));
        assert!(!key("red otter").made_standby(&id("ada"), &card), "another swarm");
        assert!(!key("blue otter").made_standby(&id("eve"), &card), "another member");
        let elsewhere = vec!["192.168.1.66:40001".parse().expect("an address")];
        let moved = Standby { addresses: elsewhere, ..card };
        assert!(!key("blue otter").made_standby(&id("ada"), &moved), "another address");
    }

    #[test]
    fn a_proof_is_good_for_the_challenge_it_was_made_for_only() {
        let [first, second] = [1, 2].map(|byte| Challenge::new([byte; 16]));
        let key = key("blue otter");
        let carrier = Carrier { user_id: id("ada"), proof: key.carrier_proof(&first, &id("ada")) };
        assert!(key.made_carrier(&first, &carrier));
        assert!(!key.made_carrier(&second, &carrier), "overheard and said again");
        let said =
            Carriage { user_id: id("ada"), epoch: 3, is_followed: true, proof: String::new() };
        let said = Carriage { proof: key.carriage_proof(&first, &said), ..said };
        assert!(key.made_carriage(&first, &said) && !key.made_carriage(&second, &said));
        assert!(!key.made_carriage(&first, &Carriage { epoch: 4, ..said }), "a greater number");
        for bad in ["", "0", "00112233445566778899AABBCCDDEEFF", &"0".repeat(33)] {
            assert!(Challenge::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
