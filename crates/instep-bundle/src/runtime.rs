//! Where what waits for many servers is run.

use std::future::Future;
use std::time::Duration;

use instep_tools::CancelToken;

use crate::error::Error;

/// How often it is looked whether somebody asked the work to stop.
const LOOK: Duration = Duration::from_millis(25);

/// Runs a future to its end, in this thread, or until the work is cancelled.
///
/// # Errors
///
/// [`Error::Cancelled`], and those of the future.
pub(crate) fn run<T>(
    cancel: &CancelToken,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    runtime.block_on(async {
        let cancelled = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            result = future => result,
            () = cancelled => Err(Error::Cancelled),
        }
    })
}
