//! Sound devices: the only file that knows the audio library.
//!
//! [`open`] finds a device, chooses how to talk to it and lets a [`Renderer`] fill its
//! buffers. What the library calls from its own threads touches atomics only. Losing the
//! device is noticed here and told by [`OpenOutput::fault`]; what to do about it is the
//! engine's matter.

mod sample_format;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Data, Device, Error, ErrorKind, OutputCallbackInfo, StreamConfig,
    SupportedBufferSize, SupportedStreamConfig,
};
use protocol::time::Span;

use crate::clock::MonotonicClock;
use crate::render::{CHUNK_FRAMES, CallbackTiming, Renderer};
use sample_format::{FORMATS, write};

/// Frames asked for per callback where the callback gets real-time priority.
///
/// Latency is no virtue in synchronous play, a steady fit and no underruns are: at 480 frames
/// a busy machine ran dry four times as often.
const BUFFER_FRAMES: u32 = 1_024;

/// Frames asked for where it does not: ALSA devices that are no hardware but lead to another
/// sound server or a plug-in.
///
/// On a machine five times overloaded 1024 frames ran dry 53 times in 55 s, 2048 frames 10
/// times; at 2048 a machine busy with three apps still ran dry once in three minutes.
const PATIENT_BUFFER_FRAMES: u32 = 4_096;

/// How long the audio thread waits for its device before it looks whether that still exists.
const DEVICE_PATIENCE: Duration = Duration::from_secs(2);

/// A device that sound can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Names the device across runs, `alsa:dac_a` for instance.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// True for the system's choice.
    pub is_default: bool,
}

/// How an open device is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputInfo {
    /// Names the device across runs.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Frames per second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u16,
}

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The system has no output at all.
    #[error("no sound device")]
    NoDevice,
    /// The device asked for is not among those the system lists.
    #[error("no sound device is called {id}")]
    Unknown {
        /// The id asked for.
        id: String,
    },
    /// The device speaks no format that can be written.
    #[error("sound device {id} takes no known sample format")]
    NoFormat {
        /// The device.
        id: String,
    },
    /// The system refused.
    #[error("sound device {id}: {source}")]
    Refused {
        /// The device.
        id: String,
        /// The system's words.
        source: Error,
    },
}

/// Lists where sound could go. May take a moment; not for threads that are timed.
pub fn list_outputs() -> Vec<Output> {
    let _quiet = Quiet::new();
    let host = cpal::default_host();
    let default = host.default_output_device().and_then(|device| id_of(&device));
    let Ok(devices) = host.output_devices() else { return Vec::new() };
    devices
        .filter_map(|device| {
            let id = id_of(&device)?;
            let is_default = default.as_ref() == Some(&id);
            Some(Output { name: name_of(&device, &id), id, is_default })
        })
        .collect()
}

/// A device in use. Dropping it ends the stream.
pub(crate) struct OpenOutput {
    stream: cpal::Stream,
    info: OutputInfo,
    faults: Arc<Faults>,
}

/// What the library reports from its own threads.
#[derive(Default)]
struct Faults {
    /// Sound was lost since the last callback.
    is_interrupted: AtomicBool,
    /// A [`Loss`], or zero.
    loss: AtomicU8,
}

/// Opens `id`, or the system's default. `renderer` is made for the rate and channels found.
pub(crate) fn open<T>(
    id: Option<&str>,
    clock: MonotonicClock,
    renderer: impl Fn(&str, u32, u16) -> (Renderer, T),
) -> Result<(OpenOutput, T), OutputError> {
    let _quiet = Quiet::new();
    let device = find(id)?;
    let id = id_of(&device).unwrap_or_else(|| "unknown".into());
    let refused = |source| OutputError::Refused { id: id.clone(), source };
    let config = choose_config(&device, &id)?;
    let (rate, channels) = (config.sample_rate(), config.channels());
    let attempt = |buffer_size| {
        let (renderer, control) = renderer(&id, rate, channels);
        let faults = Arc::new(Faults::default());
        let callback = Callback::new(renderer, &config, clock, Arc::clone(&faults), &id);
        let stream = build(&device, &config, buffer_size, callback, &faults)?;
        stream.play()?;
        Ok::<_, Error>((stream, faults, control))
    };
    let (stream, faults, control) = match attempt(buffer_size(&config, &id)) {
        // What a device says about its buffers is not always what it takes.
        Err(error) if error.kind() == ErrorKind::UnsupportedConfig => attempt(BufferSize::Default),
        outcome => outcome,
    }
    .map_err(refused)?;
    let info = OutputInfo { name: name_of(&device, &id), id, sample_rate: rate, channels };
    Ok((OpenOutput { stream, info, faults }, control))
}

