//! Apply: each planned file, once, whole, and with the right digest.
//!
//! | where | what |
//! | --- | --- |
//! | `CACHE/wheels/AB/DIGEST/NAME.whl` | a wheel that came, by its SHA-256 |
//! | `CACHE/wheels/AB/DIGEST/NAME.whl.part` | what has come of one: the next run goes on behind it |
//! | `OUT/NAME.whl` | the wheelhouse |
//!
//! A name that ends with `.whl` is only ever given to a file of which the digest was right. Nothing is flushed to the
//! disk: after a power cut the digest tells what is whole, since it is looked at before anything is kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::CancelToken;
use serde::Serialize;

use super::plan::PlannedFile;
use crate::archive::Wheel;
use crate::digest::hex;
use crate::error::Error;
use crate::event::Event;
use crate::hashes::{Hashers, Hashes};
use crate::index::{Answer, Client, Failure, IndexProblem, patiently};
use crate::place;
use crate::workers::{self, Tell};

/// Connections at once.
const WORKERS: usize = 16;
const BUFFER: usize = 128 * 1024;
/// Bytes between two events.
const TELL_EVERY: u64 = 256 * 1024;

/// What became of the files of a plan.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// How many came from an index.
    pub fetched: usize,
    /// How many were in the cache.
    pub cached: usize,
    /// How many were in the folder already.
    pub kept: usize,
    /// Bytes that came from indexes.
    pub bytes: u64,
    /// Files that could not be had; the others are there.
    pub failed: Vec<FailedFile>,
    /// The digests of what is there, by file name.
    #[serde(skip)]
    pub(super) digests: Vec<(String, String)>,
}

/// A file that could not be had.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedFile {
    /// Its name.
    pub file: String,
    /// Why, without secrets.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

enum Origin {
    Index(u64),
    Cache,
}

/// Where the files go.
struct Places {
    cache: Utf8PathBuf,
    out: Utf8PathBuf,
}

/// Fetches what is not there yet, the largest first.
///
/// # Errors
///
/// [`Error::Io`] where nothing more can be written; [`Error::Cancelled`]. What a single file fails by is in
/// [`Fetched::failed`].
pub(super) fn fetch(
    client: &Client,
    files: &[PlannedFile],
    out: &Utf8Path,
    cache: &Utf8Path,
    on_event: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Fetched, Error> {
    let places = Arc::new(Places { cache: cache.to_owned(), out: out.to_owned() });
    std::fs::create_dir_all(out).map_err(Error::io("create", out))?;
    instep_fs::remove_all_stale_temporaries(out)?;
    let (have, mut want) = kept(files, &places, cancel)?;
    let bytes = want.iter().filter_map(|file| file.file.size).sum();
    on_event(Event::Planned { files: want.len(), bytes, kept: have.len() });
    let mut fetched = Fetched { kept: have.len(), digests: have, ..Fetched::default() };
    want.sort_by_key(|file| std::cmp::Reverse(file.file.size.unwrap_or(u64::MAX)));
    let is_full = Arc::new(AtomicBool::new(false));
    let work = {
        let (client, token) = (client.clone(), cancel.clone());
        let (places, is_full) = (Arc::clone(&places), Arc::clone(&is_full));
        move |file: &PlannedFile, tell: &Tell| {
            if is_full.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let result = one(&client, file, &places, tell, &token);
            if let Err(Error::Io { .. } | Error::Fs(_)) = &result {
                // It will be no better for the others.
                is_full.store(true, Ordering::Relaxed);
            }
            result
        }
    };
    let results = workers::run(want.clone(), WORKERS, work, on_event, cancel)?;
    for (file, result) in want.iter().zip(results) {
        match result {
            Ok((origin, digest)) => {
                match origin {
                    Origin::Index(bytes) => {
                        fetched.fetched += 1;
                        fetched.bytes += bytes;
                    }
                    Origin::Cache => fetched.cached += 1,
                }
                fetched.digests.push((file.file.name.clone(), digest));
            }
            Err(error @ (Error::Io { .. } | Error::Fs(_))) => return Err(error),
            Err(Error::Cancelled) if !cancel.is_cancelled() => {}
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) => fetched.failed.push(FailedFile {
                file: file.file.name.clone(),
                reason: error.to_string(),
                hint: error.hint(),
            }),
        }
    }
    fetched.failed.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(fetched)
}

/// A file name and its digest.
type Digested = (String, String);

