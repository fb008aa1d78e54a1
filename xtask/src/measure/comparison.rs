//! Two players side by side: how far apart they were, and what each left out.

use anyhow::{Context, Result, ensure};
use protocol::LocalTime;
use protocol::time::Span;

use super::capture::Capture;
use super::gap::{self, Gap};
use super::lag::{self, Verdict, Window};
use super::timeline::{self, RATE};

/// Neighbouring windows further apart than this show a jump. (seconds)
///
/// A player that corrects by 500 ppm, more than any clock is off, moves half of this from
/// one window to the next.
const STEP: f64 = 250e-6;

/// A change of the lag by this much at once is a frame more or less: three quarters of one at
/// 48 kHz. (seconds)
const FRAME: f64 = 15.6e-6;

/// Over how long a pitch is taken. (seconds)
const PITCH: f64 = 1.0;

/// What two players did in the time in which both were heard.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// When both had begun.
    pub from: LocalTime,
    /// How much later the second began. (seconds)
    pub began_later: f64,
    /// How long both were heard. (seconds)
    pub length: f64,
    /// Every window, in order.
    pub windows: Vec<Window>,
    /// Every twentieth of a second, in order: see [`lag::parts`].
    pub parts: Vec<Window>,
    /// What the first player left out.
    pub first_gaps: Vec<Gap>,
    /// What the second player left out.
    pub second_gaps: Vec<Gap>,
}

impl Comparison {
    /// Compares from the moment at which both have begun, at or after `from`, until one ends
    /// or `to` is reached.
    ///
    /// # Errors
    ///
    /// When one of them was not heard, or both together for less than a second.
    pub fn between(
        first: &Capture,
        second: &Capture,
        from: LocalTime,
        to: Option<LocalTime>,
    ) -> Result<Self> {
        let begins = |capture: &Capture| capture.onset(from);
        let first_begins = begins(first).context("the first player was not heard")?;
        let second_begins = begins(second).context("the second player was not heard")?;
        let from = first_begins.max(second_begins);
        let ends = [first.last_sound(), second.last_sound(), to].into_iter().flatten().min();
        let length = ends.context("nothing was heard")? - from;
        ensure!(length >= Span::from_secs(1), "both were heard together for only {length:?}");
        let reach = Span::from_secs_f64(lag::REACH as f64 / RATE);
        let place = |capture| timeline::place(capture, from - reach, length + reach + reach);
        let (first, second) = (place(first), place(second));
        let windows = lag::track(&first, &second);
        let mut comparison = Self {
            from,
            began_later: (second_begins - first_begins).as_secs_f64(),
            length: length.as_secs_f64(),
            parts: lag::parts(&first, &second, &windows),
            windows,
            first_gaps: Vec::new(),
            second_gaps: Vec::new(),
        };
        let typical = percentile(&mut comparison.lags(), 0.5).unwrap_or(0.0);
        comparison.first_gaps = gap::find(&first, &second, -typical);
        comparison.second_gaps = gap::find(&second, &first, typical);
        Ok(comparison)
    }

    /// What of it lies between two moments, in seconds from its beginning.
    pub fn cut(&self, from: f64, to: f64) -> Self {
        let lies = |at: f64| from <= at && at < to;
        let windows = |all: &[Window]| all.iter().filter(|one| lies(one.at)).copied().collect();
        let gaps = |all: &[Gap]| all.iter().filter(|gap| lies(gap.at)).copied().collect();
        Self {
            windows: windows(&self.windows),
            parts: windows(&self.parts),
            first_gaps: gaps(&self.first_gaps),
            second_gaps: gaps(&self.second_gaps),
            ..*self
        }
    }

    /// The lag of the first window that shows one. (seconds; above zero: the second is late)
    pub fn start_offset(&self) -> Option<f64> {
        self.lags().first().copied()
    }

    /// A percentile of the absolute lag. (seconds)
    pub fn error(&self, share: f64) -> Option<f64> {
        let mut errors: Vec<f64> = self.lags().iter().map(|lag| lag.abs()).collect();
        percentile(&mut errors, share)
    }

    /// Windows that show no lag although something sounds.
    pub fn refused(&self) -> usize {
        self.windows.iter().filter(|window| window.verdict == Verdict::Refused).count()
    }

    /// Windows that show a lag.
    pub fn measured(&self) -> usize {
        self.lags().len()
    }

    /// Times the lag jumped from one window to the next.
    pub fn steps(&self) -> usize {
        self.steps_over(STEP)
    }

    /// Times the lag changed by more than `bound` seconds from one window to the next.
    pub fn steps_over(&self, bound: f64) -> usize {
        self.lags().windows(2).filter(|pair| (pair[1] - pair[0]).abs() > bound).count()
    }

    /// The largest change of the lag from one window to the next. (seconds)
    pub fn largest_step(&self) -> Option<f64> {
        let lags = self.lags();
        lags.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max_by(f64::total_cmp)
    }

