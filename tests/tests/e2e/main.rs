//! End-to-end: the real command, with real tools, on wheels that the tests build.

mod bad_input;
mod concurrency;
mod exactness;
mod interruption;
mod records;
mod recovery;
mod secrets;
mod sources;
mod support;
mod sync;
