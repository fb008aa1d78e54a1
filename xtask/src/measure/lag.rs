//! How far one sound lies behind another, window by window.
//!
//! Each window of the first is looked for in the second by normalised cross-correlation;
//! then the peak is placed between the samples by following the slope of the correlation,
//! which is known at every real lag from the cross-spectrum. A window in which the two do
//! not clearly carry the same music, at one lag and no other, is looked at again close to
//! the lag of its neighbour: the bars may repeat, or the lag may be moving. If they do not
//! fit there either it is refused: better no figure than a made-up one.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::timeline::RATE;

/// Length of a window. (samples of the time line: 0.5 s)
const WINDOW: usize = 24_000;
/// From one window to the next. (samples: 0.25 s)
const HOP: usize = 12_000;
/// Length of the window that judges a start: what comes later may have been corrected.
/// (samples: 0.25 s)
pub const START: usize = 12_000;
/// Largest lag that is looked for, either way. (samples: 1 s)
pub const REACH: usize = 48_000;
/// Transform for the coarse search: holds a window and its reach on both sides.
const COARSE: usize = 131_072;
/// Transform for the fine search in a window.
const FINE: usize = 32_768;
/// Transform for the fine search in a part of one.
const SHORT_FINE: usize = 4_096;
/// Two copies of one song correlate above 0.99; two songs stay below 0.5.
const LIKENESS: f64 = 0.8;
/// Peaks of this share of the highest are looked at closely: half a sample between two
/// samples of the correlation costs no more.
const NEAR: f64 = 0.85;
/// So many of them; music that fits at more places is refused all the same.
const CANDIDATES: usize = 4;
/// Every other place must leave this many times as much of the window unexplained as the
/// best one does, so that noise cannot have turned the order round ...
const CLEARLY: f64 = 4.0;
/// ... and at least this much, the numerical error of the comparison.
const MARGIN: f64 = 2e-4;
/// Lags this close to the peak are the peak. (samples: 0.5 ms)
const PEAK: usize = 24;
/// How far from its neighbour a window that is not clear by itself is looked for: less than
/// any beat or wave period that music repeats with loudly, more than a player moves by in
/// half a second at 500 ppm. (samples: 0.5 ms)
const NEAR_BY: usize = 24;
/// Length of what is compared there: short enough that a player which corrects itself by
/// 500 ppm does not blur it. (samples: 50 ms)
const SHORT: usize = 2_400;
/// How many windows after a clear one are followed: a correction of 2 ms takes so long.
const FOLLOWED: usize = 16;
/// Root mean square below which a window counts as silent. (-60 dBFS)
const SILENT: f64 = 1e-3;

/// What one window showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The second sound lies this much behind the first. (seconds)
    Lag(f64),
    /// The two do not clearly carry the same music.
    Refused,
    /// Neither sounds.
    Silent,
}

/// One window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Its middle. (seconds from the start of what is judged)
    pub at: f64,
    /// What it showed.
    pub verdict: Verdict,
}

impl Window {
    /// Its middle and its lag, if it shows one.
    pub fn point(&self) -> Option<(f64, f64)> {
        match self.verdict {
            Verdict::Lag(lag) => Some((self.at, lag)),
            Verdict::Refused | Verdict::Silent => None,
        }
    }
}

