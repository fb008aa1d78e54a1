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

/// What two players did in the time in which both were heard.
#[derive(Debug)]
pub struct Comparison {
    /// When both had begun.
    pub from: LocalTime,
    /// How much later the second began. (seconds)
    pub began_later: f64,
    /// How long both were heard. (seconds)
    pub length: f64,
    /// Every window, in order.
    pub windows: Vec<Window>,
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
            windows,
            first_gaps: Vec::new(),
            second_gaps: Vec::new(),
        };
        let typical = percentile(&mut comparison.lags(), 0.5).unwrap_or(0.0);
        comparison.first_gaps = gap::find(&first, &second, -typical);
        comparison.second_gaps = gap::find(&second, &first, typical);
        Ok(comparison)
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
        self.lags().windows(2).filter(|pair| (pair[1] - pair[0]).abs() > STEP).count()
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
        self.windows.iter().filter_map(|window| match window.verdict {
            Verdict::Lag(lag) => Some((window.at, lag)),
            Verdict::Refused | Verdict::Silent => None,
        })
    }

    fn lags(&self) -> Vec<f64> {
        self.points().map(|(_, lag)| lag).collect()
    }
}

/// The value that `share` of all values do not exceed (nearest rank).
fn percentile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}
