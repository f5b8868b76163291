use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::CancelToken;
use serde_json::json;
use tar::{EntryType, Header};

use super::super::layer::Form;
use super::super::testing::{Sample, entries, folder, tar, told, written};
use super::super::{ImageFile, inspect};
use crate::digest::Digest;
use crate::error::Error;

const NAME: &str = "example.test/tools/python:3.12-slim";

fn saved(folder: &Utf8Path) -> (Utf8PathBuf, ImageFile) {
    let path = folder.join("saved.tar");
    let file = Sample::new().save(NAME, &path).unwrap();
    (path, file)
}

fn inspected(folder: &Utf8Path, bytes: &[u8]) -> Result<ImageFile, Error> {
    let path = folder.join("changed.tar");
    fs_err::write(&path, bytes).unwrap();
    inspect(&path, &CancelToken::new())
}

#[test]
fn what_was_saved_is_read_back() {
    let (_guard, folder) = folder();
    let (path, file) = saved(&folder);
    assert_eq!(inspect(&path, &CancelToken::new()).unwrap(), file);
    let sample = Sample::new();
    assert_eq!(file.name.as_deref(), Some(NAME));
    assert_eq!(file.digest, Digest::of(&sample.manifest_bytes()));
    assert_eq!(file.image_id, Digest::of(&sample.config_bytes()));
    assert_eq!(json!(file.layers), sample.config["rootfs"]["diff_ids"]);
    assert_eq!(file.size, fs_err::metadata(&path).unwrap().len());
    assert_eq!(file.platform.to_string(), "linux/amd64");
}

#[test]
fn an_image_without_a_tag_and_one_without_layers_are_read_back() {
    let (_guard, folder) = folder();
    let path = folder.join("saved.tar");
    let sample = Sample::of(&[]);
    let pinned = ["python@", &Digest::of(&sample.manifest_bytes()).to_string()].concat();
    let file = sample.save(&pinned, &path).unwrap();
    assert_eq!((file.name.as_deref(), file.layers.len()), (None, 0));
    assert_eq!(inspect(&path, &CancelToken::new()).unwrap(), file);
}

#[test]
fn a_layer_that_is_there_twice_is_written_once() {
    let (_guard, folder) = folder();
    let layer = (Form::Gzip, tar(&[("a", b"a")]));
    let path = folder.join("saved.tar");
    let file = Sample::of(&[layer.clone(), layer]).save(NAME, &path).unwrap();
    assert_eq!(file.layers.len(), 2);
    assert_eq!(inspect(&path, &CancelToken::new()).unwrap(), file);
    // Two folders, manifest, configuration, one layer, three texts.
    assert_eq!(entries(&fs_err::read(&path).unwrap()).len(), 8);
}

#[test]
fn the_same_image_is_the_same_bytes_and_entries_are_in_order_without_times() {
    let (_guard, folder) = folder();
    let (path, _) = saved(&folder);
    let bytes = fs_err::read(&path).unwrap();
    let again = folder.join("again.tar");
    Sample::new().save(NAME, &again).unwrap();
    assert!(fs_err::read(&again).unwrap() == bytes);
    let entries = entries(&bytes);
    let names: Vec<_> =
        entries.iter().map(|(header, _)| header.path_bytes().into_owned()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for (header, _) in &entries {
        assert_eq!(
            (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()),
            (0, 0, 0)
        );
        let mode = if header.entry_type().is_dir() { 0o755 } else { 0o644 };
        assert_eq!(header.mode().unwrap(), mode);
    }
}

#[test]
fn a_change_of_any_byte_is_found() {
    let (_guard, folder) = folder();
    let (path, _) = saved(&folder);
    let bytes = fs_err::read(&path).unwrap();
    // Each 7th, so that all bytes of a header and of a digest are met over the entries, and every first one of a block.
    for at in (0..bytes.len()).filter(|at| at % 7 == 0 || at % 512 == 0) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(inspected(&folder, &changed).is_err(), "byte {at}");
    }
}

