//! A party survives its host: this app carries the party's relay, or stands by to do so.
//!
//! The rules are `sync_core::succession`; the way from door to door is `route` and `link`; the relay
//! is `hosting`. Here they meet: what happens at the door of this app's relay, when it takes the
//! party over with what this member remembers of it, and when it gives way to another app.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use audio_engine::MonotonicClock;
use protocol::datagram::DatagramKey;
use protocol::host::{LogLevel, NoticeCode};
use protocol::limits::{MAX_ADDRESSES, MAX_MEMBERS};
use protocol::{LocalTime, Span, Standby, UserId};
use relay_server::{Course, Knock, PartyPlace};
use sync_core::ClockEstimate;
use sync_core::session::Input;
use sync_core::succession::{Lookout, Standing, Vigil, order};

use crate::actor::Peer;
use crate::address::RelayAddress;
use crate::hosting::Hosting;
use crate::rival::{Question, Rival, look};
use crate::route::Door;
use crate::swarm::Swarm;

/// Addresses asked in one look for another carrier. More than a household has devices.
const MOST_LOOKED_AT: usize = 32;

/// How long a party may be without a relay before people are told: longer than another app takes
/// to carry it.
const TOLD_AFTER: Span = Span::from_secs(3);

/// Phones stand by for nobody: their systems stop apps in a pocket.
const STANDS_BY: bool = !cfg!(any(target_os = "android", target_os = "ios"));

/// This app's part in who carries its party.
#[derive(Default)]
pub(crate) struct Succession {
    /// Carries the party, or stands by; none at a relay that stands alone.
    hosting: Option<Hosting>,
    vigil: Vigil,
    lookout: Lookout,
    /// A look for another carrier, while one is under way.
    look: Option<Pin<Box<dyn Future<Output = Vec<Rival>> + Send>>>,
    /// Where relays of members can be reached, those included who are not here any more.
    /// [`MAX_MEMBERS`] at most.
    known: BTreeMap<UserId, Standby>,
    /// The party is without a relay.
    lost: Option<Loss>,
    /// A relay sent this member on: the one that did so is still there.
    is_sent_on: bool,
}

/// A party without a relay.
struct Loss {
    since: LocalTime,
    /// In technical words.
    reason: String,
    /// People know of it.
    is_told: bool,
}

/// What happens about it.
pub(crate) enum Affair {
    /// At this app's door.
    Knock(Knock),
    /// A look for other carriers has ended.
    Looked(Vec<Rival>),
}

impl Succession {
    /// The relay here, while it carries the party.
    pub(crate) fn hosting(&self) -> Option<&Hosting> {
        self.hosting.as_ref().filter(|hosting| hosting.carries())
    }

    /// Where the relay here can be reached; on this computer too if the others may be `here`.
    pub(crate) fn addresses(&self, here: bool) -> Vec<SocketAddr> {
        self.hosting.as_ref().map_or_else(Vec::new, |hosting| hosting.addresses(here))
    }

    /// The relay here carries the party.
    pub(crate) fn host(&mut self, hosting: Hosting) {
        hosting.carrying().carry(None, None);
        self.hosting = Some(hosting);
    }

    /// Looks up under which addresses others reach a relay carried here. True if they changed.
    pub(crate) fn refresh_invites(&mut self) -> bool {
        self.hosting.as_mut().is_some_and(Hosting::refresh_invites)
    }

    /// Ends the relay here.
    pub(crate) async fn end(self) {
        if let Some(hosting) = self.hosting {
            hosting.stop().await;
        }
    }

    /// The next thing that happens; waits for ever if that is nothing.
    pub(crate) async fn next(&mut self) -> Affair {
        let Self { hosting, look, .. } = self;
        let knock = async {
            match hosting {
                Some(hosting) => hosting.next_knock().await,
                None => pending().await,
            }
        };
        let looked = async {
            match look {
                Some(look) => look.await,
                None => pending().await,
            }
        };
        tokio::select! {
            knock = knock => Affair::Knock(knock),
            rivals = looked => Affair::Looked(rivals),
        }
    }

    /// When [`Peer::carry_on`] is wanted.
    pub(crate) fn due(&self) -> Option<LocalTime> {
        // One look at a time.
        let look = self.lookout.due().filter(|_| self.look.is_none());
        self.vigil.due().into_iter().chain(look).min()
    }

