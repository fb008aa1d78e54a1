//! What plays when, and how far ahead to start it.
//!
//! A [`Schedule`] is a list of [`PlayoutPlan`]s: what is on air, and what follows at instants
//! that lie ahead. Whoever holds it computes the same future from it, as far as it goes.

use protocol::ids::FileId;
use protocol::limits;
use protocol::message::{Playback, Repeat};
use protocol::time::{LocalTime, MediaTime, Millis, Span, SwarmTime};

use crate::clock::ClockEstimate;

/// A song on the swarm's time line: `position` is heard at `anchor`, and every later
/// position follows at the song's own speed. Nothing else is needed to know what should be
/// heard at any instant, on any device, however late it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayoutPlan {
    /// What plays.
    pub file_id: FileId,
    /// The swarm time at which `position` is heard.
    pub anchor: SwarmTime,
    /// The position in the song that is heard at `anchor`.
    pub position: MediaTime,
    /// True when the song stands still at `position`, silent.
    pub is_paused: bool,
    /// The stretch that is played again and again once its end is reached.
    pub repeat: Option<Turn>,
}

/// A stretch of a song that is played in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its first position.
    pub from: MediaTime,
    /// The position behind its last one.
    pub to: MediaTime,
}

impl PlayoutPlan {
    /// A song that plays on to its end.
    pub fn playing(file_id: FileId, anchor: SwarmTime, position: MediaTime) -> Self {
        Self { file_id, anchor, position, is_paused: false, repeat: None }
    }

    /// The position that is heard at `at`; below zero before the song begins.
    pub fn position_at(&self, at: SwarmTime) -> MediaTime {
        if self.is_paused {
            return self.position;
        }
        let straight = self.position + (at - self.anchor);
        match self.turn() {
            Some(turn) if straight >= turn.to => {
                let over = (straight - turn.to).as_nanos() % (turn.to - turn.from).as_nanos();
                turn.from + Span::from_nanos(over)
            }
            _ => straight,
        }
    }

    /// The swarm time at which `position` is heard first, if the song goes straight on to it.
    pub fn time_of(&self, position: MediaTime) -> SwarmTime {
        self.anchor + (position - self.position)
    }

    /// True when a song of this length has been heard to its end at `at`.
    pub fn is_over(&self, duration: Span, at: SwarmTime) -> bool {
        !self.is_endless() && self.position_at(at) >= MediaTime::default() + duration
    }

    /// True while it has no end of its own: it stands still, or repeats.
    pub fn is_endless(&self) -> bool {
        self.is_paused || self.turn().is_some()
    }

    /// How much later this plan plays than `other`; none if they do not tell one time line.
    pub fn later_than(&self, other: &Self) -> Option<Span> {
        let is_alike = self.file_id == other.file_id
            && self.is_paused == other.is_paused
            && self.repeat == other.repeat
            && (!self.is_paused || self.position == other.position);
        is_alike.then(|| {
            if self.is_paused {
                self.anchor - other.anchor
            } else {
                self.time_of(MediaTime::default()) - other.time_of(MediaTime::default())
            }
        })
    }

    /// The stretches of straight playing that this plan is made of, from the one heard at `at`
    /// on. Endless if it repeats.
    pub fn stretches(&self, at: SwarmTime) -> impl Iterator<Item = Stretch> + use<> {
        let first = Stretch { anchor: self.anchor, position: self.position };
        let turn = self.turn();
        let length = turn.map(|turn| turn.to - turn.from);
        let turned = turn.map(|turn| self.time_of(turn.to));
        // Turns that are over by `at` need not be counted one by one.
        let passed = turned.zip(length).map_or(0, |(turned, length)| {
            ((at - turned).as_nanos().div_euclid(length.as_nanos()) + 1).max(0)
        });
        (passed..).map_while(move |number| {
            let (Some(turn), Some(turned), Some(length)) = (turn, turned, length) else {
                return (number == 0).then_some(first);
            };
            let later = Span::from_nanos(length.as_nanos().checked_mul(number - 1)?);
            let again = Stretch { anchor: turned + later, position: turn.from };
            Some(if number == 0 { first } else { again })
        })
    }

    /// The repeat, unless the song is beyond it.
    fn turn(&self) -> Option<Turn> {
        self.repeat.filter(|turn| self.position < turn.to && turn.from < turn.to)
    }

