//! What the members of a swarm hear, whatever happens to relay, director and links.

mod common;

use common::{announcement, id, song};
use protocol::message::FileReadiness;
use protocol::time::{MediaTime, Span};
use simulation::world::DeviceId;
use simulation::{Crystal, Path, World};
use sync_core::session::{Input, Wish};

#[test]
fn in_one_room_everyone_plays_within_a_tenth_of_a_millisecond() {
    for (path, bound) in [(Path::WIRED, 25), (Path::GOOD_WIFI, 150)] {
        for seed in 0..10 {
            let mut party = Party::new(seed, path);
            party.play();
            party.world.run(Span::from_secs(30));
            let spread = party.world.run(Span::from_secs(60));
            let p99 = spread.percentile(0.99).expect("they play");
            assert!(p99 < Span::from_micros(bound), "p99 {p99:?}, seed {seed}, {path:?}");
        }
    }
}

#[test]
fn from_pressing_play_to_the_first_sound_takes_less_than_a_quarter_of_a_second() {
    for seed in 0..50 {
        let mut party = Party::new(seed, Path::WIRED);
        let pressed = party.world.now();
        party.play();
        for device in party.everyone() {
            let start = party.world.start_of(device).expect("it was told to play");
            let wait = start - pressed;
            assert!(wait > Span::from_millis(190), "{wait:?} is too soon to prepare, seed {seed}");
            assert!(wait < Span::from_millis(240), "{wait:?} until the first sound, seed {seed}");
        }
    }
}

#[test]
fn a_late_joiner_plays_in_time_within_half_a_second_and_disturbs_nobody() {
    for seed in 0..50 {
        let mut party = Party::new(seed, Path::GOOD_WIFI);
        party.play();
        party.world.run(Span::from_secs(40));
        let before = party.everyone().map(|device| party.world.device(device).plan().cloned());
        let late = party.world.add("kim", Crystal { ppm: 70.0, ..CRYSTALS[0] }, Path::GOOD_WIFI);
        party.world.run(Span::from_millis(500));
        assert!(party.world.heard(late).is_some(), "silent after half a second, seed {seed}");
        let spread = party.world.run(Span::from_secs(5)).max().expect("they play");
        assert!(spread < Span::from_millis(1), "spread {spread:?}, seed {seed}");
        let after = party.everyone().map(|device| party.world.device(device).plan().cloned());
        assert_eq!(before, after, "seed {seed}");
    }
}

#[test]
fn when_the_director_vanishes_the_music_goes_on_and_the_lowest_of_the_others_leads() {
    for seed in 0..50 {
        let mut party = Party::new(seed, Path::GOOD_WIFI);
        party.play();
        party.world.run(Span::from_secs(20));
        party.world.kill(party.ada);
        party.world.run(Span::from_secs(2));
        for device in [party.mia, party.zoe] {
            let device = party.world.device(device);
            assert_eq!(device.session.director(), Some(&id("mia")), "seed {seed}");
            assert_eq!(device.gaps(), 0, "seed {seed}");
        }
        party.world.wish(party.mia, Wish::Play { file_id: Some(song()), position: minute(1) });
        party.world.run(Span::from_secs(1));
        let heard = party.world.heard(party.zoe).expect("it follows the new director");
        assert!(heard > minute(1) && heard < minute(1) + Span::from_secs(1), "{heard:?}");
        party.world.wish(party.mia, Wish::Stop);
        party.world.run(Span::from_secs(1));
        assert_eq!(party.world.heard(party.zoe), None, "seed {seed}");
    }
}

#[test]
fn of_two_who_take_the_lead_at_once_everyone_agrees_on_one() {
    for seed in 0..200 {
        let mut party = Party::new(seed, Path::BUSY_WIFI);
        party.world.wish(party.mia, Wish::TakeDirector);
        party.world.wish(party.zoe, Wish::TakeDirector);
        party.world.run(Span::from_secs(2));
        let leaders = party.everyone().map(|device| {
            let session = &party.world.device(device).session;
            session.director().expect("someone leads").clone()
        });
        assert!(leaders.iter().all(|leader| *leader == leaders[0]), "{leaders:?}, seed {seed}");
        assert_ne!(leaders[0], id("ada"), "seed {seed}");
    }
}

