//! What people want, carried out.

use std::path::PathBuf;

use protocol::datagram::DatagramKey;
use protocol::host::{Intent, LogLevel, NetworkSettings, NoticeCode};
use protocol::ids::{FileId, Label, SwarmHash};
use protocol::limits;
use protocol::time::MediaTime;
use sync_core::queue::Way;
use sync_core::schedule::Schedule;
use sync_core::session::{Input, Wish};

use crate::actor::Peer;
use crate::address::RelayAddress;
use crate::hosting::Hosting;
use crate::settings::Settings;

/// Most STUN or TURN servers a person may name; each costs every connection a query.
const MOST_ICE_SERVERS: usize = 8;

impl Peer {
    /// What was asked for on the command line.
    pub(crate) async fn begin(&mut self) {
        for path in std::mem::take(&mut self.startup.add) {
            self.add_file(path);
        }
        if let Some((key, at)) = self.startup.join.take() {
            self.join(&key, at).await;
        }
    }

    /// Does what a person wants, or tells why not.
    pub(crate) async fn obey(&mut self, intent: Intent) {
        match intent {
            Intent::JoinSwarm { key, at } => self.join(&key, at).await,
            Intent::DrawKey => self.lobby.draw_key(),
            Intent::OpenInvite { link } => self.open_invite(&link),
            Intent::AcceptInvite => self.accept_invite().await,
            Intent::DismissInvite => self.lobby.close_invite(),
            Intent::Rejoin { swarm } => self.rejoin(&swarm).await,
            Intent::ForgetParty { swarm } => self.remember(|s| s.forget_party(&swarm)),
            Intent::RevealKey { swarm } => self.lobby.reveal(swarm),
            Intent::LeaveSwarm => self.leave().await,
            Intent::TakeDirector => self.wish(Wish::TakeDirector),
            Intent::ResignDirector => self.wish(Wish::ResignDirector),
            Intent::AddFiles { paths } => {
                for path in paths {
                    self.add_file(PathBuf::from(path));
                }
            }
            Intent::RemoveFile { file_id } => self.remove_file(file_id),
            Intent::SelectFile { file_id } => self.wish(Wish::Select { file_id }),
            Intent::Play { file_id, position_ms } => {
                self.tell_output_notice();
                self.wish(Wish::Play { file_id, position: position_ms.into() });
            }
            Intent::Stop => self.wish(Wish::Stop),
            Intent::SetSpeakerDelay { ms } => {
                if (0.0..=limits::MAX_SPEAKER_DELAY_MS).contains(&ms.get()) {
                    self.remember(|settings| settings.speaker_delay_ms = ms);
                    let delay = self.settings.current().speaker_delay();
                    self.playout.engine().set_speaker_delay(delay);
                    self.tell_output_notice();
                } else {
                    self.bad_setting("the speaker delay goes from 0 to 500 ms");
                }
            }
            Intent::SetAlias { alias } => {
                self.remember(|settings| settings.alias = alias.clone());
                self.wish(Wish::Rename { alias });
            }
            Intent::SetOutput { id } => {
                self.output.clone_from(&id);
                self.playout.engine().set_output(id.clone());
                self.remember(|settings| settings.output = id);
            }
            Intent::SetFilesPerMember { count } => {
                if (1..=limits::MAX_FILES_PER_MEMBER).contains(&count) {
                    self.remember(|settings| settings.files_per_member = count);
                } else {
                    self.bad_setting("1 to 50 files can be shared");
                }
            }
            Intent::SetNetwork { network } => match check_network(&network) {
                Ok(()) => self.remember(|settings| settings.network = network),
                Err(reason) => self.bad_setting(reason),
            },
            Intent::SendSignal { to, data } => self.wish(Wish::Signal { to, data }),
            Intent::ReportTransfer { info_hash, rates } => {
                let known = self.swarm.as_ref().is_some_and(|swarm| {
                    swarm.session.files().iter().any(|shared| shared.file.info_hash == info_hash)
                });
                if known {
                    self.shelf.rates.insert(info_hash, rates);
                }
            }
            Intent::Pause => self.wish(Wish::Pause),
            Intent::Resume => self.wish(Wish::Resume),
            Intent::Seek { position_ms } => self.wish(Wish::Seek { position: position_ms.into() }),
            Intent::SetRepeat { repeat } => self.wish(Wish::SetRepeat { repeat }),
            Intent::PlayNext { file_id } => self.play_next(file_id),
            Intent::MoveFile { file_id, to } => self.wish(Wish::Move { file_id, to }),
            Intent::SkipForward => self.skip(Way::On),
            Intent::SkipBack => self.skip(Way::Back),
            Intent::SetRepeatMode { mode } => self.wish(Wish::Repeat(mode)),
            Intent::SetShuffle { on: false } => self.wish(Wish::Shuffle(None)),
            Intent::SetShuffle { on: true } => match getrandom::u64() {
                Ok(seed) => self.wish(Wish::Shuffle(Some(seed))),
                Err(error) => {
                    let detail = format!("the system gives no random numbers: {error}");
                    self.tell(LogLevel::Warning, NoticeCode::RelayRefused, detail);
                }
            },
            Intent::SaveTrace => self.save_trace(),
            Intent::ReportFault { text } => {
                let text: String = text.chars().take(limits::MAX_ERROR_TEXT).collect();
                self.tell(LogLevel::Warning, NoticeCode::WindowFault, text);
            }
            Intent::PressButton { button } => self.press(button),
            Intent::SetMuted { muted } => self.playout.engine().set_muted(muted),
            Intent::CheckConnection => self.check_connection(),
        }
        self.changed();
    }

