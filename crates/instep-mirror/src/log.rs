//! `.sync_log.json` in the local root: what the last sync did, for people and scripts.

use serde::{Deserialize, Serialize};

use crate::apply::Done;
use crate::content;
use crate::error::Error;
use crate::node::Side;
use crate::plan::Direction;
use crate::root::Roots;

/// The last sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncLog {
    /// The version of this format.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// When it ended, by RFC 3339.
    pub last_sync: String,
    /// `initial_sync` or `incremental_sync`.
    pub operation: String,
    /// `network_to_local`, `local_to_network` or `both`.
    pub direction: String,
    /// The network's root.
    pub network_path: String,
    /// The local root.
    pub local_path: String,
    /// Files, links and folders that were copied to the local side.
    pub copied_to_local: usize,
    /// Files, links and folders that were copied to the network.
    pub copied_to_network: usize,
    /// What was deleted on the local side.
    pub deleted_on_local: usize,
    /// What was deleted on the network.
    pub deleted_on_network: usize,
    /// The bytes of all copies.
    pub bytes: u64,
    /// Paths of which both sides had a change.
    pub conflicts: Vec<String>,
    /// Paths that were left alone, and why.
    pub problems: Vec<String>,
}

pub(crate) fn write(
    roots: &Roots,
    is_initial: bool,
    direction: Direction,
    done: &Done,
) -> Result<(), Error> {
    let log = SyncLog {
        schema_version: 1,
        last_sync: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        operation: if is_initial { "initial_sync" } else { "incremental_sync" }.to_owned(),
        direction: direction.as_str().to_owned(),
        network_path: roots.of(Side::Network).to_string(),
        local_path: roots.of(Side::Local).to_string(),
        copied_to_local: done.copied.local,
        copied_to_network: done.copied.network,
        deleted_on_local: done.deleted.local,
        deleted_on_network: done.deleted.network,
        bytes: done.bytes,
        conflicts: done.conflicts.iter().map(|(path, _)| path.clone()).collect(),
        problems: done
            .problems
            .iter()
            .map(|problem| [&problem.path, ": ", &problem.reason.to_string()].concat())
            .collect(),
    };
    // A structure of texts and numbers is always JSON.
    let mut text = serde_json::to_vec_pretty(&log).unwrap_or_default();
    text.push(b'\n');
    // What it tells is over: it is not worth a wait for the disk.
    Ok(instep_fs::write_unflushed(&roots.log(), &text)?)
}

/// What the last sync did; `None` where there was none, or its log cannot be read.
pub(crate) fn read(roots: &Roots) -> Option<SyncLog> {
    serde_json::from_slice(&content::read(&roots.log()).ok()?).ok()
}