/// Compares two sounds with the same origin. The first and last [`REACH`] samples are not
/// judged themselves: what fits the outermost windows may lie there.
pub fn track(first: &[f32], second: &[f32]) -> Vec<Window> {
    let tracker = Tracker::new(WINDOW);
    let (first, second) = (emphasise(first), emphasise(second));
    let end = first.len().min(second.len()).saturating_sub(REACH);
    let starts: Vec<usize> = (0..)
        .map(|number| REACH + number * HOP)
        .take_while(|start| start + WINDOW <= end)
        .collect();
    let mut verdicts: Vec<Verdict> =
        starts.iter().map(|start| tracker.judge(&first, &second, *start)).collect();
    let clear = verdicts.clone();
    let mut follow = |numbers: &mut dyn Iterator<Item = usize>| {
        let mut known: Option<(usize, f64)> = None;
        for number in numbers {
            match (clear[number], known) {
                (Verdict::Lag(lag), _) => known = Some((number, lag)),
                (Verdict::Refused, Some((of, lag))) if number.abs_diff(of) <= FOLLOWED => {
                    if let Some(lag) = tracker.follow(&first, &second, starts[number], lag) {
                        verdicts[number] = Verdict::Lag(lag);
                        known = Some((of, lag));
                    }
                }
                (Verdict::Refused | Verdict::Silent, _) => {}
            }
        }
    };
    follow(&mut (0..starts.len()));
    follow(&mut (0..starts.len()).rev());
    starts
        .iter()
        .zip(verdicts)
        .map(|(start, verdict)| Window { at: (start - REACH + WINDOW / 2) as f64 / RATE, verdict })
        .collect()
}

/// How far the second lies behind in the [`START`] samples after the first [`REACH`].
/// (seconds)
pub fn at_start(first: &[f32], second: &[f32]) -> Option<f64> {
    let (first, second) = (emphasise(first), emphasise(second));
    if first.len().min(second.len()) < REACH + START {
        return None;
    }
    match Tracker::new(START).judge(&first, &second, REACH) {
        Verdict::Lag(lag) => Some(lag),
        Verdict::Refused | Verdict::Silent => None,
    }
}

/// The same stretch as [`track`] judges, in parts of [`SHORT`] samples, each looked for close
/// to the lag of the window nearest to it. Parts tell when something changed; windows tell
/// more exactly how far apart two sounds are.
pub fn parts(first: &[f32], second: &[f32], windows: &[Window]) -> Vec<Window> {
    let tracker = Tracker::new(WINDOW);
    let (first, second) = (emphasise(first), emphasise(second));
    let end = first.len().min(second.len()).saturating_sub(REACH);
    let known: Vec<(f64, f64)> = windows.iter().filter_map(Window::point).collect();
    let nearest = |at: f64| {
        let after = known.partition_point(|(of, _)| *of < at);
        let around = &known[after.saturating_sub(1)..(after + 1).min(known.len())];
        let distance = |point: &&(f64, f64)| (point.0 - at).abs();
        around.iter().min_by(|l, r| distance(l).total_cmp(&distance(r))).map(|(_, lag)| *lag)
    };
    (0..)
        .map(|number| REACH + number * SHORT)
        .take_while(|start| start + SHORT <= end)
        .map(|start| {
            let at = (start - REACH + SHORT / 2) as f64 / RATE;
            let is_silent = |sound: &[f32]| rms(&sound[start..start + SHORT]) < SILENT;
            let verdict = if is_silent(&first) && is_silent(&second) {
                Verdict::Silent
            } else {
                nearest(at)
                    .and_then(|near| tracker.follow_part(&first, &second, start, near))
                    .map_or(Verdict::Refused, Verdict::Lag)
            };
            Window { at, verdict }
        })
        .collect()
}

/// Flattens the spectrum of music somewhat: high notes tell time better than basses.
fn emphasise(sound: &[f32]) -> Vec<f32> {
    let mut before = 0.0;
    let mut difference = |sample: &f32| {
        let step = sample - 0.95 * before;
        before = *sample;
        step
    };
    sound.iter().map(&mut difference).collect()
}

struct Tracker {
    coarse: Arc<dyn RealToComplex<f32>>,
    coarse_back: Arc<dyn ComplexToReal<f32>>,
    /// (samples)
    window: usize,
    whole: Fine,
    part: Fine,
}

