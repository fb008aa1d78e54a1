//! Who holds what, whether a song can start, and telling the others what this device holds.

use protocol::ids::{FileId, UserId};
use protocol::message::{FileAnnouncement, FileReadiness, PeerInfo};
use protocol::time::{LocalTime, Span};

/// Shortest time between two reports of what this device holds.
///
/// Four a second is as fast as a progress bar is read, and keeps a swarm of hundreds that
/// all fetch at once within the relay's means.
pub const REPORT_INTERVAL: Span = Span::from_millis(250);

/// How far a member is with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Holds nothing of it.
    Absent,
    /// Is fetching it, and can not start it yet.
    Arriving,
    /// Could start it at once.
    Playable,
}

/// How far `member` is with `file`.
pub fn progress(member: &PeerInfo, file: &FileId) -> Progress {
    match member.readiness.iter().find(|held| held.file_id == *file) {
        Some(held) if held.playable => Progress::Playable,
        Some(held) if held.held_bytes > 0 => Progress::Arriving,
        Some(_) | None => Progress::Absent,
    }
}

/// True when every member could start `file` at once.
pub fn everyone_can_play(members: &[PeerInfo], file: &FileId) -> bool {
    !members.is_empty() && missing(members, file).next().is_none()
}

/// True when every member holds all of `file`.
pub fn everyone_holds(members: &[PeerInfo], file: &FileAnnouncement) -> bool {
    members.iter().all(|member| {
        let held = member.readiness.iter().find(|held| held.file_id == file.file_id);
        held.is_some_and(|held| held.held_bytes >= file.size)
    })
}

/// Those who could not start `file` at once.
pub fn missing<'a>(
    members: &'a [PeerInfo],
    file: &'a FileId,
) -> impl Iterator<Item = &'a UserId> + use<'a> {
    members
        .iter()
        .filter(|member| progress(member, file) != Progress::Playable)
        .map(|member| &member.user_id)
}

/// True when waiting a moment before a start lets someone begin with the others.
///
/// Worth it only for members whose file is arriving: the first pieces come first, so they
/// will be able to start soon. Who holds nothing joins later, in time.
pub fn is_worth_waiting(members: &[PeerInfo], file: &FileId) -> bool {
    members.iter().any(|member| progress(member, file) == Progress::Arriving)
}

/// What this device holds, and what it has told the others of it.
#[derive(Clone, Debug, Default)]
pub struct HoldingsReport {
    holdings: Vec<FileReadiness>,
    told: Option<Vec<FileReadiness>>,
    not_before: Option<LocalTime>,
}

impl HoldingsReport {
    /// What this device holds now.
    pub fn holdings(&self) -> &[FileReadiness] {
        &self.holdings
    }

    /// Sets what this device holds; true if that is news.
    pub fn set(&mut self, holdings: Vec<FileReadiness>) -> bool {
        let is_news = self.holdings != holdings;
        self.holdings = holdings;
        is_news
    }

    /// Begins a new connection, whose relay knows that this device holds `known`.
    pub fn begin(&mut self, known: &[FileReadiness]) {
        self.told = Some(known.to_vec());
        self.not_before = None;
    }

    /// The connection is gone; nothing can be told.
    pub fn end(&mut self) {
        self.told = None;
    }

    /// What to tell at `now`, if anything.
    pub fn take_due(&mut self, now: LocalTime) -> Option<Vec<FileReadiness>> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        self.told = Some(self.holdings.clone());
        self.not_before = Some(now + REPORT_INTERVAL);
        Some(self.holdings.clone())
    }

    /// When there is something to tell; in the past if at once.
    pub fn due(&self) -> Option<LocalTime> {
        let told = self.told.as_ref()?;
        (*told != self.holdings).then(|| self.not_before.unwrap_or(LocalTime::from_nanos(i64::MIN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_those_whose_file_is_arriving_and_for_nobody_else() {
        let song = file(1);
        let [ready, arriving, absent] =
            [(9, true), (3, false), (0, false)].map(|(bytes, playable)| {
                let user_id = UserId::parse("m").expect("a plain id");
                let readiness = vec![holding(1, bytes, playable)];
                PeerInfo { readiness, ..PeerInfo::new(user_id, None) }
            });
        assert!(is_worth_waiting(&[ready.clone(), arriving.clone()], &song));
        assert!(!is_worth_waiting(&[ready.clone(), absent.clone()], &song));
        assert!(everyone_can_play(std::slice::from_ref(&ready), &song));
        assert!(!everyone_can_play(&[ready, arriving, absent], &song));
        assert!(!everyone_can_play(&[], &song), "nobody is not everyone");
    }

    #[test]
    fn holdings_are_told_at_once_and_then_four_times_a_second_at_most() {
        let mut report = HoldingsReport::default();
        report.set(vec![holding(1, 10, false)]);
        assert_eq!(report.due(), None, "there is nobody to tell");
        report.begin(&[]);
        let start = LocalTime::default();
        let mut told = 0;
        for millisecond in 0..1_000 {
            report.set(vec![holding(1, 10 + millisecond, false)]);
            let now = start + Span::from_millis(millisecond as i64);
            told += u32::from(report.take_due(now).is_some());
        }
        assert_eq!(told, 4);
        let later = start + Span::from_secs(1);
        let last = report.take_due(later).expect("the last state is always told");
        assert_eq!(last[0].held_bytes, 1_009);
        assert_eq!(report.due(), None);
    }

    #[test]
    fn what_the_relay_knows_already_is_not_told_again() {
        let mut report = HoldingsReport::default();
        report.set(vec![holding(1, 10, true)]);
        report.begin(&[holding(1, 10, true)]);
        assert_eq!(report.take_due(LocalTime::default()), None);
    }

    fn file(number: u8) -> FileId {
        FileId::parse(format!("{number:064x}")).expect("64 hex digits")
    }

    fn holding(number: u8, held_bytes: u64, playable: bool) -> FileReadiness {
        FileReadiness { file_id: file(number), held_bytes, playable }
    }
}
