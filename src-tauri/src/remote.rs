//! Media keys, headset buttons and the desktop's "now playing" by MPRIS, the standard of Linux's
//! desktops (specifications.freedesktop.org/mpris-spec). What a button means is `peer`'s matter.

use std::sync::Arc;
use std::time::Duration;

use mpris_server::zbus::{self, ObjectPath, fdo};
use mpris_server::{
    LoopStatus, Metadata, PlaybackRate, PlaybackStatus, PlayerInterface, Property, RootInterface,
    Server, Signal, Time, TrackId, Volume,
};
use peer::{HeardAs, NowPlaying, PeerHandle};
use protocol::host::{Intent, MediaButton, View};
use protocol::time::Millis;
use tauri::AppHandle;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::window;

/// How other programs know this one; another instance adds its process id.
const NAME: &str = "SyncedSwarmAudio";

/// A song that is further from where it would have got by itself was moved. Views are a
/// quarter of a second apart.
const MOVED: Duration = Duration::from_secs(1);

/// Serves from now on, if there is a session bus.
pub fn run(runtime: &Handle, app: &AppHandle, peer: &PeerHandle) {
    let (app, peer) = (app.clone(), peer.clone());
    runtime.spawn(async move {
        match serve(app, peer.clone()).await {
            Ok(server) => follow(&server, &peer).await,
            Err(error) => tracing::info!(%error, "no media keys on this desktop"),
        }
    });
}

async fn serve(app: AppHandle, peer: PeerHandle) -> zbus::Result<Server<Remote>> {
    let remote = || Remote { app: app.clone(), peer: peer.clone() };
    match Server::new(NAME, remote()).await {
        Ok(server) => Ok(server),
        // Another instance with a data folder of its own has the name.
        Err(_) => Server::new(&format!("{NAME}.instance{}", std::process::id()), remote()).await,
    }
}

/// Tells the desktop what changed, for as long as both are there.
async fn follow(server: &Server<Remote>, peer: &PeerHandle) {
    let mut views = peer.views();
    let mut shown = NowPlaying::default();
    let mut place = (Instant::now(), None);
    loop {
        let view = views.borrow_and_update().clone();
        let now = NowPlaying::of(&view);
        let mut told = Ok(());
        if now != shown {
            told = server.properties_changed(changes(&shown, &now)).await;
        }
        let next = (Instant::now(), position(&view));
        if told.is_ok()
            && now.file_id == shown.file_id
            && let Some(to) = moved(place, next, shown.status)
        {
            told = server.emit(Signal::Seeked { position: to }).await;
        }
        if let Err(error) = told {
            tracing::info!(%error, "the session bus is gone");
            return;
        }
        (shown, place) = (now, next);
        if views.changed().await.is_err() {
            return;
        }
    }
}

type Place = (Instant, Option<Time>);

/// Where the song is if somebody moved it.
fn moved(before: Place, now: Place, status: HeardAs) -> Option<Time> {
    let ((since, from), (at, to)) = (before, now);
    let (from, to) = (from?, to?);
    let elapsed = if status == HeardAs::Playing { at - since } else { Duration::ZERO };
    let apart = i128::from((to - from).as_micros()) - elapsed.as_micros().cast_signed();
    (apart.unsigned_abs() > MOVED.as_micros()).then_some(to)
}

fn position(view: &View) -> Option<Time> {
    view.playback.position_ms.map(|position| time(position.get()))
}

fn time(ms: f64) -> Time {
    // Songs last hours, which leaves this far from the type's bounds; beyond, it saturates.
    Time::from_micros((ms * 1_000.0) as i64)
}

fn changes(before: &NowPlaying, now: &NowPlaying) -> Vec<Property> {
    let mut changes = Vec::new();
    if before.status != now.status {
        changes.push(Property::PlaybackStatus(status(now)));
    }
    if before.may_seek != now.may_seek {
        changes.push(Property::CanSeek(now.may_seek));
    }
    let described =
        |it: &NowPlaying| NowPlaying { status: HeardAs::Stopped, may_seek: false, ..it.clone() };
    if described(before) != described(now) {
        changes.push(Property::Metadata(metadata(now)));
    }
    changes
}

fn status(now: &NowPlaying) -> PlaybackStatus {
    match now.status {
        HeardAs::Playing => PlaybackStatus::Playing,
        HeardAs::Paused => PlaybackStatus::Paused,
        HeardAs::Stopped => PlaybackStatus::Stopped,
    }
}

fn metadata(now: &NowPlaying) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.set_trackid(Some(track(now)));
    metadata.set_length(now.duration_ms.map(time));
    metadata.set_title(now.title.clone());
    metadata.set_artist(now.artist.clone().map(|artist| [artist]));
    metadata.set_album(now.album.clone());
    metadata
}

/// A path that stands for the song; its id is hex, as paths want it.
fn track(now: &NowPlaying) -> TrackId {
    let path = now
        .file_id
        .as_ref()
        .and_then(|id| ObjectPath::try_from(format!("/org/syncedswarm/audio/song/{id}")).ok());
    path.map_or(TrackId::NO_TRACK, TrackId::from)
}

/// What the session bus talks to.
struct Remote {
    app: AppHandle,
    peer: PeerHandle,
}

impl Remote {
    fn view(&self) -> Arc<View> {
        self.peer.views().borrow().clone()
    }

    fn now(&self) -> NowPlaying {
        NowPlaying::of(&self.view())
    }

    async fn press(&self, button: MediaButton) -> fdo::Result<()> {
        self.peer.send(Intent::PressButton { button }).await;
        Ok(())
    }