impl Tracker {
    /// For windows of so many samples, at most [`WINDOW`].
    fn new(window: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            coarse: planner.plan_fft_forward(COARSE),
            coarse_back: planner.plan_fft_inverse(COARSE),
            window,
            whole: Fine::new(&mut planner, window, FINE),
            part: Fine::new(&mut planner, SHORT, SHORT_FINE),
        }
    }

    /// What a window shows by itself.
    fn judge(&self, first: &[f32], second: &[f32], start: usize) -> Verdict {
        let window = &first[start..start + self.window];
        let here = &second[start..start + self.window];
        match (rms(window) < SILENT, rms(here) < SILENT) {
            (true, true) => return Verdict::Silent,
            (true, false) | (false, true) => return Verdict::Refused,
            (false, false) => {}
        }
        let from = start.saturating_sub(REACH);
        let to = (start + self.window + REACH).min(second.len());
        let mut fits: Vec<Fit> = self
            .places(window, &second[from..to])
            .into_iter()
            .map(|offset| {
                let found = from + offset;
                let fit = self.whole.fit(window, &second[found..found + self.window]);
                Fit { lag: found as f64 - start as f64 + fit.lag, likeness: fit.likeness }
            })
            .collect();
        fits.sort_by(|left, right| right.likeness.total_cmp(&left.likeness));
        let Some((best, rivals)) = fits.split_first() else {
            return Verdict::Refused;
        };
        let limit = CLEARLY * (1.0 - best.likeness) + MARGIN;
        let clear = rivals.first().is_none_or(|rival| 1.0 - rival.likeness > limit);
        if best.likeness >= LIKENESS && clear {
            Verdict::Lag(best.lag / RATE)
        } else {
            Verdict::Refused
        }
    }

    /// How far the second lies behind in the middle of a window, if every part of the window
    /// that sounds fits close to `near`. (seconds)
    fn follow(&self, first: &[f32], second: &[f32], start: usize, near: f64) -> Option<f64> {
        let parts = (start..start + self.window).step_by(SHORT);
        let lags: Option<Vec<f64>> =
            parts.map(|part| self.follow_part(first, second, part, near)).collect();
        lags?.get(self.window / SHORT / 2).copied()
    }

    fn follow_part(&self, first: &[f32], second: &[f32], start: usize, near: f64) -> Option<f64> {
        let sought = &first[start..start + SHORT];
        let around = (start as f64 + near * RATE).round() as usize;
        let place = |from: usize| second.get(from..from + SHORT);
        let likeness = |from: usize| -> Option<f64> {
            let there = place(from)?;
            let common: f64 =
                sought.iter().zip(there).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let level = rms(sought) * rms(there) * SHORT as f64;
            Some(common / level.max(1e-12))
        };
        let (found, _) = (around.saturating_sub(NEAR_BY)..=around + NEAR_BY)
            .filter_map(|from| Some((from, likeness(from)?)))
            .max_by(|left, right| left.1.total_cmp(&right.1))?;
        let there = place(found)?;
        if rms(sought) < SILENT && rms(there) < SILENT {
            return Some(near);
        }
        let fit = self.part.fit(sought, there);
        let is_inside = found.abs_diff(around) < NEAR_BY;
        (is_inside && fit.likeness >= LIKENESS)
            .then(|| (found as f64 - start as f64 + fit.lag) / RATE)
    }

    /// Where in `place` the window may lie, to the whole sample, likeliest first.
    fn places(&self, window: &[f32], place: &[f32]) -> Vec<usize> {
        let mut sought = padded(window, COARSE);
        let mut searched = padded(place, COARSE);
        let mut product = spectrum(&*self.coarse, &mut searched);
        for (product, sought) in product.iter_mut().zip(spectrum(&*self.coarse, &mut sought)) {
            *product *= sought.conj();
        }
        let mut correlation = searched;
        self.coarse_back.process(&mut product, &mut correlation).expect("the lengths match");
        let scale = rms(window) * self.window as f64 * COARSE as f64;
        let energy = Energy::of(place, self.window);
        let mut likeness: Vec<f64> = (0..=place.len() - self.window)
            .map(|lag| match energy.rms(lag) {
                level if level < SILENT => 0.0,
                level => f64::from(correlation[lag]) / (scale * level),
            })
            .collect();
        let mut places = Vec::new();
        let mut floor = LIKENESS * NEAR;
        while places.len() < CANDIDATES {
            let highest = likeness.iter().copied().enumerate().max_by(|l, r| l.1.total_cmp(&r.1));
            let Some((peak, height)) = highest.filter(|(_, height)| *height >= floor) else {
                break;
            };
            floor = floor.max(height * NEAR);
            places.push(peak);
            let end = (peak + PEAK + 1).min(likeness.len());
            likeness[peak.saturating_sub(PEAK)..end].fill(0.0);
        }
        places
    }
}

