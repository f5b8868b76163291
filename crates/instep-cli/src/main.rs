//! The `instep` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    instep_cli::run(std::env::args_os())
}
