//! AWS on this machine: the server of moto, which keeps secrets as Secrets Manager does and checks no signature.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use fs_err as fs;

use crate::http::call;
use crate::tools;

/// How long it may take to begin, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server on a port of its own at 127.0.0.1 until it is dropped, with nothing in it.
#[derive(Debug)]
pub struct AwsServer {
    process: Child,
    _folder: tempfile::TempDir,
    host: String,
}

impl AwsServer {
    /// Begins to serve; the calling test is skipped without the program.
    pub fn start() -> Option<Self> {
        let program = tools::require("moto_server")?;
        let guard = tempfile::tempdir().unwrap();
        let log = Utf8Path::from_path(guard.path()).unwrap().join("server.log");
        let output = fs::File::create(&log).unwrap().into_file();
        let mut process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let host = loop {
            let text = fs::read_to_string(&log).unwrap();
            let told = text.split_once("Running on http://");
            if let Some((host, _)) = told.and_then(|(_, rest)| rest.split_once('\n')) {
                break host.trim().to_owned();
            }
            if let Some(status) = process.try_wait().unwrap() {
                panic!("moto_server ended: {status}\n{text}");
            }
            assert!(begun.elapsed() < PATIENCE, "moto_server does not begin to listen\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        };
        Some(Self { process, _folder: guard, host })
    }

    /// As it stands in `AWS_ENDPOINT_URL`.
    pub fn address(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Keeps a text under a name, in the region `eu-central-1`.
    pub fn put(&self, name: &str, text: &str) {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        let content = format!(
            "{{\"Name\": \"{name}\", \"SecretString\": \"{text}\", \"ClientRequestToken\": \
             \"00000000-0000-4000-8000-000000000000\"}}"
        );
        let credential = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/secretsmanager/aws4_request, \
                          SignedHeaders=host, Signature=0";
        let headers = [
            ("X-Amz-Target", "secretsmanager.CreateSecret"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", credential),
        ];
        let (status, answer) = call(&self.host, "POST", "/", &headers, &content).unwrap();
        assert_eq!(status, 200, "{answer}");
    }
}

impl Drop for AwsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
