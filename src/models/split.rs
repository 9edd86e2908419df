//! Names of a model that is in several files: `NAME-00001-of-00003.gguf`, as llama.cpp writes and looks for them.
//!
//! It knows names alone; what is in a part, `gguf` knows.

/// Behind the last part's number.
const ENDING: &str = ".gguf";

/// What the name of one part says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    pub stem: &'a str,
    /// From 1 to `count`.
    pub number: u32,
    pub count: u32,
}

impl<'a> Split<'a> {
    /// None for the name of a whole model. Case does not count in the ending.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (rest, ending) = name.split_at_checked(name.len().checked_sub(ENDING.len())?)?;
        let (rest, count) = rest.rsplit_once("-of-").filter(|_| ending.eq_ignore_ascii_case(ENDING))?;
        let (stem, number) = rest.rsplit_once('-')?;
        let (number, count) = (digits(number)?, digits(count)?);
        (1..=count).contains(&number).then_some(Self { stem, number, count })
    }

    /// The name of another part.
    pub fn part(&self, number: u32) -> String {
        format!("{}-{number:05}-of-{:05}{ENDING}", self.stem, self.count)
    }
}

/// Five, as llama.cpp writes them.
fn digits(text: &str) -> Option<u32> {
    let are_digits = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_part_of_how_many() {
        for (name, stem, number, count) in [
            ("a-b-00001-of-00003.gguf", "a-b", 1, 3),
            ("é-00003-of-00003.GGUF", "é", 3, 3),
            ("-00001-of-00001.gguf", "", 1, 1),
            ("x-00001-of-00002-00002-of-00009.gguf", "x-00001-of-00002", 2, 9),
        ] {
            assert_eq!(Split::parse(name), Some(Split { stem, number, count }), "{name}");
        }
        for name in [
            "",
            "gguf",
            "x.gguf",
            "x-00001-of-00003",
            "x-00001-of-00003.part",
            "x-1-of-3.gguf",
            "x-00004-of-00003.gguf",
            "x-00000-of-00003.gguf",
            "x-+0001-of-00003.gguf",
            "00001-of-00003.gguf",
            "x-00001-of-00003.gguf.part",
            "x-00001-of-0000é.gguf",
        ] {
            assert_eq!(Split::parse(name), None, "{name}");
        }
        let split = Split::parse("x-00002-of-00003.GGUF").unwrap();
        assert_eq!(split.part(3), "x-00003-of-00003.gguf");
    }
}
