//! The party report: one file that says how well every device of the party kept time lately, for
//! whoever looks for the cause of an echo.
//!
//! It is made to be sent to strangers, so nothing in it names anyone: devices are numbered, a line
//! of the log is only its code, an output only its sound system. No keys, no names of people, songs
//! or devices, no addresses, no ids. Beside it, a trace holds the stamps of one device.

use std::collections::{BTreeMap, VecDeque};

use protocol::LocalTime;
use protocol::host::{CheckState, CheckSubject, LogLevel, NoticeCode, PlaybackState, View};
use protocol::ids::UserId;
use protocol::sync::{SyncPath, SyncReport, SyncState};
use protocol::time::Span;
use serde::Serialize;

use crate::actor::Peer;

/// The form of the file. Readers refuse another one.
const VERSION: u32 = 1;

/// How far back a report goes: long enough for whoever heard an echo to come and press the button.
const KEPT: Span = Span::from_secs(600);

/// Most samples kept, of all devices together: ten minutes of a swarm of fifty that tell theirs
/// every second, 3 MB of memory.
const MOST_SAMPLES: usize = 30_000;

/// Most devices numbered in one run of the app; those that come after are left out.
const MOST_DEVICES: usize = 1_000;

/// What devices said of their sync, the latest ten minutes of it.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// In the order in which devices were first seen.
    numbers: BTreeMap<UserId, usize>,
    samples: VecDeque<(LocalTime, usize, SyncReport)>,
}

impl History {
    /// Takes note of what a device says now.
    pub(crate) fn note(&mut self, now: LocalTime, device: &UserId, report: SyncReport) {
        let next = self.numbers.len() + 1;
        if next > MOST_DEVICES && !self.numbers.contains_key(device) {
            return;
        }
        let number = *self.numbers.entry(device.clone()).or_insert(next);
        let is_old = |(at, _, _): &(LocalTime, usize, SyncReport)| now - *at > KEPT;
        while self.samples.len() >= MOST_SAMPLES || self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, number, report));
    }

    fn number(&self, device: Option<&UserId>) -> Option<usize> {
        self.numbers.get(device?).copied()
    }

    fn series(&self, now: LocalTime) -> Vec<Device> {
        let mut devices: BTreeMap<usize, Vec<Sample>> = BTreeMap::new();
        for (at, number, report) in &self.samples {
            devices.entry(*number).or_default().push(Sample {
                ago_s: (now - *at).as_secs_f64(),
                state: report.state,
                error_us: report.error_us,
                uncertainty_us: report.uncertainty_us,
                path: report.path,
                root: self.number(report.root.as_ref()),
                rate_ppm: report.rate_ppm,
                jumps: report.jumps,
            });
        }
        devices.into_iter().map(|(number, samples)| Device { number, samples }).collect()
    }
}

/// The whole file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    report: u32,
    app: &'static str,
    system: &'static str,
    processor: &'static str,
    /// The device that wrote this.
    this_device: Option<usize>,
    director: Option<usize>,
    members: usize,
    is_hosting: bool,
    playback: Playback,
    clock: Clock,
    output: Output,
    files: Vec<File>,
    checks: Vec<(CheckSubject, CheckState)>,
    log: Vec<Line>,
    devices: Vec<Device>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Playback {
    state: PlaybackState,
    jumps: u32,
    underruns: u32,
    trim_ppm: Option<f64>,
    speaker_delay_ms: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Clock {
    synced: bool,
    asymmetry_us: Option<f64>,
    round_trip_us: Option<f64>,
    skew_ppm: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    /// `alsa`, for instance: a device's own name may name a person.
    sound_system: Option<String>,
    sample_rate: Option<u32>,
    channels: Option<u16>,
    latency_ms: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    /// Bytes held here, of a hundred.
    held_percent: f64,
    connections: u32,
    down_bytes_per_s: f64,
    up_bytes_per_s: f64,
}

#[derive(Serialize)]
struct Line {
    number: u32,
    level: LogLevel,
    code: NoticeCode,
}

#[derive(Serialize)]
struct Device {
    number: usize,
    samples: Vec<Sample>,
}

/// What one device said of itself at one moment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    /// Before the report was written. (s)
    ago_s: f64,
    state: SyncState,
    error_us: Option<f64>,
    uncertainty_us: Option<f64>,
    path: SyncPath,
    root: Option<usize>,
    rate_ppm: Option<f64>,
    jumps: u32,
}

