//! What the fuzz targets in `fuzz/` drive: a swarm's rules and the tracker's, fed with whatever
//! comes, and what must hold all the same. No part of the relay's interface.
//!
//! An input is text, so that inputs can be read and written by hand: each line is a digit that
//! says who, and what that one says. A digit alone means that it comes, or goes if it is there.

use std::collections::BTreeMap;

use protocol::json::json_depth;
use protocol::limits::MAX_MESSAGE;
use protocol::message::{DecodeError, Joined};
use protocol::{ClientMessage, ServerMessage, Span, SwarmTime, UserId};

use crate::limits::Limits;
use crate::room::{Audience, Join, Output, Room};
use crate::seat::frames_of;

pub use crate::tracker::fuzzing::tracker;

/// Members that take part in a run, one of them too many for the swarm.
const USERS: u8 = 5;

/// Feeds a swarm with the lines of `input`.
///
/// # Panics
///
/// When the rules do what they must never do.
pub fn control(input: &[u8]) {
    let limits = Limits { members: usize::from(USERS) - 1, ..Limits::default() };
    let mut run = Run {
        room: Room::new(limits.clone(), "clock".to_owned()),
        limits,
        now: SwarmTime::from_nanos(1_700_000_000_000_000_000),
        present: BTreeMap::new(),
    };
    for (who, text) in lines(input) {
        run.now += Span::from_millis(10);
        run.line(who % USERS, text);
    }
    for user in run.present.clone().into_keys() {
        run.leave(&user);
    }
    assert!(run.room.is_empty(), "everyone has left");
}

/// The lines of an input that are text, each with its first character as a number.
pub(crate) fn lines(input: &[u8]) -> impl Iterator<Item = (u8, &str)> {
    input.split(|byte| *byte == b'\n').filter_map(|line| {
        let (who, text) = line.split_first()?;
        Some((who.wrapping_sub(b'0'), std::str::from_utf8(text).ok()?))
    })
}

struct Run {
    room: Room,
    limits: Limits,
    now: SwarmTime,
    /// Who is there, with its secret.
    present: BTreeMap<UserId, String>,
}

impl Run {
    fn line(&mut self, who: u8, text: &str) {
        let user: UserId = format!("user{who}").parse().expect("a plain user id");
        if !text.is_empty() {
            return self.say(&user, text);
        }
        if self.present.contains_key(&user) {
            self.leave(&user);
        } else {
            self.join(user);
        }
    }

    fn join(&mut self, user_id: UserId) {
        let join = Join {
            user_id: user_id.clone(),
            alias: None,
            resume: None,
            time: None,
            ice: Vec::new(),
            relays: Vec::new(),
            challenge: None,
            carrier: None,
        };
        match self.room.join(self.now, join, format!("secret of {user_id}")) {
            Ok(outputs) => {
                self.present.insert(user_id, String::new());
                self.check(&outputs);
            }
            Err(refusal) => {
                assert_eq!(self.present.len(), self.limits.members, "refused while there is room");
                sound(&refusal.reply_to("join"));
            }
        }
    }

    fn leave(&mut self, user: &UserId) {
        self.present.remove(user);
        let outputs = self.room.leave(user);
        self.check(&outputs);
        assert!(self.room.leave(user).is_empty(), "nobody leaves twice");
    }

    /// What a connection does with a text, and then the swarm.
    fn say(&mut self, from: &UserId, text: &str) {
        let message = match self.decode(text) {
            Ok(message) => message,
            Err(error) => return sound(&error.into()),
        };
        if self.present.contains_key(from) {
            let outputs = self.room.handle_message(self.now, from, message);
            self.check(&outputs);
        }
    }

    fn decode(&self, text: &str) -> Result<ClientMessage, DecodeError> {
        let message = ClientMessage::decode(text)?;
        assert_eq!(
            ClientMessage::decode(&message.encode()).as_ref().ok(),
            (message.encode().len() <= MAX_MESSAGE).then_some(&message),
            "what was understood is understood again"
        );
        self.limits.check(&message, text.len())?;
        let is_deep = json_depth(text) > self.limits.json_depth;
        // As deep as this is no message of ours: `leave` stands for what changes nothing.
        Ok(if is_deep { ClientMessage::Leave } else { message })
    }

    fn check(&self, outputs: &[Output]) {
        for output in outputs {
            if let Audience::One(user) = &output.to {
                assert!(self.present.contains_key(user), "told to {user}, who is not there");
            }
            if let ServerMessage::Joined(joined) = &output.message {
                self.check_state(joined);
            }
            for frame in frames_of(output) {
                assert!(frame.len() <= MAX_MESSAGE, "a frame of {} bytes", frame.len());
                assert!(ServerMessage::decode(&frame).is_ok(), "no member reads {frame}");
            }
        }
    }

    fn check_state(&self, joined: &Joined) {
        let is_there = |user: &UserId| joined.peers.iter().any(|peer| peer.user_id == *user);
        let is_shared = |id: &protocol::ids::FileId| {
            joined.files.iter().any(|shared| shared.file.file_id == *id)
        };
        assert_eq!(joined.peers.len(), self.present.len(), "the list is who is there");
        assert!(joined.director.as_ref().is_some_and(is_there), "a member leads");
        assert!(joined.selection.as_ref().is_none_or(is_shared), "what is selected is shared");
        let plans = joined.playback.iter().chain(&joined.upcoming);
        assert!(plans.clone().all(|plan| is_shared(&plan.file_id)), "what plays is shared");
        assert!(plans.count() <= protocol::limits::MAX_SCHEDULE, "the schedule is bounded");
    }
}

/// A refusal can be sent and read.
fn sound(refusal: &ServerMessage) {
    let text = refusal.encode();
    assert!(text.len() <= MAX_MESSAGE && ServerMessage::decode(&text).is_ok(), "{text}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_rules_of_a_swarm_bear_whatever_members_say() {
        replay("control", control);
    }

    #[test]
    fn the_tracker_bears_whatever_clients_say() {
        replay("tracker", tracker);
    }

    /// Runs the kept inputs as they are, then each of them a little spoilt.
    fn replay(target: &str, run: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let entries = std::fs::read_dir(&corpus).expect("kept inputs");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{} is empty", corpus.display());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for path in paths {
            let input = std::fs::read(&path).expect("a kept input");
            run(&input);
            for _ in 0..100 {
                run(&spoilt(&input, &mut rng));
            }
        }
    }

    fn spoilt(input: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(Vec::from).collect();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..lines.len());
            let other = rng.random_range(0..lines.len());
            match rng.random_range(0..3) {
                0 => lines.swap(at, other),
                1 => lines.insert(at, lines[other].clone()),
                _ if lines[at].is_empty() => {}
                _ => {
                    let byte = rng.random_range(0..lines[at].len());
                    lines[at][byte] = rng.random();
                }
            }
        }
        lines.join(&b'\n')
    }
}
