//! A third member comes while the music plays, with the song at hand: how long until it is
//! in time for good, and that the others do not notice.

use anyhow::{Context as _, Result};
use protocol::time::Span;

use super::{Report, Run, locked_after, report_undisturbed, room};
use crate::demo::stage::listen;
use crate::measure::comparison::Comparison;

/// From asking to join until in time for good. (milliseconds)
const LOCKED: f64 = 1_500.0;

pub fn show(run: &Run) -> Result<Report> {
    let mut room = room(run, "late-join", 2, 60)?;
    let newcomer = room.newcomer()?;
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    listen(pressed + Span::from_secs(8));
    let asked = room.joins(newcomer)?;
    room.settles()?;
    listen(asked + Span::from_secs(12));
    let stopped = room.director().stops()?;
    let heard = room.close()?;

    let (first, third) = super::pair(&heard, 0, 2)?;
    let onset = third.onset(asked).context("the newcomer was not heard")?;
    let newcomer = Comparison::between(first, third, asked, Some(stopped))?;
    let (first, second) = super::pair(&heard, 0, 1)?;
    let others = Comparison::between(first, second, pressed, Some(stopped))?;
    let mut report = Report::new("A third member comes while the music plays");
    report.fact("heard after", format!("{:.0} ms", (onset - asked).as_millis_f64()));
    let locked = locked_after(&newcomer, asked);
    report.at_most("within 100 us for good after", locked, LOCKED * run.factor, "ms");
    report.fact("error p99 of the newcomer", super::shown(newcomer.error(0.99).map(|e| e * 1e6)));
    report.none_of("gaps of the newcomer", newcomer.second_gaps.len());
    report.section("the two who were there");
    report_undisturbed(&mut report, &super::between(&others, asked, stopped), run.factor);
    Ok(report)
}
