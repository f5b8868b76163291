//! Images of containers that tests write themselves, and Debian's `skopeo` brings to a registry.

use std::io::Write as _;
use std::process::Command;

use camino::Utf8Path;
use fs_err as fs;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::tools;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image for one platform. It holds files, and runs nothing.
#[derive(Clone, Debug)]
pub struct Image {
    platform: String,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
struct Layer {
    tar: Vec<u8>,
    is_compressed: bool,
}

impl Image {
    /// Without layers, for a platform such as `linux/arm/v7`.
    pub fn new(platform: &str) -> Self {
        Self { platform: platform.to_owned(), layers: Vec::new() }
    }

    /// With one more layer, of these files, compressed by gzip.
    pub fn layer(self, files: &[(&str, &[u8])]) -> Self {
        self.with(files, true)
    }

    /// With one more layer that is not compressed.
    pub fn plain_layer(self, files: &[(&str, &[u8])]) -> Self {
        self.with(files, false)
    }

    fn with(mut self, files: &[(&str, &[u8])], is_compressed: bool) -> Self {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        self.layers.push(Layer { tar: builder.into_inner().unwrap(), is_compressed });
        self
    }

    /// Its configuration, whose digest is the image's id.
    pub fn config(&self) -> Vec<u8> {
        let mut config = self.platform();
        config.insert("config".to_owned(), json!({"Cmd": ["/tool"]}));
        let layers = json!({"type": "layers", "diff_ids": self.diff_ids()});
        config.insert("rootfs".to_owned(), layers);
        serde_json::to_vec(&config).unwrap()
    }

    /// Its platform, as in a descriptor.
    fn platform(&self) -> Map<String, Value> {
        let names = ["os", "architecture", "variant"];
        let parts = names.into_iter().zip(self.platform.split('/'));
        parts.map(|(name, part)| (name.to_owned(), part.into())).collect()
    }

    /// Its id, with `sha256:` before it.
    pub fn id(&self) -> String {
        digest(&self.config())
    }

    /// The digests of what comes out of its layers.
    pub fn diff_ids(&self) -> Vec<String> {
        self.layers.iter().map(|layer| digest(&layer.tar)).collect()
    }

    /// Writes it into an OCI layout, and gives its descriptor.
    fn write(&self, folder: &Utf8Path) -> Value {
        let mut layers = Vec::new();
        for layer in &self.layers {
            let (media_type, bytes) = if layer.is_compressed {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(&layer.tar).unwrap();
                ([LAYER, "+gzip"].concat(), encoder.finish().unwrap())
            } else {
                (LAYER.to_owned(), layer.tar.clone())
            };
            layers.push(blob(folder, &media_type, &bytes));
        }
        let config = blob(folder, CONFIG, &self.config());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let mut descriptor = blob(folder, MANIFEST, &serde_json::to_vec(&manifest).unwrap());
        with(&mut descriptor, "platform", Value::Object(self.platform()));
        descriptor
    }

    /// Brings it to a registry of this machine, as `HOST/NAME:TAG`; the calling test is skipped without skopeo.
    pub fn push(&self, reference: &str) -> Option<()> {
        Self::push_all(std::slice::from_ref(self), reference, &[])
    }

    /// Brings images to a registry, under one name: several as an index of platforms. Options go to `skopeo copy`, such as
    /// `--format=v2s2` for the manifests of Docker.
    pub fn push_all(images: &[Self], reference: &str, options: &[&str]) -> Option<()> {
        let skopeo = tools::system("skopeo")?;
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap();
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let mut all: Vec<Value> = images.iter().map(|image| image.write(folder)).collect();
        let mut named = if all.len() == 1 {
            all.remove(0)
        } else {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": all});
            blob(folder, INDEX, &serde_json::to_vec(&index).unwrap())
        };
        with(&mut named, "annotations", json!({"org.opencontainers.image.ref.name": "it"}));
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]});
        fs::write(folder.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
        let output = Command::new(skopeo)
            .args(["copy", "--all", "--dest-tls-verify=false", "--quiet"])
            // Without a wish, everything stays as it is, layers that are not compressed as well.
            .args(if options.is_empty() { &["--preserve-digests"] } else { options })
            .args([format!("oci:{folder}:it"), format!("docker://{reference}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(())
    }
}

fn with(descriptor: &mut Value, name: &str, value: Value) {
    descriptor.as_object_mut().unwrap().insert(name.to_owned(), value);
}

fn blob(folder: &Utf8Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = digest(bytes);
    let digits = digest.strip_prefix("sha256:").unwrap();
    fs::write(folder.join("blobs/sha256").join(digits), bytes).unwrap();
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

/// `sha256:` and its digits.
fn digest(bytes: &[u8]) -> String {
    let digits: Vec<_> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ["sha256:", &digits.concat()].concat()
}
