//! What one connection may say: how often each kind of message, and when it is a flood.
//!
//! Sans-IO: what was read and the time go in.

use protocol::message::DecodeError;
use protocol::{ClientMessage, ErrorCode, ServerMessage, Span, SwarmTime};
use sync_core::rate::TokenBucket;

use crate::limits::Limits;
use crate::room::Refusal;

/// What is left for one member.
pub(crate) struct Budget {
    messages: TokenBucket<SwarmTime>,
    time_pings: TokenBucket<SwarmTime>,
    director_takes: TokenBucket<SwarmTime>,
    joins: TokenBucket<SwarmTime>,
    file_announces: TokenBucket<SwarmTime>,
    complained: Option<SwarmTime>,
}

impl Budget {
    /// The whole of it.
    pub(crate) fn new(limits: &Limits, now: SwarmTime) -> Self {
        Self {
            messages: TokenBucket::new(limits.messages, now),
            time_pings: TokenBucket::new(limits.time_pings, now),
            director_takes: TokenBucket::new(limits.director_takes, now),
            joins: TokenBucket::new(limits.joins, now),
            file_announces: TokenBucket::new(limits.file_announces, now),
            complained: None,
        }
    }

    /// Takes what was read out of the budget; false if it is one too many. Time pings have a
    /// budget of their own, so that a busy member keeps its clock; what can not be read counts
    /// like any message.
    pub(crate) fn admits(
        &mut self,
        now: SwarmTime,
        read: &Result<ClientMessage, DecodeError>,
    ) -> bool {
        let special = match read {
            Ok(ClientMessage::TimePing { .. }) => return self.time_pings.admits(now),
            Ok(ClientMessage::DirectorTake { .. }) => Some(&mut self.director_takes),
            Ok(ClientMessage::Join { .. } | ClientMessage::CarrierAsk { .. }) => {
                Some(&mut self.joins)
            }
            Ok(ClientMessage::FileAnnounce(_)) => Some(&mut self.file_announces),
            _ => None,
        };
        self.messages.admits(now) && special.is_none_or(|bucket| bucket.admits(now))
    }

    /// What to say to one who has spoken too often: at most one complaint a second, or the
    /// answer to a flood would be a flood.
    pub(crate) fn complaint(&mut self, now: SwarmTime) -> Option<ServerMessage> {
        let quiet = self.complained.is_none_or(|last| now - last >= Span::from_secs(1));
        quiet.then(|| {
            self.complained = Some(now);
            Refusal {
                code: ErrorCode::RateLimited,
                message: "too many messages; some were dropped",
            }
            .reply()
        })
    }
}

/// Tells a flood from a burst: more than so many frames in each of so many seconds in a row.
#[derive(Clone, Debug)]
pub(crate) struct FloodWatch {
    most_per_second: f64,
    seconds: u32,
    /// When the present second began, and what came in it.
    began: SwarmTime,
    frames: f64,
    /// Seconds in a row, up to the present one, in which there were more.
    in_a_row: u32,
}

impl FloodWatch {
    /// Nothing has come yet.
    pub(crate) fn new(limits: &Limits, now: SwarmTime) -> Self {
        Self {
            most_per_second: limits.flood_times * limits.messages.per_second,
            seconds: limits.flood_seconds,
            began: now,
            frames: 0.0,
            in_a_row: 0,
        }
    }

    /// Counts a frame. True once it is a flood.
    pub(crate) fn floods(&mut self, now: SwarmTime) -> bool {
        let passed = now - self.began;
        if passed >= Span::from_secs(1) {
            let was_too_much = self.frames > self.most_per_second;
            // A second in which nothing came is none in a row.
            let is_next = passed < Span::from_secs(2);
            self.in_a_row = if was_too_much && is_next { self.in_a_row + 1 } else { 0 };
            self.began = if is_next { self.began + Span::from_secs(1) } else { now };
            self.frames = 0.0;
        }
        self.frames += 1.0;
        self.in_a_row >= self.seconds
    }
}

#[cfg(test)]
mod tests {
    use protocol::UserId;
    use protocol::time::Millis;

    use super::*;

    const NOW: SwarmTime = SwarmTime::from_nanos(1_795_342_400_000_000_000);

