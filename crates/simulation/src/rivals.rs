//! Other players' rules, by their published descriptions, on the same clocks as ours.
//!
//! Each is a [`Rule`]: how it asks for the time, what it makes of the answers, and what it
//! does about an error. The code is our own and models nothing else of those players: no
//! decoder, no buffers, no user interface. Where a description leaves something open the
//! choice favours the rule. A [`Rival`] is one device that plays by a rule; its sound is not
//! rendered, the position of every buffer is computed instead.

mod beatsync;
mod sendspin;
mod snapcast;
mod threshold;

use std::collections::BTreeMap;

use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;

pub use beatsync::Beatsync;
pub use sendspin::Sendspin;
pub use snapcast::Snapcast;
pub use threshold::Threshold;

use crate::card::Card;
use crate::crystal::TrueTime;
use crate::hearing::{Heard, Score};
use crate::oscillator::Oscillator;
use crate::weather::Weather;

/// What a rule does with the next buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Correction {
    /// Plays so much faster than its card. (s/s)
    Rate(f64),
    /// Goes to where it should be at once.
    Seek,
}

/// How a player keeps time.
pub trait Rule {
    /// As headed in reports.
    fn name(&self) -> &'static str;

    /// How long after a question sent at `now` the next one is sent; none: after its answer,
    /// at once.
    fn pause(&mut self, now: LocalTime) -> Option<Span>;

    /// Takes one answer.
    fn learn(&mut self, sample: &ClockSample);

    /// What the root's clock says at `now`, by this rule.
    fn swarm(&self, now: LocalTime) -> Option<SwarmTime>;

    /// What to do about a buffer that would be heard late by `error` (s), `period` after the
    /// one before. (s)
    fn correct(&mut self, error: f64, period: f64) -> Correction;

    /// True if the start is placed between frames rather than on one.
    fn starts_between_frames(&self) -> bool {
        false
    }
}

/// All rules that are compared, new.
pub fn all() -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(Snapcast::default()),
        Box::new(Sendspin::default()),
        Box::new(Beatsync::default()),
        Box::new(Threshold::default()),
    ]
}

/// What a rule's run gave.
#[derive(Clone, Debug)]
pub struct RivalPlayed {
    /// What the air heard.
    pub heard: Heard,
    /// Times it sought.
    pub seeks: u32,
}

/// How long a lost answer is waited for by rules that ask one at a time. (s)
const GIVE_UP: f64 = 2.0;

/// Longest correction that still counts as steering. (s/s)
const FASTEST: f64 = 0.05;

/// One device that plays by a rule.
pub struct Rival<'a> {
    rule: &'a mut dyn Rule,
    clock: &'a Oscillator,
    weather: &'a Weather,
    score: Score<'a>,
    card: Card,
    rate: f64,
    answers: BTreeMap<(TrueTime, u64), ClockSample>,
    asked: u64,
    asks: f64,
    /// The place of the next buffer's first frame, once it plays. (s)
    place: Option<f64>,
    speed: f64,
    heard: Heard,
    seeks: u32,
}

impl<'a> Rival<'a> {
    /// A device on `card`, which is opened at `rate` frames per second.
    pub fn new(
        rule: &'a mut dyn Rule,
        (clock, weather): (&'a Oscillator, &'a Weather),
        (card, rate): (Card, u32),
        score: Score<'a>,
    ) -> Self {
        Self {
            rule,
            clock,
            weather,
            score,
            card,
            rate: f64::from(rate),
            answers: BTreeMap::new(),
            asked: 0,
            asks: 0.0,
            place: None,
            speed: 1.0,
            heard: Heard::default(),
            seeks: 0,
        }
    }

