//! Songs that follow each other: whoever directs tells the next one as soon as a song is on air, and
//! tells another one when the order changes. So nobody has to be there when a song ends.

use protocol::ClientMessage;
use protocol::ids::FileId;
use protocol::message::{Queue, RepeatMode, SharedFile};
use protocol::time::{LocalTime, MediaTime, Span};

use super::asked::{Follower, told_behind};
use super::wishes::Coming;
use super::{Link, Session};
use crate::queue::{self, Way};
use crate::schedule::{PlayoutPlan, Turn};

/// How far into a song going back still means the song before it. (seconds)
///
/// Longer than it takes to press twice, and a phrase of music at most.
const JUST_BEGUN: Span = Span::from_secs(3);

/// How long a relay that refused to play something is not asked for what follows by itself.
const REFUSED_PAUSE: Span = Span::from_secs(1);

/// Two ends of one song that devices may find: a length in whole milliseconds was rounded.
const SAME_END: Span = Span::from_millis(1);

impl Session {
    /// In which order songs play.
    pub fn queue(&self) -> &Queue {
        &self.roster.queue
    }

    /// What is shared, in the order in which it plays.
    pub fn sequence(&self) -> Vec<FileId> {
        self.sequence_by(&self.roster.queue)
    }

    fn sequence_by(&self, queue: &Queue) -> Vec<FileId> {
        queue::sequence(queue, self.roster.files().iter().map(|shared| &shared.file.file_id))
    }

    /// The same with all that is known of the files.
    pub fn files_in_sequence(&self) -> impl Iterator<Item = &SharedFile> {
        self.sequence().into_iter().filter_map(|file_id| self.roster.file(&file_id))
    }

    /// Remembers where a song ends.
    pub(super) fn note_end(&mut self, file_id: FileId, end: MediaTime) {
        self.ends.retain(|known, _| self.roster.file(known).is_some());
        if self.roster.file(&file_id).is_some() && end > MediaTime::default() {
            self.ends.insert(file_id, end);
        }
    }

    /// Says the order anew, with one thing changed. What was said before counts, although the
    /// relay may not have confirmed it.
    pub(super) fn change_queue(&mut self, change: impl FnOnce(&mut Queue, Vec<FileId>)) {
        let mut queue = self.asked_queue.take().unwrap_or_else(|| self.roster.queue.clone());
        let sequence = self.sequence_by(&queue);
        change(&mut queue, sequence);
        self.asked_queue = Some(queue.clone());
        self.send(ClientMessage::Queue(queue));
    }

    /// Moves a song in the order.
    pub(super) fn move_file(&mut self, file_id: &FileId, to: usize) {
        if self.is_shared(file_id) {
            self.change_queue(|queue, sequence| {
                queue.order = queue::moved(sequence, file_id, to);
            });
        }
    }

    /// Draws another order, or forgets the one there is.
    pub(super) fn shuffle(&mut self, now: LocalTime, seed: Option<u64>) {
        let on_air = self.plan(now).map(|plan| plan.file_id.clone());
        self.change_queue(|queue, sequence| {
            queue.shuffled = seed.is_some();
            queue.order =
                seed.map_or_else(Vec::new, |seed| queue::shuffled(sequence, on_air.as_ref(), seed));
        });
    }

    /// Goes on to the next song, or back. While nothing is on air another song is selected.
    pub(super) fn skip(&mut self, now: LocalTime, way: Way) {
        if self.timeline.schedule().is_silent() {
            let sequence = self.sequence();
            let selection = self.roster.selection();
            let beside = selection.and_then(|current| queue::beside(&sequence, current, way));
            if let Some(file_id) = beside.or(sequence.first()).cloned() {
                self.send(ClientMessage::SelectFile { file_id });
            }
            return;
        }
        let Some(Coming { then, plan, .. }) = self.coming(now) else { return };
        if way == Way::Back && plan.position_at(then) >= MediaTime::default() + JUST_BEGUN {
            return self.go_on(now, Some(MediaTime::default()));
        }
        let sequence = self.sequence();
        if let Some(file_id) = queue::beside(&sequence, &plan.file_id, way).cloned() {
            self.play(now, Some(file_id), MediaTime::default());
        }
    }

    /// The director's order counts from when the relay has said it.
    pub(super) fn hear_queue(&mut self, now: LocalTime, queue: Queue) {
        self.asked_queue.take_if(|asked| *asked == queue);
        let before = std::mem::replace(&mut self.roster.queue, queue);
        let repeats_no_more =
            before.repeat == RepeatMode::One && self.roster.queue.repeat != RepeatMode::One;
        let repeats = self.plan(now).is_some_and(|plan| plan.repeat.is_some());
        if repeats_no_more && repeats && self.is_director() {
            self.alter(now, |plan| plan.repeat = None);
        }
    }

    /// Lets the right song follow the one on air, if this member directs.
    pub(super) fn follow_queue(&mut self, now: LocalTime) {
        let can_tell = self.link == Link::Joined && self.is_director() && self.start.is_none();
        // What a relay has lost is told first.
        if !can_tell || self.restoration.is_some() || self.timeline.schedule().is_silent() {
            return;
        }
        if self.refused_at.is_some_and(|at| now - at < REFUSED_PAUSE) {
            return;
        }
        let Some(Coming { then, plan, .. }) = self.coming_if_known(now) else { return };
        let Some(end) = self.ends.get(&plan.file_id).copied() else { return };
        let is_over = plan.is_over(end - MediaTime::default(), then);
        if self.roster.queue.repeat == RepeatMode::One {
            let turn = Turn { from: MediaTime::default(), to: end };
            if plan.repeat.is_none() && !is_over {
                self.alter(now, |plan| plan.repeat = Some(turn));
            }
            return;
        }
        if plan.is_endless() || is_over {
            return;
        }
        let wanted = self.wanted_behind(&plan.file_id);
        let told = told_behind(&plan, &self.asked.coming(self.timeline.schedule()));
        let is_right = told.as_ref().map(|told| &told.file_id) == wanted.as_ref()
            && told.is_none_or(|told| (told.end - end).abs() <= SAME_END);
        if is_right {
            return;
        }
        match wanted {
            Some(file_id) => {
                let after = plan.file_id.clone();
                let next = self.asked.put_behind(&plan, Follower { after, file_id, end });
                if let Some(playback) = next {
                    self.send(ClientMessage::Play(playback));
                }
            }
            None => self.put_on_air(&plan_from(plan, then), None),
        }
    }

    /// Takes a file out of what follows before it is withdrawn: a relay ends the music when
    /// something goes that is to play.
    pub(super) fn let_go(&mut self, now: LocalTime, file_id: &FileId) {
        if self.roster.file(file_id).is_none() {
            return;
        }
        self.leaving.insert(file_id.clone());
        let Some(Coming { then, plan, follower }) = self.coming_if_known(now) else { return };
        if plan.file_id != *file_id && follower.is_some_and(|next| next.file_id == *file_id) {
            self.put_on_air(&plan_from(plan, then), None);
        }
    }

    fn wanted_behind(&self, file_id: &FileId) -> Option<FileId> {
        let mut sequence = self.sequence();
        sequence.retain(|song| song == file_id || !self.leaving.contains(song));
        queue::following(&sequence, file_id, self.roster.queue.repeat).cloned()
    }
}

/// The same time line, said as of `then`.
fn plan_from(plan: PlayoutPlan, then: protocol::SwarmTime) -> PlayoutPlan {
    let position = plan.position_at(then).max(MediaTime::default());
    PlayoutPlan { anchor: then, position, ..plan }
}
