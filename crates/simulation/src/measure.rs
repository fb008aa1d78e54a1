//! How far apart devices play, collected over time.

use protocol::time::Span;

/// Distances between the first and the last device, one per moment looked at.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    found: Vec<Span>,
}

impl Spread {
    /// Adds what was found at one moment.
    pub fn add(&mut self, spread: Span) {
        self.found.push(spread);
    }

    /// Moments looked at.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// True when nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What this share of the moments stayed below; none without any moment.
    pub fn percentile(&self, share: f64) -> Option<Span> {
        let mut sorted = self.found.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last as f64 * share).round() as usize).copied()
    }

    /// The largest.
    pub fn max(&self) -> Option<Span> {
        self.found.iter().copied().max()
    }
}
