//! What this device plays, and the clock it reads it by.
//!
//! A plan is written in the swarm's clock. When a relay is replaced the swarm gets another
//! clock, which must first be learnt; meanwhile the plan goes on under the estimate of the
//! old one, so that nobody hears anything. Once the new clock is known at least as well, the
//! plan is carried over to it. Start at [`Timeline::settle`].

use protocol::time::{LocalTime, Span};

use crate::clock::{ClockEstimate, ClockFilter, ClockSample, SampleError};
use crate::schedule::{PlayoutPlan, Schedule};

/// Doubt about a new clock that is as good as none. (one standard deviation)
///
/// What a local network settles at.
const WELL_KNOWN: Span = Span::from_micros(30);

/// Shortest time that a new clock is learnt before a plan is carried over to it. The first
/// answers of a relay that has just started are all delayed alike, which no doubt shows:
/// carried over after 0.3 s, members were 0.5 ms off for five seconds (measured). The old
/// clock loses a few microseconds meanwhile.
const LEARNING: Span = Span::from_secs(3);

/// Longest time that a plan waits under the old clock for the new one to be known better.
const PATIENCE: Span = Span::from_secs(6);

/// How far apart two plans may lie and still be one song's time line told twice. A person
/// who seeks means to move further than this.
const SAME_LINE: Span = Span::from_millis(20);

/// The plan on air and the clock it is written in.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    filter: ClockFilter,
    /// When the relay's clock was first known.
    known_since: Option<LocalTime>,
    /// The relay's clock by way of the room's.
    room: Option<ClockEstimate>,
    /// The relay alone is not believed yet: a room's answer may come any moment.
    waits_for_room: bool,
    schedule: Schedule,
    carrying: Option<Carrying>,
}

/// A plan in the clock of an earlier time root.
#[derive(Clone, Debug)]
struct Carrying {
    /// The clock that the plan is written in.
    old: ClockEstimate,
    /// When the new clock was first known.
    known_since: Option<LocalTime>,
    /// What is to play under the new clock, if that was said already.
    next: Option<Schedule>,
}

impl Timeline {
    /// What is on air and what follows.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What is on air at `now`, or will be first.
    pub fn plan(&self, now: LocalTime) -> Option<&PlayoutPlan> {
        match self.clock() {
            Some(clock) => self.schedule.plan_at(clock.to_swarm(now)),
            None => self.schedule.plans().first(),
        }
    }

    /// Forgets what is over at `now`.
    pub fn forget_past(&mut self, now: LocalTime) {
        if let Some(clock) = self.clock() {
            self.schedule.forget_before(clock.to_swarm(now));
        }
    }

    /// The clock that [`Self::schedule`] is written in; none while it is not known.
    pub fn clock(&self) -> Option<ClockEstimate> {
        match &self.carrying {
            Some(carrying) => Some(carrying.old),
            None => self.root_clock(),
        }
    }

    /// The clock of the present relay: by way of the room, or else as asked directly.
    pub fn root_clock(&self) -> Option<ClockEstimate> {
        self.room.or_else(|| self.filter.estimate().filter(|_| !self.waits_for_room))
    }

    /// The relay's clock as this device alone knows it, and whether that was learnt for long
    /// enough to hardly move any more.
    pub fn relay_clock(&self, now: LocalTime) -> (Option<ClockEstimate>, bool) {
        let is_learnt = self.known_since.is_some_and(|since| now - since >= LEARNING);
        (self.filter.estimate(), is_learnt)
    }

    /// What the room says of the relay's clock, if it says anything; `waits` while it may soon.
    pub fn hear_room(&mut self, room: Option<ClockEstimate>, waits: bool) {
        self.room = room;
        self.waits_for_room = waits;
    }

    /// The present time root's clock once it is known well enough to play by, and nothing is
    /// left in the clock of an earlier one.
    pub fn settled_clock(&self, now: LocalTime) -> Option<ClockEstimate> {
        let estimate = self.root_clock().filter(|_| self.carrying.is_none())?;
        estimate.is_fit_to_play(now).then_some(estimate)
    }

    /// What the exchanges with the time root say about the path to it.
    pub fn path(&self) -> &ClockFilter {
        &self.filter
    }

