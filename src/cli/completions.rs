//! `codesage completions`: what a shell needs to complete this program's commands and options.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, Failure, Session};

#[derive(Args, Debug)]
pub struct Options {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let mut output = session.output;
    output.write_all(&script(options.shell))?;
    Ok(())
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "codesage", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_told_every_command_and_option() {
        let mut command = Arguments::command();
        command.build();
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for known in command.get_subcommands() {
                assert!(script.contains(known.get_name()), "{shell}: {}", known.get_name());
            }
            for word in ["log-level", "pull"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
