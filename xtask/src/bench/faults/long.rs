//! Long on cards 200 ppm apart: the worst that ever happens. What was played is looked at in
//! pieces, because it does not fit into memory as a whole.

use anyhow::Result;
use protocol::time::Span;

use super::super::row::Row;
use super::{Report, Run, plan};
use crate::bench::room::Room;
use crate::clock;
use crate::demo::stage::listen;
use crate::measure::capture::Capture;
use crate::measure::comparison::{Comparison, percentile};

/// Length of a piece.
const PIECE: Span = Span::from_secs(300);
/// What comes before is the start.
const SETTLED: Span = Span::from_secs(5);

pub fn show(run: &Run) -> Result<Report> {
    let seconds = run.minutes * 60;
    let mut plan = plan(run, "long", seconds, |seats| *seats = Row::Skewed.seats())?;
    plan.name = "long".to_owned();
    let mut room = Room::open(plan, 2)?;
    room.stage.forgets_recordings();
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    let end = pressed + Span::from_secs(i64::from(seconds));
    let (mut errors, mut gaps, mut steps, mut refused) = (Vec::new(), 0, 0, 0);
    let mut from = pressed + SETTLED;
    while from < end {
        let to = (from + PIECE).min(end);
        listen(to + Span::from_secs(2).min(end - to));
        let capture = |name: &str| {
            let margin = Span::from_secs(2);
            let file = room.stage.rack().capture(&format!("dac_{name}"));
            Capture::read_part(&file, from - margin, to + margin)
        };
        let piece = Comparison::between(&capture("a")?, &capture("b")?, from, Some(to))?;
        errors
            .extend(piece.windows.iter().filter_map(|one| one.point()).map(|(_, l)| l.abs() * 1e6));
        gaps += piece.first_gaps.len() + piece.second_gaps.len();
        steps += piece.steps_over(super::STEP * 1e-6);
        refused += piece.refused();
        println!(
            "  {:5.1} min: error max {:.1} us",
            (to - pressed).as_secs_f64() / 60.0,
            piece.error(1.0).unwrap_or(f64::NAN) * 1e6
        );
        from = to;
    }
    listen(end);
    let stopped = clock::now();
    room.director().stops()?;
    let underruns: u32 = room
        .members
        .iter()
        .map(|member| member.view().map(|view| view.playback.underruns))
        .sum::<Result<u32>>()?;
    drop(room);

    let bounds = Row::Skewed.bounds().times(run.factor);
    let minutes = (stopped - pressed).as_secs_f64() / 60.0;
    let mut report = Report::new(format!("{minutes:.0} minutes on cards 200 ppm apart"));
    report.fact("windows compared", errors.len());
    let mut error = |share| percentile(&mut errors, share);
    report.at_most("error p50", error(0.5), bounds.p50, "us");
    report.at_most("error p99", error(0.99), bounds.p99, "us");
    report.at_most("error max", error(1.0), bounds.max, "us");
    report.none_of("gaps", gaps);
    report.none_of("underruns", underruns as usize);
    report.none_of("steps over 50 us", steps);
    report.none_of("windows not recognised", refused);
    Ok(report)
}
