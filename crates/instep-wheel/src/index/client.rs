//! Asking indexes.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{Read, Seek as _, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{CancelToken, Environment, IndexSettings};
use pep508_rs::PackageName;
use ureq::Body;
use ureq::http::header::HeaderMap;
use url::Url;

use super::credentials::Credentials;
use super::page::{self, Form};
use super::sources::Sources;
use super::transport::Transport;
use super::{IndexFile, IndexProblem, shown};
use crate::digest;
use crate::error::Error;
use crate::event::Event;
use crate::file_name::FileName;
use crate::workers::{self, Tell};

/// The largest page that is read. Those of the largest projects have some ten megabytes.
const LARGEST_PAGE_MB: u64 = 256;
/// Requests wait for their server most of the time.
const WORKERS: usize = 16;
/// How often something is tried that may pass.
const TRIES: u32 = 5;
/// How often in a row a server may send to another address; curl, pip and uv have limits of this order.
const MOST_REDIRECTS: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Asks the indexes that pip and uv would ask, as they would. Clones share their connections.
///
/// What several indexes have of a package is taken together, as pip does.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    sources: Sources,
    credentials: Credentials,
    transport: Transport,
    /// What the pages and folders of `find-links` have.
    links: OnceLock<Vec<IndexFile>>,
}

/// What a server sent.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where it came from in the end.
    pub(crate) url: Url,
    pub(crate) content_type: String,
    /// Where the content begins that is sent, and the size of the whole, if only a part is.
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// Bytes that are to come.
    pub(crate) length: Option<u64>,
    pub(crate) body: Box<dyn Read + Send>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may pass. The wait is what the server asked for.
    Passing { problem: IndexProblem, wait: Option<Duration> },
    /// It will not.
    Lasting(Error),
}

impl Failure {
    pub(crate) fn lasting(url: &Url, problem: IndexProblem) -> Self {
        Self::Lasting(Error::Index { url: shown(url), problem })
    }

    pub(crate) fn broken_off(reason: &std::io::Error) -> Self {
        let problem = IndexProblem::Unreachable { reason: reason.to_string() };
        Self::Passing { problem, wait: None }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let indexes: Vec<String> = self.inner.sources.indexes.iter().map(shown).collect();
        formatter.debug_struct("Client").field("indexes", &indexes).finish_non_exhaustive()
    }
}

impl Client {
    /// `settings` are pip's; uv's variables are those of `variables`, and win.
    ///
    /// # Errors
    ///
    /// [`Error::Index`] for an address, a proxy or a certificate that cannot be used.
    pub fn new(settings: &IndexSettings, variables: &Environment) -> Result<Self, Error> {
        let sources = Sources::of(settings, variables)?;
        let credentials = Credentials::of(&sources, variables);
        let transport = Transport::of(settings, variables)?;
        let links = OnceLock::new();
        Ok(Self { inner: Arc::new(Inner { sources, credentials, transport, links }) })
    }

