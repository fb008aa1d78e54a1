//! Devices on one local network hear each other's time, however bad the way to the relay.

mod common;

use common::{announcement, id, song};
use protocol::ids::UserId;
use protocol::message::FileReadiness;
use protocol::time::{MediaTime, Span};
use simulation::world::DeviceId;
use simulation::{Crystal, Path, Spread, World};
use sync_core::session::{Input, Wish};

const CRYSTALS: [Crystal; 4] = [
    Crystal { origin: Span::from_secs(40), ppm: 35.0, swing: 0.6 },
    Crystal { origin: Span::from_secs(90_000), ppm: -80.0, swing: -0.4 },
    Crystal { origin: Span::from_secs(7), ppm: 80.0, swing: 0.5 },
    Crystal { origin: Span::from_secs(500), ppm: -20.0, swing: 0.3 },
];

/// Half a wired way: between two devices there are two of them.
const CABLE: Path = Path::even(50, 10, 0.005, 500);

#[test]
fn a_relay_that_is_far_jittery_or_uneven_for_one_is_not_heard_in_the_room() {
    let uneven = Path { floor_up: Span::from_millis(20), ..Path::WIRED };
    for path in [Path::JITTER, uneven, Path::WAN] {
        for seed in 0..20 {
            let mut party = Party::new(seed, [Path::WIRED, path, Path::WIRED], CABLE);
            party.play();
            party.world.run(Span::from_secs(10));
            let spread = party.world.run(Span::from_secs(60));
            let [p50, p99, max] = figures(&spread);
            let law = format!("p50 {p50:?}, p99 {p99:?}, max {max:?} over {path:?}, seed {seed}");
            assert!(p50 < Span::from_micros(10), "{law}");
            assert!(p99 < Span::from_micros(25), "{law}");
            assert!(max < Span::from_micros(50), "{law}");
        }
    }
}

#[test]
fn good_wifi_between_them_costs_tens_of_microseconds() {
    let half = Path::even(400, 200, 0.015, 5_000);
    for seed in 0..20 {
        let mut party = Party::new(seed, [Path::WAN; 3], half);
        party.play();
        party.world.run(Span::from_secs(20));
        let [_, p99, _] = figures(&party.world.run(Span::from_secs(60)));
        assert!(p99 < Span::from_micros(200), "p99 {p99:?}, seed {seed}");
    }
}

#[test]
fn when_the_root_vanishes_the_next_one_leads_on_and_nobody_hears_it() {
    for seed in 0..50 {
        let mut party = Party::new(seed, [Path::JITTER; 3], CABLE);
        party.play();
        party.world.run(Span::from_secs(40));
        assert_eq!(party.root_of(party.zoe), Some(id("ada")), "seed {seed}");
        let before = party.step_from(party.zoe);
        party.world.kill(party.ada);
        let spread = party.world.run(Span::from_secs(20)).max().expect("they play");
        assert!(spread < Span::from_micros(50), "spread {spread:?}, seed {seed}");
        let step = party.step_from(party.zoe) - before;
        assert!(step.abs() < Span::from_millis(2), "the song moved by {step:?}, seed {seed}");
        for device in [party.mia, party.zoe] {
            assert_eq!(party.root_of(device), Some(id("mia")), "seed {seed}");
            assert_eq!(party.world.device(device).gaps(), 0, "seed {seed}");
        }
    }
}

#[test]
fn who_cannot_reach_the_root_gets_its_time_from_one_who_can() {
    for (seed, from_the_start) in (0..20).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut party = Party::new(seed, [Path::JITTER; 3], CABLE);
        if from_the_start {
            party.world.separate(party.ada, party.mia);
        }
        party.play();
        party.world.run(Span::from_secs(15));
        party.world.separate(party.ada, party.mia);
        party.world.run(Span::from_secs(15));
        let law = format!("seed {seed}, from the start: {from_the_start}");
        let [_, p99, max] = figures(&party.world.run(Span::from_secs(30)));
        assert!(p99 < Span::from_micros(40), "p99 {p99:?}, {law}");
        assert!(max < Span::from_micros(80), "max {max:?}, {law}");
        for device in party.everyone() {
            assert_eq!(party.root_of(device), Some(id("ada")), "{law}");
            assert_eq!(party.world.device(device).gaps(), 0, "{law}");
        }
    }
}

#[test]
fn a_minute_without_relay_is_not_heard_in_the_room() {
    for seed in 0..20 {
        let mut party = Party::new(seed, [Path::WIRED, Path::JITTER, Path::WAN], CABLE);
        party.play();
        party.world.run(Span::from_secs(30));
        party.world.kill_relay();
        let [_, p99, max] = figures(&party.world.run(Span::from_secs(60)));
        assert!(p99 < Span::from_micros(25), "p99 {p99:?}, seed {seed}");
        assert!(max < Span::from_micros(50), "max {max:?}, seed {seed}");
    }
}

#[test]
fn a_relay_that_is_replaced_is_not_heard_in_the_room() {
    for seed in 0..30 {
        let mut party = Party::new(seed, [Path::WIRED, Path::JITTER, Path::WIRED], CABLE);
        party.play();
        party.world.run(Span::from_secs(30));
        party.world.kill_relay();
        party.world.run(Span::from_secs(5));
        let ahead = Span::from_millis((seed as i64 - 15) * 800_000);
        party.world.start_relay(Crystal { origin: ahead, ppm: -40.0, swing: 0.0 });
        let spread = party.world.run(Span::from_secs(20)).max().expect("they play");
        assert!(spread < Span::from_micros(150), "spread {spread:?}, seed {seed}");
        for device in party.everyone() {
            assert_eq!(party.world.device(device).gaps(), 0, "seed {seed}");
        }
    }
}

