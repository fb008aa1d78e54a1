//! Which decks are loaded, and what for.
//!
//! On air, next, and one place wished for: each has a deck with a decoder of its own, so that
//! what follows is decoded while something else still sounds. What the schedule asks for is
//! compared with what is loaded; a deck that serves stays, whatever words are used for it.

use protocol::FileId;
use protocol::time::{LocalTime, MediaTime, Span, SwarmTime};
use sync_core::ClockEstimate;

use super::{Active, Control, Track};
use crate::deck::{CUED_SECONDS, Deck, DeckParts, DeckReport, DeckState, place_frame};
use crate::decode::DecoderThread;
use crate::event::EngineEvent;
use crate::passage::{Part, SAME_PLACE, programme};
use crate::render::{Assignment, CHUNK_FRAMES, SLOTS};
use crate::song::SongError;
use crate::window::{WindowGauge, window};

/// How long a song that ends by itself may go on behind its end on the time line: alone, a
/// device keeps its own time, and a tenth of a percent of ten minutes is the most it is wrong.
const PLAYING_OUT: Span = Span::from_secs(1);

/// A deck that the renderer holds.
pub(super) struct Loaded {
    pub id: u64,
    pub file_id: FileId,
    /// The preparation it belongs to.
    track: u64,
    /// Where it was loaded to start.
    pub place: MediaTime,
    /// The same in frames of the device, and its rate.
    place_frame: i64,
    rate: f64,
    gauge: WindowGauge,
    decoder: Option<DecoderThread>,
    /// What the renderer was told it is there for; none if that it may go.
    assignment: Option<Assignment>,
    is_going: bool,
    pub has_started: bool,
    pub has_ended: bool,
    /// What it told last.
    pub told: DeckReport,
}

impl Loaded {
    /// Its song is gone: reading ends, and the deck goes with the next arrangement.
    pub(super) fn retire(&mut self) {
        self.is_going = true;
        self.decoder = None;
    }

    pub(super) fn part(&self) -> Option<&Part> {
        self.assignment.as_ref().and_then(|assigned| assigned.part.as_ref())
    }

    /// True if its place is decoded and it has not started, so that it can start at once.
    pub(super) fn is_cued(&self) -> bool {
        let enough = (CUED_SECONDS * self.rate) as i64;
        !self.has_started && self.gauge.holds(self.place_frame, enough)
    }

    fn has_begun(&self, report: &DeckReport) -> bool {
        let waits = [DeckState::Idle, DeckState::Waiting, DeckState::Armed];
        self.has_started || !waits.contains(&report.state)
    }
}

/// A place in a song that should be heard, or kept at hand.
struct Want {
    file_id: FileId,
    position: MediaTime,
    part: Option<Part>,
    /// True if it joins the end of the one before.
    joins: bool,
}

/// What lines are compared by: the clocks that old and new ones are written in.
struct Moment {
    before: Option<SwarmTime>,
    now: Option<SwarmTime>,
}

impl Control {
    /// Loads what is wanted next and arranges what is loaded.
    pub(super) fn cue(&mut self) {
        let at = self.rendered_until();
        let wanted = self.wanted(at);
        let to_swarm = |clock: Option<ClockEstimate>| clock.map(|clock| clock.to_swarm(at));
        let moment = Moment { before: to_swarm(self.written_in), now: to_swarm(self.estimate) };
        let mut assignments: Vec<Assignment> = Vec::new();
        for want in &wanted {
            let taken = |loaded: &Loaded| assignments.iter().any(|it| it.deck == loaded.id);
            let found =
                self.output.as_ref().and_then(|active| active.serving(want, &moment, taken));
            let Some(deck) = found.or_else(|| self.load(want, moment.now)) else { continue };
            let before = assignments.last().map(|before| before.deck);
            let joined = self.output.as_ref().and_then(|active| active.joined(deck));
            let joins = if want.joins { before } else { joined };
            assignments.push(Assignment { deck, part: want.part, joins });
        }
        self.arrange(assignments, moment.now);
        self.written_in = self.estimate;
    }

