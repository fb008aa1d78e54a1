//! One other member on the local network: where it answers, what it says, when to ask again.

use core::net::SocketAddr;

use protocol::datagram::{Pong, RoomTime, Tag};
use protocol::time::{LocalTime, Span};

use super::Probe;
use crate::cadence::{BURST, BURST_INTERVAL, Pace, SEEKING_INTERVAL};
use crate::clock::{ClockEstimate, ClockFilter, ClockSample};

/// Questions in a row without an answer that mean that nobody is there.
///
/// On Wi-Fi that loses one packet in twenty, each way, five are lost by chance once in 10⁵.
const SILENCE: u32 = 5;

/// Between questions to one who has just failed to answer: who is gone is gone within a
/// second.
const DOUBT_INTERVAL: Span = Span::from_millis(200);

/// Between questions to those who would be asked if the root vanished.
const CANDIDATE_INTERVAL: Span = Span::from_secs(2);

/// Between questions to everyone else.
const OTHER_INTERVAL: Span = Span::from_secs(5);

/// How long a new neighbour is asked often, whatever it is to become: until its clock's skew is
/// known, an answer of two seconds ago says little.
const LEARNING: Span = Span::from_secs(5);

/// How many of the lowest are kept ready to be asked.
const CANDIDATES: usize = 3;

/// Between rounds of questions to one who has never answered, by how many there were: quick at
/// first, then hardly at all, for a network that lets members pass one day.
const SEARCH: [(u32, Span); 3] =
    [(4, Span::from_millis(25)), (8, Span::from_millis(200)), (16, Span::from_secs(1))];
const SEARCH_LATER: Span = Span::from_secs(5);

/// Round trip above which a neighbour is none: it is reached through another network.
const FAR: Span = Span::from_millis(20);

/// Room time that a neighbour itself knows worse than this is of no use.
const TOO_VAGUE: Span = Span::from_millis(2);

/// How often a neighbour is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Its clock is followed.
    Source(Pace),
    /// It may be followed next.
    Candidate,
    /// One of many.
    Other,
}

impl Interest {
    pub fn of(is_source: bool, rank: usize, pace: Pace) -> Self {
        match is_source {
            true => Self::Source(pace),
            false if rank < CANDIDATES => Self::Candidate,
            false => Self::Other,
        }
    }

    fn interval(self) -> Span {
        match self {
            Self::Source(pace) => pace.interval(),
            Self::Candidate => CANDIDATE_INTERVAL,
            Self::Other => OTHER_INTERVAL,
        }
    }
}

#[derive(Debug)]
pub(super) struct Neighbour {
    pub tag: Tag,
    /// The relay lists it.
    pub is_present: bool,
    /// From this device's clock to this neighbour's.
    pub filter: ClockFilter,
    /// What it said last.
    pub room: Option<RoomTime>,
    /// What it said of its own doubt.
    pub doubt: Span,
    addresses: Vec<SocketAddr>,
    /// Where it answers.
    path: Option<SocketAddr>,
    /// The port at which it answered last.
    port: Option<u16>,
    unanswered: u32,
    burst_left: u32,
    /// When it answered first, after silence.
    met: LocalTime,
    next: LocalTime,
}

impl Neighbour {
    pub fn new(tag: Tag, now: LocalTime, skew_ppm: Option<f64>) -> Self {
        let filter = skew_ppm.map_or_else(ClockFilter::new, ClockFilter::with_skew_ppm);
        Self {
            tag,
            is_present: true,
            filter,
            room: None,
            doubt: Span::ZERO,
            addresses: Vec::new(),
            path: None,
            port: None,
            unanswered: 0,
            burst_left: 0,
            met: now,
            next: now,
        }
    }

    /// It says that it can be asked there.
    pub fn reach_at(&mut self, now: LocalTime, addresses: &[SocketAddr]) {
        self.is_present = true;
        if self.addresses == addresses {
            return;
        }
        // Another port is another program, perhaps after the computer started anew: what was
        // learnt of its clock may not hold. A computer that only changes networks keeps its port.
        let has_port = |port| addresses.iter().any(|address| address.port() == port);
        if self.port.is_some_and(|port| !has_port(port)) {
            self.forget(now);
            self.port = None;
        }
        self.addresses = addresses.to_vec();
        self.next = now;
        if self.path.is_none() {
            self.unanswered = 0;
        }
    }

    /// This device's clock jumped, or the other one's may have.
    pub fn forget(&mut self, now: LocalTime) {
        self.filter.restart();
        self.room = None;
        self.path = None;
        self.unanswered = 0;
        self.next = now;
    }

    /// True while it answers, near enough to share a room.
    pub fn is_alive(&self) -> bool {
        self.path.is_some() && self.filter.shortest_round_trip().is_none_or(|trip| trip < FAR)
    }

    /// How much faster its clock runs, once that is known as well as it will ever be. (ppm)
    pub fn known_skew(&self) -> Option<f64> {
        let estimate = self.filter.estimate()?;
        estimate.knows_skew().then(|| estimate.skew_ppm())
    }

    /// From this device's clock to the room's, as this neighbour knows it.
    pub fn line(&self) -> Option<ClockEstimate> {
        Some(self.filter.estimate()?.followed_by(&self.room?.line))
    }

