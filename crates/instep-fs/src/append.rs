//! Journals of one record a line (JSONL), written by several processes, of which any may be killed
//! at any point.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Action, Error, failed};
use crate::retry::while_in_use;
use crate::temporary::folder_of;

/// How much is read at a time to find the last line's end.
const CHUNK: u64 = 4096;

/// Appends one line to `path`, whole or not at all; the final `\n` is added. The file and its
/// folders are made when missing.
///
/// Done under an exclusive lock on the file itself, held only for the write, so that lines of
/// several processes never mix. A half line that a killed writer or a full disk left at the end is
/// cut off first. A write that fails or is short is taken back.
///
/// Line breaks inside `line` would make several records of one and are replaced by spaces; JSON has
/// none of its own outside of pretty printing, where they mean nothing.
///
/// # Errors
///
/// [`Error::Io`]; the journal is then as it was.
pub fn append_line(path: &Utf8Path, line: &str) -> Result<(), Error> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(failed(Action::CreateFolder, folder))?;

    let mut record = line.trim_end_matches(['\n', '\r']).replace(['\n', '\r'], " ");
    record.push('\n');
    open(path)
        .and_then(|mut file| append_locked(&mut file, record.as_bytes()))
        .map_err(failed(Action::Append, path))
}

/// Moves `path` to `<path>.1`, `<path>.1` to `<path>.2` and so on, once it holds `max_bytes` or
/// more; of the old files `keep` stay. Returns whether it did.
///
/// Two processes that rotate at once rotate only once. A writer that had the file open already
/// finishes its line in `<path>.1`: no line is lost.
pub fn rotate(path: &Utf8Path, max_bytes: u64, keep: usize) -> Result<bool, Error> {
    let full = || match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len() >= max_bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(Action::Read, path)(error)),
    };
    if !full()? {
        return Ok(false);
    }
    let file = open(path).map_err(failed(Action::Rename, path))?;
    lock(&file).map_err(failed(Action::Lock, path))?;
    // Who waited for the lock may find the file rotated already.
    if !full()? {
        return Ok(false);
    }
    if keep == 0 {
        while_in_use(|| std::fs::remove_file(path)).map_err(failed(Action::Remove, path))?;
        return Ok(true);
    }
    for number in (1..=keep).rev() {
        let older = numbered(path, number);
        let newer = if number == 1 { path.to_owned() } else { numbered(path, number - 1) };
        match while_in_use(|| std::fs::rename(&newer, &older)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(Action::Rename, &newer)(error));
            }
            _ => {}
        }
    }
    Ok(true)
}

fn numbered(path: &Utf8Path, number: usize) -> Utf8PathBuf {
    let mut name = path.as_str().to_owned();
    name.push('.');
    name.push_str(&number.to_string());
    Utf8PathBuf::from(name)
}

fn open(path: &Utf8Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).create(true);
    if cfg!(windows) {
        // A Windows handle opened for appending may not cut the file back; under the lock, writing
        // at the end is the same.
        options.write(true).truncate(false);
    } else {
        options.append(true);
    }
    while_in_use(|| options.open(path))
}

/// Waits for the exclusive lock, which others hold for the time of one write.
///
/// A file system without locks is no reason to lose a record: there, single writes to a handle
/// opened for appending are what keeps lines apart.
fn lock(file: &File) -> io::Result<()> {
    match file.lock() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        done => done,
    }
}

fn append_locked(file: &mut File, record: &[u8]) -> io::Result<()> {
    lock(file)?;
    let length = file.seek(SeekFrom::End(0))?;
    let end = end_of_last_line(file, length)?;
    if end != length {
        file.set_len(end)?;
    }
    file.seek(SeekFrom::Start(end))?;
    let outcome = match file.write(record) {
        Ok(written) if written == record.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::StorageFull.into()),
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        // What matters is the first failure; a half line that could not be taken back is cut off by
        // the next writer.
        let _ = file.set_len(end);
    }
    // The lock ends with the handle, but a child process started meanwhile may hold a duplicate of
    // it.
    let _ = file.unlock();
    outcome
}