/// What the folder has already, with its digest, and what it has not.
fn kept(
    files: &[PlannedFile],
    places: &Arc<Places>,
    cancel: &CancelToken,
) -> Result<(Vec<Digested>, Vec<PlannedFile>), Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let places = Arc::clone(places);
    let look = move |file: &PlannedFile, _: &Tell| {
        let path = places.out.join(&file.file.name);
        match digest_where_right(&path, file) {
            Ok(found) => Ok(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    };
    let found = workers::run(files.to_vec(), threads, look, &mut |_| {}, cancel)?;
    let (mut have, mut want) = (Vec::new(), Vec::new());
    for (file, found) in files.iter().zip(found) {
        match found? {
            Some(digest) => have.push((file.file.name.clone(), digest)),
            None => want.push(file.clone()),
        }
    }
    Ok((have, want))
}

/// The SHA-256 of a file, where it is the one that is planned.
fn digest_where_right(path: &Utf8Path, planned: &PlannedFile) -> io::Result<Option<String>> {
    let size = std::fs::metadata(path)?.len();
    if planned.file.size.is_some_and(|told| told != size) || planned.hashes.is_empty() {
        return Ok(None);
    }
    let hashes = hashes_of(path, planned)?;
    Ok(is_planned(&hashes, planned).then(|| hex(&hashes.sha256)))
}

/// SHA-256 of a file, and the digests that are planned.
fn hashes_of(path: &Utf8Path, planned: &PlannedFile) -> io::Result<Hashes> {
    let wants = |name: &str| planned.hashes.iter().any(|hash| hash.starts_with(name));
    Hashers::with(wants("sha384:"), wants("sha512:")).read(&mut File::open(path)?)
}

/// Whether one of the digests is one that is planned.
fn is_planned(hashes: &Hashes, planned: &PlannedFile) -> bool {
    let found = [
        Some(["sha256:", &hex(&hashes.sha256)].concat()),
        hashes.sha384.map(|digest| ["sha384:", &hex(&digest)].concat()),
        hashes.sha512.map(|digest| ["sha512:", &hex(&digest)].concat()),
    ];
    found.iter().flatten().any(|digest| planned.hashes.contains(digest))
}

fn one(
    client: &Client,
    file: &PlannedFile,
    places: &Places,
    tell: &Tell,
    cancel: &CancelToken,
) -> Result<(Origin, String), Error> {
    let target = places.out.join(&file.file.name);
    if !file.hashes.is_empty() && !file.hashes.iter().any(|hash| is_good(hash)) {
        return Err(Error::WeakDigest { file: file.file.name.clone() });
    }
    let folder = cache_folder(&places.cache, file);
    let cached = folder.join(&file.file.name);
    if let Ok(Some(digest)) = digest_where_right(&cached, file) {
        put(&cached, &target)?;
        tell.tell(Event::Fetched { file: file.file.name.clone(), size: size_of(&target) });
        return Ok((Origin::Cache, digest));
    }
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let part = folder.join([&file.file.name, ".part"].concat());
    let mut coming = Coming { client, file, part: &part, came: 0, tell, cancel };
    let hashes = coming.come()?;
    std::fs::rename(&part, &cached).map_err(Error::io("write", &cached))?;
    // One that is right by its digest may still be one that nobody should unpack. Where there is no digest, those of its
    // RECORD tell whether it is whole.
    let is_known = !file.hashes.is_empty();
    let checked = Wheel::open(&cached)
        .and_then(|wheel| if is_known { Ok(()) } else { wheel.contents().map(drop) });
    if let Err(error) = checked {
        let _ = std::fs::remove_file(&cached);
        return Err(error);
    }
    put(&cached, &target)?;
    tell.tell(Event::Fetched { file: file.file.name.clone(), size: size_of(&target) });
    Ok((Origin::Index(coming.came), hex(&hashes.sha256)))
}

/// Where a wheel is kept: by its SHA-256, or by its address where nobody tells one.
fn cache_folder(cache: &Utf8Path, file: &PlannedFile) -> Utf8PathBuf {
    let told = file.file.hashes.get("sha256").cloned();
    let locked = || file.hashes.iter().find_map(|hash| hash.strip_prefix("sha256:"));
    let digits = told
        .or_else(|| locked().filter(|_| file.hashes.len() == 1).map(str::to_owned))
        .filter(|digits| digits.len() == 64 && digits.bytes().all(|one| one.is_ascii_hexdigit()))
        .unwrap_or_else(|| blake3::hash(file.file.url.as_str().as_bytes()).to_hex().to_string());
    let first = digits.get(..2).unwrap_or_default().to_owned();
    wheels(cache).join(first).join(digits)
}

/// Where a cache folder keeps wheels.
pub(super) fn wheels(cache: &Utf8Path) -> Utf8PathBuf {
    cache.join("wheels")
}

/// A file that comes.
struct Coming<'a> {
    client: &'a Client,
    file: &'a PlannedFile,
    /// What has come of it.
    part: &'a Utf8Path,
    /// Bytes that came from the index.
    came: u64,
    tell: &'a Tell,
    cancel: &'a CancelToken,
}