    /// Up to when the renderer has done its work: what lies behind cannot be changed.
    pub(super) fn rendered_until(&self) -> LocalTime {
        let now = self.config.clock.now();
        self.output.as_ref().map_or(now, |active| active.seen.at.max(now))
    }

    fn wanted(&mut self, at: LocalTime) -> Vec<Want> {
        let mut wanted = Vec::new();
        if let Some(clock) = self.estimate {
            let length_of = |file_id: &FileId| {
                let info = self.tracks.get(file_id)?.info?;
                let seconds = info.frames? as f64 / f64::from(info.sample_rate);
                Some(Span::from_secs_f64(seconds))
            };
            let asked = programme(&self.schedule, clock.to_swarm(at), length_of);
            wanted.extend(asked.passages.into_iter().map(|passage| Want {
                file_id: passage.file_id,
                position: passage.part.line.position,
                part: Some(passage.part),
                joins: passage.joins,
            }));
            wanted.extend(asked.standing.map(at_hand));
        }
        let is_met = |wish: &(FileId, MediaTime), want: &Want| {
            want.file_id == wish.0 && (want.position - wish.1).abs() < SAME_PLACE
        };
        if let Some(wish) = self.wish.take() {
            let met_by = wanted.iter().find(|want| is_met(&wish, want));
            // What is played now need not be prepared again once it is over.
            if met_by.is_none_or(|want| want.part.is_none()) {
                self.wish = Some(wish.clone());
            }
            if met_by.is_none() {
                wanted.push(at_hand(wish));
            }
        }
        wanted
    }

    /// Loads a deck for `want`, if its song is open and there is room; which one.
    fn load(&mut self, want: &Want, now: Option<SwarmTime>) -> Option<u64> {
        let active = self.output.as_mut().filter(|active| active.loaded.len() < SLOTS)?;
        let track = self.tracks.get_mut(&want.file_id).filter(|track| !track.has_failed)?;
        let info = track.info?;
        let decoder = match track.spare.take() {
            Some(decoder) => decoder,
            None => match Self::decoder(&self.report_to, &want.file_id, track) {
                Ok(decoder) => decoder,
                Err(error) => {
                    track.has_failed = true;
                    let (file_id, error) = (want.file_id.clone(), SongError::Read(error));
                    self.events.put(EngineEvent::TrackFailed { file_id, error });
                    return None;
                }
            },
        };
        // Who comes late begins where the others are.
        let due = want.part.zip(now).map(|(part, now)| part.line.position_at(now));
        let place = due.map_or(want.position, |due| due.max(want.position));
        let sample_rate = active.renderer.sample_rate();
        let rate = f64::from(sample_rate);
        let (writer, reader) = window(sample_rate);
        let place_frame = place_frame(place, rate);
        reader.want(place_frame);
        let gauge = writer.gauge();
        decoder.attach(writer);
        self.counter += 1;
        let id = self.counter;
        let parts = DeckParts { id, reader, place, is_native: info.sample_rate == sample_rate };
        if !active.renderer.load(Box::new(Deck::new(parts, CHUNK_FRAMES))) {
            track.spare = Some(decoder);
            return None;
        }
        active.loaded.push(Loaded {
            id,
            file_id: want.file_id.clone(),
            track: track.number,
            place,
            place_frame,
            rate,
            gauge,
            decoder: Some(decoder),
            assignment: None,
            is_going: false,
            has_started: false,
            has_ended: false,
            told: DeckReport::default(),
        });
        Some(id)
    }

