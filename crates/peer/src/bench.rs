//! What a measuring bench may change below everything else, by variables of the environment.
//!
//! Two processes on one machine share an oscillator and a network, which would hide the very
//! faults that are to be measured. Nobody else has a reason to set these.

use protocol::time::Span;

/// Offset in seconds and speed in parts per million of this process's clock: `37,35`.
const CLOCK: &str = "SYNCED_SWARM_CLOCK";

/// The ways by which time is learnt, of `lan`, `udp` and `ws`: `udp,ws`.
const TIME_PATHS: &str = "SYNCED_SWARM_TIME_PATHS";

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bench {
    /// How far ahead this process's clock starts.
    pub clock_offset: Span,
    /// How much too fast it runs. (parts per million)
    pub clock_ppm: f64,
    /// Neighbours are asked.
    pub asks_neighbours: bool,
    /// The relay is asked by UDP; over its WebSocket it always is when that fails.
    pub asks_by_udp: bool,
}

impl Default for Bench {
    /// Nothing is changed.
    fn default() -> Self {
        Self { clock_offset: Span::ZERO, clock_ppm: 0.0, asks_neighbours: true, asks_by_udp: true }
    }
}

/// A variable that says something else than it can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is `{value}`; write {form}")]
pub struct BadBench {
    variable: &'static str,
    value: String,
    form: &'static str,
}

impl Bench {
    /// What the environment says.
    ///
    /// # Errors
    ///
    /// [`BadBench`]: a bench that was mistyped would measure something else.
    pub fn from_environment() -> Result<Self, BadBench> {
        let variable = |name| std::env::var(name).ok();
        Self::parse(variable(CLOCK).as_deref(), variable(TIME_PATHS).as_deref())
    }

    fn parse(clock: Option<&str>, paths: Option<&str>) -> Result<Self, BadBench> {
        let mut bench = Self::default();
        if let Some(value) = clock {
            let form = "an offset in seconds and a speed in ppm, for instance 37,35";
            let bad = || BadBench { variable: CLOCK, value: value.to_owned(), form };
            let (offset, ppm) = value.split_once(',').ok_or_else(bad)?;
            let number = |text: &str| {
                let number: Option<f64> = text.trim().parse().ok();
                number.filter(|number| number.abs() <= 1e6).ok_or_else(bad)
            };
            bench.clock_offset = Span::from_secs_f64(number(offset)?);
            bench.clock_ppm = number(ppm)?;
        }
        if let Some(value) = paths {
            let form = "some of lan, udp and ws, for instance udp,ws";
            let paths: Vec<&str> = value.split(',').map(str::trim).collect();
            if !paths.iter().all(|path| ["lan", "udp", "ws"].contains(path)) {
                return Err(BadBench { variable: TIME_PATHS, value: value.to_owned(), form });
            }
            bench.asks_neighbours = paths.contains(&"lan");
            bench.asks_by_udp = paths.contains(&"udp");
        }
        Ok(bench)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_paths_are_read_and_what_is_mistyped_is_named() {
        assert_eq!(Bench::parse(None, None), Ok(Bench::default()));
        let bench = Bench::parse(Some("-11, 45.5"), Some("udp,ws")).unwrap();
        assert_eq!((bench.clock_offset, bench.clock_ppm), (Span::from_secs(-11), 45.5));
        assert!(!bench.asks_neighbours && bench.asks_by_udp);
        for (clock, paths) in [(Some("37"), None), (Some("a,b"), None), (None, Some("lan;ws"))] {
            let error = Bench::parse(clock, paths).unwrap_err().to_string();
            assert!(error.starts_with("SYNCED_SWARM_"), "{error}");
        }
    }
}