#[test]
fn a_relay_that_is_replaced_while_music_plays_is_not_heard() {
    for seed in 0..50 {
        let mut party = Party::new(seed, Path::WIRED);
        party.play();
        party.world.run(Span::from_secs(30));
        let begun = party.world.heard(party.zoe).expect("it plays");
        let began = party.world.now();

        party.world.kill_relay();
        let away = party.world.run(Span::from_secs(5));
        let ahead = Span::from_millis((seed as i64 - 25) * 800_000);
        party.world.start_relay(Crystal { origin: ahead, ppm: -40.0, swing: 0.0 });
        let back = party.world.run(Span::from_secs(15));

        let worst = away.max().max(back.max()).expect("they play");
        assert!(worst < Span::from_millis(1), "spread {worst:?}, seed {seed}");
        for device in party.everyone() {
            assert_eq!(party.world.device(device).gaps(), 0, "seed {seed}");
        }
        // Against a perfect clock the old relay's own rate error remains, 12 ppm and a swing.
        let played = party.world.heard(party.zoe).expect("it plays") - begun;
        let off = played - (party.world.now() - began);
        assert!(off.abs() < Span::from_micros(1_500), "moved by {off:?}, seed {seed}");

        let late = party.world.add("kim", CRYSTALS[1], Path::WIRED);
        party.world.run(Span::from_millis(500));
        assert!(party.world.heard(late).is_some(), "the relay was not told, seed {seed}");
        let spread = party.world.run(Span::from_secs(5)).max().expect("they play");
        assert!(spread < Span::from_millis(1), "spread {spread:?}, seed {seed}");
    }
}

#[test]
fn a_replaced_relay_obeys_its_director_again() {
    let mut party = Party::new(3, Path::GOOD_WIFI);
    party.world.wish(party.zoe, Wish::TakeDirector);
    party.world.run(Span::from_secs(1));
    party.world.wish(party.zoe, Wish::Play { file_id: Some(song()), position: minute(0) });
    party.world.run(Span::from_secs(10));
    party.world.kill_relay();
    party.world.run(Span::from_secs(3));
    party.world.start_relay(Crystal::PERFECT);
    party.world.run(Span::from_secs(8));
    for device in party.everyone() {
        assert_eq!(party.world.device(device).session.director(), Some(&id("zoe")));
    }
    party.world.wish(party.zoe, Wish::Stop);
    party.world.run(Span::from_secs(1));
    assert_eq!(party.everyone().map(|device| party.world.heard(device)), [None; 3]);
}

#[test]
fn a_broken_link_is_not_heard() {
    for seed in 0..50 {
        let mut party = Party::new(seed, Path::GOOD_WIFI);
        party.play();
        party.world.run(Span::from_secs(30));
        for _ in 0..5 {
            party.world.cut(party.zoe);
            let spread = party.world.run(Span::from_secs(4)).max().expect("they play");
            assert!(spread < Span::from_micros(500), "spread {spread:?}, seed {seed}");
        }
        assert_eq!(party.world.device(party.zoe).gaps(), 0, "seed {seed}");
    }
}

#[test]
fn a_minute_without_relay_costs_less_than_a_tenth_of_a_millisecond() {
    for seed in 0..20 {
        let mut party = Party::new(seed, Path::WIRED);
        party.play();
        party.world.run(Span::from_secs(60));
        party.world.kill_relay();
        let spread = party.world.run(Span::from_secs(60)).max().expect("they play");
        assert!(spread < Span::from_micros(150), "spread {spread:?}, seed {seed}");
    }
}

#[test]
fn a_path_that_is_slower_one_way_costs_half_the_difference_and_no_more() {
    let mut party = Party::new(1, Path::WIRED);
    let uneven = Path { floor_up: Span::from_millis(20), ..Path::WIRED };
    let far = party.world.add("far", CRYSTALS[2], uneven);
    party.world.run(Span::from_secs(1));
    party.play();
    party.world.run(Span::from_secs(20));
    let distance =
        party.world.heard(far).expect("it plays") - party.world.heard(party.zoe).expect("it plays");
    let half = Span::from_micros(9_950);
    assert!((distance.abs() - half).abs() < Span::from_micros(100), "{distance:?}");
}

#[test]
fn the_same_seed_repeats_a_world_exactly() {
    let run = |seed| {
        let mut party = Party::new(seed, Path::BUSY_WIFI);
        party.play();
        party.world.run(Span::from_secs(5));
        party.world.cut(party.mia);
        party.world.run(Span::from_secs(5));
        party.everyone().map(|device| party.world.device(device).outputs.clone())
    };
    assert!(run(5) == run(5), "one seed gave two worlds");
    assert!(run(5) != run(6), "two seeds gave one world");
}

/// Three devices in one swarm; `ada` shares a song that all hold.
struct Party {
    world: World,
    ada: DeviceId,
    mia: DeviceId,
    zoe: DeviceId,
}

const CRYSTALS: [Crystal; 3] = [
    Crystal { origin: Span::from_secs(40), ppm: 35.0, swing: 0.6 },
    Crystal { origin: Span::from_secs(90_000), ppm: -80.0, swing: -0.4 },
    Crystal { origin: Span::from_secs(7), ppm: 80.0, swing: 0.5 },
];

impl Party {
    fn new(seed: u64, path: Path) -> Self {
        let mut world = World::new(seed);
        let [ada, mia, zoe] = [("ada", 0), ("mia", 1), ("zoe", 2)]
            .map(|(name, crystal)| world.add(name, CRYSTALS[crystal], path));
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
        self.world.wish(self.ada, Wish::Play { file_id: Some(song()), position: minute(0) });
        self.world.run(Span::from_millis(150));
    }
}

fn minute(minutes: i64) -> MediaTime {
    MediaTime::default() + Span::from_secs(60 * minutes)
}
