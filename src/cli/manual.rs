//! Man pages and completions, from the same definition that parses the command line.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::exit::{Exit, Failure};

/// The shells for which completions are committed, with their file names.
pub const SHELLS: [(Shell, &str); 5] = [
    (Shell::Bash, "tcpkit.bash"),
    (Shell::Elvish, "tcpkit.elv"),
    (Shell::Fish, "tcpkit.fish"),
    (Shell::PowerShell, "_tcpkit.ps1"),
    (Shell::Zsh, "_tcpkit"),
];

/// Runs `tcpkit completions`.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    print(&completion(args.shell))
}

/// Runs `tcpkit man`.
pub fn pages(args: &ManArgs) -> Result<Exit, Failure> {
    match &args.dir {
        None => print(&page(&Cli::command())),
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|error| Failure::writing(dir, &error))?;
            for (name, text) in man_pages() {
                let path = dir.join(name);
                fs::write(&path, text).map_err(|error| Failure::writing(&path, &error))?;
            }
            Ok(Exit::Done)
        }
    }
}

/// Every generated file with its text, relative to the project's root.
pub fn generated() -> Vec<(PathBuf, Vec<u8>)> {
    let pages = man_pages().into_iter().map(|(name, text)| (Path::new("man").join(name), text));
    let scripts = SHELLS.iter().map(|(shell, name)| (Path::new("completions").join(name), completion(*shell)));
    pages.chain(scripts).collect()
}

/// The completion script for a shell.
fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tcpkit", &mut script);
    script
}

fn man_pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("tcpkit.1".into(), page(&command))];
    for subcommand in command.get_subcommands() {
        let name = format!("tcpkit-{}", subcommand.get_name());
        let subcommand = subcommand.clone().name(name.clone()).display_name(name.clone());
        pages.push((format!("{name}.1"), page(&subcommand)));
    }
    pages
}

/// One page, with the table of exit codes at its end.
fn page(command: &clap::Command) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut text);
    let _ = writeln!(text, ".SH \"EXIT STATUS\"");
    for (exit, meaning) in Exit::TABLE {
        let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{meaning}", *exit as u8);
    }
    text
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::writing(Path::new("standard output"), &error))
        }
        _ => Ok(Exit::Done),
    }
}
