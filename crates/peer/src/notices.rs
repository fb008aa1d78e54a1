//! The status log: the last things that happened, for people.

use std::collections::VecDeque;

use protocol::host::{LogLevel, LogLine, Notice, NoticeCode};

/// Lines kept. Enough to scroll back through an evening's troubles; 10 kB in each view.
const KEPT: usize = 100;

/// The last hundred notices, numbered.
#[derive(Debug, Default)]
pub struct Notices {
    lines: VecDeque<LogLine>,
    last: u32,
}

impl Notices {
    /// Adds a line. A line that repeats the newest one is not added again.
    pub fn add(&mut self, level: LogLevel, code: NoticeCode, detail: impl Into<String>) {
        let notice = Notice { code, detail: detail.into() };
        if self.lines.back().is_some_and(|newest| newest.notice == notice) {
            return;
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.last += 1;
        self.lines.push_back(LogLine { number: self.last, level, notice });
    }

    /// Oldest first.
    pub fn lines(&self) -> Vec<LogLine> {
        self.lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_line_leaves_and_repeats_are_told_once() {
        let mut notices = Notices::default();
        for number in 0..150 {
            notices.add(LogLevel::Info, NoticeCode::FileAdded, number.to_string());
            notices.add(LogLevel::Info, NoticeCode::FileAdded, number.to_string());
        }
        let lines = notices.lines();
        assert_eq!(lines.len(), KEPT);
        assert_eq!((lines[0].number, lines[KEPT - 1].number), (51, 150));
    }
}
