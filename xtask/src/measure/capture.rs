//! What a virtual card heard: its samples, and when each of them sounded.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use protocol::LocalTime;
use protocol::time::Span;
use serde::Deserialize;

use super::timeline::RATE;

/// Below this a sample counts as silence: the last bit of 16, so that dither is no music.
pub const SILENCE: f32 = 1.0 / 32_768.0;

/// Everything that was played on one card. Channels are mixed to one: both carry the same
/// time, and a channel that is missing would be no error of timing.
#[derive(Debug)]
pub struct Capture {
    samples: Vec<f32>,
    runs: Vec<Run>,
}

/// A stretch without a stop: the card's clock started once and the player kept up.
#[derive(Clone, Debug)]
pub struct Run {
    start: usize,
    frames: usize,
    clock: CardClock,
    dry: bool,
}

/// The card's clock in one run.
#[derive(Clone, Debug)]
pub struct CardClock {
    started: LocalTime,
    rate: f64,
    ppm: f64,
    wobble: f64,
    wobble_s: f64,
    latency_frames: f64,
}

impl CardClock {
    /// Frames of the run that have been heard at `time`, with fraction.
    pub fn frame_at(&self, time: LocalTime) -> f64 {
        self.frames_after((time - self.started).as_secs_f64()) - self.latency_frames
    }

    /// When frame number `frame` of the run is heard.
    pub fn time_of(&self, frame: f64) -> LocalTime {
        let target = frame + self.latency_frames;
        let mut elapsed = target / self.rate;
        // The rate is within a tenth of nominal: each round gains at least a digit, in
        // practice four.
        for _ in 0..4 {
            elapsed += (target - self.frames_after(elapsed)) / self.rate;
        }
        self.started + Span::from_secs_f64(elapsed)
    }

    /// The same arithmetic as in the card, `frames_after` of `pcm_swarmcard.c`.
    fn frames_after(&self, elapsed: f64) -> f64 {
        let mut ideal = elapsed * (1.0 + self.ppm * 1e-6);
        if self.wobble != 0.0 {
            let w = 2.0 * std::f64::consts::PI / self.wobble_s;
            let start = self.started.as_nanos() as f64 * 1e-9;
            ideal += self.wobble * 1e-6 / w * ((w * start).cos() - (w * (start + elapsed)).cos());
        }
        ideal * self.rate
    }
}

/// A line of the index, as the card writes it.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Line {
    Run {
        start_frame: usize,
        clock_t0_ns: i64,
        rate: u32,
        channels: usize,
        ppb: i64,
        wobble_ppb: i64,
        wobble_ms: i64,
        latency_frames: u32,
    },
    End {
        frames: usize,
        dry: bool,
    },
}

