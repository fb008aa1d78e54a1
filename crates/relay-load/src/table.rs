//! The table at the end: ours, theirs, the ratio, the bound, and whether it is kept.

use crate::figures::{Law, Unit};

/// One figure of one scenario.
pub struct Row {
    /// Which scenario.
    pub scenario: String,
    /// Which figure.
    pub figure: &'static str,
    /// In which unit.
    pub unit: Unit,
    /// This relay's.
    pub ours: f64,
    /// The other one's.
    pub theirs: Option<f64>,
    /// What it must keep to.
    pub law: Option<Law>,
}

impl Row {
    fn is_latency(&self) -> bool {
        self.unit == Unit::Ms || self.figure.contains("p99")
    }
}

/// How strictly bounds are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are written: medians of several rounds.
    Full,
    /// One short round on a machine that may do other things too. Bounds are twice as wide,
    /// and latencies are only told: one moment in which the machine stood still would decide.
    Short,
}

/// What a busy machine of two cores may add in the short form. What it guards against is a relay
/// that has become several times slower.
const SHORT_SLACK: f64 = 2.0;

/// All of them.
pub struct Table {
    rows: Vec<Row>,
    form: Form,
}

impl Table {
    /// An empty one.
    pub fn new(form: Form) -> Self {
        Self { rows: Vec::new(), form }
    }

    /// Appends a row.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Figures that do not keep to their bound.
    pub fn missed(&self) -> usize {
        self.rows.iter().filter(|row| self.keeps(row) == Some(false)).count()
    }

    fn keeps(&self, row: &Row) -> Option<bool> {
        let law = row.law?;
        match self.form {
            Form::Full => Some(law.holds(row.ours, row.theirs, 1.0)),
            // What was not heard at all is no question of time.
            Form::Short if row.is_latency() => row.ours.is_nan().then_some(false),
            Form::Short => Some(law.holds(row.ours, row.theirs, SHORT_SLACK)),
        }
    }

    /// Writes it to standard output, below an empty line.
    pub fn print(&self) {
        println!(
            "\n{:<14} {:<32} {:>14} {:>14} {:>8} {:>14}",
            "scenario", "figure", "this relay", "Node", "ratio", "bound"
        );
        let mut last = "";
        for row in &self.rows {
            let scenario = if row.scenario == last { "" } else { &row.scenario };
            last = &row.scenario;
            let theirs = row.theirs.map_or_else(|| "–".to_owned(), |value| row.unit.show(value));
            let ratio =
                row.theirs.map_or_else(String::new, |theirs| format!("{:.2}x", row.ours / theirs));
            let bound = row.law.map_or_else(String::new, |law| law.show(row.unit));
            let verdict = match self.keeps(row) {
                None => "",
                Some(true) => "kept",
                Some(false) => "MISSED",
            };
            println!(
                "{scenario:<14} {:<32} {:>14} {theirs:>14} {ratio:>8} {bound:>14} {verdict}",
                row.figure,
                row.unit.show(row.ours)
            );
        }
        if self.form == Form::Short {
            println!(
                "One short round: bounds are {SHORT_SLACK} times as wide, latencies only told."
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: &'static str, unit: Unit, ours: f64) -> Row {
        let (scenario, law) = ("fan-out".to_owned(), Some(Law::TimesAtMost(0.5)));
        Row { scenario, figure, unit, ours, theirs: Some(2.0), law }
    }

    #[test]
    fn in_the_short_form_work_is_held_to_wider_bounds_and_latency_to_none() {
        for (form, missed) in [(Form::Full, 4), (Form::Short, 2)] {
            let mut table = Table::new(form);
            table.add(row("latency p99", Unit::Ms, 9.0));
            table.add(row("processor per frame", Unit::Us, 1.4));
            table.add(row("processor per announce", Unit::Us, 2.2));
            table.add(row("latency p50", Unit::Ms, f64::NAN));
            assert_eq!(table.missed(), missed, "{form:?}");
        }
    }
}
