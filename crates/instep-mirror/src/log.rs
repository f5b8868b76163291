//! `.sync_log.json` in the local root: what the last sync did, for people and scripts.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use camino::Utf8Path;
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
    if set_time(&roots.log(), &text, &log.last_sync).is_some() {
        return Ok(());
    }
    // What it tells is over: it is not worth a wait for the disk.
    Ok(instep_fs::write_unflushed(&roots.log(), &text)?)
}

/// Writes the time over that of a log which says the same but for it, as most do: a new file would take longer
/// than all the rest of a sync that finds nothing to do. `None` where the log has to be written anew.
fn set_time(path: &Utf8Path, text: &[u8], time: &str) -> Option<()> {
    let start = text.windows(time.len()).position(|part| part == time.as_bytes())?;
    let (before, after) = (text.get(..start)?, text.get(start + time.len()..)?);
    let mut file = File::options().read(true).write(true).open(path).ok()?;
    let mut there = Vec::with_capacity(text.len() + 1);
    let mut limited = (&mut file).take(u64::try_from(text.len()).ok()? + 1);
    limited.read_to_end(&mut there).ok()?;
    if there.len() != text.len() || !there.starts_with(before) || !there.ends_with(after) {
        return None;
    }
    file.seek(SeekFrom::Start(u64::try_from(start).ok()?)).ok()?;
    file.write_all(time.as_bytes()).ok()
}

/// What the last sync did; `None` where there was none, or its log cannot be read.
pub(crate) fn read(roots: &Roots) -> Option<SyncLog> {
    serde_json::from_slice(&content::read(&roots.log()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_of_a_log_that_says_the_same_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("log");
        let text = |time: &str, rest: &str| format!("{{\"last\": \"{time}\", \"rest\": {rest}}}\n");
        let new = text("11:22", "5");
        for (there, is_kept) in [
            (text("00:00", "5"), true),
            (text("11:22", "5"), true),
            (text("00:00", "6"), false),
            (text("00:00", "55"), false),
            (text("00:00", "5") + "\n", false),
            (text("0:00", "5"), false),
            (String::new(), false),
        ] {
            fs_err::write(&path, &there).unwrap();
            assert_eq!(set_time(&path, new.as_bytes(), "11:22").is_some(), is_kept, "{there}");
            let expected = if is_kept { &new } else { &there };
            assert_eq!(&fs_err::read_to_string(&path).unwrap(), expected);
        }
        fs_err::remove_file(&path).unwrap();
        assert!(set_time(&path, new.as_bytes(), "11:22").is_none() && !path.exists());
    }
}
