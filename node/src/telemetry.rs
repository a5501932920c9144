//! Structured logs and Prometheus metrics of one process.
//!
//! `RUST_LOG` chooses what is logged; by default our own rooms at `info` and everything else at `warn`.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, anyhow};
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str = "warn,bitdust_node=info,bitdust_consensus=info,bitdust_network=info,bitdust_ledger=info,\
                              bitdust_market=info,bitdust_store=info,bitdust_rpc=info";

/// Starts logging to standard output, as text or as one JSON object per line.
pub fn log(json: bool) -> Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) => EnvFilter::try_new(&text).with_context(|| format!("RUST_LOG='{text}'"))?,
        Err(_) => EnvFilter::new(
            [DEFAULT_FILTER, bitdust_consensus::LOG_DIRECTIVES, bitdust_network::LOG_DIRECTIVES].join(","),
        ),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow!("logging can't be started: {error}"))
}

/// Serves metrics at `http://ADDRESS/metrics`.
pub fn metrics(address: SocketAddr) -> Result<()> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("serving metrics on {address}; is the port taken? Change `metrics` in config.toml"))
}
