//! What a member does about what its person wants.
//!
//! Everything that concerns the others goes through the relay and counts when it comes back.
//! While the link is down nothing can be asked of the others, and the person is told so; only
//! stopping works, on this device alone.

use protocol::ClientMessage;
use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::FileId;
use protocol::time::{LocalTime, MediaTime, SwarmTime};

use super::asked::{Asked, Follower};
use super::start::Aim;
use super::{Link, Session, Wish};
use crate::readiness;
use crate::schedule::{PlayoutPlan, Schedule, Turn};

/// What will be on air when a change can be heard.
pub(super) struct Coming {
    /// When that is.
    pub then: SwarmTime,
    pub plan: PlayoutPlan,
    /// What follows the song.
    pub follower: Option<Follower>,
}

impl Session {
    pub(super) fn obey(&mut self, now: LocalTime, wish: Wish) {
        let user_id = self.config.user_id.clone();
        match wish {
            Wish::Rename { alias } => self.config.alias = alias,
            Wish::Stop if self.link != Link::Joined => self.stop_here(),
            // A connection made this way is made again once the link is back.
            Wish::Signal { .. } if self.link != Link::Joined => {}
            // Not announced anywhere, and the list of own files no longer names it.
            Wish::Withdraw { .. } if self.link != Link::Joined => {}
            _ if self.link != Link::Joined => {
                let detail = "the relay can not be reached";
                self.notice(LogLevel::Warning, NoticeCode::RelayUnreachable, detail);
            }
            Wish::Signal { to, data } => self.send(ClientMessage::RtcSignal { to, data }),
            Wish::Withdraw { file_id } => {
                if self.is_director() {
                    self.let_go(now, &file_id);
                }
                if self.roster.is_owner(&file_id, &user_id) || self.is_director() {
                    self.send(ClientMessage::FileWithdraw { file_id });
                }
            }
            Wish::TakeDirector => self.send(ClientMessage::DirectorTake { user_id }),
            Wish::ResignDirector
            | Wish::Select { .. }
            | Wish::Play { .. }
            | Wish::Pause
            | Wish::Resume
            | Wish::Seek { .. }
            | Wish::SetRepeat { .. }
            | Wish::PlayNext { .. }
            | Wish::Move { .. }
            | Wish::Skip(_)
            | Wish::Repeat(_)
            | Wish::Shuffle(_)
            | Wish::Stop
                if !self.is_director() =>
            {
                let name = self.roster.director().map(|director| self.roster.name_of(director));
                let detail = name.unwrap_or_default();
                self.notice(LogLevel::Warning, NoticeCode::NotDirector, detail);
            }
            Wish::ResignDirector => self.send(ClientMessage::DirectorResign { user_id }),
            Wish::Select { file_id } => {
                if self.is_shared(&file_id) {
                    self.start = None;
                    self.send(ClientMessage::SelectFile { file_id });
                }
            }
            Wish::Play { file_id, position } => self.play(now, file_id, position),
            Wish::Pause => {
                self.start = None;
                self.alter(now, |plan| plan.is_paused = true);
            }
            Wish::Resume => self.go_on(now, None),
            Wish::Seek { position } => self.go_on(now, Some(position)),
            Wish::SetRepeat { repeat } => {
                self.alter(now, |plan| plan.repeat = repeat.map(Turn::from));
            }
            Wish::PlayNext { file_id, end } => self.play_next(now, file_id, end),
            Wish::Move { file_id, to } => self.move_file(&file_id, to),
            Wish::Skip(way) => self.skip(now, way),
            Wish::Repeat(repeat) => self.change_queue(|queue, _| queue.repeat = repeat),
            Wish::Shuffle(seed) => self.shuffle(now, seed),
            Wish::Stop => {
                self.start = None;
                self.asked = Asked::default();
                self.owes_stop = true;
                self.send(ClientMessage::Stop);
            }
        }
    }

    /// A stop that the relay has not confirmed is said again, if this member still leads.
    pub(super) fn settle_owed_stop(&mut self) {
        self.owes_stop &= self.is_director() && !self.timeline.schedule().is_silent();
        if self.owes_stop {
            self.send(ClientMessage::Stop);
        }
    }

    /// Plays a file, or the selected one.
    pub(super) fn play(&mut self, now: LocalTime, file_id: Option<FileId>, position: MediaTime) {
        let Some(file_id) = file_id.or_else(|| self.roster.selection().cloned()) else {
            let detail = "no file is selected";
            return self.notice(LogLevel::Warning, NoticeCode::RelayRefused, detail);
        };
        if self.is_shared(&file_id) {
            self.begin_start(now, Aim { file_id, position, repeat: None, follower: None });
        }
    }

