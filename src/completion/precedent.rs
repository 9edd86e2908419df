//! Precedents: what follows elsewhere where the text reads as it does before the cursor.
//!
//! Code repeats what stands near it (Tu, Su and Devanbu, *On the localness of software*, 2014), and a small model does not
//! see it: of what it reads it copies little, and most of a file it does not read at all. So the lines round the cursor
//! are looked for in the file and in other open ones, and what followed there is handed to whoever chooses the tokens,
//! with how much of the text agrees. Does not decide: which of it is taken, and against what odds, is for
//! `engine::sample::follow`.

use ropey::Rope;

use crate::completion::line::{self, is_closer, is_telling, splits_word};
use crate::syntax::lines;

/// Models of more weights do without: they read more and copy more of it. It was measured with one of 8.5 million alone.
pub const MOST_WEIGHTS: u64 = 50_000_000;

/// Lines looked through above the cursor, and as many below, and of each other file; and bytes of them.
const REACH: usize = 2000;
const REACH_BYTES: usize = 256 << 10;
/// Other files looked through at most, and bytes of all of them.
const OTHERS: usize = 12;
const OTHERS_BYTES: usize = 512 << 10;
/// Lines that are longer are data.
const LONGEST: usize = 400;
/// Lines before a place that are compared.
const DEEP: usize = 4;
/// Different texts at most; the best.
const MOST: usize = 8;
/// Bytes of what is typed on the line that must agree at least, where not all of it does…
const LEAST: usize = 4;
/// …and at most…
const MOST_TYPED: usize = 160;
/// …and those from which on it says something, in part and whole.
const TELLING_PART: usize = 12;
const TELLING_WHOLE: usize = 8;

/// A text that may follow the cursor, for it follows where the text reads like here.
#[derive(Clone, Debug, PartialEq)]
pub struct Precedent {
    /// From the cursor to the end of the line, with a `\n`.
    pub text: String,
    /// Lines and parts of the line that agree: 0 for a few signs of what is typed.
    pub agreeing: u32,
}

/// The texts that followed, the best first, for a cursor at byte `offset`. What stands right of the cursor already, but for
/// closers, ends each of them. Of equal ones the nearest comes first: first this file, then `others`, as they are given.
/// Does not parse; looks at 2,000 lines and 256 KiB each way at the most, and at as much of twelve other files, 512 KiB of
/// them together.
pub fn precedents<'a>(
    rope: &Rope,
    offset: usize,
    others: impl IntoIterator<Item = &'a Rope>,
) -> Vec<Precedent> {
    let offset = lines::floor(rope, offset);
    let at = rope.byte_to_line(offset);
    let start = line::line_start(rope, offset);
    if offset - start > LONGEST {
        return Vec::new();
    }
    let typed = line::text(rope, start, offset);
    let (above, below) = (above_line(rope, at), from_line(rope, at + 1, REACH_BYTES));
    let right = line::text(rope, offset, line::line_end(rope, offset).min(offset + LONGEST));
    let others = beginnings(others);
    let others: Vec<Vec<&str>> = others.iter().map(|text| visible(text)).collect();
    let (above, below) = (visible(&above), visible(&below));
    let here = Here {
        typed: typed.trim_start(),
        ends: ends(typed.trim_start()),
        right: if right.chars().all(is_closer) { "" } else { right.trim_end() },
        above: before(&above, above.len()),
        below: below.first().copied(),
    };
    let mut found: Vec<Found> = Vec::new();
    for (near, line) in above.iter().rev().enumerate() {
        let index = above.len() - 1 - near;
        found.extend(here.meet(line, before(&above, index), above.get(index + 1), near));
    }
    // NB: not the first line below, before which stands what stands before the cursor.
    for (near, line) in below.iter().enumerate().skip(1) {
        found.extend(here.meet(line, before(&below, near), below.get(near + 1), near));
    }
    let mut far = above.len().max(below.len());
    for other in &others {
        for (index, line) in other.iter().enumerate() {
            found.extend(here.meet(line, before(other, index), other.get(index + 1), far + index));
        }
        far += other.len();
    }
    best(found)
}

/// What is looked at above a line: whole lines, of which there are no more than may be read.
fn above_line(rope: &Rope, line: usize) -> String {
    let end = rope.line_to_byte(line);
    let from = end.saturating_sub(REACH_BYTES);
    let first = rope.byte_to_line(from);
    let first = if rope.line_to_byte(first) < from { first + 1 } else { first };
    line::text(rope, rope.line_to_byte(first.max(line.saturating_sub(REACH)).min(line)), end)
}

