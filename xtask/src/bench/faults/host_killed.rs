//! The app that carries the party is killed while four play: another one carries it on, the three
//! left have no gap and take no audible step, and the director is heard again within seconds.

use anyhow::{Context as _, Result};
use protocol::MediaTime;
use protocol::host::{Intent, LinkState, View};
use protocol::message::Repeat;
use protocol::time::{Millis, Span};

use super::{Report, Run, report_undisturbed};
use crate::bench::room::{Plan, Room, Seat};
use crate::clock;
use crate::demo::stage::listen;
use crate::measure::comparison::Comparison;

/// Until everybody has heard of what the director did after the host was killed. (milliseconds)
const CONTROL: f64 = 3_000.0;

pub fn show(run: &Run) -> Result<Report> {
    let plan = super::plan(run, "host-killed", 60, |seats| {
        seats.push(Seat::new("d", 40.0).on_clock("19,-30"));
    })?;
    let host = plan.seats.len() - 1;
    let mut room = Room::open(Plan { host: Some(host), ..plan }, host + 1)?;
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    listen(pressed + Span::from_secs(12));
    let died = clock::now();
    room.members[host].crashes();
    let mut whole = died;
    for member in &mut room.members[..host] {
        whole = whole.max(member.sees("the party without its host", PATIENCE, is_whole)?);
    }
    // A change that nobody hears: what it says lies behind what is listened to.
    let end = Millis::from(MediaTime::default() + Span::from_secs(55));
    let repeat = Repeat::new(Millis::default(), end).context("a stretch that can be repeated")?;
    room.director().wants(&Intent::SetRepeat { repeat: Some(repeat) })?;
    let mut controlled = died;
    for member in &mut room.members[..host] {
        let repeats = |view: &View| {
            view.playback.on_air.as_ref().is_some_and(|on_air| on_air.repeat.is_some())
        };
        controlled = controlled.max(member.sees("what the director did", PATIENCE, repeats)?);
    }
    listen(died + Span::from_secs(20));
    room.director().stops()?;
    let ended = clock::now();
    let carrier = room.members[0].view()?.swarm.and_then(|swarm| swarm.carrier);
    let heard = room.close()?;

    let (first, second) = super::pair(&heard, 0, 1)?;
    let whole_song = Comparison::between(first, second, pressed, Some(ended))?;
    let mut report = Report::new("The app that carries the party is killed");
    report.fact("carried on by", carrier.context("somebody carries the party")?);
    report.fact("everyone there again after", format!("{:.0} ms", (whole - died).as_millis_f64()));
    let back = Some((controlled - died).as_millis_f64());
    report.at_most("director heard by all after", back, CONTROL * run.factor, "ms");
    report.at_least("heard after it", (ended - died).as_secs_f64(), 15.0, "s");
    report_undisturbed(&mut report, &super::between(&whole_song, died, ended), run.factor);
    Ok(report)
}

/// Longest wait for anything.
const PATIENCE: Span = Span::from_secs(20);

fn is_whole(view: &View) -> bool {
    view.swarm.as_ref().is_some_and(|swarm| {
        let is_carried = swarm.carrier.as_ref().is_some_and(|carrier| carrier.as_str() != "d");
        swarm.link == LinkState::Online && swarm.members.len() == 3 && is_carried
    })
}
