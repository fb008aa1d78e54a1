//! Who carries the relay of a party that is hosted inside an app, when the device that does goes.
//!
//! Three rules, each computed alike by everyone who knows the same, and none of them does I/O:
//!
//! - [`order`]: at whose doors a member whose connection broke knocks, one after the other: the
//!   carrier it had, then everyone whose app could carry the party, lowest id first, its own
//!   among them. Whoever comes to its own door has found nobody ahead of it.
//! - [`Vigil`]: when one who stands at its own door takes the party over: as soon as somebody else
//!   knocks there, because two have then found the carrier gone; alone only after some time,
//!   because a device whose network fails for a moment must not split a party.
//! - [`Standing`]: which of two carriers of one swarm stays when they meet again, after the network
//!   was cut in two or a host came back. See [`Standing::outranks`] for why it ends with one.
//!
//! [`Lookout`] paces the search of a carrier for another one. The sockets are the shell's matter.

use protocol::ids::UserId;
use protocol::time::{LocalTime, Span};

/// How long a member stands at its own door before it carries the party without anyone who asked
/// for it. A radio that lost its network has it back by then, and a person who presses a button
/// hardly has.
pub const LONE_PATIENCE: Span = Span::from_secs(2);

/// How long a knock counts: as long as one who knocks waits at a door.
const KNOCK_LIFE: Span = Span::from_millis(1_500);

/// Shortest and longest time between two looks for another carrier. At first, and after anyone came
/// or went, soon: two halves are then likely to meet again. Each look costs a connection to each
/// address known.
const FIRST_LOOK: Span = Span::from_secs(1);
const LAST_LOOK: Span = Span::from_secs(30);

/// How one who carries a swarm stands towards another one who does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Counts those who have carried the swarm and were followed, up to this one or, until this
    /// one is followed, up to the one before.
    pub epoch: u64,
    /// True once any other member has met here.
    pub is_followed: bool,
    /// Whose app it is.
    pub carrier: UserId,
}

impl Standing {
    /// One who begins to carry what was carried `epoch` times before.
    pub fn new(epoch: u64, carrier: UserId) -> Self {
        Self { epoch, is_followed: false, carrier }
    }

    /// Another member meets here. True if this is the first one, which raises the epoch.
    pub fn followed(&mut self) -> bool {
        let is_first = !std::mem::replace(&mut self.is_followed, true);
        self.epoch += u64::from(is_first);
        is_first
    }

    /// True if this one stays when the two meet, and the other one's members come to it.
    ///
    /// The higher epoch stays, for most members are likely to have followed it; in one epoch the
    /// one that was followed, so that a member which was cut off alone comes back; then the lower
    /// id. Numbers of members are no part of it, although more should rather stay: they fall, and
    /// then two could give way to each other at the same moment. What counts here only ever rises
    /// while somebody carries. So if one gives way to what another said, that one's rank is still
    /// above, and it can not have given way to less.
    pub fn outranks(&self, other: &Self) -> bool {
        let by_rank = (self.epoch, self.is_followed).cmp(&(other.epoch, other.is_followed));
        by_rank.then(other.carrier.cmp(&self.carrier)).is_gt()
    }
}

/// The doors at which a member knocks that has lost `carrier`, of all `able` to carry the party.
pub fn order<'a>(
    carrier: Option<&'a UserId>,
    able: impl IntoIterator<Item = &'a UserId>,
) -> Vec<&'a UserId> {
    let mut heirs: Vec<_> = able.into_iter().filter(|id| Some(*id) != carrier).collect();
    heirs.sort();
    heirs.dedup();
    carrier.into_iter().chain(heirs).collect()
}

/// A member's wait at its own door.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vigil {
    /// Since when this member stands there itself.
    since: Option<LocalTime>,
    /// When another one knocked last.
    knocked: Option<LocalTime>,
}

impl Vigil {
    /// This member has found nobody ahead of it.
    pub fn begin(&mut self, now: LocalTime) {
        self.since.get_or_insert(now);
    }

    /// Another member knocks here.
    pub fn knock(&mut self, now: LocalTime) {
        self.knocked = Some(now);
    }

    /// This member is with a carrier again, or has become one.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// True if this member is to carry the party from now on.
    pub fn is_over(&self, now: LocalTime) -> bool {
        let is_asked = self.knocked.is_some_and(|at| now - at <= KNOCK_LIFE);
        self.since.is_some_and(|since| is_asked || now - since >= LONE_PATIENCE)
    }

    /// When that is to be looked at again; none while only a knock can change it.
    pub fn due(&self) -> Option<LocalTime> {
        self.since.map(|since| since + LONE_PATIENCE)
    }
}

/// When one who carries a swarm looks for another one who does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lookout {
    next: Option<LocalTime>,
    pause: Span,
}

impl Lookout {
    /// Somebody came, went, or was seen on the network.
    pub fn news(&mut self, now: LocalTime) {
        self.pause = FIRST_LOOK;
        let soon = now + FIRST_LOOK;
        self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
    }

    /// Nothing is carried any more.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// When to look next.
    pub fn due(&self) -> Option<LocalTime> {
        self.next
    }

    /// True if a look is due; the next one comes later.
    pub fn take_due(&mut self, now: LocalTime) -> bool {
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due {
            self.next = Some(now + self.pause);
            self.pause = (self.pause + self.pause).min(LAST_LOOK);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_know_the_same_knock_at_the_same_doors() {
        let [ada, leo, mia] = ["ada", "leo", "mia"].map(id);
        assert_eq!(order(Some(&mia), [&mia, &leo, &ada]), [&mia, &ada, &leo]);
        assert_eq!(order(Some(&mia), [&leo, &ada, &leo]), [&mia, &ada, &leo]);
        assert_eq!(order(None, [&leo, &ada]), [&ada, &leo]);
    }

    #[test]
    fn one_alone_waits_and_one_who_is_knocked_for_does_not() {
        let mut vigil = Vigil::default();
        vigil.knock(at(0));
        assert!(!vigil.is_over(at(0)), "its own connection holds, or others come first");
        vigil.begin(at(1_000));
        assert!(vigil.is_over(at(1_000)), "the knock still waits");
        vigil.end();
        vigil.begin(at(5_000));
        assert!(!vigil.is_over(at(6_999)) && vigil.is_over(at(7_000)));
        assert_eq!(vigil.due(), Some(at(7_000)));
    }

    #[test]
    fn a_carriage_counts_once_somebody_follows_it() {
        let mut alone = Standing::new(4, id("ada"));
        let mut carrier = Standing::new(3, id("mia"));
        assert!(carrier.followed() && !carrier.followed());
        assert_eq!(carrier.epoch, 4);
        assert!(carrier.outranks(&alone), "one who was cut off alone comes back");
        assert!(alone.followed());
        assert!(alone.outranks(&carrier), "two who found it gone have another one");
        assert!(!alone.outranks(&alone.clone()), "nobody gives way to itself");
    }

    #[test]
    fn looks_become_rare_until_there_is_news() {
        let mut lookout = Lookout::default();
        assert_eq!(lookout.due(), None);
        lookout.news(at(0));
        let looks = (0..120).filter(|second| lookout.take_due(at(1_000 * second))).count();
        assert_eq!(looks, 8, "after 1, 2, 4, 8, 16, 32, 62 and 92 seconds");
        lookout.news(at(120_000));
        assert_eq!(lookout.due(), Some(at(121_000)));
    }

    fn at(millis: i64) -> LocalTime {
        LocalTime::default() + Span::from_millis(millis)
    }

    fn id(text: &str) -> UserId {
        UserId::parse(text).expect("a plain id")
    }
}
