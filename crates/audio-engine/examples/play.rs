//! Plays a file on an output and prints what the engine says, for benches and for the ear.
//!
//! `play FILE [--output alsa:dac_a] [--start-at SECONDS] [--from SECONDS] [--for SECONDS]
//! [--then SECONDS:POSITION] [--then SECONDS:pause] [--alone]`.
//! The swarm clock of each is the machine's own monotonic clock, so the outputs of two that
//! are given the same `--start-at` can be compared.

#![allow(clippy::print_stdout, reason = "it is a command-line program")]

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use audio_engine::{Engine, EngineConfig, EngineEvent, MonotonicClock, list_outputs};
use clap::Parser;
use protocol::FileId;
use protocol::time::{MediaTime, Span, SwarmTime};
use sync_core::schedule::Schedule;
use sync_core::{ClockEstimate, PlayoutPlan};

#[derive(Parser)]
struct Arguments {
    /// The song.
    file: PathBuf,
    /// Where the sound goes, an id from the list that `--list` prints.
    #[arg(long)]
    output: Option<String>,
    /// Seconds from now until the start.
    #[arg(long, default_value_t = 1.5)]
    lead: f64,
    /// Start when the machine's uptime clock says so many seconds, instead of `--lead`.
    #[arg(long)]
    start_at: Option<f64>,
    /// Where in the song to begin. (s)
    #[arg(long, default_value_t = 0.0)]
    from: f64,
    /// Seconds after the start at which another position is heard, or nothing; may be repeated.
    #[arg(long = "then", value_name = "SECONDS:POSITION|pause")]
    entries: Vec<String>,
    /// Nobody else plays.
    #[arg(long)]
    alone: bool,
    /// How long to play. (s)
    #[arg(long = "for")]
    length: Option<f64>,
    /// Milliseconds the speaker sounds late.
    #[arg(long, default_value_t = 0.0)]
    delay: f64,
    /// List the outputs and end.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    if arguments.list {
        for output in list_outputs() {
            println!("{}\t{}", output.id, output.name);
        }
        return Ok(());
    }
    let clock = MonotonicClock::new();
    let (engine, events) = Engine::start(EngineConfig {
        clock,
        output: arguments.output.clone(),
        speaker_delay: Span::from_millis_f64(arguments.delay),
        rates: Default::default(),
    });
    // The uptime clock is what all processes on this machine share.
    let offset = uptime()? - clock.now().as_millis_f64() / 1e3;
    let now = clock.now();
    let swarm = SwarmTime::from_nanos(now.as_nanos()) + Span::from_secs_f64(offset);
    let estimate = ClockEstimate::exact(now, swarm, 0.0);

    let file_id = FileId::parse("0".repeat(64))?;
    let path = arguments.file.clone();
    engine.prepare(file_id.clone(), None, Arc::new(move || Ok(Box::new(File::open(&path)?))));
    let anchor = match arguments.start_at {
        Some(seconds) => SwarmTime::default() + Span::from_secs_f64(seconds),
        None => swarm + Span::from_secs_f64(arguments.lead),
    };
    let position = MediaTime::default() + Span::from_secs_f64(arguments.from);
    let plan = PlayoutPlan::playing(file_id, anchor, position);
    engine.set_alone(arguments.alone);
    engine.set_timeline(Some(estimate), schedule(plan, &arguments.entries)?);

    let end = arguments.length.map(|length| Instant::now() + Duration::from_secs_f64(length));
    let mut next_line = Instant::now();
    while end.is_none_or(|end| Instant::now() < end) {
        if let Ok(event) = events.recv_timeout(Duration::from_millis(100)) {
            println!("{event:?}");
            if matches!(event, EngineEvent::Ended { .. } | EngineEvent::TrackFailed { .. }) {
                std::thread::sleep(Duration::from_millis(200));
                break;
            }
        }
        if Instant::now() >= next_line {
            next_line += Duration::from_secs(1);
            let status = engine.status();
            println!(
                "{:?} at {:?}: error {:?}, trim {:.1} ppm, {} jumps, {} underruns, device {:?}",
                status.state,
                status.position,
                status.error.map(Span::as_micros_f64),
                status.trim_ppm.unwrap_or(0.0),
                status.jumps,
                status.underruns,
                status.output.map(|output| (output.rate_ppm, output.latency, output.clock_sigma)),
            );
        }
    }
    Ok(())
}

/// `first` and what follows it.
fn schedule(first: PlayoutPlan, entries: &[String]) -> Result<Schedule> {
    let mut schedule = Schedule::from(first.clone());
    for entry in entries {
        let (when, place) = entry.split_once(':').context("an entry is SECONDS:POSITION")?;
        let anchor = first.anchor + Span::from_secs_f64(when.parse()?);
        let before = schedule.plan_at(anchor).context("an entry follows the start")?;
        schedule.add(match place {
            "pause" => PlayoutPlan {
                anchor,
                position: before.position_at(anchor),
                is_paused: true,
                ..before.clone()
            },
            place => {
                let position = MediaTime::default() + Span::from_secs_f64(place.parse()?);
                PlayoutPlan::playing(first.file_id.clone(), anchor, position)
            }
        });
    }
    Ok(schedule)
}

/// The machine's monotonic clock, which starts at boot. (s)
fn uptime() -> Result<f64> {
    // `Instant` prints its inside; its difference to another process's is what counts.
    let text = format!("{:?}", Instant::now());
    let number = |name: &str| -> Result<f64> {
        let rest = text.split_once(name).context("an unknown kind of clock")?.1;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    };
    Ok(number("tv_sec: ")? + number("tv_nsec: ")? * 1e-9)
}