    /// The same time line in another clock: what is heard at `at` and after stays what it is.
    ///
    /// Both estimates are of this device's clock, so what they disagree on is the origin and
    /// speed of the swarm's; that is what a new time root changes.
    #[must_use]
    pub fn carried_over(&self, from: &ClockEstimate, to: &ClockEstimate, at: LocalTime) -> Self {
        let then = from.to_swarm(at);
        // Pinned at the present, so that the clocks' difference in speed has no past to act
        // on; a start that lies ahead keeps its first position instead.
        if then >= self.anchor {
            Self { position: self.position_at(then), anchor: to.to_swarm(at), ..self.clone() }
        } else {
            Self { anchor: to.to_swarm(from.to_local(self.anchor)), ..self.clone() }
        }
    }
}

/// A stretch of a song without a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins.
    pub anchor: SwarmTime,
    /// The position heard then.
    pub position: MediaTime,
}

/// What is on air and what follows, in that order. Each plan holds until the next begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    plans: Vec<PlayoutPlan>,
}

impl Schedule {
    /// Silence.
    pub const fn silent() -> Self {
        Self { plans: Vec::new() }
    }

    /// Adds what holds from its anchor on; what was to begin then or later is forgotten.
    /// Adding the same plan again changes nothing.
    pub fn add(&mut self, plan: PlayoutPlan) {
        self.plans.retain(|before| before.anchor < plan.anchor);
        if self.plans.len() == limits::MAX_SCHEDULE {
            self.plans.remove(0);
        }
        self.plans.push(plan);
    }

    /// Forgets what was over before `at`.
    pub fn forget_before(&mut self, at: SwarmTime) {
        let begun = self.plans.iter().take_while(|plan| plan.anchor <= at).count();
        self.plans.drain(..begun.saturating_sub(1));
    }

    /// What holds at `at`; before the first plan begins, that one.
    pub fn plan_at(&self, at: SwarmTime) -> Option<&PlayoutPlan> {
        self.plans.iter().rfind(|plan| plan.anchor <= at).or(self.plans.first())
    }

    /// The last plan: what holds in the end.
    pub fn last(&self) -> Option<&PlayoutPlan> {
        self.plans.last()
    }

    /// True when nothing is on air and nothing follows.
    pub fn is_silent(&self) -> bool {
        self.plans.is_empty()
    }

    /// Everything, earliest first.
    pub fn plans(&self) -> &[PlayoutPlan] {
        &self.plans
    }

    /// True if both tell one time line, told apart by less than `by`.
    pub fn tells_the_same(&self, other: &Self, by: Span) -> bool {
        self.plans.len() == other.plans.len()
            && self
                .plans
                .iter()
                .zip(&other.plans)
                .all(|(one, other)| one.later_than(other).is_some_and(|later| later.abs() <= by))
    }

    /// The same time line in another clock; see [`PlayoutPlan::carried_over`].
    #[must_use]
    pub fn carried_over(&self, from: &ClockEstimate, to: &ClockEstimate, at: LocalTime) -> Self {
        let mut carried = self.clone();
        carried.forget_before(from.to_swarm(at));
        for plan in &mut carried.plans {
            *plan = plan.carried_over(from, to, at);
        }
        carried
    }
}

impl From<PlayoutPlan> for Schedule {
    fn from(plan: PlayoutPlan) -> Self {
        Self { plans: vec![plan] }
    }
}

impl FromIterator<PlayoutPlan> for Schedule {
    fn from_iter<T: IntoIterator<Item = PlayoutPlan>>(plans: T) -> Self {
        let mut schedule = Self::silent();
        for plan in plans {
            schedule.add(plan);
        }
        schedule
    }
}

/// Least time between pressing play and the start, in a room.
///
/// The message has to reach everyone over a network that may hold it up for a moment. Half a
/// second from press to sound is still felt as immediate.
pub const MIN_LEAD: Span = Span::from_millis(200);

/// Least time between pressing play and the start over a wide area network, where the others
/// may be as far from the relay again.
pub const MIN_LEAD_FAR: Span = Span::from_millis(400);

/// Round trip from which the relay counts as far. No room's own network is that slow when
/// it is of use.
const FAR: Span = Span::from_millis(25);

/// Margin on top of what was measured, for the way of the message.
const MARGIN: Span = Span::from_millis(100);

/// Margin for a computer that is busy just then, on top of what an output needs.
const OUTPUT_MARGIN: Span = Span::from_millis(60);

/// Longest time between pressing play and the start: beyond it the slowest join late, in time.
pub const MAX_LEAD: Span = Span::from_secs(3);

