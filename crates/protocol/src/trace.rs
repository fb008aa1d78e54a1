//! What one device measured while it played, written down so that it can be played through
//! the same filters again somewhere else.
//!
//! A trace is text: one JSON record a line, a [`TraceHeader`] first. It holds stamps and what
//! was made of them, and no names of songs or swarms. Instants are whole nanoseconds, because
//! a rounded stamp would not replay. Writing and reading a file is the caller's matter; start
//! at [`Trace::parse`] and [`TraceRecord::to_line`].

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::time::{LocalTime, Span, SwarmTime};

/// The form of the records below. Another one is refused.
pub const TRACE_VERSION: u32 = 1;

/// Longest line read. (bytes)
///
/// The longest record there is, with an output's name of a thousand letters, is half of this.
const MAX_LINE: usize = 4_096;

/// What stands on a trace's first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceHeader {
    /// [`TRACE_VERSION`].
    pub version: u32,
    /// Version of the app that wrote it.
    pub app: String,
    /// The output in use.
    pub output: TraceOutput,
}

/// A sound device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceOutput {
    /// What people call it.
    pub name: String,
    /// The rate it was opened with. (frames/s)
    pub nominal_rate: u32,
}

/// With whom a device exchanged time stamps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimeSource {
    /// The relay.
    Relay,
    /// Another member, directly.
    Peer(UserId),
}

/// One line of a trace after the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TraceRecord {
    /// One exchange of time stamps, in the order in which answers arrived.
    Exchange {
        /// Who answered.
        source: TimeSource,
        /// The ping left this device.
        #[serde(with = "nanos")]
        t0: LocalTime,
        /// The ping reached the source.
        #[serde(with = "nanos")]
        t1: SwarmTime,
        /// The answer left the source.
        #[serde(with = "nanos")]
        t2: SwarmTime,
        /// The answer reached this device.
        #[serde(with = "nanos")]
        t3: LocalTime,
    },
    /// What the sound system told with one buffer.
    Stamp {
        /// The buffer's first frame, counted from the last interruption.
        frame: u64,
        /// When that frame is heard, as told.
        #[serde(with = "nanos")]
        heard: LocalTime,
        /// The part of the latency that was told in frames and turned into time by the
        /// nominal rate.
        #[serde(with = "nanos")]
        queued: Span,
        /// True if sound was lost since the buffer before.
        interrupted: bool,
    },
    /// The clock estimate that music was played by from here on.
    Clock {
        /// Where the line is pinned.
        #[serde(with = "nanos")]
        local: LocalTime,
        /// What the swarm's clock says there.
        #[serde(with = "nanos")]
        swarm: SwarmTime,
        /// How much faster the swarm's clock runs than this device's. (ppm)
        skew_ppm: f64,
        /// One standard deviation at the pin. (µs)
        sigma_us: f64,
    },
    /// How far the song was from its place.
    Playout {
        /// When.
        #[serde(with = "nanos")]
        at: LocalTime,
        /// Heard late by so much. (µs)
        error_us: f64,
        /// Speed correction, the device's own rate included. (ppm)
        trim_ppm: f64,
    },
    /// Something out of the ordinary.
    Event {
        /// When.
        #[serde(with = "nanos")]
        at: LocalTime,
        /// What.
        event: TraceEvent,
    },
}

/// Something out of the ordinary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TraceEvent {
    /// The song was moved to its place audibly.
    Jump,
    /// Decoded sound was missing.
    Starved,
    /// The device ran dry.
    Underrun,
    /// The machine slept, or its clock jumped.
    Suspend,
    /// Swarm time is now told by this source. Its clock starts anew.
    RootChanged {
        /// Who tells the time.
        source: TimeSource,
    },
    /// Sound goes to this device from here on.
    OutputOpened {
        /// The device.
        output: TraceOutput,
    },
}

/// A whole trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Where and by what it was made.
    pub header: TraceHeader,
    /// What happened, in order.
    pub records: Vec<TraceRecord>,
}

/// Why a text is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is nothing in it.
    #[error("the trace is empty")]
    Empty,
    /// Written in another form.
    #[error("the trace has version {0}, and only {TRACE_VERSION} can be read")]
    Version(u32),
    /// A line that is no record.
    #[error("line {line} is no record")]
    Line {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line longer than any record.
    #[error("line {line} is longer than any record")]
    TooLong {
        /// Counted from one.
        line: usize,
    },
    /// A device whose rate is no rate.
    #[error("line {line}: a sound device of {rate} frames a second")]
    Rate {
        /// Counted from one.
        line: usize,
        /// As written.
        rate: u32,
    },
}

impl Trace {
    /// Reads a whole trace. Empty lines are passed over; a last line that was cut off by a
    /// crash is an error like any other, because a trace that lies is worse than none.
    ///
    /// # Errors
    ///
    /// [`TraceError`], with the number of the line.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let first = lines.find(|(_, line)| !line.is_empty()).ok_or(TraceError::Empty)?;
        let header: TraceHeader = record(first)?;
        if header.version != TRACE_VERSION {
            return Err(TraceError::Version(header.version));
        }
        check_rate(first.0, &header.output)?;
        let mut records = Vec::new();
        for line in lines.filter(|(_, line)| !line.is_empty()) {
            let record = record(line)?;
            if let TraceRecord::Event { event: TraceEvent::OutputOpened { output }, .. } = &record {
                check_rate(line.0, output)?;
            }
            records.push(record);
        }
        Ok(Self { header, records })
    }

    /// The whole trace as text.
    pub fn to_text(&self) -> String {
        let mut text = self.header.to_line();
        for record in &self.records {
            // Writing to a string does not fail.
            let _ = write!(text, "{}", record.to_line());
        }
        text
    }
}

