//! One clock for all who share a local network.
//!
//! A relay may be far away, and its path slower one way than the other: then each member is
//! wrong by another amount. Members of one *room*, those who reach each other by UDP within
//! milliseconds, therefore follow the clock of one of them, the *root*. Whatever the root is
//! wrong by, all are wrong by it alike, and nobody in the room hears it.
//!
//! Every member answers time pings by its own clock, and tells the line from there to *room
//! time*. The root's room time is its own crystal, counted on from its first estimate of the
//! swarm's clock; a follower's is what it knows of the root's. So any member can be asked, and
//! when the root vanishes the next one leads on by the line it knows: room time goes on
//! without a step. How room time and the relay's clock differ is the *correction*, another
//! line, which the root measures, changes slowly and hands round.
//!
//! Sans-IO: pongs and the time go in, probes to send come out. Start at [`Room::pursue`].

mod election;
mod neighbour;
mod rudder;

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};

use protocol::datagram::{Line, Pong, RoomTime, Tag};
use protocol::ids::UserId;
use protocol::limits::MAX_ADDRESSES;
use protocol::message::PeerInfo;
use protocol::time::{LocalTime, Span};

use crate::cadence::pace;
use crate::clock::ClockEstimate;
use neighbour::Neighbour;
use rudder::Rudder;

/// How long to listen for a room that exists before founding one.
///
/// Answers on a local network come within milliseconds; this is three rounds of questions.
const FOUNDING_PAUSE: Span = Span::from_millis(300);

/// How long a member that has just come prefers silence to a clock that may soon change: most
/// neighbours answer at once, and moving audibly to the room's clock is worse than this wait.
const MEETING_TIME: Span = Span::from_millis(700);

/// Disagreement of two ways of learning the time that counts, beside their doubts.
///
/// On an idle local network path lengths differ by less than that.
const NOTABLE: Span = Span::from_micros(100);

/// Doubts by which two ways must disagree to say that one is uneven. (factor)
const DISAGREEMENT: f64 = 3.0;

/// Over so many members a root's clock may come: each adds its own doubt.
const MOST_HOPS: u8 = 3;

/// [`Place::hops`] of a member whom the root's clock does not reach.
const LOST: u8 = u8::MAX;

/// How long a member that has lost its source holds its line before it follows one who is no
/// nearer to the root than it was, or leads itself: until then those may be following it, or
/// not have noticed yet that the root is gone.
const HOLDING: Span = Span::from_secs(2);

/// Corrections kept: to the present relay's clock, and to that of the one before.
const CORRECTIONS: usize = 2;

/// A question to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whom it is for.
    pub to: Tag,
    /// Where to.
    pub address: SocketAddr,
}

/// What a member answers questions with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// From this device's clock to the room's, with its doubt.
    pub line: ClockEstimate,
    /// The same for others, and which room's clock that is.
    pub room: RoomTime,
}

/// What this device knows of the relay's clock by asking it.
#[derive(Clone, Copy, Debug)]
pub struct RelayView {
    /// Which relay's clock: its [`protocol::datagram::clock_tag`].
    pub clock: u64,
    /// This device's own estimate of it.
    pub estimate: Option<ClockEstimate>,
    /// True once it was measured for long enough that it will hardly move any more.
    pub is_learnt: bool,
}

/// True for addresses that only a local network or this computer leads to. Nothing else is told
/// to others, and nothing else is asked when others tell it: who could name any address could
/// make a whole swarm ask there.
pub fn is_local_network(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        // fc00::/7. Link-local addresses need a scope, which means something on one device only.
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00 || v6.is_loopback(),
    }
}

/// This device's part in its room.
#[derive(Debug)]
pub struct Room {
    me: UserId,
    /// Makes the names of rooms founded here unlike those founded elsewhere.
    seed: u64,
    skews: BTreeMap<UserId, f64>,
    /// Where members answer, as the network itself tells.
    found: BTreeMap<UserId, Vec<SocketAddr>>,
    neighbours: BTreeMap<UserId, Neighbour>,
    place: Option<Place>,
    /// The room left for another one whose clock is not known yet.
    left: Option<Place>,
    probes: VecDeque<Probe>,
    /// When the first neighbour answered, or this member began to ask.
    met: Option<LocalTime>,
    asking_since: Option<LocalTime>,
    /// When this was last looked at.
    looked: LocalTime,
}

