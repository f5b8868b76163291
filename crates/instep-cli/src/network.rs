//! The commands of `instep` that reach the network themselves: `instep` starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    instep_cli::run_network(std::env::args_os())
}
