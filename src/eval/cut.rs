//! Holes: places in a file where the rest is taken out, of five kinds that people meet while they type.
//!
//! Where a hole may be is told by lines, words and the tree alone, never by what a model is good at. All holes of a
//! kind are found first and the wanted number is drawn from them, at most one a line.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::completion::line::is_word;
use crate::eval::{Project, SourceFile};
use crate::syntax::language::Blocks;
use crate::syntax::scope::{self, Inside};
use crate::syntax::{ChunkKind, lines};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The rest of a line, from between two of its words or signs.
    LineEnd,
    /// A line, from behind its indentation.
    Line,
    /// A condition or the arguments of a call; what closes them stands right of the cursor already.
    Inner,
    /// The lines of a block, from behind the indentation of the first.
    Block,
    /// The rest of a name that only another file of the project holds, from behind its second letter.
    Name,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::LineEnd, Kind::Line, Kind::Inner, Kind::Block, Kind::Name];

    /// As it stands in `--kinds` and in the object.
    pub fn name(self) -> &'static str {
        match self {
            Kind::LineEnd => "line-end",
            Kind::Line => "line",
            Kind::Inner => "inner",
            Kind::Block => "block",
            Kind::Name => "name",
        }
    }
}

/// One place to fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    pub kind: Kind,
    /// Index of the project, and of the file in it.
    pub project: usize,
    pub file: usize,
    /// Bytes of the file that are taken out; the cursor stands at the start.
    pub taken: Range<usize>,
    /// Bytes of the file that count as the answer, from where the word or line of the cursor begins.
    pub judged: Range<usize>,
}

/// Lines of a block that is asked for.
const BLOCK_LINES: std::ops::RangeInclusive<usize> = 2..=6;
/// Visible characters of a line that is worth asking for, and of what is taken out of one.
const LINE_CHARACTERS: usize = 4;
const TAKEN_CHARACTERS: usize = 2;
/// Letters of a name, and those of it that are typed already.
const NAME_LETTERS: usize = 6;
const TYPED_LETTERS: usize = 2;

/// At most `count` holes of each kind and language, the same for the same projects and seed; in the order in which
/// they are best asked.
pub fn holes(projects: &[Project], kinds: &[Kind], languages: &[&str], count: usize, seed: u64) -> Vec<Hole> {
    let mut chosen = Vec::new();
    let defined: Vec<Definitions> =
        projects.iter().map(|project| Definitions::of(project, projects)).collect();
    for (of_language, language) in languages.iter().enumerate() {
        for &kind in kinds {
            let mut random = fastrand::Rng::with_seed(seed ^ ((kind as u64) << 32 | of_language as u64));
            let mut found = Vec::new();
            for (project, files) in projects.iter().enumerate() {
                for (file, source) in files.files.iter().enumerate() {
                    if source.language().id == *language {
                        let place = |(taken, judged)| Hole { kind, project, file, taken, judged };
                        let places = match kind {
                            Kind::Name => names(source, file, &defined[project]),
                            _ => candidates(kind, source, &mut random),
                        };
                        found.extend(places.into_iter().map(place));
                    }
                }
            }
            random.shuffle(&mut found);
            found.truncate(count);
            chosen.extend(found);
        }
    }
    chosen.sort_by_key(|hole| (hole.project, hole.file, hole.taken.start, hole.kind));
    chosen
}

/// What is taken out and what is judged, bytes.
type Place = (Range<usize>, Range<usize>);

/// Every hole of a kind that one file can tell, at most one a line.
fn candidates(kind: Kind, file: &SourceFile, random: &mut fastrand::Rng) -> Vec<Place> {
    let rope = file.document.rope();
    let all = (0..rope.len_lines()).filter_map(|line| Line::of(file, line));
    all.filter_map(|line| match kind {
        Kind::LineEnd => line.end(random),
        Kind::Line => Some((line.visible..line.end, line.visible..line.end)),
        Kind::Inner => line.inner(random),
        Kind::Block => line.block(file),
        // Told by other files (`names`).
        Kind::Name => None,
    })
    .collect()
}

