//! A child process together with everything it starts. Ending a package installer must end the compilers and git
//! clones below it too, or they go on writing into an environment that somebody else is about to repair. On Unix the
//! child leads a process group of its own; on Windows it lives in a job object. A descendant that makes a session of
//! its own (`setsid`) has left the tree on purpose and is not followed.

use std::io;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How often a start is tried again when the program is still open for writing in another thread's fresh fork.
const BUSY_RETRIES: u32 = 20;
/// How long killed processes may take to disappear. Only the kernel can hold them longer, or a container whose first
/// process does not reap: there the dead stay in their group as zombies, and there is nothing to wait for.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(2);

/// A running child and its descendants. Dropped before the child has ended, it kills them all.
#[derive(Debug)]
pub(crate) struct Tree {
    platform: platform::Tree,
    status: Option<ExitStatus>,
}

impl Tree {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Tree> {
        let mut tries = 0;
        loop {
            match platform::Tree::spawn(command) {
                // A program written a moment ago by this process can be held open, for as long as a fork takes to
                // reach its exec, by a child that another thread is starting (golang/go#22315).
                Err(error)
                    if error.kind() == io::ErrorKind::ExecutableFileBusy
                        && tries < BUSY_RETRIES =>
                {
                    tries += 1;
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error),
                Ok(platform) => return Ok(Tree { platform, status: None }),
            }
        }
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.platform.take_stdout()
    }

    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.platform.take_stderr()
    }

    /// The child's exit status once it has ended; its descendants may still run.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.platform.try_wait()?;
        }
        Ok(self.status)
    }

    /// Asks all to end. On Windows, where there is nothing to ask with, this kills them.
    pub(crate) fn terminate(&mut self) {
        self.platform.terminate();
    }

    /// Ends all, whether they like it or not.
    pub(crate) fn kill(&mut self) {
        self.platform.kill();
    }

    /// Whether neither the child nor any descendant is left.
    pub(crate) fn is_gone(&mut self) -> bool {
        // A child that cannot be waited for is not waited for any longer.
        let ended = self.try_wait().map_or(true, |status| status.is_some());
        ended && self.platform.is_empty()
    }

    /// Lets go of what the child has left behind, such as a daemon it started: it may live on.
    pub(crate) fn release(mut self) {
        self.platform.release();
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if matches!(self.try_wait(), Ok(None)) {
            self.platform.kill();
            // Spares the host a zombie; nobody is left to be told if it fails.
            let killed = Instant::now();
            while matches!(self.try_wait(), Ok(None)) && killed.elapsed() < KILL_GRACE {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};

    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

    #[derive(Debug)]
    pub(super) struct Tree {
        child: Child,
        group: Option<Pid>,
    }

    impl Tree {
        pub(super) fn spawn(command: &mut Command) -> io::Result<Tree> {
            let child = command.process_group(0).spawn()?;
            let group = Pid::from_child(&child);
            Ok(Tree { child, group: Some(group) })
        }

        pub(super) fn take_stdout(&mut self) -> Option<ChildStdout> {
            self.child.stdout.take()
        }

        pub(super) fn take_stderr(&mut self) -> Option<ChildStderr> {
            self.child.stderr.take()
        }

        pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            self.child.try_wait()
        }

        pub(super) fn terminate(&mut self) {
            self.signal(Signal::TERM);
        }

        pub(super) fn kill(&mut self) {
            self.signal(Signal::KILL);
        }

        pub(super) fn is_empty(&self) -> bool {
            // Any error: macOS answers for a group of zombies that one may not.
            self.group.is_none_or(|group| test_kill_process_group(group).is_err())
        }

        pub(super) fn release(&mut self) {
            self.group = None;
        }

        fn signal(&self, signal: Signal) {
            if let Some(group) = self.group {
                // It fails only when the group is empty, which is what is wanted.
                let _ = kill_process_group(group, signal);
            }
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::io;
    use std::os::windows::io::AsRawHandle;
    use std::os::windows::process::CommandExt;
    use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
    use std::sync::Arc;

    use process_wrap::std::{ChildWrapper, CommandWrap, CommandWrapper, JobObject};
    use win32job::{ExtendedLimitInfo, Job};

    /// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
    const CREATE_SUSPENDED: u32 = 0x0000_0004;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;

    #[derive(Debug)]
    pub(super) struct Tree {
        child: Box<dyn ChildWrapper>,
        outer: Arc<Job>,
    }

    impl Tree {
        pub(super) fn spawn(command: &mut Command) -> io::Result<Tree> {
            let mut limits = ExtendedLimitInfo::new();
            limits.limit_kill_on_job_close();
            let outer = Arc::new(Job::create_with_limit_info(&limits).map_err(io::Error::other)?);
            let mut wrap = CommandWrap::from(std::mem::replace(command, Command::new("")));
            wrap.wrap(JobObject).wrap(KillOnClose { job: Arc::clone(&outer) });
            let child = wrap.spawn();
            *command = wrap.into_command();
            Ok(Tree { child: child?, outer })
        }

        pub(super) fn take_stdout(&mut self) -> Option<ChildStdout> {
            self.child.stdout().take()
        }

        pub(super) fn take_stderr(&mut self) -> Option<ChildStderr> {
            self.child.stderr().take()
        }

        pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            self.child.try_wait()
        }

        pub(super) fn terminate(&mut self) {
            self.kill();
        }

        pub(super) fn kill(&mut self) {
            // It fails only when the job is empty, which is what is wanted.
            let _ = self.child.start_kill();
        }

        pub(super) fn is_empty(&self) -> bool {
            self.outer.query_process_id_list().map_or(true, |ids| ids.is_empty())
        }

        pub(super) fn release(&mut self) {
            // Best effort: what was left behind ends with this process's handle then.
            let _ = self.outer.set_extended_limit_info(&ExtendedLimitInfo::new());
        }
    }

    /// Puts the child, while it is still suspended for [`JobObject`], into an outer job that dies with our handle.
    /// So it ends with us even when we are killed, before anybody who waits for our lock starts to work.
    #[derive(Debug)]
    struct KillOnClose {
        job: Arc<Job>,
    }

    impl CommandWrapper for KillOnClose {
        fn pre_spawn(&mut self, command: &mut Command, _core: &CommandWrap) -> io::Result<()> {
            // Replaces the flags that JobObject, registered before, has set.
            command.creation_flags(CREATE_SUSPENDED | CREATE_NO_WINDOW);
            Ok(())
        }

        fn post_spawn(
            &mut self,
            _command: &mut Command,
            child: &mut Child,
            _core: &CommandWrap,
        ) -> io::Result<()> {
            self.job.assign_process(child.as_raw_handle() as isize).map_err(|error| {
                // Suspended and in no job, it would stay for ever.
                let _ = child.kill();
                io::Error::other(error)
            })
        }
    }
}
