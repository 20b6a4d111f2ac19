//! The `tcpkit` program; see [`tcpkit::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    tcpkit::cli::main()
}