/// A line of code.
struct Line<'a> {
    number: usize,
    /// Without indentation and trailing blanks.
    text: &'a str,
    /// Bytes of the file.
    visible: usize,
    end: usize,
}

impl<'a> Line<'a> {
    /// `None` for what is blank, short, a comment, inside a string, or without a word.
    fn of(file: &'a SourceFile, number: usize) -> Option<Self> {
        let rope = file.document.rope();
        let content = lines::content(rope, number);
        let whole = file.text.get(content.clone())?;
        let text = whole.trim();
        let visible = content.start + (whole.len() - whole.trim_start().len());
        let language = file.language();
        let is_comment = language.line_comment.is_some_and(|mark| text.starts_with(mark));
        let has_word = text.chars().filter(|c| c.is_alphanumeric()).count() >= 2;
        if text.chars().count() < LINE_CHARACTERS || is_comment || !has_word {
            return None;
        }
        let tree = file.document.tree();
        let starts_as_code = scope::inside(language, rope, tree, visible) == Inside::Code;
        let is_prose = ["\"\"\"", "'''"].iter().any(|quotes| text.starts_with(quotes));
        (starts_as_code && !is_prose).then_some(Self { number, text, visible, end: visible + text.len() })
    }

    /// From one of the places between two words or signs.
    fn end(&self, random: &mut fastrand::Rng) -> Option<Place> {
        let mut places = Vec::new();
        let mut before = None;
        for (at, c) in self.text.char_indices() {
            if let Some(b) = before {
                let inside_word = is_word(b) && is_word(c);
                let after_blanks = c.is_whitespace() && char::is_whitespace(b);
                if !inside_word && !after_blanks && visible_characters(&self.text[at..]) >= TAKEN_CHARACTERS {
                    places.push(self.visible + at);
                }
            }
            before = Some(c);
        }
        Some((random.choice(places)?..self.end, self.visible..self.end))
    }

    /// Between the parentheses of a call, or between a keyword and what ends its condition.
    fn inner(&self, random: &mut fastrand::Rng) -> Option<Place> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.text.match_indices('(') {
            let called = self.text[..at].chars().next_back().is_some_and(is_word);
            let close = closing(&self.text[at..]).map(|close| at + close);
            if let Some(close) = close.filter(|_| called) {
                places.push(at + 1..close);
            }
        }
        for keyword in ["if ", "while ", "elif ", "match "] {
            let condition = self.text.strip_prefix(keyword).and_then(|rest| rest.strip_suffix(['{', ':']));
            if let Some(condition) = condition {
                places.push(keyword.len()..keyword.len() + condition.trim_end().len());
            }
        }
        places.retain(|place| visible_characters(&self.text[place.clone()]) > TAKEN_CHARACTERS);
        let place = random.choice(places)?;
        Some((self.visible + place.start..self.visible + place.end, self.visible..self.end))
    }

    /// The lines that are indented more than this one, which opens them.
    fn block(&self, file: &SourceFile) -> Option<Place> {
        let opens = match file.language().blocks {
            Blocks::Braces => self.text.ends_with('{'),
            Blocks::Indentation => self.text.ends_with(':'),
            Blocks::Keywords { .. } => false,
        };
        let rope = file.document.rope();
        let own = lines::indent_of(rope, self.number)?;
        let is_inside = |line: usize| {
            line < rope.len_lines() && lines::indent_of(rope, line).is_none_or(|indent| indent > own)
        };
        let mut last = self.number;
        while is_inside(last + 1) {
            last += 1;
        }
        while last > self.number && lines::indent_of(rope, last).is_none() {
            last -= 1;
        }
        let first = lines::content(rope, self.number + 1);
        let body = first.start..lines::content(rope, last).end;
        if !opens || last <= self.number || !BLOCK_LINES.contains(&(last - self.number)) {
            return None;
        }
        let text = file.text.get(body.clone())?;
        let start = body.start + (text.len() - text.trim_start().len());
        // A docstring is prose, whose words nobody could guess.
        let is_prose = ["\"\"\"", "'''"].iter().any(|quotes| text.trim_start().starts_with(quotes));
        (start < first.end && !is_prose).then_some((start..body.end, start..body.end))
    }
}

