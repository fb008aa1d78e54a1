//! Being in a swarm: the way to its relay, and the session that keeps its rules.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use audio_engine::MonotonicClock;
use protocol::datagram::DatagramKey;
use protocol::host::LinkState;
use protocol::ice::IceServer;
use protocol::ids::{FileId, Label, SwarmHash};
use protocol::{Standby, SwarmKey, UserId};
use sync_core::session::Session;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::address::RelayAddress;
use crate::carrying::{Affair, Succession};
use crate::choice::first_to_answer;
use crate::hosting::Hosting;
use crate::link::{LinkEvent, Outgoing, RelayLink};
use crate::route::Door;
use crate::time_link::{TimeAnswer, TimeLink};

/// How long to look for a party nearby before starting one.
///
/// mDNS answers arrive within a few hundred milliseconds; a second question goes out after one second.
const SEARCH_TIME: Duration = Duration::from_secs(2);

/// Relay messages waiting for the member. More than a second of the busiest swarm; when it
/// is full the link stops reading and the relay's own bounds apply.
const EVENT_DEPTH: usize = 512;

/// One swarm, from entering to leaving.
pub(crate) struct Swarm {
    pub(crate) key: SwarmKey,
    pub(crate) hash: SwarmHash,
    /// What the party is called, if that was known on entering.
    pub(crate) name: Option<Label>,
    pub(crate) session: Session,
    /// True once the relay has let this member in.
    pub(crate) was_online: bool,
    /// The files the swarm listed when they were last looked through.
    pub(crate) listed: Vec<FileId>,
    /// Time by UDP; none if the system gives no socket.
    pub(crate) time: Option<TimeLink>,
    /// Servers that help members reach each other, as the relay named them last.
    pub(crate) ice: Vec<IceServer>,
    /// The address that the link to the relay leads to.
    pub(crate) relay: Option<SocketAddr>,
    /// The same as it was given or told.
    pub(crate) reached: Option<RelayAddress>,
    pub(crate) succession: Succession,
    meeting: Meeting,
}

enum Meeting {
    /// Waiting for a party nearby until then.
    Searching { until: Instant },
    /// Several addresses of one relay are known.
    Choosing { among: Vec<RelayAddress>, answer: Pin<Box<dyn Future<Output = Choice> + Send>> },
    /// A relay is known.
    At { address: RelayAddress, link: RelayLink, events: mpsc::Receiver<LinkEvent> },
}

/// The address that answers, if one does.
type Choice = Option<RelayAddress>;

/// What the way to the relay brings.
pub(crate) enum Arrival {
    /// Nobody is nearby.
    SearchEnded,
    /// Which of several addresses to meet at; none answered if there is none.
    Chosen(Choice),
    /// Something from the relay.
    Link(LinkEvent),
    /// Time by UDP.
    Time(TimeAnswer),
    /// Something about who carries the party.
    Affair(Affair),
}

impl Swarm {
    /// Enters a swarm that has no relay yet.
    pub(crate) fn new(key: SwarmKey, session: Session, time: Option<TimeLink>) -> Self {
        Self {
            hash: key.hash(),
            key,
            name: None,
            session,
            was_online: false,
            listed: Vec::new(),
            time,
            ice: Vec::new(),
            relay: None,
            reached: None,
            succession: Succession::default(),
            meeting: Meeting::Searching { until: Instant::now() + SEARCH_TIME },
        }
    }

    /// The connection as people see it.
    pub(crate) fn link_state(&self) -> LinkState {
        match (self.session.is_online(), self.was_online) {
            (true, _) => LinkState::Online,
            (false, true) => LinkState::Reconnecting,
            (false, false) => LinkState::Connecting,
        }
    }

    /// True while no relay is known.
    pub(crate) fn is_searching(&self) -> bool {
        matches!(self.meeting, Meeting::Searching { .. })
    }

    /// Meets at this relay from now on.
    pub(crate) fn meet_at(&mut self, address: RelayAddress, clock: MonotonicClock) {
        let (sender, events) = mpsc::channel(EVENT_DEPTH);
        let key = DatagramKey::of_swarm(&self.key);
        let link = RelayLink::open(address.clone(), key, clock, sender);
        self.meeting = Meeting::At { address, link, events };
    }

    /// Meets at the first of these addresses that answers, or at the only one.
    pub(crate) fn meet_at_one_of(&mut self, among: Vec<RelayAddress>, clock: MonotonicClock) {
        if let [address] = &among[..] {
            return self.meet_at(address.clone(), clock);
        }
        let answer = Box::pin(first_to_answer(among.clone()));
        self.meeting = Meeting::Choosing { among, answer };
    }

