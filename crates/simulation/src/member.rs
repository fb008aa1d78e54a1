//! One device of ours: the real clock filter, the real cadence and the real renderer on an
//! invented clock, network and sound card.
//!
//! What the session decides (who leads, what plays) is not here: see [`crate::world`]. Start
//! at [`Member::play`].

use std::collections::BTreeMap;

use audio_engine::offline::{OfflineOutput, OfflineReport, OfflineSong, OfflineTiming, ear};
use protocol::ids::FileId;
use protocol::time::{MediaTime, Span};
use protocol::trace::{TimeSource, TraceEvent, TraceRecord};
use sync_core::cadence::{PingCadence, pace};
use sync_core::clock::ClockFilter;
use sync_core::{ClockEstimate, ClockSample, PlayoutPlan};

use crate::card::Card;
use crate::crystal::TrueTime;
use crate::hearing::{Heard, Listener, Score};
use crate::oscillator::Oscillator;
use crate::weather::Weather;

/// Channels that are rendered: one is enough to listen to.
const CHANNELS: u16 = 1;

/// How far ahead of its start a song is announced: the rule's least for a room. (s)
pub const LEAD: f64 = 0.4;

/// One device.
pub struct Member<'a> {
    clock: &'a Oscillator,
    weather: Weather,
    card: Card,
    filter: ClockFilter,
    cadence: PingCadence,
    output: OfflineOutput<Tones>,
    /// Answers on their way, by when they arrive.
    answers: BTreeMap<(TrueTime, u64), ClockSample>,
    asked: u64,
    /// When the next ping is due. (true seconds)
    asks: f64,
    listener: Listener<'a>,
    score: Score<'a>,
    /// When the song is asked for. (true seconds)
    pressed: f64,
    has_plan: bool,
    sleeps_until: Option<f64>,
    log: Option<Log>,
    last: OfflineReport,
}

/// What a run of one device gave.
#[derive(Clone, Debug)]
pub struct Played {
    /// What the air heard.
    pub heard: Heard,
    /// What the renderer counted.
    pub report: OfflineReport,
    /// The clock estimate's error and its stated uncertainty, once a second from the start on.
    /// (s)
    pub estimates: Vec<(f64, f64)>,
    /// Every stamp, if asked for.
    pub records: Vec<TraceRecord>,
}

/// What is written down of a run.
#[derive(Clone, Debug, Default)]
struct Log {
    records: Vec<TraceRecord>,
}