/// What is looked at from a line on: whole lines, of no more than `room` bytes.
fn from_line(rope: &Rope, line: usize, room: usize) -> String {
    let start = rope.line_to_byte(line.min(rope.len_lines()));
    let end = start + room.min(REACH_BYTES);
    let last = if end < rope.len_bytes() { rope.byte_to_line(end) } else { rope.len_lines() };
    line::text(rope, start, rope.line_to_byte(last.min(line + REACH)))
}

/// What is looked at of other files.
fn beginnings<'a>(others: impl IntoIterator<Item = &'a Rope>) -> Vec<String> {
    let mut room = OTHERS_BYTES;
    let mut texts = Vec::new();
    for other in others.into_iter().take(OTHERS) {
        let text = from_line(other, 0, room);
        room -= text.len();
        texts.push(text);
    }
    texts
}

/// The best of those found, each text once.
fn best(mut found: Vec<Found>) -> Vec<Precedent> {
    found.sort_by_key(|found| (std::cmp::Reverse((found.agreeing, found.typed)), found.far));
    let mut best: Vec<Precedent> = Vec::new();
    for found in found {
        let is_same = |known: &Precedent| known.text.strip_suffix('\n') == Some(found.rest);
        if best.len() == MOST {
            break;
        }
        if !best.iter().any(is_same) {
            best.push(Precedent { text: format!("{}\n", found.rest), agreeing: found.agreeing });
        }
    }
    best
}

/// The lines that say something, without the blanks round them.
fn visible(text: &str) -> Vec<&str> {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The lines before one, nearest first.
fn before<'a>(lines: &'a [&'a str], index: usize) -> impl Iterator<Item = &'a str> + Clone {
    lines[..index].iter().rev().take(DEEP).copied()
}

/// How the text reads at the cursor.
struct Here<'a, I> {
    /// Left of the cursor, without the blanks that begin the line.
    typed: &'a str,
    /// Lengths of the ends of it that begin with a word or a sign, the longest first.
    ends: Vec<usize>,
    /// Right of the cursor, unless it is closers alone.
    right: &'a str,
    above: I,
    below: Option<&'a str>,
}

/// A place that reads like the one at the cursor.
struct Found<'a> {
    rest: &'a str,
    agreeing: u32,
    /// Bytes of what is typed that stand there too; more than there are where all of it does.
    typed: usize,
    /// Lines between; those of other files are behind all of this one.
    far: usize,
}

impl<'a, I: Iterator<Item = &'a str> + Clone> Here<'a, I> {
    /// A line with those before and behind it, if it reads like here.
    fn meet<'l>(
        &self,
        line: &'l str,
        before: impl Iterator<Item = &'l str>,
        behind: Option<&&str>,
        far: usize,
    ) -> Option<Found<'l>> {
        // What stands just below is not wanted again; nor, as a whole, what stands just above.
        let repeats = self.typed.is_empty() && is_telling(line) && self.above.clone().next() == Some(line);
        if line.len() > LONGEST || self.below == Some(line) || repeats {
            return None;
        }
        let above = before.zip(self.above.clone()).take_while(|(there, here)| there == here);
        let mut agree: Vec<&str> = above.map(|(line, _)| line).collect();
        let follows = !agree.is_empty();
        agree.extend(behind.copied().filter(|&line| self.below == Some(line)));
        // Lines that only close something stand together everywhere.
        let says = agree.iter().any(|line| line.contains(char::is_alphanumeric));
        let lines = if says { agree.len() as u32 } else { agree.len().min(1) as u32 };
        let (rest, agreeing, typed) = if self.typed.is_empty() {
            (line, if follows { self.worth(line, lines) } else { return None }, 0)
        } else if let Some(rest) = line.strip_prefix(self.typed) {
            (rest, lines + 1 + u32::from(self.typed.len() >= TELLING_WHOLE), usize::MAX)
        } else {
            let (rest, typed) = self.rest_behind(line)?;
            (rest, lines.min(1) + u32::from(typed >= TELLING_PART), typed)
        };
        let new = rest.trim_end().strip_suffix(self.right)?;
        (!new.trim().is_empty()).then_some(Found { rest, agreeing, typed, far })
    }

    /// What it says that `lines` agree before `line`: little where that stands just before the cursor, for then the text
    /// counts something up (`1 =>`, `2 =>`), and wants the next.
    fn worth(&self, line: &str, lines: u32) -> u32 {
        let counts = line.contains(char::is_alphanumeric) && self.above.clone().any(|above| above == line);
        if counts { 0 } else { lines }
    }

    /// What `line` has behind the longest end of what is typed that stands in it as whole words, the last of them perhaps
    /// begun. And the bytes of that end.
    fn rest_behind<'l>(&self, line: &'l str) -> Option<(&'l str, usize)> {
        let shortest = &self.typed[self.typed.len() - *self.ends.last()?..];
        let found = line.match_indices(shortest).filter_map(|(at, _)| {
            let end = at + shortest.len();
            let alike = line.as_bytes()[..end].iter().rev().zip(self.typed.as_bytes().iter().rev());
            let alike = alike.take_while(|(there, here)| there == here).count();
            let ends = &self.ends[self.ends.partition_point(|&length| length > alike)..];
            let typed = ends.iter().find(|&&length| !splits_word(line, end - length))?;
            Some((&line[end..], *typed))
        });
        found.max_by_key(|(_, typed)| *typed)
    }
}