/// How long before its start a song is announced.
///
/// `round_trip` is the longest usual one between a member and the relay, `output_notice` how
/// long before it is heard the slowest output must know of a sound: 180 ms where that is no
/// hardware but leads to a sound server.
pub fn lead(round_trip: Span, output_notice: Span) -> Span {
    let least = if round_trip < FAR { MIN_LEAD } else { MIN_LEAD_FAR };
    let message = round_trip.mul_f64(1.5) + MARGIN;
    let sound = output_notice + round_trip + OUTPUT_MARGIN;
    least.max(message).max(sound).min(MAX_LEAD)
}

impl From<&Playback> for PlayoutPlan {
    fn from(playback: &Playback) -> Self {
        Self {
            file_id: playback.file_id.clone(),
            anchor: playback.global_start_time_ms.into(),
            position: playback.position_ms.into(),
            is_paused: playback.paused,
            repeat: playback.repeat.map(Turn::from),
        }
    }
}

impl From<Repeat> for Turn {
    fn from(repeat: Repeat) -> Self {
        Self { from: repeat.from_ms().into(), to: repeat.to_ms().into() }
    }
}

impl From<&PlayoutPlan> for Playback {
    fn from(plan: &PlayoutPlan) -> Self {
        Self {
            file_id: plan.file_id.clone(),
            global_start_time_ms: Millis::from(plan.anchor),
            position_ms: Millis::from(plan.position),
            paused: plan.is_paused,
            repeat: plan
                .repeat
                .and_then(|turn| Repeat::new(Millis::from(turn.from), Millis::from(turn.to))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_joiner_finds_its_place_from_the_plan_alone() {
        let plan = plan();
        assert_eq!(plan.position_at(at(10.0)), MediaTime::from_millis_f64(30_000.0));
        assert_eq!(plan.position_at(at(73.25)), MediaTime::from_millis_f64(93_250.0));
        assert_eq!(plan.time_of(MediaTime::from_millis_f64(93_250.0)), at(73.25));
    }

    #[test]
    fn a_song_is_over_when_its_last_position_has_been_heard() {
        let duration = Span::from_secs(180);
        assert!(!plan().is_over(duration, at(159.9)));
        assert!(plan().is_over(duration, at(160.0)));
    }

    #[test]
    fn plans_of_one_song_compare_by_when_it_is_heard() {
        let plan = plan();
        let same = PlayoutPlan {
            anchor: at(20.0),
            position: MediaTime::from_millis_f64(40_000.0),
            ..plan.clone()
        };
        assert_eq!(same.later_than(&plan), Some(Span::ZERO));
        let later = PlayoutPlan { anchor: at(20.002), ..same };
        assert_eq!(later.later_than(&plan), Some(Span::from_millis(2)));
        let other = PlayoutPlan { file_id: file('b'), ..plan.clone() };
        assert_eq!(other.later_than(&plan), None);
    }

    #[test]
    fn a_repeated_stretch_is_heard_in_turns_without_end() {
        let plan = PlayoutPlan { repeat: Some(turn(32.0, 40.0)), ..plan() };
        for (when, position) in
            [(10.0, 30.0), (19.999, 39.999), (20.0, 32.0), (27.5, 39.5), (28.0, 32.0), (1e6, 36.0)]
        {
            let expected = MediaTime::from_millis_f64(position * 1e3);
            assert_eq!(plan.position_at(at(when)), expected, "at {when} s");
        }
        assert!(!plan.is_over(Span::from_secs(35), at(1e6)));
        let beyond = PlayoutPlan { repeat: Some(turn(5.0, 20.0)), ..plan };
        assert_eq!(beyond.position_at(at(100.0)), MediaTime::from_millis_f64(120_000.0));
    }

    #[test]
    fn its_stretches_say_the_same_as_its_positions() {
        let plan = PlayoutPlan { repeat: Some(turn(32.0, 40.0)), ..plan() };
        for when in [0.0, 10.0, 19.9, 20.0, 35.9, 36.0, 1_000.3] {
            let stretches: Vec<Stretch> = plan.stretches(at(when)).take(3).collect();
            let heard = stretches[0];
            assert_eq!(heard.position + (at(when) - heard.anchor), plan.position_at(at(when)));
            for next in &stretches[1..] {
                assert_eq!(plan.position_at(next.anchor), next.position, "from {when} s");
            }
            assert!(stretches.windows(2).all(|pair| pair[0].anchor < pair[1].anchor));
        }
        assert_eq!(self::plan().stretches(at(500.0)).count(), 1);
    }

    #[test]
    fn a_pause_lets_the_song_stand_still() {
        let paused = PlayoutPlan { is_paused: true, ..plan() };
        assert_eq!(paused.position_at(at(99.0)), MediaTime::from_millis_f64(30_000.0));
        assert!(!paused.is_over(Span::from_secs(1), at(99.0)));
        assert_eq!(paused.later_than(&plan()), None, "another time line");
    }

    #[test]
    fn what_is_on_air_holds_until_the_next_begins() {
        let mut schedule = Schedule::from(plan());
        let next = PlayoutPlan::playing(file('b'), at(50.0), MediaTime::default());
        schedule.add(next.clone());
        assert_eq!(schedule.plan_at(at(0.0)), Some(&plan()), "the first start lies ahead");
        assert_eq!(schedule.plan_at(at(49.999)), Some(&plan()));
        assert_eq!(schedule.plan_at(at(50.0)), Some(&next));
        let before = schedule.clone();
        schedule.add(next.clone());
        assert_eq!(schedule, before, "said twice");
        schedule.forget_before(at(60.0));
        assert_eq!(schedule.plans(), std::slice::from_ref(&next));
        schedule.forget_before(at(99.0));
        assert_eq!(schedule.plans(), [next]);
    }

    #[test]
    fn what_was_to_begin_later_is_forgotten_when_something_else_is_said() {
        let mut schedule = Schedule::from(plan());
        schedule.add(PlayoutPlan::playing(file('b'), at(50.0), MediaTime::default()));
        let sooner = PlayoutPlan { is_paused: true, anchor: at(40.0), ..plan() };
        schedule.add(sooner.clone());
        assert_eq!(schedule.plans(), [plan(), sooner]);
        for second in 0..100 {
            schedule.add(PlayoutPlan { anchor: at(60.0 + f64::from(second)), ..plan() });
        }
        assert!(schedule.plans().len() <= limits::MAX_SCHEDULE);
    }

    #[test]
    fn carried_to_another_clock_a_song_sounds_on_without_a_step() {
        let now = LocalTime::from_nanos(500_000_000_000);
        let old = ClockEstimate::exact(now, at(42.0), 30.0);
        let new = ClockEstimate::exact(now, at(-9_000.0), -50.0);
        for anchor in [at(10.0), at(42.3)] {
            let plan = PlayoutPlan { anchor, ..plan() };
            let carried = plan.carried_over(&old, &new, now);
            let soon = now + Span::from_millis(400);
            for moment in [now, soon] {
                let before = plan.position_at(old.to_swarm(moment));
                let after = carried.position_at(new.to_swarm(moment));
                // 80 ppm between the clocks for 0.4 s.
                assert!((after - before).abs() < Span::from_micros(35), "{:?}", after - before);
            }
            assert!(carried.position >= MediaTime::default());
        }
    }

    #[test]
    fn the_lead_covers_slow_links_and_slow_speakers_within_its_bounds() {
        let lead = |round_trip, latency| {
            lead(Span::from_millis(round_trip), Span::from_millis(latency)).as_millis_f64()
        };
        assert_eq!(lead(1, 20), 200.0, "a room");
        assert_eq!(lead(60, 20), 400.0, "a distant relay");
        assert_eq!(lead(400, 20), 700.0, "a very distant relay");
        assert_eq!(lead(1, 250), 311.0, "a slow speaker");
        assert_eq!(lead(1, 60_000), 3_000.0, "a nonsense latency");
    }

    #[test]
    fn a_plan_crosses_the_wire_within_a_quarter_microsecond() {
        let plan = PlayoutPlan { anchor: at(1_795_342_400.123_456_7), ..plan() };
        let back = PlayoutPlan::from(&Playback::from(&plan));
        let moved = back.later_than(&plan).expect("one song");
        assert!(moved.abs() <= Span::from_nanos(250), "{moved:?}");
    }

    fn plan() -> PlayoutPlan {
        let position = MediaTime::from_millis_f64(30_000.0);
        PlayoutPlan::playing(file('a'), at(10.0), position)
    }

    fn turn(from: f64, to: f64) -> Turn {
        let [from, to] = [from, to].map(|at| MediaTime::from_millis_f64(at * 1e3));
        Turn { from, to }
    }

    fn at(seconds: f64) -> SwarmTime {
        SwarmTime::default() + Span::from_secs_f64(seconds)
    }

    fn file(digit: char) -> FileId {
        FileId::parse(digit.to_string().repeat(64)).expect("64 hex digits")
    }
}
