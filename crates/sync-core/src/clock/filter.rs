//! From many exchanges to one line: [`ClockFilter`].

use protocol::time::{LocalTime, Span, SwarmTime};

use super::envelope::{Envelope, Passage, Trend};
use super::kalman::OffsetAndSkew;
use super::{ClockEstimate, ClockSample, LineError};

/// Exchanges needed before there is an estimate. (count)
///
/// Enough that the three lowest of each direction are a choice; a third of a start burst.
const MIN_SAMPLES: usize = 7;

/// Longest round trip believed. (1 second)
///
/// A path that slow says nothing that helps within a song; it is more likely a computer that
/// slept between the stamps.
const MAX_ROUND_TRIP: Span = Span::from_secs(1);

/// Random walk of the skew between two crystals: 0.05 ppm per √second. (1/s)
///
/// A crystal in a room that warms up moves by up to 1 ppm within seven minutes, steadily
/// rather than at random. In simulation 0.03 lags behind that by 5 µs on a wired path, and
/// 0.1 lets the jitter of Wi-Fi through.
const SKEW_WALK: f64 = 0.05e-6 * 0.05e-6;

/// Skew before anything is known of two clocks: two crystals at opposite ends of their
/// tolerance. (one standard deviation)
const UNKNOWN_SKEW: f64 = 100e-6;

/// Skew when the same pair of clocks was measured before. (one standard deviation)
const REMEMBERED_SKEW: f64 = 3e-6;

/// Least time between two corrections. (seconds)
///
/// Readings of the envelope that are closer share nearly all their passages.
const CORRECTION_INTERVAL: f64 = 0.19;

/// A reading further off than this many standard deviations counts less. (factor)
const GATE: f64 = 4.0;

/// How far the floors must lie below what another skew would give, to mean that the skew
/// moved: as when a network time daemon begins to slew. (standard deviations of a reading)
///
/// At 5 a slew of 5 ppm was never seen on a wired path, and cost 100 µs; at 2 it is seen two
/// seconds sooner than at 3, but a wired path's own rare outliers come close.
const BEND_EVIDENCE: f64 = 3.0;

/// And how far they must lie below it, per distance that few passages leave by chance.
/// (factor)
///
/// On busy Wi-Fi twenty seconds hold forty passages whose floors are a quarter of a
/// millisecond apart by luck. Without this such luck was taken for a bend: errors up to
/// 1.7 ms. From 5 to 14 the results in simulation are alike.
const BEND_CHANCE: f64 = 8.0;

/// Look back that is left after a bend. (seconds)
///
/// What is older was measured under another skew. The bend itself is seen within about this
/// time; with twice as much the error stays above 100 µs for a minute on good Wi-Fi.
const BEND_MEMORY: f64 = 10.0;

/// How much the doubt that is told exceeds the filter's own, per mean age of the passages that
/// it rests on. (1/s)
///
/// Corrections that follow each other share their passages and do not add up as the filter
/// takes them to: on a wired path, whose passages are young, hardly, on busy Wi-Fi by a factor
/// of two. With it 99 of 100 errors are below 2.3 times the doubt on every path.
const SHARED_READINGS: f64 = 0.05;

/// Exchanges in a row, contradicting the line, that mean the line is wrong. (count)
///
/// An exchange contradicts the line when its offset differs by more than half its round
/// trip: no delay can do that.
const CONTRADICTIONS: u32 = 3;

/// Contradiction beyond which a clock was stepped rather than slewed. (seconds)
///
/// The fastest slew of a network time daemon, 500 ppm, needs ten seconds for it.
const STEP: f64 = 5e-3;

/// Why an exchange was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The answer came before or with the question, by one clock or the other.
    #[error("round trip {0:?} is not above zero")]
    NotCausal(Span),
    /// The exchange took too long to say anything.
    #[error("round trip {0:?} is above one second")]
    TooSlow(Span),
}

/// Turns exchanges with one time root into an estimate of its clock.
///
/// The floors of both directions' delays give the offset (see `envelope`); a two-state Kalman
/// filter joins these readings into a line. A constant difference between the two ways stays
/// in the result, by half: no filter can see it.
#[derive(Clone, Debug)]
pub struct ClockFilter {
    /// Where the arithmetic has its zero point, so that doubles keep all digits.
    zero: Option<ZeroPoint>,
    envelope: Envelope,
    line: Option<Line>,
    prior: Prior,
    /// Exchanges in a row that no delay explains.
    contradictions: u32,
}

#[derive(Clone, Copy, Debug)]
struct ZeroPoint {
    local: LocalTime,
    swarm: SwarmTime,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// When the state holds. (seconds)
    at: f64,
    state: OffsetAndSkew,
    /// When the first estimate was made. (seconds)
    since: f64,
    /// Mean age of the passages that the last correction rests on. (seconds)
    age: f64,
}

