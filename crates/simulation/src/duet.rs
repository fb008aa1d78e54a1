//! Two devices play one song under one [`Profile`], by our rules and by other players'.
//!
//! Nothing but the time root joins the two, so each is played through on its own and the air
//! compares them afterwards. Every player gets the same clocks, the same network and the same
//! sound cards. Start at [`Duet::run`]; [`crate::report`] makes figures of it.

use protocol::time::Span;
use protocol::trace::{Trace, TraceHeader, TraceOutput};

use crate::card::Card;
use crate::crystal::TrueTime;
use crate::hearing::{Heard, Score};
use crate::member::{LEAD, Member, Played};
use crate::profile::{Clocks, Profile};
use crate::rivals::{self, Rival};
use crate::weather::Weather;

/// One run to be made.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The conditions.
    pub profile: Profile,
    /// What is left to chance.
    pub seed: u64,
    /// Time from joining to pressing play. (s)
    ///
    /// The harsh case is two seconds: the clocks' drift is hardly known then.
    pub waited: f64,
    /// Time from the start of the song to the end. (s)
    pub seconds: f64,
    /// Rate of the sound cards. (frames/s)
    ///
    /// Their stamps are as coarse as at 48 kHz whatever it is, so a lower rate measures the
    /// same in less time.
    pub rate: u32,
}

/// How long before play is pressed the sound cards are opened. (s)
const OPENED: f64 = 2.0;

/// What two devices of one player gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The player.
    pub name: &'static str,
    /// How much later than the first the second device is heard, one per moment. (s; none
    /// where either is silent)
    pub errors: Vec<Option<f64>>,
    /// Times either moved audibly.
    pub jumps: u32,
    /// Times either fell silent for want of data.
    pub gaps: u32,
}

/// What one run gave.
#[derive(Clone, Debug)]
pub struct Duet {
    /// When the song began. (true seconds)
    pub begun: f64,
    /// Our two devices.
    pub members: [Played; 2],
    /// Ours first, then other players, if asked for.
    pub outcomes: Vec<Outcome>,
}

/// Whether other players take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Ours alone.
    Alone,
    /// All players.
    Rivals,
}

impl Duet {
    /// Plays one run. `traced` devices write down every stamp.
    pub fn run(setting: &Setting, company: Company, traced: bool) -> Self {
        let Setting { profile, seed, waited, seconds, rate } = *setting;
        let end = waited + LEAD + seconds;
        let clocks = Clocks::new(&profile, seed, end + 10.0);
        let pressed = clocks.root.swarm(TrueTime::from_secs_f64(waited));
        let score = Score { root: &clocks.root, anchor: pressed + Span::from_secs_f64(LEAD) };
        let weather = |index: usize| {
            let seed = seed.wrapping_mul(2).wrapping_add(index as u64);
            Weather::new(profile.networks[index], seed, end)
        };
        let card = |index: usize| {
            let seed = seed.wrapping_mul(2).wrapping_add(index as u64) ^ 0xca4d;
            let card = Card::new(profile.backend, rate, clocks.cards[index].clone(), seed);
            (card.opened((waited - OPENED).max(0.0)), rate)
        };
        let members = [0, 1].map(|index| {
            let member = Member::new(
                [&clocks.devices[index], &clocks.root],
                weather(index),
                card(index),
                (score, waited),
            );
            let member = if traced { member.traced() } else { member };
            member.play(end)
        });
        let mut outcomes = vec![Outcome {
            name: "ours",
            errors: apart(&members[0].heard, &members[1].heard),
            jumps: members.iter().map(|played| played.report.jumps).sum(),
            gaps: members.iter().map(|played| played.report.gaps).sum(),
        }];
        let count = if company == Company::Rivals { rivals::all().len() } else { 0 };
        outcomes.extend((0..count).map(|which| {
            let mut rules = [rivals::all().swap_remove(which), rivals::all().swap_remove(which)];
            let played = [0, 1].map(|index| {
                let (clock, weather) = (&clocks.devices[index], weather(index));
                let rule = rules[index].as_mut();
                Rival::new(rule, (clock, &weather), card(index), score).play(end)
            });
            Outcome {
                name: rules[0].name(),
                errors: apart(&played[0].heard, &played[1].heard),
                jumps: played.iter().map(|played| played.seeks).sum(),
                gaps: 0,
            }
        }));
        Self { begun: score.begins(waited + LEAD), members, outcomes }
    }

    /// What one of our devices wrote down.
    pub fn trace(&self, device: usize, rate: u32) -> Trace {
        let output = TraceOutput { name: "simulated".into(), nominal_rate: rate };
        let records = self.members[device].records.clone();
        Trace { header: TraceHeader::new(env!("CARGO_PKG_VERSION"), output), records }
    }
}

/// How much later the second is heard, moment by moment.
fn apart(first: &Heard, second: &Heard) -> Vec<Option<f64>> {
    first
        .late
        .iter()
        .zip(&second.late)
        .map(|(first, second)| Some((*second)? - (*first)?))
        .collect()
}
