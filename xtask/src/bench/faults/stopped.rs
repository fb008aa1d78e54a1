//! A member's process is stopped for two seconds and goes on, as a laptop does whose lid was
//! closed: how long until it is in time again. The other one is not disturbed.

use anyhow::Result;
use protocol::time::Span;

use super::{Report, Run, locked_after, room};
use crate::clock;
use crate::demo::song::Reference;
use crate::demo::stage::listen;
use crate::measure::comparison::Comparison;

/// How long it is stopped.
const STOPPED: Span = Span::from_secs(2);
/// From going on until in time for good. (milliseconds)
const LOCKED: f64 = 1_500.0;

pub fn show(run: &Run) -> Result<Report> {
    let reference = Reference::decode(&run.song(60)?)?;
    let mut room = room(run, "stopped", 2, 60)?;
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    listen(pressed + Span::from_secs(12));
    room.members[1].freezes();
    listen(clock::now() + STOPPED);
    room.members[1].thaws();
    let thawed = clock::now();
    listen(thawed + Span::from_secs(15));
    let stopped = room.director().stops()?;
    let heard = room.close()?;

    let (first, second) = super::pair(&heard, 0, 1)?;
    let again = Comparison::between(first, second, thawed, Some(stopped))?;
    let onset = first.onset(pressed).unwrap_or(pressed);
    let played = reference.played(onset - reference.lead());
    let other = Comparison::between(&played, first, pressed, Some(stopped))?;
    let mut report = Report::new("A member is stopped for two seconds");
    let locked = locked_after(&again, thawed);
    report.at_most("within 100 us for good after", locked, LOCKED * run.factor, "ms");
    report.none_of("gaps of the other", other.second_gaps.len());
    report.none_of("underruns of the other", first.underruns(pressed, stopped));
    Ok(report)
}
