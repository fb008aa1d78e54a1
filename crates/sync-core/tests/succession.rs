//! Parties whose carriers die, sleep and are cut apart, in virtual time over many seeds: whatever
//! happened, all who reach each other end at one carrier.

use std::collections::BTreeSet;

use protocol::ids::UserId;
use protocol::time::{LocalTime, Span};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sync_core::succession::{Lookout, Standing, Vigil, order};

/// As in the link: silence after which a carrier is gone, patience at a door that does not answer,
/// at one that stands by, and at the own one.
const SILENCE: Span = Span::from_millis(1_500);
const DOOR: Span = Span::from_millis(400);
const DOOR_WAIT: Span = Span::from_millis(1_500);
const OWN_WAIT: Span = Span::from_secs(4);
const TICK: Span = Span::from_millis(20);

/// Within which a party has a relay again when its host is gone.
const GOAL: Span = Span::from_secs(3);

#[test]
fn whatever_happened_all_who_reach_each_other_end_at_one_carrier() {
    for seed in 0..400 {
        let mut world = World::new(seed, 2 + (seed % 6) as usize);
        world.settle();
        for _ in 0..12 {
            world.something_happens();
            let pause = Span::from_millis(i64::from(world.draw(8_000)));
            world.run(pause);
        }
        world.make_whole();
        world.remember();
        world.settle();
        let carriers = world.carriers();
        assert_eq!(carriers.len(), 1, "seed {seed}: {carriers:?} carry the party");
        for device in world.devices.iter().filter(|device| device.is_alive) {
            assert_eq!(device.at, At::Carrier(carriers[0]), "seed {seed}: {} is lost", device.id);
        }
    }
}

#[test]
fn a_party_whose_host_dies_or_falls_silent_has_another_one_within_three_seconds() {
    for seed in 0..400 {
        let mut world = World::new(seed, 3 + (seed % 6) as usize);
        world.settle();
        let host = world.carriers()[0];
        let epoch = world.devices[host].carries.as_ref().expect("it carries").epoch;
        let is_asleep = seed % 2 == 0;
        if is_asleep {
            // Its packets get lost; nobody is told.
            world.devices[host].group = 9;
        } else {
            world.die(host);
        }
        let began = world.now;
        let others: Vec<usize> = (0..world.devices.len()).filter(|other| *other != host).collect();
        let heir = others.iter().copied().min().expect("there are others");
        while !others.iter().all(|other| world.devices[*other].at == At::Carrier(heir)) {
            world.tick();
            assert!(world.now - began < GOAL, "seed {seed}, asleep {is_asleep}");
        }
        let standing = world.devices[heir].carries.as_ref().expect("the lowest id carries");
        assert_eq!((standing.epoch, standing.is_followed), (epoch + 1, true), "seed {seed}");
        // The one that slept comes back as a member.
        world.make_whole();
        world.settle();
        assert_eq!(world.carriers(), [heir], "seed {seed}");
    }
}

#[test]
fn a_device_whose_network_fails_for_some_seconds_takes_the_party_from_nobody() {
    for seed in 0..200 {
        let mut world = World::new(seed, 3 + (seed % 5) as usize);
        world.settle();
        let host = world.carriers()[0];
        let count = world.devices.len() as u32;
        let flaky = (host + 1 + world.draw(count - 1) as usize) % world.devices.len();
        world.devices[flaky].group = 9;
        let seconds = world.draw(40);
        world.run(Span::from_secs(i64::from(seconds)));
        world.make_whole();
        world.settle();
        assert_eq!(world.carriers(), [host], "seed {seed}: {flaky} was away for {seconds} s");
    }
}

#[test]
fn hosts_that_start_one_party_at_the_same_moment_end_as_one() {
    for seed in 0..200 {
        let mut world = World::new(seed, 2 + (seed % 6) as usize);
        (0..world.devices.len()).for_each(|device| world.host(device));
        world.settle();
        assert_eq!(world.carriers(), [0], "seed {seed}: the lowest id stays");
    }
}

/// Devices on networks that fail.
struct World {
    now: LocalTime,
    random: ChaCha8Rng,
    devices: Vec<Device>,
}

struct Device {
    id: UserId,
    is_alive: bool,
    /// Devices of one group reach each other.
    group: u32,
    at: At,
    carries: Option<Standing>,
    /// Where its relay sends those who knock.
    gave_way_to: Option<usize>,
    vigil: Vigil,
    lookout: Lookout,
    /// What others said in a look that ends then.
    look: Option<(LocalTime, Vec<(usize, Standing)>)>,
    /// The highest epoch it was let in under.
    epoch: u64,
    carrier: Option<usize>,
    /// Who was in the party when it was told last.
    members: BTreeSet<usize>,
    heard: LocalTime,
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq)]
enum At {
    Carrier(usize),
    /// At one of these doors, for some time.
    Door {
        doors: Vec<usize>,
        place: usize,
        since: LocalTime,
    },
}