impl<'a> Member<'a> {
    /// A device that joins at true second zero and is told of the song at `pressed`. It plays
    /// at `rate` frames per second.
    pub fn new(
        [clock, root]: [&'a Oscillator; 2],
        weather: Weather,
        (card, rate): (Card, u32),
        (score, pressed): (Score<'a>, f64),
    ) -> Self {
        debug_assert!(std::ptr::eq(root, score.root), "a song is written in the root's clock");
        let mut cadence = PingCadence::default();
        cadence.begin(clock.local(TrueTime::default()));
        Self {
            clock,
            weather,
            card,
            filter: ClockFilter::new(),
            cadence,
            output: OfflineOutput::new(rate, CHANNELS, Tones { rate }),
            answers: BTreeMap::new(),
            asked: 0,
            asks: 0.0,
            listener: Listener::new(score),
            score,
            pressed,
            has_plan: false,
            sleeps_until: None,
            log: None,
            last: OfflineReport::default(),
        }
    }

    /// Writes every stamp down.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.log = Some(Log::default());
        self
    }

    /// Lives until true second `end`.
    pub fn play(mut self, end: f64) -> Played {
        let mut estimates = Vec::new();
        let mut at = 0.0;
        while at < end {
            let answer = self.answers.keys().next().map(|(at, _)| at.as_secs_f64());
            let called = self.card.calls();
            at = answer.unwrap_or(f64::INFINITY).min(called).min(self.asks);
            if let Some(wakes) = self.clock.wakes(at).filter(|_| self.sleeps_until.is_none()) {
                self.sleep_until(wakes);
                continue;
            }
            if self.sleeps_until.is_some_and(|wakes| at >= wakes) {
                self.wake(at);
            }
            if !self.has_plan && at >= self.pressed {
                self.follow_plan();
            }
            if answer == Some(at) {
                self.hear_answer();
            } else if called <= at {
                self.fill();
            } else {
                self.ask();
            }
            if at >= self.pressed + estimates.len() as f64 {
                estimates.extend(self.doubt(at));
            }
        }
        let records = self.log.map(|log| log.records).unwrap_or_default();
        Played { heard: self.listener.finish(), report: self.last, estimates, records }
    }

    fn follow_plan(&mut self) {
        self.has_plan = true;
        let plan = PlayoutPlan::playing(
            FileId::parse("0".repeat(64)).expect("64 hex digits"),
            self.score.anchor,
            MediaTime::default(),
        );
        self.output.set_timeline(self.filter.estimate(), Some(&plan));
    }

    fn ask(&mut self) {
        let at = TrueTime::from_secs_f64(self.asks);
        let now = self.clock.local(at);
        let pace = pace(self.filter.estimate(), now, self.has_plan);
        if self.cadence.take_due(now, pace)
            && let Some((sample, returned)) =
                self.weather.exchange(at, [self.clock, self.score.root])
        {
            self.asked += 1;
            self.answers.insert((returned, self.asked), sample);
        }
        let wait = self.cadence.due().map_or(Span::from_millis(100), |due| due - now);
        self.asks += wait.as_secs_f64().max(1e-6);
    }

    fn hear_answer(&mut self) {
        let Some((_, sample)) = self.answers.pop_first() else { return };
        let ClockSample { t0, t1, t2, t3 } = sample;
        self.note(|| TraceRecord::Exchange { source: TimeSource::Relay, t0, t1, t2, t3 });
        // A long wait on a bad path may exceed what is believed.
        if self.filter.add(sample).is_err() {
            return;
        }
        let estimate = self.filter.estimate();
        self.output.set_clock(estimate);
        if let Some(line) = estimate {
            self.note(|| clock_record(&line, t3));
        }
    }

    fn fill(&mut self) {
        let buffer = self.card.ask();
        let timing = OfflineTiming {
            heard: self.clock.local(TrueTime::from_secs_f64(buffer.told)),
            latency: buffer.latency,
            queued: buffer.queued,
            is_interrupted: buffer.is_interrupted,
        };
        let samples = self.output.render(buffer.frames, timing);
        self.listener.hear(samples, usize::from(CHANNELS), buffer.heard, buffer.frame_length);
        self.note(|| TraceRecord::Stamp {
            frame: buffer.frame,
            heard: timing.heard,
            queued: timing.queued,
            interrupted: timing.is_interrupted,
        });
        let report = self.output.report();
        let before = std::mem::replace(&mut self.last, report);
        let at = self.clock.local(TrueTime::from_secs_f64(buffer.called));
        if let Some(error) = report.error {
            let error_us = error.as_micros_f64();
            self.note(|| TraceRecord::Playout { at, error_us, trim_ppm: report.trim_ppm });
        }
        for (is_new, event) in [
            (report.jumps > before.jumps, TraceEvent::Jump),
            (report.gaps > before.gaps, TraceEvent::Starved),
            (report.interruptions > before.interruptions, TraceEvent::Underrun),
        ] {
            if is_new {
                self.note(|| TraceRecord::Event { at, event });
            }
        }
    }

    fn sleep_until(&mut self, wakes: f64) {
        self.sleeps_until = Some(wakes);
        self.answers.clear();
        self.asks = self.asks.max(wakes);
        self.card.interrupt(wakes + 0.1);
    }

    /// The machine woke: what the app does when it notices.
    fn wake(&mut self, at: f64) {
        self.sleeps_until = None;
        self.filter.restart();
        let now = self.clock.local(TrueTime::from_secs_f64(at));
        self.cadence.begin(now);
        self.asks = at;
        self.note(|| TraceRecord::Event { at: now, event: TraceEvent::Suspend });
    }

    /// The estimate's error at true second `at` and what it says of itself. (s)
    fn doubt(&self, at: f64) -> Option<(f64, f64)> {
        let line = self.filter.estimate()?;
        let at = TrueTime::from_secs_f64(at);
        let now = self.clock.local(at);
        let error = line.to_swarm(now) - self.score.root.swarm(at);
        Some((error.as_secs_f64(), line.uncertainty(now).as_secs_f64()))
    }

    fn note(&mut self, record: impl FnOnce() -> TraceRecord) {
        if let Some(log) = &mut self.log {
            log.records.push(record());
        }
    }
}

/// What a trace says of an estimate in force at `now`.
fn clock_record(line: &ClockEstimate, now: protocol::LocalTime) -> TraceRecord {
    TraceRecord::Clock {
        local: now,
        swarm: line.to_swarm(now),
        skew_ppm: line.skew_ppm(),
        sigma_us: line.uncertainty(now).as_micros_f64(),
    }
}

/// The ear's song, longer than any run.
struct Tones {
    rate: u32,
}

impl OfflineSong for Tones {
    fn frames(&self) -> i64 {
        i64::from(self.rate) * 100_000
    }

    /// Each tone goes round by one multiplication a frame; begun anew with every block, so
    /// that no error adds up.
    fn write(&mut self, first: i64, left: &mut [f32], right: &mut [f32]) {
        left.fill(0.0);
        for (level, pitch) in ear::TONES {
            let turn = std::f64::consts::TAU * pitch / f64::from(self.rate);
            let (step_sin, step_cos) = turn.sin_cos();
            let (mut sin, mut cos) = (turn * first as f64).sin_cos();
            for sample in left.iter_mut() {
                *sample += (level * sin) as f32;
                (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
            }
        }
        right.copy_from_slice(left);
    }
}
