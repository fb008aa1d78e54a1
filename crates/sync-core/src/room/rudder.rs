//! How the root brings its room after the relay's clock: slowly, so that nobody hears it.
//!
//! Everyone in the room hears the same change, but learns of it up to half a second apart;
//! so what changes is a rate, by little at a time, and never the time itself.

use protocol::datagram::Line;
use protocol::time::{LocalTime, Span};

use crate::clock::ClockEstimate;

/// Between two changes.
const TURN_INTERVAL: Span = Span::from_secs(1);

/// How long a room counts as young: its first idea of the relay's clock came from few
/// exchanges.
const YOUTH: Span = Span::from_secs(15);

/// Time in which an error shrinks to a third, in a young room and later. (s)
const PULL: [f64; 2] = [5.0, 20.0];

/// Strongest pull, in a young room and later. (s/s)
///
/// Two members learn of a change half a second apart at most: 20 ppm are 10 µs between them,
/// and half a cent of pitch is 300 ppm.
const STRONGEST: [f64; 2] = [100e-6, 20e-6];

/// Change of the rate that is made at once, later. (s/s)
const SMALL_TURN: f64 = 2e-6;

/// Share of a larger change that is made at once, later: a rate that was wrong from the young
/// room's first idea may not stay for minutes.
const LARGE_TURN_SHARE: f64 = 0.2;

/// Error beyond which pulling would take minutes, in silence and while music plays: the first
/// idea was wrong. Members learn of a leap up to half a second apart, so music has to be far
/// from other rooms' before that is the lesser evil.
const HOPELESS: [Span; 2] = [Span::from_millis(10), Span::from_millis(200)];

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rudder {
    /// Until then the room is young; none if it is not.
    young_until: Option<LocalTime>,
    next: Option<LocalTime>,
}

impl Rudder {
    /// For a room founded at `now`. The default is for one that was there before.
    pub fn of_new_room(now: LocalTime) -> Self {
        Self { young_until: Some(now + YOUTH), next: None }
    }

    pub fn due(&self) -> Option<LocalTime> {
        self.next
    }

    /// The correction from now on, if it is time for another. `line` leads from this device's
    /// clock to the room's, `known` to the relay's; `before` is what holds until now.
    pub fn turn(
        &mut self,
        now: LocalTime,
        clock: u64,
        line: &ClockEstimate,
        known: &ClockEstimate,
        before: Option<Line>,
        is_playing: bool,
    ) -> Option<Line> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + TURN_INTERVAL);
        let pin = line.to_swarm(now);
        // What the relay's clock gains on the room's.
        let gain = (known.skew_ppm() - line.skew_ppm()) * 1e-6;
        let fresh = Line { clock, pin, offset: known.to_swarm(now) - pin, rate: gain };
        let Some(before) = before else { return Some(fresh) };
        let behind = known.to_swarm(now) - before.apply(pin);
        if behind.abs() > HOPELESS[usize::from(is_playing)] {
            return Some(fresh);
        }
        let age = usize::from(self.young_until.is_none_or(|until| now >= until));
        let pull = (behind.as_secs_f64() / PULL[age]).clamp(-STRONGEST[age], STRONGEST[age]);
        let wanted = gain + pull - before.rate;
        let largest = [STRONGEST[0], SMALL_TURN.max(LARGE_TURN_SHARE * wanted.abs())][age];
        let turn = wanted.clamp(-largest, largest);
        Some(Line { clock, pin, offset: before.apply(pin) - pin, rate: before.rate + turn })
    }
}