impl Peer {
    /// Takes note of how well every device keeps time now.
    pub(crate) fn note_history(&mut self, now: LocalTime) {
        let Some(swarm) = &self.swarm else { return };
        let others = swarm.session.members().iter().map(|member| &member.user_id);
        let said: Vec<(UserId, SyncReport)> = others
            .filter(|id| **id != self.user_id)
            .filter_map(|id| Some((id.clone(), swarm.session.report_of(id)?.clone())))
            .collect();
        let own = self.sync_report(now);
        self.history.note(now, &self.user_id, own);
        for (id, report) in said {
            self.history.note(now, &id, report);
        }
    }

    /// The report as text.
    pub(crate) fn report(&self) -> String {
        let now = self.clock.now();
        let report = Report::of(&self.view(now), &self.history, now);
        serde_json::to_string_pretty(&report).expect("a report has text keys and plain values")
    }
}

impl Report {
    fn of(view: &View, history: &History, now: LocalTime) -> Self {
        let swarm = view.swarm.as_ref();
        let system = |id: &String| id.split(':').next().unwrap_or_default().to_owned();
        Self {
            report: VERSION,
            app: env!("CARGO_PKG_VERSION"),
            system: std::env::consts::OS,
            processor: std::env::consts::ARCH,
            this_device: history.number(Some(&view.me.user_id)),
            director: history.number(swarm.and_then(|swarm| swarm.director.as_ref())),
            members: swarm.map_or(0, |swarm| swarm.members.len()),
            is_hosting: swarm.is_some_and(|swarm| swarm.hosting),
            playback: Playback {
                state: view.playback.state,
                jumps: view.playback.jumps,
                underruns: view.playback.underruns,
                trim_ppm: view.playback.trim_ppm,
                speaker_delay_ms: view.settings.speaker_delay_ms.get(),
            },
            clock: Clock {
                synced: view.clock.synced,
                asymmetry_us: view.clock.asymmetry_us,
                round_trip_us: view.clock.round_trip_us,
                skew_ppm: view.clock.skew_ppm,
            },
            output: Output {
                sound_system: view.output.id.as_ref().map(system),
                sample_rate: view.output.sample_rate,
                channels: view.output.channels,
                latency_ms: view.output.latency_ms.map(|latency| latency.get()),
            },
            files: view
                .files
                .iter()
                .map(|file| {
                    let here = file.readiness.iter().find(|held| held.user_id == view.me.user_id);
                    let held = here.map_or(0, |held| held.held_bytes);
                    File {
                        held_percent: (held as f64 / file.size.max(1) as f64 * 100.0).round(),
                        connections: file.rates.peers,
                        down_bytes_per_s: file.rates.down,
                        up_bytes_per_s: file.rates.up,
                    }
                })
                .collect(),
            checks: view.checks.iter().map(|check| (check.subject, check.state)).collect(),
            log: view
                .log
                .iter()
                .map(|line| Line { number: line.number, level: line.level, code: line.notice.code })
                .collect(),
            devices: history.series(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: usize) -> UserId {
        UserId::parse(format!("member-{number}")).expect("an id")
    }

    #[test]
    fn ten_minutes_are_kept_and_memory_is_bounded() {
        let mut history = History::default();
        for second in 0..1_000 {
            let now = LocalTime::default() + Span::from_secs(second);
            for number in 0..60 {
                history.note(now, &device(number), SyncReport::default());
            }
            assert!(history.samples.len() <= MOST_SAMPLES, "{}", history.samples.len());
        }
        let mut history = History::default();
        for second in 0..1_000 {
            let now = LocalTime::default() + Span::from_secs(second);
            history.note(now, &device(1), SyncReport::default());
        }
        assert_eq!(history.samples.len(), 601, "one a second, both ends of ten minutes counted");
    }

    #[test]
    fn strangers_cannot_fill_the_list_of_devices() {
        let mut history = History::default();
        for number in 0..2 * MOST_DEVICES {
            history.note(LocalTime::default(), &device(number), SyncReport::default());
        }
        assert_eq!(history.numbers.len(), MOST_DEVICES);
    }
}
