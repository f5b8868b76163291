//! What an air-gapped site needs, in one folder: wheels, images, files; signed, checked, pushed, pulled.

mod carry;
mod digest;
mod error;
mod event;
mod image;
mod layout;
mod registry;
mod runtime;
mod trust;

pub use digest::Digest;
pub use error::Error;
pub use event::Event;
