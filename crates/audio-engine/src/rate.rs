//! From a song's own sample rate to the device's, on a grid that every seek meets.
//!
//! Two rates meet on a common grid: 147 frames at 44.1 kHz last as long as 160 at 48 kHz.
//! Conversion always begins at a point of that grid, so frame `n` of the converted song is
//! the same instant whether it was played to or jumped to. rubato's synchronous converter is
//! used, which keeps the grid exactly; its delay is a whole number of frames and is taken off.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use crate::song::SongError;

/// Shortest block that is transformed at once. (frames in)
///
/// Sets the steepness of the filter: at 44.1 kHz flat to 21.5 kHz.
const BLOCK: u64 = 1_024;

/// Frames at the device's rate, each with its place in the song.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Place of the first frame in `left` and `right`.
    pub first: i64,
    pub left: Vec<f32>,
    pub right: Vec<f32>,
}

impl Line {
    pub(crate) fn end(&self) -> i64 {
        self.first + self.left.len() as i64
    }

    pub(crate) fn drop_front(&mut self, frames: usize) {
        self.left.drain(..frames);
        self.right.drain(..frames);
        self.first += frames as i64;
    }
}

/// Converts one song, front to back, after each [`Self::begin`].
pub(crate) struct RateConverter {
    /// Frames of song per grid step…
    grid_in: u64,
    /// …and frames for the device.
    grid_out: u64,
    stage: Option<Stage>,
    /// Frames before this are not given out.
    begin: i64,
    /// Place of the next frame out.
    next: i64,
}

struct Stage {
    fft: Fft<f32>,
    input: [Vec<f32>; 2],
    output: [Vec<f32>; 2],
}

impl RateConverter {
    /// # Errors
    ///
    /// [`SongError::Unsupported`] for two rates that have no usable common grid.
    pub(crate) fn new(from: u32, to: u32) -> Result<Self, SongError> {
        let common = u64::from(gcd(from, to));
        let (grid_in, grid_out) = (u64::from(from) / common, u64::from(to) / common);
        let stage = if from == to { None } else { Some(Stage::new(from, to, grid_in)?) };
        Ok(Self { grid_in, grid_out, stage, begin: 0, next: 0 })
    }

    /// Begins anew: the next frames given out are `out` and those after it. Says which frame
    /// of the song to feed first.
    pub(crate) fn begin(&mut self, out: i64) -> i64 {
        let out = out.max(0);
        self.begin = out;
        let Some(stage) = &mut self.stage else {
            self.next = out;
            return out;
        };
        stage.fft.reset();
        stage.input.iter_mut().for_each(Vec::clear);
        // One block earlier, so that the filter is filled with sound by then.
        let before = stage.fft.input_frames_next() as i64;
        let steps = (out / self.grid_out as i64 - before / self.grid_in as i64 - 1).max(0);
        self.next = steps * self.grid_out as i64 - stage.fft.output_delay() as i64;
        steps * self.grid_in as i64
    }

    /// Converts the song's next frames and appends what comes out to `line`.
    pub(crate) fn feed(&mut self, left: &[f32], right: &[f32], line: &mut Line) {
        match &mut self.stage {
            None => {
                if line.left.is_empty() {
                    line.first = self.next;
                }
                line.left.extend_from_slice(left);
                line.right.extend_from_slice(right);
                self.next += left.len() as i64;
            }
            Some(stage) => {
                stage.input[0].extend_from_slice(left);
                stage.input[1].extend_from_slice(right);
                let whole = stage.fft.input_frames_next();
                while stage.input[0].len() >= whole {
                    let made = stage.convert_block();
                    append(line, &stage.output, made, self.begin, &mut self.next);
                }
            }
        }
    }

    /// The song is over after `frames` frames: appends the rest.
    pub(crate) fn finish(&mut self, frames: i64, line: &mut Line) {
        let end = self.end_of(frames);
        if let Some(stage) = &mut self.stage {
            while self.next < end {
                let whole = stage.fft.input_frames_next();
                stage.input.iter_mut().for_each(|plane| plane.resize(whole, 0.0));
                let made = stage.convert_block();
                append(line, &stage.output, made, self.begin, &mut self.next);
            }
        }
        let surplus = (line.end() - end).clamp(0, line.left.len() as i64) as usize;
        line.left.truncate(line.left.len() - surplus);
        line.right.truncate(line.right.len() - surplus);
    }

    /// Where a song of so many frames ends at the device's rate.
    pub(crate) fn end_of(&self, frames: i64) -> i64 {
        let scaled = i128::from(frames) * i128::from(self.grid_out) + i128::from(self.grid_in / 2);
        (scaled / i128::from(self.grid_in)) as i64
    }
}

