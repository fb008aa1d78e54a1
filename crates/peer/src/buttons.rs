//! What a button means that is pressed outside of the window, where no director's name is shown:
//! on a keyboard, a headset, a lock screen, in the tray.
//!
//! A guest who presses pause wants quiet where they are, not in the room. So the director's
//! buttons move the song, and everyone else's only silence their own device.

use protocol::host::{MediaButton, PlaybackState, View};
use sync_core::session::Wish;

use crate::actor::Peer;

/// What a press comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The selected song begins, for everyone.
    Play,
    /// The song stands still, for everyone.
    Pause,
    /// The song goes on, for everyone.
    Resume,
    /// The song ends, for everyone.
    Stop,
    /// This device is silent.
    Mute,
    /// This device is heard again.
    Unmute,
}

impl Peer {
    /// Does what a press means.
    pub(crate) fn press(&mut self, button: MediaButton) {
        let Some(swarm) = &self.swarm else { return };
        let status = self.playout.engine().status();
        let meaning =
            meaning(button, status.state, swarm.session.is_director(), status.muted.is_some());
        match meaning {
            Some(Meaning::Play) => {
                self.tell_output_notice();
                self.wish(Wish::Play { file_id: None, position: Default::default() });
            }
            Some(Meaning::Pause) => self.wish(Wish::Pause),
            Some(Meaning::Resume) => self.wish(Wish::Resume),
            Some(Meaning::Stop) => self.wish(Wish::Stop),
            Some(Meaning::Mute) => self.playout.engine().set_muted(true),
            Some(Meaning::Unmute) => self.playout.engine().set_muted(false),
            None => {}
        }
    }
}

fn meaning(
    button: MediaButton,
    state: PlaybackState,
    is_director: bool,
    is_muted: bool,
) -> Option<Meaning> {
    let is_on_air = is_on_air(state);
    if !is_director {
        return match button {
            MediaButton::PlayPause | MediaButton::Play if is_muted => Some(Meaning::Unmute),
            // Where nothing plays, silence would only surprise when something does.
            MediaButton::PlayPause | MediaButton::Pause | MediaButton::Stop
                if is_on_air && !is_muted =>
            {
                Some(Meaning::Mute)
            }
            _ => None,
        };
    }
    let is_paused = state == PlaybackState::Paused;
    match button {
        MediaButton::Stop => is_on_air.then_some(Meaning::Stop),
        MediaButton::Play | MediaButton::PlayPause if is_paused => Some(Meaning::Resume),
        MediaButton::Play | MediaButton::PlayPause if !is_on_air => Some(Meaning::Play),
        MediaButton::Play => is_muted.then_some(Meaning::Unmute),
        MediaButton::Pause | MediaButton::PlayPause => {
            (is_on_air && !is_paused).then_some(Meaning::Pause)
        }
    }
}

/// True while a song has the place on the time line, sounding or not.
fn is_on_air(state: PlaybackState) -> bool {
    match state {
        PlaybackState::Waiting
        | PlaybackState::Armed
        | PlaybackState::Playing
        | PlaybackState::Paused => true,
        PlaybackState::Stopped | PlaybackState::Ended | PlaybackState::Failed => false,
    }
}

/// Whether the computer should not fall asleep by itself now: a song runs or is about to.
pub fn keeps_awake(view: &View) -> bool {
    matches!(view.playback.state, PlaybackState::Armed | PlaybackState::Playing)
}

/// What is shown of the music outside of the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NowPlaying {
    /// What happens with it here.
    pub status: HeardAs,
    /// From the tags, else the file's name without its ending.
    pub title: Option<String>,
    /// From the tags.
    pub artist: Option<String>,
    /// From the tags.
    pub album: Option<String>,
    /// Names the song.
    pub file_id: Option<String>,
    /// Its length, where known. (milliseconds)
    pub duration_ms: Option<f64>,
    /// Whether this device may move the song.
    pub may_seek: bool,
}

/// What a person hears on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeardAs {
    /// The song.
    Playing,
    /// Nothing: the song stands still, or this device was silenced.
    Paused,
    /// Nothing: there is no song.
    #[default]
    Stopped,
}

