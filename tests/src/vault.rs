//! A real server that speaks like HashiCorp Vault: `rvault` of RustyVault.
//!
//! Its key-value engine is of version 1. What an engine of version 2 keeps at `NAME`, as versions with their metadata,
//! is written as it is read there, to `data/NAME`. It knows no login by JWT.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use fs_err as fs;

use crate::http::call;
use crate::tools;

/// How long it may take to begin, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server on a port of its own at 127.0.0.1 until it is dropped, open and empty.
#[derive(Debug)]
pub struct VaultServer {
    process: Child,
    _folder: tempfile::TempDir,
    host: String,
    token: String,
}

impl VaultServer {
    /// Begins to serve; the calling test is skipped where there is no `rvault`.
    pub fn start() -> Option<Self> {
        let program = tools::vault()?;
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap();
        // It wants to be told a port, and does not say which it took.
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let host = free.to_string();
        let config = format!(
            "storage \"file\" {{\n  path = \"{folder}/store\"\n}}\nlistener \"tcp\" {{\n  address = \"{host}\"\n  \
             tls_disable = \"true\"\n}}\nwork_dir = \"{folder}\"\nlog_level = \"error\"\n"
        );
        fs::write(folder.join("config.hcl"), config).unwrap();
        let log = fs::File::create(folder.join("server.log")).unwrap().into_file();
        let process = Command::new(program)
            .args(["server", "--config", folder.join("config.hcl").as_str()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { process, _folder: guard, host, token: String::new() };
        server.open();
        Some(server)
    }

    /// As it stands in `VAULT_ADDR`.
    pub fn address(&self) -> String {
        format!("http://{}", self.host)
    }

    /// A token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Keeps a secret with these fields, a JSON object, in the engine at `secret`.
    pub fn put(&self, path: &str, fields: &str) {
        let versions = format!("{{\"data\": {fields}, \"metadata\": {{\"version\": 1}}}}");
        self.write(&format!("/v1/secret/data/{path}"), &versions);
    }

    /// Closes it: nothing can be read any more.
    pub fn seal(&self) {
        self.write("/v1/sys/seal", "");
    }

    fn write(&self, path: &str, content: &str) {
        let token = [("X-Vault-Token", self.token.as_str())];
        let (status, answer) = call(&self.host, "PUT", path, &token, content).unwrap();
        assert!((200..300).contains(&status), "{status} {answer}");
    }

    fn open(&mut self) {
        let begun = Instant::now();
        let once = "{\"secret_shares\": 1, \"secret_threshold\": 1}";
        let answer = loop {
            match call(&self.host, "PUT", "/v1/sys/init", &[], once) {
                Ok((200, answer)) => break answer,
                answer => assert!(begun.elapsed() < PATIENCE, "{answer:?}"),
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("rvault ended: {status}");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let texts: Vec<&str> = answer.split('"').collect();
        let after = |name: &str, step: usize| {
            let at = texts.iter().position(|text| *text == name).unwrap();
            texts.get(at + step).unwrap().to_string()
        };
        self.token = after("root_token", 2);
        self.write("/v1/sys/unseal", &format!("{{\"key\": \"{}\"}}", after("keys", 2)));
    }
}

impl Drop for VaultServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