/// A place in a room.
#[derive(Debug)]
struct Place {
    room: u64,
    epoch: u32,
    root: Tag,
    /// Over how many members its clock comes here; [`LOST`] while it does not.
    hops: u8,
    /// Since when it does not.
    lost: Option<LocalTime>,
    /// From this device's clock to the room's, as known last.
    line: Option<ClockEstimate>,
    /// Whom this device asks; none while it leads or nobody answers.
    source: Option<UserId>,
    corrections: Vec<Line>,
    /// Held by the root.
    rudder: Rudder,
}

impl Room {
    /// A member that has met nobody yet. `seed` is a random number, `skews` are those of members
    /// who were met before. (ppm)
    pub fn new(me: UserId, seed: u64, skews: BTreeMap<UserId, f64>) -> Self {
        Self {
            me,
            seed,
            skews,
            found: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            place: None,
            left: None,
            probes: VecDeque::new(),
            met: None,
            asking_since: None,
            looked: LocalTime::default(),
        }
    }

    /// Who is in the swarm, and where they can be asked.
    pub fn set_members(&mut self, now: LocalTime, members: &[PeerInfo]) {
        for neighbour in self.neighbours.values_mut() {
            neighbour.is_present = false;
        }
        for member in members.iter().filter(|member| member.user_id != self.me) {
            let found = self.found.get(&member.user_id).into_iter().flatten();
            let mut addresses = member.addresses.clone();
            addresses.extend(found.filter(|address| !member.addresses.contains(address)));
            addresses.retain(|address| is_local_network(&address.ip()));
            addresses.truncate(MAX_ADDRESSES);
            if addresses.is_empty() {
                continue;
            }
            self.asking_since.get_or_insert(now);
            self.neighbours
                .entry(member.user_id.clone())
                .or_insert_with(|| {
                    let skew = self.skews.get(&member.user_id).copied();
                    Neighbour::new(Tag::of_user(&member.user_id), now, skew)
                })
                .reach_at(now, &addresses);
        }
    }

    /// Where members answer beside what the relay says. Of use with the next list of members.
    pub fn set_found(&mut self, found: BTreeMap<UserId, Vec<SocketAddr>>) {
        self.found = found;
    }

    /// Takes an answer that arrived from `address`; `stamps` are when it was asked and when it
    /// arrived.
    pub fn handle_pong(
        &mut self,
        now: LocalTime,
        address: SocketAddr,
        pong: &Pong,
        stamps: [LocalTime; 2],
    ) {
        let Some(neighbour) = self.neighbours.values_mut().find(|n| n.tag == pong.from) else {
            return;
        };
        if neighbour.take(now, address, pong, stamps) {
            self.met.get_or_insert(now);
        }
    }

    /// This device's clock jumped: nothing that was known of others' clocks holds.
    pub fn lose_clock(&mut self, now: LocalTime) {
        self.place = None;
        self.left = None;
        self.met = None;
        self.asking_since = self.asking_since.map(|_| now);
        for neighbour in self.neighbours.values_mut() {
            neighbour.forget(now);
        }
    }

    /// Does what is due: follows, leads, asks. `is_playing` asks less often once all is known.
    pub fn pursue(&mut self, now: LocalTime, relay: RelayView, is_playing: bool) {
        self.looked = now;
        self.neighbours.retain(|_, neighbour| neighbour.is_present || neighbour.is_alive());
        self.meet_rooms();
        self.keep_line(now);
        self.succeed_or_found(now, relay);
        self.steer(now, relay, is_playing);
        self.ask(now, is_playing);
    }

