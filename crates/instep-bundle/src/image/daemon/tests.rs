//! Docker archives that the tests write themselves, in the forms of docker before and since version 25 and of podman.

use instep_tools::CancelToken;
use serde_json::{Value, json};

use super::super::layer::Form;
use super::super::testing::{Sample, entries, folder, request, tar, told};
use super::super::{Engine, inspect};
use super::contents;
use crate::digest::Digest;
use crate::error::Error;

struct Given {
    sample: Sample,
    /// What comes out of the layers.
    layers: Vec<Vec<u8>>,
}

fn given() -> Given {
    let layers = vec![tar(&[("one", b"1")]), tar(&[("two", &[2; 5000])]), tar(&[("one", b"1")])];
    let all: Vec<_> = layers.iter().map(|layer| (Form::Plain, layer.clone())).collect();
    Given { sample: Sample::of(&all), layers }
}

fn archive(given: &Given, config: &str, names: &[&str], more: &[(&str, &[u8])]) -> Vec<u8> {
    let text = json!([{"Config": config, "RepoTags": null, "Layers": names}]);
    let text = serde_json::to_vec(&text).unwrap();
    let bytes = given.sample.config_bytes();
    let mut files: Vec<(&str, &[u8])> = vec![(config, &bytes)];
    for (name, layer) in names.iter().zip(&given.layers) {
        if !files.iter().any(|(there, _)| there == name) {
            files.push((name, layer));
        }
    }
    files.extend(more);
    files.push(("manifest.json", &text));
    tar(&files)
}

fn saved(bytes: &[u8], name: &str) -> Result<(super::super::ImageFile, Vec<u8>), Error> {
    let (_guard, folder) = folder();
    let (from, out) = (folder.join("from.tar"), folder.join("out.tar"));
    fs_err::write(&from, bytes).unwrap();
    let (request, cancel) = (request(name), CancelToken::new());
    let contents = contents(Engine::Docker, &request, &from, &cancel)?;
    let file = contents.save(&request, &out, &cancel)?;
    assert_eq!(inspect(&out, &cancel).unwrap(), file);
    Ok((file, fs_err::read(&out).unwrap()))
}

#[test]
fn the_forms_of_docker_and_podman_give_the_same_tar() {
    let given = given();
    let id = Digest::of(&given.sample.config_bytes());
    let hex = id.hex();
    let blob = |layer: &[u8]| ["blobs/sha256/", &Digest::of(layer).hex()].concat();
    let blobs: Vec<_> = given.layers.iter().map(|layer| blob(layer)).collect();
    let names: Vec<&str> = blobs.iter().map(String::as_str).collect();
    let config = ["blobs/sha256/", &hex].concat();
    let docker = archive(&given, &config, &names, &[("oci-layout", b"{}"), ("index.json", b"{}")]);
    let podman = archive(&given, &[&hex, ".json"].concat(), &["1.tar", "2.tar", "1.tar"], &[]);

    let (file, bytes) = saved(&docker, "python:3").unwrap();
    assert_eq!(file.image_id, id);
    assert_eq!(json!(file.layers), given.sample.config["rootfs"]["diff_ids"]);
    assert_eq!(file.name.as_deref(), Some("docker.io/library/python:3"));
    assert!(saved(&podman, "python:3").unwrap().1 == bytes);

    // Docker before version 25: a layer that is there twice is a link.
    let mut old = archive(&given, &[&hex, ".json"].concat(), &["a/layer.tar", "b/layer.tar"], &[]);
    old.truncate(old.len() - 1024);
    let mut link = tar::Header::new_gnu();
    link.set_path("c/layer.tar").unwrap();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_link_name_literal("../a/layer.tar").unwrap();
    link.set_size(0);
    link.set_cksum();
    old.extend(link.as_bytes());
    let text = json!([{"Config": (format!("{hex}.json")), "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"]}]);
    let text = serde_json::to_vec(&text).unwrap();
    let old = with_manifest(&old, &text);
    assert!(saved(&old, "python:3").unwrap().1 == bytes);
}

/// The archive with another `manifest.json`.
fn with_manifest(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    whole.extend([0; 1024]);
    let mut all = entries(&whole);
    let is_manifest =
        |(header, _): &(tar::Header, Vec<u8>)| &*header.path_bytes() == b"manifest.json";
    let at = all.iter().position(is_manifest).unwrap();
    all[at].1 = text.to_vec();
    super::super::testing::written(&all)
}

#[test]
fn the_image_for_the_platform_is_taken_from_several() {
    let given = given();
    let mut other = given.sample.clone();
    other.config["architecture"] = json!("s390x");
    let bytes = other.config_bytes();
    let names = ["1.tar", "2.tar", "1.tar"];
    let tar = archive(&given, "this.json", &names, &[("other.json", &bytes)]);
    let item = |config: &str| json!({"Config": config, "Layers": names});
    let text = |items: &[Value]| serde_json::to_vec(items).unwrap();
    let cut = &tar[..tar.len() - 1024];
    let both = with_manifest(cut, &text(&[item("other.json"), item("this.json")]));
    let (file, _) = saved(&both, "python:3").unwrap();
    assert_eq!(file.image_id, Digest::of(&given.sample.config_bytes()));
    let only = with_manifest(cut, &text(&[item("other.json")]));
    let error = told(&saved(&only, "python:3").unwrap_err());
    assert!(error.contains("not there for linux/amd64, but for linux/s390x"), "{error}");
}

#[test]
fn hostile_archives_are_refused_with_what_is_wrong() {
    let given = given();
    let names = ["1.tar", "2.tar", "1.tar"];
    let tar = archive(&given, "c.json", &names, &[("bad.json", b"no JSON")]);
    let cut = &tar[..tar.len() - 1024];
    let table: [(Value, &str); 11] = [
        (json!({}), "cannot be understood"),
        (json!([]), "docker wrote cannot be read"),
        (json!([{"Config": "c.json"}]), "missing field `Layers`"),
        (json!([{"Config": "../c.json", "Layers": names}]), "it has no `../c.json`"),
        (json!([{"Config": "/etc/passwd", "Layers": names}]), "it has no `/etc/passwd`"),
        (
            json!([{"Config": "manifest.json", "Layers": names}]),
            "configuration cannot be understood",
        ),
        (json!([{"Config": "bad.json", "Layers": names}]), "configuration cannot be understood"),
        (
            json!([{"Config": "c.json", "Layers": ["1.tar"]}]),
            "it names 3 layers, and the manifest 1",
        ),
        (
            json!([{"Config": "c.json", "Layers": ["1.tar", "../2.tar", "1.tar"]}]),
            "it has no `../2.tar`",
        ),
        (
            json!([{"Config": "c.json", "Layers": ["2.tar", "1.tar", "1.tar"]}]),
            "the configuration says",
        ),
        (json!([{"Config": "c.json", "Layers": vec!["1.tar"; 10_000]}]), "it has 10000 layers"),
    ];
    for (text, expected) in table {
        let bytes = with_manifest(cut, &serde_json::to_vec(&text).unwrap());
        let error = told(&saved(&bytes, "python:3").unwrap_err());
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = told(&saved(b"no tar", "python:3").unwrap_err());
    assert!(error.contains("what docker wrote cannot be read"), "{error}");
    let climbing = archive(&given, "c.json", &names, &[]);
    let mut all = entries(&climbing);
    all[1].0.as_mut_bytes()[..8].copy_from_slice(b"../1.tar");
    let error = told(&saved(&super::super::testing::written(&all), "python:3").unwrap_err());
    assert!(error.contains("leads out of it"), "{error}");
}
