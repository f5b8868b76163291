//! Small, valid wheels, as the binary distribution format specifies them:
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;

/// A wheel to be. It holds one module with the package's version, unless it is given files of its own.
#[derive(Clone, Debug)]
pub struct Wheel {
    name: String,
    version: String,
    tag: String,
    headers: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    scripts: Vec<(String, String)>,
}

impl Wheel {
    /// A wheel for every Python and platform.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            tag: "py3-none-any".into(),
            headers: Vec::new(),
            files: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// Adds a requirement, as in `other>=1; python_version >= "3.9"`.
    pub fn requires(mut self, requirement: &str) -> Self {
        self.headers.push(format!("Requires-Dist: {requirement}"));
        self
    }

    /// Adds an extra with its requirements.
    pub fn extra(mut self, extra: &str, requirements: &[&str]) -> Self {
        self.headers.push(format!("Provides-Extra: {extra}"));
        for requirement in requirements {
            self.headers.push(format!("Requires-Dist: {requirement}; extra == '{extra}'"));
        }
        self
    }

    /// Says which Pythons it is for, as in `>=3.11`.
    pub fn requires_python(mut self, specifier: &str) -> Self {
        self.headers.push(format!("Requires-Python: {specifier}"));
        self
    }

    /// Sets the compatibility tag, as in `cp311-cp311-linux_x86_64`.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.into();
        self
    }

    /// Adds a file at a path relative to site-packages.
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.push((path.into(), content.as_ref().into()));
        self
    }

    /// Adds a console script, as in `script("tool", "package.module:main")`.
    pub fn script(mut self, name: &str, target: &str) -> Self {
        self.scripts.push((name.into(), target.into()));
        self
    }

    /// The wheel's file name.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.whl", self.escaped_name(), self.version, self.tag)
    }

    /// Writes it into the folder, which is made when missing. The same wheel gives the same bytes.
    pub fn build(&self, folder: &Utf8Path) -> Utf8PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(self.file_name());
        let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, content) in self.entries() {
            archive.start_file(name, SimpleFileOptions::default()).unwrap();
            archive.write_all(&content).unwrap();
        }
        archive.finish().unwrap();
        path
    }

    fn entries(&self) -> Vec<(String, Vec<u8>)> {
        let dist_info = format!("{}-{}.dist-info", self.escaped_name(), self.version);
        let mut entries = self.files.clone();
        if entries.is_empty() {
            let module = format!("{}.py", self.escaped_name());
            entries.push((module, format!("__version__ = \"{}\"\n", self.version).into()));
        }
        entries.push((format!("{dist_info}/METADATA"), self.metadata().into()));
        entries.push((format!("{dist_info}/WHEEL"), self.wheel().into()));
        if !self.scripts.is_empty() {
            entries.push((format!("{dist_info}/entry_points.txt"), self.entry_points().into()));
        }
        let record = format!("{dist_info}/RECORD");
        let mut lines = String::new();
        for (path, content) in &entries {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
            writeln!(lines, "{},sha256={digest},{}", csv_field(path), content.len()).unwrap();
        }
        writeln!(lines, "{record},,").unwrap();
        entries.push((record, lines.into()));
        entries
    }

    fn metadata(&self) -> String {
        let mut text = format!(
            "Metadata-Version: 2.1\nName: {}\nVersion: {}\nSummary: For a test\n",
            self.name, self.version
        );
        for header in &self.headers {
            writeln!(text, "{header}").unwrap();
        }
        text
    }

    fn wheel(&self) -> String {
        let pure = self.tag.ends_with("-none-any");
        format!(
            "Wheel-Version: 1.0\nGenerator: instep-tests\nRoot-Is-Purelib: {pure}\nTag: {}\n",
            self.tag
        )
    }

    fn entry_points(&self) -> String {
        let mut text = "[console_scripts]\n".to_owned();
        for (name, target) in &self.scripts {
            writeln!(text, "{name} = {target}").unwrap();
        }
        text
    }

    /// The name as file names have it: lower case, one `_` for each run of `-_.`.
    fn escaped_name(&self) -> String {
        crate::installed::normalized(&self.name).replace('-', "_")
    }
}

fn csv_field(path: &str) -> String {
    if path.contains([',', '"']) {
        format!("\"{}\"", path.replace('"', "\"\""))
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::installed;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(guard.path().canonicalize().unwrap()).unwrap();
        (guard, path)
    }

    fn sample() -> Wheel {
        Wheel::new("My.Tool", "1.0")
            .requires("other>=1")
            .extra("fast", &["quick"])
            .requires_python(">=3.9")
            .file("my_tool/__init__.py", "")
            .file("my_tool/a,b.txt", "a name that RECORD has to quote\n")
            .file("my_tool/main.py", "def main():\n    print('it runs')\n")
            .script("my-tool", "my_tool.main:main")
    }

    #[test]
    fn the_same_wheel_gives_the_same_bytes() {
        let (_guard, folder) = folder();
        let first = fs::read(sample().build(&folder.join("a"))).unwrap();
        let second = fs::read(sample().build(&folder.join("b"))).unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn every_file_of_record_has_its_digest_and_size() {
        let (_guard, folder) = folder();
        let path = sample().build(&folder);
        assert_eq!(path.file_name(), Some("my_tool-1.0-py3-none-any.whl"));
        let mut archive = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
        let record = archive.by_name("my_tool-1.0.dist-info/RECORD").unwrap();
        let rows = csv::ReaderBuilder::new().has_headers(false).from_reader(record);
        let rows: Vec<csv::StringRecord> = rows.into_records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), archive.len());
        for row in rows.iter().filter(|row| !row[0].ends_with("/RECORD")) {
            let mut content = Vec::new();
            std::io::copy(&mut archive.by_name(&row[0]).unwrap(), &mut content).unwrap();
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&content));
            assert_eq!(row[1], format!("sha256={digest}"), "{}", &row[0]);
            assert_eq!(row[2], content.len().to_string(), "{}", &row[0]);
        }
    }

    #[test]
    fn pip_installs_it_and_its_script_runs() {
        let Some(python) = crate::tools::python() else { return };
        let (_guard, folder) = folder();
        let wheels = folder.join("wheels");
        Wheel::new("other", "1.5").build(&wheels);
        sample().build(&wheels);
        let venv = folder.join("venv");
        run(Command::new(&python).args(["-m", "venv", "--without-pip", venv.as_str()]));
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "--isolated", "--python", venv.as_str(), "install", "--no-index"]);
        run(pip.args(["--find-links", wheels.as_str(), "my-tool"]));

        let packages = installed(&venv);
        assert_eq!(packages["my-tool"], "1.0");
        assert_eq!(packages["other"], "1.5");
        let programs = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
        assert_eq!(run(&mut Command::new(programs.join("my-tool"))).trim(), "it runs");
    }

    fn run(command: &mut Command) -> String {
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}\n{stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}
