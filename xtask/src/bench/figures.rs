//! What one run of two players comes to, and how it is judged.

use anyhow::Result;
use protocol::LocalTime;

use crate::demo::report::Report;
use crate::demo::song::Reference;
use crate::measure::capture::Capture;
use crate::measure::comparison::{Beginning, Comparison};

/// What comes before is the start, which is judged apart. (seconds)
const SETTLED: f64 = 5.0;

/// How far apart two devices may be, as percentiles of the absolute error. (microseconds)
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Half of the time.
    pub p50: f64,
    /// 99 % of the time.
    pub p99: f64,
    /// Always.
    pub max: f64,
}

impl Bounds {
    /// So many times as wide.
    pub fn times(self, factor: f64) -> Self {
        Self { p50: self.p50 * factor, p99: self.p99 * factor, max: self.max * factor }
    }
}

/// How far two devices may begin apart: the largest of many starts. (microseconds)
pub const START: f64 = 100.0;
/// How far pitch may waver. (parts per million, root mean square)
pub const PITCH: f64 = 5.0;
/// What a device may use of one core while it plays. (%)
pub const PROCESSOR: f64 = 3.0;

/// Figures of one run.
#[derive(Debug)]
pub struct Figures {
    /// How long both were heard. (seconds)
    pub length: f64,
    /// How far the second was behind at first. (microseconds)
    pub start: Option<f64>,
    /// Absolute errors once settled. (microseconds)
    pub p50: Option<f64>,
    /// As above.
    pub p99: Option<f64>,
    /// As above.
    pub max: Option<f64>,
    /// Windows in which the two were not recognised as the same music.
    pub refused: usize,
    /// Stretches that one of the two left out.
    pub gaps: usize,
    /// Times a card ran dry.
    pub underruns: usize,
    /// Times the error changed by more than 50 us from one window to the next.
    pub steps: usize,
    /// Frames inserted or dropped.
    pub frames: usize,
    /// The worse of the two. (parts per million, root mean square)
    pub pitch: Option<f64>,
}

/// From one window to the next, this is a step. (seconds)
const STEP: f64 = 50e-6;

impl Figures {
    /// Of what two cards heard between two instants; each card's pitch is taken against the
    /// song as another decoder gives it.
    ///
    /// # Errors
    ///
    /// When one of them was not heard.
    pub fn of(
        heard: [&Capture; 2],
        reference: Option<&Reference>,
        (from, to): (LocalTime, LocalTime),
    ) -> Result<Self> {
        let [first, second] = heard;
        let whole = Comparison::between(first, second, from, Some(to))?;
        let steady = whole.cut(SETTLED, f64::MAX);
        let micros = |lag: Option<f64>| lag.map(|lag| lag * 1e6);
        let mut pitch: Option<f64> = None;
        for (heard, reference) in heard.into_iter().zip([reference; 2]) {
            let Some(reference) = reference else { break };
            pitch =
                pitch_of(heard, reference, (from, to))?.into_iter().chain(pitch).reduce(f64::max);
        }
        Ok(Self {
            length: whole.length,
            start: micros(Beginning::after(first, second, from)?.offset),
            p50: micros(steady.error(0.5)),
            p99: micros(steady.error(0.99)),
            max: micros(steady.error(1.0)),
            refused: whole.refused(),
            gaps: whole.first_gaps.len() + whole.second_gaps.len(),
            underruns: first.underruns(whole.from, to) + second.underruns(whole.from, to),
            steps: steady.steps_over(STEP),
            frames: steady.frames_off(),
            pitch,
        })
    }

    /// Writes the rows that have a bound beside it.
    pub fn judge(&self, report: &mut Report, bounds: Bounds, factor: f64) {
        let bounds = bounds.times(factor);
        report.fact("heard together", format!("{:.1} s", self.length));
        report.at_most("error p50", self.p50, bounds.p50, "us");
        report.at_most("error p99", self.p99, bounds.p99, "us");
        report.at_most("error max", self.max, bounds.max, "us");
        report.at_most("apart at the start", self.start, START * factor, "us");
        report.none_of("windows not recognised", self.refused);
        report.none_of("gaps", self.gaps);
        report.none_of("underruns", self.underruns);
        report.none_of("steps over 50 us", self.steps);
        report.none_of("frames inserted or dropped", self.frames);
        report.at_most("pitch error", self.pitch, PITCH * factor, "ppm");
    }

    /// Writes the same rows of a player that is only looked at.
    pub fn show(&self, report: &mut Report) {
        let shown = |value: Option<f64>, unit: &str| {
            value.map_or("none".to_owned(), |value| format!("{value:.1} {unit}"))
        };
        report.fact("error p50", shown(self.p50, "us"));
        report.fact("error p99", shown(self.p99, "us"));
        report.fact("error max", shown(self.max, "us"));
        report.fact("apart at the start", shown(self.start, "us"));
        report.fact("windows not recognised", self.refused);
        report.fact("gaps", self.gaps);
        report.fact("underruns", self.underruns);
        report.fact("steps over 50 us", self.steps);
        report.fact("frames inserted or dropped", self.frames);
        report.fact("pitch error", shown(self.pitch, "ppm"));
    }
}

/// How much a player's pitch wavers around its own mean: the swarm's clock may run at another
/// speed than the true one, and that nobody hears. (parts per million)
fn pitch_of(
    heard: &Capture,
    reference: &Reference,
    (from, to): (LocalTime, LocalTime),
) -> Result<Option<f64>> {
    let Some(onset) = heard.onset(from) else { return Ok(None) };
    let played = reference.played(onset - reference.lead());
    let against = Comparison::between(&played, heard, from, Some(to))?;
    Ok(against.cut(SETTLED, f64::MAX).pitch_ppm())
}
