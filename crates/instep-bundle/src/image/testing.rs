//! Small images for tests.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::CancelToken;
use serde_json::{Value, json};

use super::archive::Part;
use super::contents::Contents;
use super::layer::Form;
use super::manifest::{Document, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, parse};
use super::{ImageFile, ImageRequest};
use crate::digest::Digest;
use crate::error::Error;

/// A folder that goes when the test ends.
pub(super) fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, path)
}

/// A request for Linux on amd64.
pub(super) fn request(name: &str) -> ImageRequest {
    ImageRequest::new(name, "linux/amd64".parse().unwrap()).unwrap()
}

/// A tar file with these files.
pub(super) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The same bytes in another form.
pub(super) fn compressed(form: Form, bytes: &[u8]) -> Vec<u8> {
    match form {
        Form::Plain => bytes.to_vec(),
        Form::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Form::Zstd => {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        }
    }
}

/// An image whose texts can be changed before it is written.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) manifest: Value,
    pub(super) config: Value,
    pub(super) layers: Vec<Vec<u8>>,
}

impl Sample {
    /// Three layers, one in each form.
    pub(super) fn new() -> Self {
        let texts = [
            (Form::Gzip, tar(&[("etc/one", b"1"), ("usr/bin/tool", &[7; 3000])])),
            (Form::Zstd, tar(&[("etc/two", &b"two ".repeat(500))])),
            (Form::Plain, tar(&[("etc/three", b"")])),
        ];
        Self::of(&texts)
    }

    pub(super) fn of(texts: &[(Form, Vec<u8>)]) -> Self {
        let layers: Vec<_> = texts.iter().map(|(form, tar)| compressed(*form, tar)).collect();
        let diff_ids: Vec<_> = texts.iter().map(|(_, tar)| Digest::of(tar)).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["tool"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let named = texts.iter().zip(&layers).map(|((form, _), layer)| {
            let media_type = match form {
                Form::Plain => OCI_LAYER.to_owned(),
                Form::Gzip => [OCI_LAYER, "+gzip"].concat(),
                Form::Zstd => [OCI_LAYER, "+zstd"].concat(),
            };
            json!({"mediaType": media_type, "digest": Digest::of(layer), "size": layer.len()})
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": "", "size": 0},
            "layers": named.collect::<Vec<_>>(),
        });
        Self { manifest, config, layers }.with_config()
    }

    /// Names the configuration as it is now.
    pub(super) fn with_config(mut self) -> Self {
        let bytes = self.config_bytes();
        self.manifest["config"]["digest"] = json!(Digest::of(&bytes));
        self.manifest["config"]["size"] = json!(bytes.len());
        self
    }

    pub(super) fn config_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.config).unwrap()
    }

    pub(super) fn manifest_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.manifest).unwrap()
    }

    /// Its layers as files in a folder.
    pub(super) fn contents(&self, folder: &Utf8Path) -> Contents {
        let manifest = self.manifest_bytes();
        let Document::Image(described) = parse(&manifest).unwrap() else { panic!("an index") };
        let mut layers = BTreeMap::new();
        for (named, layer) in described.layers.iter().zip(&self.layers) {
            let path = folder.join(named.digest.hex());
            fs_err::write(&path, layer).unwrap();
            layers.insert(named.digest, Part { path, at: 0, size: layer.len() as u64 });
        }
        Contents { manifest, described: *described, config: self.config_bytes(), layers }
    }

    /// Written as it is.
    pub(super) fn save(&self, name: &str, out: &Utf8Path) -> Result<ImageFile, Error> {
        let (_guard, folder) = folder();
        self.contents(&folder).save(&request(name), out, &CancelToken::new())
    }
}

/// The entries of a tar file, to be changed and written again.
pub(super) fn entries(bytes: &[u8]) -> Vec<(tar::Header, Vec<u8>)> {
    use std::io::Read as _;
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().raw(true);
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.header().clone(), content)
        })
        .collect()
}

/// A tar file of these entries, whose headers are taken as they are but for size and sum.
pub(super) fn written(entries: &[(tar::Header, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, content) in entries {
        let mut header = header.clone();
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// An error and what caused it.
pub(super) fn told(error: &Error) -> String {
    error.whole()
}
