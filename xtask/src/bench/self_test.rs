//! `cargo xtask bench self-test`: the bench measures itself before it judges anybody.
//!
//! Delays and drifts that are put in must come back, also when they pass through real
//! players on virtual cards; the network must be as late as asked for; two programmes that
//! have nothing in common must not get a figure, and a player that is late must not pass.

mod echo;
mod sound;

use std::process::Stdio;

use anyhow::{Context, Result};
use clap::Args;
use protocol::LocalTime;
use protocol::time::Span;

use super::figures::Figures;
use super::proxy::Weather;
use super::proxy::path::Leg;
use super::room::{Plan, Room, folder};
use super::row::Row;
use crate::build::{self, Profile};
use crate::card::Card;
use crate::clock;
use crate::demo::process::Process;
use crate::demo::report::Report;
use crate::demo::song::{self, Reference};
use crate::demo::stage::{Stage, wait_until};
use crate::measure::capture::Capture;
use crate::measure::comparison::{Comparison, percentile};
use crate::measure::timeline::RATE;
use crate::setup::{self, Consent, Purpose};
use sound::Sound;

/// A delay that was put in comes back this exactly. (microseconds)
const DELAY: f64 = 1.0;
/// A drift that was put in comes back this exactly. (parts per million)
const DRIFT: f64 = 0.3;
/// What cards heard agrees with their own index this exactly. (microseconds)
const INDEX: f64 = 5.0;
/// A way through the network takes this much more than asked for at most, half of the times.
/// (milliseconds)
const NETWORK: f64 = 1.0;

/// Delays that are put in. (samples of the time line)
const DELAYS: [f64; 6] = [0.0, 0.25, 1.0, 7.5, 120.0, 0.005 * RATE];
/// Drifts that are put in. (parts per million)
const DRIFTS: [f64; 2] = [30.0, 200.0];

/// Latency of a card that nobody is told of: a player on it is a millisecond late. (frames)
const HIDDEN: u32 = 48;
/// How long the late player is listened to. (seconds)
const LISTENED: u32 = 10;

/// Options of `cargo xtask bench self-test`.
#[derive(Args, Clone)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    profile: Profile,
    /// Use what is built already, on a machine that is set up
    #[arg(long)]
    built: bool,
}

/// Measures the bench.
///
/// # Errors
///
/// When something that was put in does not come back, or something false passes.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        setup::ensure_ready(Purpose::Test, arguments.consent)?;
        build::all(arguments.profile)?;
    }
    let mut report = Report::new("The bench, measured by itself");
    delays_and_drifts(&mut report)?;
    cards(&mut report, "aplay on cards 20 ppm apart", Card::new("dac_b", 20.0))?;
    let wavering = Card { wobble: 50.0, ..Card::new("dac_b", 200.0) };
    cards(&mut report, "aplay on cards 200 ppm apart, wavering", wavering)?;
    network(&mut report)?;
    strangers(&mut report);
    late_player(&mut report, arguments.profile)?;
    report.conclude()
}

fn delays_and_drifts(report: &mut Report) -> Result<()> {
    report.section("sound made late or slow by arithmetic");
    let start = LocalTime::from_nanos(1_000_000_000);
    let sound = Sound::new(1);
    let plain = sound.played(0.0, 0.0, start);
    for samples in DELAYS {
        let found = Comparison::between(&plain, &sound.played(samples, 0.0, start), start, None)?;
        let truth = samples / RATE * 1e6;
        let worst = found.windows.iter().filter_map(|window| window.point());
        let worst = worst.map(|(_, lag)| (lag * 1e6 - truth).abs()).reduce(f64::max);
        let worst = worst.filter(|_| found.refused() == 0);
        report.at_most(&format!("error of {samples} samples"), worst, DELAY, "us");
    }
    for ppm in DRIFTS {
        let found = Comparison::between(&plain, &sound.played(0.0, ppm, start), start, None)?;
        let off = found.drift_ppm().map(|drift| drift - ppm);
        report.at_most(&format!("error of {ppm} ppm"), off, DRIFT, "ppm");
    }
    Ok(())
}