    /// Uses one exchange with the time root.
    ///
    /// # Errors
    ///
    /// [`SampleError`]; nothing has changed.
    pub fn measure(&mut self, sample: ClockSample) -> Result<(), SampleError> {
        self.filter.add(sample)?;
        if self.filter.estimate().is_some() {
            self.known_since.get_or_insert(sample.t3);
        }
        Ok(())
    }

    /// Plays by `schedule`, written in the present time root's clock.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        match &mut self.carrying {
            Some(carrying) if !schedule.is_silent() => carrying.next = Some(schedule),
            _ => {
                self.schedule = schedule;
                self.carrying = None;
            }
        }
    }

    /// Plays by `plan` from its anchor on; it is written in the present time root's clock.
    pub fn add(&mut self, plan: PlayoutPlan) {
        match &mut self.carrying {
            Some(carrying) => carrying.next.get_or_insert_default().add(plan),
            None => self.schedule.add(plan),
        }
    }

    /// The swarm has another clock from now on. What plays goes on under the old one.
    pub fn replace_root(&mut self) {
        let old = self.clock();
        self.filter = ClockFilter::new();
        self.known_since = None;
        self.room = None;
        let is_playing = !self.schedule.is_silent();
        self.carrying =
            old.filter(|_| is_playing).map(|old| Carrying { old, known_since: None, next: None });
        if self.carrying.is_none() {
            // Written in a clock that nobody can read any more.
            self.schedule = Schedule::silent();
        }
    }

    /// This device's clock jumped: nothing that was known of the swarm's clock holds.
    pub fn lose_clock(&mut self) {
        self.filter.restart();
        self.known_since = None;
        self.room = None;
        if let Some(carrying) = self.carrying.take() {
            self.schedule = carrying.next.unwrap_or_default();
        }
    }

    /// Takes a plan over to the present time root's clock once that is known well enough.
    /// True if it did.
    pub fn settle(&mut self, now: LocalTime) -> bool {
        let (Some(new), is_shared) = (self.root_clock(), self.room.is_some()) else { return false };
        let Some(carrying) = &mut self.carrying else { return false };
        let known_since = *carrying.known_since.get_or_insert(now);
        let doubt = new.uncertainty(now);
        let learnt = now - known_since;
        let is_sure = doubt <= WELL_KNOWN.max(carrying.old.uncertainty(now));
        // What a room says of its relay was learnt before it was said.
        let is_known = (is_sure && (learnt >= LEARNING || is_shared)) || learnt >= PATIENCE;
        let carried = self.schedule.carried_over(&carrying.old, &new, now);
        let schedule = match &carrying.next {
            // A new song or a new place in it: no reason to wait.
            Some(next) if !next.tells_the_same(&carried, SAME_LINE) && new.is_fit_to_play(now) => {
                next.clone()
            }
            Some(next) if is_known => next.clone(),
            None if is_known => carried,
            Some(_) | None => return false,
        };
        self.schedule = schedule;
        self.carrying = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::FileId;
    use protocol::time::{MediaTime, SwarmTime};

    #[test]
    fn a_song_plays_on_while_the_swarm_gets_another_clock() {
        let mut line = playing_for(20.0);
        let clock = line.clock();
        line.replace_root();
        assert_eq!((line.clock(), line.schedule()), (clock, &plan(10.0).into()));
        assert_eq!(line.settled_clock(local(20.0)), None, "it can not be written in the new one");
        let before = heard(&line, 24.0);
        feed(&mut line, 20.0..21.0, -5_000.0);
        assert!(!line.settle(local(21.0)), "all it knows is one moment");
        feed(&mut line, 21.0..24.0, -5_000.0);
        assert!(line.settle(local(24.0)), "the new clock is known");
        let step = heard(&line, 24.0) - before;
        assert!(step.abs() < Span::from_micros(1), "a step of {step:?}");
        assert!(line.settled_clock(local(24.0)).is_some());
    }

    #[test]
    fn the_same_time_line_told_in_the_new_clock_replaces_the_carried_one_without_a_step() {
        let mut line = playing_for(20.0);
        line.replace_root();
        line.add(plan(10.0 - 5_000.0));
        let before = heard(&line, 24.0);
        feed(&mut line, 20.0..21.0, -5_000.0);
        assert!(!line.settle(local(21.0)), "all it knows is one moment");
        feed(&mut line, 21.0..24.0, -5_000.0);
        assert!(line.settle(local(24.0)));
        assert_eq!(line.schedule(), &plan(10.0 - 5_000.0).into());
        let step = heard(&line, 24.0) - before;
        assert!(step.abs() < Span::from_micros(100), "a step of {step:?}");
    }

    #[test]
    fn a_new_song_does_not_wait_for_a_better_clock_and_the_same_line_does() {
        let elsewhere =
            PlayoutPlan { position: MediaTime::from_millis_f64(60_000.0), ..plan(10.0) };
        for (next, is_taken) in [(plan(10.0), false), (elsewhere, true)] {
            let mut line = playing_for(20.0);
            line.replace_root();
            line.add(next.clone());
            // A rough clock: three exchanges of ten are a millisecond apart.
            for k in 0..10 {
                let delay = 0.001 * f64::from(k + 1);
                let at = 20.0 + f64::from(k) * 0.012;
                let root = swarm(at + delay);
                let t3 = local(at + 2.0 * delay);
                line.measure(ClockSample { t0: local(at), t1: root, t2: root, t3 })
                    .expect("a plain exchange");
            }
            let now = local(20.14);
            let doubt = line.root_clock().expect("a clock").uncertainty(now);
            assert!(doubt > WELL_KNOWN && doubt < crate::clock::FIT_TO_PLAY, "{doubt:?}");
            assert_eq!(line.settle(now), is_taken, "{next:?}");
            assert!(is_taken || line.settle(now + PATIENCE), "patience ends");
        }
    }

    #[test]
    fn a_stop_ends_a_carried_song_at_once() {
        let mut line = playing_for(20.0);
        line.replace_root();
        line.set_schedule(Schedule::silent());
        assert!(line.schedule().is_silent());
        assert!(!line.settle(local(20.0)));
    }

    #[test]
    fn a_second_replacement_before_the_first_was_settled_keeps_the_song() {
        let mut line = playing_for(20.0);
        let clock = line.clock();
        line.replace_root();
        line.replace_root();
        assert_eq!((line.clock(), line.schedule()), (clock, &plan(10.0).into()));
    }

    #[test]
    fn a_plan_whose_clock_was_never_known_goes_with_that_clock() {
        let mut line = Timeline::default();
        line.add(plan(10.0));
        line.replace_root();
        assert!(line.schedule().is_silent());
    }

    #[test]
    fn after_a_suspend_a_song_waits_for_the_clock_and_keeps_its_place() {
        let mut line = playing_for(20.0);
        line.lose_clock();
        assert_eq!((line.clock(), line.schedule()), (None, &plan(10.0).into()));
        line.replace_root();
        assert!(line.schedule().is_silent(), "nothing can tell where it is any more");
    }

    /// A plan from swarm second 10 on, and a clock known since local second 0.
    fn playing_for(seconds: f64) -> Timeline {
        let mut line = Timeline::default();
        feed(&mut line, 0.0..seconds, 0.0);
        line.add(plan(10.0));
        line
    }

    /// Exchanges over an even path, five times a second after a burst, with a root that is
    /// `ahead` of the local clock.
    fn feed(line: &mut Timeline, span: std::ops::Range<f64>, ahead: f64) {
        let mut at = span.start;
        while at < span.end {
            let root = swarm(at + 0.0001 + ahead);
            let sample = ClockSample { t0: local(at), t1: root, t2: root, t3: local(at + 0.0002) };
            line.measure(sample).expect("a plain exchange");
            at += if at < span.start + 0.24 { 0.012 } else { 0.2 };
        }
    }

    fn heard(line: &Timeline, at: f64) -> MediaTime {
        let clock = line.clock().expect("a clock");
        line.plan(local(at)).expect("a plan").position_at(clock.to_swarm(local(at)))
    }

    fn plan(anchor: f64) -> PlayoutPlan {
        let file_id = FileId::parse("a".repeat(64)).expect("64 hex digits");
        PlayoutPlan::playing(file_id, swarm(anchor), MediaTime::default())
    }

    fn local(seconds: f64) -> LocalTime {
        LocalTime::default() + Span::from_secs_f64(seconds)
    }

    fn swarm(seconds: f64) -> SwarmTime {
        SwarmTime::default() + Span::from_secs_f64(seconds)
    }
}
