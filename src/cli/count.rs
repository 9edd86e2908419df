//! How many of something: the numbers of the command line that have a least one.
//!
//! None at all is refused where it would make a command that does nothing and says that all went well.

use std::str::FromStr;

/// No command is to do more of anything: it would be at it for days.
const MOST: u32 = 1_000_000;

/// A count of at least one.
pub fn at_least_one<T: FromStr>(text: &str) -> Result<T, String> {
    count(1, text)
}

/// A count of rounds.
pub fn at_least_two<T: FromStr>(text: &str) -> Result<T, String> {
    count(2, text).map_err(|error| format!("{error}; the first one is not counted"))
}

fn count<T: FromStr>(least: u32, text: &str) -> Result<T, String> {
    let in_range = text.parse().is_ok_and(|number: u32| (least..=MOST).contains(&number));
    let number = text.parse().ok().filter(|_| in_range);
    number.ok_or_else(|| format!("expected a whole number from {least} to {MOST}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, one, two) in [
            ("0", None, None),
            ("1", Some(1), None),
            ("2", Some(2), Some(2)),
            ("1000000", Some(1_000_000), Some(1_000_000)),
            ("1000001", None, None),
            ("99999999999999999999", None, None),
            ("-1", None, None),
            ("1.5", None, None),
            ("", None, None),
            ("many", None, None),
        ] {
            assert_eq!(at_least_one::<usize>(text).ok(), one, "{text}");
            assert_eq!(at_least_two::<usize>(text).ok(), two, "{text}");
        }
        let said = "expected a whole number from 2 to 1000000; the first one is not counted";
        assert_eq!(at_least_two::<u32>("1"), Err(said.to_owned()));
    }
}
