//! Figures of many runs, as tables for people.

use std::fmt::Write as _;

use crate::duet::{Duet, Outcome};
use crate::hearing::{Heard, MOMENTS};

/// From when on after joining a player counts as settled. (s)
///
/// The seconds before are told by what they are: the error at the start and the time until
/// lock. After half a minute the filter has learnt the clocks' drift on any path.
const SETTLED: f64 = 30.0;

/// And from when on after the start of the song: until then a start is still acquired. (s)
const ACQUIRED: f64 = 3.0;

/// The true second from which a song that began at `begun` counts.
fn settled(begun: f64) -> f64 {
    SETTLED.max(begun + ACQUIRED)
}

/// Devices closer than this are in lock. (s)
pub const LOCKED: f64 = 100e-6;

/// Time they must stay in lock for it to count. (s)
const LOCK_HELD: f64 = 1.0;

/// What the runs of one player under one profile gave.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Errors without sign once settled. (s)
    settled: Vec<f64>,
    /// The first error of each run without sign. (s)
    starts: Vec<f64>,
    /// From each start until lock. (s; infinite without)
    locks: Vec<f64>,
    /// Largest change between two moments once settled. (s)
    step: f64,
    /// Squares of the errors' slopes, and how many. (s/s)
    slopes: (f64, usize),
    /// Times a device moved audibly.
    pub jumps: u32,
    /// Times a device fell silent for want of data.
    pub gaps: u32,
}

impl Tally {
    /// Adds one run that began at true second `begun`.
    pub fn add(&mut self, outcome: &Outcome, begun: f64) {
        self.jumps += outcome.jumps;
        self.gaps += outcome.gaps;
        let heard = |index: usize| outcome.errors.get(index).copied().flatten();
        let first = (begun * MOMENTS).ceil().max(0.0) as usize;
        let start = (first..outcome.errors.len()).find_map(heard);
        self.starts.push(start.map_or(f64::INFINITY, f64::abs));
        self.locks.push(lock(&outcome.errors, first).map_or(f64::INFINITY, |at| at - begun));
        let mut before = None;
        for index in first..outcome.errors.len() {
            let error = heard(index);
            if Heard::at(index) >= settled(begun) {
                self.settled.extend(error.map(f64::abs));
                if let (Some(before), Some(error)) = (before, error) {
                    let change: f64 = error - before;
                    self.step = self.step.max(change.abs());
                    self.slopes.0 += (change * MOMENTS).powi(2);
                    self.slopes.1 += 1;
                }
            }
            before = error;
        }
    }

    /// Adds what another tally holds.
    pub fn join(&mut self, other: Self) {
        self.settled.extend(other.settled);
        self.starts.extend(other.starts);
        self.locks.extend(other.locks);
        self.step = self.step.max(other.step);
        self.slopes = (self.slopes.0 + other.slopes.0, self.slopes.1 + other.slopes.1);
        self.jumps += other.jumps;
        self.gaps += other.gaps;
    }

    /// The figures.
    pub fn figures(mut self) -> Figures {
        for values in [&mut self.settled, &mut self.starts, &mut self.locks] {
            values.sort_by(f64::total_cmp);
        }
        let micros = |values: &[f64], share| 1e6 * percentile(values, share);
        Figures {
            p50: micros(&self.settled, 0.5),
            p95: micros(&self.settled, 0.95),
            p99: micros(&self.settled, 0.99),
            max: micros(&self.settled, 1.0),
            start_p95: micros(&self.starts, 0.95),
            start_max: micros(&self.starts, 1.0),
            lock_p95: percentile(&self.locks, 0.95),
            step: 1e6 * self.step,
            pitch: 1e6 * (self.slopes.0 / self.slopes.1.max(1) as f64).sqrt(),
            jumps: self.jumps,
            gaps: self.gaps,
        }
    }
}

/// What a listener would want to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Device-to-device error once settled that half of the moments stay below. (µs)
    pub p50: f64,
    /// (µs)
    pub p95: f64,
    /// (µs)
    pub p99: f64,
    /// (µs)
    pub max: f64,
    /// Error at the first sound. (µs)
    pub start_p95: f64,
    /// (µs)
    pub start_max: f64,
    /// From the start until closer than [`LOCKED`]. (s)
    pub lock_p95: f64,
    /// Largest change within a tenth of a second. (µs)
    pub step: f64,
    /// How fast the two drift against each other, root mean square. (ppm)
    pub pitch: f64,
    /// Times a device moved audibly.
    pub jumps: u32,
    /// Times a device fell silent for want of data.
    pub gaps: u32,
}

/// The true second at which two devices came into lock, from moment `from` on.
fn lock(errors: &[Option<f64>], from: usize) -> Option<f64> {
    let needed = (LOCK_HELD * MOMENTS) as usize;
    let is_close = |error: &Option<f64>| error.is_some_and(|error| error.abs() < LOCKED);
    (from..errors.len().saturating_sub(needed))
        .find(|&index| errors[index..index + needed].iter().all(is_close))
        .map(Heard::at)
}