/// Which files of a project define a name, by language and name. What other projects speak of too (`default`,
/// `Output`) is a word of the language, and everybody's.
struct Definitions<'a>(HashMap<(&'static str, &'a str), HashSet<usize>>);

impl<'a> Definitions<'a> {
    fn of(project: &'a Project, all: &'a [Project]) -> Self {
        let others = all.iter().filter(|other| !std::ptr::eq(*other, project));
        let common: HashSet<&str> = others
            .flat_map(|other| &other.files)
            .flat_map(|file| words(&file.text))
            .map(|(_, word)| word)
            .collect();
        let mut defined: HashMap<_, HashSet<usize>> = HashMap::new();
        for (number, file) in project.files.iter().enumerate() {
            let is_definition =
                |kind| !matches!(kind, ChunkKind::Imports | ChunkKind::Block | ChunkKind::Module);
            let chunks = file.document.chunks().iter().filter(|chunk| is_definition(chunk.kind));
            for name in chunks.filter_map(|chunk| chunk.name.as_deref()) {
                if name.len() >= NAME_LETTERS && name.is_ascii() && !common.contains(name) {
                    defined.entry((file.language().id, name)).or_default().insert(number);
                }
            }
        }
        Self(defined)
    }

    fn elsewhere(&self, language: &'static str, name: &'a str, here: usize) -> bool {
        self.0.get(&(language, name)).is_some_and(|files| files.iter().any(|&file| file != here))
    }
}

/// Names that this file holds once, and another file of the project defines.
fn names<'a>(file: &'a SourceFile, number: usize, defined: &Definitions<'a>) -> Vec<Place> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for (_, word) in words(&file.text) {
        *count.entry(word).or_default() += 1;
    }
    let rope = file.document.rope();
    let mut lines_used = HashSet::new();
    let mut found = Vec::new();
    for (at, word) in words(&file.text) {
        if count.get(word) != Some(&1) || !defined.elsewhere(file.language().id, word, number) {
            continue;
        }
        let line = rope.byte_to_line(at);
        let is_code = scope::inside(file.language(), rope, file.document.tree(), at) == Inside::Code;
        if is_code && Line::of(file, line).is_some() && lines_used.insert(line) {
            let end = lines::content(rope, line).end;
            found.push((at + TYPED_LETTERS..end, at..at + word.len()));
        }
    }
    found
}

/// The words of a text and where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = text.as_ptr() as usize;
    text.split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - begin, word))
}

/// Where the parenthesis that `text` begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn visible_characters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const DESK: &str = "use crate::fines::Tariff;

/// A counter.
pub struct Desk {
    open: bool,
    loans: Vec<u32>,
}

impl Desk {
    pub fn lend(&mut self, copy: u32) -> Option<u32> {
        if self.loans.contains(&copy) {
            // Not twice.
            return None;
        }
        let fine = Tariff::default().overdue_fine(copy, 3);
        Some(fine)
    }
}
";
    const FINES: &str = "#[derive(Default)]
pub struct Tariff {
    pub daily: u32,
}

