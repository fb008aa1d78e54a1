//! By which way to ask the relay for its time.
//!
//! UDP, because over TCP one lost packet holds up all that follow, and because the system
//! stamps datagrams as they arrive. Where no datagram comes through, the WebSocket; and now
//! and then that anyway, because a connection on which nothing is said looks dead.

use protocol::time::{LocalTime, Span};

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a datagram.
    Udp,
    /// By a `timePing` over the WebSocket.
    WebSocket,
}

/// Silence after which datagrams count as lost on this path.
///
/// Six at the slowest pace.
const UDP_SILENCE: Span = Span::from_secs(3);

/// Between two questions over a WebSocket that nothing else is asked over. A third of the
/// silence after which the link gives it up.
const SIGN_OF_LIFE: Span = Span::from_secs(2);

/// The same at a relay that a member's app carries, which may go any moment: a quarter of the
/// silence after which the link gives it up.
const BRISK_SIGN_OF_LIFE: Span = Span::from_millis(400);

/// Between two tries of a way that did not answer.
const RETRY: Span = Span::from_secs(5);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asking {
    /// The relay says that it answers datagrams.
    by_udp: bool,
    /// Its silence must soon be noticed.
    is_brisk: bool,
    since: Option<LocalTime>,
    udp_answered: Option<LocalTime>,
    udp_asked: Option<LocalTime>,
    socket_asked: Option<LocalTime>,
}

impl Asking {
    /// For a relay that answers datagrams, or does not, and whose silence is to be noticed sooner
    /// than others' if `is_brisk`.
    pub fn new(by_udp: bool, is_brisk: bool) -> Self {
        Self { by_udp, is_brisk, ..Self::default() }
    }

    /// A datagram was answered.
    pub fn answered(&mut self, now: LocalTime) {
        self.udp_answered = Some(now);
    }

    /// True while datagrams are answered.
    pub fn relies_on_udp(&self, now: LocalTime) -> bool {
        self.udp_answered.is_some_and(|at| now - at < UDP_SILENCE)
    }

    /// The ways to ask at `now`.
    pub fn ways(&mut self, now: LocalTime) -> impl Iterator<Item = Way> + use<> {
        let is_due = |asked: Option<LocalTime>, pause| asked.is_none_or(|at| now - at >= pause);
        let is_young = now - *self.since.get_or_insert(now) < UDP_SILENCE;
        let relies = self.relies_on_udp(now);
        // At first both at once: the burst of a new connection must not be lost on one.
        let udp = self.by_udp && (relies || is_young || is_due(self.udp_asked, RETRY));
        let sign = if self.is_brisk { BRISK_SIGN_OF_LIFE } else { SIGN_OF_LIFE };
        let socket = !relies || is_due(self.socket_asked, sign);
        if udp {
            self.udp_asked = Some(now);
        }
        if socket {
            self.socket_asked = Some(now);
        }
        [(udp, Way::Udp), (socket, Way::WebSocket)]
            .into_iter()
            .filter_map(|(asks, way)| asks.then_some(way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_datagrams_are_answered_the_websocket_only_shows_that_it_lives() {
        let mut asking = Asking::new(true, false);
        let mut asked = [0, 0];
        for tick in 0..200 {
            let now = at(tick);
            for way in asking.ways(now) {
                asked[usize::from(way == Way::WebSocket)] += 1;
                if way == Way::Udp {
                    asking.answered(now);
                }
            }
        }
        assert_eq!(asked, [200, 10], "twenty seconds, ten times a second");
        assert!(asking.relies_on_udp(at(200)));
    }

    #[test]
    fn where_datagrams_get_lost_the_websocket_is_asked() {
        let mut asking = Asking::new(true, false);
        asking.answered(at(0));
        let ways = |asking: &mut Asking, tick| asking.ways(at(tick)).collect::<Vec<_>>();
        assert_eq!(ways(&mut asking, 1), [Way::Udp, Way::WebSocket]);
        assert_eq!(ways(&mut asking, 2), [Way::Udp]);
        let later: Vec<Vec<Way>> = (30..100).map(|tick| ways(&mut asking, tick)).collect();
        assert!(later.iter().all(|ways| ways.contains(&Way::WebSocket)));
        let tries = later.iter().filter(|ways| ways.contains(&Way::Udp)).count();
        assert_eq!(tries, 2, "in seven seconds");
    }

    #[test]
    fn a_relay_without_datagrams_is_asked_over_the_websocket() {
        let mut asking = Asking::new(false, false);
        for tick in 0..10 {
            assert_eq!(asking.ways(at(tick)).collect::<Vec<_>>(), [Way::WebSocket]);
        }
    }

    fn at(tenths: i64) -> LocalTime {
        LocalTime::default() + Span::from_millis(100 * tenths)
    }
}