    pub fn due(&self) -> Option<LocalTime> {
        (!self.addresses.is_empty()).then_some(self.next)
    }

    /// Takes an answer. True if it is the first after silence.
    pub fn take(
        &mut self,
        now: LocalTime,
        address: SocketAddr,
        pong: &Pong,
        [t0, t3]: [LocalTime; 2],
    ) -> bool {
        let is_back = self.path.is_none();
        // Where it was may still be told of after it has gone.
        if is_back && self.port.is_some_and(|port| port != address.port()) {
            self.filter.restart();
        }
        if is_back {
            self.path = Some(address);
            self.port = Some(address.port());
            self.met = now;
            self.burst_left = BURST;
            self.next = now;
        }
        self.unanswered = 0;
        self.room = pong.room.filter(|_| pong.doubt < TOO_VAGUE);
        self.doubt = pong.doubt;
        let Pong { t1, t2, .. } = *pong;
        // A useless exchange says so itself; the next one comes soon.
        let _ = self.filter.add(ClockSample { t0, t1, t2, t3 });
        is_back
    }

    /// The questions that are due.
    pub fn take_due(&mut self, now: LocalTime, interest: Interest) -> Vec<Probe> {
        let interval = self.interval(now, interest);
        // Whom this device comes to follow is asked at that pace at once.
        self.next = self.next.min(now + interval);
        if now < self.next || self.addresses.is_empty() {
            return Vec::new();
        }
        if self.path.is_some() && self.unanswered >= SILENCE {
            self.path = None;
            self.room = None;
            self.unanswered = 0;
        }
        if self.burst_left == 0 {
            self.unanswered = self.unanswered.saturating_add(1);
        }
        let probe = |address| Probe { to: self.tag, address };
        let probes = match self.path {
            Some(path) => vec![probe(path)],
            None => self.addresses.iter().copied().map(probe).collect(),
        };
        self.next = now + self.interval(now, interest);
        self.burst_left = self.burst_left.saturating_sub(1);
        probes
    }

    fn interval(&self, now: LocalTime, interest: Interest) -> Span {
        if self.path.is_none() {
            let step = SEARCH.iter().find(|(rounds, _)| self.unanswered < *rounds);
            return step.map_or(SEARCH_LATER, |(_, interval)| *interval);
        }
        let usual = interest.interval();
        let usual = if now - self.met < LEARNING { usual.min(SEEKING_INTERVAL) } else { usual };
        match self.burst_left {
            // One is the question just sent; more have failed.
            0 if self.unanswered > 1 => usual.min(DOUBT_INTERVAL),
            0 => usual,
            _ => BURST_INTERVAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::time::SwarmTime;

    #[test]
    fn a_program_that_answers_at_another_port_is_measured_anew() {
        let ahead = [Span::from_secs(100), Span::from_secs(100) + Span::from_micros(700)];
        let mut neighbour = Neighbour::new(Tag(7), at(0), None);
        // The second moves to another network and is the same program still.
        for (ports, ahead, asked) in [([5_000, 5_000], ahead[0], 0), ([6_000, 6_000], ahead[1], 50)]
        {
            for (host, port) in [1, 2].into_iter().zip(ports) {
                let address = SocketAddr::from(([10, 0, 0, host], port));
                neighbour.reach_at(at(asked), &[address]);
                let is_known = neighbour.filter.estimate().is_some();
                assert_eq!(is_known, host == 2, "host {host}, port {port}");
                for number in asked..asked + 20 {
                    answer(&mut neighbour, address, number, ahead);
                }
                let estimate = neighbour.filter.estimate().expect("twenty answers");
                let error = estimate.to_swarm(at(asked + 20)) - (swarm(asked + 20) + ahead);
                assert!(error.abs() < Span::from_micros(10), "{error:?} off at {address}");
            }
        }
    }

    #[test]
    fn so_is_one_that_its_forerunner_is_still_told_of() {
        let ahead = Span::from_secs(100);
        let [before, after] = [5_000, 6_000].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let mut neighbour = Neighbour::new(Tag(7), at(0), None);
        neighbour.reach_at(at(0), &[before]);
        (0..20).for_each(|number| answer(&mut neighbour, before, number, ahead));
        neighbour.reach_at(at(20), &[before, after]);
        let mut asked = 20;
        while neighbour.is_alive() {
            neighbour.take_due(at(asked), Interest::Other);
            asked += 300;
        }
        assert!(neighbour.filter.estimate().is_some(), "it only fell silent");
        answer(&mut neighbour, after, asked, ahead);
        assert_eq!(neighbour.filter.estimate(), None);
    }

    fn answer(neighbour: &mut Neighbour, address: SocketAddr, number: i64, ahead: Span) {
        let way = Span::from_micros(50);
        let there = swarm(number) + ahead + way;
        let (from, to) = (Tag(7), Tag(1));
        let pong = Pong { from, to, probe: 0, t1: there, t2: there, doubt: Span::ZERO, room: None };
        let back = at(number) + way + way;
        neighbour.take(back, address, &pong, [at(number), back]);
    }

    fn at(number: i64) -> LocalTime {
        LocalTime::default() + Span::from_secs(1) + Span::from_millis(20 * number)
    }

    fn swarm(number: i64) -> SwarmTime {
        SwarmTime::from_nanos(at(number).as_nanos())
    }
}