    /// Leaves the swarm, if there is one.
    pub(crate) async fn leave(&mut self) {
        self.nearby.withdraw();
        self.nearby.withdraw_clock();
        self.remember_skews();
        if let Some(swarm) = self.swarm.take() {
            self.playout.set_timeline(None, Schedule::silent());
            self.playout.keep(&Default::default(), &self.store);
            self.shelf.clear_swarm();
            swarm.leave().await;
        }
    }

    /// Carries the relay in this app, for want of one nearby or because a person wants to.
    pub(crate) async fn host(&mut self) {
        let place = self.party_place();
        match Hosting::start(place).await {
            Ok(hosting) => {
                if let Some(swarm) = &mut self.swarm {
                    swarm.meet_here(hosting, self.clock);
                }
                self.announce_party();
            }
            Err(error) => {
                self.tell(LogLevel::Error, NoticeCode::CannotHost, error.to_string());
                self.leave().await;
            }
        }
    }

    /// Meets at a party nearby, if that is what a search waits for.
    pub(crate) fn meet_nearby(&mut self) {
        let Some(swarm) = self.swarm.as_mut().filter(|swarm| swarm.is_searching()) else { return };
        let key = DatagramKey::of_swarm(&swarm.key);
        if let Some(address) = self.nearby.carriers_of(&key).next() {
            return swarm.meet_at(address, self.clock);
        }
        let found = self.nearby.parties().into_iter().find_map(|party| {
            Some((RelayAddress::parse(&party.url).ok()?, Label::clean(&party.name)))
        });
        if let Some((address, name)) = found {
            swarm.name = swarm.name.take().or(name);
            swarm.meet_at(address, self.clock);
        }
    }

    /// Plays the first file once everyone can, when the command line asked for it.
    pub(crate) fn start_when_asked(&mut self) {
        if !self.startup.play {
            return;
        }
        let Some(session) = self.swarm.as_ref().map(|swarm| &swarm.session) else { return };
        let Some(first) = session.files().first().map(|shared| shared.file.file_id.clone()) else {
            return;
        };
        if session.is_director()
            && session.clock_state(self.clock.now()).synced
            && session.everyone_can_play(&first)
        {
            self.startup.play = false;
            self.tell_output_notice();
            self.wish(Wish::Play { file_id: Some(first), position: Default::default() });
        }
    }

    /// Hands a wish to the session, which answers by outputs.
    pub(crate) fn wish(&mut self, wish: Wish) {
        let now = self.clock.now();
        if let Some(swarm) = &mut self.swarm {
            swarm.session.handle(now, Input::Wish(wish));
        }
    }

