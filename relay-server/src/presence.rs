//! Holds presence back while many come and go at once.
//!
//! When 200 members join one swarm in a second, telling everyone of everyone takes 20,000
//! messages. So the first change is told at once, and those that follow it within [`WINDOW`]
//! are held: then each member is told the few that concern it, or the whole list once.
//!
//! Sans-IO. What is held stays in order, and a member is told all of it before anything else
//! that must arrive, so nobody hears from someone it does not know: see [`Gathering::owed`].
//! Only what the list makes up for is held: who is there, what they hold, where they are reached.

use axum::extract::ws::Utf8Bytes;
use protocol::{ServerMessage, Span, SwarmTime, UserId};

use crate::room::{Audience, Output};

/// Between two tellings while many come and go.
///
/// Shorter than people notice in a list of names; in it a relay lets some hundreds in.
pub(crate) const WINDOW: Span = Span::from_millis(100);

/// So many messages are told one by one; more than that are cheaper as one list.
const FEW: usize = 4;

/// What is held back from a swarm's members.
#[derive(Default)]
pub(crate) struct Gathering {
    /// Changes are held until then.
    until: Option<SwarmTime>,
    held: Vec<(Audience, Utf8Bytes)>,
    /// Someone came or went among what is held.
    holds_presence: bool,
}

/// How much of what is held one member was told already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told(usize);

/// What one member has to be told.
#[derive(Debug, PartialEq)]
pub(crate) enum Owed {
    /// These messages, in this order; there may be none.
    Few(Vec<Utf8Bytes>),
    /// Who is there, in one list.
    List,
}

impl Gathering {
    /// Holds `frame` back if it is one that can wait, and now is a time to wait.
    pub(crate) fn holds(&mut self, now: SwarmTime, output: &Output, frame: &Utf8Bytes) -> bool {
        if !is_in_list(&output.message) {
            return false;
        }
        let is_presence = matches!(output.message, ServerMessage::Presence { .. });
        if !self.held.is_empty() || self.until.is_some_and(|until| now < until) {
            self.held.push((output.to.clone(), frame.clone()));
            self.holds_presence |= is_presence;
            return true;
        }
        if is_presence {
            self.until = Some(now + WINDOW);
        }
        false
    }

    /// When everyone is to be told; none while nothing is held.
    pub(crate) fn due(&self) -> Option<SwarmTime> {
        self.until.filter(|_| !self.held.is_empty())
    }

    /// A member that just came: its welcome has everything that is held by now.
    pub(crate) fn welcomed(&self) -> Told {
        Told(self.held.len())
    }

    /// What a member has not been told yet. It counts as told from here on.
    pub(crate) fn owed(&self, user: &UserId, told: &mut Told) -> Owed {
        let rest = self.held.get(told.0..).unwrap_or_default();
        *told = self.welcomed();
        let concerns = |to: &Audience| match to {
            Audience::One(one) => one == user,
            Audience::AllBut(one) => one != user,
            Audience::All => true,
        };
        let theirs: Vec<&Utf8Bytes> =
            rest.iter().filter(|(to, _)| concerns(to)).map(|(_, frame)| frame).collect();
        if theirs.len() > FEW {
            return Owed::List;
        }
        Owed::Few(theirs.into_iter().cloned().collect())
    }

    /// Everyone was told everything: what each member was told counts anew.
    pub(crate) fn everyone_told(&mut self, now: SwarmTime) {
        self.held.clear();
        // Where some came more may be on their way: they wait for the next telling.
        self.until = std::mem::take(&mut self.holds_presence).then(|| now + WINDOW);
    }
}

/// True for what `peers` tells too.
fn is_in_list(message: &ServerMessage) -> bool {
    matches!(
        message,
        ServerMessage::Presence { .. }
            | ServerMessage::Readiness { .. }
            | ServerMessage::Reach { .. }
    )
}

#[cfg(test)]
mod tests;