impl TraceHeader {
    /// The header of a trace written by this version.
    pub fn new(app: impl Into<String>, output: TraceOutput) -> Self {
        Self { version: TRACE_VERSION, app: app.into(), output }
    }

    /// The first line, with its end.
    pub fn to_line(&self) -> String {
        line(self)
    }
}

impl TraceRecord {
    /// One line, with its end.
    pub fn to_line(&self) -> String {
        line(self)
    }
}

/// Rates that sound devices have. (frames/s)
const RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;

fn check_rate(line: usize, output: &TraceOutput) -> Result<(), TraceError> {
    let rate = output.nominal_rate;
    if RATES.contains(&rate) { Ok(()) } else { Err(TraceError::Rate { line, rate }) }
}

fn record<'a, T: Deserialize<'a>>((line, text): (usize, &'a str)) -> Result<T, TraceError> {
    if text.len() > MAX_LINE {
        return Err(TraceError::TooLong { line });
    }
    serde_json::from_str(text).map_err(|source| TraceError::Line { line, source })
}

fn line(record: &impl Serialize) -> String {
    let mut line = serde_json::to_string(record).expect("plain numbers and names are JSON");
    line.push('\n');
    line
}

/// Instants and lengths as whole nanoseconds.
mod nanos {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::{LocalTime, Span, SwarmTime};

    pub(super) trait Nanos: Copy {
        fn of(nanos: i64) -> Self;
        fn count(self) -> i64;
    }

    macro_rules! nanos {
        ($($name:ident),*) => {$(
            impl Nanos for $name {
                fn of(nanos: i64) -> Self {
                    Self::from_nanos(nanos)
                }
                fn count(self) -> i64 {
                    self.as_nanos()
                }
            }
        )*};
    }

    nanos!(LocalTime, SwarmTime, Span);

    pub(super) fn serialize<T: Nanos, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(value.count())
    }

    pub(super) fn deserialize<'de, T: Nanos, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        i64::deserialize(deserializer).map(T::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let output = TraceOutput { name: "Speakers".into(), nominal_rate: 48_000 };
        let at = LocalTime::from_nanos(123_456_789_012_345);
        let swarm = SwarmTime::from_nanos(1_795_342_400_123_456_789);
        let ada = TimeSource::Peer(UserId::parse("ada").expect("a plain id"));
        let event = |event| TraceRecord::Event { at, event };
        let records = vec![
            TraceRecord::Exchange {
                source: TimeSource::Relay,
                t0: at,
                t1: swarm,
                t2: swarm,
                t3: at,
            },
            TraceRecord::Exchange { source: ada.clone(), t0: at, t1: swarm, t2: swarm, t3: at },
            TraceRecord::Stamp {
                frame: 1_024,
                heard: at,
                queued: Span::from_micros(21_333),
                interrupted: true,
            },
            TraceRecord::Clock { local: at, swarm, skew_ppm: -12.5, sigma_us: 4.25 },
            TraceRecord::Playout { at, error_us: 3.5, trim_ppm: 80.25 },
            event(TraceEvent::Jump),
            event(TraceEvent::Starved),
            event(TraceEvent::Underrun),
            event(TraceEvent::Suspend),
            event(TraceEvent::RootChanged { source: ada }),
            event(TraceEvent::OutputOpened { output: output.clone() }),
        ];
        Trace { header: TraceHeader::new("0.1.0", output), records }
    }

    #[test]
    fn a_trace_is_read_back_to_the_nanosecond() {
        let text = trace().to_text();
        assert_eq!(text.lines().count(), 12, "one record a line");
        assert_eq!(Trace::parse(&text).expect("it was just written"), trace());
    }

    #[test]
    fn a_record_looks_as_the_documentation_says() {
        let text = trace().to_text();
        let expected = "{\"record\":\"exchange\",\"source\":\"relay\",\"t0\":123456789012345,\
                        \"t1\":1795342400123456789,\"t2\":1795342400123456789,\
                        \"t3\":123456789012345}";
        assert_eq!(text.lines().nth(1), Some(expected));
    }

    #[test]
    fn a_damaged_line_is_named_by_its_number() {
        for (number, damage) in
            [(1, "{}"), (3, "{\"record\":\"stamp\""), (5, "{\"record\":\"song\"}"), (9, "\u{0}")]
        {
            let mut lines: Vec<String> = trace().to_text().lines().map(str::to_owned).collect();
            lines[number - 1] = damage.into();
            let error = Trace::parse(&lines.join("\n")).expect_err("a line is damaged").to_string();
            assert!(error.starts_with(&format!("line {number} ")), "{error}");
        }
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        assert!(matches!(Trace::parse("\n \n"), Err(TraceError::Empty)));
        let newer = trace().to_text().replacen("\"version\":1", "\"version\":2", 1);
        assert!(matches!(Trace::parse(&newer), Err(TraceError::Version(2))));
        let mute = trace().to_text().replacen("48000", "0", 1);
        assert!(matches!(Trace::parse(&mute), Err(TraceError::Rate { line: 1, rate: 0 })));
        let long = format!("{}{}", trace().to_text(), "x".repeat(MAX_LINE + 1));
        assert!(matches!(Trace::parse(&long), Err(TraceError::TooLong { line: 13 })));
    }
}