impl Capture {
    /// Reads a capture and the index beside it. A player may still be writing: what is there
    /// at this moment is read.
    ///
    /// # Errors
    ///
    /// When nothing was ever played on the card, or the files cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let index = path.with_extension("cap.idx");
        let text = fs::read_to_string(&index)
            .with_context(|| format!("nothing was played on this card: {}", index.display()))?;
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, &bytes).with_context(|| format!("in {}", index.display()))
    }

    /// Reads what sounded between two instants, of a capture that is too long to be held
    /// whole.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_part(path: &Path, from: LocalTime, to: LocalTime) -> Result<Self> {
        let index = path.with_extension("cap.idx");
        let text = fs::read_to_string(&index)
            .with_context(|| format!("nothing was played on this card: {}", index.display()))?;
        let (mut runs, width) = read_index(&text)?;
        let mut file =
            fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let frame = (width.max(1) * size_of::<f32>()) as u64;
        let held = (file.metadata()?.len() / frame) as usize;
        let mut samples = Vec::new();
        for run in &mut runs {
            let start = run.start.min(held);
            let frames = run.frames.min(held - start);
            let frame_at = |time| (run.clock.frame_at(time).max(0.0) as usize).min(frames);
            let (first, end) = (frame_at(from), frame_at(to));
            let mut bytes = vec![0; (end - first) * frame as usize];
            file.seek(SeekFrom::Start((start + first) as u64 * frame))?;
            file.read_exact(&mut bytes)?;
            // What was cut off in front is as if it had been latency.
            run.clock.latency_frames += first as f64;
            run.dry &= end == frames;
            (run.start, run.frames) = (samples.len(), end - first);
            samples.extend(mix(&bytes, width));
        }
        Ok(Self { samples, runs })
    }

    fn parse(index: &str, bytes: &[u8]) -> Result<Self> {
        let (mut runs, width) = read_index(index)?;
        let samples = mix(bytes, width);
        // A run without an end: its player was killed, or still plays.
        for run in &mut runs {
            run.start = run.start.min(samples.len());
            run.frames = run.frames.min(samples.len() - run.start);
        }
        Ok(Self { samples, runs })
    }

    /// A capture made of samples at hand, for tests and references.
    pub fn from_samples(samples: Vec<f32>, rate: u32, ppm: f64, started: LocalTime) -> Self {
        let clock = CardClock {
            started,
            rate: f64::from(rate),
            ppm,
            wobble: 0.0,
            wobble_s: 1.0,
            latency_frames: 0.0,
        };
        let run = Run { start: 0, frames: samples.len(), clock, dry: false };
        Self { samples, runs: vec![run] }
    }

    /// A capture of interleaved stereo at the time line's rate.
    pub fn from_stereo(bytes: &[u8], started: LocalTime) -> Self {
        Self::from_samples(mix(bytes, 2), RATE as u32, 0.0, started)
    }

    /// Its samples, all runs in one.
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// The runs, in order of time, each with its samples and its clock.
    pub fn runs(&self) -> impl Iterator<Item = (&[f32], &CardClock)> {
        self.runs.iter().map(|run| {
            let samples = &self.samples[run.start..run.start + run.frames];
            (samples, &run.clock)
        })
    }

    /// Times the player was late between two instants.
    pub fn underruns(&self, from: LocalTime, to: LocalTime) -> usize {
        let ran_dry = |run: &&Run| {
            let at = run.clock.time_of(run.frames as f64);
            run.dry && from <= at && at <= to
        };
        self.runs.iter().filter(ran_dry).count()
    }

    /// When something other than silence was first heard at or after `from`.
    pub fn onset(&self, from: LocalTime) -> Option<LocalTime> {
        self.runs().find_map(|(samples, clock)| {
            let skip = clock.frame_at(from).ceil().max(0.0) as usize;
            let heard = samples.iter().skip(skip).position(|sample| sample.abs() > SILENCE)?;
            Some(clock.time_of((skip + heard) as f64))
        })
    }

    /// Whether nothing but silence was heard for `length` from `from` on.
    pub fn is_silent(&self, from: LocalTime, length: Span) -> bool {
        self.onset(from).is_none_or(|onset| onset > from + length)
    }

    /// When something other than silence was last heard.
    pub fn last_sound(&self) -> Option<LocalTime> {
        let mut runs: Vec<_> = self.runs().collect();
        runs.reverse();
        runs.into_iter().find_map(|(samples, clock)| {
            let heard = samples.iter().rposition(|sample| sample.abs() > SILENCE)?;
            Some(clock.time_of(heard as f64))
        })
    }
}

/// The runs that an index tells of, and how many channels the samples have.
fn read_index(index: &str) -> Result<(Vec<Run>, usize)> {
    let mut runs: Vec<Run> = Vec::new();
    let mut width = None;
    // A line without its end is still being written.
    for text in index.split_inclusive('\n').filter(|text| text.ends_with('\n')) {
        match serde_json::from_str(text).with_context(|| text.to_owned())? {
            Line::Run {
                start_frame,
                clock_t0_ns,
                rate,
                channels,
                ppb,
                wobble_ppb,
                wobble_ms,
                latency_frames,
            } => {
                ensure!(*width.get_or_insert(channels) == channels, "channels changed");
                runs.push(Run {
                    start: start_frame,
                    frames: usize::MAX,
                    clock: CardClock {
                        started: LocalTime::from_nanos(clock_t0_ns),
                        rate: f64::from(rate),
                        ppm: ppb as f64 * 1e-3,
                        wobble: wobble_ppb as f64 * 1e-3,
                        wobble_s: wobble_ms as f64 * 1e-3,
                        latency_frames: f64::from(latency_frames),
                    },
                    dry: false,
                });
            }
            Line::End { frames, dry } => {
                let run = runs.last_mut().context("an end without a run")?;
                run.frames = frames;
                run.dry = dry;
            }
        }
    }
    Ok((runs, width.context("the card's clock never started")?))
}