/// The fine search, for sounds of one length.
struct Fine {
    transform: Arc<dyn RealToComplex<f32>>,
    /// (samples)
    size: usize,
    taper: Vec<f32>,
}

impl Fine {
    fn new(planner: &mut RealFftPlanner<f32>, length: usize, size: usize) -> Self {
        let step = 2.0 * std::f64::consts::PI / length as f64;
        let hann = |index| (0.5 - 0.5 * (step * (f64::from(index) + 0.5)).cos()) as f32;
        let taper = (0..length as u32).map(hann).collect();
        Self { transform: planner.plan_fft_forward(size), size, taper }
    }

    /// How much further `second` lies behind `first`, up to a sample.
    fn fit(&self, first: &[f32], second: &[f32]) -> Fit {
        let tapered = |sound: &[f32]| {
            let mut sound: Vec<f32> = sound.iter().zip(&self.taper).map(|(s, w)| s * w).collect();
            sound.resize(self.size, 0.0);
            spectrum(&*self.transform, &mut sound)
        };
        let (first, second) = (tapered(first), tapered(second));
        let cross: Vec<Complex<f64>> = first
            .iter()
            .zip(&second)
            .map(|(first, second)| {
                let product = first.conj() * second;
                Complex::new(f64::from(product.re), f64::from(product.im))
            })
            .collect();
        let turn = 2.0 * std::f64::consts::PI / self.size as f64;
        // The correlation at lag x is the sum of re(cross * e^(iwx)); its top is where the
        // slope is zero. Newton's steps converge from anywhere within the peak.
        let mut lag: f64 = 0.0;
        for _ in 0..8 {
            let (mut slope, mut bend) = (0.0, 0.0);
            for (bin, value) in cross.iter().enumerate() {
                let w = turn * bin as f64;
                let turned = value * Complex::cis(w * lag);
                slope -= w * turned.im;
                bend -= w * w * turned.re;
            }
            if bend >= 0.0 {
                break;
            }
            lag = (lag - slope / bend).clamp(-1.0, 1.0);
        }
        let turned = |(bin, value): (usize, &Complex<f64>)| {
            (value * Complex::cis(turn * bin as f64 * lag)).re
        };
        let common: f64 = cross.iter().enumerate().map(turned).sum();
        let level =
            |sound: &[Complex<f32>]| sound.iter().map(|v| f64::from(v.norm_sqr())).sum::<f64>();
        Fit { lag, likeness: common / (level(&first) * level(&second)).sqrt().max(1e-12) }
    }
}

/// How a window fits at one place.
struct Fit {
    /// (samples)
    lag: f64,
    /// Normalised correlation: 1 for a copy.
    likeness: f64,
}

/// Sums of squares, so that the level at any lag is one subtraction.
struct Energy {
    sums: Vec<f64>,
    /// (samples)
    window: usize,
}

impl Energy {
    fn of(sound: &[f32], window: usize) -> Self {
        let mut sums = Vec::with_capacity(sound.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for sample in sound {
            sum += f64::from(*sample) * f64::from(*sample);
            sums.push(sum);
        }
        Self { sums, window }
    }

    fn rms(&self, start: usize) -> f64 {
        let sum = self.sums[start + self.window] - self.sums[start];
        (sum.max(0.0) / self.window as f64).sqrt()
    }
}

fn rms(sound: &[f32]) -> f64 {
    let sum: f64 = sound.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum();
    (sum / sound.len() as f64).sqrt()
}

fn padded(sound: &[f32], length: usize) -> Vec<f32> {
    let mut padded = sound.to_vec();
    padded.resize(length, 0.0);
    padded
}

fn spectrum(transform: &dyn RealToComplex<f32>, sound: &mut [f32]) -> Vec<Complex<f32>> {
    let mut spectrum = transform.make_output_vec();
    transform.process(sound, &mut spectrum).expect("the lengths match");
    spectrum
}
