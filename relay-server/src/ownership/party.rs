//! A relay inside an app: the app of one member at a time carries a party, the others stand by.
//!
//! While it stands by, who wants to join waits at the door, and the app hears of it; whether to
//! carry the party is the app's to decide (`sync_core::succession`). It says so by [`Carrying`]:
//! [`carry`](Carrying::carry) lets everyone in who waits, [`refer_to`](Carrying::refer_to) sends
//! them to who carries it, [`give_way`](Carrying::give_way) sends those who are in there too.
//!
//! There is no judge between these relays and nothing is written down: each member remembers what
//! all were told, and the next carrier goes on by its app's memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::datagram::DatagramKey;
use protocol::{Carriage, Carrier, Challenge, Span, Standby, SwarmHash, SwarmTime, UserId};
use sync_core::session::Legacy;
use sync_core::succession::Standing;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Claim, Elsewhere, Leaving, Ownership, Record, Settled, Stored, Unsettled, Verdict};
use crate::clock::{ClockCourse, RelayClock};
use crate::room::Heritage;

/// How long the lead is kept for a director who was with the former carrier. On a local network
/// everybody is back within a fraction of it.
const GRACE: Span = Span::from_secs(2);

/// What happened at the door that the app has not heard of yet. More is dropped: who knocks in
/// earnest knocks again.
const KNOCKS: usize = 64;

/// Orders for the registry of swarms. The app gives a few in an hour.
pub(crate) const ORDERS: usize = 16;

/// Which party an app's relay is for.
#[derive(Clone, Debug)]
pub struct PartyPlace {
    /// The swarm.
    pub swarm: SwarmHash,
    /// Made of its key, for proofs that this app holds it.
    pub key: DatagramKey,
    /// The member whose app this is.
    pub carrier: UserId,
}

/// What happens at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knock {
    /// A member waits to be let in.
    Waits(UserId),
    /// Another app that carries the same swarm asks how this one stands.
    Asks {
        /// Who asks.
        user_id: UserId,
        /// Where its own relay can be reached; not proven yet.
        standby: Option<Standby>,
    },
}

/// Where and how the time of a swarm is known that goes on here.
#[derive(Clone, Debug)]
pub struct Course {
    /// At this instant
    pub at: Instant,
    /// the swarm's clock says this,
    pub says: SwarmTime,
    /// and gains so much on the computer's own. (seconds per second)
    pub rate: f64,
}

/// The app's hand on its relay.
#[derive(Clone)]
pub struct Carrying {
    party: Arc<Party>,
    clock: RelayClock,
    orders: mpsc::Sender<Verdict>,
}

/// What the registry and the swarms' tasks ask.
struct Party {
    place: PartyPlace,
    role: watch::Sender<Role>,
    knocks: mpsc::Sender<Knock>,
}

/// What the relay does with those who want to join its party.
enum Role {
    /// They wait.
    StandsBy,
    /// They are sent to who carries it.
    Refers(Elsewhere),
    /// They are let in.
    Carries {
        standing: Standing,
        /// Until the swarm begins here.
        heritage: Option<Box<Heritage>>,
    },
}

/// How a relay in an app is put together.
pub(crate) struct PartyKeeping {
    pub(crate) ownership: Box<dyn Ownership>,
    pub(crate) clock: RelayClock,
    pub(crate) verdicts: mpsc::Receiver<Verdict>,
    pub(crate) carrying: Carrying,
}

/// A relay that stands by for a party, and what happens at its door.
pub(crate) fn stand_by(place: PartyPlace) -> (PartyKeeping, mpsc::Receiver<Knock>) {
    let (knocks, knocks_out) = mpsc::channel(KNOCKS);
    let (orders, verdicts) = mpsc::channel(ORDERS);
    let party = Arc::new(Party { place, role: watch::Sender::new(Role::StandsBy), knocks });
    let clock = RelayClock::start();
    let carrying = Carrying { party: party.clone(), clock: clock.clone(), orders };
    (PartyKeeping { ownership: Box::new(Keeper(party)), clock, verdicts, carrying }, knocks_out)
}

impl Carrying {
    /// Carries the party from now on: a new one, or one that goes on from `legacy`, whose clock
    /// takes `course`. Whoever waits is let in. Changes nothing while it is carried here already.
    pub fn carry(&self, legacy: Option<Legacy>, course: Option<Course>) {
        if self.standing().is_some() {
            return;
        }
        let epoch = legacy.as_ref().map_or(0, |legacy| legacy.epoch);
        let clock_id = legacy.as_ref().and_then(|legacy| legacy.clock.as_ref()).map(|(id, _)| id);
        if let Some((course, id)) = course.zip(clock_id) {
            // Nobody reads this clock yet: who waits has not been told anything.
            let Course { at, says, rate } = course;
            self.clock.take(&ClockCourse { at, says, rate, id: id.as_str().into() });
        }
        let standing = Standing::new(epoch, self.party.place.carrier.clone());
        let heritage = legacy.map(|legacy| Box::new(Heritage::from(legacy)));
        self.party.role.send_replace(Role::Carries { standing, heritage });
        self.order(Verdict::AskAgain { swarm: self.party.place.swarm.clone() });
    }

