//! What a schedule asks of the decks: the passage on air and the next one.
//!
//! A [`sync_core::schedule::Schedule`] speaks of songs, pauses and repeats. A deck plays one
//! passage: a stretch of one song without a turn, from an instant on, until something else
//! follows. Here the one is turned into the other, by rules that depend on nothing but the
//! schedule, so that every device cuts, fades and joins in the same places.

use protocol::FileId;
use protocol::time::{MediaTime, Span, SwarmTime};
use sync_core::schedule::{PlayoutPlan, Schedule};

/// Length of a fade at a start in the middle, a pause, a stop or a gap. (s)
pub(crate) const FADE_SECONDS: f64 = 0.008;

/// Length of the crossfade at a seam: a seek, a skip, the turn of a repeat. (s)
pub(crate) const SEAM_SECONDS: f64 = 0.005;

/// Two lines that differ by less are one: the drift control goes from one to the other
/// unheard, and a song that is cut by less has been heard to its end.
pub(crate) const SAME_PLACE: Span = Span::from_millis(2);

/// Passages that are asked for at a time: one that sounds and one that is decoded beforehand.
const PASSAGES: usize = 2;

/// When which position is heard; a plan without its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlanLine {
    pub anchor: SwarmTime,
    pub position: MediaTime,
}

impl PlanLine {
    /// The frame that should be heard at `time`; parts of a frame count.
    pub(crate) fn frame_at(&self, time: SwarmTime, rate: f64) -> f64 {
        (self.position_at(time) - MediaTime::default()).as_secs_f64() * rate
    }

    /// The first frame that is heard at all.
    pub(crate) fn start(&self, rate: f64) -> f64 {
        (self.position - MediaTime::default()).as_secs_f64().max(0.0) * rate
    }

    pub(crate) fn position_at(&self, time: SwarmTime) -> MediaTime {
        self.position + (time - self.anchor)
    }

    fn time_of(&self, position: MediaTime) -> SwarmTime {
        self.anchor + (position - self.position)
    }

    fn is_near(&self, other: &Self) -> bool {
        (self.position_at(other.anchor) - other.position).abs() < SAME_PLACE
    }
}

/// What one deck is to play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    /// Heard from its anchor on.
    pub line: PlanLine,
    /// When it gives way to what follows.
    pub until: Option<SwarmTime>,
    /// True if the song ends by itself there, so that nothing is cut.
    pub plays_out: bool,
    /// Length of the fade at its beginning; zero for a song's own beginning. (s)
    pub rise: f64,
    /// Length of the fade where it is cut. (s)
    pub fall: f64,
}

/// A part and its song.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Passage {
    pub file_id: FileId,
    pub part: Part,
    /// True if its first frame comes right behind the last frame of the passage before.
    pub joins: bool,
}

/// What a schedule asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Programme {
    /// What sounds and what is to sound next, in that order.
    pub passages: Vec<Passage>,
    /// Where a song stands still, if nothing says yet when it goes on.
    pub standing: Option<(FileId, MediaTime)>,
}

/// What `schedule` asks for at `at`. `length_of` tells how long a song is, where known.
pub(crate) fn programme(
    schedule: &Schedule,
    at: SwarmTime,
    length_of: impl Fn(&FileId) -> Option<Span>,
) -> Programme {
    let scenes = scenes(schedule, at);
    let mut programme = Programme::default();
    for (index, scene) in scenes.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| scenes.get(before));
        let Some(until) = scene.sounds_until() else {
            let is_last = index + 1 == scenes.len();
            programme.standing = is_last.then(|| (scene.file_id.clone(), scene.line.position));
            continue;
        };
        if programme.passages.len() == PASSAGES {
            break;
        }
        let is_followed = scenes.get(index + 1).is_some_and(|next| !next.is_still);
        let end = scene.end(&length_of);
        let is_cut_in = before.is_some_and(|before| !before.is_still);
        let begins = scene.line.position == MediaTime::default();
        let part = Part {
            line: scene.line,
            until,
            plays_out: until.zip(end).is_some_and(|(until, end)| end - until < SAME_PLACE),
            rise: match (begins, is_cut_in) {
                (true, _) => 0.0,
                (false, true) => SEAM_SECONDS,
                (false, false) => FADE_SECONDS,
            },
            fall: if is_followed { SEAM_SECONDS } else { FADE_SECONDS },
        };
        let joins = begins
            && before
                .filter(|before| !before.is_still)
                .and_then(|before| before.end(&length_of))
                .is_some_and(|end| (scene.line.anchor - end).abs() < SAME_PLACE);
        programme.passages.push(Passage { file_id: scene.file_id.clone(), part, joins });
    }
    programme
}

/// A time in which one song plays straight on, or stands still.
struct Scene {
    file_id: FileId,
    line: PlanLine,
    is_still: bool,
    until: Option<SwarmTime>,
}

impl Scene {
    /// How long it sounds; none if it does not.
    fn sounds_until(&self) -> Option<Option<SwarmTime>> {
        (!self.is_still).then_some(self.until)
    }

    /// When its song is over, if it is not cut before.
    fn end(&self, length_of: impl Fn(&FileId) -> Option<Span>) -> Option<SwarmTime> {
        length_of(&self.file_id).map(|length| self.line.time_of(MediaTime::default() + length))
    }
}

/// The scenes from the one at `at` on, as many as can matter.
fn scenes(schedule: &Schedule, at: SwarmTime) -> Vec<Scene> {
    let plans = schedule.plans();
    let first = plans.iter().rposition(|plan| plan.anchor <= at).unwrap_or(0);
    let mut scenes: Vec<Scene> = Vec::new();
    for (index, plan) in plans.iter().enumerate().skip(first) {
        let next = plans.get(index + 1).map(|next| next.anchor);
        for line in lines(plan, at).take_while(|line| next.is_none_or(|next| line.anchor < next)) {
            if let Some(last) = scenes.last_mut() {
                if !plan.is_paused
                    && !last.is_still
                    && last.file_id == plan.file_id
                    && last.line.is_near(&line)
                {
                    // Said in other words: the song goes straight on.
                    continue;
                }
                last.until = Some(line.anchor);
            }
            // The third is asked only whether it cuts the second short, the fourth never.
            if scenes.iter().filter(|scene| !scene.is_still).count() > PASSAGES {
                return scenes;
            }
            let is_still = plan.is_paused;
            scenes.push(Scene { file_id: plan.file_id.clone(), line, is_still, until: None });
        }
    }
    scenes
}

/// The lines a plan is made of, from the one heard at `at` on.
fn lines(plan: &PlayoutPlan, at: SwarmTime) -> impl Iterator<Item = PlanLine> {
    let whole = PlanLine { anchor: plan.anchor, position: plan.position };
    let still = plan.is_paused.then_some(whole);
    let moving = (!plan.is_paused).then(|| plan.stretches(at));
    let moving = moving.into_iter().flatten();
    still
        .into_iter()
        .chain(moving.map(|part| PlanLine { anchor: part.anchor, position: part.position }))
}

#[cfg(test)]
mod tests;