#[test]
fn every_end_that_is_cut_off_and_everything_behind_the_end_is_found() {
    let (_guard, folder) = folder();
    let (path, _) = saved(&folder);
    let bytes = fs_err::read(&path).unwrap();
    for end in (0..bytes.len()).step_by(97).chain([bytes.len() - 1, bytes.len() - 512]) {
        assert!(inspected(&folder, &bytes[..end]).is_err(), "{end} of {}", bytes.len());
    }
    for more in [&b"x"[..], &[0; 512]] {
        let error = inspected(&folder, &[&bytes, more].concat()).unwrap_err();
        assert!(told(&error).contains("not as it was saved"), "{}", told(&error));
    }
}

type Entries = Vec<(Header, Vec<u8>)>;

fn file(name: &str, content: &[u8]) -> (Header, Vec<u8>) {
    let mut header = Header::new_gnu();
    let field = &mut header.as_mut_bytes()[..100];
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    (header, content.to_vec())
}

fn kind(name: &str, kind: EntryType, link: &str) -> (Header, Vec<u8>) {
    let (mut header, _) = file(name, b"");
    header.set_entry_type(kind);
    header.set_link_name_literal(link).unwrap();
    (header, Vec::new())
}

fn pax(kind: EntryType, records: &[(&str, &str)]) -> (Header, Vec<u8>) {
    let mut text = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        // The length counts its own digits.
        let mut length = rest.len() + 1;
        while length != rest.len() + length.to_string().len() {
            length += 1;
        }
        text.extend([length.to_string(), rest]);
    }
    let (mut header, content) = file("pax", text.as_bytes());
    header.set_entry_type(kind);
    (header, content)
}

fn at(entries: &Entries, name: &str) -> usize {
    let is_it = |(header, _): &(Header, Vec<u8>)| &*header.path_bytes() == name.as_bytes();
    entries.iter().position(is_it).unwrap_or_else(|| panic!("no {name}"))
}

