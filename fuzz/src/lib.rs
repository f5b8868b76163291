//! What several fuzz targets need.

mod place;
mod scratch;

pub use place::assert_in_text;
pub use scratch::Scratch;
