//! What files are written in.

pub(crate) mod dockerfile;
pub(crate) mod json;
pub(crate) mod recipes;
pub(crate) mod shell;
pub(crate) mod tree;
pub(crate) mod yaml;
