//! The engine through its handle, on real ALSA devices and on none.
//!
//! libasound reads its configuration once per process, so each test runs itself again in a
//! child whose configuration is its own.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use std::io::Cursor;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audio_engine::{
    Engine, EngineConfig, EngineEvent, EngineEvents, MonotonicClock, OpenTrack, list_outputs,
};
use protocol::FileId;
use protocol::host::PlaybackState;
use protocol::time::{MediaTime, Span, SwarmTime};
use sync_core::schedule::Schedule;
use sync_core::{ClockEstimate, PlayoutPlan};

/// Two devices that swallow everything, one of them the default.
const SILENT_DEVICES: &str = r#"
pcm.!default { type null hint { show on description "Default" } }
pcm.swallow { type null hint { show on description "Swallow" } }
"#;

const SOON: Duration = Duration::from_secs(20);

/// True in the child. In the parent: runs the test `name` in a child and expects success.
fn is_child(name: &str, configuration: &str) -> bool {
    const MARK: &str = "AUDIO_ENGINE_TEST_CHILD";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asound.conf");
    std::fs::write(&path, configuration).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .env("ALSA_CONFIG_PATH", &path)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "the child failed: {output}");
    false
}

fn start(output: Option<&str>) -> (Engine, EngineEvents, MonotonicClock) {
    let clock = MonotonicClock::new();
    let (engine, events) = Engine::start(EngineConfig {
        clock,
        output: output.map(str::to_owned),
        speaker_delay: Span::ZERO,
        rates: Default::default(),
    });
    (engine, events, clock)
}

/// Events up to the first that `is_it`, that one included.
fn wait_for(events: &EngineEvents, is_it: impl Fn(&EngineEvent) -> bool) -> Vec<EngineEvent> {
    let end = Instant::now() + SOON;
    let mut seen = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let event = events.recv_timeout(left).unwrap_or_else(|_| panic!("only {seen:?}"));
        let found = is_it(&event);
        seen.push(event);
        if found {
            return seen;
        }
    }
}

fn file_id(digit: char) -> FileId {
    FileId::parse(digit.to_string().repeat(64)).unwrap()
}

fn file(bytes: &[u8]) -> OpenTrack {
    let bytes = bytes.to_vec();
    Arc::new(move || Ok(Box::new(Cursor::new(bytes.clone()))))
}

fn song() -> OpenTrack {
    file(include_bytes!("media/long.mp3"))
}

#[test]
fn without_any_device_songs_are_prepared_and_the_fault_is_told_once() {
    if !is_child("without_any_device_songs_are_prepared_and_the_fault_is_told_once", "") {
        return;
    }
    let (engine, events, clock) = start(None);
    engine.prepare(file_id('a'), Some("mp3"), song());
    engine.prepare(file_id('b'), Some("mp3"), file(&[0x55; 5_000]));
    let now = clock.now();
    let anchor = SwarmTime::from_nanos(now.as_nanos());
    let plan =
        |song| Schedule::from(PlayoutPlan::playing(file_id(song), anchor, MediaTime::default()));
    let clock = Some(ClockEstimate::identity(now));
    engine.set_timeline(clock, plan('a'));
    let (mut ready, mut failed, mut unavailable) = (0, 0, 0);
    let end = Instant::now() + SOON;
    while (ready, failed) != (1, 1) || unavailable == 0 {
        match events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(EngineEvent::TrackReady { file_id: id, duration, sample_rate, channels }) => {
                assert_eq!((id, sample_rate, channels), (file_id('a'), 44_100, 2));
                assert_eq!(duration, Some(Span::from_millis(1_500)));
                ready += 1;
            }
            Ok(EngineEvent::TrackFailed { file_id: id, .. }) => {
                assert_eq!(id, file_id('b'));
                failed += 1;
            }
            Ok(EngineEvent::OutputUnavailable { .. }) => unavailable += 1,
            other => panic!("{other:?}"),
        }
    }
    // Tried again several times by now, told once.
    let quiet = events.recv_timeout(Duration::from_millis(700));
    assert!(quiet.is_err(), "{quiet:?}");
    let status = engine.status();
    assert_eq!(status.state, PlaybackState::Waiting);
    assert_eq!(status.duration, Some(Span::from_millis(1_500)));
    assert!(status.output.is_none() && status.output_fault.is_some());
    engine.set_timeline(clock, plan('b'));
    while engine.status().state != PlaybackState::Failed {
        assert!(Instant::now() < end, "{:?}", engine.status());
        std::thread::yield_now();
    }
    engine.release(&file_id('b'));
    engine.set_timeline(clock, Schedule::silent());
    while engine.status().state != PlaybackState::Stopped {
        assert!(Instant::now() < end, "{:?}", engine.status());
        std::thread::yield_now();
    }
}