fn text(entries: &mut Entries, name: &str, from: &str, to: &str) {
    let at = at(entries, name);
    let text = String::from_utf8(entries[at].1.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    entries[at].1 = text.replace(from, to).into_bytes();
}

fn layer(entries: &Entries) -> usize {
    let is_layer = |(_, content): &(Header, Vec<u8>)| content.starts_with(&[0x1f, 0x8b]);
    entries.iter().position(is_layer).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile_tars_are_refused_with_what_is_wrong() {
    type Change = fn(&mut Entries);
    let table: &[(&str, &str, Change)] = &[
        ("climbs", "leads out", |all| all.push(file("../evil", b"x"))),
        ("climbs below", "leads out", |all| all.push(file("blobs/../../evil", b"x"))),
        ("absolute", "leads out", |all| all.push(file("/etc/evil", b"x"))),
        ("a drive", "leads out", |all| all.push(file("C:/evil", b"x"))),
        ("backslashes", "leads out", |all| all.push(file("blobs\\..\\evil", b"x"))),
        ("control characters", "leads out", |all| all.push(file("blobs/a\nb", b"x"))),
        ("no name", "leads out", |all| all.push(file("", b"x"))),
        ("a link that climbs", "leads out", |all| {
            all.push(kind("a/b", EntryType::Symlink, "../../x"));
        }),
        ("a link to the root", "leads out", |all| {
            all.push(kind("a", EntryType::Symlink, "/etc/passwd"));
        }),
        ("a hard link that climbs", "leads out", |all| {
            all.push(kind("a/b", EntryType::Link, "../x"));
        }),
        ("a pipe", "neither a file nor a folder", |all| all.push(kind("a", EntryType::Fifo, ""))),
        ("a device", "neither a file nor a folder", |all| all.push(kind("a", EntryType::Char, ""))),
        ("sparse", "neither a file nor a folder", |all| {
            all.push(kind("a", EntryType::GNUSparse, ""));
        }),
        ("a file twice", "there twice", |all| all.push(file("index.json", b"{}"))),
        ("a file twice in other words", "there twice", |all| all.push(file("./index.json", b"{}"))),
        ("a file as a folder", "there twice", |all| {
            all.push(kind("index.json/", EntryType::Directory, ""));
        }),
        ("one more file", "not as it was saved", |all| all.push(file("more", b"x"))),
        ("one more blob", "not as it was saved", |all| {
            let name = ["blobs/sha256/", &Digest::of(b"x").hex()].concat();
            all.insert(2, file(&name, b"x"));
        }),
        ("another order", "not as it was saved", |all| all.swap(0, 1)),
        ("another mode", "not as it was saved", |all| all[3].0.set_mode(0o4755)),
        ("a time", "not as it was saved", |all| all[3].0.set_mtime(1)),
        ("an owner", "not as it was saved", |all| all[3].0.set_uid(1)),
        ("no index", "no `index.json`", |all| drop(all.remove(at(all, "index.json")))),
        ("no docker manifest", "not as it was saved", |all| {
            drop(all.remove(at(all, "manifest.json")));
        }),
        ("no layout", "not as it was saved", |all| drop(all.remove(at(all, "oci-layout")))),
        ("no layer", "it has no `blobs/sha256/", |all| drop(all.remove(layer(all)))),
        ("index is no JSON", "cannot be understood", |all| {
            text(all, "index.json", "{\"schema", "{schema");
        }),
        ("index has two", "not one image", |all| {
            let at = at(all, "index.json");
            let mut index: serde_json::Value = serde_json::from_slice(&all[at].1).unwrap();
            let entry = index["manifests"][0].clone();
            index["manifests"].as_array_mut().unwrap().push(entry);
            all[at].1 = serde_json::to_vec(&index).unwrap();
        }),
        ("index of another type", "not as it was saved", |all| {
            text(all, "index.json", "manifest.v1", "manifest.v2");
        }),
        ("index for another platform", "not as it was saved", |all| {
            text(all, "index.json", "amd64", "arm64");
        }),
        ("another name", "not as it was saved", |all| {
            text(all, "index.json", "example.test/tools/python:", "example.test/tools/python2:");
        }),
        ("a name that is none", "no name of an image", |all| {
            text(all, "index.json", "example.test/tools", "../../etc");
        }),
        ("a short name", "no name of an image", |all| {
            text(all, "index.json", "example.test/tools/python:", "python:");
        }),
        ("another name for docker", "not as it was saved", |all| {
            text(all, "manifest.json", "tools/python", "tools/other");
        }),
        ("other layers for docker", "not as it was saved", |all| {
            text(all, "manifest.json", "\"Layers\":[", "\"Layers\":[\"oci-layout\",");
        }),
        ("a layer that is another one", "damaged: its bytes have the digest", |all| {
            // The same bytes come out of it.
            let at = layer(all);
            all[at].1[9] ^= 1;
        }),
        ("a layer that is longer", "bytes, and should have", |all| {
            let at = layer(all);
            all[at].1.push(0);
        }),
        ("a layer that is a link", "it has no `blobs", |all| {
            let at = layer(all);
            let name = String::from_utf8(all[at].0.path_bytes().into_owned()).unwrap();
            all[at] = kind(&name, EntryType::Symlink, "../nothing");
        }),
        ("another path behind", "not as it was saved", |all| {
            all.insert(2, pax(EntryType::XHeader, &[("mtime", "1.5")]));
        }),
        ("a path that climbs in an extension", "leads out", |all| {
            all.insert(2, pax(EntryType::XHeader, &[("path", "../../evil")]));
        }),
        ("a size for all", "no tar file, or damaged", |all| {
            all.insert(2, pax(EntryType::XGlobalHeader, &[("size", "0")]));
        }),
        ("a name for all", "no tar file, or damaged", |all| {
            all.insert(2, pax(EntryType::XGlobalHeader, &[("path", "other")]));
        }),
        ("a size that is none", "no tar file, or damaged", |all| {
            all.insert(2, pax(EntryType::XHeader, &[("size", "-1")]));
        }),
        ("a size beyond the end", "ends within", |all| {
            all.insert(2, pax(EntryType::XHeader, &[("size", "18446744073709551615")]));
        }),
        ("holes", "no tar file, or damaged", |all| {
            all.insert(2, pax(EntryType::XHeader, &[("GNU.sparse.major", "1")]));
        }),
        ("a long extension", "no tar file, or damaged", |all| {
            all.insert(2, pax(EntryType::XHeader, &[("comment", &"x".repeat(70_000))]));
        }),
        ("many entries", "more than 4096 entries", |all| {
            all.extend((0..4_200).map(|count| file(&format!("f{count}"), b"")));
        }),
    ];
    let (_guard, folder) = folder();
    let (path, _) = saved(&folder);
    let good = entries(&fs_err::read(&path).unwrap());
    assert!(inspected(&folder, &written(&good)).is_ok());
    for (what, expected, change) in table {
        let mut changed = good.clone();
        change(&mut changed);
        let error = inspected(&folder, &written(&changed)).expect_err(what);
        assert!(told(&error).contains(expected), "{what}: {}", told(&error));
        assert!(!told(&error).contains(char::is_control), "{what}: {}", told(&error));
    }
}

#[test]
fn a_size_in_a_header_that_reaches_beyond_the_end_is_refused() {
    let (_guard, folder) = folder();
    let (path, _) = saved(&folder);
    let bytes = fs_err::read(&path).unwrap();
    for size in [1 << 33, u64::MAX >> 1, u64::MAX] {
        let mut changed = bytes.clone();
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(&changed[1024..1536]);
        header.set_size(size);
        header.set_cksum();
        changed[1024..1536].copy_from_slice(header.as_bytes());
        let error = inspected(&folder, &changed).unwrap_err();
        assert!(matches!(error, Error::ImageFile { .. }), "{error:?}");
    }
}

#[test]
fn an_image_that_contradicts_itself_is_not_saved() {
    type Change = fn(&mut Sample);
    let table: &[(&str, &str, Change)] = &[
        ("another diff id", "the configuration says", |sample| {
            sample.config["rootfs"]["diff_ids"][0] = json!(Digest::of(b"other"));
        }),
        ("fewer diff ids", "it names 2 layers, and the manifest 3", |sample| {
            sample.config["rootfs"]["diff_ids"].as_array_mut().unwrap().pop();
        }),
        ("no diff ids", "it names 0 layers", |sample| {
            sample.config["rootfs"]["diff_ids"] = json!(null);
        }),
        ("no rootfs", "missing field `rootfs`", |sample| sample.config["rootfs"] = json!(null)),
        ("no platform", "it names no platform", |sample| sample.config["os"] = json!("")),
        ("a platform that is none", "it names no platform", |sample| {
            sample.config["os"] = json!("li\nnux");
        }),
        ("another platform", "not there for linux/amd64, but for linux/s390x", |sample| {
            sample.config["architecture"] = json!("s390x");
        }),
        ("another content of a layer", "damaged", |sample| sample.layers[0][50] ^= 1),
        ("a shorter layer", "bytes, and should have", |sample| sample.layers[2].truncate(512)),
    ];
    let (_guard, folder) = folder();
    let out = folder.join("out.tar");
    fs_err::write(&out, "old").unwrap();
    for (what, expected, change) in table {
        let mut sample = Sample::new();
        change(&mut sample);
        if *what == "no rootfs" {
            sample.config.as_object_mut().unwrap().remove("rootfs");
        }
        let error = sample.with_config().save(NAME, &out).expect_err(what);
        assert!(told(&error).contains(expected), "{what}: {}", told(&error));
    }
    let left: Vec<_> = fs_err::read_dir(&folder).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs_err::read(&out).unwrap(), b"old");
}

#[test]
fn a_configuration_that_is_another_one_is_not_saved() {
    let (_guard, folder) = folder();
    let mut sample = Sample::new();
    sample.config["author"] = json!("somebody else");
    let error = sample.save(NAME, &folder.join("out.tar")).unwrap_err();
    assert!(told(&error).contains("its configuration sha256:"), "{}", told(&error));
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let (_guard, folder) = folder();
    for bytes in [&b""[..], b"text", &[0; 511], &[0xff; 2048]] {
        let error = inspected(&folder, bytes).unwrap_err();
        assert!(told(&error).contains("no tar file"), "{}", told(&error));
    }
    // An end with nothing before it.
    assert!(told(&inspected(&folder, &[0; 1024]).unwrap_err()).contains("no `index.json`"));
    assert!(matches!(inspect(&folder, &CancelToken::new()), Err(Error::ImageFile { .. })));
    let gone = inspect(&folder.join("gone"), &CancelToken::new());
    assert!(matches!(gone, Err(Error::Io { .. })));
    let (path, _) = saved(&folder);
    let cancel = CancelToken::new();
    cancel.cancel();
    assert!(matches!(inspect(&path, &cancel), Err(Error::Cancelled)));
}