    /// Times the lag changed by a frame or more at once.
    ///
    /// Two parts are averaged on either side of one, and what a steady change of speed explains
    /// is taken off: the median of the changes around. So a player that begins or ceases to
    /// correct itself by 500 ppm is not taken for one that drops frames.
    pub fn frames_off(&self) -> usize {
        let jump = |parts: &[Window]| -> Option<f64> {
            let lags: Option<Vec<f64>> = parts.iter().map(|one| Some(one.point()?.1)).collect();
            let lags = lags?;
            let mut changes: Vec<f64> = lags.windows(2).map(|pair| pair[1] - pair[0]).collect();
            changes.sort_by(f64::total_cmp);
            let steady = f64::midpoint(changes[2], changes[3]);
            let mean = |left: usize| f64::midpoint(lags[left], lags[left + 1]);
            Some((mean(4) - mean(1) - 3.0 * steady).abs())
        };
        let jumps: Vec<bool> = self
            .parts
            .windows(7)
            .map(|parts| jump(parts).is_some_and(|size| size > FRAME))
            .collect();
        jumps.chunk_by(|left, right| left == right).filter(|stretch| stretch[0]).count()
    }

    /// How much the second's pitch against the first's differs from its own mean, root mean
    /// square of speeds over a second. (parts per million)
    pub fn pitch_ppm(&self) -> Option<f64> {
        let mean = self.drift_ppm()?;
        let points: Vec<(f64, f64)> = self.points().collect();
        let mut squares = Vec::with_capacity(points.len());
        for (number, (at, lag)) in points.iter().enumerate() {
            let later = points[number..].iter().find(|(later, _)| later - at >= PITCH - 1e-6);
            let Some((later, then)) = later else { break };
            // A hole in the music is no place to take a pitch.
            if later - at < 2.0 * PITCH {
                squares.push(((then - lag) / (later - at) * 1e6 - mean).powi(2));
            }
        }
        let count = squares.len() as f64;
        (count > 0.0).then(|| (squares.iter().sum::<f64>() / count).sqrt())
    }

    /// After how long the lag stayed within `bound` for good. (seconds from the beginning)
    ///
    /// A part that shows no lag is no sign of being in time, unless those beside it are in
    /// time; silence is no sign of anything.
    pub fn within_for_good(&self, bound: f64) -> Option<f64> {
        let is_off = |part: &Window| part.point().is_some_and(|(_, lag)| lag.abs() > bound);
        let is_refused = |part: &Window| part.verdict == Verdict::Refused;
        let is_bad = |number: usize| {
            let beside = [number.wrapping_sub(1), number + 1];
            let in_time = |part: &Window| !is_off(part) && !is_refused(part);
            let part = &self.parts[number];
            is_off(part)
                || is_refused(part)
                    && !beside.iter().all(|beside| self.parts.get(*beside).is_some_and(in_time))
        };
        let held = (0..self.parts.len()).rev().find(|number| is_bad(*number)).map_or(0, |n| n + 1);
        let half = self.parts.windows(2).next().map_or(0.0, |pair| (pair[1].at - pair[0].at) / 2.0);
        self.parts.get(held).map(|part| part.at - half)
    }

    /// How fast the second falls behind, by least squares. (parts per million)
    pub fn drift_ppm(&self) -> Option<f64> {
        let points: Vec<(f64, f64)> = self.points().collect();
        let count = points.len() as f64;
        let mean_at = points.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean_lag = points.iter().map(|(_, lag)| lag).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
        let common: f64 = points.iter().map(|(at, lag)| (at - mean_at) * (lag - mean_lag)).sum();
        (points.len() > 2).then(|| common / spread * 1e6)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.windows.iter().filter_map(Window::point)
    }

    fn lags(&self) -> Vec<f64> {
        self.points().map(|(_, lag)| lag).collect()
    }
}

/// How far apart two players began.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// When both were heard.
    pub at: LocalTime,
    /// How far the second was behind in the first quarter of a second; none if they did not
    /// clearly play the same. (seconds)
    pub offset: Option<f64>,
}

impl Beginning {
    /// Looks at what both played first at or after `from`.
    ///
    /// # Errors
    ///
    /// When one of them was not heard.
    pub fn after(first: &Capture, second: &Capture, from: LocalTime) -> Result<Self> {
        let first_at = first.onset(from).context("the first player was not heard")?;
        let second_at = second.onset(from).context("the second player was not heard")?;
        let at = first_at.max(second_at);
        let reach = Span::from_secs_f64(lag::REACH as f64 / RATE);
        let length = reach + reach + Span::from_secs_f64(lag::START as f64 / RATE);
        let place = |capture| timeline::place(capture, at - reach, length);
        let offset = lag::at_start(&place(first), &place(second));
        Ok(Self { at, offset })
    }
}

/// The value that `share` of all values do not exceed (nearest rank).
pub fn percentile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}