/// What is known of the skew beforehand.
#[derive(Clone, Copy, Debug)]
struct Prior {
    skew: f64,
    sigma: f64,
}

impl Default for ClockFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl ClockFilter {
    /// A filter that knows nothing of the two clocks.
    pub fn new() -> Self {
        Self::from_prior(Prior { skew: 0.0, sigma: UNKNOWN_SKEW })
    }

    /// A filter for two clocks whose skew was measured before. (parts per million)
    pub fn with_skew_ppm(skew_ppm: f64) -> Self {
        Self::from_prior(Prior { skew: skew_ppm * 1e-6, sigma: REMEMBERED_SKEW })
    }

    fn from_prior(prior: Prior) -> Self {
        Self { zero: None, envelope: Envelope::default(), line: None, prior, contradictions: 0 }
    }

    /// Forgets everything but the skew: a clock jumped, both crystals stayed.
    pub fn restart(&mut self) {
        *self = match self.skew_prior() {
            Some(prior) => Self::from_prior(prior),
            None => Self::from_prior(self.prior),
        };
    }

    /// Uses one exchange.
    ///
    /// # Errors
    ///
    /// [`SampleError`]; the estimate is unchanged.
    pub fn add(&mut self, sample: ClockSample) -> Result<(), SampleError> {
        let round_trip = sample.round_trip();
        if round_trip <= Span::ZERO || sample.t3 <= sample.t0 || sample.t2 < sample.t1 {
            return Err(SampleError::NotCausal(round_trip));
        }
        if sample.t3 - sample.t0 > MAX_ROUND_TRIP {
            return Err(SampleError::TooSlow(round_trip));
        }
        let zero = *self.zero.get_or_insert(ZeroPoint { local: sample.t0, swarm: sample.t1 });
        let passage = zero.passage(&sample);
        self.envelope.add(passage);
        match self.contradiction(&passage) {
            Some(excess) if excess > STEP => self.restart(),
            Some(excess) => self.bend(excess, UNKNOWN_SKEW),
            None => {}
        }
        self.correct((sample.t3 - zero.local).as_secs_f64());
        Ok(())
    }

    /// The clock as far as it is known; none before the first few exchanges.
    pub fn estimate(&self) -> Option<ClockEstimate> {
        let (zero, line) = (self.zero?, self.line?);
        let local = zero.local + Span::from_secs_f64(line.at);
        let swarm = zero.swarm + (local - zero.local) + Span::from_secs_f64(line.state.offset);
        let error = line.state.error;
        let shared = (1.0 + SHARED_READINGS * line.age).powi(2);
        let error = LineError { offset: error.offset * shared, ..error };
        Some(ClockEstimate::from_line(local, swarm, line.state.skew, error))
    }

    /// Shortest round trip of the last minute.
    pub fn shortest_round_trip(&self) -> Option<Span> {
        self.envelope.passages().map(Passage::round_trip).min_by(f64::total_cmp).map(seconds)
    }

    /// Round trip that nineteen of twenty recent exchanges stayed below.
    pub fn long_round_trip(&self) -> Option<Span> {
        let mut recent: Vec<f64> =
            self.envelope.passages().rev().take(100).map(Passage::round_trip).collect();
        recent.sort_by(f64::total_cmp);
        let rank = (recent.len() * 19).div_ceil(20);
        recent.get(rank.checked_sub(1)?).copied().map(seconds)
    }

    /// Brings the line to `now` by what the envelope says.
    fn correct(&mut self, now: f64) {
        if self.envelope.len() < MIN_SAMPLES {
            return;
        }
        match self.line {
            // Until the start burst is over each reading replaces the one before: they
            // share their passages, so they do not add up.
            Some(line) if now - line.since >= CORRECTION_INTERVAL => {
                if now - line.at >= CORRECTION_INTERVAL {
                    self.advance(line, now);
                }
            }
            line => self.begin(line.map_or(now, |line| line.since), now),
        }
    }

    fn begin(&mut self, since: f64, now: f64) {
        let Prior { skew, sigma } = self.prior;
        let trend = Trend { skew, doubt: sigma, walk: SKEW_WALK };
        let Some(reading) = self.envelope.read(now, trend) else { return };
        let error = LineError {
            offset: reading.sigma.powi(2),
            cross: 0.0,
            skew: sigma.powi(2),
            walk: SKEW_WALK,
        };
        let state = OffsetAndSkew { offset: reading.offset + skew * reading.age, skew, error };
        self.line = Some(Line { at: now, state, since, age: 0.0 });
    }

