//! A saved trace, played through the real filters again.
//!
//! Says what the filters make of the stamps now and how far that is from what was made of them
//! when they were taken: with the same version nothing, with another one what the change does
//! on a real device. Start at [`replay`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::time::LocalTime;
use protocol::trace::{TimeSource, Trace, TraceEvent, TraceRecord};
use sync_core::ClockSample;
use sync_core::clock::ClockFilter;
use sync_core::device_clock::{DeviceClock, Observation};

/// Length of a line of the time line. (s)
const CHAPTER: f64 = 5.0;

/// What the filters make of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// A few seconds each.
    pub chapters: Vec<Chapter>,
    /// Exchanges used and refused.
    pub exchanges: [u32; 2],
    /// Stamps used and refused.
    pub stamps: [u32; 2],
    /// Times the device's time line moved or broke.
    pub moves: u32,
    /// Largest difference to an estimate that was recorded. (µs)
    pub worst_difference: f64,
    /// Times the song was moved audibly when the trace was made.
    pub jumps: u32,
}

/// A few seconds of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chapter {
    /// From the first stamp on. (s)
    pub at: f64,
    /// Swarm clock against this device's, and how well that is known. (ppm, µs)
    pub clock: Option<(f64, f64)>,
    /// Largest difference to a recorded estimate. (µs)
    pub difference: f64,
    /// Shortest round trip so far. (µs)
    pub round_trip: Option<f64>,
    /// The sound card's rate, and how well its position is known. (ppm, µs)
    pub device: Option<(f64, f64)>,
    /// Stamps refused.
    pub outliers: u32,
    /// Furthest that the song was from its place when the trace was made. (µs)
    pub playout: f64,
    /// What happened.
    pub events: Vec<TraceEvent>,
}

/// Plays `trace` through the filters.
pub fn replay(trace: &Trace) -> Replay {
    let mut player = Player::new(trace.header.output.nominal_rate);
    for record in &trace.records {
        player.take(record);
    }
    player.finish()
}

struct Player {
    filters: BTreeMap<TimeSource, ClockFilter>,
    root: TimeSource,
    device: DeviceClock,
    last_frame: u64,
    begun: Option<LocalTime>,
    chapter: Chapter,
    replay: Replay,
}

impl Player {
    fn new(rate: u32) -> Self {
        Self {
            filters: BTreeMap::new(),
            root: TimeSource::Relay,
            device: DeviceClock::new(rate),
            last_frame: 0,
            begun: None,
            chapter: Chapter::default(),
            replay: Replay::default(),
        }
    }