    /// The connection to the relay is gone, or leads elsewhere from now on. Those at this app's
    /// door wait until it is known where the party goes on.
    pub(crate) fn lost(&mut self, since: LocalTime, reason: String) {
        self.lost.get_or_insert(Loss { since, reason, is_told: false });
        self.send_to(None);
    }

    /// True while the party is without a relay and nobody was told.
    pub(crate) fn is_unnoticed(&self) -> bool {
        self.lost.as_ref().map_or(self.is_sent_on, |loss| !loss.is_told)
    }

    /// A relay sent this member on.
    pub(crate) fn sent_on(&mut self) {
        self.is_sent_on = true;
        self.send_to(None);
    }

    fn send_to(&self, url: Option<String>) {
        if let Some(hosting) = &self.hosting {
            hosting.carrying().refer_to(url);
        }
    }

    /// Takes note of where a member's relay can be reached. True if that is news.
    fn learn(&mut self, key: &DatagramKey, user_id: &UserId, standby: &Standby) -> bool {
        let is_known = self.known.get(user_id) == Some(standby);
        let has_room = self.known.len() < MAX_MEMBERS || self.known.contains_key(user_id);
        if is_known || !has_room || !key.made_standby(user_id, standby) {
            return false;
        }
        self.known.insert(user_id.clone(), standby.clone());
        true
    }
}

impl Peer {
    /// The relay let this member in, which knew `before` as the carrier, by that name.
    pub(crate) async fn met(&mut self, before: Option<(UserId, String)>) {
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        let succession = &mut swarm.succession;
        let was_silent = succession.lost.take().is_some();
        let is_sent_on = std::mem::take(&mut succession.is_sent_on);
        succession.vigil.end();
        let Some(carrier) = swarm.session.carrier().cloned() else {
            // A relay that stands alone needs nobody to stand by.
            let idle = succession.hosting.take_if(|hosting| !hosting.carries());
            if let Some(hosting) = idle {
                hosting.stop().await;
            }
            return;
        };
        let is_mine = carrier == self.user_id;
        swarm.arrive();
        if !is_mine {
            self.stand_by().await;
        } else if let Some(swarm) = &mut self.swarm {
            swarm.succession.lookout.news(now);
        }
        self.tell_reach();
        self.set_doors();
        let Some((former, name)) = before.filter(|(former, _)| *former != carrier) else {
            return;
        };
        let Some(swarm) = &self.swarm else { return };
        let is_back = swarm.session.members().iter().any(|member| member.user_id == former);
        let carrier_name = swarm.session.name_of(&carrier);
        if was_silent && !is_sent_on && !is_back && former != self.user_id {
            self.tell(LogLevel::Info, NoticeCode::MemberLeft, name);
        }
        let code = if is_mine { NoticeCode::YouCarry } else { NoticeCode::CarrierChanged };
        self.tell(LogLevel::Info, code, carrier_name);
    }

    /// Gets a relay ready here that carries the party should the present carrier go.
    async fn stand_by(&mut self) {
        let place = self.party_place();
        let Some(swarm) = &mut self.swarm else { return };
        if swarm.succession.hosting.is_none() && STANDS_BY {
            match Hosting::stand_by(place).await {
                Ok(hosting) => swarm.succession.hosting = Some(hosting),
                // Others may.
                Err(error) => tracing::warn!(%error, "this app can not stand by for its party"),
            }
        }
        let url = swarm.carrier_url();
        swarm.succession.send_to(url);
    }

    /// Which party a relay here is for.
    pub(crate) fn party_place(&self) -> PartyPlace {
        let swarm = self.swarm.as_ref().expect("a relay is started for a party");
        PartyPlace {
            swarm: swarm.hash.clone(),
            key: DatagramKey::of_swarm(&swarm.key),
            carrier: self.user_id.clone(),
        }
    }

