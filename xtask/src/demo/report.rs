//! What a demonstration found: a table for people, and a verdict.

use std::fmt;

use anyhow::{Result, bail};

/// Rows of a table, each with its bound if there is one.
pub struct Report {
    title: String,
    rows: Vec<Row>,
}

struct Row {
    label: String,
    value: String,
    bound: String,
    holds: bool,
}

impl Report {
    /// An empty table.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new() }
    }

    /// A line above the rows that follow.
    pub fn section(&mut self, title: &str) {
        self.row(&format!("- {title}"), String::new(), String::new(), true);
    }

    /// A figure without a bound.
    pub fn fact(&mut self, label: &str, value: impl fmt::Display) {
        self.row(label, value.to_string(), String::new(), true);
    }

    /// A figure that must not exceed `most`; a figure that is missing does.
    pub fn at_most(&mut self, label: &str, value: Option<f64>, most: f64, unit: &str) {
        let holds = value.is_some_and(|value| value.abs() <= most);
        let shown = value.map_or("none".to_owned(), |value| format!("{} {unit}", rounded(value)));
        self.row(label, shown, format!("at most {} {unit}", rounded(most)), holds);
    }

    /// A figure that must reach `least`.
    pub fn at_least(&mut self, label: &str, value: f64, least: f64, unit: &str) {
        let bound = format!("at least {} {unit}", rounded(least));
        self.row(label, format!("{} {unit}", rounded(value)), bound, value >= least);
    }

    /// A count that must be zero.
    pub fn none_of(&mut self, label: &str, count: usize) {
        self.row(label, count.to_string(), "none".to_owned(), count == 0);
    }

    /// Something that must be so.
    pub fn claim(&mut self, label: &str, holds: bool) {
        let value = if holds { "yes" } else { "no" };
        self.row(label, value.to_owned(), "yes".to_owned(), holds);
    }

    fn row(&mut self, label: &str, value: String, bound: String, holds: bool) {
        self.rows.push(Row { label: label.to_owned(), value, bound, holds });
    }

    /// What it is about.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The labels of the rows whose bound does not hold.
    pub fn missed(&self) -> Vec<&str> {
        self.rows.iter().filter(|row| !row.holds).map(|row| row.label.as_str()).collect()
    }

    /// The table for a Markdown file.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n| | found | bound | |\n|---|--:|--:|---|\n", self.title);
        for row in &self.rows {
            let mark = if row.holds { "" } else { "**missed**" };
            text.push_str(&format!("| {} | {} | {} | {mark} |\n", row.label, row.value, row.bound));
        }
        text
    }

    /// Prints the table and fails if a bound does not hold.
    ///
    /// # Errors
    ///
    /// Names every row whose bound does not hold.
    pub fn conclude(self) -> Result<()> {
        println!("\n{self}");
        let missed = self.missed();
        if missed.is_empty() {
            return Ok(());
        }
        bail!("{}: out of bounds: {}", self.title, missed.join(", "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |text: fn(&Row) -> &str| {
            self.rows.iter().map(|row| text(row).chars().count()).max().unwrap_or(0)
        };
        let (label, value) = (widest(|row| &row.label), widest(|row| &row.value));
        writeln!(f, "{}", self.title)?;
        for row in &self.rows {
            let mark = if row.holds { "" } else { "  <-- missed" };
            let line =
                format!("  {:<label$}  {:>value$}  {:<22}{mark}", row.label, row.value, row.bound);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Three digits that matter are enough to judge by.
fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_out_of_bounds_or_missing_fails_the_report() {
        let judged = |value| {
            let mut report = Report::new("test");
            report.fact("a fact", "is no claim");
            report.at_most("error p99", value, 2.0, "ms");
            report.conclude().is_ok()
        };
        assert!(judged(Some(-1.9)));
        assert!(!judged(Some(-2.1)));
        assert!(!judged(None));
    }
}
