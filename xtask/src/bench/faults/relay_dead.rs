//! The relay is killed and stays away for a minute while the music plays on.

use anyhow::Result;
use protocol::time::Span;

use super::{Report, Run, report_undisturbed, room};
use crate::clock;
use crate::demo::scenario::is_online;
use crate::demo::stage::listen;
use crate::measure::comparison::Comparison;

/// How long it stays away.
const AWAY: Span = Span::from_secs(60);
/// What that may add to the error. (microseconds)
const MORE: f64 = 100.0;

pub fn show(run: &Run) -> Result<Report> {
    let mut room = room(run, "relay-dead", 2, 150)?;
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    listen(pressed + Span::from_secs(20));
    room.stage.kill_relay();
    let died = clock::now();
    listen(died + AWAY);
    room.stage.start_relay()?;
    let back = clock::now();
    for member in &mut room.members {
        member.sees("the relay again", Span::from_secs(30), is_online)?;
    }
    listen(clock::now() + Span::from_secs(20));
    let stopped = room.director().stops()?;
    let heard = room.close()?;

    let (first, second) = super::pair(&heard, 0, 1)?;
    let whole = Comparison::between(first, second, pressed, Some(stopped))?;
    let worst = |from, to| super::between(&whole, from, to).error(1.0).map(|error| error * 1e6);
    let before = worst(pressed + Span::from_secs(5), died);
    let away = worst(died, back);
    let after = worst(back, stopped);
    let more = before.zip(away).map(|(before, away)| (away - before).max(0.0));
    let mut report = Report::new("The relay is gone for a minute");
    report.fact("error max before", super::shown(before));
    report.fact("error max while it is gone", super::shown(away));
    report.at_most("more than before", more, MORE * run.factor, "us");
    report.fact("error max once it is back", super::shown(after));
    let gone = super::between(&whole, died, stopped);
    report_undisturbed(&mut report, &gone, run.factor);
    Ok(report)
}