    /// Lives until true second `end`.
    pub fn play(mut self, end: f64) -> RivalPlayed {
        let mut at = 0.0;
        let mut is_asleep = false;
        while at < end {
            let answer = self.answers.keys().next().map(|(at, _)| at.as_secs_f64());
            let called = self.card.calls();
            at = answer.unwrap_or(f64::INFINITY).min(called).min(self.asks);
            if let Some(wakes) = self.clock.wakes(at).filter(|_| !is_asleep) {
                is_asleep = true;
                self.answers.clear();
                self.asks = self.asks.max(wakes);
                self.card.interrupt(wakes + 0.1);
                continue;
            }
            is_asleep = self.clock.wakes(at).is_some();
            if answer == Some(at) {
                self.hear_answer(at);
            } else if called <= at {
                self.fill();
            } else {
                self.ask();
            }
        }
        RivalPlayed { heard: self.heard, seeks: self.seeks }
    }

    fn ask(&mut self) {
        let at = TrueTime::from_secs_f64(self.asks);
        let exchange = self.weather.exchange(at, [self.clock, self.score.root]);
        self.asked += 1;
        let pause = self.rule.pause(self.clock.local(at));
        self.asks += pause.map_or(GIVE_UP, |pause| pause.as_secs_f64()).max(1e-4);
        if let Some((sample, returned)) = exchange {
            self.answers.insert((returned, self.asked), sample);
            if pause.is_none() {
                self.asks = returned.as_secs_f64() + 1e-4;
            }
        }
    }

    fn hear_answer(&mut self, at: f64) {
        if let Some((_, sample)) = self.answers.pop_first() {
            self.rule.learn(&sample);
        }
        debug_assert!(at.is_finite());
    }

    fn fill(&mut self) {
        let buffer = self.card.ask();
        let told = self.clock.local(TrueTime::from_secs_f64(buffer.told));
        let length = buffer.frames as f64 * buffer.frame_length;
        let period = buffer.frames as f64 / self.rate;
        let wanted = self.rule.swarm(told).map(|swarm| (swarm - self.score.anchor).as_secs_f64());
        if let Some(wanted) = wanted {
            match self.place {
                Some(place) => match self.rule.correct(wanted - place, period) {
                    Correction::Rate(rate) => self.speed = 1.0 + rate.clamp(-FASTEST, FASTEST),
                    Correction::Seek => {
                        self.seeks += 1;
                        self.speed = 1.0;
                        self.place = Some(self.on_frame(wanted));
                    }
                },
                // The song begins within this buffer, or has begun.
                None if wanted + period >= 0.0 => self.place = Some(self.on_frame(wanted)),
                None => {}
            }
        }
        let begin = self.place;
        self.place = begin.map(|place| place + period * self.speed);
        while Heard::at(self.heard.late.len()) < buffer.heard + length {
            let at = Heard::at(self.heard.late.len());
            let heard = begin
                .filter(|_| at >= buffer.heard)
                .map(|place| place + (at - buffer.heard) / length * period * self.speed);
            let late = heard.filter(|place| *place > 0.0).map(|place| self.score.place(at) - place);
            self.heard.late.push(late);
        }
    }

    /// Where a rule starts that meant to start at `place`.
    fn on_frame(&self, place: f64) -> f64 {
        if self.rule.starts_between_frames() {
            place
        } else {
            (place * self.rate).round() / self.rate
        }
    }
}

/// Root's clock minus device's, if both ways took equally long. (s)
fn offset(sample: &ClockSample, zero: Zero) -> f64 {
    let [t0, t3] = [sample.t0, sample.t3].map(|t| (t - zero.local).as_secs_f64());
    let [t1, t2] = [sample.t1, sample.t2].map(|t| (t - zero.swarm).as_secs_f64());
    ((t1 - t0) + (t2 - t3)) / 2.0
}

/// Where a rule's arithmetic has its zero point, so that doubles keep all digits.
#[derive(Clone, Copy, Debug)]
struct Zero {
    local: LocalTime,
    swarm: SwarmTime,
}

impl Zero {
    fn of(sample: &ClockSample) -> Self {
        Self { local: sample.t0, swarm: sample.t1 }
    }

    /// What the root says at `now`, if it is ahead by `offset` seconds.
    fn swarm(&self, now: LocalTime, offset: f64) -> SwarmTime {
        self.swarm + (now - self.local) + Span::from_secs_f64(offset)
    }
}

/// The middle value; none of nothing.
fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