    /// What the indexes have of these packages, of each its files. One that no index knows has none.
    ///
    /// # Errors
    ///
    /// [`Error::Index`] where an index gives no answer for a package, of the first one that has none; the others are
    /// not asked for any more then. [`Error::Cancelled`].
    pub fn projects(
        &self,
        names: &[PackageName],
        on_event: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Result<BTreeMap<PackageName, Vec<IndexFile>>, Error> {
        on_event(Event::Asking { packages: names.len() });
        let (client, token) = (self.clone(), cancel.clone());
        let links = {
            let (client, token) = (self.clone(), cancel.clone());
            let work = move |(): &(), tell: &Tell| client.links(tell, &token);
            let found = workers::run(vec![()], 1, work, on_event, cancel)?;
            found.into_iter().next().transpose()?.unwrap_or_default()
        };
        let has_failed = AtomicBool::new(false);
        let work = move |name: &PackageName, tell: &Tell| {
            // An index that refuses one, or is not there, would do so for each of the others.
            if has_failed.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let files = client.project(name, tell, &token);
            has_failed.fetch_or(files.is_err(), Ordering::Relaxed);
            files.map(Some)
        };
        let found = workers::run(names.to_vec(), WORKERS, work, on_event, cancel)?;
        let found = found.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let mut projects = BTreeMap::new();
        for (name, files) in names.iter().zip(found) {
            let mut files = files.unwrap_or_default();
            for link in links.iter().filter(|link| is_of(&link.name, name)) {
                files.push(with_digest(link.clone())?);
            }
            projects.insert(name.clone(), files);
        }
        Ok(projects)
    }

    fn project(
        &self,
        name: &PackageName,
        tell: &Tell,
        cancel: &CancelToken,
    ) -> Result<Vec<IndexFile>, Error> {
        let mut files = Vec::new();
        for index in &self.inner.sources.indexes {
            let Ok(url) = index.join(&[name.as_ref(), "/"].concat()) else { continue };
            files.extend(self.page(&url, true, tell, cancel)?);
        }
        Ok(files)
    }

    /// What `find-links` leads to.
    fn links(&self, tell: &Tell, cancel: &CancelToken) -> Result<Vec<IndexFile>, Error> {
        if let Some(links) = self.inner.links.get() {
            return Ok(links.clone());
        }
        let mut files = Vec::new();
        for place in &self.inner.sources.find_links {
            match local(place) {
                Some(path) if path.is_dir() => files.extend(folder(&path)?),
                _ => files.extend(self.page(place, false, tell, cancel)?),
            }
        }
        Ok(self.inner.links.get_or_init(|| files).clone())
    }

    /// The files of a page; none where it is not there and may be missing.
    fn page(
        &self,
        url: &Url,
        may_be_missing: bool,
        tell: &Tell,
        cancel: &CancelToken,
    ) -> Result<Vec<IndexFile>, Error> {
        patiently(url, tell, cancel, &mut || {
            let answer = match self.get(url, Some(page::ACCEPT), 0, cancel) {
                Err(Failure::Lasting(Error::Index {
                    problem: IndexProblem::Status { status: 404 | 410 },
                    ..
                })) if may_be_missing => return Ok(Vec::new()),
                answer => answer?,
            };
            let refused = |problem| Failure::lasting(url, problem);
            let form = Form::of(&answer.content_type).ok_or_else(|| {
                refused(IndexProblem::ContentType { found: answer.content_type.clone() })
            })?;
            let most = LARGEST_PAGE_MB << 20;
            let mut bytes = Vec::new();
            let read = answer.body.take(most + 1).read_to_end(&mut bytes);
            read.map_err(|error| Failure::broken_off(&error))?;
            if bytes.len() as u64 > most {
                return Err(refused(IndexProblem::TooLarge { most: LARGEST_PAGE_MB }));
            }
            page::parse(form, &bytes, &answer.url).map_err(refused)
        })
    }

    /// Asks for an address, from a byte on. `accept` is for pages; contents of files come as they are.
    ///
    /// Where it sends to another address, that one is asked as if it had been meant: by its own proxy, with its own
    /// login, and its certificate is checked unless that host is trusted.
    pub(crate) fn get(
        &self,
        url: &Url,
        accept: Option<&str>,
        from: u64,
        cancel: &CancelToken,
    ) -> Result<Answer, Failure> {
        if let Some(path) = local(url) {
            return read_local(url, &path, from).map_err(Failure::Lasting);
        }
        let mut at = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let known = self.inner.credentials.login(&at);
            let mut answer = self.ask(&at, accept, from, known.as_ref())?;
            if answer.status() == 401
                && let Some(login) = self.inner.credentials.asked(&at, cancel)
            {
                answer = self.ask(&at, accept, from, Some(&login))?;
            }
            match redirect(&at, &answer)? {
                Some(next) => at = next,
                None => return judge(at, from, answer),
            }
        }
        Err(astray(url, "it sends from one address to the next, without an end"))
    }