/// The offset just after the last `\n`, 0 when there is none.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        // In most cases the last byte decides, so look at that alone first.
        let start = if end == length { end - 1 } else { end.saturating_sub(CHUNK) };
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(position) = chunk.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + position as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("logs/venv_sync.jsonl");
        (folder, path)
    }

    fn read(path: &Utf8Path) -> String {
        fs_err::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_follow_each_other() {
        let (_guard, path) = journal();
        append_line(&path, "one").unwrap();
        append_line(&path, "two\n").unwrap();
        append_line(&path, "three\nstill three").unwrap();
        assert_eq!(read(&path), "one\ntwo\nthree still three\n");
    }

    #[test]
    fn a_half_line_of_a_killed_writer_is_cut_off() {
        let (_guard, path) = journal();
        let long = "x".repeat(10_000);
        for half in ["{\"event\":\"ven", long.as_str()] {
            for whole in ["", "whole\n"] {
                fs_err::create_dir_all(folder_of(&path)).unwrap();
                fs_err::write(&path, [whole, half].concat()).unwrap();
                append_line(&path, "next").unwrap();
                assert_eq!(read(&path), [whole, "next\n"].concat());
            }
        }
    }

    #[test]
    fn lines_of_eight_threads_never_mix() {
        let (_guard, path) = journal();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..50 {
                        let filling = "x".repeat(200 + 37 * writer);
                        append_line(path, &format!("<{writer}:{number}:{filling}>")).unwrap();
                    }
                });
            }
        });
        let text = read(&path);
        let mut seen: Vec<_> = text
            .lines()
            .map(|line| {
                assert!(line.starts_with('<') && line.ends_with("x>"), "{line}");
                line.rsplit_once(':').unwrap().0
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 8 * 50);
    }

    // A lock binds everybody on Windows, under Wine even the handle that holds it.
    #[cfg(unix)]
    #[test]
    fn a_line_that_is_still_being_written_is_waited_for() {
        let (_guard, path) = journal();
        append_line(&path, "first").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        if writer % 2 == 0 {
                            append_line(path, "quick").unwrap();
                            continue;
                        }
                        let mut file = open(path).unwrap();
                        file.lock().unwrap();
                        file.seek(SeekFrom::End(0)).unwrap();
                        file.write_all(b"sl").unwrap();
                        std::thread::yield_now();
                        file.write_all(b"ow\n").unwrap();
                        file.unlock().unwrap();
                    }
                });
            }
        });
        let text = read(&path);
        let count = |line: &str| text.lines().filter(|found| *found == line).count();
        assert_eq!((count("quick"), count("slow"), text.lines().count()), (100, 100, 201));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_that_fails_leaves_the_journal_as_it_was() {
        // A handle that cannot write stands in for a disk that is full.
        let (_guard, path) = journal();
        append_line(&path, "one").unwrap();
        let mut read_only = File::open(&path).unwrap();
        assert!(append_locked(&mut read_only, b"two\n").is_err());
        assert_eq!(read(&path), "one\n");
        // The lock was let go, or this would wait for ever.
        append_line(&path, "three").unwrap();
        assert_eq!(read(&path), "one\nthree\n");
    }

    #[test]
    fn rotation_keeps_as_many_as_asked_for() {
        let (_guard, path) = journal();
        for number in 0..5 {
            append_line(&path, &format!("line {number}")).unwrap();
            assert!(rotate(&path, 5, 2).unwrap());
        }
        assert!(!path.exists());
        assert_eq!(read(&numbered(&path, 1)), "line 4\n");
        assert_eq!(read(&numbered(&path, 2)), "line 3\n");
        assert!(!numbered(&path, 3).exists());
    }

    #[test]
    fn a_small_or_missing_journal_is_not_rotated() {
        let (_guard, path) = journal();
        assert!(!rotate(&path, 5, 2).unwrap());
        append_line(&path, "1").unwrap();
        assert!(!rotate(&path, 5, 2).unwrap());
        assert!(rotate(&path, 2, 0).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn of_several_that_rotate_at_once_one_does() {
        let (_guard, path) = journal();
        let barrier = std::sync::Barrier::new(4);
        for round in 0..50 {
            append_line(&path, &format!("line {round}")).unwrap();
            let rotated: usize = std::thread::scope(|scope| {
                let rotating = || {
                    barrier.wait();
                    usize::from(rotate(&path, 5, 3).unwrap())
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(rotating)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(rotated, 1, "round {round}");
            assert_eq!(read(&numbered(&path, 1)), format!("line {round}\n"));
        }
    }

    #[test]
    fn rotating_and_appending_at_once_loses_no_line() {
        let (_guard, path) = journal();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..50 {
                        append_line(path, &format!("{writer}:{number}")).unwrap();
                        rotate(path, 200, 100).unwrap();
                    }
                });
            }
        });
        let mut lines = Vec::new();
        for entry in folder_of(&path).read_dir_utf8().unwrap() {
            lines.extend(read(entry.unwrap().path()).lines().map(str::to_owned));
        }
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), 4 * 50);
    }

    #[cfg(unix)]
    #[test]
    fn a_write_that_stops_half_way_is_taken_back() {
        if let Some(path) = crate::testing::role() {
            let error = append_line(path.as_str().into(), &"y".repeat(100_000)).unwrap_err();
            assert!(matches!(error, Error::Io { action: Action::Append, .. }), "{error:?}");
            return;
        }
        let (_guard, path) = journal();
        append_line(&path, "one").unwrap();
        // A limit on the size of files makes a write short, as a disk that fills up does.
        let status = crate::testing::child_after(
            "trap '' XFSZ; ulimit -f 8",
            "append::tests::a_write_that_stops_half_way_is_taken_back",
            path.as_str(),
        )
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
        assert!(status.success());
        assert_eq!(read(&path), "one\n");
    }
}
