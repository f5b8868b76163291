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
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::plan::PlannedFile;
use crate::archive::Wheel;
use crate::digest::{self, hex};
use crate::error::Error;
use crate::event::Event;
use crate::index::{Answer, Client, Failure, IndexProblem, patiently};
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
    let (have, want) = kept(files, &places, cancel)?;
    let bytes = want.iter().filter_map(|file| file.file.size).sum();
    on_event(Event::Planned { files: want.len(), bytes, kept: have.len() });
    let mut fetched = Fetched { kept: have.len(), digests: have, ..Fetched::default() };
    let mut order = want.clone();
    order.sort_by_key(|file| std::cmp::Reverse(file.file.size.unwrap_or(u64::MAX)));
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
    let results = workers::run(order.clone(), WORKERS, work, on_event, cancel)?;
    for (file, result) in order.iter().zip(results) {
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
    let mut hashers = Hashers::of(planned);
    hashers.read(&mut File::open(path)?)?;
    let digests = hashers.finish();
    Ok(digests.is_one_of(planned).then_some(digests.sha256))
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
        place(&cached, &target)?;
        tell.tell(Event::Fetched { file: file.file.name.clone(), size: size_of(&target) });
        return Ok((Origin::Cache, digest));
    }
    std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let part = folder.join([&file.file.name, ".part"].concat());
    let mut came = 0;
    let digests = come(client, file, &part, &mut came, tell, cancel)?;
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
    place(&cached, &target)?;
    tell.tell(Event::Fetched { file: file.file.name.clone(), size: size_of(&target) });
    Ok((Origin::Index(came), digests.sha256))
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

/// Lets the content come, going on behind what is there of it, until all of it is there and right.
fn come(
    client: &Client,
    file: &PlannedFile,
    part: &Utf8Path,
    came: &mut u64,
    tell: &Tell,
    cancel: &CancelToken,
) -> Result<Digests, Error> {
    let failed = |error| Error::io("write", part)(error);
    if file.hashes.is_empty() && size_of(part) > 0 {
        // Nothing would tell whether it is a part of what the index has now.
        std::fs::remove_file(part).map_err(failed)?;
    }
    loop {
        let had_part = size_of(part) > 0;
        all_of(client, file, part, came, tell, cancel)?;
        let mut hashers = Hashers::of(file);
        hashers.read(&mut File::open(part).map_err(failed)?).map_err(failed)?;
        let digests = hashers.finish();
        if file.hashes.is_empty() || digests.is_one_of(file) {
            return Ok(digests);
        }
        std::fs::remove_file(part).map_err(failed)?;
        // A part that is wrong, whoever wrote it, is dropped once; what is wrong again is so on the server.
        if !had_part {
            return Err(Error::WrongDigest {
                file: file.file.name.clone(),
                expected: file.hashes.join(", "),
                found: ["sha256:", &digests.sha256].concat(),
            });
        }
    }
}