impl OpenOutput {
    pub(crate) fn info(&self) -> &OutputInfo {
        &self.info
    }

    /// Why the stream has ended, if it has.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self.faults.loss.load(Ordering::Acquire) {
            0 => None,
            loss => Some(LOSSES[usize::from(loss - 1).min(LOSSES.len() - 1)]),
        }
    }

    /// Frames per callback, where the system tells.
    pub(crate) fn period(&self) -> Option<u32> {
        self.stream.buffer_size().ok()
    }
}

/// Reasons for which a stream ends, by number.
const LOSSES: [&str; 4] = [
    "the device was disconnected",
    "the device's settings changed",
    "the sound system went away",
    "the sound system reported a fault",
];

impl Faults {
    /// Called by the library on its own threads.
    fn note(&self, error: &Error) {
        match error.kind() {
            ErrorKind::Xrun | ErrorKind::DeviceChanged => {
                self.is_interrupted.store(true, Ordering::Release);
            }
            // Plays at normal priority then; under load that shows as underruns.
            ErrorKind::RealtimeDenied => {}
            ErrorKind::DeviceNotAvailable => self.loss.store(1, Ordering::Release),
            ErrorKind::StreamInvalidated => self.loss.store(2, Ordering::Release),
            ErrorKind::HostUnavailable => self.loss.store(3, Ordering::Release),
            _ => self.loss.store(4, Ordering::Release),
        }
    }
}

/// What runs on the device's thread.
struct Callback {
    renderer: Renderer,
    clock: MonotonicClock,
    faults: Arc<Faults>,
    channels: usize,
    /// Where samples wait to become the device's format.
    scratch: Box<[f32]>,
    /// True if the system tells its latency in whole frames.
    counts_frames: bool,
    /// Half a frame if it does: rounded up, such stamps are late by that on average.
    lateness: Span,
    has_begun: bool,
    /// It waits for its device between two calls.
    may_go_first: bool,
}

impl Callback {
    fn new(
        renderer: Renderer,
        config: &SupportedStreamConfig,
        clock: MonotonicClock,
        faults: Arc<Faults>,
        id: &str,
    ) -> Self {
        let channels = usize::from(config.channels().max(1));
        let counts_frames = is_alsa(id);
        let half_frame = Span::from_secs_f64(0.5 / f64::from(config.sample_rate().max(1)));
        let lateness = if counts_frames { half_frame } else { Span::ZERO };
        let scratch = vec![0.0; CHUNK_FRAMES * channels].into_boxed_slice();
        // The one device that is always ready: its thread never waits.
        let may_go_first = id != "alsa:null";
        Self {
            renderer,
            clock,
            faults,
            channels,
            scratch,
            counts_frames,
            lateness,
            has_begun: false,
            may_go_first,
        }
    }

    fn fill(&mut self, data: &mut Data, info: &OutputCallbackInfo) {
        if !std::mem::replace(&mut self.has_begun, true) {
            ask_for_priority(self.may_go_first);
        }
        let now = self.clock.now();
        // Stamps are on a clock of the sound system's own choice; only their distance counts.
        let stamps = info.timestamp();
        let latency = stamps.playback.saturating_duration_since(stamps.callback);
        let latency = Span::from_nanos(i64::try_from(latency.as_nanos()).unwrap_or(0));
        let timing = CallbackTiming {
            heard: now + latency - self.lateness,
            latency,
            queued: if self.counts_frames { latency } else { Span::ZERO },
            is_interrupted: self.faults.is_interrupted.swap(false, Ordering::AcqRel),
        };
        if let Some(samples) = data.as_slice_mut::<f32>() {
            self.renderer.render(samples, timing);
            return;
        }
        let total = data.len() / self.channels * self.channels;
        self.renderer.begin(timing);
        for at in (0..total).step_by(self.scratch.len()) {
            let part = &mut self.scratch[..(total - at).min(CHUNK_FRAMES * self.channels)];
            self.renderer.continue_with(part);
            write(part, data, at);
        }
        self.renderer.finish();
    }
}

