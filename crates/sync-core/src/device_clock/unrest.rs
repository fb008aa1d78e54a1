//! Whether a device's rate is on its way somewhere, so that the line must turn faster.
//!
//! Stamps of a steady crystal fall on both sides of the line. When one side wins for most of a
//! second the rate has changed, and a filter made for steady crystals lags behind.

/// How long stamps are weighed against each other. (s)
const MEMORY: f64 = 0.7;

/// How far the balance may lean by chance. (standard deviations)
const CHANCE: f64 = 3.0;

/// How long the line stays quick after the balance leant. (s)
const CHASE: f64 = 2.0;

/// The balance of late and early stamps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unrest {
    /// Mean of the last innovations, each in standard deviations.
    balance: f64,
    /// How much longer the line is quick. (s)
    left: f64,
}

impl Unrest {
    /// Takes an innovation in standard deviations, so long after the one before. (s)
    pub fn lean(&mut self, innovation: f64, elapsed: f64) {
        let weight = (elapsed / MEMORY).clamp(0.0, 1.0);
        self.balance += weight * (innovation - self.balance);
        self.left -= elapsed;
        // The mean of numbers that know nothing of each other varies by this.
        let by_chance = (weight / (2.0 - weight)).sqrt();
        if self.balance.abs() > CHANCE * by_chance {
            self.left = CHASE;
        }
    }

    /// True while the rate is on its way.
    pub fn is_chasing(&self) -> bool {
        self.left > 0.0
    }
}