    /// When [`Self::pursue`] is wanted next.
    pub fn due(&self) -> Option<LocalTime> {
        let asks = self.neighbours.values().filter_map(Neighbour::due).min();
        let founds = self.met.filter(|_| self.place.is_none()).map(|met| met + FOUNDING_PAUSE);
        // What waits for something else than time comes with that.
        let founds = founds.filter(|at| *at > self.looked);
        let steers = self.place.as_ref().filter(|_| self.leads()).and_then(|p| p.rudder.due());
        let steers = steers.filter(|at| *at > self.looked);
        let lost = self.place.as_ref().and_then(|place| Some(place.lost? + HOLDING));
        let lost = lost.filter(|at| *at > self.looked);
        [asks, founds, steers, lost].into_iter().flatten().min()
    }

    /// The next question to send; call until there is none.
    pub fn poll_probe(&mut self) -> Option<Probe> {
        self.probes.pop_front()
    }

    /// From this device's clock to the relay's, by way of the room's; none without a room
    /// whose clock and correction are known.
    pub fn estimate(&self, now: LocalTime, clock: u64) -> Option<ClockEstimate> {
        let known = |place: &&Place| place.line.is_some();
        let place = self.place.as_ref().filter(known).or(self.left.as_ref())?;
        let correction = place.corrections.iter().find(|correction| correction.clock == clock)?;
        let doubt = self.source_doubt().max(self.disagreement(now).mul_f64(0.5));
        Some(place.line?.doubted(doubt).followed_by(correction))
    }

    /// True while neighbours were asked so lately that their answers may still come.
    pub fn is_meeting(&self, now: LocalTime) -> bool {
        let is_young = self.asking_since.is_some_and(|since| now - since < MEETING_TIME);
        is_young && self.place.as_ref().is_none_or(|place| place.line.is_none())
    }

    /// What to answer questions with; none while this member keeps no room's time.
    pub fn face(&self) -> Option<Face> {
        let place = self.place.as_ref()?;
        let line = place.line?;
        let room = RoomTime {
            room: place.room,
            epoch: place.epoch,
            root: place.root,
            hops: place.hops,
            line: line.to_line(place.room),
            correction: place.corrections.last().copied(),
        };
        let doubt = line.doubted(self.source_doubt());
        Some(Face { line: doubt, room })
    }

    /// Who leads the room; none outside of one, or if that is no member this device knows.
    pub fn root(&self) -> Option<&UserId> {
        self.user_of(self.place.as_ref()?.root)
    }

    /// Shortest round trip to whom this device asks.
    pub fn round_trip(&self) -> Option<Span> {
        let source = self.place.as_ref()?.source.as_ref()?;
        self.neighbours.get(source)?.filter.shortest_round_trip()
    }

    /// By how much the relay as asked by this device contradicts the room, if it does: one
    /// path to the relay, this device's or the root's, is slower one way.
    pub fn asymmetry(&self, now: LocalTime, relay: RelayView) -> Option<Span> {
        let room = self.estimate(now, relay.clock)?;
        let direct = relay.estimate.filter(|_| relay.is_learnt)?;
        let apart = direct.to_swarm(now) - room.to_swarm(now);
        let doubt = room.uncertainty(now) + direct.uncertainty(now);
        (apart.abs() > doubt.mul_f64(DISAGREEMENT) + NOTABLE).then_some(apart)
    }

    /// How much faster than this device's clock those of neighbours run, where that is known
    /// well. (ppm)
    pub fn known_skews(&self) -> impl Iterator<Item = (&UserId, f64)> {
        self.neighbours.iter().filter_map(|(id, neighbour)| Some((id, neighbour.known_skew()?)))
    }

