//! Processes that a script started and that left its process group, as daemons do: they have the variable that only
//! this rebuild has.

use camino::Utf8Path;

/// Ends those of a rebuild. One that cleared its variables is not found; nor is any where the system does not tell the
/// variables of a process: on Windows a job holds all of them anyway.
pub(super) fn end(rebuilt: &Utf8Path) {
    let mark = [super::REBUILD_DIR, "=", rebuilt.as_str()].concat();
    platform::end(mark.as_bytes());
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::{Duration, Instant};

    use rustix::process::{Pid, Signal, kill_process};

    /// How long they may take to disappear: only the kernel can hold them.
    const GRACE: Duration = Duration::from_secs(2);
    const POLL: Duration = Duration::from_millis(10);

    pub(super) fn end(mark: &[u8]) {
        let started = Instant::now();
        loop {
            let found = marked(mark);
            if found.is_empty() || started.elapsed() > GRACE {
                return;
            }
            for process in found {
                // It fails only when the process is gone, which is what is wanted.
                let _ = kill_process(process, Signal::KILL);
            }
            std::thread::sleep(POLL);
        }
    }

    /// The processes that have this variable; one that has ended has none.
    fn marked(mark: &[u8]) -> Vec<Pid> {
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        let has_mark = |name: &str| {
            let path = ["/proc/", name, "/environ"].concat();
            let variables = std::fs::read(path).unwrap_or_default();
            variables.split(|byte| *byte == 0).any(|variable| variable == mark)
        };
        processes
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some((name.parse().ok()?, name)))
            .filter(|(_, name)| has_mark(name))
            .filter_map(|(process, _)| Pid::from_raw(process))
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn end(_mark: &[u8]) {}
}