/// Asks for the content until all of it has come. It is given up after some tries that got no further than those before.
fn all_of(
    client: &Client,
    file: &PlannedFile,
    part: &Utf8Path,
    came: &mut u64,
    tell: &Tell,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let mut furthest = size_of(part);
    let mut is_all = false;
    while !is_all {
        is_all = patiently(&file.file.url, tell, cancel, &mut || {
            let result = piece(client, file, part, came, tell, cancel);
            let now = size_of(part);
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
fn piece(
    client: &Client,
    file: &PlannedFile,
    part: &Utf8Path,
    came: &mut u64,
    tell: &Tell,
    cancel: &CancelToken,
) -> Result<(), Failure> {
    let failed = |error| Failure::Lasting(Error::io("write", part)(error));
    let mut options = OpenOptions::new();
    let mut output = options.create(true).truncate(false).write(true).open(part).map_err(failed)?;
    let at = output.metadata().map_err(failed)?.len();
    if file.file.size.is_some_and(|size| at >= size) {
        // It is all there, or it is not this file.
        return Ok(());
    }
    let answer = client.get(&file.file.url, None, at, cancel)?;
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
    let mut told = Told { tell, untold: 0 };
    let end = receive(answer, &mut output, file.file.size, start, &mut told, cancel);
    *came += output.stream_position().map_err(failed)?.saturating_sub(start);
    end.map_err(|stop| match stop {
        Stop::Disk(error) => failed(error),
        Stop::Failure(failure) => failure,
        Stop::TooLarge => {
            // Nobody goes on behind it.
            let _ = output.set_len(0);
            let problem =
                IndexProblem::Page { reason: "the file is larger than it says".to_owned() };
            Failure::Lasting(Error::Index { url: crate::index::shown(&file.file.url), problem })
        }
    })
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

/// Puts a file of the cache into the wheelhouse: whole or not at all. It is the same file where the file system has
/// links, as uv does with its cache: whoever writes into one writes into both, and the digest tells, since it is looked
/// at before either is used again.
fn place(cached: &Utf8Path, target: &Utf8Path) -> Result<(), Error> {
    let put = || -> io::Result<()> {
        let folder = target.parent().unwrap_or(Utf8Path::new("."));
        let prefix = [".", target.file_name().unwrap_or_default(), "."].concat();
        let mut builder = tempfile::Builder::new();
        let temporary = builder.prefix(&prefix).suffix(".instep-tmp");
        let linked = temporary.make_in(folder, |path| std::fs::hard_link(cached, path));
        let placed = if let Ok(linked) = linked {
            linked.into_temp_path()
        } else {
            let mut copied = temporary.make_in(folder, |path| File::create_new(path))?;
            // On a file system that can, they share their blocks.
            io::copy(&mut File::open(cached)?, copied.as_file_mut())?;
            copied.into_temp_path()
        };
        // What is left of it, where both are links to the same file, goes with `placed`.
        instep_fs::while_in_use(|| std::fs::rename(&placed, target))
    };
    put().map_err(Error::io("write", target))
}

fn size_of(path: &Utf8Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Whether a digest is one to go by.
fn is_good(hash: &str) -> bool {
    ["sha256:", "sha384:", "sha512:"].iter().any(|name| hash.starts_with(name))
}

/// The digests that a plan asks for, and SHA-256.
struct Hashers {
    sha256: Sha256,
    sha384: Option<Sha384>,
    sha512: Option<Sha512>,
}

struct Digests {
    sha256: String,
    others: Vec<String>,
}

impl Hashers {
    fn of(file: &PlannedFile) -> Self {
        let wants = |name: &str| file.hashes.iter().any(|hash| hash.starts_with(name));
        Self {
            sha256: Sha256::new(),
            sha384: wants("sha384:").then(Sha384::new),
            sha512: wants("sha512:").then(Sha512::new),
        }
    }

    fn read(&mut self, file: &mut File) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match file.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            self.sha256.update(bytes);
            if let Some(sha384) = &mut self.sha384 {
                sha384.update(bytes);
            }
            if let Some(sha512) = &mut self.sha512 {
                sha512.update(bytes);
            }
        }
    }

    fn finish(self) -> Digests {
        let sha384 = self.sha384.map(|hasher| ["sha384:", &hex(&hasher.finalize())].concat());
        let sha512 = self.sha512.map(|hasher| ["sha512:", &hex(&hasher.finalize())].concat());
        Digests {
            sha256: hex(&self.sha256.finalize()),
            others: sha384.into_iter().chain(sha512).collect(),
        }
    }
}

impl Digests {
    fn is_one_of(&self, file: &PlannedFile) -> bool {
        let sha256 = ["sha256:", &self.sha256].concat();
        file.hashes.iter().any(|hash| *hash == sha256 || self.others.contains(hash))
    }
}

/// The digest of a file that is there, for who has not read it.
pub(super) fn digest_of(path: &Utf8Path) -> Result<String, Error> {
    digest::of_file(path).map_err(Error::io("read", path))
}