    fn take(&mut self, record: &TraceRecord) {
        match record {
            TraceRecord::Exchange { source, t0, t1, t2, t3 } => {
                self.turn_to(*t3);
                let sample = ClockSample { t0: *t0, t1: *t1, t2: *t2, t3: *t3 };
                let is_used = self.filters.entry(source.clone()).or_default().add(sample).is_ok();
                self.replay.exchanges[usize::from(!is_used)] += 1;
            }
            TraceRecord::Stamp { frame, heard, queued, interrupted } => {
                if *interrupted || *frame < self.last_frame {
                    self.device.restart();
                    self.replay.moves += 1;
                }
                self.last_frame = *frame;
                // As the renderer does: a fast card's queue is heard sooner than its name says.
                let sooner = queued.mul_f64(self.device.rate_ppm() * 1e-6);
                match self.device.observe(*frame, *heard - sooner) {
                    Observation::Settling | Observation::Taken => self.replay.stamps[0] += 1,
                    Observation::Refused => {
                        self.replay.stamps[1] += 1;
                        self.chapter.outliers += 1;
                    }
                    Observation::TimelineMoved => self.replay.moves += 1,
                }
            }
            TraceRecord::Clock { local, swarm, .. } => {
                self.turn_to(*local);
                let estimate = self.filters.get(&self.root).and_then(ClockFilter::estimate);
                if let Some(estimate) = estimate {
                    let difference = (estimate.to_swarm(*local) - *swarm).as_micros_f64().abs();
                    self.chapter.difference = self.chapter.difference.max(difference);
                    self.replay.worst_difference = self.replay.worst_difference.max(difference);
                }
            }
            TraceRecord::Playout { at, error_us, .. } => {
                self.turn_to(*at);
                if error_us.abs() > self.chapter.playout.abs() {
                    self.chapter.playout = *error_us;
                }
            }
            TraceRecord::Event { at, event } => {
                self.turn_to(*at);
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: &TraceEvent) {
        match event {
            TraceEvent::Suspend => self.filters.values_mut().for_each(ClockFilter::restart),
            TraceEvent::RootChanged { source } => {
                self.root = source.clone();
            }
            TraceEvent::OutputOpened { output } => {
                self.device = DeviceClock::new(output.nominal_rate);
                self.last_frame = 0;
            }
            TraceEvent::Jump => self.replay.jumps += 1,
            TraceEvent::Starved | TraceEvent::Underrun => {}
        }
        self.chapter.events.push(event.clone());
    }

    /// Ends the chapter if `now` lies behind it.
    fn turn_to(&mut self, now: LocalTime) {
        let begun = *self.begun.get_or_insert(now);
        let at = (now - begun).as_secs_f64();
        if at >= self.chapter.at + CHAPTER {
            self.end_chapter(now);
            self.chapter.at = (at / CHAPTER).floor() * CHAPTER;
        }
    }

    fn end_chapter(&mut self, now: LocalTime) {
        let mut chapter = std::mem::take(&mut self.chapter);
        let filter = self.filters.get(&self.root);
        chapter.clock = filter
            .and_then(ClockFilter::estimate)
            .map(|line| (line.skew_ppm(), line.uncertainty(now).as_micros_f64()));
        chapter.round_trip =
            filter.and_then(ClockFilter::shortest_round_trip).map(|span| span.as_micros_f64());
        chapter.device =
            self.device.uncertainty().map(|sigma| (self.device.rate_ppm(), sigma.as_micros_f64()));
        self.replay.chapters.push(chapter);
    }

    fn finish(mut self) -> Replay {
        if let Some(begun) = self.begun {
            let now = begun + protocol::Span::from_secs_f64(self.chapter.at + CHAPTER);
            self.end_chapter(now);
        }
        self.replay
    }
}

impl Replay {
    /// The trace as a time line for people.
    pub fn timeline(&self) -> String {
        let mut text = String::from(
            "    from  clock ppm ± µs    replay off by  round trip  card ppm ± µs   outliers  \
             furthest off\n",
        );
        // Writing to a string does not fail.
        for chapter in &self.chapters {
            let pair = |pair: Option<(f64, f64)>| match pair {
                Some((ppm, sigma)) => format!("{ppm:+8.2} ±{sigma:6.1}"),
                None => format!("{:>16}", "unknown"),
            };
            let round_trip =
                chapter.round_trip.map_or("unknown".into(), |value| format!("{value:.0} µs"));
            let _ = writeln!(
                text,
                "{:6.0} s  {}  {:10.1} µs  {:>10}  {}  {:8}  {:+9.1} µs",
                chapter.at,
                pair(chapter.clock),
                chapter.difference,
                round_trip,
                pair(chapter.device),
                chapter.outliers,
                chapter.playout,
            );
            for event in &chapter.events {
                let _ = writeln!(text, "          {}", name(event));
            }
        }
        let [used, refused] = self.exchanges;
        let [taken, outliers] = self.stamps;
        let _ = writeln!(
            text,
            "{used} exchanges used, {refused} refused; {taken} stamps taken, {outliers} refused; \
             the card's time line moved {} times; the song jumped {} times; the replayed clock \
             is at most {:.1} µs from the recorded one",
            self.moves, self.jumps, self.worst_difference,
        );
        text
    }
}

fn name(event: &TraceEvent) -> String {
    match event {
        TraceEvent::Jump => "the song was moved to its place".into(),
        TraceEvent::Starved => "decoded sound was missing".into(),
        TraceEvent::Underrun => "the card's time line broke".into(),
        TraceEvent::Suspend => "the machine slept".into(),
        TraceEvent::RootChanged { source: TimeSource::Relay } => "the relay tells the time".into(),
        TraceEvent::RootChanged { source: TimeSource::Peer(peer) } => {
            format!("{} tells the time", peer.as_str())
        }
        TraceEvent::OutputOpened { output } => {
            format!("sound goes to a device of {} frames a second", output.nominal_rate)
        }
    }
}