    fn leads(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.root == Tag::of_user(&self.me))
    }

    /// The root brings the correction after what it knows of the relay.
    fn steer(&mut self, now: LocalTime, relay: RelayView, is_playing: bool) {
        if !self.leads() {
            return;
        }
        let Some(place) = &mut self.place else { return };
        let Some(line) = place.line else { return };
        let before = place.corrections.iter().find(|kept| kept.clock == relay.clock).copied();
        let is_first_relay = place.corrections.is_empty();
        let known = relay.estimate.filter(|clock| {
            clock.is_fit_to_play(now) && (relay.is_learnt || is_first_relay || before.is_some())
        });
        let Some(known) = known else { return };
        let turn = place.rudder.turn(now, relay.clock, &line, &known, before, is_playing);
        if let Some(correction) = turn {
            place.correct(correction);
        }
    }

    fn ask(&mut self, now: LocalTime, is_playing: bool) {
        let line = self.place.as_ref().and_then(|place| place.line);
        let pace = pace(line, now, is_playing);
        let source = self.place.as_ref().and_then(|place| place.source.clone());
        for (rank, (id, neighbour)) in self.neighbours.iter_mut().enumerate() {
            let interest = neighbour::Interest::of(source.as_ref() == Some(id), rank, pace);
            self.probes.extend(neighbour.take_due(now, interest));
        }
    }

    /// Those who answer, lowest first.
    fn live(&self) -> impl Iterator<Item = (&UserId, &Neighbour)> {
        self.neighbours.iter().filter(|(_, neighbour)| neighbour.is_alive())
    }

    fn user_of(&self, tag: Tag) -> Option<&UserId> {
        if tag == Tag::of_user(&self.me) {
            return Some(&self.me);
        }
        self.neighbours.iter().find(|(_, neighbour)| neighbour.tag == tag).map(|(id, _)| id)
    }

    /// What the one who is asked says it does not know itself.
    fn source_doubt(&self) -> Span {
        let source = self.place.as_ref().and_then(|place| place.source.as_ref());
        source.and_then(|source| self.neighbours.get(source)).map_or(Span::ZERO, |n| n.doubt)
    }

    /// By how much the room's clock as others know it differs from what this device knows,
    /// beyond all doubt: around such a triangle one path is slower one way.
    fn disagreement(&self, now: LocalTime) -> Span {
        let Some((place, line)) = self.place.as_ref().and_then(|p| Some((p, p.line?))) else {
            return Span::ZERO;
        };
        self.live()
            .filter(|(id, n)| {
                place.source.as_ref() != Some(*id)
                    && n.room.is_some_and(|room| room.room == place.room)
            })
            .filter_map(|(_, neighbour)| {
                let theirs = neighbour.line()?;
                let apart = (theirs.to_swarm(now) - line.to_swarm(now)).abs();
                let doubt = theirs.uncertainty(now) + line.uncertainty(now) + neighbour.doubt;
                (apart > doubt.mul_f64(DISAGREEMENT) + NOTABLE).then_some(apart)
            })
            .max()
            .unwrap_or(Span::ZERO)
    }
}

impl Place {
    /// A place in a room of which nothing else is known yet.
    fn in_room(room: u64, epoch: u32, root: Tag) -> Self {
        Self {
            room,
            epoch,
            root,
            hops: LOST,
            lost: None,
            line: None,
            source: None,
            corrections: Vec::new(),
            rudder: Rudder::default(),
        }
    }

    fn correct(&mut self, correction: Line) {
        self.corrections.retain(|kept| kept.clock != correction.clock);
        if self.corrections.len() == CORRECTIONS {
            self.corrections.remove(0);
        }
        self.corrections.push(correction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_local_networks_are_asked() {
        for (text, is_local) in [
            ("192.168.1.7", true),
            ("10.0.0.1", true),
            ("172.20.0.3", true),
            ("169.254.3.3", true),
            ("127.0.0.1", true),
            ("fd12::1", true),
            ("::1", true),
            ("8.8.8.8", false),
            ("172.40.0.1", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_local_network(&text.parse().expect("an address")), is_local, "{text}");
        }
        let mut room = Room::new(UserId::parse("me").expect("a plain id"), 0, BTreeMap::new());
        let mut other = PeerInfo::new(UserId::parse("other").expect("a plain id"), None);
        other.addresses = vec![SocketAddr::from(([8, 8, 8, 8], 53))];
        room.set_members(LocalTime::default(), &[other]);
        assert_eq!(room.due(), None, "there is nobody to ask");
    }
}
