//! What every run must stay below, by profile: the tests' law and the nightly run's.

use crate::report::{Figures, Row};

/// Bounds of the errors under one profile, once settled. (µs)
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The profile.
    pub profile: &'static str,
    /// Half of all moments.
    pub p50: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
    /// All of them.
    pub max: f64,
}

const fn bound(profile: &'static str, p50: f64, p99: f64, max: f64) -> Bound {
    Bound { profile, p50, p99, max }
}

/// One per profile. They hold for runs of ten minutes, and for shorter ones of members that
/// have known each other for a minute.
pub const BOUNDS: [Bound; 18] = [
    bound("wired", 8.0, 25.0, 50.0),
    bound("good-wifi", 20.0, 60.0, 150.0),
    bound("busy-wifi", 60.0, 700.0, 1_000.0),
    bound("wan", 30.0, 120.0, 300.0),
    bound("jitter", 200.0, 500.0, 1_000.0),
    // Half of the 20 ms that no filter sees.
    bound("asymmetric", 10_030.0, 10_050.0, 10_080.0),
    bound("bufferbloat", 20.0, 80.0, 200.0),
    bound("loss", 20.0, 60.0, 150.0),
    bound("reordering", 20.0, 60.0, 150.0),
    bound("pulseaudio", 30.0, 100.0, 250.0),
    bound("wasapi", 8.0, 30.0, 100.0),
    bound("pipewire", 10.0, 35.0, 80.0),
    bound("coreaudio", 8.0, 25.0, 50.0),
    bound("aaudio", 40.0, 200.0, 500.0),
    // Half of the moments lie inside the slew.
    bound("slew", 60.0, 400.0, 600.0),
    bound("slew-wifi", 450.0, 900.0, 1_300.0),
    bound("suspend", 8.0, 30.0, 100.0),
    // Played away from less than 5 ms in a moment, then crossed at once.
    bound("jump", 8.0, 40.0, 6_000.0),
];

/// What a row breaks, in words.
pub fn faults(row: &Row) -> Vec<String> {
    let Some((_, ours)) = row.players.first() else { return vec!["nothing was played".into()] };
    let Some(bound) = BOUNDS.iter().find(|bound| bound.profile == row.profile) else {
        return vec![format!("{} has no bound", row.profile)];
    };
    let Figures { p50, p99, max, gaps, .. } = *ours;
    let mut faults = Vec::new();
    for (name, found, allowed) in
        [("p50", p50, bound.p50), ("p99", p99, bound.p99), ("max", max, bound.max)]
    {
        // No figure at all is a fault too.
        if found.is_nan() || found > allowed {
            faults.push(format!("{}: {name} is {found:.1} µs, above {allowed} µs", row.profile));
        }
    }
    if gaps > 0 {
        faults.push(format!("{}: {gaps} gaps", row.profile));
    }
    faults
}
