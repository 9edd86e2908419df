//! Whether what is printed has colours: as asked for, else as the terminal and its owner have it.

use std::env;
use std::ffi::OsString;

use clap::{Args, ValueEnum};

use crate::text::unseen;

/// The flag, for subcommands that print in colour.
#[derive(Args, Clone, Copy, Debug)]
pub struct Colour {
    /// Colours: `auto` on a terminal, unless `NO_COLOR` is set
    #[arg(long = "color", value_enum, value_name = "WHEN", default_value_t)]
    when: When,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum When {
    #[default]
    Auto,
    Always,
    Never,
}

impl Colour {
    /// `is_terminal`: whether the output is one. `NO_COLOR` is honoured as <https://no-color.org> has it.
    pub fn is_wanted(self, is_terminal: bool) -> bool {
        self.decide(is_terminal, |name| env::var_os(name))
    }

    fn decide(self, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        let asked_plain = || variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self.when {
            When::Auto => is_terminal && !asked_plain() && variable("TERM").is_none_or(|term| term != "dumb"),
            When::Always => true,
            When::Never => false,
        }
    }
}

/// A text for a terminal: what a file or a model holds must not command it. Tabs and line ends stay.
pub fn harmless(text: &str) -> String {
    unseen::shown(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_who_wants_them() {
        for (when, is_terminal, variables, expected) in [
            (When::Auto, true, &[("TERM", "xterm")][..], true),
            (When::Auto, true, &[], true),
            (When::Auto, false, &[], false),
            (When::Auto, true, &[("NO_COLOR", "1")], false),
            (When::Auto, true, &[("NO_COLOR", "")], true),
            (When::Auto, true, &[("TERM", "dumb")], false),
            (When::Always, false, &[("NO_COLOR", "1"), ("TERM", "dumb")], true),
            (When::Never, true, &[], false),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            };
            let wanted = Colour { when }.decide(is_terminal, variable);
            assert_eq!(wanted, expected, "{when:?} {is_terminal} {variables:?}");
        }
    }

    #[test]
    fn no_text_commands_a_terminal() {
        assert_eq!(harmless("a\t\u{1b}[2Jb\r\n\u{9b}c\u{7}"), "a\t\u{fffd}[2Jb\r\n\u{fffd}c\u{fffd}");
        assert_eq!(harmless("shown\rover \u{202e}turned"), "shown\u{fffd}over \u{fffd}turned");
    }
}
