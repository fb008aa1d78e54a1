//! A member's seat in its swarm, and how it is told things: in order, encoded once however many
//! hear it, and never so that one member waits for another.

use axum::extract::ws::Utf8Bytes;
use protocol::{ServerMessage, UserId};

use crate::metrics::{Counted, Counters, DropReason};
use crate::outbox::{Outbox, Undeliverable};
use crate::presence::{Gathering, Owed, Told};
use crate::room::{Output, Room, snapshot};
use crate::socket::ConnectionId;

/// A member's end of its connection.
pub(crate) struct Seat {
    /// Which one.
    pub(crate) connection: ConnectionId,
    /// Where it is told things.
    pub(crate) outbox: Outbox,
    /// Some presence was left out because the member reads slowly; a summary is owed.
    pub(crate) owes_summary: bool,
    /// How much of the presence that is held back it knows.
    pub(crate) told: Told,
    /// Counts it among all members.
    pub(crate) _counted: Counted,
}

/// Tells members one thing, and first what they must know to make sense of it.
pub(crate) struct Telling<'a> {
    room: &'a Room,
    presence: &'a Gathering,
    dropped: &'a Counters<DropReason>,
    /// Whether more may be told at once, so that sending waits for it.
    more: bool,
    /// Who is there; made when the first member needs it.
    summary: Option<Vec<Utf8Bytes>>,
}

impl<'a> Telling<'a> {
    /// Of what happens in `room`, where `presence` is held back.
    pub(crate) fn new(
        room: &'a Room,
        presence: &'a Gathering,
        dropped: &'a Counters<DropReason>,
    ) -> Self {
        Self { room, presence, dropped, more: true, summary: None }
    }

    /// Sends each thing as it is told: nothing else is about to be.
    pub(crate) fn sending_at_once(mut self) -> Self {
        self.more = false;
        self
    }

    /// Tells one member something.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: the member would miss what it must not miss.
    pub(crate) fn tell(
        &mut self,
        user: &UserId,
        seat: &mut Seat,
        frames: &[Utf8Bytes],
        is_droppable: bool,
    ) -> Result<(), Undeliverable> {
        let told = self.put(user, seat, frames, is_droppable);
        if !self.more {
            seat.outbox.flush();
        }
        told
    }

    fn put(
        &mut self,
        user: &UserId,
        seat: &mut Seat,
        frames: &[Utf8Bytes],
        is_droppable: bool,
    ) -> Result<(), Undeliverable> {
        if let [frame] = frames
            && is_droppable
        {
            self.tell_if_it_reads(seat, frame);
            return Ok(());
        }
        self.catch_up(user, seat);
        match frames {
            [frame] => seat.outbox.push(frame.clone()),
            frames => seat.outbox.push_together(frames.to_vec()),
        }
    }

    /// Tells one member the presence that was held back.
    pub(crate) fn catch_up(&mut self, user: &UserId, seat: &mut Seat) {
        match self.presence.owed(user, &mut seat.told) {
            Owed::Few(frames) => {
                for frame in &frames {
                    self.tell_if_it_reads(seat, frame);
                }
            }
            Owed::List if seat.outbox.is_busy() => self.leave_out(seat),
            Owed::List => self.summarise(seat),
        }
    }

    /// Tells one member who is there.
    pub(crate) fn summarise(&mut self, seat: &mut Seat) {
        let summary = self
            .summary
            .get_or_insert_with(|| into_frames(&ServerMessage::Peers { peers: self.room.peers() }));
        seat.owes_summary = seat.outbox.push_together(summary.clone()).is_err();
    }

    fn tell_if_it_reads(&self, seat: &mut Seat, frame: &Utf8Bytes) {
        if seat.outbox.push_droppable(frame.clone()).is_err() {
            self.leave_out(seat);
        }
    }

    fn leave_out(&self, seat: &mut Seat) {
        seat.owes_summary = true;
        self.dropped.inc(DropReason::Presence);
    }
}

/// Encoded once, however many members read it.
pub(crate) fn frames_of(output: &Output) -> Vec<Utf8Bytes> {
    into_frames(&output.message)
}

fn into_frames(message: &ServerMessage) -> Vec<Utf8Bytes> {
    snapshot::frames(message).into_iter().map(Utf8Bytes::from).collect()
}
