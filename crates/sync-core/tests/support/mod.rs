//! Clocks and networks with known faults, for tests that compare belief with truth.

#![allow(dead_code, reason = "each test binary uses its own part")]

use protocol::time::{LocalTime, Span, SwarmTime};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sync_core::ClockSample;

/// True time, which no device knows. (seconds from the start of the test)
pub type True = f64;

/// A device's crystal.
#[derive(Clone, Copy, Debug)]
pub struct Crystal {
    /// What it says at true time zero. (seconds)
    pub origin: f64,
    /// Constant rate error. (ppm)
    pub ppm: f64,
    /// Rate swing by temperature, up and down within seven minutes. (ppm)
    pub swing: f64,
}

const SWING_PERIOD: f64 = 420.0;

impl Crystal {
    pub fn nanos(&self, at: True) -> i64 {
        let turn = std::f64::consts::TAU / SWING_PERIOD;
        let swung = self.swing * 1e-6 * (1.0 - (turn * at).cos()) / turn;
        let correction = self.ppm * 1e-6 * at + swung;
        ((self.origin * 1e9) as i64) + (at * 1e9).round() as i64 + (correction * 1e9).round() as i64
    }

    pub fn local(&self, at: True) -> LocalTime {
        LocalTime::from_nanos(self.nanos(at))
    }

    pub fn swarm(&self, at: True) -> SwarmTime {
        SwarmTime::from_nanos(1_795_342_400_000_000_000 + self.nanos(at))
    }

    /// When this crystal says `local`.
    pub fn true_time_of(&self, local: LocalTime) -> True {
        let mut at = (local.as_nanos() as f64) * 1e-9 - self.origin;
        for _ in 0..4 {
            at += (local - self.local(at)).as_secs_f64();
        }
        at
    }
}

/// A network path: a floor, and delay that only adds.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Least delay there and back. (seconds)
    pub floor: [f64; 2],
    /// Mean added delay. (seconds)
    pub jitter: f64,
    /// Share of passages that wait long, and how long on average. (0-1, seconds)
    pub spikes: (f64, f64),
}

impl Path {
    pub const WIRED: Self = Self::even(100e-6, 20e-6, (0.01, 500e-6));
    pub const GOOD_WIFI: Self = Self::even(800e-6, 400e-6, (0.03, 5e-3));
    pub const BUSY_WIFI: Self = Self::even(1e-3, 4e-3, (0.10, 30e-3));
    pub const WAN: Self = Self::even(20e-3, 1e-3, (0.02, 20e-3));

    pub const fn even(floor: f64, jitter: f64, spikes: (f64, f64)) -> Self {
        Self { floor: [floor, floor], jitter, spikes }
    }

    pub fn delay(&self, direction: usize, rng: &mut ChaCha8Rng) -> f64 {
        let spike = if rng.random::<f64>() < self.spikes.0 { self.spikes.1 } else { 0.0 };
        self.floor[direction] + exponential(self.jitter, rng) + exponential(spike, rng)
    }

    /// One exchange begun at `at`: the stamps, and when the answer arrived.
    pub fn exchange(
        &self,
        at: True,
        [device, root]: [&Crystal; 2],
        rng: &mut ChaCha8Rng,
    ) -> (ClockSample, True) {
        let arrived = at + self.delay(0, rng);
        let answered = arrived + 20e-6;
        let returned = answered + self.delay(1, rng);
        let sample = ClockSample {
            t0: device.local(at),
            t1: root.swarm(arrived),
            t2: root.swarm(answered),
            t3: device.local(returned),
        };
        (sample, returned)
    }
}

pub fn exponential(mean: f64, rng: &mut ChaCha8Rng) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

pub fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The value that `share` of `values` stay below.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

pub fn micros(span: Span) -> f64 {
    span.as_micros_f64()
}