impl World {
    /// Devices in a party that the last one hosts.
    fn new(seed: u64, count: usize) -> Self {
        let now = LocalTime::default();
        let devices = (0..count).map(|number| Device::new(number, now)).collect();
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut world = Self { now, random, devices };
        world.host(count - 1);
        world
    }

    fn draw(&mut self, below: u32) -> u32 {
        use rand_chacha::rand_core::Rng;
        self.random.next_u32() % below
    }

    fn something_happens(&mut self) {
        let count = self.devices.len() as u32;
        let one = self.draw(count) as usize;
        match self.draw(5) {
            0 => self.die(one),
            1 => self.come_back(one),
            2 => {
                for device in 0..self.devices.len() {
                    self.devices[device].group = self.draw(3);
                }
            }
            3 => self.devices[one].group = 7,
            _ => self.make_whole(),
        }
    }

    fn make_whole(&mut self) {
        self.devices.iter_mut().for_each(|device| device.group = 0);
    }

    /// Where nobody is left who knows of a party, a person starts it again.
    fn remember(&mut self) {
        let knows = |device: &Device| device.is_alive && device.carrier.is_some();
        if self.carriers().is_empty() && !self.devices.iter().any(knows) {
            self.come_back(0);
            self.host(0);
        }
    }

    /// Longer than the longest pause between two looks.
    fn settle(&mut self) {
        self.run(Span::from_secs(50));
    }

    fn run(&mut self, length: Span) {
        let until = self.now + length;
        while self.now < until {
            self.tick();
        }
    }

    fn carriers(&self) -> Vec<usize> {
        let carries =
            |index: &usize| self.devices[*index].is_alive && self.devices[*index].carries.is_some();
        (0..self.devices.len()).filter(carries).collect()
    }

    fn host(&mut self, index: usize) {
        let device = &mut self.devices[index];
        device.carries = Some(Standing::new(0, device.id.clone()));
        device.at = At::Carrier(index);
        device.lookout.news(self.now);
    }

    fn die(&mut self, index: usize) {
        self.devices[index].is_alive = false;
    }

    /// A new process without memory: it hosts the party, or looks for one nearby.
    fn come_back(&mut self, index: usize) {
        if self.devices[index].is_alive {
            return;
        }
        let group = self.devices[index].group;
        self.devices[index] = Device { group, ..Device::new(index, self.now) };
        if self.draw(2) == 0 {
            self.host(index);
        }
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        self.devices[to].is_alive && self.devices[from].group == self.devices[to].group
    }

    fn tick(&mut self) {
        self.now += TICK;
        for index in 0..self.devices.len() {
            if self.devices[index].is_alive {
                self.live(index);
            }
        }
    }

    fn live(&mut self, index: usize) {
        match self.devices[index].at.clone() {
            At::Carrier(carrier) => self.follow(index, carrier),
            At::Door { doors, place, since } => self.knock(index, doors, place, since),
        }
        if self.devices[index].carries.is_some() {
            self.look_around(index);
        }
    }

    fn follow(&mut self, index: usize, carrier: usize) {
        let now = self.now;
        if !self.reaches(index, carrier) {
            // A dead process's connections break at once, a cut network's fall silent.
            let is_told = !self.devices[carrier].is_alive
                && self.devices[carrier].group == self.devices[index].group;
            if is_told || now - self.devices[index].heard >= SILENCE {
                self.search(index);
            }
        } else if self.devices[carrier].carries.is_none()
            || self.devices[carrier].at != At::Carrier(carrier)
        {
            match self.devices[carrier].gave_way_to {
                Some(to) => self.enter(index, to),
                None => self.search(index),
            }
        } else {
            let here = At::Carrier(carrier);
            let members = (0..self.devices.len()).filter(|one| self.devices[*one].at == here);
            let members: BTreeSet<usize> = members.collect();
            let device = &mut self.devices[index];
            device.heard = now;
            if device.members != members {
                device.members = members;
                device.lookout.news(now);
            }
        }
    }