    fn advance(&mut self, line: Line, now: f64) {
        let dt = now - line.at;
        let mut state = line.state.after(dt);
        let doubt = state.error.skew.sqrt();
        let trend = Trend { skew: state.skew, doubt, walk: SKEW_WALK };
        let Some(reading) = self.envelope.read(now, trend) else { return };

        let mut variance = reading.sigma.powi(2);
        let surprise = reading.offset - (state.offset - reading.age * state.skew);
        let limit = GATE * (state.error.offset + reading.sigma.powi(2)).sqrt();
        if surprise.abs() > limit {
            variance *= (surprise / limit).powi(2);
        }
        state = state.corrected(reading.offset, reading.age, variance);
        self.line = Some(Line { at: now, state, since: line.since, age: reading.age });
        let hint = self.envelope.highest_floors(now, state.skew);
        let change = (hint.skew - state.skew).abs();
        let evidence = (BEND_EVIDENCE * reading.sigma).max(BEND_CHANCE * hint.chance);
        if hint.gain > evidence && change > GATE * state.error.skew.sqrt() {
            self.bend(hint.gain, change);
        }
    }

    /// By how much several exchanges in a row contradict the line, if they do. (seconds)
    fn contradiction(&mut self, passage: &Passage) -> Option<f64> {
        let line = self.line?;
        let expected = line.state.after(passage.at - line.at);
        let excess = (passage.offset() - expected.offset).abs() - passage.round_trip() / 2.0;
        let doubt = GATE * expected.error.offset.max(0.0).sqrt();
        self.contradictions = if excess > doubt { self.contradictions + 1 } else { 0 };
        (self.contradictions >= CONTRADICTIONS).then_some(excess)
    }

    /// Learns the line's slope anew, from where it is: one of the clocks changed its speed.
    /// The line is off by about `offset` (seconds), its slope by about `skew`.
    fn bend(&mut self, offset: f64, skew: f64) {
        self.contradictions = 0;
        self.envelope.forget_beyond(BEND_MEMORY);
        if let Some(line) = &mut self.line {
            line.state.error.offset += offset * offset;
            line.state.error.skew += skew * skew;
        }
    }

    /// The skew as found so far, if that says more than what was known before.
    fn skew_prior(&self) -> Option<Prior> {
        let state = self.line?.state;
        let sigma = state.error.skew.sqrt().max(REMEMBERED_SKEW);
        (sigma < self.prior.sigma).then_some(Prior { skew: state.skew, sigma })
    }
}

impl ZeroPoint {
    fn passage(&self, sample: &ClockSample) -> Passage {
        let [t0, t3] = [sample.t0, sample.t3].map(|t| t - self.local);
        let [t1, t2] = [sample.t1, sample.t2].map(|t| t - self.swarm);
        Passage {
            at: (t0 + t3).as_secs_f64() / 2.0,
            forward: (t1 - t0).as_secs_f64(),
            backward: (t3 - t2).as_secs_f64(),
        }
    }
}

fn seconds(value: f64) -> Span {
    Span::from_secs_f64(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_of_more_than_a_second_says_nothing() {
        let mut filter = ClockFilter::new();
        let sample = exchange(Span::from_millis(1_001));
        assert_eq!(filter.add(sample), Err(SampleError::TooSlow(sample.round_trip())));
        assert_eq!(filter.add(exchange(Span::from_millis(999))), Ok(()));
    }

    #[test]
    fn an_answer_before_its_question_is_refused() {
        let backward = exchange(Span::from_millis(-1));
        assert!(matches!(ClockFilter::new().add(backward), Err(SampleError::NotCausal(_))));
    }

    #[test]
    fn a_few_exchanges_are_not_a_clock_yet() {
        let mut filter = ClockFilter::new();
        for k in 0..MIN_SAMPLES as i64 {
            assert_eq!(filter.estimate(), None, "after {k} exchanges");
            let at = Span::from_millis(12 * k);
            let sample = exchange(Span::from_micros(200));
            filter
                .add(ClockSample {
                    t0: sample.t0 + at,
                    t1: sample.t1 + at,
                    t2: sample.t2 + at,
                    t3: sample.t3 + at,
                })
                .expect("a plain exchange");
        }
        let estimate = filter.estimate().expect("enough exchanges");
        let now = LocalTime::from_nanos(84_000_000);
        let off = estimate.to_swarm(now) - (exchange(Span::ZERO).t1 + Span::from_millis(84));
        assert!(off.abs() < Span::from_micros(1), "{off:?}");
    }

    /// One exchange over an even path, begun at local time zero.
    fn exchange(round_trip: Span) -> ClockSample {
        let t0 = LocalTime::default();
        let middle = SwarmTime::from_nanos(1_795_342_400_000_000_000) + round_trip.mul_f64(0.5);
        ClockSample { t0, t1: middle, t2: middle, t3: t0 + round_trip }
    }
}