    /// Something about who carries the party.
    pub(crate) fn affair(&mut self, affair: Affair) {
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        let succession = &mut swarm.succession;
        match affair {
            Affair::Knock(Knock::Waits(user_id)) => {
                if user_id == self.user_id {
                    succession.vigil.begin(now);
                } else {
                    succession.vigil.knock(now);
                }
            }
            Affair::Knock(Knock::Asks { user_id, standby }) => {
                let key = DatagramKey::of_swarm(&swarm.key);
                if standby.is_some_and(|standby| succession.learn(&key, &user_id, &standby)) {
                    succession.lookout.news(now);
                }
            }
            Affair::Looked(rivals) => {
                succession.look = None;
                self.compare(rivals);
            }
        }
        self.carry_on();
    }

    /// Does what is due about who carries the party.
    pub(crate) fn carry_on(&mut self) {
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        if swarm.session.is_online() {
            swarm.succession.vigil.end();
        } else if swarm.succession.vigil.is_over(now) {
            self.take_over(now);
        }
        self.look_for_others(now);
    }

    /// The party is carried here from now on, by what this member remembers of it.
    fn take_over(&mut self, now: LocalTime) {
        let Some(swarm) = &mut self.swarm else { return };
        let succession = &mut swarm.succession;
        succession.vigil.end();
        let Some(hosting) = &succession.hosting else { return };
        let lost = swarm.session.carrier().filter(|carrier| **carrier != self.user_id);
        let legacy = swarm.session.legacy(lost);
        let estimate = legacy.clock.as_ref().map(|(_, estimate)| *estimate);
        let course = estimate.map(|estimate| course_of(&estimate, &self.clock, now));
        tracing::info!(epoch = legacy.epoch, "this app carries the party from now on");
        hosting.carrying().carry(Some(legacy), course);
        succession.lookout.news(now);
        self.announce_party();
    }

    /// Tells the network of the party carried here.
    pub(crate) fn announce_party(&mut self) {
        let Some(swarm) = &self.swarm else { return };
        let Some(hosting) = swarm.succession.hosting() else { return };
        let mark = DatagramKey::of_swarm(&swarm.key).party_mark(hosting.id());
        let alias = &self.settings.current().alias;
        self.nearby.announce(hosting.id(), alias, hosting.port(), &mark);
    }

    /// Looks whether another app carries the same swarm, if this one does and it is time to.
    fn look_for_others(&mut self, now: LocalTime) {
        let Some(swarm) = &mut self.swarm else { return };
        let Some(hosting) = swarm.succession.hosting() else {
            swarm.succession.lookout.end();
            return;
        };
        let key = DatagramKey::of_swarm(&swarm.key);
        let own = (hosting.id().to_owned(), hosting.addresses(swarm.is_relay_here()));
        let succession = &mut swarm.succession;
        if succession.look.is_some() || !succession.lookout.take_due(now) {
            return;
        }
        let here: Vec<&UserId> =
            swarm.session.members().iter().map(|member| &member.user_id).collect();
        let away = succession.known.iter().filter(|(user_id, _)| !here.contains(user_id));
        let of_members = away.flat_map(|(_, standby)| addresses_of(standby, true));
        let seen = self.nearby.carriers_of(&key);
        let addresses: Vec<RelayAddress> = seen.chain(of_members).take(MOST_LOOKED_AT).collect();
        if addresses.is_empty() {
            return;
        }
        let standby = Some(key.standby(&self.user_id, own.1));
        let (hash, user_id) = (swarm.hash.clone(), self.user_id.clone());
        let question = Question { swarm: hash, key, user_id, standby };
        succession.look = Some(Box::pin(look(question, addresses)));
    }

    /// Gives way to another app that carries the same swarm, if it stands higher.
    fn compare(&mut self, rivals: Vec<Rival>) {
        let Some(swarm) = &mut self.swarm else { return };
        let Some(hosting) = swarm.succession.hosting() else { return };
        let Some(own) = hosting.carrying().standing() else { return };
        let higher = rivals.into_iter().filter(|rival| rival.standing.outranks(&own));
        // Any of them would do; the highest saves the others a move.
        let highest = higher.reduce(|a, b| if b.standing.outranks(&a.standing) { b } else { a });
        let Some(Rival { address, standing: Standing { epoch, .. } }) = highest else { return };
        tracing::info!(epoch, "another app carries this party; its members go there");
        hosting.carrying().give_way(address.to_string(), epoch);
        self.nearby.withdraw();
    }