/// Puts the calling thread before others, which the library does not do on Linux.
///
/// Real-time priority where the user has the right to it, and the thread waits for its device.
/// Plug-ins get it too, other than in the library, which fears that one waits for a process that
/// such a thread keeps from running: they wait asleep, and a callback takes a third of a
/// millisecond. Niceness is what is left else; but where the system shares the processor out by
/// session it helps against threads of this session only: with ten other busy threads a card ran
/// dry 34 times in ten minutes, and not once with real-time priority.
#[cfg(target_os = "linux")]
fn ask_for_priority(may_go_first: bool) {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };

    /// Above everything ordinary, below what the kernel itself does for sound hardware. What
    /// Firefox asks for.
    const REAL_TIME: u8 = 10;
    /// What RealtimeKit grants threads of high priority.
    const NICENESS: i32 = -11;

    // In turns with others of the same priority, so that two players share a processor.
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let granted = may_go_first
        && ThreadPriority::try_from(REAL_TIME).is_ok_and(|priority| {
            set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
        });
    if !granted {
        // On Linux this sets the one thread.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_priority(_may_go_first: bool) {}

/// Frames per callback to ask for.
fn buffer_size(config: &SupportedStreamConfig, id: &str) -> BufferSize {
    let has_priority = !is_alsa(id) || id.starts_with("alsa:hw:");
    let frames = if has_priority { BUFFER_FRAMES } else { PATIENT_BUFFER_FRAMES };
    BufferSize::Fixed(match *config.buffer_size() {
        SupportedBufferSize::Range { min, max } => frames.clamp(min, max.max(min)),
        SupportedBufferSize::Unknown => frames,
    })
}

fn build(
    device: &Device,
    config: &SupportedStreamConfig,
    buffer_size: BufferSize,
    mut callback: Callback,
    faults: &Arc<Faults>,
) -> Result<cpal::Stream, Error> {
    let faults = Arc::clone(faults);
    device.build_output_stream_raw(
        StreamConfig { buffer_size, ..config.config() },
        config.sample_format(),
        move |data: &mut Data, info: &OutputCallbackInfo| callback.fill(data, info),
        move |error| faults.note(&error),
        Some(DEVICE_PATIENCE),
    )
}

/// The device's own configuration, or the nearest one whose samples can be written.
fn choose_config(device: &Device, id: &str) -> Result<SupportedStreamConfig, OutputError> {
    let refused = |source| OutputError::Refused { id: id.into(), source };
    let default = device.default_output_config().map_err(refused)?;
    if FORMATS.contains(&default.sample_format()) {
        return Ok(default);
    }
    device
        .supported_output_configs()
        .map_err(refused)?
        .filter_map(|range| range.try_with_sample_rate(default.sample_rate()))
        .filter(|config| FORMATS.contains(&config.sample_format()))
        .min_by_key(|config| {
            let format = FORMATS.iter().position(|format| *format == config.sample_format());
            (config.channels().abs_diff(default.channels()), format)
        })
        .ok_or_else(|| OutputError::NoFormat { id: id.into() })
}

fn find(id: Option<&str>) -> Result<Device, OutputError> {
    let host = cpal::default_host();
    let Some(wanted) = id else {
        return host.default_output_device().ok_or(OutputError::NoDevice);
    };
    let unknown = || OutputError::Unknown { id: wanted.into() };
    let parsed = wanted.parse::<cpal::DeviceId>();
    let is_default = |device: &Device| id_of(device).as_deref() == Some(wanted);
    if let Some(default) = host.default_output_device().filter(is_default) {
        return Ok(default);
    }
    // The id may belong to another sound system than the default one.
    let id = parsed.map_err(|_| unknown())?;
    let host = cpal::host_from_id(id.host()).map_err(|_| unknown())?;
    host.device_by_id(&id).ok_or_else(unknown)
}

fn id_of(device: &Device) -> Option<String> {
    device.id().ok().map(|id| id.to_string())
}

fn name_of(device: &Device, id: &str) -> String {
    device.description().map_or_else(|_| id.to_owned(), |text| text.name().to_owned())
}

fn is_alsa(id: &str) -> bool {
    id.starts_with("alsa:")
}

/// While it lives, what libasound has to say on this thread goes to the log instead of the
/// terminal: it comments on every device that is configured but absent.
struct Quiet {
    #[cfg(target_os = "linux")]
    said: Option<std::rc::Rc<std::cell::RefCell<alsa::Output>>>,
}

impl Quiet {
    fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            said: alsa::Output::local_error_handler().ok(),
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(said) = &self.said {
            let text = said.borrow().to_string();
            if !text.is_empty() {
                tracing::trace!(text, "libasound");
            }
        }
    }
}
