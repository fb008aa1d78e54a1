//! The whole truth about one member at one moment, gathered from those who know.

use audio_engine::EngineStatus;
use protocol::LocalTime;
use protocol::host::{
    ClockView, FileView, LobbyView, Me, MemberReadiness, MemberView, Notice, NoticeCode,
    OutputChoice, OutputView, PlaybackView, SettingsView, SwarmView, TransferTask, View,
};
use protocol::ids::UserId;
use protocol::limits::WAVEFORM_COLUMNS;
use protocol::message::{FileReadiness, Playback, SharedFile};
use protocol::time::{MediaTime, Millis};

use crate::actor::Peer;
use crate::settings::Settings;
use crate::swarm::Swarm;

/// WebTorrent's public trackers, asked only if the user turns them on.
const PUBLIC_TRACKERS: [&str; 3] =
    ["wss://tracker.openwebtorrent.com", "wss://tracker.btorrent.xyz", "wss://tracker.fastcast.nz"];

impl Peer {
    /// What there is to show now.
    pub(crate) fn view(&self, now: LocalTime) -> View {
        let settings = self.settings.current();
        let status = self.playout.engine().status();
        let swarm = self.swarm.as_ref();
        View {
            me: Me { user_id: self.user_id.clone(), alias: settings.alias.clone() },
            swarm: swarm.map(|swarm| self.swarm_view(swarm, now)),
            lobby: self.lobby.view(&settings.recent),
            nearby: self.nearby.parties(),
            files: swarm.map_or_else(Vec::new, |swarm| {
                swarm.session.files_in_sequence().map(|file| self.file_view(swarm, file)).collect()
            }),
            adding: self.shelf.adding(),
            selection: swarm.and_then(|swarm| swarm.session.selection().cloned()),
            playback: self.playback_view(&status, now),
            clock: self.clock_view(now),
            output: output_view(&status),
            outputs: self.outputs.clone(),
            settings: settings_view(settings, self.output.clone()),
            transfers: swarm.map_or_else(Vec::new, |swarm| self.transfers(swarm)),
            log: self.notices.lines(),
            checks: self.check_views(),
        }
    }

    fn swarm_view(&self, swarm: &Swarm, now: LocalTime) -> SwarmView {
        let session = &swarm.session;
        SwarmView {
            name: self.party_name(swarm),
            key: swarm.key.reveal().to_owned(),
            invite: self.invite(swarm),
            relay: swarm.address().map(ToString::to_string),
            hosting: swarm.hosting().is_some(),
            invite_urls: swarm
                .hosting()
                .map_or_else(Vec::new, |hosting| hosting.invite_urls().to_vec()),
            link: swarm.link_state(),
            members: session
                .members()
                .iter()
                .map(|member| MemberView {
                    user_id: member.user_id.clone(),
                    alias: member.alias.clone(),
                    sync: if member.user_id == self.user_id {
                        Some(self.sync_report(now))
                    } else {
                        session.report_of(&member.user_id).cloned()
                    },
                })
                .collect(),
            director: session.director().cloned(),
            is_director: session.is_director(),
            ice: swarm.ice.clone(),
            carrier: session.carrier().cloned(),
            repeat: session.queue().repeat,
            shuffled: session.queue().shuffled,
        }
    }

    fn file_view(&self, swarm: &Swarm, shared: &SharedFile) -> FileView {
        let file = &shared.file;
        let readiness = swarm
            .session
            .members()
            .iter()
            .filter_map(|member| {
                let held = readiness_of(&member.readiness, shared)?;
                Some(MemberReadiness {
                    user_id: member.user_id.clone(),
                    held_bytes: held.held_bytes,
                    playable: held.playable,
                })
            })
            .collect();
        FileView {
            file_id: file.file_id.clone(),
            name: file.name.clone(),
            size: file.size,
            info_hash: file.info_hash.clone(),
            media: file.media.clone(),
            owners: shared.owners.clone(),
            mine: shared.owners.contains(&self.user_id),
            artwork: self.store.track(&file.file_id).is_some_and(|track| track.has_artwork),
            readiness,
            rates: self.shelf.rates.get(&file.info_hash).copied().unwrap_or_default(),
            fault: self.shelf.faults.get(&file.file_id).cloned(),
            missing: self.store.missing(&file.file_id, WAVEFORM_COLUMNS as u16),
        }
    }

