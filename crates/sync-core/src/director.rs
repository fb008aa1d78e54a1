//! Who leads a swarm.
//!
//! The relay seats the director and tells the members; it is the only place where this is
//! decided, so its order of arrival settles every race. The rule in one line: whoever has
//! taken the seat leads, else the lowest user id among those who have not resigned.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ids::UserId;

/// The seat of one swarm's director. Seats nobody exactly when nobody is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectorSeat {
    members: BTreeMap<UserId, Standing>,
    taken_by: Option<UserId>,
    director: Option<UserId>,
    term: u64,
    /// The director of a swarm that another relay kept before, and by what right: expected back.
    awaited: Option<Claim>,
    /// Those who had resigned there and are not back yet.
    resigned_before: BTreeSet<UserId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Available,
    /// Does not lead again while anybody else can.
    Resigned,
}

/// Who leads after something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatChange {
    /// The director; none once the last member has left.
    pub director: Option<UserId>,
    /// Number of this directorship, one above the one before.
    pub term: u64,
    /// By what right.
    pub claim: Claim,
}

/// By what right a director leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Lowest user id of those who have not resigned.
    Lowest,
    /// Took the lead.
    Taken,
}

/// Why the seat stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatError {
    /// Only members can lead.
    #[error("not a member of this swarm")]
    NotMember,
    /// Only the director can resign.
    #[error("only the director can resign")]
    NotDirector,
    /// A lower user id is available.
    #[error("a member with a lower user id leads")]
    NotLowest,
    /// Someone took the lead, which outranks the lowest user id.
    #[error("another member has taken the lead")]
    TakenByOther,
}

impl DirectorSeat {
    /// An empty swarm.
    pub fn new() -> Self {
        Self::default()
    }

