//! Waiting for what must come, never for a time to pass: every wait looks again and again, and has an end.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Bound of most waits. Far above what a machine with two busy cores needs; only a fault gets here.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Looks until there is something to see.
///
/// # Errors
/// An error of `look`, or nothing to see within `limit`.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let seen = tokio::time::timeout_at(deadline, look()).await;
        match seen {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            Ok(Err(error)) => return Err(error).with_context(|| format!("while waiting until {what}")),
            Ok(Ok(None)) | Err(_) => bail!("waited {limit:?} in vain until {what}"),
        }
    }
}

/// Runs a whole test within a time after which everything that it started is dropped, and so ended.
pub async fn bounded(limit: Duration, test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(limit, test).await.with_context(|| format!("the test did not end within {limit:?}"))?
}
