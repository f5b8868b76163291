//! Wheels: read safely, compared, rebuilt, collected.
//!
//! | question | answer |
//! | --- | --- |
//! | what does a file name say, and where does it fit | [`FileName`], [`Tag`], [`Target`] |
//! | what is in a wheel, and is it safe to unpack | [`Wheel`], [`Rule`] |
//! | are two wheels the same, and what differs | [`compare`], [`Comparison`], [`NoiseKind`] |
//! | does a script rebuild the wheels of a folder | [`verify`] |
//! | are the wheels of a folder those that they were | [`Digests`] |
//! | how is that shown to people | [`Page`] |
//! | what does a lock pin | [`Lock`] |
//! | which wheels can a Python on a platform install, the best first | [`Target::tags`] |
//! | which wheels does a lock come to, for several of them | [`plan()`] |
//!
//! # Reading a wheel that somebody else made
//!
//! A wheel is a zip file, and zip readers are known to see different things in the same file. [`Wheel::open`] and
//! [`Wheel::contents`] refuse a wheel in which anything is in doubt, and say which entry breaks which [`Rule`]. What
//! they let through can be unpacked below a folder by any tool, and holds what its `RECORD` says. Memory is bounded,
//! whatever the file says of itself.
//!
//! ```no_run
//! use camino::Utf8Path;
//! use instep_wheel::{Error, Wheel};
//!
//! fn main() -> Result<(), Error> {
//!     let wheel = Wheel::open(Utf8Path::new("dist/example-1.0-py3-none-any.whl"))?;
//!     for (name, content) in wheel.contents()? {
//!         println!("{} {} {name}", content.hex(), content.size);
//!     }
//!     Ok(())
//! }
//! ```

mod archive;
mod compare;
mod digest;
mod download;
mod error;
mod event;
mod file_name;
mod hashes;
mod index;
mod lock;
mod noise;
mod place;
mod report;
mod rule;
mod tag;
mod target;
mod verify;
mod workers;

pub use archive::{Content, Contents, Entry, Rest, Wheel};
pub use compare::{
    Change, Comparison, Diff, Difference, EntryKind, HeaderChange, Mode, Row, RowChange, Side,
    Verdict, compare, visible,
};
pub use digest::{Checked, CheckedState, DIGESTS_FILE, Digests, DigestsProblem, digests_file};
pub use download::{
    FailedFile, Fetched, Missing, Plan, PlannedFile, Reason, download, observe, plan,
};
pub use error::Error;
pub use event::Event;
pub use file_name::{FileName, FileNameProblem};
pub use index::{Client, IndexFile, IndexProblem};
pub use lock::{Lock, LockProblem, LockedPackage, Origin};
pub use noise::{Example, Noise, NoiseKind};
pub use report::{Page, Section, Tone};
pub use rule::Rule;
pub use tag::Tag;
pub use target::{Platform, PythonVersion, Target};
pub use verify::{
    KeptOutput, Outcome, REBUILD_DIR, REBUILD_TIMEOUT, Report, Script, VerifiedWheel,
    VerifyRequest, Which, verify,
};
