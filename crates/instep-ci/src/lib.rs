//! Commands and versions kept equal in workflows, devcontainers, Dockerfiles and hooks.
//!
//! A repository says in many files how its environment is installed, and with which Python and uv. All of
//! them follow one configuration here, and not one other byte changes.
//!
//! 1. **observe** ([`observe()`]): the files that are known by their names, and the places in them that run
//!    a command or name a version. Every file is read by a parser of its format; nothing is run.
//! 2. **plan** ([`plan()`]): which configured command governs which place, and what is left alone and why
//!    (the rule stands at the top of `rule.rs`). Pure.
//! 3. **apply** ([`apply()`]): all files or none, each replaced in one step.
//!
//! What is rewritten is read again before it is written: it parses, what was rewritten is in step, and
//! everything else is what it was. Where that does not hold, the place is left alone and listed.

mod apply;
mod command;
mod edit;
mod error;
mod excerpt;
mod files;
mod install;
mod mark;
mod observe;
mod place;
mod places;
mod plan;
mod problem;
mod rule;
mod settings;
mod syntax;
mod version;

pub use apply::apply;
pub use error::{Broken, Error};
pub use install::{Installed, Outcome, Parts, install};
pub use observe::{Observed, observe};
pub use plan::{FilePlan, Finding, Plan, State, plan};
pub use problem::Reason;
pub use settings::Settings;
