//! What is measured beside the steady state: many starts, seeks, and what goes wrong in a
//! room. Each is a story that reads from top to bottom; what several of them do is here.

mod host_killed;
mod killed;
mod late_join;
mod long;
mod relay_dead;
mod seek;
mod starts;
mod stopped;
mod stress;
mod wall_clock;

use anyhow::{Context, Result};
use protocol::LocalTime;
use protocol::time::Span;

use super::room::{Plan, Room, Seat};
use super::row::CLOCKS;
use super::sync::Run;
use crate::demo::report::Report;
use crate::measure::comparison::Comparison;

/// A story.
#[derive(Clone, Copy)]
pub struct Fault {
    /// What it is asked for by.
    pub name: &'static str,
    /// What happens.
    pub title: &'static str,
    /// Takes so long that it is only shown when asked for.
    pub is_long: bool,
    /// Lets it happen.
    pub show: fn(&Run) -> Result<Report>,
}

/// All of them.
pub static ALL: [Fault; 11] = [
    fault("starts", "Many starts", starts::show),
    fault("seek", "Another place in the song", seek::show),
    fault("late-join", "A third member comes while the music plays", late_join::show),
    fault("relay-dead", "The relay is gone for a minute", relay_dead::show),
    fault("root-killed", "The one that everyone takes the time from is killed", killed::root),
    fault("director-killed", "The director is killed", killed::director),
    fault("host-killed", "The app that carries the party is killed", host_killed::show),
    fault("stopped", "A member is stopped for two seconds", stopped::show),
    fault("wall-clock", "A member's wall clock jumps by an hour", wall_clock::show),
    fault("stress", "Two busy loops beside the players", stress::show),
    Fault { is_long: true, ..fault("long", "Hours on cards 200 ppm apart", long::show) },
];

const fn fault(name: &'static str, title: &'static str, show: fn(&Run) -> Result<Report>) -> Fault {
    Fault { name, title, is_long: false, show }
}

/// In time. (seconds)
const IN_TIME: f64 = 100e-6;

/// One who plays on beside a fault may move by so much at once. (microseconds)
const STEP: f64 = 50.0;

/// A room whose cards and clocks all differ, with everyone on one local network.
fn room(run: &Run, name: &str, members: usize, seconds: u32) -> Result<Room> {
    room_with(run, name, members, seconds, |_| ())
}

/// The same, with seats that are changed first.
fn room_with(
    run: &Run,
    name: &str,
    members: usize,
    seconds: u32,
    change: impl FnOnce(&mut Vec<Seat>),
) -> Result<Room> {
    Room::open(plan(run, name, seconds, change)?, members)
}

fn plan(run: &Run, name: &str, seconds: u32, change: impl FnOnce(&mut Vec<Seat>)) -> Result<Plan> {
    let cards = [("a", 0.0), ("b", 80.0), ("c", -60.0)];
    let seat = |((name, ppm), clock)| Seat::new(name, ppm).on_clock(clock);
    let mut seats: Vec<Seat> = cards.into_iter().zip(CLOCKS).map(seat).collect();
    change(&mut seats);
    let (name, song) = (name.to_owned(), run.song(seconds)?);
    Ok(Plan { name, seats, lan: true, host: None, song, profile: run.profile })
}

/// Rows about two who played on while something happened to somebody else.
fn report_undisturbed(report: &mut Report, comparison: &Comparison, factor: f64) {
    let micros = |lag: Option<f64>| lag.map(|lag| lag * 1e6);
    report.at_most("largest step", micros(comparison.largest_step()), STEP * factor, "us");
    report.fact("error p99", shown(micros(comparison.error(0.99))));
    report.fact("error max", shown(micros(comparison.error(1.0))));
    let gaps = comparison.first_gaps.len() + comparison.second_gaps.len();
    report.none_of("gaps", gaps);
    report.none_of("windows not recognised", comparison.refused());
}

fn shown(micros: Option<f64>) -> String {
    micros.map_or("none".to_owned(), |micros| format!("{micros:.1} us"))
}

/// What of a comparison lies between two instants.
fn between(comparison: &Comparison, from: LocalTime, to: LocalTime) -> Comparison {
    let seconds = |at: LocalTime| (at - comparison.from).as_secs_f64();
    comparison.cut(seconds(from), seconds(to))
}

/// How long after `since` a comparison that began then stayed in time. (milliseconds)
fn locked_after(comparison: &Comparison, since: LocalTime) -> Option<f64> {
    let held = comparison.within_for_good(IN_TIME)?;
    Some((comparison.from + Span::from_secs_f64(held) - since).as_millis_f64())
}

/// Two of three.
fn pair<T>(all: &[T], first: usize, second: usize) -> Result<(&T, &T)> {
    all.get(first).zip(all.get(second)).context("everyone has a card")
}
