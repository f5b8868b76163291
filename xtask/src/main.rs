//! The habits of this repository, each one command.
fn main() {}