impl Tariff {
    pub fn overdue_fine(&self, copy: u32, days: u32) -> u32 {
        copy * days * self.daily
    }
}
";

    fn project(files: &[(&str, &str)]) -> Project {
        Project {
            name: "p".into(),
            files: files.iter().map(|&(path, text)| SourceFile::of(path, text)).collect(),
        }
    }

    /// Every hole of a kind, as `typed[taken]`.
    fn check(kind: Kind, files: &[(&str, &str)], expected: Expect) {
        let project = project(files);
        let language = project.files[0].language().id;
        let shown: Vec<String> = holes(std::slice::from_ref(&project), &[kind], &[language], 100, 7)
            .iter()
            .map(|hole| {
                let text = &project.files[hole.file].text;
                let typed = text[..hole.taken.start].rsplit('\n').next().unwrap().trim_start();
                format!("{typed}[{}]\n", &text[hole.taken.clone()])
            })
            .collect();
        expected.assert_eq(&shown.concat());
    }

    #[test]
    fn line_ends() {
        check(
            Kind::LineEnd,
            &[("fines.rs", FINES)],
            expect![[r#"
            #[derive([Default)]]
            pub[ struct Tariff {]
            pub daily:[ u32,]
            impl[ Tariff {]
            pub fn[ overdue_fine(&self, copy: u32, days: u32) -> u32 {]
            copy [* days * self.daily]
        "#]],
        );
    }

    #[test]
    fn whole_lines() {
        check(
            Kind::Line,
            &[("fines.rs", FINES)],
            expect![[r#"
            [#[derive(Default)]]
            [pub struct Tariff {]
            [pub daily: u32,]
            [impl Tariff {]
            [pub fn overdue_fine(&self, copy: u32, days: u32) -> u32 {]
            [copy * days * self.daily]
        "#]],
        );
        let python =
            "def f(a):\n    \"\"\"Says what.\n\n    And more.\n    \"\"\"\n    # why\n    return a + 1\n";
        check(
            Kind::Line,
            &[("f.py", python)],
            expect![[r#"
            [def f(a):]
            [return a + 1]
        "#]],
        );
    }

    #[test]
    fn conditions_and_arguments() {
        check(
            Kind::Inner,
            &[("desk.rs", DESK)],
            expect![[r#"
            pub fn lend([&mut self, copy: u32]
            if self.loans.contains([&copy]
            let fine = Tariff::default().overdue_fine([copy, 3]
            Some([fine]
        "#]],
        );
        check(
            Kind::Inner,
            &[("a.py", "while left > 3:\n    call(a, (b))\n    x = (1, 2)\n")],
            expect![[r#"
            while [left > 3]
            call([a, (b)]
        "#]],
        );
    }

    #[test]
    fn blocks() {
        check(
            Kind::Block,
            &[("desk.rs", DESK)],
            expect![[r#"
            [open: bool,
                loans: Vec<u32>,]
            [if self.loans.contains(&copy) {
                        // Not twice.
                        return None;
                    }
                    let fine = Tariff::default().overdue_fine(copy, 3);
                    Some(fine)]
            [// Not twice.
                        return None;]
        "#]],
        );
        let python = "def f(a):\n\n    if a:\n        b()\n\n        c()\n\n\ndef g():\n    return 1\n";
        check(
            Kind::Block,
            &[("f.py", python)],
            expect![[r#"
            [b()

                    c()]
        "#]],
        );
    }

    #[test]
    fn names_of_other_files() {
        check(
            Kind::Name,
            &[("desk.rs", DESK), ("fines.rs", FINES)],
            expect![[r#"
            let fine = Tariff::default().ov[erdue_fine(copy, 3);]
        "#]],
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_holes() {
        let projects = [project(&[("desk.rs", DESK), ("fines.rs", FINES)])];
        let draw = |count, seed| holes(&projects, &Kind::ALL, &["rust"], count, seed);
        assert_eq!(draw(3, 1), draw(3, 1));
        assert_ne!(draw(3, 1), draw(3, 2));
        let kinds: Vec<usize> = Kind::ALL
            .iter()
            .map(|kind| draw(3, 1).iter().filter(|hole| hole.kind == *kind).count())
            .collect();
        assert_eq!(kinds, [3, 3, 3, 3, 1]);
    }
}