    /// Asks the same addresses again after none has answered.
    pub(crate) fn choose_again(&mut self) {
        if let Meeting::Choosing { among, answer } = &mut self.meeting {
            *answer = Box::pin(first_to_answer(among.clone()));
        }
    }

    /// Meets at the relay carried here.
    pub(crate) fn meet_here(&mut self, hosting: Hosting, clock: MonotonicClock) {
        self.meet_at(hosting.own_address(), clock);
        self.succession.host(hosting);
    }

    /// The relay carried here.
    pub(crate) fn hosting(&self) -> Option<&Hosting> {
        self.succession.hosting()
    }

    /// The relay that this member is at is the place to meet from now on: an app carries the party,
    /// and it may have been another one before.
    pub(crate) fn arrive(&mut self) {
        if let (Meeting::At { address, .. }, Some(reached)) = (&mut self.meeting, &self.reached) {
            address.clone_from(reached);
        }
    }

    /// Where others reach the relay that this member is at: the carrier's own word for it, if that is
    /// on another computer.
    pub(crate) fn carrier_url(&self) -> Option<String> {
        let carrier = self.session.carrier()?;
        let mut members = self.session.members().iter();
        let standby = members.find(|member| member.user_id == *carrier)?.standby.as_ref();
        let told = standby.into_iter().flat_map(|standby| &standby.addresses);
        let outside = told.into_iter().find(|address| !address.ip().is_loopback());
        let reached = self.address().map(ToString::to_string);
        match outside {
            Some(address) if self.is_relay_here() => Some(format!("ws://{address}/ws")),
            _ => reached,
        }
    }

    /// True while the relay is on this computer, as other members then may be.
    pub(crate) fn is_relay_here(&self) -> bool {
        self.relay.is_some_and(|relay| relay.ip().is_loopback())
    }

    /// Tells the link where to knock should the party be without a relay.
    pub(crate) fn set_doors(&self, doors: Vec<Door>) {
        if let Meeting::At { link, .. } = &self.meeting {
            link.set_doors(doors);
        }
    }

    /// Looks up under which addresses others reach a relay carried here. True if they changed.
    pub(crate) fn refresh_invites(&mut self) -> bool {
        self.succession.refresh_invites()
    }

    /// Where the members meet.
    pub(crate) fn address(&self) -> Option<&RelayAddress> {
        match &self.meeting {
            Meeting::Searching { .. } | Meeting::Choosing { .. } => None,
            Meeting::At { address, .. } => Some(address),
        }
    }

    /// Says something to the relay.
    pub(crate) fn send(&self, outgoing: Outgoing) {
        if let Meeting::At { link, .. } = &self.meeting {
            link.send(outgoing);
        }
    }

    /// Leaves, and ends a relay carried here.
    pub(crate) async fn leave(self) {
        if let Meeting::At { link, .. } = self.meeting {
            link.close().await;
        }
        self.succession.end().await;
    }

    /// Where neighbours can ask this member for the time.
    pub(crate) fn reach(&self) -> Vec<SocketAddr> {
        let is_here = self.is_relay_here();
        self.time.as_ref().map_or_else(Vec::new, |time| time.addresses(is_here))
    }

    /// Where this app's own relay can be reached, if it would carry the party.
    pub(crate) fn standby(&self, me: &UserId) -> Option<Standby> {
        let addresses = self.succession.addresses(self.is_relay_here());
        let key = DatagramKey::of_swarm(&self.key);
        (!addresses.is_empty()).then(|| key.standby(me, addresses))
    }

    async fn next_arrival(&mut self) -> Arrival {
        let Self { meeting, time, succession, .. } = self;
        let time = async {
            match time {
                Some(time) => Arrival::Time(time.next_answer().await),
                None => pending().await,
            }
        };
        // Stamps are taken already; what the relay says decides more.
        tokio::select! {
            biased;
            arrival = Self::next_from(meeting) => arrival,
            arrival = time => arrival,
            affair = succession.next() => Arrival::Affair(affair),
        }
    }

    async fn next_from(meeting: &mut Meeting) -> Arrival {
        match meeting {
            Meeting::Searching { until } => {
                sleep_until(*until).await;
                Arrival::SearchEnded
            }
            Meeting::Choosing { answer, .. } => Arrival::Chosen(answer.await),
            Meeting::At { events, .. } => match events.recv().await {
                Some(event) => Arrival::Link(event),
                None => pending().await,
            },
        }
    }
}

/// The next arrival in the swarm; waits for ever outside of one.
pub(crate) async fn next_arrival(swarm: &mut Option<Swarm>) -> Arrival {
    match swarm {
        Some(swarm) => swarm.next_arrival().await,
        None => pending().await,
    }
}
