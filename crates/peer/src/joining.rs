//! The ways into a party: a key that is typed, an invitation, a party of the past. All of them
//! end in [`Peer::enter`].

use protocol::SwarmKey;
use protocol::datagram::{DatagramKey, Tag};
use protocol::host::{LogLevel, MeetingPoint, NoticeCode};
use protocol::ids::{Alias, Label, SwarmHash};
use protocol::invite::Invite;
use protocol::limits::MAX_ADDRESSES;
use sync_core::session::{Session, SessionConfig};

use crate::actor::Peer;
use crate::address::{BadAddress, RelayAddress};
use crate::lobby::Invitation;
use crate::settings::RecentParty;
use crate::swarm::Swarm;
use crate::time_link::TimeLink;

/// Where to meet, once every way to fail is behind.
pub(crate) enum Place {
    /// At a relay carried here.
    Here,
    /// At a party nearby, else here.
    Anywhere,
    /// At one relay, which has one of these addresses.
    At(Vec<RelayAddress>),
}

impl Peer {
    /// Joins by what a person typed.
    pub(crate) async fn join(&mut self, typed: &str, at: MeetingPoint) {
        if Invite::is_meant(typed) {
            return self.open_invite(typed);
        }
        let key = match SwarmKey::parse(typed) {
            Ok(key) => key,
            Err(error) => {
                return self.tell(LogLevel::Error, NoticeCode::BadKey, error.to_string());
            }
        };
        let mut name = None;
        let place = match at {
            MeetingPoint::Here => Ok(Place::Here),
            MeetingPoint::Anywhere => Ok(Place::Anywhere),
            MeetingPoint::Relay { url } => at_one(&url),
            MeetingPoint::Nearby { id } => {
                let Some(party) = self.nearby.parties().into_iter().find(|party| party.id == id)
                else {
                    let detail = "this party is no longer nearby";
                    return self.tell(LogLevel::Error, NoticeCode::BadRelayAddress, detail);
                };
                name = Label::clean(&party.name);
                at_one(&party.url)
            }
        };
        match place {
            Ok(place) => self.enter(key, name, place).await,
            Err(error) => self.bad_address(&error),
        }
    }

    /// Reads an invitation and shows it. It is followed only when a person says so.
    pub(crate) fn open_invite(&mut self, link: &str) {
        let invite = match Invite::parse(link) {
            Ok(invite) => invite,
            Err(error) => {
                return self.tell(LogLevel::Error, NoticeCode::BadInvite, error.to_string());
            }
        };
        let relays: Result<Vec<_>, _> =
            invite.relays.iter().map(|relay| RelayAddress::parse(relay)).collect();
        match relays {
            Ok(relays) => {
                self.lobby.show_invite(Invitation { key: invite.key, name: invite.name, relays });
            }
            Err(error) => self.tell(LogLevel::Error, NoticeCode::BadInvite, error.to_string()),
        }
    }

    /// Follows the invitation shown.
    pub(crate) async fn accept_invite(&mut self) {
        let Some(Invitation { key, name, relays }) = self.lobby.take_invite() else { return };
        let place = if relays.is_empty() { Place::Anywhere } else { Place::At(relays) };
        self.enter(key, Some(name), place).await;
    }

    /// Enters a party of the past: where it was, or here if it was here.
    pub(crate) async fn rejoin(&mut self, swarm: &SwarmHash) {
        let recent = &self.settings.current().recent;
        let Some(party) = recent.iter().find(|party| party.key.hash() == *swarm).cloned() else {
            return;
        };
        match party.relay.as_deref().map_or(Ok(Place::Here), at_one) {
            Ok(place) => self.enter(party.key, Some(party.name), place).await,
            Err(error) => self.bad_address(&error),
        }
    }

    /// Keeps the party for the list of recent ones: it exists, for its relay let this member in.
    pub(crate) fn remember_party(&mut self) {
        let Some(swarm) = &self.swarm else { return };
        let relay = match swarm.hosting() {
            Some(_) => None,
            None => swarm.address().map(ToString::to_string),
        };
        let party = RecentParty { key: swarm.key.clone(), name: self.party_name(swarm), relay };
        self.remember(|settings| settings.remember_party(party));
    }

    /// What the party is called: after the device that carries it, as far as that is known, else
    /// after the one that leads it.
    pub(crate) fn party_name(&self, swarm: &Swarm) -> Label {
        let mine = &self.settings.current().alias;
        let after =
            |alias: &Alias| Label::parse(alias.as_str()).expect("an alias is a short label");
        if swarm.hosting().is_some() {
            return after(mine);
        }
        if let Some(name) = &swarm.name {
            return name.clone();
        }
        let director = swarm.session.director();
        let mut members = swarm.session.members().iter();
        let leader = members.find(|member| Some(&member.user_id) == director);
        after(leader.and_then(|member| member.alias.as_ref()).unwrap_or(mine))
    }

    /// The invitation to the party this member is in.
    pub(crate) fn invite(&self, swarm: &Swarm) -> String {
        let from_here = swarm.hosting().map_or(&[][..], |hosting| hosting.invite_urls());
        let relays = from_here
            .iter()
            .filter_map(|url| RelayAddress::parse(url).ok())
            // What leads back to this device helps nobody else.
            .chain(swarm.address().filter(|address| !address.is_loopback()).cloned())
            .map(|address| address.brief())
            .take(MAX_ADDRESSES)
            .collect();
        Invite { key: swarm.key.clone(), name: self.party_name(swarm), relays }.link()
    }

    async fn enter(&mut self, key: SwarmKey, name: Option<Label>, place: Place) {
        self.leave().await;
        self.lobby.entered(&key);
        let session = Session::new(SessionConfig {
            swarm_hash: key.hash(),
            user_id: self.user_id.clone(),
            alias: self.settings.current().alias.clone(),
            seed: random_number(),
            skews: self.settings.current().skews.clone(),
        });
        let me = Tag::of_user(&self.user_id);
        let time_key = DatagramKey::of_swarm(&key);
        let time = TimeLink::open(me, time_key.clone(), self.clock);
        if let Some(time) = time.as_ref().filter(|_| self.bench.asks_neighbours) {
            self.nearby.announce_clock(&time_key, &self.user_id, time.port());
        }
        let mut swarm = Swarm::new(key, session, time);
        swarm.name = name;
        let hash = swarm.hash.clone();
        if let Place::At(addresses) = &place {
            swarm.meet_at_one_of(addresses.clone(), self.clock);
        }
        self.swarm = Some(swarm);
        self.share_waiting_files(&hash);
        match place {
            // A host that comes back finds its party carried by somebody else.
            Place::Here => match self.nearby.carriers_of(&time_key).next() {
                Some(address) => self.meet_at(address),
                None => self.host().await,
            },
            Place::Anywhere => self.meet_nearby(),
            Place::At(_) => {}
        }
        self.tell_output_notice();
        self.tell_files();
    }

    fn meet_at(&mut self, address: RelayAddress) {
        if let Some(swarm) = &mut self.swarm {
            swarm.meet_at(address, self.clock);
        }
    }

    fn bad_address(&mut self, error: &BadAddress) {
        self.tell(LogLevel::Error, NoticeCode::BadRelayAddress, error.to_string());
    }
}

fn at_one(url: &str) -> Result<Place, BadAddress> {
    RelayAddress::parse(url).map(|address| Place::At(vec![address]))
}

/// Any number: it only keeps the names of rooms apart.
fn random_number() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
