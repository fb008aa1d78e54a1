//! The stories. Each is one function that reads from top to bottom; what several of them do
//! is here.

pub mod desktop;
pub mod device_lost;
pub mod director_killed;
pub mod interop;
pub mod late_join;
pub mod memory;
pub mod relay_restart;
pub mod together;
pub mod transfer;

use std::path::Path;

use anyhow::{Context, Result};
use protocol::host::{FileView, LinkState, View};
use protocol::time::Span;
use protocol::{FileId, LocalTime};

use super::member::Member;
use super::report::Report;
use super::song::Reference;
use crate::measure::capture::Capture;
use crate::measure::comparison::Comparison;
use crate::measure::gap::Gap;

/// Start offset and 99th percentile between two players. (milliseconds)
const TOGETHER: f64 = 2.0;
/// From pressing play to the last member's first note. (milliseconds)
const PRESS_TO_SOUND: f64 = 700.0;
/// From pressing stop to the last member's last note. (milliseconds)
const PRESS_TO_SILENCE: f64 = 700.0;

/// How long a song may take to get from one member to another.
const TRANSFER: Span = Span::from_secs(120);

/// The file of this id in a view.
pub fn file<'a>(view: &'a View, id: &FileId) -> Option<&'a FileView> {
    view.files.iter().find(|file| file.file_id == *id)
}

/// How many bytes of the file a member holds, as this view knows.
fn held(view: &View, id: &FileId, member: &str) -> u64 {
    file(view, id)
        .and_then(|file| file.readiness.iter().find(|ready| ready.user_id.as_str() == member))
        .map_or(0, |ready| ready.held_bytes)
}

/// Whether this device holds all of the file.
pub fn holds_all(view: &View, id: &FileId) -> bool {
    file(view, id).is_some_and(|file| held(view, id, view.me.user_id.as_str()) >= file.size)
}

/// Whether a member could start the file at once, as this view knows.
pub fn could_play(view: &View, id: &FileId, member: &str) -> bool {
    file(view, id).is_some_and(|file| {
        file.readiness.iter().any(|ready| ready.user_id.as_str() == member && ready.playable)
    })
}

pub fn is_online(view: &View) -> bool {
    view.swarm.as_ref().is_some_and(|swarm| swarm.link == LinkState::Online)
}

pub fn members(view: &View) -> usize {
    view.swarm.as_ref().map_or(0, |swarm| swarm.members.len())
}

pub fn directs(view: &View) -> bool {
    view.swarm.as_ref().is_some_and(|swarm| swarm.is_director)
}

/// Lets `owner` share a song, and waits until it is announced.
pub fn share(owner: &mut Member, song: &Path) -> Result<FileId> {
    owner.shares(song)?;
    owner.sees("its song announced", Span::from_secs(60), |view| {
        view.adding.is_empty() && view.files.iter().any(|file| file.mine)
    })?;
    let view = owner.view()?;
    let mine = view.files.iter().find(|file| file.mine).context("the song was withdrawn")?;
    Ok(mine.file_id.clone())
}

/// Waits until a member holds all of a file.
pub fn fetch(member: &mut Member, id: &FileId) -> Result<LocalTime> {
    member.sees("the whole song on its disk", TRANSFER, |view| holds_all(view, id))
}

/// Waits until `director` knows that everyone could play, and everyone knows the time.
pub fn ready(director: &mut Member, others: &mut [&mut Member], id: &FileId) -> Result<()> {
    let names: Vec<String> = others.iter().map(|other| other.name().to_owned()).collect();
    director.sees("everyone ready", TRANSFER, |view| {
        view.clock.synced && names.iter().all(|name| could_play(view, id, name))
    })?;
    for other in others {
        other.sees("the swarm's time", Span::from_secs(10), |view| view.clock.synced)?;
    }
    Ok(())
}

/// Milliseconds from a press to a note.
fn millis_between(pressed: LocalTime, heard: LocalTime) -> f64 {
    (heard - pressed).as_millis_f64()
}

/// Row that says whether two members that were told to play began as one.
fn report_start(report: &mut Report, comparison: &Comparison) {
    report.at_most("began apart", Some(comparison.began_later * 1e3), TOGETHER, "ms");
}

/// Rows that say how well two members kept together.
fn report_together(report: &mut Report, comparison: &Comparison) {
    let millis = |lag: Option<f64>| lag.map(|lag| lag * 1e3);
    report.at_most("apart at the start", millis(comparison.start_offset()), TOGETHER, "ms");
    report.fact("error p50", shown_micros(comparison.error(0.5)));
    report.at_most("error p99", millis(comparison.error(0.99)), TOGETHER, "ms");
    report.fact("error max", shown_micros(comparison.error(1.0)));
    report.fact("windows compared", comparison.measured());
    report.none_of("windows not recognised", comparison.refused());
}

fn shown_micros(lag: Option<f64>) -> String {
    lag.map_or("none".to_owned(), |lag| format!("{:.0} us", lag * 1e6))
}

/// Row that says whether one member left something out, and where.
fn report_gaps(report: &mut Report, member: &str, gaps: &[Gap]) {
    report.none_of(&format!("gaps of {member}"), gaps.len());
    for Gap { at, length } in gaps {
        report.fact("  at", format!("{at:.2} s, {:.0} ms long", length * 1e3));
    }
}

/// Rows that say whether one member played the song without a hole, compared with the song
/// as another decoder gives it. `from` is when play was pressed.
fn report_whole(
    report: &mut Report,
    member: &str,
    heard: &Capture,
    reference: &Reference,
    (from, to): (LocalTime, LocalTime),
) -> Result<()> {
    let onset = heard.onset(from).with_context(|| format!("{member} was not heard"))?;
    let played = reference.played(onset - reference.lead());
    let comparison = Comparison::between(&played, heard, from, Some(to))?;
    report.none_of(&format!("not the song, of {member}"), comparison.refused());
    report_gaps(report, member, &comparison.second_gaps);
    report.none_of(&format!("jumps of {member}"), comparison.steps());
    report.none_of(&format!("underruns of {member}"), heard.underruns(from, to));
    Ok(())
}