    /// The seat as another relay left it, of which `director` led by `claim`. It stays that
    /// member's until it is back, someone takes the lead, or [`Self::stop_waiting`].
    pub fn awaiting(
        director: UserId,
        claim: Claim,
        term: u64,
        resigned: impl IntoIterator<Item = UserId>,
    ) -> Self {
        Self {
            director: Some(director),
            term,
            awaited: Some(claim),
            resigned_before: resigned.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Who leads.
    pub fn director(&self) -> Option<&UserId> {
        self.director.as_ref()
    }

    /// True when `user` leads.
    pub fn is_director(&self, user: &UserId) -> bool {
        self.director.as_ref() == Some(user)
    }

    /// Number of the present directorship. Rises with every [`SeatChange`], never falls.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// By what right the director leads.
    pub fn claim(&self) -> Claim {
        let present = if self.taken_by.is_some() { Claim::Taken } else { Claim::Lowest };
        self.awaited.unwrap_or(present)
    }

    /// Everyone who is there.
    pub fn members(&self) -> impl Iterator<Item = &UserId> {
        self.members.keys()
    }

    /// Those who have resigned and do not lead again while anybody else can.
    pub fn resigned(&self) -> impl Iterator<Item = &UserId> {
        let present = self.members.iter().filter(|(_, standing)| **standing == Standing::Resigned);
        present.map(|(user, _)| user).chain(&self.resigned_before)
    }

    /// True while the seat is kept for a director who is not there.
    pub fn is_awaiting(&self) -> bool {
        self.awaited.is_some()
    }

    /// The director is not expected back any more.
    pub fn stop_waiting(&mut self) -> Option<SeatChange> {
        self.awaited = None;
        self.resigned_before.clear();
        self.reseat()
    }

    /// Terms from now on are above `floor`. None if they are already.
    pub fn raise_term(&mut self, floor: u64) -> Option<SeatChange> {
        (self.term < floor).then(|| {
            self.term = floor;
            SeatChange { director: self.director.clone(), term: floor, claim: self.claim() }
        })
    }

    /// A member came. One who is already here changes nothing.
    pub fn join(&mut self, user: UserId) -> Option<SeatChange> {
        let standing = match self.resigned_before.remove(&user) {
            true => Standing::Resigned,
            false => Standing::Available,
        };
        if self.is_director(&user)
            && let Some(claim) = self.awaited.take()
        {
            self.taken_by = (claim == Claim::Taken).then(|| user.clone());
        }
        self.members.entry(user).or_insert(standing);
        self.reseat()
    }

    /// A member went, and with it its claim and its resignation.
    pub fn leave(&mut self, user: &UserId) -> Option<SeatChange> {
        self.members.remove(user);
        if self.taken_by.as_ref() == Some(user) {
            self.taken_by = None;
        }
        self.reseat()
    }

    /// A member takes the lead. Always granted; of two who race, the later one leads.
    ///
    /// A director who led by the lowest user id and takes the lead begins a new term too:
    /// from then on no newcomer replaces it.
    ///
    /// # Errors
    ///
    /// [`SeatError::NotMember`].
    pub fn take(&mut self, user: &UserId) -> Result<Option<SeatChange>, SeatError> {
        *self.members.get_mut(user).ok_or(SeatError::NotMember)? = Standing::Available;
        if self.taken_by.as_ref() == Some(user) {
            return Ok(None);
        }
        self.awaited = None;
        self.taken_by = Some(user.clone());
        self.director = Some(user.clone());
        Ok(Some(self.begin_term()))
    }

    /// The director gives the lead to the lowest of the others. One who is alone keeps it,
    /// without the claim it may have taken.
    ///
    /// # Errors
    ///
    /// [`SeatError::NotMember`], [`SeatError::NotDirector`].
    pub fn resign(&mut self, user: &UserId) -> Result<Option<SeatChange>, SeatError> {
        if !self.members.contains_key(user) {
            return Err(SeatError::NotMember);
        }
        if !self.is_director(user) {
            return Err(SeatError::NotDirector);
        }
        let gave_up_claim = self.taken_by.take().is_some();
        self.members.insert(user.clone(), Standing::Resigned);
        // Once everyone has resigned, only the latest resignation still says anything.
        if self.lowest_available().is_none() && self.members.len() > 1 {
            for (member, standing) in &mut self.members {
                if member != user {
                    *standing = Standing::Available;
                }
            }
        }
        let reseated = self.reseat();
        Ok(reseated.or_else(|| gave_up_claim.then(|| self.begin_term())))
    }

    /// A member says that the lead is its own by the lowest user id. That withdraws an
    /// earlier resignation. None if it leads already.
    ///
    /// # Errors
    ///
    /// [`SeatError::NotMember`]; [`SeatError::TakenByOther`] and [`SeatError::NotLowest`]
    /// when the claim is wrong.
    pub fn assert(&mut self, user: &UserId) -> Result<Option<SeatChange>, SeatError> {
        if !self.members.contains_key(user) {
            return Err(SeatError::NotMember);
        }
        if self.is_director(user) {
            return Ok(None);
        }
        if self.taken_by.is_some() || self.awaited.is_some() {
            return Err(SeatError::TakenByOther);
        }
        if self.lowest_available().is_some_and(|lowest| lowest < user) {
            return Err(SeatError::NotLowest);
        }
        self.members.insert(user.clone(), Standing::Available);
        Ok(self.reseat())
    }

    fn lowest_available(&self) -> Option<&UserId> {
        self.members
            .iter()
            .find(|(_, standing)| **standing == Standing::Available)
            .map(|(user, _)| user)
    }

    /// Seats whom the rule names, and begins a term if that is someone else.
    fn reseat(&mut self) -> Option<SeatChange> {
        if self.awaited.is_some() {
            return None;
        }
        let rightful = self
            .taken_by
            .as_ref()
            .or_else(|| self.lowest_available())
            .or_else(|| self.members.keys().next())
            .cloned();
        if rightful == self.director {
            return None;
        }
        self.director = rightful;
        Some(self.begin_term())
    }

    fn begin_term(&mut self) -> SeatChange {
        self.term += 1;
        SeatChange { director: self.director.clone(), term: self.term, claim: self.claim() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_user_id_leads() {
        let seat = seat_of(&["mia", "zoe", "ada"]);
        assert_eq!(seat.director(), Some(&id("ada")));
        assert_eq!(seat.claim(), Claim::Lowest);
    }

    #[test]
    fn a_newcomer_with_a_higher_user_id_changes_nothing() {
        let mut seat = seat_of(&["ada"]);
        assert_eq!(seat.join(id("mia")), None);
    }

    #[test]
    fn a_newcomer_with_a_lower_user_id_does_not_replace_one_who_took_the_lead() {
        let mut seat = seat_of(&["mia", "zoe"]);
        seat.take(&id("zoe")).expect("zoe is a member");
        assert_eq!(seat.join(id("ada")), None);
        assert_eq!(seat.director(), Some(&id("zoe")));
    }

    #[test]
    fn of_two_who_take_the_lead_the_later_one_leads_under_a_later_term() {
        let mut seat = seat_of(&["ada", "mia", "zoe"]);
        let first = seat.take(&id("zoe")).expect("a member").expect("a change");
        let second = seat.take(&id("mia")).expect("a member").expect("a change");
        assert_eq!(second.director, Some(id("mia")));
        assert!(second.term > first.term, "{} does not follow {}", second.term, first.term);
        assert_eq!(seat.take(&id("mia")), Ok(None), "taking twice is one change");
    }

    #[test]
    fn when_the_director_leaves_the_lowest_of_the_others_leads() {
        let mut seat = seat_of(&["ada", "mia", "zoe"]);
        seat.take(&id("zoe")).expect("a member");
        let change = seat.leave(&id("zoe")).expect("a change");
        assert_eq!(change.director, Some(id("ada")));
        assert_eq!(change.claim, Claim::Lowest);
    }

    #[test]
    fn one_who_resigned_leads_again_only_when_nobody_else_is_left() {
        let mut seat = seat_of(&["ada", "mia", "zoe"]);
        seat.resign(&id("ada")).expect("ada leads");
        assert_eq!(seat.director(), Some(&id("mia")));
        seat.leave(&id("mia"));
        assert_eq!(seat.director(), Some(&id("zoe")), "ada had resigned");
        seat.leave(&id("zoe"));
        assert_eq!(seat.director(), Some(&id("ada")));
    }

    #[test]
    fn when_everyone_has_resigned_the_lead_goes_to_the_lowest_of_the_others() {
        let mut seat = seat_of(&["ada", "mia", "zoe"]);
        for (resigner, next) in [("ada", "mia"), ("mia", "zoe"), ("zoe", "ada"), ("ada", "mia")] {
            let change = seat.resign(&id(resigner)).expect("the director").expect("a change");
            assert_eq!(change.director, Some(id(next)), "after {resigner}");
        }
    }

    #[test]
    fn one_who_is_alone_keeps_the_lead_it_resigns() {
        let mut seat = seat_of(&["ada"]);
        assert_eq!(seat.resign(&id("ada")), Ok(None));
        seat.take(&id("ada")).expect("a member");
        let change = seat.resign(&id("ada")).expect("the director").expect("its claim is gone");
        assert_eq!((change.director, change.claim), (Some(id("ada")), Claim::Lowest));
    }

    #[test]
    fn asserting_withdraws_a_resignation() {
        let mut seat = seat_of(&["ada", "mia"]);
        seat.resign(&id("ada")).expect("ada leads");
        let change = seat.assert(&id("ada")).expect("ada is lowest").expect("a change");
        assert_eq!(change.director, Some(id("ada")));
        assert_eq!(seat.assert(&id("ada")), Ok(None), "it leads already");
    }

    #[test]
    fn the_seat_of_an_absent_director_is_kept_until_it_is_back() {
        for claim in [Claim::Lowest, Claim::Taken] {
            let mut seat = DirectorSeat::awaiting(id("mia"), claim, 7, [id("ada")]);
            assert_eq!(seat.join(id("zoe")), None, "mia is expected");
            assert_eq!(seat.assert(&id("zoe")), Err(SeatError::TakenByOther));
            assert_eq!(seat.join(id("mia")), None, "she led all the time");
            assert_eq!(seat.join(id("ada")), None, "ada had resigned, and mia may have taken it");
            assert_eq!((seat.director(), seat.term(), seat.claim()), (Some(&id("mia")), 7, claim));
            assert!(!seat.is_awaiting());
        }
    }

    #[test]
    fn who_takes_the_lead_does_not_wait_for_an_absent_director() {
        let mut seat = DirectorSeat::awaiting(id("ada"), Claim::Taken, 7, []);
        seat.join(id("mia"));
        let change = seat.take(&id("mia")).expect("a member").expect("a change");
        assert_eq!((change.director, change.term), (Some(id("mia")), 8));
        assert_eq!(seat.join(id("ada")), None);
    }

    #[test]
    fn an_absent_director_who_stays_away_is_replaced_by_the_lowest() {
        let mut seat = DirectorSeat::awaiting(id("ada"), Claim::Taken, 7, []);
        seat.join(id("zoe"));
        seat.join(id("mia"));
        let change = seat.stop_waiting().expect("a change");
        assert_eq!((change.director, change.term), (Some(id("mia")), 8));
        assert_eq!(change.claim, Claim::Lowest);
    }

    #[test]
    fn a_wrong_claim_is_refused_with_its_reason() {
        let mut seat = seat_of(&["ada", "mia", "zoe"]);
        assert_eq!(seat.assert(&id("mia")), Err(SeatError::NotLowest));
        seat.take(&id("zoe")).expect("a member");
        assert_eq!(seat.assert(&id("ada")), Err(SeatError::TakenByOther));
        assert_eq!(seat.resign(&id("ada")), Err(SeatError::NotDirector));
        assert_eq!(seat.take(&id("eve")), Err(SeatError::NotMember));
    }

    #[test]
    fn whatever_happens_a_swarm_with_members_has_one_director_and_terms_only_rise() {
        use rand::{RngExt, SeedableRng};
        for seed in 0..200 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let mut seat = DirectorSeat::new();
            for step in 0..300 {
                let user = id(["ada", "eve", "mia", "zoe"][rng.random_range(0..4)]);
                let before = seat.clone();
                let change = match rng.random_range(0..5) {
                    0 => seat.join(user),
                    1 => seat.leave(&user),
                    2 => seat.take(&user).unwrap_or(None),
                    3 => seat.resign(&user).unwrap_or(None),
                    _ => seat.assert(&user).unwrap_or(None),
                };
                let law = format!("seed {seed}, step {step}");
                assert_eq!(seat.director.is_some(), !seat.members.is_empty(), "{law}");
                assert!(seat.director.iter().all(|d| seat.members.contains_key(d)), "{law}");
                match change {
                    Some(change) => assert_eq!(change.term, before.term + 1, "{law}"),
                    None => assert_eq!(
                        (seat.term, &seat.director),
                        (before.term, &before.director),
                        "{law}"
                    ),
                }
            }
        }
    }

    fn seat_of(users: &[&str]) -> DirectorSeat {
        let mut seat = DirectorSeat::new();
        for user in users {
            seat.join(id(user));
        }
        seat
    }

    fn id(text: &str) -> UserId {
        UserId::parse(text).expect("a plain user id")
    }
}