    /// Changes what is on air, at an instant that everyone hears of in time. `change` gets the
    /// plan as it will stand then.
    pub(super) fn alter(&mut self, now: LocalTime, change: impl FnOnce(&mut PlayoutPlan)) {
        let Some(Coming { then, plan, follower }) = self.coming(now) else { return };
        self.start = None;
        let position = plan.position_at(then).max(MediaTime::default());
        let mut plan = PlayoutPlan { anchor: then, position, ..plan };
        change(&mut plan);
        self.put_on_air(&plan, follower);
    }

    /// Asks for `plan`, and that what followed the song follows it still.
    pub(super) fn put_on_air(&mut self, plan: &PlayoutPlan, follower: Option<Follower>) {
        for playback in self.asked.put_on_air(plan, follower) {
            self.send(ClientMessage::Play(playback));
        }
    }

    /// What will be on air at the earliest instant at which a change reaches everyone. Tells the
    /// person if that cannot be said: while the clock is unknown, or the song is still told in
    /// the clock of an earlier relay.
    pub(super) fn coming(&mut self, now: LocalTime) -> Option<Coming> {
        if self.timeline.settled_clock(now).is_none() {
            let detail = "the relay's clock is still being learnt; try again in a moment";
            self.notice(LogLevel::Warning, NoticeCode::RelayRefused, detail);
        }
        self.coming_if_known(now)
    }

    /// The same for what nobody waits for.
    pub(super) fn coming_if_known(&self, now: LocalTime) -> Option<Coming> {
        let clock = self.timeline.settled_clock(now)?;
        let then = self.asked.not_before(clock.to_swarm(now) + self.lead());
        let schedule = self.asked.coming(self.timeline.schedule());
        let plan = schedule.plan_at(then)?.clone();
        let follower = self.asked.follower_of(&plan, &schedule);
        Some(Coming { then, plan, follower })
    }

    /// Goes on, or goes elsewhere, in the song on air.
    pub(super) fn go_on(&mut self, now: LocalTime, place: Option<MediaTime>) {
        let Some(Coming { plan, follower, .. }) = self.coming(now) else { return };
        let PlayoutPlan { file_id, position, repeat, is_paused, .. } = plan;
        match place {
            Some(place) if is_paused => {
                self.alter(now, |plan| plan.position = place.max(MediaTime::default()));
            }
            // Nobody has to be asked for what everybody holds whole.
            Some(place) if self.everyone_holds(&file_id) => {
                self.alter(now, |plan| plan.position = place.max(MediaTime::default()));
            }
            None if is_paused && self.everyone_holds(&file_id) => {
                self.alter(now, |plan| plan.is_paused = false);
            }
            Some(position) => self.begin_start(now, Aim { file_id, position, repeat, follower }),
            None if is_paused => {
                self.begin_start(now, Aim { file_id, position, repeat, follower });
            }
            None => {}
        }
    }

    /// True if every member holds all of a file.
    fn everyone_holds(&self, file_id: &FileId) -> bool {
        let Some(shared) = self.roster.file(file_id) else { return false };
        readiness::everyone_holds(self.roster.members(), &shared.file)
    }

    /// Plays a file as soon as the song on air has been heard to its `end`.
    fn play_next(&mut self, now: LocalTime, file_id: FileId, end: MediaTime) {
        if !self.is_shared(&file_id) {
            return;
        }
        let Some(Coming { then, plan, .. }) = self.coming(now) else { return };
        let follower = Follower { after: plan.file_id.clone(), file_id, end };
        // A seek or a resume that others are still getting ready for brings it along.
        let pending = self.start.as_mut().filter(|start| start.aim.file_id == plan.file_id);
        if let Some(start) = pending {
            start.aim.follower = Some(follower);
            return;
        }
        let position = plan.position_at(then).max(MediaTime::default());
        let on_air = PlayoutPlan { anchor: then, position, ..plan };
        // A song that repeats has no end; one that stands still gets on with it later.
        if on_air.is_endless() && !on_air.is_paused {
            return self.put_on_air(&PlayoutPlan { repeat: None, ..on_air }, Some(follower));
        }
        if let Some(playback) = self.asked.put_behind(&on_air, follower) {
            self.send(ClientMessage::Play(playback));
        }
    }

    fn stop_here(&mut self) {
        if self.timeline.schedule().is_silent() {
            return;
        }
        self.timeline.set_schedule(Schedule::silent());
        self.asked = Asked::default();
        self.forget_lost_plan();
        self.owes_stop = self.is_director();
        self.changed = true;
        let detail = "stopped on this device only";
        self.notice(LogLevel::Warning, NoticeCode::RelayUnreachable, detail);
    }

    /// True if the file is on the list; tells the person otherwise.
    pub(super) fn is_shared(&mut self, file_id: &FileId) -> bool {
        let is_shared = self.roster.file(file_id).is_some();
        if !is_shared {
            let detail = "this file is not shared in the swarm";
            self.notice(LogLevel::Warning, NoticeCode::RelayRefused, detail);
        }
        is_shared
    }
}
