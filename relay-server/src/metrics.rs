//! What one relay counts about itself, and the page on which Prometheus reads it.
//!
//! A field of [`Metrics`] is a metric: its name follows `relay_`, its doc comment is the help
//! text on the page. Counting is one atomic addition and nothing is looked up by name, so a
//! relay inside an app pays for it no more than for the two numbers on `/health`.
//!
//! Nothing here tells who is in which swarm: labels are taken from the lists in `labels.rs`.

mod labels;

use std::fmt;
use std::marker::PhantomData;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use protocol::Span;

pub(crate) use labels::{
    Admission, CloseCode, DropReason, Label, MessageType, Move, SocketKind, Toward, Via, Write,
};

/// The media type of [`Metrics::page`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Defines the metrics together with how they are put on the page.
macro_rules! metrics {
    (
        $(#[$outer:meta])*
        pub(crate) struct $name:ident {
            $( $(#[doc = $help:literal])+ pub(crate) $field:ident: $kind:ty, )+
        }
    ) => {
        $(#[$outer])*
        pub(crate) struct $name {
            $( $(#[doc = $help])+ pub(crate) $field: $kind, )+
        }

        impl $name {
            fn registry(&self) -> Registry {
                let mut registry = Registry::with_prefix("relay");
                $( registry.register(
                    stringify!($field),
                    // The page ends a help text with a full stop of its own.
                    concat!($($help),+).trim().trim_end_matches('.'),
                    self.$field.clone(),
                ); )+
                registry
            }
        }
    };
}

metrics! {
    /// How much is going on, and has been since the start.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Metrics {
        /// 1 while new members are let in, 0 while the relay drains, is full or has no lease.
        pub(crate) ready: Gauge,
        /// Seconds since the start.
        pub(crate) uptime_seconds: Gauge,
        /// Bytes of memory that the process holds; known on Linux only.
        pub(crate) resident_memory_bytes: Gauge,
        /// Open TCP connections, WebSockets included.
        pub(crate) connections: Gauge,
        /// Accepted TCP connections.
        pub(crate) connections_accepted: Counter,
        /// TLS handshakes that failed or took too long.
        pub(crate) tls_failed: Counter,
        /// Open WebSockets by what they are for.
        pub(crate) websockets: Gauges<SocketKind>,
        /// Members in all swarms.
        pub(crate) members: Gauge,
        /// Swarms with at least one member.
        pub(crate) swarms: Gauge,
        /// Messages from members by type, those refused later included.
        pub(crate) messages_received: Counters<MessageType>,
        /// Text frames sent over WebSockets by what those are for.
        pub(crate) frames_sent: Counters<SocketKind>,
        /// Bytes that wait in all queues for readers slower than their swarm.
        pub(crate) queue_bytes: Gauge,
        /// What was not done or not passed on, by reason.
        pub(crate) dropped: Counters<DropReason>,
        /// Connections and joins that were turned away, by reason.
        pub(crate) turned_away: Counters<Admission>,
        /// Ended WebSockets by the close code that the relay chose.
        pub(crate) closed: Counters<CloseCode>,
        /// From the arrival of a time ping to its answer, which is what the relay itself adds.
        pub(crate) time_holding_seconds: Histograms<Via>,
        /// Torrents that the tracker knows, as of the last sweep.
        pub(crate) tracker_torrents: Gauge,
        /// Peers of all torrents, as of the last sweep.
        pub(crate) tracker_peers: Gauge,
        /// Announces that tracker clients made.
        pub(crate) tracker_announces: Counter,
        /// Scrapes that tracker clients made.
        pub(crate) tracker_scrapes: Counter,
        /// WebRTC offers in announces.
        pub(crate) tracker_offers: Counter,
        /// WebRTC answers to offers.
        pub(crate) tracker_answers: Counter,
        /// Requests that the tracker refused: badly formed, or not allowed.
        pub(crate) tracker_refusals: Counter,
        /// 1 while this relay may decide for its swarms, as one that is alone always may.
        pub(crate) lease_held: Gauge,
        /// Questions that Redis did not answer, or not as it should.
        pub(crate) redis_failures: Counter,
        /// Decisions that were to be written down for the next owner, by what became of that.
        pub(crate) writes: Counters<Write>,
        /// Swarms of this relay that went to another one, by reason.
        pub(crate) swarms_moved: Counters<Move>,
        /// Frames passed on for members of swarms that other relays keep, by direction.
        pub(crate) proxied_frames: Counters<Toward>,
    }
}

impl Metrics {
    /// Every metric in the OpenMetrics text format, which Prometheus reads.
    pub(crate) fn page(&self) -> String {
        if let Some(bytes) = resident_memory() {
            self.resident_memory_bytes.set(bytes);
        }
        let mut page = String::new();
        // Writing into a string does not fail.
        let _ = text::encode(&mut page, &self.registry());
        page
    }
}

/// Counts one of something for as long as this exists.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

/// Counts one more in `gauge` until the result is dropped.
pub(crate) fn counted(gauge: &Gauge) -> Counted {
    gauge.inc();
    Counted(gauge.clone())
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A metric of type `M` for each label in `L`.
#[derive(Debug)]
pub(crate) struct Labelled<L, M> {
    each: Box<[M]>,
    label: PhantomData<L>,
}

/// A counter for each label.
pub(crate) type Counters<L> = Labelled<L, Counter>;
/// A gauge for each label.
pub(crate) type Gauges<L> = Labelled<L, Gauge>;
/// A histogram of short times for each label. (seconds)
pub(crate) type Histograms<L> = Labelled<L, ShortTimes>;

impl<L: Label, M> Labelled<L, M> {
    /// The metric of one label.
    pub(crate) fn of(&self, label: L) -> &M {
        // A label's index is its place in the list from which `each` was made.
        &self.each[label.index()]
    }
}

impl<L: Label> Counters<L> {
    /// Counts one more.
    pub(crate) fn inc(&self, label: L) {
        self.of(label).inc();
    }
}

impl<L: Label> Histograms<L> {
    /// Notes one more time.
    pub(crate) fn observe(&self, label: L, time: Span) {
        self.of(label).0.observe(time.as_secs_f64());
    }
}

impl<L: Label, M: Default> Default for Labelled<L, M> {
    fn default() -> Self {
        Self { each: L::ALL.iter().map(|_| M::default()).collect(), label: PhantomData }
    }
}

impl<L, M: Clone> Clone for Labelled<L, M> {
    fn clone(&self) -> Self {
        Self { each: self.each.clone(), label: PhantomData }
    }
}

impl<L: Label, M: EncodeMetric + fmt::Debug> EncodeMetric for Labelled<L, M> {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        for label in L::ALL {
            self.of(*label).encode(encoder.encode_family(&[(L::NAME, label.as_str())])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.each.first().map_or(MetricType::Unknown, EncodeMetric::metric_type)
    }
}

/// A histogram from 8 microseconds, where a quiet relay answers, to 131 ms, where time is of no
/// use any more. (seconds)
#[derive(Clone, Debug)]
pub(crate) struct ShortTimes(Histogram);

impl Default for ShortTimes {
    fn default() -> Self {
        Self(Histogram::new(exponential_buckets(8e-6, 2.0, 15)))
    }
}

impl EncodeMetric for ShortTimes {
    fn encode(&self, encoder: MetricEncoder) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

/// The resident set of this process in bytes, where the system tells it in a file.
fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_on_the_page_with_its_doc_comment_as_help() {
        let metrics = Metrics::default();
        metrics.dropped.inc(DropReason::RateLimited);
        metrics.closed.inc(CloseCode::of(4008));
        metrics.time_holding_seconds.observe(Via::Websocket, Span::from_micros(20));
        let page = metrics.page();
        for line in [
            "# HELP relay_members Members in all swarms.",
            "# TYPE relay_members gauge",
            "relay_members 0",
            "relay_dropped_total{reason=\"rate-limited\"} 1",
            "relay_dropped_total{reason=\"presence\"} 0",
            "relay_closed_total{code=\"4008\"} 1",
            "relay_time_holding_seconds_bucket{le=\"0.000016\",via=\"websocket\"} 0",
            "relay_time_holding_seconds_bucket{le=\"0.000032\",via=\"websocket\"} 1",
            "relay_time_holding_seconds_count{via=\"udp\"} 0",
            "# EOF",
        ] {
            assert!(page.lines().any(|on_page| on_page == line), "no `{line}` in\n{page}");
        }
    }

    #[test]
    fn a_count_goes_down_when_what_was_counted_ends() {
        let metrics = Metrics::default();
        let (one, two) = (counted(&metrics.members), counted(&metrics.members));
        assert_eq!(metrics.members.get(), 2);
        drop(one);
        assert_eq!(metrics.members.get(), 1);
        drop(two);
        assert_eq!(metrics.members.get(), 0);
    }

    #[test]
    fn every_label_has_a_place_and_a_name_of_its_own() {
        fn check<L: Label>() {
            let names: std::collections::BTreeSet<_> =
                L::ALL.iter().map(|label| label.as_str()).collect();
            assert_eq!(names.len(), L::ALL.len(), "{names:?}");
            for (place, label) in L::ALL.iter().enumerate() {
                assert_eq!(label.index(), place, "{}", label.as_str());
            }
        }
        check::<Admission>();
        check::<CloseCode>();
        check::<DropReason>();
        check::<MessageType>();
        check::<Move>();
        check::<SocketKind>();
        check::<Toward>();
        check::<Via>();
        check::<Write>();
    }
}