    /// Tells the renderer, if there is something to tell.
    fn arrange(&mut self, mut assignments: Vec<Assignment>, now: Option<SwarmTime>) {
        let is_new_clock = self.written_in != self.estimate;
        let Some(active) = &mut self.output else { return };
        for loaded in &active.loaded {
            let is_named = assignments.iter().any(|it| it.deck == loaded.id);
            if !is_named && active.plays_out(loaded, now) {
                assignments.extend(loaded.assignment);
            }
        }
        let line = |part: Option<Part>| part.map(|part| part.line);
        let (mut is_changed, mut is_carried) = (false, false);
        for loaded in &active.loaded {
            let assigned = assignments.iter().find(|it| it.deck == loaded.id);
            let part = assigned.and_then(|it| it.part);
            is_changed |= assigned != loaded.assignment.as_ref();
            // A line that goes on in other words takes the new clock together with them.
            is_carried |= is_new_clock
                && loaded.has_started
                && loaded.part().is_some()
                && part.is_some()
                && line(loaded.part().copied()) != line(part);
        }
        if is_new_clock && !is_carried {
            active.renderer.set_estimate(self.estimate);
        }
        let mut array = [None; SLOTS];
        for (place, assigned) in array.iter_mut().zip(&assignments) {
            *place = Some(*assigned);
        }
        if !is_changed || !active.renderer.arrange(array, self.estimate.filter(|_| is_carried)) {
            return;
        }
        for loaded in &mut active.loaded {
            loaded.assignment = assignments.iter().find(|it| it.deck == loaded.id).copied();
            loaded.is_going |= loaded.assignment.is_none();
        }
    }

    /// What is left of a deck that the renderer is done with.
    pub(super) fn take_decoder_back(&mut self, loaded: Loaded) {
        let track = self.tracks.get_mut(&loaded.file_id);
        if let Some(track) = track.filter(|track| is_of(&loaded, track) && track.spare.is_none()) {
            track.spare = loaded.decoder;
        }
    }
}

impl Active {
    /// A loaded deck that can serve `want`: best one that plays it already, else one that
    /// stands at its place.
    fn serving(
        &self,
        want: &Want,
        moment: &Moment,
        is_taken: impl Fn(&Loaded) -> bool,
    ) -> Option<u64> {
        let free = |loaded: &&Loaded| {
            loaded.file_id == want.file_id && !loaded.is_going && !is_taken(loaded)
        };
        let plays = |loaded: &&Loaded| {
            loaded.part().zip(want.part.as_ref()).is_some_and(|(old, new)| moment.is_same(old, new))
        };
        let stands = |loaded: &&Loaded| {
            (loaded.place - want.position).abs() < SAME_PLACE
                && !loaded.has_begun(&self.seen.of(loaded.id))
        };
        let mut decks = self.loaded.iter().filter(free);
        let mut others = decks.clone();
        decks.find(plays).or_else(|| others.find(stands)).map(|loaded| loaded.id)
    }

    /// The deck that this one was told to join.
    fn joined(&self, deck: u64) -> Option<u64> {
        let loaded = self.loaded.iter().find(|loaded| loaded.id == deck)?;
        loaded.assignment.and_then(|assigned| assigned.joins)
    }

    /// True for a song that nothing cuts and that still sounds a little behind its time.
    fn plays_out(&self, loaded: &Loaded, now: Option<SwarmTime>) -> bool {
        let is_behind = loaded.part().filter(|part| part.plays_out).is_some_and(|part| {
            part.until
                .zip(now)
                .is_some_and(|(until, now)| until <= now && now < until + PLAYING_OUT)
        });
        is_behind && self.seen.of(loaded.id).state == DeckState::Playing && !loaded.is_going
    }
}

impl Moment {
    /// True if both parts say the same about this moment, each in its clock.
    fn is_same(&self, old: &Part, new: &Part) -> bool {
        old.line == new.line
            || self.before.zip(self.now).is_some_and(|(before, now)| {
                let moved = new.line.position_at(now) - old.line.position_at(before);
                moved.abs() < SAME_PLACE
            })
    }
}

fn at_hand((file_id, position): (FileId, MediaTime)) -> Want {
    Want { file_id, position, part: None, joins: false }
}

fn is_of(loaded: &Loaded, track: &Track) -> bool {
    loaded.track == track.number && !track.has_failed
}
