use std::collections::{BTreeMap, BTreeSet};

use protocol::message::PresenceAction;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

const START: SwarmTime = SwarmTime::from_nanos(0);

#[test]
fn who_comes_alone_is_told_of_at_once() {
    let mut gathering = Gathering::default();
    for second in 0..5 {
        let now = START + Span::from_secs(second);
        assert!(!gathering.holds(now, &came("ada"), &frame("ada")), "second {second}");
        assert_eq!(gathering.due(), None);
    }
}

#[test]
fn those_who_come_within_a_window_are_told_of_together_when_it_ends() {
    let mut gathering = Gathering::default();
    assert!(!gathering.holds(START, &came("ada"), &frame("ada")));
    let soon = START + Span::from_millis(99);
    assert!(gathering.holds(soon, &came("mia"), &frame("mia")));
    assert!(gathering.holds(soon, &came("zoe"), &frame("zoe")));
    assert_eq!(gathering.due(), Some(START + WINDOW));
    let owed = gathering.owed(&id("ada"), &mut Told::default());
    assert_eq!(owed, Owed::Few(vec![frame("mia"), frame("zoe")]));
    // Nobody is told of itself.
    let owed = gathering.owed(&id("zoe"), &mut Told::default());
    assert_eq!(owed, Owed::Few(vec![frame("mia")]));
}

#[test]
fn more_than_four_changes_are_told_as_one_list() {
    let mut gathering = Gathering::default();
    assert!(!gathering.holds(START, &came("first"), &frame("first")));
    for (name, owed) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        assert!(gathering.holds(START, &came(name), &frame(name)));
        let told = gathering.owed(&id("first"), &mut Told::default());
        assert!(matches!(&told, Owed::Few(few) if few.len() == owed), "{told:?}");
    }
    assert!(gathering.holds(START, &came("e"), &frame("e")));
    assert_eq!(gathering.owed(&id("first"), &mut Told::default()), Owed::List);
}

#[test]
fn what_must_arrive_is_never_held_and_nothing_is_held_when_nobody_comes() {
    let mut gathering = Gathering::default();
    let stop = output(ServerMessage::Stop { term: 1 }, Audience::All);
    let readiness = ServerMessage::Readiness { user_id: id("ada"), files: Vec::new() };
    let readiness = output(readiness, Audience::AllBut(id("ada")));
    assert!(!gathering.holds(START, &readiness, &frame("readiness")));
    assert!(!gathering.holds(START, &came("ada"), &frame("ada")));
    assert!(!gathering.holds(START, &stop, &frame("stop")));
    // Behind presence that may be held, everything about members waits with it.
    assert!(gathering.holds(START, &readiness, &frame("readiness")));
}

#[test]
fn what_members_say_all_the_time_is_held_for_one_window_only() {
    let mut gathering = Gathering::default();
    assert!(!gathering.holds(START, &came("ada"), &frame("ada")));
    let readiness = ServerMessage::Readiness { user_id: id("ada"), files: Vec::new() };
    let readiness = output(readiness, Audience::AllBut(id("ada")));
    assert!(gathering.holds(START, &readiness, &frame("readiness")));
    gathering.everyone_told(START + WINDOW);
    assert!(!gathering.holds(START + WINDOW, &readiness, &frame("readiness")));
    let report = ServerMessage::SyncReport { user_id: id("ada"), report: Default::default() };
    assert!(!gathering.holds(START, &came("mia"), &frame("mia")));
    assert!(!gathering.holds(START, &output(report, Audience::All), &frame("report")));
}

/// A swarm in virtual time, told of by the rules above: whoever comes and goes, whatever is said
/// in between, each member knows a sender before it hears from it, and in the end everyone.
#[test]
fn however_many_come_and_go_everyone_ends_with_the_right_list() {
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = World::default();
        for _ in 0..rng.random_range(1..300) {
            world.now += Span::from_millis(rng.random_range(0..40));
            world.tick();
            let user = id(&format!("u{}", rng.random_range(0..60)));
            match rng.random_range(0..4) {
                0 | 1 => world.join(user),
                2 => world.leave(&user),
                _ => world.signal(&user, &mut rng),
            }
        }
        world.now += WINDOW;
        world.tick();
        let present: BTreeSet<UserId> = world.members.keys().cloned().collect();
        for (user, member) in &world.members {
            assert_eq!(member.knows, present, "seed {seed}, {user:?}");
        }
    }
}