impl Stage {
    fn new(from: u32, to: u32, grid_in: u64) -> Result<Self, SongError> {
        let unsupported =
            || SongError::Unsupported { what: format!("conversion from {from} Hz to {to} Hz") };
        // An even number of grid steps, so that half a block is whole frames on both sides.
        let steps = BLOCK.div_ceil(grid_in).next_multiple_of(2);
        let block = usize::try_from(steps * grid_in).map_err(|_| unsupported())?;
        let fft = Fft::new_custom(
            from as usize,
            to as usize,
            block,
            1,
            2,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|_| unsupported())?;
        let output = [0, 1].map(|_| vec![0.0; fft.output_frames_max()]);
        Ok(Self { fft, input: Default::default(), output })
    }

    /// Converts the first block of `input` into `output`; how many frames it made.
    fn convert_block(&mut self) -> usize {
        let whole = self.fft.input_frames_next();
        let room = self.output[0].len();
        let input = SequentialSliceOfVecs::new(&self.input, 2, whole)
            .expect("the caller gathered a whole block");
        let mut output = SequentialSliceOfVecs::new_mut(&mut self.output, 2, room)
            .expect("both planes have the largest length");
        let (taken, made) = self
            .fft
            .process_into_buffer(&input, &mut output, None)
            .expect("both buffers have the sizes asked for");
        self.input.iter_mut().for_each(|plane| drop(plane.drain(..taken)));
        made
    }
}

/// Appends those of the frames just made that are not before `begin`.
fn append(line: &mut Line, made: &[Vec<f32>; 2], count: usize, begin: i64, next: &mut i64) {
    let skip = (begin - *next).clamp(0, count as i64) as usize;
    if skip < count {
        if line.left.is_empty() {
            line.first = *next + skip as i64;
        }
        line.left.extend_from_slice(&made[0][skip..count]);
        line.right.extend_from_slice(&made[1][skip..count]);
    }
    *next += count as i64;
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: [(u32, u32); 10] = [
        (44_100, 48_000),
        (48_000, 44_100),
        (48_000, 48_000),
        (96_000, 48_000),
        (22_050, 48_000),
        (44_100, 192_000),
        (192_000, 44_100),
        (8_000, 48_000),
        (32_000, 44_100),
        (11_025, 44_100),
    ];

    /// A slow tone and its double, over a length in seconds.
    fn tone(seconds: f64) -> f32 {
        let turns = std::f64::consts::TAU * 440.0 * seconds;
        (0.4 * turns.sin() + 0.3 * (2.7 * turns + 1.0).sin()) as f32
    }

    fn convert(converter: &mut RateConverter, from: u32, frames: i64, out: i64) -> Line {
        let mut line = Line::default();
        let mut at = converter.begin(out);
        assert!(at >= 0);
        while at < frames {
            let end = (at + 1_152).min(frames);
            let left: Vec<f32> = (at..end).map(|n| tone(n as f64 / f64::from(from))).collect();
            let right: Vec<f32> = left.iter().map(|sample| -sample).collect();
            converter.feed(&left, &right, &mut line);
            at = end;
        }
        converter.finish(frames, &mut line);
        line
    }

    #[test]
    fn every_frame_out_is_the_instant_its_number_says() {
        for (from, to) in PAIRS {
            let mut converter = RateConverter::new(from, to).unwrap();
            let frames = i64::from(from) * 3 / 2 + 37;
            let line = convert(&mut converter, from, frames, 0);
            assert_eq!(line.first, 0, "{from} to {to}");
            let exact = frames as f64 * f64::from(to) / f64::from(from);
            assert!((line.end() as f64 - exact).abs() <= 1.0, "{from} to {to}: {}", line.end());
            let margin = (to / 8) as usize;
            for n in margin..line.left.len() - margin {
                let truth = tone(n as f64 / f64::from(to));
                let off = (line.left[n] - truth).abs();
                assert!(off < 2e-5, "{from} to {to}: frame {n} is off by {off}");
                assert_eq!(line.right[n], -line.left[n]);
            }
        }
    }

    #[test]
    fn a_conversion_begun_anywhere_gives_the_same_frames() {
        for (from, to) in PAIRS {
            let mut converter = RateConverter::new(from, to).unwrap();
            let frames = i64::from(from) * 2;
            let straight = convert(&mut converter, from, frames, 0);
            for out in [1, 4_999, i64::from(to), i64::from(to) * 3 / 2 + 11] {
                let line = convert(&mut converter, from, frames, out);
                assert_eq!(line.first, out, "{from} to {to}");
                assert_eq!(line.end(), straight.end(), "{from} to {to}");
                for (index, sample) in line.left.iter().enumerate() {
                    let off = (sample - straight.left[out as usize + index]).abs();
                    assert!(off < 1e-5, "{from} to {to} from {out}: {index} is off by {off}");
                }
            }
        }
    }
}
