//! Keeps what is logged, because naming the culprit in the log is part of the contract.

use std::{
    io::{self, Write},
    sync::{Mutex, Once},
};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static SET: Once = Once::new();

struct Recorder;

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if std::env::var_os("SHOW_LOG").is_some() {
            eprint!("{text}");
        }
        LINES.lock().unwrap().push(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts recording what an operator would see.
pub fn record() {
    SET.call_once(|| {
        let filter = std::env::var("SHOW_LOG").ok().filter(|text| text.contains('='));
        let filter =
            filter.unwrap_or_else(|| format!("warn,bitdust_consensus=info,{}", bitdust_consensus::LOG_DIRECTIVES));
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Recorder).init();
    });
}

/// True if one line contains all of these.
pub fn says(words: &[&str]) -> bool {
    LINES.lock().unwrap().iter().any(|line| words.iter().all(|word| line.contains(word)))
}
