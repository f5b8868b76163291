//! A mirror of a real network drive: sshfs from an OpenSSH server on this machine, which is ended in the
//! middle of a sync.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use instep_tests::{Project, long, tools};

use crate::support::json;

/// A server for one user, with keys of its own.
struct Server {
    child: Child,
    program: Utf8PathBuf,
    folder: Utf8PathBuf,
    port: u16,
}

impl Server {
    fn prepare(folder: &Utf8Path) -> Option<Self> {
        let program = tools::system("sshd")?;
        let keygen = tools::system("ssh-keygen")?;
        std::fs::create_dir_all(folder).unwrap();
        for name in ["host", "user"] {
            let key = folder.join(name);
            let mut command = Command::new(&keygen);
            command.args(["-q", "-t", "ed25519", "-N", "", "-f", key.as_str()]);
            assert!(command.status().unwrap().success());
        }
        std::fs::copy(folder.join("user.pub"), folder.join("authorized")).unwrap();
        // As root, it wants a folder to lock itself into.
        if Utf8Path::new("/run").is_dir() {
            let _ = std::fs::create_dir_all("/run/sshd");
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\n\
             AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n\
             Subsystem sftp internal-sftp\n"
        );
        std::fs::write(folder.join("config"), config).unwrap();
        let child = Self::start(&program, folder);
        Some(Self { child, program, folder: folder.to_owned(), port })
    }

    fn start(program: &Utf8Path, folder: &Utf8Path) -> Child {
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f", folder.join("config").as_str()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn restart(&mut self) {
        self.child = Self::start(&self.program, &self.folder);
    }

    /// The server and the processes that it made, the last ones first.
    fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(parent) = all.get(at).copied() {
            at += 1;
            for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
                let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                else {
                    continue;
                };
                let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
                if after.split_whitespace().nth(1) == Some(&parent.to_string()) {
                    all.push(pid);
                }
            }
        }
        all.reverse();
        all
    }

    fn signal(&self, signal: &str) {
        for pid in self.processes() {
            let _ = Command::new("kill").args([signal, &pid.to_string()]).status();
        }
    }

    fn end(&mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder of the server, mounted as long as it lives.
struct Drive(Utf8PathBuf);

impl Drive {
    /// `None` where this machine mounts nothing.
    fn mount(server: &Server, folder: &Utf8Path, at: &Utf8Path) -> Option<Self> {
        let sshfs = tools::system("sshfs")?;
        let user = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(user.stdout).unwrap();
        let place = format!("{}@127.0.0.1:{folder}", user.trim());
        let started = Instant::now();
        loop {
            let mut command = Command::new(&sshfs);
            command.args([place.as_str(), at.as_str(), "-p", &server.port.to_string()]);
            let key = format!("IdentityFile={}", server.folder.join("user"));
            for option in
                ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", &key]
            {
                command.args(["-o", option]);
            }
            let output = command.stdin(Stdio::null()).output().unwrap();
            if output.status.success() {
                return Some(Self(at.to_owned()));
            }
            // The server may not listen yet.
            if started.elapsed() > Duration::from_secs(10) {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                tools::skip(&format!("needs to mount by sshfs: {said}"));
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mirror(project: &Project, args: &[&str]) -> instep_tests::Outcome {
    project.run([&["mirror"], args].concat())
}

#[test]
fn a_drive_that_is_cut_off_in_the_middle_is_caught_up_with_later() {
    let project = Project::new();
    let Some(mut server) = Server::prepare(&project.temp().join("ssh")) else { return };
    let remote = project.temp().join("remote");
    for number in 0..40 {
        let path = remote.join(format!("data/{number}.bin"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, vec![u8::try_from(number).unwrap(); 400_000]).unwrap();
    }
    let at = project.path("drive");
    std::fs::create_dir(&at).unwrap();
    let Some(drive) = Drive::mount(&server, &remote, &at) else { return };
    // A project on a network drive needs no configuration.
    let data = project.temp().join("data");
    let project = project.variable("XDG_DATA_HOME", &data);
    project.write("drive/instep.toml", "");
    let in_drive = |args: &[&str]| {
        let mut command = project.instep([&["mirror"], args].concat());
        command.current_dir(&at);
        project.finish(command)
    };
    let status = json(&in_drive(&["status", "--json"]).stdout);
    assert_eq!(status["onNetworkDrive"], true, "{status}");
    let local = Utf8PathBuf::from(status["local"].as_str().unwrap());
    assert!(local.starts_with(&data), "{local}");

    // Cut off when some of it has arrived.
    let mut command = project.instep(["mirror", "sync", "--verbose"]);
    command.current_dir(&at).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let started = Instant::now();
    while !local.join("data/3.bin").exists() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(2));
    }
    server.end();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be reached") || said.contains("is not there"), "{said}");
    assert!(said.contains("help:"), "{said}");

    // Work goes on with what is there.
    let named = ["--network", at.as_str(), "--local", local.as_str()];
    let arrived = local.join("data").read_dir_utf8().unwrap().count();
    assert!((1..40).contains(&arrived), "{arrived}");
    std::fs::write(local.join("data/0.bin"), "changed meanwhile").unwrap();
    std::fs::write(local.join("made.txt"), "made meanwhile").unwrap();
    mirror(&project, &[&["sync"], &named[..]].concat()).exit(2);

    // And the drive comes back.
    drop(drive);
    server.restart();
    let Some(drive) = Drive::mount(&server, &remote, &at) else { return };
    let outcome = mirror(&project, &[&["sync"], &named[..]].concat());
    assert!(outcome.code.is_some_and(|code| code < 2), "{}", outcome.stderr);
    mirror(&project, &[&["sync"], &named[..]].concat()).success();
    assert_eq!(std::fs::read_to_string(remote.join("made.txt")).unwrap(), "made meanwhile");
    assert_eq!(std::fs::read_to_string(remote.join("data/0.bin")).unwrap(), "changed meanwhile");
    for number in 1..40 {
        let name = format!("data/{number}.bin");
        let (there, here) = (std::fs::read(remote.join(&name)), std::fs::read(local.join(&name)));
        assert!(there.unwrap() == here.unwrap(), "{name}");
    }

    // A drive that hangs: a step before another one ends in its time.
    if long() {
        server.signal("-STOP");
        let started = Instant::now();
        let outcome = mirror(&project, &[&["pre-step"], &named[..]].concat()).exit(2);
        assert!(started.elapsed() < Duration::from_secs(35), "{:?}", started.elapsed());
        assert!(outcome.stderr.contains("did not end within 30 s"), "{}", outcome.stderr);
        assert!(outcome.stdout.contains("SMART_SYNC_ENABLED=true"), "{}", outcome.stdout);
        server.signal("-CONT");
    }
    drop(drive);
}