/// The lengths of the ends of `typed` that begin with a word or a sign, the longest first.
fn ends(typed: &str) -> Vec<usize> {
    let starts = typed
        .char_indices()
        .map(|(at, _)| at)
        .filter(|&at| !splits_word(typed, at) && !typed[at..].starts_with(char::is_whitespace));
    starts.map(|at| typed.len() - at).filter(|length| (LEAST..=MOST_TYPED).contains(length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts for the cursor at `|`, with what agrees.
    fn found(marked: &str) -> Vec<(String, u32)> {
        found_with(marked, &[])
    }

    fn found_with(marked: &str, others: &[&str]) -> Vec<(String, u32)> {
        let offset = marked.find('|').unwrap();
        let rope = Rope::from_str(&marked.replacen('|', "", 1));
        let others: Vec<Rope> = others.iter().map(|other| Rope::from_str(other)).collect();
        let found = precedents(&rope, offset, &others).into_iter();
        found.map(|p| (p.text.trim_end_matches('\n').to_owned(), p.agreeing)).collect()
    }

    fn check(marked: &str, expected: &[(&str, u32)]) {
        let expected: Vec<_> = expected.iter().map(|&(text, agreeing)| (text.to_owned(), agreeing)).collect();
        assert_eq!(found(marked), expected, "{marked}");
    }

    #[test]
    fn a_line_follows_the_lines_before_it() {
        check("if a:\n    b()\nelse:\n    c()\nd()\ne()\nif a:\n    |", &[("b()", 1)]);
        // More lines that agree are more; blanks are none, neither round a line nor between lines.
        check("x\na\n b1\ny\na\n  b2\nz\nz\n\nx\n\na\n|\n", &[("b1", 2), ("b2", 1)]);
        // What follows there may follow here too. The nearest comes first.
        check("a\nb1\nend\nq\na\nb2\nx\nx\nx\na\n|\nend\n", &[("b1", 2), ("b2", 1)]);
        check("a\nb1\na\nb2\na\n|\n", &[("b2", 0), ("b1", 0)]);
        // Closers close many things.
        check("a\n}\n}\nf()\nb\nc\nd\n}\n}\n|\n", &[("}", 1), ("f()", 1)]);
        check("a\nb1\nc\nd\na\nb2\ne\nf\ng\na\n|\n", &[("b2", 1), ("b1", 1)]);
        // In several places; below too.
        check("a\nb\nw\nx\ny\nz\na\n|\nc\na\nb\n", &[("b", 1)]);
        check("one\n|\n", &[]);
        check("|", &[]);
    }

    #[test]
    fn what_stands_beside_the_cursor_is_no_precedent_of_itself() {
        check("a\n|\nb\nc\n", &[]);
        check("log(1)\nlog(1)\nlog(1)\n|\n", &[]);
        check("a\nnext()\na\n|\nnext()\n", &[]);
        // Closers close again.
        check("}\n}\n|\n", &[("}", 1)]);
    }

    #[test]
    fn the_rest_of_a_line_that_begins_alike() {
        check("x = f(1)\n  x = f(2)\nx = f(|\nx = f(4)\n", &[("2)", 1), ("1)", 1)]);
        check("let total = sum(a)\nlet total = |", &[("sum(a)", 2)]);
        check(
            "one\nlet total = sum(a)\ntwo\nlet total = sum(b)\none\nlet total = |",
            &[("sum(a)", 3), ("sum(b)", 2)],
        );
        // All of it stands here already.
        check("done()\ndone()|", &[]);
        // With a few of its words, and with many.
        check("y.close(1)\nz.close(|\n", &[("1)", 0)]);
        check("a = self.store.load(1)\nreturn self.store.load(|\n", &[("1)", 1)]);
        // Words are compared whole, but for the one that is being typed.
        check("a = my_load(1)\nreturn load(|\n", &[]);
        check("a = x.loaded(1)\nreturn x.load|\n", &[("ed(1)", 0)]);
        check("a(1)\nb(|\n", &[]);
        // The best of several in one line.
        check("f.load(1) + my_load(2)\nreturn f.load(|\n", &[("1) + my_load(2)", 0)]);
        check("é.load(1)\r\nreturn é.load(|\r\n", &[("1)", 0)]);
    }

    #[test]
    fn what_stands_right_of_the_cursor_ends_it() {
        check("x = compute(a, c)\nx = compute(|, b)\n", &[]);
        check("x = compute(a, b)\nx = compute(|, b)\n", &[("a, b)", 2)]);
        check("a\nfoo(bar)\na\n|foo(bar)\n", &[]);
        check("if one:\n    f()\nif |:\n", &[("one:", 1)]);
        // Closers are the editor's.
        check("x = f(1)\nx = f(|)\n", &[("1)", 1)]);
    }

    #[test]
    fn other_files_have_precedents_too() {
        // This file first, then the others as they are given.
        let others = ["x = f(3)\n", "y\nx = f(4)\n"];
        let expected = [("2)", 1), ("3)", 1), ("4)", 1)].map(|(text, agreeing)| (text.to_owned(), agreeing));
        assert_eq!(found_with("x = f(2)\nz\nx = f(|\n", &others), expected);
        // But what agrees more goes before it.
        assert_eq!(found_with("x = f(2)\ny\nx = f(|\n", &others)[0].0, "4)");
        assert_eq!(found_with("open()\n|\n", &["open()\nread()\nclose()\n"]), [("read()".to_owned(), 1)]);
        assert_eq!(found_with("|\n", &["open()\nread()\n", ""]), []);
    }

    #[test]
    fn what_is_counted_up_is_not_said_again() {
        let arms = "1 => {\n go();\n}\n2 => {\n go();\n}\n|\n";
        check(arms, &[("2 => {", 0)]);
    }

    #[test]
    fn what_is_too_much_to_look_at_is_not_looked_at() {
        let long = "x".repeat(LONGEST + 1);
        check(&format!("a\n{long}\na\n|\n"), &[]);
        check(&format!("a{long}\na{long}|\n"), &[]);
        check(&format!("a\nb\n{}a\n|\n", "c\n".repeat(REACH)), &[]);
        let far = format!("{}a\nb\n", "c\n".repeat(REACH));
        assert_eq!(found_with("a\n|\n", &[&far]), []);
        // What is read in part is read in whole lines.
        let ends_inside = format!("a\nb{}\n", " ".repeat(REACH_BYTES));
        assert_eq!(found_with("a\n|\n", &[&ends_inside]), []);
        check(&format!("a\n|\nc\n{ends_inside}"), &[]);
        check(&format!("{}a\nb\na\n|\n", " ".repeat(REACH_BYTES)), &[]);
        let wide = format!("{}\n", "c".repeat(255)).repeat(REACH_BYTES >> 8);
        let wide: Vec<&str> = std::iter::repeat_n(&*wide, 2).chain(["a\nb\n"]).collect();
        assert_eq!(found_with("a\n|\n", &wide), []);
        let one_too_many: Vec<&str> = std::iter::repeat_n("c\n", OTHERS).chain(["a\nb\n"]).collect();
        assert_eq!(found_with("a\n|\n", &one_too_many), []);
        assert_eq!(found_with("a\n|\n", &one_too_many[1..]).len(), 1);
        let many: String = (0..50).map(|n| format!("a\nb{n}\n")).collect();
        assert_eq!(found(&format!("{many}a\n|\n")).len(), MOST);
        // An offset inside a character, and behind the end.
        for offset in 0..20 {
            let _ = precedents(&Rope::from_str("é\né\r\nwide 漢\n"), offset, []);
        }
    }
}
