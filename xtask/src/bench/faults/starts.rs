//! Play, listen for a moment, stop, again and again: how far apart the members begin, and how
//! long after the press.

use anyhow::{Result, ensure};
use protocol::MediaTime;
use protocol::time::Span;

use super::{Report, Run, room};
use crate::demo::stage::listen;
use crate::measure::comparison::{Beginning, percentile};

/// Of 95 % of all starts. (microseconds)
const P95: f64 = 25.0;
/// Of all starts. (microseconds)
const MAX: f64 = 100.0;
/// From the press to the first sound of the last member. (milliseconds)
const PRESS: f64 = 350.0;

/// How long each start is listened to.
const LISTENED: Span = Span::from_millis(1_500);
/// And the silence after it.
const PAUSE: Span = Span::from_millis(500);
/// Each start begins further on in the song, where other music is.
const FURTHER: Span = Span::from_millis(1_370);
/// Length of the song. (seconds)
const LENGTH: u32 = 180;

pub fn show(run: &Run) -> Result<Report> {
    let mut room = room(run, "starts", 2, LENGTH)?;
    let song = room.song.clone();
    let mut pressed = Vec::new();
    for number in 0..run.starts {
        let span = f64::from(number) * FURTHER.as_secs_f64() % f64::from(LENGTH - 10);
        let position = MediaTime::default() + Span::from_secs_f64(10.0 + span);
        let at = room.director().plays_from(&song, position)?;
        listen(at + LISTENED);
        let stopped = room.director().stops()?;
        listen(stopped + PAUSE);
        pressed.push((at, stopped));
    }
    let heard = room.close()?;
    let (first, second) = super::pair(&heard, 0, 1)?;

    let (mut errors, mut presses, mut unclear) = (Vec::new(), Vec::new(), 0);
    for (number, (at, stopped)) in pressed.iter().enumerate() {
        let beginning = Beginning::after(first, second, *at)?;
        ensure!(beginning.at < *stopped, "start {number} was not heard before it was stopped");
        presses.push((beginning.at - *at).as_millis_f64());
        match beginning.offset {
            Some(offset) => errors.push(offset.abs() * 1e6),
            None => unclear += 1,
        }
    }
    let mut report = Report::new(format!("{} starts", run.starts));
    report.fact("press to sound, the first", format!("{:.0} ms", presses[0]));
    report.at_least("starts measured", errors.len() as f64, f64::from(run.starts) * 0.9, "");
    report.fact("starts in music that is not clear", unclear);
    let mut error = |share| percentile(&mut errors, share);
    report.fact("apart at the start, p50", super::shown(error(0.5)));
    report.at_most("apart at the start, p95", error(0.95), P95 * run.factor, "us");
    report.at_most("apart at the start, max", error(1.0), MAX * run.factor, "us");
    report.fact("press to sound, p50", {
        let half = percentile(&mut presses, 0.5);
        half.map_or("none".to_owned(), |half| format!("{half:.0} ms"))
    });
    report.at_most("press to sound, max", percentile(&mut presses, 1.0), PRESS * run.factor, "ms");
    Ok(report)
}
