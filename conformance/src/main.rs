//! `iscsi-lab`: the one binary. This file is the table of contents; each command is a file of `conformance::cli`.

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use conformance::cli::{self, Context};
use std::path::PathBuf;
use std::process::ExitCode;

/// A conformance lab for iSCSI (RFC 7143): scenarios in a seeded simulator or over TCP, a target to talk to, live probes.
#[derive(Parser)]
#[command(name = "iscsi-lab", version, after_help = cli::EXIT_CODES, max_term_width = 110, infer_subcommands = true)]
struct Lab {
    /// The directory that holds scenarios/ and snapshots/ [default: the nearest one from here upwards]
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// Every command, in the order of `--help`.
#[derive(Subcommand)]
enum Command {
    Run(Box<cli::Run>),
    Accept(cli::Accept),
    Replay(cli::Replay),
    Sweep(cli::Sweep),
    Merge(cli::Merge),
    Minimize(cli::Minimize),
    Explain(cli::Explain),
    Causality(cli::Causality),
    Trace(cli::Trace),
    Import(cli::Import),
    Coverage(cli::Coverage),
    Mutants(cli::Mutants),
    Serve(cli::Serve),
    Bench(cli::Bench),
    Probes(cli::Probes),
    Schema(cli::Schema),
    Secret(cli::Secret),
    Completions(cli::Completions),
    Man(cli::Man),
}

/// The whole command line.
fn program() -> clap::Command {
    cli::unfolded(Lab::command())
}

fn main() -> ExitCode {
    cli::end_when_output_is_lost();
    let matches = program().get_matches();
    let lab = Lab::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut program()).exit());
    let context = Context { root: lab.root, program };
    let outcome = match lab.command {
        Command::Run(command) => command.execute(&context),
        Command::Accept(command) => command.execute(&context),
        Command::Replay(command) => command.execute(&context),
        Command::Sweep(command) => command.execute(&context),
        Command::Merge(command) => command.execute(&context),
        Command::Minimize(command) => command.execute(&context),
        Command::Explain(command) => command.execute(&context),
        Command::Causality(command) => command.execute(&context),
        Command::Trace(command) => command.execute(&context),
        Command::Import(command) => command.execute(&context),
        Command::Coverage(command) => command.execute(&context),
        Command::Mutants(command) => command.execute(&context),
        Command::Serve(command) => command.execute(&context),
        Command::Bench(command) => command.execute(&context),
        Command::Probes(command) => command.execute(&context),
        Command::Schema(command) => command.execute(&context),
        Command::Secret(command) => command.execute(&context),
        Command::Completions(command) => command.execute(&context),
        Command::Man(command) => command.execute(&context),
    };
    outcome.unwrap_or_else(|error| error.report()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Lab::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Lab::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("iscsi-lab "), "{} has no example in its help", command.get_name());
        }
    }

    #[test]
    fn a_usage_error_exits_with_2() {
        let error =
            Lab::try_parse_from(["iscsi-lab", "--no-such-flag"]).err().expect("an unknown flag is refused");
        assert_eq!(error.exit_code(), 2);
    }
}