    /// The party is carried elsewhere: whoever wants to join is sent there, or waits if it is not
    /// known where. Changes nothing while it is carried here.
    pub fn refer_to(&self, url: Option<String>) {
        if self.standing().is_some() {
            return;
        }
        self.party.role.send_replace(match url {
            Some(url) => Role::Refers(elsewhere(url, 0)),
            None => Role::StandsBy,
        });
        self.order(Verdict::AskAgain { swarm: self.party.place.swarm.clone() });
    }

    /// Another app carries the party under `epoch` and outranks this one: everyone is sent there.
    pub fn give_way(&self, url: String, epoch: u64) {
        // The clocks may have parted since they were one; under one name they would be taken for it.
        self.clock.make_up_for(Span::ZERO);
        let owner = elsewhere(url, epoch);
        self.party.role.send_replace(Role::Refers(owner.clone()));
        self.order(Verdict::Taken { swarm: self.party.place.swarm.clone(), owner });
    }

    /// How this relay stands as a carrier; none while it carries nothing.
    pub fn standing(&self) -> Option<Standing> {
        match &*self.party.role.borrow() {
            Role::Carries { standing, .. } => Some(standing.clone()),
            Role::StandsBy | Role::Refers(_) => None,
        }
    }

    fn order(&self, verdict: Verdict) {
        if self.orders.try_send(verdict).is_err() {
            // The registry takes them at once; it is gone only when the relay is.
            tracing::warn!("an order to the relay was lost");
        }
    }
}

/// The side of the registry.
struct Keeper(Arc<Party>);

impl Ownership for Keeper {
    fn claim(&self, swarm: &SwarmHash) -> Option<Settled> {
        let mut settled = None;
        self.0.role.send_modify(|role| {
            settled = match role {
                Role::Carries { standing, heritage } if *swarm == self.0.place.swarm => {
                    let (epoch, heritage) = (standing.epoch, heritage.take());
                    Some(Ok(Claim::Mine { epoch, heritage }))
                }
                // Friends with another key may meet at the relay of a party that is nearby.
                Role::Carries { .. } => Some(Ok(Claim::Mine { epoch: 0, heritage: None })),
                _ if *swarm != self.0.place.swarm => Some(Err(Unsettled)),
                Role::Refers(to) => Some(Ok(Claim::Theirs(to.clone()))),
                Role::StandsBy => None,
            };
        });
        settled
    }

    fn holds(&self) -> bool {
        true
    }

    fn store(&self, _: Record) -> Option<oneshot::Receiver<Stored>> {
        // All members remember it.
        let (stored, answer) = oneshot::channel();
        let _ = stored.send(Stored::Done);
        Some(answer)
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

    fn knocked(&self, swarm: &SwarmHash, user: &UserId) {
        if *swarm == self.0.place.swarm {
            let _ = self.0.knocks.try_send(Knock::Waits(user.clone()));
        }
    }

    fn admits(&self, swarm: &SwarmHash, user: &UserId) -> Option<u64> {
        if *swarm != self.0.place.swarm || *user == self.0.place.carrier {
            return None;
        }
        let mut raised = None;
        self.0.role.send_if_modified(|role| {
            if let Role::Carries { standing, .. } = role {
                raised = standing.followed().then_some(standing.epoch);
            }
            raised.is_some()
        });
        raised
    }

    fn carrier(&self, swarm: &SwarmHash, challenge: Option<&Challenge>) -> Option<Carrier> {
        let PartyPlace { swarm: own, key, carrier } = &self.0.place;
        let prove = |challenge| key.carrier_proof(challenge, carrier);
        let proof = challenge.map(prove).unwrap_or_default();
        (own == swarm).then(|| Carrier { user_id: carrier.clone(), proof })
    }

    fn asked(
        &self,
        swarm: &SwarmHash,
        challenge: &Challenge,
        (user_id, standby): (UserId, Option<Standby>),
    ) -> Option<Carriage> {
        if *swarm != self.0.place.swarm {
            return None;
        }
        let _ = self.0.knocks.try_send(Knock::Asks { user_id, standby });
        let Role::Carries { standing, .. } = &*self.0.role.borrow() else { return None };
        let Standing { epoch, is_followed, carrier } = standing.clone();
        let said = Carriage { user_id: carrier, epoch, is_followed, proof: String::new() };
        Some(Carriage { proof: self.0.place.key.carriage_proof(challenge, &said), ..said })
    }
}

impl From<Legacy> for Heritage {
    fn from(legacy: Legacy) -> Self {
        let Legacy { director, has_taken_lead, term, files, selection, schedule, queue, .. } =
            legacy;
        Self {
            director,
            // Nobody but the relay that is gone has seen its secret; the key is proof enough here.
            director_fingerprint: None,
            has_taken_lead,
            resigned: Vec::new(),
            term,
            files,
            selection,
            schedule,
            queue,
            grace: Some(GRACE),
        }
    }
}

fn elsewhere(url: String, epoch: u64) -> Elsewhere {
    Elsewhere { public: Some(url.clone()), inside: url, epoch }
}