    #[test]
    fn each_kind_of_message_has_its_bound_and_refills() {
        let join = r#"{"type":"join","swarmHash":"0000000000000000000000000000000000000000000000000000000000000000","userId":"ada"}"#;
        let file = r#"{"type":"file:announce","fileId":"0000000000000000000000000000000000000000000000000000000000000000","name":"a","size":1,"infoHash":"0000000000000000000000000000000000000000","magnet":"magnet:?x"}"#;
        for (text, at_once, pause) in [
            (r#"{"type":"stop"}"#, 100, Span::from_millis(20)),
            (r#"{"type":"timePing","t0":1}"#, 100, Span::from_millis(20)),
            (r#"{"type":"director:take","userId":"ada"}"#, 2, Span::from_secs(2)),
            (join, 4, Span::from_millis(500)),
            (file, 60, Span::from_millis(100)),
            ("hello", 100, Span::from_millis(20)),
        ] {
            let read = ClientMessage::decode(text);
            let mut budget = Budget::new(&Limits::default(), NOW);
            let admitted = (0..1_000).take_while(|_| budget.admits(NOW, &read)).count();
            assert_eq!(admitted, at_once, "{text:.40}");
            assert!(
                !budget.admits(NOW + pause - Span::from_millis(1), &read),
                "{text:.40}: too soon"
            );
            // What was refused may have taken from the budget for all messages.
            let mut budget = Budget::new(&Limits::default(), NOW);
            assert!((0..at_once).all(|_| budget.admits(NOW, &read)));
            assert!(budget.admits(NOW + pause, &read), "{text:.40}: it refills");
        }
    }

    #[test]
    fn a_member_that_talks_too_much_keeps_its_clock() {
        let mut budget = Budget::new(&Limits::default(), NOW);
        let stop = Ok(ClientMessage::Stop);
        assert_eq!((0..200).filter(|_| budget.admits(NOW, &stop)).count(), 100);
        assert!(!budget.admits(NOW, &stop));
        assert!(budget.admits(NOW, &Ok(ClientMessage::TimePing { t0: Millis::default() })));
        let user_id = UserId::parse("ada").expect("a plain user id");
        let take = Ok(ClientMessage::DirectorTake { user_id });
        assert!(!budget.admits(NOW, &take), "all but time pings count together");
    }

    #[test]
    fn complaints_come_once_a_second() {
        let mut budget = Budget::new(&Limits::default(), NOW);
        assert!(budget.complaint(NOW).is_some());
        assert!(budget.complaint(NOW + Span::from_millis(999)).is_none());
        assert!(budget.complaint(NOW + Span::from_secs(1)).is_some());
    }

    #[test]
    fn ten_times_the_rate_for_five_seconds_is_a_flood_and_not_one_frame_less() {
        assert_eq!(flood_after(500, 60), None, "ten times the rate, for a minute");
        let after = flood_after(501, 60).expect("a flood");
        assert_eq!(after, 5, "seconds");
        assert_eq!(flood_after(100_000, 60), Some(5), "however fast");
    }

    #[test]
    fn a_burst_every_now_and_then_is_no_flood() {
        let mut watch = watch();
        for burst in 0..20 {
            // Four seconds of far too much, then a quiet one.
            for frame in 0..4 * 600 {
                let now = NOW + Span::from_secs(5 * burst) + Span::from_micros(frame * 1_666);
                assert!(!watch.floods(now), "burst {burst}");
            }
        }
    }

    #[test]
    fn a_burst_of_any_size_within_a_second_is_no_flood() {
        let mut watch = watch();
        assert!((0..100_000).all(|_| !watch.floods(NOW)));
        assert!(!watch.floods(NOW + Span::from_secs(30)));
    }

    /// After how many seconds of so many frames each it is a flood.
    fn flood_after(per_second: i64, seconds: i64) -> Option<i64> {
        let mut watch = watch();
        (0..seconds * per_second)
            .map(|frame| Span::from_nanos(frame * 1_000_000_000 / per_second))
            .find(|after| watch.floods(NOW + *after))
            .map(|after| after.as_nanos() / 1_000_000_000)
    }

    fn watch() -> FloodWatch {
        FloodWatch::new(&Limits::default(), NOW)
    }
}
