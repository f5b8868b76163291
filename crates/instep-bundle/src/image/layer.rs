//! One pass over the bytes of a layer: their digest, and the digest of what comes out of them.
//!
//! Nothing is unpacked. What comes out is hashed and forgotten, so memory holds the window of the decompressor and no
//! more: 32 KiB for gzip, at most 128 MiB for zstd, whatever a layer claims.

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::bufread::MultiGzDecoder;
use instep_tools::CancelToken;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use sha2::{Digest as _, Sha256};

use super::error::BlobProblem;
use crate::digest::Digest;

/// What is read at once.
const BUFFER: usize = 256 * 1024;

/// What may come out of any layer, in bytes.
const SMALL: u64 = 1 << 30;

/// How many times its size comes out of a layer at most: what gzip can do. zstd could do thirty times as much, which no
/// layer of real files needs.
const RATIO: u64 = 1_100;

/// What was seen of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// Of its bytes.
    pub(super) digest: Digest,
    /// How many bytes.
    pub(super) size: u64,
    /// Of what came out of them: its diff id.
    pub(super) diff_id: Digest,
    /// How it is compressed.
    pub(super) form: Form,
}

/// How a layer is compressed, by its first bytes, as those see it who load it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Gzip,
    Zstd,
}

/// Why a pass ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It could not be read.
    Read(io::Error),
    /// What was read could not be written.
    Write(io::Error),
    /// The host asked to stop.
    Cancelled,
    /// It is no layer that can be loaded.
    Problem(BlobProblem),
}

/// What may come out of a layer of this size, in bytes.
pub(super) fn most(size: u64) -> u64 {
    size.saturating_mul(RATIO).max(SMALL)
}

/// Reads a layer to its end and writes its bytes on, as they are. At most `most` bytes may come out of it.
pub(super) fn pass(
    from: &mut dyn Read,
    to: &mut dyn Write,
    most: u64,
    cancel: &CancelToken,
) -> Result<Passed, Stop> {
    let tee = Tee { from, to, hasher: Sha256::new(), size: 0, stop: None };
    let mut source = BufReader::with_capacity(BUFFER, tee);
    let form = match form(&mut source) {
        Ok(Ok(form)) => form,
        Ok(Err(name)) => return Err(Stop::Problem(BlobProblem::Compression { name })),
        Err(error) => return Err(source.into_inner().stop.unwrap_or(Stop::Read(error))),
    };
    let (diff_id, over) = {
        let mut decoder: Box<dyn Read> = match form {
            Form::Plain => Box::new(&mut source),
            Form::Gzip => Box::new(MultiGzDecoder::new(&mut source)),
            Form::Zstd => Box::new(Zstd::new(&mut source)),
        };
        let mut bounded = Bounded { from: &mut *decoder, left: most, over: None, cancel };
        (Digest::read(&mut bounded), bounded.over)
    };
    // What is behind the compressed content.
    let rest = io::copy(&mut source, &mut io::sink());
    let tee = source.into_inner();
    match (tee.stop, over, diff_id, rest) {
        (Some(stop), ..) => Err(stop),
        (None, Some(Over::Cancelled), ..) => Err(Stop::Cancelled),
        (None, Some(Over::Most), ..) => Err(Stop::Problem(BlobProblem::Bomb { most })),
        (.., Err(source), _) | (.., Err(source)) => {
            Err(Stop::Problem(BlobProblem::Broken { source }))
        }
        (.., Ok((diff_id, _)), Ok(_)) => {
            let digest = Digest::from(<[u8; 32]>::from(tee.hasher.finalize()));
            Ok(Passed { digest, size: tee.size, diff_id, form })
        }
    }
}

/// How the source is compressed; the name of a compression that is not known otherwise.
fn form(source: &mut dyn BufRead) -> io::Result<Result<Form, &'static str>> {
    Ok(match source.fill_buf()? {
        [0x1f, 0x8b, ..] => Ok(Form::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Form::Zstd),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Err("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err("xz"),
        _ => Ok(Form::Plain),
    })
}

/// Hashes and writes on what is read through it.
struct Tee<'a> {
    from: &'a mut dyn Read,
    to: &'a mut dyn Write,
    hasher: Sha256,
    size: u64,
    /// Why it goes no further: a decoder between would tell less of it.
    stop: Option<Stop>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_some() {
            return Err(io::ErrorKind::Other.into());
        }
        let count = match self.from.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.stop = Some(Stop::Read(error));
                return Err(io::ErrorKind::Other.into());
            }
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Err(error) = self.to.write_all(bytes) {
            self.stop = Some(Stop::Write(error));
            return Err(io::ErrorKind::Other.into());
        }
        self.hasher.update(bytes);
        self.size += count as u64;
        Ok(count)
    }
}

enum Over {
    Most,
    Cancelled,
}

/// Ends a reading that goes on for too long.
struct Bounded<'a> {
    from: &'a mut dyn Read,
    left: u64,
    over: Option<Over>,
    cancel: &'a CancelToken,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            self.over = Some(Over::Cancelled);
            return Err(io::ErrorKind::Other.into());
        }
        let count = self.from.read(buffer)?;
        let Some(left) = self.left.checked_sub(count as u64) else {
            self.over = Some(Over::Most);
            return Err(io::ErrorKind::Other.into());
        };
        self.left = left;
        Ok(count)
    }
}

/// All frames of a zstd file, the ones to be skipped as well
/// ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878#section-3.1)).
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Begins the next frame with content; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut skipped = self.source.by_ref().take(length);
                    if io::copy(&mut skipped, &mut io::sink())? != length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                self.in_frame = self.begin()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}

#[cfg(test)]
mod tests;