    /// Plays a file after the one on air, whose end the engine knows best.
    fn play_next(&mut self, file_id: FileId) {
        let now = self.clock.now();
        let Some(plan) = self.swarm.as_ref().and_then(|swarm| swarm.session.plan(now)) else {
            return self
                .wish(Wish::Play { file_id: Some(file_id), position: MediaTime::default() });
        };
        let length = self.playout.song(&plan.file_id).and_then(|song| song.duration);
        match length {
            Some(length) => {
                let end = MediaTime::default() + length;
                self.move_behind(&plan.file_id.clone(), &file_id);
                self.wish(Wish::PlayNext { file_id, end });
            }
            None => {
                let detail = "the length of the song on air is not known yet";
                self.tell(LogLevel::Warning, NoticeCode::RelayRefused, detail);
            }
        }
    }

    /// Moves a song behind another one in the order in which they play.
    fn move_behind(&mut self, other: &FileId, file_id: &FileId) {
        let Some(swarm) = &self.swarm else { return };
        let mut others = swarm.session.sequence();
        others.retain(|song| song != file_id);
        if let Some(place) = others.iter().position(|song| song == other) {
            self.wish(Wish::Move { file_id: file_id.clone(), to: place + 1 });
        }
    }

    /// Goes on to the next song, or back.
    fn skip(&mut self, way: Way) {
        self.tell_output_notice();
        self.wish(Wish::Skip(way));
    }

    /// Shares what was added while in no swarm, as far as there are places.
    pub(crate) fn share_waiting_files(&mut self, swarm: &SwarmHash) {
        let settings = self.settings.current();
        let shared = settings.shared_in(swarm).len();
        let free = settings.files_per_member.saturating_sub(shared);
        let waiting = self.shelf.unshared.len();
        let now: Vec<FileId> = self.shelf.unshared.drain(..free.min(waiting)).collect();
        self.remember(|settings| now.iter().for_each(|file| settings.share(swarm, file)));
        for file_id in self.shelf.unshared.clone() {
            let name = self.store.track(&file_id).map(|track| track.announcement.name.to_string());
            let detail = format!("{}: no place is free", name.unwrap_or_default());
            self.tell(LogLevel::Warning, NoticeCode::TooManyFiles, detail);
        }
    }

    fn remove_file(&mut self, file_id: FileId) {
        if let Some(swarm) = &self.swarm {
            let hash = swarm.hash.clone();
            self.remember(|settings| settings.unshare(&hash, &file_id));
        }
        self.shelf.unshared.retain(|unshared| *unshared != file_id);
        self.wish(Wish::Withdraw { file_id: file_id.clone() });
        self.shelf.remove(&self.store, file_id);
    }

    fn bad_setting(&mut self, reason: &str) {
        self.tell(LogLevel::Warning, NoticeCode::BadSetting, reason);
    }

    /// Changes the settings; a failure to write them is told, and the change is in force.
    pub(crate) fn remember(&mut self, change: impl FnOnce(&mut Settings)) {
        if let Err(error) = self.settings.change(change) {
            self.tell(LogLevel::Error, NoticeCode::StorageFault, error.to_string());
        }
    }
}

fn check_network(network: &NetworkSettings) -> Result<(), &'static str> {
    if network.ice_servers.len() > MOST_ICE_SERVERS {
        return Err("at most 8 STUN or TURN servers can be named");
    }
    let well_formed = |url: &String| {
        let rest = ["stun:", "stuns:", "turn:", "turns:"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme));
        rest.is_some_and(|rest| {
            !rest.is_empty()
                && url.len() <= limits::MAX_NAME
                && rest.bytes().all(|b| b.is_ascii_graphic())
        })
    };
    if network.ice_servers.iter().all(well_formed) {
        Ok(())
    } else {
        Err("a server is written as stun:host:port or turn:host:port")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stun_and_turn_addresses_are_taken_as_servers() {
        let servers = |urls: &[&str]| NetworkSettings {
            public_trackers: false,
            ice_servers: urls.iter().map(ToString::to_string).collect(),
        };
        assert!(check_network(&servers(&["stun:stun.example:3478", "turn:10.0.0.1"])).is_ok());
        for bad in ["http://x", "stun:", "stun:a b", "stun:\u{202e}x"] {
            assert!(check_network(&servers(&[bad])).is_err(), "{bad:?} was accepted");
        }
        assert!(check_network(&servers(&["stun:a"; 9])).is_err());
    }
}