impl NowPlaying {
    /// What a view comes down to.
    pub fn of(view: &View) -> Self {
        let playback = &view.playback;
        let on_air = playback.on_air.as_ref().filter(|_| is_on_air(playback.state));
        let Some(on_air) = on_air else { return Self::default() };
        let file = view.files.iter().find(|file| file.file_id == on_air.file_id);
        let media = file.map(|file| &file.media);
        let title = media.and_then(|media| media.title.as_ref()).map(ToString::to_string);
        let is_silent = playback.state == PlaybackState::Paused || view.output.muted.is_some();
        Self {
            status: if is_silent { HeardAs::Paused } else { HeardAs::Playing },
            title: title.or_else(|| Some(stem(file?.name.as_str()))),
            artist: media.and_then(|media| media.artist.as_ref()).map(ToString::to_string),
            album: media.and_then(|media| media.album.as_ref()).map(ToString::to_string),
            file_id: Some(on_air.file_id.to_string()),
            duration_ms: playback
                .duration_ms
                .or_else(|| media.and_then(|media| media.duration_ms))
                .map(|length| length.get()),
            may_seek: view.swarm.as_ref().is_some_and(|swarm| swarm.is_director),
        }
    }
}

/// A file's name without its ending.
fn stem(name: &str) -> String {
    let (stem, _) =
        name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((name, ""));
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUTTONS: [MediaButton; 4] =
        [MediaButton::Play, MediaButton::Pause, MediaButton::PlayPause, MediaButton::Stop];
    const STATES: [PlaybackState; 7] = [
        PlaybackState::Stopped,
        PlaybackState::Waiting,
        PlaybackState::Armed,
        PlaybackState::Playing,
        PlaybackState::Paused,
        PlaybackState::Ended,
        PlaybackState::Failed,
    ];

    #[test]
    fn no_button_of_a_guest_moves_the_song() {
        for button in BUTTONS {
            for state in STATES {
                for is_muted in [false, true] {
                    let meaning = meaning(button, state, false, is_muted);
                    assert!(
                        matches!(meaning, None | Some(Meaning::Mute | Meaning::Unmute)),
                        "{button:?} while {state:?} means {meaning:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_guest_who_pauses_is_silent_and_is_heard_again_by_play() {
        let playing = PlaybackState::Playing;
        assert_eq!(meaning(MediaButton::Pause, playing, false, false), Some(Meaning::Mute));
        assert_eq!(meaning(MediaButton::PlayPause, playing, false, false), Some(Meaning::Mute));
        assert_eq!(meaning(MediaButton::Play, playing, false, true), Some(Meaning::Unmute));
        assert_eq!(meaning(MediaButton::PlayPause, playing, false, true), Some(Meaning::Unmute));
        let stopped = PlaybackState::Stopped;
        assert_eq!(meaning(MediaButton::Pause, stopped, false, false), None, "nothing to silence");
        assert_eq!(meaning(MediaButton::Play, stopped, false, true), Some(Meaning::Unmute));
    }

    #[test]
    fn the_director_moves_the_song_for_everyone() {
        for (button, state, expected) in [
            (MediaButton::Play, PlaybackState::Stopped, Some(Meaning::Play)),
            (MediaButton::PlayPause, PlaybackState::Ended, Some(Meaning::Play)),
            (MediaButton::PlayPause, PlaybackState::Playing, Some(Meaning::Pause)),
            (MediaButton::Pause, PlaybackState::Armed, Some(Meaning::Pause)),
            (MediaButton::Pause, PlaybackState::Paused, None),
            (MediaButton::PlayPause, PlaybackState::Paused, Some(Meaning::Resume)),
            (MediaButton::Stop, PlaybackState::Paused, Some(Meaning::Stop)),
            (MediaButton::Stop, PlaybackState::Stopped, None),
        ] {
            assert_eq!(meaning(button, state, true, false), expected, "{button:?} {state:?}");
        }
        let heard = meaning(MediaButton::Play, PlaybackState::Playing, true, true);
        assert_eq!(heard, Some(Meaning::Unmute), "the song plays already, but not here");
    }

    #[test]
    fn a_title_that_is_only_a_file_name_loses_its_ending() {
        assert_eq!(stem("First Light.mp3"), "First Light");
        assert_eq!(stem("no ending"), "no ending");
        assert_eq!(stem(".mp3"), ".mp3");
    }
}