impl Coming<'_> {
    /// Lets the content come, going on behind what is there of it, until all of it is there and right.
    fn come(&mut self) -> Result<Hashes, Error> {
        let (file, part) = (self.file, self.part);
        let failed = |error| Error::io("write", part)(error);
        if file.hashes.is_empty() && size_of(part) > 0 {
            // Nothing would tell whether it is a part of what the index has now.
            std::fs::remove_file(part).map_err(failed)?;
        }
        loop {
            let had_part = size_of(part) > 0;
            self.all()?;
            let hashes = hashes_of(part, file).map_err(failed)?;
            if file.hashes.is_empty() || is_planned(&hashes, file) {
                return Ok(hashes);
            }
            std::fs::remove_file(part).map_err(failed)?;
            // A part that is wrong, whoever wrote it, is dropped once; what is wrong again is so on the server.
            if !had_part {
                return Err(Error::WrongDigest {
                    file: file.file.name.clone(),
                    expected: file.hashes.join(", "),
                    found: ["sha256:", &hex(&hashes.sha256)].concat(),
                });
            }
        }
    }

    /// Asks for the content until all of it has come. It is given up after some tries that got no further than those
    /// before.
    fn all(&mut self) -> Result<(), Error> {
        let mut furthest = size_of(self.part);
        let mut is_all = false;
        while !is_all {
            is_all = patiently(&self.file.file.url, self.tell, self.cancel, &mut || {
                let result = self.piece();
                let now = size_of(self.part);
                match result {
                    Err(Failure::Passing { .. }) if now > furthest => {
                        furthest = now;
                        Ok(false)
                    }
                    result => result.map(|()| true),
                }
            })?;
        }
        Ok(())
    }

    /// One answer of the server, behind what is there.
    fn piece(&mut self) -> Result<(), Failure> {
        let (part, planned) = (self.part, &self.file.file);
        let failed = |error| Failure::Lasting(Error::io("write", part)(error));
        let mut options = OpenOptions::new();
        let mut output =
            options.create(true).truncate(false).write(true).open(part).map_err(failed)?;
        let at = output.metadata().map_err(failed)?.len();
        if planned.size.is_some_and(|size| at >= size) {
            // It is all there, or it is not this file.
            return Ok(());
        }
        let answer = self.client.get(&planned.url, None, at, self.cancel)?;
        let goes_on = answer.status == 206 && answer.range.is_some_and(|(from, _)| from == at);
        let start = if goes_on { at } else { 0 };
        if !goes_on {
            output.set_len(0).map_err(failed)?;
        }
        if answer.status != 200 && !goes_on {
            let reason = io::Error::other("it has not the part that is asked for");
            return Err(Failure::broken_off(&reason));
        }
        output.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut told = Told { tell: self.tell, untold: 0 };
        let end = receive(answer, &mut output, planned.size, start, &mut told, self.cancel);
        self.came += output.stream_position().map_err(failed)?.saturating_sub(start);
        end.map_err(|stop| match stop {
            Stop::Disk(error) => failed(error),
            Stop::Failure(failure) => failure,
            Stop::TooLarge => {
                // Nobody goes on behind it.
                let _ = output.set_len(0);
                let reason = "the file is larger than it says".to_owned();
                Failure::lasting(&planned.url, IndexProblem::Page { reason })
            }
        })
    }
}

/// Why no more is received.
enum Stop {
    Disk(io::Error),
    Failure(Failure),
    TooLarge,
}

/// Bytes that have come, told in larger pieces.
struct Told<'a> {
    tell: &'a Tell,
    untold: u64,
}

impl Told<'_> {
    fn add(&mut self, bytes: u64) {
        self.untold += bytes;
        if self.untold >= TELL_EVERY {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.untold > 0 {
            self.tell.tell(Event::Received { bytes: std::mem::take(&mut self.untold) });
        }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Writes what an answer brings, which stands from `at` on in a file of this size.
fn receive(
    answer: Answer,
    output: &mut File,
    size: Option<u64>,
    mut at: u64,
    told: &mut Told<'_>,
    cancel: &CancelToken,
) -> Result<(), Stop> {
    let broken_off = |error: &io::Error| Stop::Failure(Failure::broken_off(error));
    let mut body = answer.body;
    let end = answer.length.map(|length| at + length);
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken_off(&error)),
        };
        // Looked at behind the wait: what comes after it is nobody's any more.
        if cancel.is_cancelled() {
            return Err(Stop::Failure(Failure::Lasting(Error::Cancelled)));
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        at += count as u64;
        if size.is_some_and(|size| at > size) {
            return Err(Stop::TooLarge);
        }
        output.write_all(bytes).map_err(Stop::Disk)?;
        told.add(count as u64);
    }
    let is_short = |end: Option<u64>| end.is_some_and(|end| at < end);
    if is_short(end) || is_short(size) {
        return Err(broken_off(&io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

/// Puts a file of the cache into the wheelhouse. It is the same file where the file system has links, as uv does with
/// its cache: whoever writes into one writes into both, and the digest tells, since it is looked at before either is
/// used again.
fn put(cached: &Utf8Path, target: &Utf8Path) -> Result<(), Error> {
    place::link_or_copy(cached, target).map_err(Error::io("write", target))
}

fn size_of(path: &Utf8Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Whether a digest is one to go by.
fn is_good(hash: &str) -> bool {
    ["sha256:", "sha384:", "sha512:"].iter().any(|name| hash.starts_with(name))
}
