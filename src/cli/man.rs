//! `codesage man`: the manual, a page for each command, made of the same words as `--help`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::{Arguments, Failure, Session};

#[derive(Args, Debug)]
pub struct Options {
    /// Write every page into this folder; without it the first one is printed, for `codesage man | man -l -`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A page.
struct Page {
    /// Of its file: `codesage-models-pull.1`.
    name: String,
    text: Vec<u8>,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let mut output = session.output;
    let pages = pages()?;
    match options.out {
        Some(folder) => write(&pages, &folder)
            .map_err(|error| Failure::Message(format!("{}: {error}", folder.display())))?,
        None => output.write_all(pages.first().map_or(&[], |page| &page.text))?,
    }
    Ok(())
}

fn write(pages: &[Page], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|page| fs::write(folder.join(&page.name), &page.text))
}

/// That of the program, then those of its commands. The same on every machine: what the build has is left out.
fn pages() -> io::Result<Vec<Page>> {
    let mut command = Arguments::command().disable_help_subcommand(true).long_version(Resettable::Reset);
    command.build();
    let mut pages = Vec::new();
    gather(&command, &mut pages)?;
    Ok(pages)
}

fn gather(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push(Page { name: man.get_filename(), text });
    command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set())
        .try_for_each(|subcommand| gather(subcommand, pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that is shown, with the words before it.
    fn commands<'a>(command: &'a Command, before: &str, all: &mut Vec<(String, &'a Command)>) {
        let name = format!("{before}{}", command.get_name());
        for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
            commands(subcommand, &format!("{name}-"), all);
        }
        all.push((name, command));
    }

    #[test]
    fn every_command_has_a_page_that_tells_its_options() {
        let command = Arguments::command();
        let mut all = Vec::new();
        commands(&command, "", &mut all);
        let pages = pages().unwrap();
        let mut names: Vec<String> = all.iter().map(|(name, _)| format!("{name}.1")).collect();
        names.sort();
        let mut found: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, names);
        assert!(found.len() > 15 && pages[0].name == "codesage.1", "{found:?}");
        for (name, command) in all {
            let page = pages.iter().find(|page| page.name == format!("{name}.1")).unwrap();
            let text = String::from_utf8(page.text.clone()).unwrap();
            assert!(text.contains(&format!(".TH {name} 1")), "{text}");
            for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
                let long = option.get_long().map(|long| format!("\\-\\-{}", long.replace('-', "\\-")));
                assert!(long.is_none_or(|long| text.contains(&long)), "{name}: {option}");
            }
            // What differs between builds and machines is in none.
            assert!(!text.contains("llama.cpp 0"), "{name}");
        }
    }

    #[test]
    fn pages_go_into_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("man/man1");
        write(&pages().unwrap(), &target).unwrap();
        assert!(fs::read_to_string(target.join("codesage-models-pull.1")).unwrap().contains("quant"));
    }
}