#[test]
fn who_comes_late_follows_whoever_leads_even_with_the_lowest_id() {
    for seed in 0..30 {
        let mut party = Party::new(seed, [Path::WAN; 3], CABLE);
        party.play();
        party.world.run(Span::from_secs(20));
        let late = party.world.add("aaa", CRYSTALS[3], Path::WAN);
        party.world.plug_in(late, 1, CABLE);
        party.world.run(Span::from_millis(1_500));
        let spread = party.world.run(Span::from_secs(10));
        let max = spread.max().expect("they play");
        assert!(party.world.heard(late).is_some(), "seed {seed}");
        assert!(max < Span::from_micros(100), "spread {max:?}, seed {seed}");
        assert_eq!(party.root_of(late), Some(id("ada")), "seed {seed}");
    }
}

#[test]
fn two_rooms_that_meet_become_the_older_one() {
    for seed in 0..30 {
        let mut party = Party::new(seed, [Path::WAN; 3], CABLE);
        let kim = party.world.add("kim", CRYSTALS[3], Path::WAN);
        let bob = party.world.add("bob", CRYSTALS[1], Path::WAN);
        for device in [kim, bob] {
            party.world.plug_in(device, 2, CABLE);
        }
        party.play();
        party.world.run(Span::from_secs(30));
        assert_eq!(party.root_of(kim), Some(id("bob")), "seed {seed}");
        for device in [kim, bob] {
            party.world.plug_in(device, 1, CABLE);
        }
        party.world.run(Span::from_secs(15));
        for device in [party.ada, party.mia, party.zoe, kim, bob] {
            assert_eq!(party.root_of(device), Some(id("ada")), "seed {seed}");
        }
        let max = party.world.run(Span::from_secs(20)).max().expect("they play");
        assert!(max < Span::from_micros(50), "spread {max:?}, seed {seed}");
    }
}

#[test]
fn a_root_that_slept_follows_when_it_wakes() {
    for seed in 0..30 {
        let mut party = Party::new(seed, [Path::WIRED; 3], CABLE);
        party.play();
        party.world.run(Span::from_secs(20));
        party.world.sleep(party.ada, Span::from_secs(30));
        let others = [party.mia, party.zoe];
        let heard = others.map(|device| party.world.heard(device).expect("it plays"));
        assert!((heard[0] - heard[1]).abs() < Span::from_micros(50), "{heard:?}, seed {seed}");
        party.world.run(Span::from_secs(10));
        let max = party.world.run(Span::from_secs(10)).max().expect("they play");
        assert!(max < Span::from_micros(60), "spread {max:?}, seed {seed}");
        for device in party.everyone() {
            assert_eq!(party.root_of(device), Some(id("mia")), "seed {seed}");
        }
    }
}

#[test]
fn an_uneven_path_to_the_relay_is_noticed_and_named() {
    let uneven = Path { floor_up: Span::from_millis(20), ..Path::WIRED };
    let mut party = Party::new(5, [Path::WIRED, uneven, Path::WIRED], CABLE);
    party.world.run(Span::from_secs(20));
    let state = |device| {
        let now = party.world.local(device);
        party.world.device(device).session.clock_state(now)
    };
    let found = state(party.mia).asymmetry.expect("mia's path is uneven");
    let half = Span::from_micros(9_950);
    assert!((found.abs() - half).abs() < Span::from_micros(300), "{found:?}");
    assert_eq!(state(party.zoe).asymmetry, None);
}

/// Three devices on one local network; `ada` shares a song that all hold.
struct Party {
    world: World,
    ada: DeviceId,
    mia: DeviceId,
    zoe: DeviceId,
}

impl Party {
    fn new(seed: u64, paths: [Path; 3], lan: Path) -> Self {
        let mut world = World::new(seed);
        let mut add = |name, index: usize| {
            let device = world.add(name, CRYSTALS[index], paths[index]);
            world.plug_in(device, 1, lan);
            device
        };
        let [ada, mia, zoe] = [add("ada", 0), add("mia", 1), add("zoe", 2)];
        world.run(Span::from_secs(2));
        let held = FileReadiness { file_id: song(), held_bytes: 1_000_000, playable: true };
        for device in [ada, mia, zoe] {
            let announcements = if device == ada { vec![announcement()] } else { Vec::new() };
            let readiness = vec![held.clone()];
            world.input(device, Input::LocalFiles { announcements, readiness });
        }
        world.run(Span::from_secs(1));
        Self { world, ada, mia, zoe }
    }

    fn everyone(&self) -> [DeviceId; 3] {
        [self.ada, self.mia, self.zoe]
    }

    fn play(&mut self) {
        let position = MediaTime::default();
        self.world.wish(self.ada, Wish::Play { file_id: Some(song()), position });
        self.world.run(Span::from_secs(1));
    }

    fn root_of(&self, device: DeviceId) -> Option<UserId> {
        self.world.device(device).session.room_root().cloned()
    }

    /// Where the song is against true time.
    fn step_from(&self, device: DeviceId) -> Span {
        let heard = self.world.heard(device).expect("it plays") - MediaTime::default();
        heard - Span::from_secs_f64(self.world.now().as_secs_f64())
    }
}

fn figures(spread: &Spread) -> [Span; 3] {
    [0.5, 0.99, 1.0].map(|share| spread.percentile(share).expect("they play"))
}
