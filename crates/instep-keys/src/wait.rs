//! Waiting for a server: until it answers, the time is up, or somebody asks to stop.

use std::future::Future;
use std::time::Duration;

use instep_tools::CancelToken;

use crate::problem::Problem;

/// How often it is looked whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(25);

/// Runs a future in this thread.
///
/// # Errors
///
/// [`Problem::TimedOut`], [`Problem::Cancelled`], and those of the future.
pub(crate) fn wait<T>(
    cancel: &CancelToken,
    limit: Duration,
    future: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::Unreachable {
        what: "the network".to_owned(),
        reason: error.to_string(),
    })?;
    let result = runtime.block_on(async {
        let cancelled = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            result = future => result,
            () = cancelled => Err(Problem::Cancelled),
            () = tokio::time::sleep(limit) => Err(Problem::TimedOut { limit }),
        }
    });
    // A name that is still being resolved would be waited for otherwise.
    runtime.shutdown_background();
    result
}
