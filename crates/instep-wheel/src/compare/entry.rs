//! What the directory tells of an entry in both wheels: what of it is noise, and what is not.

use super::comparison::{Change, EntryKind, Mode};
use crate::archive::Entry;
use crate::noise::{Found, NoiseKind};

/// Flags of the compression level.
const LEVEL: u16 = 1 << 1 | 1 << 2;
/// The flag of a data descriptor.
const DESCRIPTOR: u16 = 1 << 3;

/// Set-user-ID, set-group-ID and sticky.
const SPECIAL: u32 = 0o7000;
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// What differs in what the directory tells. `has_same_content`: of a file, which tells whether another size is one
/// of the compression.
pub(super) fn change(
    a: &Entry,
    b: &Entry,
    has_same_content: bool,
    noise: &mut Found,
) -> Option<Change> {
    if a.is_folder() != b.is_folder() {
        return Some(Change::EntryKind { a: kind(a), b: kind(b) });
    }
    let mut add = |kind, a: String, b: String, path: &str| {
        if a != b {
            noise.add(kind, path, a, b);
        }
    };
    let path = &a.name;
    add(NoiseKind::Timestamps, a.modified.clone(), b.modified.clone(), path);
    add(
        NoiseKind::Compression,
        compression(a, has_same_content),
        compression(b, has_same_content),
        path,
    );
    add(NoiseKind::HostSystem, system(a), system(b), path);
    add(NoiseKind::DataDescriptors, descriptor(a), descriptor(b), path);
    add(NoiseKind::ExtraFields, extra(a), extra(b), path);
    add(NoiseKind::Comments, comment(&a.rest.comment), comment(&b.rest.comment), path);
    let modes = (Mode(a.mode), Mode(b.mode));
    if material(a) != material(b) {
        return Some(Change::Mode { a: modes.0, b: modes.1 });
    }
    add(NoiseKind::Permissions, modes.0.to_string(), modes.1.to_string(), path);
    None
}

pub(super) fn kind(entry: &Entry) -> EntryKind {
    if entry.is_folder() { EntryKind::Folder } else { EntryKind::File }
}

/// What of the mode has an effect on what is installed. pip makes a file executable where any of the three bits is
/// set and the type is that of a regular file, uv where any is set; what else is set they leave to the umask. Other
/// programs take over the special bits.
fn material(entry: &Entry) -> (u32, bool, bool) {
    let is_executable = !entry.is_folder() && Mode(entry.mode).is_executable();
    (entry.mode & SPECIAL, is_executable, is_executable && entry.mode & TYPE == REGULAR)
}

fn compression(entry: &Entry, with_size: bool) -> String {
    let method = match entry.method {
        0 => "stored",
        8 => "deflated",
        _ => "compressed",
    };
    let level = match (entry.rest.flags & LEVEL) >> 1 {
        _ if entry.method != 8 => "",
        1 => ", best",
        2 => ", fast",
        3 => ", fastest",
        _ => "",
    };
    if with_size {
        format!("{method}{level}, {} bytes", entry.compressed_size)
    } else {
        [method, level].concat()
    }
}

fn system(entry: &Entry) -> String {
    let name = match entry.system {
        0 => "DOS or Windows".to_owned(),
        3 => "Unix".to_owned(),
        10 => "Windows NTFS".to_owned(),
        19 => "macOS".to_owned(),
        other => ["system ", &other.to_string()].concat(),
    };
    let flags = entry.rest.flags & !(LEVEL | DESCRIPTOR);
    let (major, minor) = (entry.made_by / 10, entry.made_by % 10);
    let attributes = entry.rest.attributes;
    format!("{name}, version {major}.{minor}, attributes {attributes:#06x}, flags {flags:#06x}")
}

fn descriptor(entry: &Entry) -> String {
    let is_behind = entry.rest.flags & DESCRIPTOR != 0;
    if is_behind { "sizes behind the content" } else { "sizes before the content" }.to_owned()
}

fn extra(entry: &Entry) -> String {
    let hex = crate::digest::hex;
    match (entry.rest.extra.as_slice(), entry.rest.local_extra.as_slice()) {
        ([], []) => "none".to_owned(),
        (extra, local) => ["directory ", &hex(extra), ", header ", &hex(local)].concat(),
    }
}

pub(super) fn comment(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
