//! The conditions that players are compared under, by name.

use protocol::time::Span;
use rand::RngExt;

use crate::card::Backend;
use crate::crystal::Crystal;
use crate::network::{Path, dice};
use crate::oscillator::{Oscillator, Trouble};
use crate::weather::Network;

/// Two devices, their networks, sound systems and what happens to their clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// As given on the command line.
    pub name: &'static str,
    /// Each device's network to the time root.
    pub networks: [Network; 2],
    /// Both devices' sound system.
    pub backend: Backend,
    /// What happens to the clock of the second device.
    pub trouble: Option<Trouble>,
}

/// How far apart two crystals in one room may be. (± ppm)
pub const TOLERANCE: f64 = 80.0;

/// Swing of a crystal's rate as its room warms and cools. (ppm)
const SWING: f64 = 0.6;

/// Random walk of a crystal's rate. (ppm per √second)
const WALK: f64 = 0.02;

const WIRED: Network = Network::plain(Path::WIRED);
const GOOD_WIFI: Network = Network::plain(Path::GOOD_WIFI);

const fn networks(name: &'static str, network: Network) -> Profile {
    Profile { name, networks: [network; 2], backend: Backend::Alsa, trouble: None }
}

const fn sound(name: &'static str, backend: Backend) -> Profile {
    Profile { backend, ..networks(name, WIRED) }
}

const fn troubled(name: &'static str, network: Network, trouble: Trouble) -> Profile {
    Profile { trouble: Some(trouble), ..networks(name, network) }
}

impl Profile {
    /// All there are: networks, then sound systems, then troubles.
    pub const ALL: [Self; 18] = [
        networks("wired", WIRED),
        networks("good-wifi", GOOD_WIFI),
        networks("busy-wifi", Network::plain(Path::BUSY_WIFI)),
        networks("wan", Network::plain(Path::WAN)),
        Self { networks: [WIRED, Network::plain(Path::JITTER)], ..networks("jitter", WIRED) },
        Self {
            networks: [
                WIRED,
                Network::plain(Path { floor_up: Span::from_micros(20_100), ..Path::WIRED }),
            ],
            ..networks("asymmetric", WIRED)
        },
        networks(
            "bufferbloat",
            Network {
                queues_every: Some(15.0),
                ..Network::plain(Path::even(500, 200, 0.02, 3_000))
            },
        ),
        networks("loss", Network { loss: 0.05, ..GOOD_WIFI }),
        networks("reordering", Network { strays: 0.10, ..GOOD_WIFI }),
        sound("pulseaudio", Backend::PulseAudio),
        sound("wasapi", Backend::Wasapi),
        sound("pipewire", Backend::PipeWire),
        sound("coreaudio", Backend::CoreAudio),
        sound("aaudio", Backend::AAudio),
        troubled("slew", WIRED, Trouble::Slew { at: 30.0, length: 60.0, ppm: 50.0 }),
        troubled("slew-wifi", GOOD_WIFI, Trouble::Slew { at: 30.0, length: 60.0, ppm: 50.0 }),
        troubled("suspend", WIRED, Trouble::Suspend { at: 40.0, length: 2.0 }),
        troubled("jump", WIRED, Trouble::Jump { at: 40.0, by: Span::from_secs(2) }),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }
}

/// The oscillators of one run: one seed, one world.
#[derive(Clone, Debug)]
pub struct Clocks {
    /// The time root's.
    pub root: Oscillator,
    /// Each device's processor.
    pub devices: [Oscillator; 2],
    /// Each device's sound card.
    pub cards: [Oscillator; 2],
}

impl Clocks {
    /// Oscillators within [`TOLERANCE`] for so many seconds of `profile`.
    pub fn new(profile: &Profile, seed: u64, seconds: f64) -> Self {
        let mut dice = dice(seed ^ 0xc10c);
        let mut oscillator = |origin| {
            let ppm = dice.random_range(-TOLERANCE..TOLERANCE);
            let swing = dice.random_range(-SWING..SWING);
            let crystal = Crystal { origin: Span::from_secs(origin), ppm, swing };
            Oscillator::from(crystal).wandering(WALK, seconds as usize + 1, &mut dice)
        };
        let root = oscillator(0);
        let devices = [oscillator(50), oscillator(90_000)];
        let cards = [oscillator(0), oscillator(0)];
        let [first, second] = devices;
        let second = match profile.trouble {
            Some(trouble) => second.with(trouble),
            None => second,
        };
        Self { root, devices: [first, second], cards }
    }
}
