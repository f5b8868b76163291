//! A bundle in a registry: pushed and pulled, one blob a content.

mod problem;

pub use problem::CarryProblem;