#[test]
fn devices_are_listed_opened_and_changed_by_their_ids() {
    if !is_child("devices_are_listed_opened_and_changed_by_their_ids", SILENT_DEVICES) {
        return;
    }
    let outputs = list_outputs();
    let ids: Vec<&str> = outputs.iter().map(|output| output.id.as_str()).collect();
    assert!(ids.contains(&"alsa:swallow"), "{ids:?}");
    assert_eq!(outputs.iter().filter(|output| output.is_default).count(), 1, "{outputs:?}");

    let (engine, events, _) = start(Some("alsa:swallow"));
    let opened = wait_for(&events, |event| matches!(event, EngineEvent::OutputOpened(_)));
    assert!(
        matches!(opened.last(), Some(EngineEvent::OutputOpened(info)) if info.id == "alsa:swallow"),
        "{opened:?}"
    );
    engine.set_output(None);
    let opened = wait_for(&events, |event| matches!(event, EngineEvent::OutputOpened(_)));
    assert!(
        matches!(opened.last(), Some(EngineEvent::OutputOpened(info)) if info.id == "alsa:default"),
        "{opened:?}"
    );
}

#[test]
fn a_device_that_is_not_there_is_replaced_by_the_default_and_the_fault_is_told() {
    if !is_child(
        "a_device_that_is_not_there_is_replaced_by_the_default_and_the_fault_is_told",
        SILENT_DEVICES,
    ) {
        return;
    }
    let (engine, events, _) = start(Some("alsa:unplugged"));
    wait_for(
        &events,
        |event| matches!(event, EngineEvent::OutputOpened(info) if info.id == "alsa:default"),
    );
    let end = Instant::now() + SOON;
    while engine.status().output.is_none() {
        assert!(Instant::now() < end, "{:?}", engine.status());
        std::thread::yield_now();
    }
    let fault = engine.status().output_fault.expect("the fault is told");
    assert!(fault.contains("alsa:unplugged"), "{fault}");
    let ending = Instant::now();
    drop(engine);
    assert!(ending.elapsed() < Duration::from_secs(5), "ending took {:?}", ending.elapsed());
    while events.try_recv().is_ok() {}
    assert!(events.recv().is_none(), "the events end with the engine");
}

#[test]
fn a_place_is_cued_on_request_and_a_pause_is_told() {
    if !is_child("a_place_is_cued_on_request_and_a_pause_is_told", SILENT_DEVICES) {
        return;
    }
    let (engine, _events, clock) = start(None);
    let begun = clock.now();
    engine.prepare(file_id('a'), Some("mp3"), song());
    engine.prepare(file_id('b'), Some("mp3"), song());
    let place = MediaTime::from_millis_f64(900.0);
    assert!(!engine.is_cued(&file_id('b'), place));
    engine.cue(file_id('b'), place);
    wait_until(&engine, |engine| engine.is_cued(&file_id('b'), place));
    // A silent device never tells its clock well enough to place a start; it is given a second.
    let waited = clock.now() - begun;
    assert!(waited > Span::from_secs(1), "a device just opened was ready after {waited:?}");
    assert!(!engine.is_cued(&file_id('b'), MediaTime::default()), "another place");
    engine.cue(file_id('b'), MediaTime::default());
    wait_until(&engine, |engine| engine.is_cued(&file_id('b'), MediaTime::default()));
    wait_until(&engine, |engine| !engine.is_cued(&file_id('b'), place));

    let now = clock.now();
    let anchor = SwarmTime::from_nanos(now.as_nanos());
    let position = MediaTime::from_millis_f64(600.0);
    let plan = PlayoutPlan::playing(file_id('a'), anchor, position);
    let pause = PlayoutPlan { is_paused: true, ..plan };
    engine.set_timeline(Some(ClockEstimate::identity(now)), pause.into());
    wait_until(&engine, |engine| engine.status().state == PlaybackState::Paused);
    assert_eq!(engine.status().position, Some(position));
    // Where it will go on is at hand, and so is still what was asked for.
    wait_until(&engine, |engine| engine.is_cued(&file_id('a'), position));
    assert!(engine.is_cued(&file_id('b'), MediaTime::default()));
}

/// Waits until the engine's own threads have come so far.
fn wait_until(engine: &Engine, is_so: impl Fn(&Engine) -> bool) {
    let end = Instant::now() + SOON;
    while !is_so(engine) {
        assert!(Instant::now() < end, "{:?}", engine.status());
        std::thread::yield_now();
    }
}
