//! The binary `bitdust`: parses what was typed, runs it, and turns an error into words and an exit code.

use std::process::ExitCode;

use clap::Parser as _;

use bitdust_node::cli::{Cli, output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&anyhow::anyhow!("starting worker threads: {error}"), json),
    };
    let outcome = runtime.block_on(bitdust_node::dispatch(cli));
    // Blocking tasks that never end (a read of standard input) must not hold the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failure(&error, json),
    }
}