    fn ask(
        &self,
        url: &Url,
        accept: Option<&str>,
        from: u64,
        login: Option<&(String, String)>,
    ) -> Result<ureq::http::Response<Body>, Failure> {
        // What is in the address is said in a header, and only where it is meant for this server.
        let mut bare = url.clone();
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        let mut request = self.inner.transport.agent(url).get(bare.as_str());
        request = match accept {
            Some(accept) => request.header("Accept", accept),
            None => request.header("Accept-Encoding", "identity"),
        };
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        if let Some((user, password)) = login {
            let encoded = STANDARD.encode([user, ":", password].concat());
            request = request.header("Authorization", ["Basic ", &encoded].concat());
        }
        request.call().map_err(|error| failure(url, &error))
    }
}

/// Tries it as often as it may pass, with a growing wait between.
pub(crate) fn patiently<T>(
    url: &Url,
    tell: &Tell,
    cancel: &CancelToken,
    work: &mut dyn FnMut() -> Result<T, Failure>,
) -> Result<T, Error> {
    let mut tries = 0;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match work() {
            Ok(found) => return Ok(found),
            Err(Failure::Lasting(error)) => return Err(error),
            Err(Failure::Passing { problem, wait }) => {
                tries += 1;
                if tries == TRIES {
                    return Err(Error::Index { url: shown(url), problem });
                }
                let reason = problem.to_string();
                tell.tell(Event::Retrying { url: shown(url), reason });
                pause(wait.unwrap_or_else(|| backing_off(tries)), cancel);
            }
        }
    }
}

/// Where an answer sends to, if it does.
fn redirect(url: &Url, answer: &ureq::http::Response<Body>) -> Result<Option<Url>, Failure> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let next = header(answer.headers(), "Location").and_then(|place| url.join(place).ok());
    match next.filter(|next| matches!(next.scheme(), "http" | "https")) {
        Some(next) => Ok(Some(next)),
        None => Err(astray(url, "it sends to what is no address of a server")),
    }
}

fn astray(url: &Url, reason: &str) -> Failure {
    Failure::lasting(url, IndexProblem::Unreachable { reason: reason.to_owned() })
}

/// What an answer is worth that came from an address.
fn judge(url: Url, from: u64, answer: ureq::http::Response<Body>) -> Result<Answer, Failure> {
    let status = answer.status().as_u16();
    let headers = answer.headers();
    let text = |name: &str| header(headers, name).unwrap_or_default().to_owned();
    match status {
        200 | 206 => {}
        // Nothing is left from there on.
        416 if from > 0 => {}
        408 | 425 | 429 | 500..=599 => {
            let wait = header(headers, "Retry-After").and_then(|wait| wait.trim().parse().ok());
            let wait = wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
            return Err(Failure::Passing { problem: IndexProblem::Status { status }, wait });
        }
        _ => return Err(Failure::lasting(&url, IndexProblem::Status { status })),
    }
    let range = if status == 206 { range_of(&text("Content-Range")) } else { None };
    let content_type = text("Content-Type");
    let length = answer.body().content_length();
    let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    Ok(Answer { status, url, content_type, range, length, body: Box::new(body) })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `bytes START-END/SIZE`: where it begins, and the size of the whole.
fn range_of(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, size.trim().parse().ok()))
}

fn failure(url: &Url, error: &ureq::Error) -> Failure {
    let reason = instep_tools::redact(&error.to_string()).into_owned();
    let problem = IndexProblem::Unreachable { reason };
    match error {
        // What is said of a certificate that is not trusted: it will be none the next time.
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Failure::lasting(url, problem)
        }
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => Failure::Passing { problem, wait: None },
        _ => Failure::lasting(url, problem),
    }
}

/// Half a second, then twice as long each time; a part of it by chance, so that many do not come back together.
fn backing_off(tries: u32) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(8));
    let chance = RandomState::new().build_hasher().finish() % 512;
    whole.mul_f64(0.75 + f64::from(u16::try_from(chance).unwrap_or_default()) / 1024.0)
}

