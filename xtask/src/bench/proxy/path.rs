//! When a packet arrives that is sent now, on a network that is as bad as asked for.
//!
//! A rule without sockets: time goes in, time comes out, and the same seed gives the same
//! network. One [`Path`] is one direction of one connection.

use protocol::LocalTime;
use protocol::time::Span;

use crate::chance::Chance;

/// How long a lost segment of a stream is missed: the least time after which Linux sends one
/// again.
const RETRANSMISSION: Span = Span::from_millis(200);

/// What one direction of a network is like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Leg {
    /// What every packet takes.
    pub delay: Span,
    /// Each packet takes up to this more or less, all values alike.
    pub jitter: Span,
    /// Share of packets that is lost; a stream sends them again, and what follows waits.
    pub loss: f64,
    /// Whether a datagram may arrive before one that was sent earlier.
    pub overtaking: bool,
    /// Times at which nothing gets through.
    pub stall: Option<Stall>,
}

/// A queue somewhere that fills and empties: what is sent meanwhile arrives at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    /// From the beginning of one to that of the next, on average.
    pub every: Span,
    /// How long nothing gets through.
    pub length: Span,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Packets on their own.
    Datagrams,
    /// Bytes that arrive all and in order.
    Stream,
}

/// One direction of one connection.
pub struct Path {
    leg: Leg,
    kind: Kind,
    chance: Chance,
    newest: LocalTime,
    stalls: Stalls,
}

impl Path {
    /// A path that is `seed`'s `number`th. Stalls are those of the whole direction: all paths
    /// of one seed and one `opened` have them at the same times.
    pub fn new(leg: Leg, kind: Kind, (seed, number): (u64, u64), opened: LocalTime) -> Self {
        Self {
            leg,
            kind,
            chance: Chance::new(seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
            newest: LocalTime::default(),
            stalls: Stalls::new(leg.stall, seed, opened),
        }
    }

    /// When that which is sent at `now` arrives; never, if it is lost.
    pub fn arrival(&mut self, now: LocalTime) -> Option<LocalTime> {
        let spread = self.leg.jitter.mul_f64(self.chance.between(-1.0, 1.0));
        let is_lost = self.chance.between(0.0, 1.0) < self.leg.loss;
        let taken = (self.leg.delay + spread).max(Span::ZERO);
        let mut at = self.stalls.end(now).max(now) + taken;
        if is_lost {
            match self.kind {
                Kind::Datagrams => return None,
                Kind::Stream => at += RETRANSMISSION,
            }
        }
        if self.kind == Kind::Stream || !self.leg.overtaking {
            at = at.max(self.newest);
        }
        self.newest = self.newest.max(at);
        Some(at)
    }
}

struct Stalls {
    stall: Option<Stall>,
    chance: Chance,
    next: LocalTime,
    until: LocalTime,
}

impl Stalls {
    fn new(stall: Option<Stall>, seed: u64, opened: LocalTime) -> Self {
        let mut stalls = Self {
            stall,
            chance: Chance::new(seed.rotate_left(32)),
            next: opened,
            until: LocalTime::default(),
        };
        stalls.advance();
        stalls
    }

    /// When the stall ends that `now` lies in; some earlier time if there is none.
    fn end(&mut self, now: LocalTime) -> LocalTime {
        while let Some(stall) = self.stall.filter(|_| self.next <= now) {
            self.until = self.next + stall.length;
            self.advance();
        }
        self.until
    }

    fn advance(&mut self) {
        if let Some(stall) = self.stall {
            let pause = stall.every.mul_f64(self.chance.between(0.5, 1.5));
            self.next += pause.max(Span::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: usize = 2_000;

    /// Milliseconds that packets take which are sent every 5 ms.
    fn taken(leg: Leg, kind: Kind, seed: u64) -> Vec<Option<f64>> {
        let opened = LocalTime::from_nanos(1_000_000_000);
        let mut path = Path::new(leg, kind, (seed, 1), opened);
        (0..SENT as i64)
            .map(|number| {
                let now = opened + Span::from_millis(5 * number);
                path.arrival(now).map(|at| (at - now).as_millis_f64())
            })
            .collect()
    }

    fn millis(value: i64) -> Span {
        Span::from_millis(value)
    }

    #[test]
    fn delay_and_jitter_are_what_was_asked_for_and_come_again_with_the_seed() {
        let leg = Leg { delay: millis(20), jitter: millis(10), overtaking: true, ..Leg::default() };
        let found = taken(leg, Kind::Datagrams, 7);
        let values: Vec<f64> = found.iter().flatten().copied().collect();
        assert_eq!(values.len(), SENT);
        assert!(values.iter().all(|taken| (10.0..=30.0).contains(taken)));
        let mean = values.iter().sum::<f64>() / SENT as f64;
        assert!((mean - 20.0).abs() < 0.5, "{mean} ms on average");
        assert_eq!(found, taken(leg, Kind::Datagrams, 7));
        assert_ne!(found, taken(leg, Kind::Datagrams, 8));
    }

    #[test]
    fn datagrams_may_overtake_and_streams_never_do() {
        let overtaken = |kind, overtaking| {
            let leg = Leg { delay: millis(20), jitter: millis(10), overtaking, ..Leg::default() };
            let arrivals: Vec<f64> = taken(leg, kind, 3)
                .into_iter()
                .enumerate()
                .filter_map(|(number, taken)| Some(number as f64 * 5.0 + taken?))
                .collect();
            arrivals.windows(2).filter(|pair| pair[1] < pair[0]).count()
        };
        assert!(overtaken(Kind::Datagrams, true) > 100);
        assert_eq!(overtaken(Kind::Datagrams, false), 0);
        assert_eq!(overtaken(Kind::Stream, true), 0);
    }

    #[test]
    fn a_lost_datagram_is_gone_and_a_lost_segment_comes_late() {
        let leg = Leg { loss: 0.1, ..Leg::default() };
        let lost = taken(leg, Kind::Datagrams, 5).iter().filter(|taken| taken.is_none()).count();
        assert!((150..250).contains(&lost), "{lost} of {SENT}");
        let stream = taken(leg, Kind::Stream, 5);
        assert!(stream.iter().all(Option::is_some));
        assert!(stream.contains(&Some(200.0)));
    }

    #[test]
    fn what_is_sent_in_a_stall_arrives_at_its_end() {
        let stall = Stall { every: millis(1_000), length: millis(300) };
        let leg = Leg { stall: Some(stall), ..Leg::default() };
        let found = taken(leg, Kind::Datagrams, 9);
        let held = found.iter().flatten().filter(|taken| **taken > 0.0).count() as f64;
        let longest = found.iter().flatten().copied().fold(0.0, f64::max);
        assert!((0.2..0.4).contains(&(held / SENT as f64)), "{held} of {SENT} held up");
        assert!((290.0..=300.0).contains(&longest), "{longest} ms at most");
    }
}
