//! Figures of one run, their medians over rounds, and what a run may come to.

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Kilobytes of 1,000 bytes.
    Kb,
    /// Events a second.
    PerSecond,
    /// Things.
    Count,
    /// A share or a multiple.
    Times,
}

impl Unit {
    /// The figure as a person reads it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ms if value < 10.0 => format!("{value:.2} ms"),
            Self::Ms => format!("{value:.0} ms"),
            Self::Us => format!("{value:.1} µs"),
            Self::Kb => format!("{value:.2} kB"),
            Self::PerSecond => format!("{}/s", grouped(value)),
            Self::Count => grouped(value),
            Self::Times => format!("{value:.3}"),
        }
    }
}

/// One thing that was measured.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What.
    pub name: &'static str,
    /// In which unit.
    pub unit: Unit,
    /// How much.
    pub value: f64,
}

impl Figure {
    /// A figure.
    pub fn new(name: &'static str, unit: Unit, value: f64) -> Self {
        Self { name, unit, value }
    }
}

/// What a figure must keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// In the figure's own unit.
    AtMost(f64),
    /// In the figure's own unit.
    AtLeast(f64),
    /// Times what the other one needs.
    TimesAtMost(f64),
    /// Times what the other one manages.
    TimesAtLeast(f64),
}

impl Law {
    /// Whether `ours` keeps it beside `theirs`. `slack` widens it: 1 as written, 2 twice as wide.
    ///
    /// A figure that could not be measured keeps nothing.
    pub fn holds(self, ours: f64, theirs: Option<f64>, slack: f64) -> bool {
        match self {
            Self::AtMost(bound) => ours <= bound * slack,
            Self::AtLeast(bound) => ours >= bound / slack,
            Self::TimesAtMost(bound) => theirs.is_some_and(|theirs| ours <= bound * slack * theirs),
            Self::TimesAtLeast(bound) => {
                theirs.is_some_and(|theirs| ours >= bound / slack * theirs)
            }
        }
    }

    /// As it stands in the table.
    pub fn show(self, unit: Unit) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", unit.show(bound)),
            Self::AtLeast(bound) => format!("≥ {}", unit.show(bound)),
            Self::TimesAtMost(bound) => format!("≤ {bound:.2}x"),
            Self::TimesAtLeast(bound) => format!("≥ {bound:.2}x"),
        }
    }
}

/// The value below which `share` of them lie; not a number when there are none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Shares lie between 0 and 1, so the index lies within the list.
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// Whole, with a comma between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values_and_none_is_no_number() {
        let values: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!((median(&values), percentile(&values, 0.99)), (51.0, 100.0));
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_law_that_compares_fails_without_the_other_figure_and_without_a_number() {
        let half = Law::TimesAtMost(0.5);
        assert!(half.holds(1.0, Some(2.0), 1.0));
        assert!(!half.holds(1.1, Some(2.0), 1.0));
        assert!(half.holds(1.1, Some(2.0), 1.2));
        assert!(!half.holds(0.0, None, 1.0));
        assert!(!Law::AtMost(1.0).holds(f64::NAN, None, 1.0));
        assert!(!Law::AtLeast(1.0).holds(f64::NAN, None, 1.0));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(Unit::Count.show(1_234_567.0), "1,234,567");
        assert_eq!(Unit::PerSecond.show(999.0), "999/s");
    }
}