fn pause(time: Duration, cancel: &CancelToken) {
    let end = Instant::now() + time;
    while !cancel.is_cancelled() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// The path of a `file:` address.
fn local(url: &Url) -> Option<Utf8PathBuf> {
    if url.scheme() != "file" {
        return None;
    }
    Utf8PathBuf::from_path_buf(url.to_file_path().ok()?).ok()
}

/// A file, or the page of a folder.
fn read_local(url: &Url, path: &Utf8Path, from: u64) -> Result<Answer, Error> {
    let path = if path.is_dir() { path.join("index.html") } else { path.to_owned() };
    let mut file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let problem = IndexProblem::Status { status: 404 };
            return Err(Error::Index { url: shown(url), problem });
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let size = file.metadata().map_err(Error::io("read", &path))?.len();
    let from = from.min(size);
    file.seek(SeekFrom::Start(from)).map_err(Error::io("read", &path))?;
    Ok(Answer {
        status: if from > 0 { 206 } else { 200 },
        url: url.clone(),
        content_type: String::new(),
        range: (from > 0).then_some((from, Some(size))),
        length: Some(size - from),
        body: Box::new(file),
    })
}

/// The archives in a folder.
fn folder(path: &Utf8Path) -> Result<Vec<IndexFile>, Error> {
    let mut files = Vec::new();
    for entry in path.read_dir_utf8().map_err(Error::io("read", path))? {
        let entry = entry.map_err(Error::io("read", path))?;
        let name = entry.file_name();
        let is_archive = name.parse::<FileName>().is_ok() || name.ends_with(".tar.gz");
        let Some(url) = Url::from_file_path(entry.path()).ok().filter(|_| is_archive) else {
            continue;
        };
        let size = entry.metadata().ok().map(|metadata| metadata.len());
        files.push(IndexFile {
            name: name.to_owned(),
            url,
            hashes: BTreeMap::new(),
            size,
            requires_python: None,
            yanked: None,
        });
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// Whether a file is of a project.
fn is_of(file: &str, name: &PackageName) -> bool {
    if let Ok(wheel) = file.parse::<FileName>() {
        return wheel.name == *name;
    }
    let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip")).unwrap_or(file);
    let project = stem.rsplit_once('-').map(|(project, _)| project);
    project.and_then(|project| project.parse().ok()).as_ref() == Some(name)
}

/// A local file tells its digest itself.
fn with_digest(mut file: IndexFile) -> Result<IndexFile, Error> {
    if let Some(path) = local(&file.url).filter(|_| file.hashes.is_empty()) {
        let digest = digest::of_file(&path).map_err(Error::io("read", &path))?;
        file.hashes.insert("sha256".to_owned(), digest);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_begins() {
        let table = [
            ("bytes 100-199/200", Some((100, Some(200)))),
            ("bytes 0-0/*", Some((0, None))),
            ("bytes */200", None),
            ("items 1-2/3", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(range_of(text), expected, "{text}");
        }
    }

    #[test]
    fn waits_grow_and_are_never_longer_than_one_and_a_quarter() {
        for tries in 1..=4 {
            let whole = FIRST_WAIT * 2_u32.pow(tries - 1);
            for _ in 0..50 {
                let wait = backing_off(tries);
                assert!(wait >= whole.mul_f64(0.75) && wait <= whole.mul_f64(1.25), "{wait:?}");
            }
        }
    }

    #[test]
    fn files_are_known_by_their_project() {
        let name: PackageName = "my-tool".parse().unwrap();
        let table = [
            ("my_tool-1.0-py3-none-any.whl", true),
            ("My.Tool-1.0.tar.gz", true),
            ("my_tool_extra-1.0-py3-none-any.whl", false),
            ("my_tool.zip", false),
        ];
        for (file, expected) in table {
            assert_eq!(is_of(file, &name), expected, "{file}");
        }
    }
}
