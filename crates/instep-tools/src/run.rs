//! The one place where child processes are started. A [`Run`] is given its environment as a value, hands on each line
//! of output as it comes, can be cancelled and timed out at any moment, and never leaves a process of its own behind
//! when it was.

use std::fs::File;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::command_line;
use crate::output::{Arrival, Collected, Output, Readers, Stream};
use crate::programs::on_path;
use crate::tree::{KILL_GRACE, Tree};
use crate::{CancelToken, Environment, Error};

/// How often the cancel token is looked at.
const POLL: Duration = Duration::from_millis(25);
/// How often `on_tick` is called.
const TICK: Duration = Duration::from_millis(100);
/// How long children that were asked to end have before they are killed.
const TERMINATE_GRACE: Duration = Duration::from_secs(2);
/// How long the output of an ended program is waited for while nothing arrives: a descendant that lives on may hold
/// the pipe open for ever.
const PIPE_GRACE: Duration = Duration::from_secs(1);
/// The same while something still arrives.
const PIPE_LIMIT: Duration = Duration::from_secs(10);

/// A command that is to be run: built step by step, then [run](Run::run), any number of times.
///
/// The program is a path, or a bare name that is looked up on the environment's `PATH`. Its standard input is empty
/// unless [`stdin`](Run::stdin) gives it one.
#[derive(Debug)]
pub struct Run {
    program: Utf8PathBuf,
    args: Vec<String>,
    cwd: Utf8PathBuf,
    environment: Environment,
    stdin: Option<File>,
    timeout: Option<Duration>,
    is_kept: bool,
}

