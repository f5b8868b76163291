//! What is no wheel at all.

use std::io;

use instep_wheel::{Error, FileNameProblem, Rule};

use super::zip::Wheel;
use super::{NAME, folder, read, read_bytes, refusal};

#[test]
fn an_empty_file_and_one_of_another_kind_are_refused() {
    let (_guard, folder) = folder();
    let zeros = vec![0; 100_000];
    for bytes in [&b""[..], b"PK", b"PK\x05\x06", b"<html>not found</html>", &zeros] {
        assert_eq!(refusal(read_bytes(&folder, bytes)), (None, Rule::Zip));
    }
    // An archive with nothing in it.
    let empty = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    assert_eq!(refusal(read_bytes(&folder, &empty)), (None, Rule::DistInfo));
}

#[test]
fn a_folder_is_refused() {
    let (_guard, folder) = folder();
    fs_err::create_dir(folder.join(NAME)).unwrap();
    assert_eq!(refusal(read(&folder.join(NAME))), (None, Rule::Zip));
}

#[test]
fn what_is_not_there_is_said_with_its_path() {
    let (_guard, folder) = folder();
    let error = read(&folder.join(NAME)).unwrap_err();
    let Error::Io { path, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!((path, source.kind()), (&folder.join(NAME), io::ErrorKind::NotFound));
    assert!(error.hint().is_some());
}

/// A pipe that nobody writes to would be waited for without an end.
#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let (_guard, folder) = folder();
    let path = folder.join(NAME);
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_eq!(refusal(read(&path)), (None, Rule::Zip));
}

#[cfg(unix)]
#[test]
fn a_device_is_refused() {
    let (_guard, folder) = folder();
    let path = folder.join(NAME);
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert_eq!(refusal(read(&path)), (None, Rule::Zip));
}

#[test]
fn a_name_that_is_no_wheels_is_told_before_the_file_is_opened() {
    let (_guard, folder) = folder();
    let error = read(&folder.join("demo-1.0.zip")).unwrap_err();
    assert!(matches!(error, Error::FileName { problem: FileNameProblem::Ending, .. }), "{error:?}");
}

#[test]
fn the_name_of_the_file_has_to_be_that_of_the_package() {
    let (_guard, folder) = folder();
    for name in ["other-1.0-py3-none-any.whl", "demo-1.1-py3-none-any.whl"] {
        fs_err::write(folder.join(name), Wheel::good().bytes()).unwrap();
        assert_eq!(refusal(read(&folder.join(name))), (None, Rule::DistInfo), "{name}");
    }
    for name in ["Demo-1.0-py3-none-any.whl", "demo-1.0.0-1-cp311-abi3-win_amd64.whl"] {
        fs_err::write(folder.join(name), Wheel::good().bytes()).unwrap();
        read(&folder.join(name)).unwrap();
    }
}