#[test]
fn two_hundred_joins_at_once_take_few_messages() {
    let mut world = World::default();
    for number in 0..200 {
        world.now += Span::from_micros(500);
        world.tick();
        world.join(id(&format!("u{number}")));
    }
    world.now += WINDOW;
    world.tick();
    // One after another it would be 19,900.
    assert!(world.messages < 600, "{} messages", world.messages);
}

#[derive(Default)]
struct World {
    now: SwarmTime,
    gathering: Gathering,
    members: BTreeMap<UserId, Member>,
    messages: usize,
}

#[derive(Default)]
struct Member {
    knows: BTreeSet<UserId>,
    told: Told,
}

impl World {
    fn tick(&mut self) {
        if self.gathering.due().is_some_and(|due| due <= self.now) {
            for user in self.members.keys().cloned().collect::<Vec<_>>() {
                self.catch_up(&user);
            }
            self.gathering.everyone_told(self.now);
            self.members.values_mut().for_each(|member| member.told = Told::default());
        }
    }

    fn catch_up(&mut self, user: &UserId) {
        let everyone: BTreeSet<UserId> = self.members.keys().cloned().collect();
        let Some(member) = self.members.get_mut(user) else { return };
        match self.gathering.owed(user, &mut member.told) {
            Owed::List => {
                member.knows = everyone;
                self.messages += 1;
            }
            Owed::Few(few) => {
                self.messages += few.len();
                few.iter().for_each(|frame| member.hear(frame));
            }
        }
    }

    fn join(&mut self, user: UserId) {
        if self.members.contains_key(&user) {
            return;
        }
        let mut knows: BTreeSet<UserId> = self.members.keys().cloned().collect();
        knows.insert(user.clone());
        let told = self.gathering.welcomed();
        self.members.insert(user.clone(), Member { knows, told });
        self.tell(&came(user.as_str()), &Utf8Bytes::from(format!("+{}", user.as_str())));
    }

    fn leave(&mut self, user: &UserId) {
        if self.members.remove(user).is_some() {
            let output = changed(user.as_str(), PresenceAction::Leave, Audience::All);
            self.tell(&output, &Utf8Bytes::from(format!("-{}", user.as_str())));
        }
    }

    fn tell(&mut self, output: &Output, frame: &Utf8Bytes) {
        if self.gathering.holds(self.now, output, frame) {
            return;
        }
        for (user, member) in &mut self.members {
            if output.to != Audience::AllBut(user.clone()) {
                self.messages += 1;
                member.hear(frame);
            }
        }
    }

    fn signal(&mut self, from: &UserId, rng: &mut ChaCha8Rng) {
        let others: Vec<UserId> = self.members.keys().cloned().collect();
        if !self.members.contains_key(from) {
            return;
        }
        let to = &others[rng.random_range(0..others.len())];
        self.catch_up(to);
        assert!(self.members[to].knows.contains(from), "{to:?} hears from a stranger, {from:?}");
    }
}

impl Member {
    fn hear(&mut self, frame: &Utf8Bytes) {
        match frame.split_at(1) {
            ("+", name) => self.knows.insert(id(name)),
            (_, name) => self.knows.remove(&id(name)),
        };
    }
}

fn came(name: &str) -> Output {
    changed(name, PresenceAction::Join, Audience::AllBut(id(name)))
}

fn changed(name: &str, action: PresenceAction, to: Audience) -> Output {
    output(ServerMessage::Presence { user_id: id(name), action, alias: None }, to)
}

fn output(message: ServerMessage, to: Audience) -> Output {
    Output { to, message }
}

fn frame(name: &str) -> Utf8Bytes {
    Utf8Bytes::from(format!("+{name}"))
}

fn id(name: &str) -> UserId {
    name.parse().expect("a plain user id")
}