    /// Where the link goes, by what is known: the carrier, those who stand by, those seen nearby.
    fn search(&mut self, index: usize) {
        let device = &self.devices[index];
        let known: BTreeSet<usize> = device.members.iter().copied().chain([index]).collect();
        let ids: Vec<&UserId> = known.iter().map(|one| &self.devices[*one].id).collect();
        let carrier = device.carrier.map(|carrier| &self.devices[carrier].id);
        let number = |id: &UserId| self.devices.iter().position(|device| device.id == *id);
        let is_member = device.carrier.is_some();
        let mut doors: Vec<usize> = match is_member {
            true => order(carrier, ids).into_iter().filter_map(number).collect(),
            false => Vec::new(),
        };
        let nearby = self.carriers().into_iter().filter(|one| self.reaches(index, *one));
        doors.extend(nearby);
        self.devices[index].at = At::Door { doors, place: 0, since: self.now };
    }

    fn knock(&mut self, index: usize, doors: Vec<usize>, place: usize, since: LocalTime) {
        let now = self.now;
        let Some(door) = doors.get(place).copied() else { return self.search(index) };
        let waited = now - since;
        let next = |world: &mut Self| {
            world.devices[index].at =
                At::Door { doors: doors.clone(), place: place + 1, since: now };
        };
        if door == index {
            self.devices[index].vigil.begin(now);
            if self.devices[index].vigil.is_over(now) {
                let device = &mut self.devices[index];
                device.carries = Some(Standing::new(device.epoch, device.id.clone()));
                device.gave_way_to = None;
                device.vigil.end();
                device.lookout.news(now);
                self.enter(index, index);
            } else if waited >= OWN_WAIT {
                next(self);
            }
        } else if !self.reaches(index, door) {
            let is_refused = self.devices[door].group == self.devices[index].group;
            if is_refused || waited >= DOOR {
                next(self);
            }
        } else if self.devices[door].carries.is_some() {
            self.enter(index, door);
            if self.devices[index].at != At::Carrier(door) {
                next(self);
            }
        } else if let At::Carrier(elsewhere) = self.devices[door].at {
            self.enter(index, elsewhere);
            if self.devices[index].at != At::Carrier(elsewhere) {
                next(self);
            }
        } else {
            self.devices[door].vigil.knock(now);
            if waited >= DOOR_WAIT {
                next(self);
            }
        }
    }

    /// Goes in where the party is carried, unless that is not so or it is one of the past.
    fn enter(&mut self, index: usize, carrier: usize) {
        if !self.reaches(index, carrier) {
            return self.search(index);
        }
        let known = self.devices[index].epoch;
        let Some(standing) = &mut self.devices[carrier].carries else {
            return self.search(index);
        };
        if index != carrier {
            standing.followed();
        }
        let epoch = standing.epoch;
        if epoch < known {
            return;
        }
        let device = &mut self.devices[index];
        device.at = At::Carrier(carrier);
        device.carrier = Some(carrier);
        (device.epoch, device.heard) = (epoch, self.now);
        device.vigil.end();
        // Who goes elsewhere carries nothing any more.
        if index != carrier {
            device.carries = None;
        }
    }

    fn look_around(&mut self, index: usize) {
        let now = self.now;
        if self.devices[index].look.is_none() && self.devices[index].lookout.take_due(now) {
            let others = self.carriers().into_iter().filter(|other| self.reaches(index, *other));
            let standing = |other: usize| self.devices[other].carries.clone().map(|s| (other, s));
            let said = others.filter_map(standing).collect();
            // Until all have answered, much may change.
            let ends = now + Span::from_millis(i64::from(self.draw(800)));
            self.devices[index].look = Some((ends, said));
        }
        let Some((_, said)) = self.devices[index].look.take_if(|(ends, _)| *ends <= now) else {
            return;
        };
        let own = self.devices[index].carries.clone().expect("only carriers look");
        let higher = said.into_iter().filter(|(_, other)| other.outranks(&own));
        let highest = higher.reduce(|a, b| if b.1.outranks(&a.1) { b } else { a });
        if let Some((to, _)) = highest {
            let device = &mut self.devices[index];
            (device.carries, device.gave_way_to) = (None, Some(to));
            device.look = None;
            device.lookout.end();
            self.enter(index, to);
        }
    }
}

impl Device {
    fn new(number: usize, now: LocalTime) -> Self {
        let id = UserId::parse(format!("device-{number}")).expect("a plain id");
        Self {
            id,
            is_alive: true,
            group: 0,
            at: At::Door { doors: Vec::new(), place: 0, since: now },
            carries: None,
            gave_way_to: None,
            vigil: Vigil::default(),
            lookout: Lookout::default(),
            look: None,
            epoch: 0,
            carrier: None,
            members: BTreeSet::new(),
            heard: now,
        }
    }
}
