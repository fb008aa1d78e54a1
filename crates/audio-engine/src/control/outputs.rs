//! Opening, losing and replacing devices.

use protocol::time::Span;

use super::{Active, Control, FIRST_RETRY, Retry};
use crate::event::EngineEvent;
use crate::output::{self, OutputError};
use crate::render::{RenderReport, renderer};

/// Longest pause before a device is tried again. Also how often the device asked for is tried
/// while another serves.
const LONGEST_RETRY: Span = Span::from_secs(5);

impl Control {
    /// Opens a device if there is none, replaces a lost one, and returns to the one asked for.
    pub(super) fn keep_output(&mut self) {
        if let Some(active) = &self.output
            && let Some(reason) = active.device.fault()
        {
            tracing::warn!(reason, "the output is lost");
            self.silence.output_lost(&active.device.info().id);
            self.close_output();
            self.events.put(EngineEvent::OutputLost { reason: reason.into() });
        }
        if self.retry.at.is_none_or(|at| self.config.clock.now() < at) {
            return;
        }
        match self.open(self.config.output.as_deref()) {
            Ok(active) => self.use_output(active, None),
            Err(error) if self.output.is_some() => self.retry_later(&error),
            Err(error) => match self.config.output.as_ref().map(|_| self.open(None)) {
                Some(Ok(mut substitute)) => {
                    substitute.is_substitute = true;
                    self.use_output(substitute, Some(error));
                }
                _ => {
                    self.retry_later(&error);
                    if !self.retry.is_told {
                        self.retry.is_told = true;
                        tracing::warn!(%error, "no output");
                        self.events.put(EngineEvent::OutputUnavailable { reason: error });
                    }
                }
            },
        }
    }

    fn open(&self, id: Option<&str>) -> Result<Active, OutputError> {
        let made = |id: &str, rate, channels| {
            let (mut renderer, control) = renderer(rate, channels);
            if let Some(ppm) = self.config.rates.get(id) {
                renderer.expect_rate_ppm(*ppm);
            }
            renderer.begin_muted(self.silence.reason_on(id).is_some());
            (renderer, control)
        };
        let (device, mut renderer) = output::open(id, self.config.clock, made)?;
        renderer.set_estimate(self.estimate);
        renderer.set_speaker_delay(self.config.speaker_delay);
        renderer.set_alone(self.is_alone);
        let seen = RenderReport::default();
        let opened = self.config.clock.now();
        Ok(Active { device, renderer, opened, loaded: Vec::new(), seen, is_substitute: false })
    }

    fn use_output(&mut self, active: Active, instead_of: Option<OutputError>) {
        self.close_output();
        let info = active.device.info().clone();
        self.silence.output_opened(&info.id);
        tracing::info!(
            rate = info.sample_rate,
            channels = info.channels,
            period = active.device.period(),
            "output opened"
        );
        self.events.put(EngineEvent::OutputOpened(info));
        self.retry = Retry {
            at: active.is_substitute.then(|| self.config.clock.now() + LONGEST_RETRY),
            pause: FIRST_RETRY,
            is_told: false,
            fault: instead_of.map(|error| error.to_string()),
        };
        self.output = Some(active);
    }

    fn retry_later(&mut self, error: &OutputError) {
        self.retry.at = Some(self.config.clock.now() + self.retry.pause);
        self.retry.pause = self.retry.pause.mul_f64(2.0).min(LONGEST_RETRY);
        self.retry.fault = Some(error.to_string());
    }

    /// Closes the device; what was decoded for it is of no use for another.
    pub(super) fn close_output(&mut self) {
        if let Some(active) = self.output.take() {
            self.totals.underruns += active.seen.interruptions;
            for loaded in active.loaded {
                self.take_decoder_back(loaded);
            }
        }
        self.retry.at = Some(self.config.clock.now());
    }
}
