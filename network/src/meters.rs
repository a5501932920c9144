//! Every metric of this crate, by name, in one place.

use metrics::{Counter, counter, gauge};

use crate::topic::Subject;

pub(crate) fn connections(count: usize) {
    gauge!("bitdust_network_connections").set(count as f64);
}

pub(crate) fn peers(count: usize) {
    gauge!("bitdust_network_peers").set(count as f64);
}

pub(crate) fn known_addresses(count: usize) {
    gauge!("bitdust_network_known_addresses").set(count as f64);
}

/// `verdict` is one of accepted, ignored, rejected, dropped (our queue was full), published.
pub(crate) fn gossip(subject: Subject, verdict: &'static str) {
    counter!("bitdust_network_gossip_total", "topic" => subject.name(), "verdict" => verdict).increment(1);
}

pub(crate) fn gossip_bytes(subject: Subject, bytes: usize) {
    counter!("bitdust_network_gossip_bytes_total", "topic" => subject.name()).increment(bytes as u64);
}

pub(crate) fn banned() {
    counter!("bitdust_network_bans_total").increment(1);
}

pub(crate) fn dial_failed() {
    counter!("bitdust_network_dial_failures_total").increment(1);
}

pub(crate) fn stream_opened(direction: &'static str) {
    gauge!("bitdust_network_streams", "direction" => direction).increment(1.0);
}

pub(crate) fn stream_closed(direction: &'static str) {
    gauge!("bitdust_network_streams", "direction" => direction).decrement(1.0);
}

pub(crate) fn stream_refused() {
    counter!("bitdust_network_streams_refused_total").increment(1);
}

/// Bytes moved on streams; `direction` is in or out.
pub(crate) fn stream_bytes(direction: &'static str) -> Counter {
    counter!("bitdust_network_stream_bytes_total", "direction" => direction)
}
