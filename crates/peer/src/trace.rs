//! What this device measured lately, kept so that it can be written down when something went
//! wrong: a saved trace replays in the simulation.
//!
//! Stamps and what was made of them; no names of people, devices, songs or swarms but the
//! random ids of members. The last ten minutes or so
//! are kept, in memory.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};

use audio_engine::{DeviceStamp, OutputInfo};
use protocol::LocalTime;
use protocol::trace::{TimeSource, TraceEvent, TraceHeader, TraceOutput, TraceRecord};
use sync_core::{ClockEstimate, ClockSample};

/// Records kept: ten minutes with stamps 47 times and exchanges ten times a second. (count)
///
/// Two megabytes of memory.
const KEPT: usize = 40_000;

/// Traces that may lie in the folder. More are a script's doing.
const MOST_TRACES: u32 = 10_000;

/// The latest records.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    output: Option<TraceOutput>,
    /// The output in use where the records begin.
    first_output: Option<TraceOutput>,
    records: VecDeque<TraceRecord>,
}

impl Recorder {
    /// An exchange of time stamps.
    pub(crate) fn exchange(&mut self, source: TimeSource, sample: ClockSample) {
        let ClockSample { t0, t1, t2, t3 } = sample;
        self.add(TraceRecord::Exchange { source, t0, t1, t2, t3 });
    }

    /// What the sound system told.
    pub(crate) fn stamps(&mut self, stamps: impl IntoIterator<Item = DeviceStamp>) {
        for DeviceStamp { frame, heard, queued, is_interrupted } in stamps {
            self.add(TraceRecord::Stamp { frame, heard, queued, interrupted: is_interrupted });
        }
    }

    /// The clock that music is played by.
    pub(crate) fn clock(&mut self, now: LocalTime, clock: &ClockEstimate) {
        self.add(TraceRecord::Clock {
            local: now,
            swarm: clock.to_swarm(now),
            skew_ppm: clock.skew_ppm(),
            sigma_us: clock.uncertainty(now).as_micros_f64(),
        });
    }

    /// How far the song is from its place.
    pub(crate) fn playout(&mut self, at: LocalTime, error_us: f64, trim_ppm: f64) {
        self.add(TraceRecord::Playout { at, error_us, trim_ppm });
    }

    /// Something out of the ordinary.
    pub(crate) fn event(&mut self, at: LocalTime, event: TraceEvent) {
        self.add(TraceRecord::Event { at, event });
    }

    /// Another device is in use.
    pub(crate) fn opened(&mut self, at: LocalTime, output: &OutputInfo) {
        // What the sound system is called; a device's own name may name a person.
        let system = output.id.split(':').next().unwrap_or_default().to_owned();
        let output = TraceOutput { name: system, nominal_rate: output.sample_rate };
        self.output = Some(output.clone());
        self.first_output.get_or_insert_with(|| output.clone());
        self.event(at, TraceEvent::OutputOpened { output });
    }

    fn add(&mut self, record: TraceRecord) {
        if self.records.len() == KEPT
            && let Some(TraceRecord::Event { event: TraceEvent::OutputOpened { output }, .. }) =
                self.records.pop_front()
        {
            self.first_output = Some(output);
        }
        self.records.push_back(record);
    }

    /// The whole trace as text; none before any output was opened.
    pub(crate) fn text(&self) -> Option<String> {
        let output = self.first_output.clone()?;
        let header = TraceHeader::new(env!("CARGO_PKG_VERSION"), output);
        let lines = self.records.iter().map(TraceRecord::to_line);
        Some(std::iter::once(header.to_line()).chain(lines).collect())
    }
}

/// Writes a trace into a new file of `folder`; which one.
///
/// # Errors
///
/// What the system says, a full disk for instance; no half file is left.
pub(crate) fn save(folder: &Path, text: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let free = (1..MOST_TRACES)
        .map(|number| folder.join(format!("trace-{number}.jsonl")))
        .find(|path| !path.exists())
        .ok_or_else(|| std::io::Error::other("there are ten thousand traces already"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist_noclobber(&free)?;
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::time::{Span, SwarmTime};
    use protocol::trace::Trace;

    #[test]
    fn what_was_recorded_is_read_back_and_the_oldest_goes_first() {
        let mut recorder = Recorder::default();
        assert_eq!(recorder.text(), None, "there is no output yet");
        let output = |rate| OutputInfo {
            id: "x".to_owned(),
            name: "Speakers".to_owned(),
            sample_rate: rate,
            channels: 2,
        };
        recorder.opened(LocalTime::default(), &output(48_000));
        for number in 0..3 * KEPT as i64 {
            let at = LocalTime::default() + Span::from_millis(number);
            if number == KEPT as i64 {
                recorder.opened(at, &output(44_100));
            }
            let swarm = SwarmTime::from_nanos(number);
            let sample = ClockSample { t0: at, t1: swarm, t2: swarm, t3: at };
            recorder.exchange(TimeSource::Relay, sample);
        }
        let trace = Trace::parse(&recorder.text().expect("an output")).expect("a trace");
        assert_eq!(trace.records.len(), KEPT);
        assert_eq!(trace.header.output.nominal_rate, 44_100, "the one in use by then");
    }

    #[test]
    fn each_trace_gets_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("traces");
        let [first, second] = ["one", "two"].map(|text| save(&folder, text).unwrap());
        assert_ne!(first, second);
        assert_eq!(std::fs::read_to_string(second).unwrap(), "two");
        std::fs::write(folder.join("file"), "").unwrap();
        assert!(save(&folder.join("file"), "three").is_err(), "no folder");
    }
}