impl Run {
    /// A command that sees [`environment.for_tools()`](Environment::for_tools) and works in its folder.
    pub fn new(program: impl Into<Utf8PathBuf>, environment: &Environment) -> Run {
        Run {
            program: program.into(),
            args: Vec::new(),
            cwd: environment.cwd().to_owned(),
            environment: environment.for_tools(),
            stdin: None,
            timeout: None,
            is_kept: true,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<str>) -> Run {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    pub fn args<A: AsRef<str>>(self, args: impl IntoIterator<Item = A>) -> Run {
        args.into_iter().fold(self, Run::arg)
    }

    /// Lets it work in another folder, absolute or relative to the environment's.
    pub fn cwd(mut self, folder: impl AsRef<Utf8Path>) -> Run {
        self.cwd = self.environment.cwd().join(folder);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<str>) -> Run {
        self.environment = self.environment.with_var(name, value.as_ref());
        self
    }

    /// Sets several variables, such as those of [`IndexSettings::to_uv_env`](crate::IndexSettings::to_uv_env).
    pub fn envs<N: AsRef<str>, V: AsRef<str>>(
        self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Run {
        variables.into_iter().fold(self, |run, (name, value)| run.env(name.as_ref(), value))
    }

    /// Removes a variable.
    pub fn env_remove(mut self, name: &str) -> Run {
        self.environment = self.environment.without_var(name);
        self
    }

    /// Gives it an open file as its standard input. A share of a lock given this way keeps the lock held, on Unix,
    /// until the program has ended, even if the host is killed first.
    pub fn stdin(mut self, file: File) -> Run {
        self.stdin = Some(file);
        self
    }

    /// Ends it after this time with [`Error::TimedOut`]. Without it there is no limit.
    pub fn timeout(mut self, timeout: Duration) -> Run {
        self.timeout = Some(timeout);
        self
    }

    /// Keeps nothing of what it writes for [`Output`], which is empty then: for a program that may write without an
    /// end. Lines are handed on as ever; one that is longer than 64 KiB comes in parts.
    pub fn keep_no_output(mut self) -> Run {
        self.is_kept = false;
        self
    }

    /// The command as one line for people: shell-quoted and redacted.
    pub fn command_line(&self) -> String {
        command_line::show(self.program.as_str(), self.args.iter().map(String::as_str))
    }

    /// Runs it to its end. `on_line` gets each line of output as it arrives, redacted; lines that were rewritten with
    /// `\r` come one by one.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] for any exit but 0; [`Error::NotFound`], [`Error::WorkingFolder`] and [`Error::Spawn`] when
    /// it did not start; [`Error::Cancelled`] and [`Error::TimedOut`] after all its processes were ended.
    pub fn run(
        &self,
        cancel: &CancelToken,
        on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<Output, Error> {
        self.run_with_tick(cancel, on_line, &mut || {})
    }

    /// Like [`run`](Run::run), and calls `on_tick` about every 100 ms, so that a caller can look how far it is.
    ///
    /// # Errors
    ///
    /// As for [`run`](Run::run).
    pub fn run_with_tick(
        &self,
        cancel: &CancelToken,
        on_line: &mut dyn FnMut(Stream, &str),
        on_tick: &mut dyn FnMut(),
    ) -> Result<Output, Error> {
        self.run_limited(self.timeout, cancel, on_line, on_tick)
    }

    fn run_limited(
        &self,
        timeout: Option<Duration>,
        cancel: &CancelToken,
        on_line: &mut dyn FnMut(Stream, &str),
        on_tick: &mut dyn FnMut(),
    ) -> Result<Output, Error> {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled { command: self.command_line() });
        }
        let started = Instant::now();
        let mut tree = self.spawn()?;
        let readers = Readers::start(tree.take_stdout(), tree.take_stderr())
            .map_err(|source| Error::Wait { command: self.command_line(), source })?;
        let mut collected = Collected::new(self.is_kept);
        let mut exit: Option<(ExitStatus, Instant)> = None;
        let mut ticked = started;

        let status = loop {
            let arrival = readers.next(POLL);
            if let Arrival::Bytes(stream, bytes) = &arrival {
                collected.take(*stream, bytes, on_line);
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                on_tick();
            }
            if cancel.is_cancelled() {
                end(&mut tree, &readers);
                return Err(Error::Cancelled { command: self.command_line() });
            }
            if let Some(after) = timeout.filter(|limit| started.elapsed() >= *limit) {
                end(&mut tree, &readers);
                let tail = collected.into_tail(on_line);
                return Err(Error::TimedOut { command: self.command_line(), after, tail });
            }
            if exit.is_none() {
                let status = tree
                    .try_wait()
                    .map_err(|source| Error::Wait { command: self.command_line(), source })?;
                exit = status.map(|status| (status, Instant::now()));
            }
            if let Some((status, at)) = exit {
                let done = match arrival {
                    Arrival::End => true,
                    Arrival::Nothing => at.elapsed() >= PIPE_GRACE,
                    Arrival::Bytes(..) => at.elapsed() >= PIPE_LIMIT,
                };
                if done {
                    break status;
                }
            }
        };
        tree.release();
        if status.success() {
            return Ok(collected.into_output(on_line));
        }
        let tail = collected.into_tail(on_line);
        Err(Error::Failed { command: self.command_line(), code: status.code(), tail })
    }

    /// Runs a short question, whose lines nobody wants to see.
    pub(crate) fn run_within(&self, time: Duration, cancel: &CancelToken) -> Result<Output, Error> {
        self.run_limited(Some(time), cancel, &mut |_, _| {}, &mut || {})
    }

    pub(crate) fn program(&self) -> &Utf8Path {
        &self.program
    }

    fn spawn(&self) -> Result<Tree, Error> {
        let program = self.resolve()?;
        let stdin = match &self.stdin {
            None => Stdio::null(),
            Some(file) => Stdio::from(file.try_clone().map_err(|source| self.not_started(source))?),
        };
        let mut command = Command::new(&program);
        command
            .args(&self.args)
            .current_dir(&self.cwd)
            .env_clear()
            .envs(self.environment.vars_os())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Tree::spawn(&mut command).map_err(|source| {
            if source.kind() != io::ErrorKind::NotFound {
                self.not_started(source)
            } else if !self.cwd.is_dir() {
                Error::WorkingFolder { command: self.command_line(), folder: self.cwd.clone() }
            } else if program.exists() {
                self.not_started(source)
            } else {
                Error::NotFound { program: program.into_string() }
            }
        })
    }

    /// The path to start: never left to the system, whose rules for relative paths and for `PATH` differ by platform.
    fn resolve(&self) -> Result<Utf8PathBuf, Error> {
        if self.program.components().count() > 1 {
            return Ok(self.environment.cwd().join(&self.program));
        }
        on_path(&self.environment, self.program.as_str())
            .next()
            .ok_or_else(|| Error::NotFound { program: self.program.to_string() })
    }

    fn not_started(&self, source: io::Error) -> Error {
        Error::Spawn { command: self.command_line(), source }
    }
}

/// Ends all processes of the tree: asked first, then killed. Their output is still read, so that none of them hangs
/// on a full pipe while it cleans up.
fn end(tree: &mut Tree, readers: &Readers) {
    tree.terminate();
    if !gone_within(TERMINATE_GRACE, tree, readers) {
        tree.kill();
        gone_within(KILL_GRACE, tree, readers);
    }
}

fn gone_within(time: Duration, tree: &mut Tree, readers: &Readers) -> bool {
    let started = Instant::now();
    loop {
        if tree.is_gone() {
            return true;
        }
        if started.elapsed() >= time {
            return false;
        }
        readers.next(Duration::from_millis(10));
    }
}
