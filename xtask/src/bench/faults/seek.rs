//! The director chooses another place in the song: how long until the last member is heard
//! there, and whether they are together at once.

use anyhow::{Context as _, Result, ensure};
use protocol::LocalTime;
use protocol::time::Span;

use super::{Report, Run, room};
use crate::clock;
use crate::demo::song::Reference;
use crate::demo::stage::listen;
use crate::measure::capture::Capture;
use crate::measure::comparison::{Comparison, percentile};

/// From the press to the last member at the new place. (milliseconds)
const PRESS: f64 = 300.0;
/// Members are this close at once. (microseconds)
const TOGETHER: f64 = 100.0;

/// Where to, forwards and back. (seconds)
const PLACES: [i64; 6] = [60, 20, 95, 96, 41, 120];
/// How long each place is listened to.
const LISTENED: Span = Span::from_secs(4);
/// When everyone is at the new place for certain, to find out when they came.
const ARRIVED: Span = Span::from_millis(1_500);

pub fn show(run: &Run) -> Result<Report> {
    let song = run.song(180)?;
    let mut room = room(run, "seek", 2, 180)?;
    let id = room.song.clone();
    let began = room.director().plays(&id)?;
    listen(began + LISTENED);
    let mut pressed = Vec::new();
    for place in PLACES {
        let intent = serde_json::json!({ "type": "seek", "positionMs": place * 1_000 });
        let at = room.director().is_told(&intent.to_string())?;
        listen(at + LISTENED);
        pressed.push((at, place));
    }
    let stopped = clock::now();
    room.director().stops()?;
    let heard = room.close()?;
    let reference = Reference::decode(&song)?;

    let (mut presses, mut errors) = (Vec::new(), Vec::new());
    for (number, (at, place)) in pressed.iter().enumerate() {
        let next = pressed.get(number + 1).map_or(stopped, |(next, _)| *next);
        for heard in &heard {
            let arrived = arrival(heard, &reference, (*at, next), *place)
                .with_context(|| format!("the place at {place} s"))?;
            presses.push((arrived - *at).as_millis_f64());
        }
        let (first, second) = super::pair(&heard, 0, 1)?;
        let from = *at + Span::from_millis(500);
        let together = Comparison::between(first, second, from, Some(next))?;
        errors.extend(together.start_offset().map(|offset| offset.abs() * 1e6));
    }
    let mut report = Report::new("Another place in the song");
    report.at_most(
        "press to sound there, max",
        percentile(&mut presses, 1.0),
        PRESS * run.factor,
        "ms",
    );
    let together = (errors.len() == PLACES.len()).then(|| percentile(&mut errors, 1.0)).flatten();
    report.at_most("apart half a second later, max", together, TOGETHER * run.factor, "us");
    Ok(report)
}

/// When a member was first heard at the new place, and from then on.
fn arrival(
    heard: &Capture,
    reference: &Reference,
    (pressed, end): (LocalTime, LocalTime),
    place: i64,
) -> Result<LocalTime> {
    // As if the place had sounded at the press: what comes out late by is the answer.
    let played = reference.played(pressed - Span::from_secs(place));
    let there = Comparison::between(&played, heard, pressed + ARRIVED, Some(end))?;
    let late = there.start_offset().context("the music is not that of the new place")?;
    ensure!(late > 0.0, "it was heard there {late} s after the press");
    let planned = pressed + Span::from_secs_f64(late);
    let in_place = reference.played(planned - Span::from_secs(place));
    let all = Comparison::between(&in_place, heard, pressed, Some(end))?;
    let since = all.within_for_good(1e-3).context("it never got there")?;
    Ok(planned.max(all.from + Span::from_secs_f64(since)))
}
