//! The binary `bitdust`: parses what was typed, runs it, and turns an error into words and an exit code.

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;

use bitdust_node::cli::{Cli, output};

/// How long work that was begun may take when the process ends: executing and storing one block, at most.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    return_large_buffers_at_once();
    let cli = Cli::parse();
    let json = cli.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&anyhow::anyhow!("starting worker threads: {error}"), json),
    };
    let outcome = runtime.block_on(bitdust_node::dispatch(cli));
    // Threads that still use the database must be through before the process takes itself apart. Only a read of standard
    // input may never end, and needs nothing.
    runtime.shutdown_timeout(LAST_WORK);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failure(&error, json),
    }
}

/// Slabs and shards are buffers of 10 to 40 MiB. Left alone, glibc learns from the first of them to keep such sizes in its
/// heaps, one per thread, and the process holds several times what it uses (measured: 370 MiB above idle for a put of
/// 1 GiB, with a budget of 240). Fixed thresholds map each large buffer by itself and give it back when it is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn return_large_buffers_at_once() {
    const LARGE_BYTES: libc::c_int = 1 << 20;
    const HEAPS_MAX: libc::c_int = 4;
    // SAFETY: mallopt only sets numbers inside of the allocator; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn return_large_buffers_at_once() {}