    fn playback_view(&self, status: &EngineStatus, now: LocalTime) -> PlaybackView {
        let on_air = self.swarm.as_ref().and_then(|swarm| swarm.session.plan(now));
        let duration = on_air
            .and_then(|plan| self.playout.song(&plan.file_id))
            .and_then(|song| song.duration)
            .map(|length| Millis::from(MediaTime::default() + length));
        PlaybackView {
            state: status.state,
            on_air: on_air.map(Playback::from),
            upcoming: self.swarm.as_ref().map_or_else(Vec::new, |swarm| {
                let plans = swarm.session.schedule().plans().iter();
                plans.skip_while(|plan| Some(*plan) != on_air).skip(1).map(Playback::from).collect()
            }),
            position_ms: status.position.map(Millis::from),
            duration_ms: duration,
            error_us: status.error.map(|error| error.as_micros_f64()),
            trim_ppm: status.trim_ppm,
            jumps: status.jumps,
            underruns: status.underruns,
        }
    }

    /// What the window's WebTorrent should carry: every shared file of which this member
    /// holds something, wants something, or may be asked for something.
    fn transfers(&self, swarm: &Swarm) -> Vec<TransferTask> {
        let trackers: Vec<String> = swarm
            .address()
            .map(|address| address.tracker_url(&swarm.key.tracker_namespace()))
            .into_iter()
            .chain(
                PUBLIC_TRACKERS
                    .iter()
                    .filter(|_| self.settings.current().network.public_trackers)
                    .map(|tracker| (*tracker).to_owned()),
            )
            .collect();
        swarm
            .session
            .files()
            .iter()
            .filter(|shared| !self.shelf.faults.contains_key(&shared.file.file_id))
            .filter_map(|shared| {
                let file = &shared.file;
                let track = self.store.track(&file.file_id)?;
                let holders = swarm
                    .session
                    .members()
                    .iter()
                    .filter(|member| member.user_id != self.user_id)
                    .filter(|member| {
                        readiness_of(&member.readiness, shared)
                            .is_some_and(|held| held.held_bytes > 0)
                    })
                    .map(|member| member.user_id.clone());
                let connect_to: Vec<UserId> =
                    if track.complete { Vec::new() } else { holders.collect() };
                Some(TransferTask {
                    info_hash: file.info_hash.clone(),
                    file_id: file.file_id.clone(),
                    size: file.size,
                    has_metainfo: track.has_metainfo,
                    complete: track.complete,
                    connect_to,
                    urgent: self.store.urgent(&file.info_hash),
                    trackers: trackers.clone(),
                })
            })
            .collect()
    }
}

fn readiness_of<'a>(
    readiness: &'a [FileReadiness],
    shared: &SharedFile,
) -> Option<&'a FileReadiness> {
    readiness.iter().find(|held| held.file_id == shared.file.file_id)
}

fn output_view(status: &EngineStatus) -> OutputView {
    match &status.output {
        Some(output) => OutputView {
            id: Some(output.info.id.clone()),
            name: Some(output.info.name.clone()),
            sample_rate: Some(output.info.sample_rate),
            channels: Some(output.info.channels),
            latency_ms: Some(Millis::from(MediaTime::default() + output.latency)),
            fault: None,
            muted: status.muted,
        },
        None => OutputView {
            fault: Some(Notice {
                code: NoticeCode::OutputUnavailable,
                detail: status.output_fault.clone().unwrap_or_default(),
            }),
            muted: status.muted,
            ..OutputView::default()
        },
    }
}

/// What there is to show before anything has happened.
pub(crate) fn blank_view(user_id: &UserId, settings: &Settings) -> View {
    View {
        me: Me { user_id: user_id.clone(), alias: settings.alias.clone() },
        swarm: None,
        lobby: LobbyView::default(),
        nearby: Vec::new(),
        files: Vec::new(),
        adding: Vec::new(),
        selection: None,
        playback: PlaybackView::default(),
        clock: ClockView::default(),
        output: OutputView::default(),
        outputs: Vec::new(),
        settings: settings_view(settings, settings.output.clone()),
        transfers: Vec::new(),
        log: Vec::new(),
        checks: Vec::new(),
    }
}

fn settings_view(settings: &Settings, output: Option<String>) -> SettingsView {
    SettingsView {
        speaker_delay_ms: settings.speaker_delay_ms,
        output,
        files_per_member: settings.files_per_member,
        network: settings.network.clone(),
    }
}

/// The outputs of this system, for the view.
pub(crate) fn output_choices() -> Vec<OutputChoice> {
    audio_engine::list_outputs()
        .into_iter()
        .map(|output| OutputChoice {
            id: output.id,
            name: output.name,
            is_default: output.is_default,
        })
        .collect()
}
