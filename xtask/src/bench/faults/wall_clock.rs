//! A member's wall clock jumps by an hour while the music plays, as it does when a computer
//! learns the time late. Nothing here may depend on it.
//!
//! The jump is made below one process by `virtual-card/wall_clock.c`; the machine's own clock
//! is left alone.

use anyhow::Result;
use protocol::time::Span;

use super::super::row::Row;
use super::{Report, Run, report_undisturbed, room_with};
use crate::card::compile_shim;
use crate::demo::stage::listen;
use crate::measure::comparison::Comparison;

/// Seconds after the start of the process, and seconds of the jump.
const STEP: &str = "20,3600";
/// The variable that the shim reads.
const STEP_NAME: &str = "WALL_CLOCK_STEP";
/// When the jump has happened for certain, from the press.
const JUMPED: Span = Span::from_secs(22);

pub fn show(run: &Run) -> Result<Report> {
    let shim = compile_shim()?;
    let mut room = room_with(run, "wall-clock", 2, 60, |seats| {
        seats[1].shim = Some((shim, STEP_NAME, STEP));
    })?;
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    listen(pressed + JUMPED + Span::from_secs(15));
    let stopped = room.director().stops()?;
    let log = std::fs::read_to_string(room.stage.dir().join("b.log")).unwrap_or_default();
    let heard = room.close()?;

    let (first, second) = super::pair(&heard, 0, 1)?;
    let whole = Comparison::between(first, second, pressed, Some(stopped))?;
    let settled = super::between(&whole, pressed + Span::from_secs(5), stopped);
    let mut report = Report::new("A member's wall clock jumps by an hour");
    report.claim("it jumped", log.contains("wall clock jumped"));
    let most = Row::Skewed.bounds().max * run.factor;
    report.at_most("error max", settled.error(1.0).map(|error| error * 1e6), most, "us");
    report_undisturbed(&mut report, &settled, run.factor);
    Ok(report)
}
