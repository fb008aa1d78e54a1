//! Which relay keeps which swarm.
//!
//! A swarm is kept by one relay at a time, its owner: one clock, one order of messages, one
//! list of members. A relay that is [`Alone`] owns every swarm. Where several share their
//! swarms, [`cluster`] asks Redis, and only ever in a task of its own; in an app, [`party`] does what
//! the app decides: the registry and the
//! swarms' tasks put questions here that never wait, and hear the answers as [`Verdict`]s.

#![cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "a relay alone is told less"))]

#[cfg(feature = "cluster")]
pub(crate) mod cluster;
#[cfg(feature = "cluster")]
mod departures;
#[cfg(feature = "cluster")]
mod keeper;
#[cfg(feature = "cluster")]
mod lease;
#[cfg(feature = "cluster")]
mod ledger;
#[cfg(feature = "cluster")]
mod pace;
pub(crate) mod party;

use std::time::Duration;

use protocol::{Carriage, Carrier, Challenge, Standby, SwarmHash, UserId};
use tokio::sync::oneshot;

use crate::room::Heritage;

/// What the registry and the swarms ask about ownership. Nothing here waits.
///
/// Leases are renewed behind it: a swarm's task only ever asks whether the lease holds.
pub(crate) trait Ownership: Send + Sync {
    /// Asks for a swarm nobody keeps here. None when the answer comes as [`Verdict::Claimed`].
    fn claim(&self, swarm: &SwarmHash) -> Option<Settled>;

    /// True while no other relay can have taken this one's swarms. To be asked right before
    /// anything is decided: a process may have stood still since it was asked last.
    fn holds(&self) -> bool;

    /// Writes down what the next owner must know, and tells when that is done. None where
    /// nobody comes after.
    fn store(&self, record: Record) -> Option<oneshot::Receiver<Stored>>;

    /// Gives a swarm up: to be taken over with its state, or over for good. Tells when it is done.
    fn release(&self, swarm: &SwarmHash, epoch: u64, leaving: Leaving) -> oneshot::Receiver<()>;

    /// Where members may come back to if this relay is gone.
    fn relays(&self) -> Vec<String>;

    /// Gives every swarm to other relays, each at a moment of its own in the time `within`, and
    /// tells when that is done. None if there are no others.
    fn drain(&self, within: Duration) -> Option<oneshot::Receiver<()>>;

    /// A member wants to join a swarm that does not run here.
    fn knocked(&self, _swarm: &SwarmHash, _user: &UserId) {}

    /// A member is let into a swarm. The number of the ownership, if that rises by it.
    fn admits(&self, _swarm: &SwarmHash, _user: &UserId) -> Option<u64> {
        None
    }

    /// The member whose app carries the swarm, if one does, with the proof that was asked for.
    fn carrier(&self, _swarm: &SwarmHash, _challenge: Option<&Challenge>) -> Option<Carrier> {
        None
    }

    /// How an app that carries the swarm stands, for another one that does.
    fn asked(
        &self,
        _swarm: &SwarmHash,
        _challenge: &Challenge,
        (_user, _standby): (UserId, Option<Standby>),
    ) -> Option<Carriage> {
        None
    }
}

/// How the claim of a swarm was settled.
pub(crate) type Settled = Result<Claim, Unsettled>;

/// Whose a swarm is.
#[derive(Debug)]
pub(crate) enum Claim {
    /// This relay's.
    Mine {
        /// Number of the ownership.
        epoch: u64,
        /// What a former owner wrote down.
        heritage: Option<Box<Heritage>>,
    },
    /// Another relay's.
    Theirs(Elsewhere),
}

/// Another relay of the same cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// Where members reach it, if they do.
    pub(crate) public: Option<String>,
    /// Where the other relays reach it.
    pub(crate) inside: String,
    /// Number of its ownership.
    pub(crate) epoch: u64,
}

/// Nobody can say at the moment whose the swarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsettled;

/// What became of something to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is written.
    Done,
    /// Another relay owns the swarm.
    Fenced,
    /// Nobody knows.
    Unknown,
}

/// What is to be written down.
#[derive(Debug)]
pub(crate) struct Record {
    /// Of which swarm.
    pub(crate) swarm: SwarmHash,
    /// Under which ownership.
    pub(crate) epoch: u64,
    /// Rises with every record of one ownership; an older one never replaces a newer one.
    pub(crate) revision: u64,
    /// What.
    pub(crate) heritage: Heritage,
}

/// How a swarm is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Its members go to another relay.
    ToAnother,
    /// Its last member has left.
    ForGood,
}

/// What is settled about a swarm, for the registry.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The answer to [`Ownership::claim`].
    Claimed {
        /// Of which swarm.
        swarm: SwarmHash,
        /// What.
        settled: Settled,
    },
    /// Whose a swarm is, for which joins wait, can be said now: it is to be claimed again.
    AskAgain {
        /// Which.
        swarm: SwarmHash,
    },
    /// A swarm kept here is another relay's.
    Taken {
        /// Which.
        swarm: SwarmHash,
        /// Whose.
        owner: Elsewhere,
    },
    /// A swarm kept here is still this relay's, under this number, which may be higher.
    Raised {
        /// Which.
        swarm: SwarmHash,
        /// The number.
        epoch: u64,
    },
    /// A swarm kept here is to be given to another relay, because this one ends.
    Leave {
        /// Which.
        swarm: SwarmHash,
        /// To whom, if there is another.
        to: Option<Elsewhere>,
    },
}

/// A relay that shares its swarms with no other: it owns every one, and nobody comes after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone;

impl Ownership for Alone {
    fn claim(&self, _: &SwarmHash) -> Option<Settled> {
        Some(Ok(Claim::Mine { epoch: 0, heritage: None }))
    }

    fn holds(&self) -> bool {
        true
    }

    fn store(&self, _: Record) -> Option<oneshot::Receiver<Stored>> {
        None
    }

    fn release(&self, _: &SwarmHash, _: u64, _: Leaving) -> oneshot::Receiver<()> {
        oneshot::channel().1
    }

    fn relays(&self) -> Vec<String> {
        Vec::new()
    }

    fn drain(&self, _: Duration) -> Option<oneshot::Receiver<()>> {
        None
    }
}