fn mix(bytes: &[u8], channels: usize) -> Vec<f32> {
    let frame = channels.max(1) * size_of::<f32>();
    let share = 1.0 / channels.max(1) as f32;
    bytes
        .chunks_exact(frame)
        .map(|frame| {
            let (samples, _) = frame.as_chunks::<4>();
            samples.iter().map(|sample| f32::from_le_bytes(*sample)).sum::<f32>() * share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_wobbling_card_runs_both_ways_alike() {
        let clock = CardClock {
            started: LocalTime::from_nanos(1_234_567_890_123),
            rate: 48_000.0,
            ppm: 200.0,
            wobble: 50.0,
            wobble_s: 20.0,
            latency_frames: 960.0,
        };
        for frame in [0.0, 1_000.5, 480_000.0, 2_880_000.0] {
            let back = clock.frame_at(clock.time_of(frame));
            assert!((back - frame).abs() < 1e-3, "frame {frame} came back as {back}");
        }
    }

    #[test]
    fn only_frames_that_were_heard_count_and_an_underrun_begins_a_new_run() {
        let run = |start: usize, t0: i64| {
            format!(
                "{{\"event\":\"run\",\"startFrame\":{start},\"t0Ns\":{t0},\"clockT0Ns\":{t0},\
                 \"rate\":1000,\"channels\":1,\"ppb\":0,\"wobblePpb\":0,\"wobbleMs\":1000,\
                 \"latencyFrames\":0}}\n"
            )
        };
        let index = run(0, 0)
            + "{\"event\":\"end\",\"frames\":4,\"dry\":true,\"atNs\":4}\n"
            + &run(4, 1_000_000_000)
            + "{\"event\":\"end\",\"frames\":2,\"dry\":false,\"atNs\":5}\n"
            + "{\"event\":\"run\",\"startF";
        let samples = [0.0f32, 0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let capture = Capture::parse(&index, &bytes).unwrap();
        let (start, end) = (LocalTime::from_nanos(0), LocalTime::from_nanos(i64::MAX));
        assert_eq!(capture.underruns(start, end), 1);
        assert_eq!(capture.underruns(LocalTime::from_nanos(5_000_000), end), 0);
        assert_eq!(capture.runs().map(|(samples, _)| samples.len()).collect::<Vec<_>>(), [4, 2]);
        assert_eq!(capture.onset(start), Some(LocalTime::from_nanos(2_000_000)));
        assert_eq!(capture.last_sound(), Some(LocalTime::from_nanos(1_001_000_000)));
    }

    #[test]
    fn a_part_of_a_capture_sounds_when_the_whole_did() {
        let dir = std::env::temp_dir().join(format!("capture-part-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("card.cap");
        let index = "{\"event\":\"run\",\"startFrame\":0,\"t0Ns\":0,\"clockT0Ns\":0,\
                     \"rate\":1000,\"channels\":2,\"ppb\":100000,\"wobblePpb\":0,\
                     \"wobbleMs\":1000,\"latencyFrames\":7}\n";
        fs::write(path.with_extension("cap.idx"), index).unwrap();
        let bytes: Vec<u8> = (0..4_000u16)
            .flat_map(|frame| [f32::from(frame); 2])
            .flat_map(f32::to_le_bytes)
            .collect();
        fs::write(&path, bytes).unwrap();
        let at = |millis| LocalTime::default() + Span::from_millis(millis);
        let whole = Capture::read(&path).unwrap();
        let part = Capture::read_part(&path, at(1_000), at(2_000)).unwrap();
        let ((whole, clock), (samples, part)) =
            (whole.runs().next().unwrap(), part.runs().next().unwrap());
        assert!((999..=1_001).contains(&samples.len()), "{} frames", samples.len());
        let first = samples[0] as usize;
        assert_eq!(whole[first], samples[0]);
        assert_eq!(clock.time_of(first as f64), part.time_of(0.0));
        fs::remove_dir_all(&dir).unwrap();
    }
}