    /// Tells the link at whose doors to knock should the carrier be gone.
    pub(crate) fn set_doors(&mut self) {
        let Some(swarm) = &mut self.swarm else { return };
        let key = DatagramKey::of_swarm(&swarm.key);
        let is_here = swarm.is_relay_here();
        let members = swarm.session.members();
        for member in members.iter().filter(|member| member.user_id != self.user_id) {
            if let Some(standby) = &member.standby {
                swarm.succession.learn(&key, &member.user_id, standby);
            }
        }
        let Succession { hosting, known, .. } = &swarm.succession;
        let present = members.iter().filter_map(|member| known.get_key_value(&member.user_id));
        let cards: BTreeMap<&UserId, &Standby> = present.collect();
        let own = hosting.as_ref().map(|hosting| (&self.user_id, hosting.own_address()));
        let able = cards.keys().copied().chain(own.iter().map(|(user_id, _)| *user_id));
        let carrier = swarm.session.carrier();
        let doors = order(carrier, able).into_iter().filter_map(|user_id| match &own {
            Some((me, address)) if *me == user_id => {
                Some(Door { addresses: vec![address.clone()], is_own: true })
            }
            _ => Some(Door {
                addresses: addresses_of(cards.get(user_id)?, is_here).collect(),
                is_own: false,
            }),
        });
        let seen = self.nearby.carriers_of(&key);
        let seen = seen.map(|address| Door { addresses: vec![address], is_own: false });
        let doors = doors.chain(seen).filter(|door| !door.addresses.is_empty());
        let doors = doors.take(MAX_MEMBERS + MAX_ADDRESSES).collect();
        swarm.set_doors(doors);
    }

    /// Another party may be the one carried here; and where to knock may have changed.
    pub(crate) fn parties_changed(&mut self) {
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        let key = DatagramKey::of_swarm(&swarm.key);
        if swarm.succession.hosting().is_some() && self.nearby.carriers_of(&key).next().is_some() {
            swarm.succession.lookout.news(now);
        }
        self.set_doors();
    }

    /// Tells people that the party is without a relay, unless that is over soon.
    pub(crate) fn tell_loss(&mut self) {
        let now = self.clock.now();
        let Some(Swarm { succession, .. }) = &mut self.swarm else { return };
        let Some(loss) = &mut succession.lost else { return };
        if !loss.is_told && now - loss.since >= TOLD_AFTER {
            loss.is_told = true;
            let reason = loss.reason.clone();
            self.tell(LogLevel::Warning, NoticeCode::RelayLost, reason);
        }
    }

    /// The connection to the relay is gone.
    pub(crate) fn lose_relay(&mut self, reason: String) {
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        let was_online = swarm.session.is_online();
        swarm.session.handle(now, Input::LinkDown);
        if swarm.session.carrier().is_some() {
            swarm.succession.lost(now, reason);
        } else if was_online {
            self.tell(LogLevel::Warning, NoticeCode::RelayLost, reason);
        }
    }
}

/// Where a member's relay can be reached from here. What leads to the member's own computer only
/// is of use on that computer.
fn addresses_of(standby: &Standby, is_here: bool) -> impl Iterator<Item = RelayAddress> + use<> {
    let usable = standby.addresses.iter().take(MAX_ADDRESSES).filter(move |address| {
        let ip: IpAddr = address.ip();
        sync_core::room::is_local_network(&ip) && (is_here || !ip.is_loopback())
    });
    let parsed = usable.filter_map(|address| RelayAddress::parse(&address.to_string()).ok());
    parsed.collect::<Vec<_>>().into_iter()
}

/// How a clock goes that is known by `estimate`, on this computer's own.
fn course_of(estimate: &ClockEstimate, clock: &MonotonicClock, now: LocalTime) -> Course {
    /// Long enough that nanoseconds make no difference to the rate.
    const STRETCH: Duration = Duration::from_secs(1_000);
    let at = clock.instant_of(now);
    let [says, later] = [at, at + STRETCH].map(|instant| estimate.to_swarm(clock.at(instant)));
    Course { at, says, rate: (later - says).as_secs_f64() / STRETCH.as_secs_f64() - 1.0 }
}
