use std::io;

use instep_tools::CancelToken;

use super::super::error::BlobProblem;
use super::super::testing::{compressed, tar};
use super::{Form, Passed, RATIO, SMALL, Stop, most, pass};
use crate::digest::Digest;

fn passed(bytes: &[u8], most: u64) -> Result<Passed, Stop> {
    let mut out = Vec::new();
    let passed = pass(&mut &*bytes, &mut out, most, &CancelToken::new())?;
    assert_eq!(out, bytes, "what is written is what was read");
    Ok(passed)
}

fn content() -> Vec<u8> {
    let noise: Vec<u8> =
        (0..70_000_u32).flat_map(|one| one.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    tar(&[("noise", &noise), ("text", &b"the same again and again ".repeat(40_000))])
}

#[test]
fn both_digests_of_a_layer_are_seen_in_each_form() {
    let content = content();
    for form in [Form::Plain, Form::Gzip, Form::Zstd] {
        let bytes = compressed(form, &content);
        let expected = Passed {
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            diff_id: Digest::of(&content),
            form,
        };
        assert_eq!(passed(&bytes, SMALL).unwrap(), expected);
    }
}

#[test]
fn several_members_and_frames_are_one_content() {
    let content = content();
    let (one, two) = content.split_at(content.len() / 3);
    for form in [Form::Gzip, Form::Zstd] {
        let mut bytes = compressed(form, one);
        if form == Form::Zstd {
            // A frame to be skipped, as the table of contents of zstd:chunked.
            bytes.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        }
        bytes.extend(compressed(form, two));
        assert_eq!(passed(&bytes, SMALL).unwrap().diff_id, Digest::of(&content), "{form:?}");
    }
}

#[test]
fn a_layer_without_files_and_one_without_bytes_have_digests() {
    let empty = tar(&[]);
    for form in [Form::Plain, Form::Gzip, Form::Zstd] {
        assert_eq!(passed(&compressed(form, &empty), SMALL).unwrap().diff_id, Digest::of(&empty));
    }
    let nothing = passed(b"", SMALL).unwrap();
    assert_eq!((nothing.digest, nothing.diff_id), (Digest::of(b""), Digest::of(b"")));
}

#[test]
fn a_layer_that_is_cut_or_has_something_behind_it_is_refused() {
    let content = content();
    for form in [Form::Gzip, Form::Zstd] {
        let whole = compressed(form, &content);
        for end in [whole.len() - 1, whole.len() / 2, 20, 5] {
            let stop = passed(&whole[..end], SMALL).unwrap_err();
            assert!(matches!(stop, Stop::Problem(BlobProblem::Broken { .. })), "{form:?} {end}");
        }
        let longer = [whole.as_slice(), b"something else"].concat();
        let stop = passed(&longer, SMALL).unwrap_err();
        assert!(matches!(stop, Stop::Problem(BlobProblem::Broken { .. })), "{form:?}: {stop:?}");
    }
}

#[test]
fn what_is_compressed_in_another_way_is_named() {
    let table: [(&[u8], &str); 2] =
        [(b"BZh91AY&SY rest", "bzip2"), (b"\xfd7zXZ\0 rest and more", "xz")];
    for (bytes, expected) in table {
        let stop = passed(bytes, SMALL).unwrap_err();
        let Stop::Problem(BlobProblem::Compression { name }) = stop else { panic!("{stop:?}") };
        assert_eq!(name, expected);
    }
}

#[test]
fn no_more_than_the_limit_comes_out() {
    let zeros = vec![0; 2_000_000];
    for form in [Form::Plain, Form::Gzip, Form::Zstd] {
        let bytes = compressed(form, &zeros);
        assert!(passed(&bytes, zeros.len() as u64).is_ok());
        let stop = passed(&bytes, zeros.len() as u64 - 1).unwrap_err();
        assert!(matches!(stop, Stop::Problem(BlobProblem::Bomb { .. })), "{stop:?}");
    }
    assert_eq!(most(10), SMALL);
    assert_eq!(most(SMALL), SMALL * RATIO);
    assert_eq!(most(u64::MAX), u64::MAX);
}

#[test]
fn a_frame_of_zstd_that_wants_much_memory_is_refused() {
    // Window descriptor of 2 GiB, then one block of RLE.
    let bytes = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x0b, 0x00, 0x00, b'x'];
    let stop = passed(&bytes, u64::MAX).unwrap_err();
    let Stop::Problem(BlobProblem::Broken { source }) = stop else { panic!("{stop:?}") };
    assert!(source.to_string().contains("window_size is too big"), "{source}");
}

#[test]
fn a_target_that_is_full_and_a_source_that_fails_are_told_apart() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let cancel = CancelToken::new();
    for form in [Form::Plain, Form::Gzip, Form::Zstd] {
        let bytes = compressed(form, &content());
        let stop = pass(&mut bytes.as_slice(), &mut Full, SMALL, &cancel).unwrap_err();
        let Stop::Write(error) = stop else { panic!("{stop:?}") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);

        let mut half = io::Read::chain(&bytes[..bytes.len() / 2], Broken);
        let stop = pass(&mut half, &mut io::sink(), SMALL, &cancel).unwrap_err();
        let Stop::Read(error) = stop else { panic!("{stop:?}") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_pass_that_is_cancelled_ends() {
    let cancel = CancelToken::new();
    cancel.cancel();
    let bytes = compressed(Form::Gzip, &content());
    let stop = pass(&mut bytes.as_slice(), &mut io::sink(), SMALL, &cancel).unwrap_err();
    assert!(matches!(stop, Stop::Cancelled), "{stop:?}");
}