/// Lets `aplay` play one file on two cards and compares what was heard with what the cards
/// know of their own clocks.
fn cards(report: &mut Report, label: &str, second: Card) -> Result<()> {
    let dir = folder().join("self-test-cards");
    let mut stage =
        Stage::set_in(&dir, &[Card::new("dac_a", 0.0), second], Profile::default(), false)?;
    stage.forgets_recordings();
    let file = stage.dir().join("sound.wav");
    Sound::new(2).write(&file)?;
    let (name, conf) = stage.rack().environment();
    let mut players = Vec::new();
    for card in ["dac_a", "dac_b"] {
        let mut command = Process::command("aplay");
        command.args(["-q", "-D", card]).arg(&file).env(name, conf).stdout(Stdio::null());
        players.push(Process::start(&mut command, &stage.dir().join("aplay.log"))?);
    }
    let length = Span::from_secs_f64(sound::SECONDS + 20.0);
    wait_until(length, || !players.iter_mut().any(Process::is_running)).context("aplay")?;
    let (first, second) = (stage.heard("a")?, stage.heard("b")?);
    let found = Comparison::between(&first, &second, LocalTime::default(), None)?;
    let clock = |heard: &Capture| heard.runs().next().map(|(_, clock)| clock.clone());
    let (first, second) = clock(&first).zip(clock(&second)).context("both cards ran")?;
    // In parts: where the lag moves by 100 us within a window, the middle of the window is not
    // the middle of what sounds in it.
    let off = found.parts.iter().filter_map(|part| part.point()).map(|(at, lag)| {
        let now = found.from + Span::from_secs_f64(at);
        let same_frame = second.time_of(first.frame_at(now));
        (lag - (same_frame - now).as_secs_f64()).abs() * 1e6
    });
    let worst = off.reduce(f64::max).filter(|_| found.refused() == 0);
    report.at_most(label, worst, INDEX, "us");
    Ok(())
}

fn network(report: &mut Report) -> Result<()> {
    report.section("the network, half of all round trips beyond what was asked for");
    let leg = |delay| Leg { delay: Span::from_millis(delay), ..Leg::default() };
    for (up, down) in [(0, 0), (20, 20), (0, 35)] {
        let weather = Weather { up: leg(up), down: leg(down) };
        let asked = Span::from_millis(up + down).as_millis_f64();
        for (kind, mut taken) in
            [("UDP", echo::datagrams(weather)?), ("TCP", echo::stream(weather)?)]
        {
            let more = percentile(&mut taken, 0.5).map(|taken| taken - asked);
            report.at_most(&format!("{kind}, {up} ms there, {down} ms back"), more, NETWORK, "ms");
        }
    }
    Ok(())
}

/// Two programmes that have nothing in common.
fn strangers(report: &mut Report) {
    report.section("what must not pass");
    let start = LocalTime::from_nanos(1_000_000_000);
    let (first, second) = (Sound::new(3), Sound::new(4));
    let played = |sound: &Sound| sound.played(0.0, 0.0, start);
    let measured = Comparison::between(&played(&first), &played(&second), start, None)
        .map_or(0, |found| found.measured());
    report.none_of("windows of unlike programmes measured", measured);
}

/// The app itself, one member on a card whose latency is not told: the bounds must not hold.
fn late_player(report: &mut Report, profile: Profile) -> Result<()> {
    let song = song::converted(&song::real()?, "mp3", LISTENED + 10)?;
    let mut seats = Row::Equal.seats();
    seats[1].card.hidden = HIDDEN;
    let name = "self-test-late".to_owned();
    let reference = Reference::decode(&song)?;
    let mut room = Room::open(Plan { name, seats, lan: true, host: None, song, profile }, 2)?;
    let within = room.plays(Span::from_secs(i64::from(LISTENED)))?;
    let heard = room.close()?;
    let [first, second] = &heard[..] else { anyhow::bail!("two cards were played on") };
    let figures = Figures::of([first, second], Some(&reference), within)?;
    let mut judged = Report::new("late");
    figures.judge(&mut judged, Row::Equal.bounds(), super::sync::NOISY);
    let missed = judged.missed();
    let fails = ["error p50", "error p99", "error max", "apart at the start"];
    let found = figures.p50.map_or("none".to_owned(), |p50| format!("{p50:.0} us"));
    report.fact("an app made 1 ms late is found to be late by", found);
    report.claim("and misses every bound", fails.iter().all(|row| missed.contains(row)));
    Ok(())
}

/// Since when, for round trips. (milliseconds)
fn millis_since(then: LocalTime) -> f64 {
    (clock::now() - then).as_millis_f64()
}