    /// Moves the song for everyone. The standard wants it to do nothing where it is not allowed.
    async fn seek_to(&self, position: Time) -> fdo::Result<()> {
        if !self.now().may_seek {
            return Ok(());
        }
        let ms = position.as_micros().max(0) as f64 / 1_000.0;
        if let Ok(position_ms) = Millis::new(ms) {
            self.peer.send(Intent::Seek { position_ms }).await;
        }
        Ok(())
    }
}

impl RootInterface for Remote {
    async fn raise(&self) -> fdo::Result<()> {
        window::raise(&self.app);
        Ok(())
    }

    async fn quit(&self) -> fdo::Result<()> {
        self.app.exit(0);
        Ok(())
    }

    async fn can_quit(&self) -> fdo::Result<bool> {
        Ok(true)
    }

    async fn fullscreen(&self) -> fdo::Result<bool> {
        Ok(false)
    }

    async fn set_fullscreen(&self, _: bool) -> zbus::Result<()> {
        Ok(())
    }

    async fn can_set_fullscreen(&self) -> fdo::Result<bool> {
        Ok(false)
    }

    async fn can_raise(&self) -> fdo::Result<bool> {
        Ok(true)
    }

    async fn has_track_list(&self) -> fdo::Result<bool> {
        Ok(false)
    }

    async fn identity(&self) -> fdo::Result<String> {
        Ok("Synced Swarm Audio".to_owned())
    }

    async fn desktop_entry(&self) -> fdo::Result<String> {
        // What the package calls its desktop file: the product's name.
        Ok("Synced Swarm Audio".to_owned())
    }

    async fn supported_uri_schemes(&self) -> fdo::Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn supported_mime_types(&self) -> fdo::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl PlayerInterface for Remote {
    async fn next(&self) -> fdo::Result<()> {
        Ok(())
    }

    async fn previous(&self) -> fdo::Result<()> {
        Ok(())
    }

    async fn pause(&self) -> fdo::Result<()> {
        self.press(MediaButton::Pause).await
    }

    async fn play_pause(&self) -> fdo::Result<()> {
        self.press(MediaButton::PlayPause).await
    }

    async fn stop(&self) -> fdo::Result<()> {
        self.press(MediaButton::Stop).await
    }

    async fn play(&self) -> fdo::Result<()> {
        self.press(MediaButton::Play).await
    }

    async fn seek(&self, offset: Time) -> fdo::Result<()> {
        let from = position(&self.view()).unwrap_or(Time::ZERO);
        self.seek_to(from.saturating_add(offset)).await
    }

    async fn set_position(&self, track_id: TrackId, position: Time) -> fdo::Result<()> {
        let now = self.now();
        let is_beyond = now.duration_ms.is_some_and(|length| position > time(length));
        if track_id != track(&now) || is_beyond || position.is_negative() {
            // The song has changed since, or there is no such place in it.
            return Ok(());
        }
        self.seek_to(position).await
    }

    async fn open_uri(&self, _: String) -> fdo::Result<()> {
        Err(fdo::Error::NotSupported("files are opened by the app itself".to_owned()))
    }

    async fn playback_status(&self) -> fdo::Result<PlaybackStatus> {
        Ok(status(&self.now()))
    }

    async fn loop_status(&self) -> fdo::Result<LoopStatus> {
        let view = self.view();
        let is_repeated =
            view.playback.on_air.as_ref().is_some_and(|on_air| on_air.repeat.is_some());
        Ok(if is_repeated { LoopStatus::Track } else { LoopStatus::None })
    }

    async fn set_loop_status(&self, _: LoopStatus) -> zbus::Result<()> {
        Err(zbus::Error::from(fdo::Error::NotSupported(
            "repeating is chosen in the window".to_owned(),
        )))
    }

    async fn rate(&self) -> fdo::Result<PlaybackRate> {
        Ok(1.0)
    }

    async fn set_rate(&self, _: PlaybackRate) -> zbus::Result<()> {
        // Both bounds are one, so the standard lets this be ignored.
        Ok(())
    }

    async fn shuffle(&self) -> fdo::Result<bool> {
        Ok(false)
    }

    async fn set_shuffle(&self, _: bool) -> zbus::Result<()> {
        Err(zbus::Error::from(fdo::Error::NotSupported(
            "songs are chosen in the window".to_owned(),
        )))
    }

    async fn metadata(&self) -> fdo::Result<Metadata> {
        Ok(metadata(&self.now()))
    }

    async fn volume(&self) -> fdo::Result<Volume> {
        Ok(if self.view().output.muted.is_some() { 0.0 } else { 1.0 })
    }

    async fn set_volume(&self, volume: Volume) -> zbus::Result<()> {
        self.peer.send(Intent::SetMuted { muted: volume <= 0.0 }).await;
        Ok(())
    }

    async fn position(&self) -> fdo::Result<Time> {
        Ok(position(&self.view()).unwrap_or(Time::ZERO))
    }

    async fn minimum_rate(&self) -> fdo::Result<PlaybackRate> {
        Ok(1.0)
    }

    async fn maximum_rate(&self) -> fdo::Result<PlaybackRate> {
        Ok(1.0)
    }

    async fn can_go_next(&self) -> fdo::Result<bool> {
        Ok(false)
    }

    async fn can_go_previous(&self) -> fdo::Result<bool> {
        Ok(false)
    }

    async fn can_play(&self) -> fdo::Result<bool> {
        Ok(true)
    }

    async fn can_pause(&self) -> fdo::Result<bool> {
        Ok(true)
    }

    async fn can_seek(&self) -> fdo::Result<bool> {
        Ok(self.now().may_seek)
    }

    async fn can_control(&self) -> fdo::Result<bool> {
        Ok(true)
    }
}
