//! Who leads a room, which of several rooms stays, and whom a member asks.

use protocol::datagram::{RoomTime, Tag};
use protocol::time::LocalTime;

use super::rudder::Rudder;
use super::{FOUNDING_PAUSE, HOLDING, LOST, MOST_HOPS, Place, RelayView, Room};
use crate::clock::ClockEstimate;

impl Room {
    /// Of all rooms in reach the one with the lowest number stays; in one room the latest
    /// root leads, and of two who became it at once the one with the lower tag.
    pub(super) fn meet_rooms(&mut self) {
        let rank = |room: &RoomTime| (room.room, std::cmp::Reverse(room.epoch), room.root);
        let heard = self.live().filter_map(|(_, neighbour)| neighbour.room).min_by_key(rank);
        let Some(heard) = heard else { return };
        let mine = self
            .place
            .as_ref()
            .map(|place| (place.room, std::cmp::Reverse(place.epoch), place.root));
        if mine.is_some_and(|mine| mine <= rank(&heard)) {
            return;
        }
        match &mut self.place {
            Some(place) if place.room == heard.room => {
                place.epoch = heard.epoch;
                place.root = heard.root;
                (place.hops, place.lost) = (LOST, None);
                place.rudder = Rudder::default();
            }
            place => {
                let before = place.replace(Place::in_room(heard.room, heard.epoch, heard.root));
                // What is played by goes on until the other room's clock is known.
                self.left = before.filter(|before| before.line.is_some()).or(self.left.take());
            }
        }
    }

    /// Whom to ask: whoever is nearest to the root. Nobody is asked who may be asking this
    /// device, so that no two follow each other round.
    pub(super) fn keep_line(&mut self, now: LocalTime) {
        if self.leads() {
            return;
        }
        let Some(place) = &self.place else { return };
        let is_resigned = place.lost.is_some_and(|since| now - since >= HOLDING);
        let nearer_than = if is_resigned { LOST } else { place.hops };
        let found = self
            .neighbours
            .iter()
            .filter(|(_, neighbour)| neighbour.is_alive())
            .filter_map(|(id, neighbour)| Some((id, neighbour, neighbour.room?)))
            .filter(|(_, _, room)| (room.room, room.epoch) == (place.room, place.epoch))
            .filter(|(_, _, room)| room.hops < nearer_than.min(MOST_HOPS))
            .min_by_key(|(id, _, room)| (room.hops, *id));
        let Some((source, neighbour, room)) = found else {
            if let Some(place) = &mut self.place {
                place.source = None;
                place.lost.get_or_insert(now);
            }
            return;
        };
        let line = neighbour.line().filter(|line| line.is_fit_to_play(now));
        let source = source.clone();
        let Some(place) = &mut self.place else { return };
        // Until a new source is known well the line of the one before is held.
        if line.is_some() {
            place.line = line;
            self.left = None;
        }
        (place.source, place.hops, place.lost) = (Some(source), room.hops + 1, None);
        if let Some(correction) = room.correction {
            place.correct(correction);
        }
    }

    /// Leads on when the root is gone and nobody lower is there, or founds a room.
    pub(super) fn succeed_or_found(&mut self, now: LocalTime, relay: RelayView) {
        let me = Tag::of_user(&self.me);
        let is_lowest = self.live().next().is_none_or(|(lowest, _)| self.me < *lowest);
        match &mut self.place {
            Some(place) if place.root != me => {
                let is_resigned = place.lost.is_some_and(|since| now - since >= HOLDING);
                if !is_resigned {
                    return;
                }
                let Some(line) = place.line else {
                    // Nothing was learnt of that room's clock: as if it had never been met.
                    self.place = None;
                    return;
                };
                if is_lowest {
                    place.root = me;
                    place.epoch = place.epoch.saturating_add(1);
                    place.line = Some(line.taken_as_true());
                    (place.hops, place.lost) = (0, None);
                    place.rudder = Rudder::default();
                }
            }
            Some(_) => {}
            None => {
                let has_waited = self.met.is_some_and(|met| now - met >= FOUNDING_PAUSE);
                let estimate = relay.estimate.filter(|clock| clock.is_fit_to_play(now));
                let Some(estimate) = estimate.filter(|_| has_waited && is_lowest) else { return };
                if self.live().next().is_none() {
                    return;
                }
                let begins = estimate.to_swarm(now);
                let seconds = begins.as_nanos().max(0).cast_unsigned() / 1_000_000_000;
                // The older of two rooms has the lower number.
                let room = seconds << 24 | self.seed & 0xff_ffff;
                let mut place = Place::in_room(room, 0, me);
                place.line = Some(ClockEstimate::exact(now, begins, 0.0));
                place.hops = 0;
                place.rudder = Rudder::of_new_room(now);
                self.place = Some(place);
            }
        }
    }
}