/// The value that this share of sorted values stays below.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Figures of all players under one profile.
#[derive(Clone, Debug)]
pub struct Row {
    /// The profile.
    pub profile: &'static str,
    /// Ours first.
    pub players: Vec<(&'static str, Figures)>,
}

/// Makes figures of runs under one profile.
pub fn row(profile: &'static str, runs: impl IntoIterator<Item = Runs>) -> Row {
    let mut players: Vec<(&'static str, Tally)> = Vec::new();
    for run in runs {
        for (index, (name, tally)) in run.players.into_iter().enumerate() {
            match players.get_mut(index) {
                Some((_, sum)) => sum.join(tally),
                None => players.push((name, tally)),
            }
        }
    }
    let players = players.into_iter().map(|(name, tally)| (name, tally.figures())).collect();
    Row { profile, players }
}

/// What one run gave, without its moments.
#[derive(Clone, Debug)]
pub struct Runs {
    players: Vec<(&'static str, Tally)>,
}

impl From<&Duet> for Runs {
    fn from(duet: &Duet) -> Self {
        let tally = |outcome: &Outcome| {
            let mut tally = Tally::default();
            tally.add(outcome, duet.begun);
            (outcome.name, tally)
        };
        Self { players: duet.outcomes.iter().map(tally).collect() }
    }
}

/// Two Markdown tables: ours in detail, and all players side by side.
pub fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "| profile | p50 | p95 | p99 | max | start p95 | start max | lock p95 | largest step \
         | pitch | jumps | gaps |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for row in rows {
        let Some((_, ours)) = row.players.first() else { continue };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} ppm | {} | {} |",
            row.profile,
            micros(ours.p50),
            micros(ours.p95),
            micros(ours.p99),
            micros(ours.max),
            micros(ours.start_p95),
            micros(ours.start_max),
            if ours.lock_p95.is_finite() {
                format!("{:.1} s", ours.lock_p95)
            } else {
                "never".into()
            },
            micros(ours.step),
            ours.pitch,
            ours.jumps,
            ours.gaps,
        );
    }
    let Some(first) = rows.first().filter(|row| row.players.len() > 1) else { return text };
    let names = |part: &dyn Fn(&str) -> String| {
        first.players.iter().map(|(name, _)| part(name)).collect::<String>()
    };
    let _ = writeln!(
        text,
        "\np50 / p99 / max of every player:\n\n| profile |{}",
        names(&|name| format!(" {name} |"))
    );
    let _ = writeln!(text, "|---|{}", names(&|_| "---|".into()));
    for row in rows {
        let _ = write!(text, "| {} |", row.profile);
        for (_, figures) in &row.players {
            let [p50, p99, max] = [figures.p50, figures.p99, figures.max].map(micros);
            let _ = write!(text, " {p50} / {p99} / {max} |");
        }
        text.push('\n');
    }
    text
}

/// A number of microseconds as people read it.
fn micros(value: f64) -> String {
    if !value.is_finite() {
        "never".into()
    } else if value < 100.0 {
        format!("{value:.1} µs")
    } else if value < 9_999.5 {
        format!("{value:.0} µs")
    } else {
        format!("{:.1} ms", value / 1e3)
    }
}

/// One run in words: when it locked, its steps and its worst moments.
pub fn story(duet: &Duet) -> String {
    let mut text = String::new();
    let Some(ours) = duet.outcomes.first() else { return text };
    let begun = duet.begun;
    let first = (begun * MOMENTS).ceil().max(0.0) as usize;
    let heard: Vec<(f64, f64)> = (first..ours.errors.len())
        .filter_map(|index| Some((Heard::at(index) - begun, 1e6 * ours.errors[index]?)))
        .collect();
    if let Some((at, error)) = heard.first() {
        let _ = writeln!(text, "{at:8.1} s  both are heard, {error:+.1} µs apart");
    }
    match lock(&ours.errors, first) {
        Some(at) => {
            let _ = writeln!(text, "{:8.1} s  in lock: closer than 100 µs", at - begun);
        }
        None => text.push_str("          never in lock\n"),
    }
    let later: Vec<_> =
        heard.iter().copied().filter(|(at, _)| at + begun >= settled(begun)).collect();
    for (at, error) in peaks(later.clone(), 5) {
        let _ = writeln!(text, "{at:8.1} s  among the worst: {error:+.1} µs");
    }
    let steps = later.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1)).collect();
    for (at, step) in peaks(steps, 3) {
        let _ =
            writeln!(text, "{at:8.1} s  among thelock p95 | largest steps: {step:+.1} µs in 0.1 s");
    }
    text
}

/// Time around a peak in which no other is told. (s)
const PEAK_PAUSE: f64 = 5.0;

/// Thelock p95 | largest few of `(when, how much)`, apart from each other.
fn peaks(mut values: Vec<(f64, f64)>, count: usize) -> Vec<(f64, f64)> {
    values.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
    let mut peaks: Vec<(f64, f64)> = Vec::new();
    for (at, value) in values {
        let is_apart = peaks.iter().all(|(other, _)| (at - other).abs() > PEAK_PAUSE);
        if peaks.len() < count && is_apart {
            peaks.push((at, value));
        }
    }
    peaks
}
