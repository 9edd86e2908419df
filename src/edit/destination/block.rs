//! Tests in a block of the tested file, as in Rust: found, or made at its end.

use ropey::Rope;

use crate::edit::destination::{
    Layout, Place, file, gap, is_imported, line_break, outermost, style, with_import,
};
use crate::edit::region::Region;
use crate::edit::repair::indent::Style;
use crate::syntax::language::testing::{Block, Testing};
use crate::syntax::parts::{Parts, TestBlock};
use crate::syntax::{ChunkKind, Language, lines};
use crate::text::Document;

/// One step of indentation, where no line of a file shows another.
const STEP: &str = "    ";

pub fn place(
    document: &Document,
    region: &Region,
    path: &str,
    home: &Block,
    existing: &dyn Fn(&str) -> Option<String>,
) -> Place {
    let text = document.rope().to_string();
    let testing = &document.language().testing;
    let step = step(&text);
    let block = block_for(document, region);
    let name = outermost(document, region).unwrap_or_default();
    if let Some(TestBlock { body: None, name: block, .. }) = &block {
        return elsewhere(document, name, block, path, home, existing);
    }
    let found = block.and_then(|block| Found::of(document, &text, &block, home, &step));
    let (indent, layout) = match found {
        Some(found) => {
            let needs_import = !has_import(document, testing, found.content, name);
            let layout = found.layout(document.language(), testing, needs_import);
            (found.indent, layout)
        }
        None => {
            let above = gap(&text, testing.blank_lines);
            let lead = format!("{above}{}\n{step}{}\n\n", home.head, testing.import);
            let trail = format!("\n{}\n", home.foot);
            (step, Layout { above: text.clone(), lead, trail, below: String::new() })
        }
    };
    Place { path: path.to_owned(), existing: Some(text), opening: opening(testing, &indent), layout }
}

/// One step of indentation in `text`.
fn step(text: &str) -> String {
    match style(text) {
        Some(Style::Tabs) => "\t".to_owned(),
        Some(Style::Spaces(width)) => " ".repeat(width),
        None => STEP.to_owned(),
    }
}

/// A block in its text.
struct Found<'a> {
    /// Up to the opener, and with it.
    opener: &'a str,
    content: &'a str,
    /// From the closer on.
    closer: &'a str,
    /// The blanks that the line of the opener begins with.
    outer: String,
    /// The blanks that the lines of the block begin with.
    indent: String,
}

impl<'a> Found<'a> {
    /// `None` for a block that is broken, so that its opener or its closer is not there.
    fn of(document: &Document, text: &'a str, block: &TestBlock, home: &Block, step: &str) -> Option<Self> {
        let body = block.body.clone()?;
        let opener = home.head.chars().next_back()?;
        let content = text.get(body.clone())?.strip_prefix(opener)?.strip_suffix(home.foot)?;
        let start = body.start + opener.len_utf8();
        let outer = blanks_of_line(document.rope(), block.range.start);
        let indent = inner_indent(content, &outer, step);
        let (opener, closer) = (text.get(..start)?, text.get(start + content.len()..)?);
        Some(Self { opener, content, closer, outer, indent })
    }

    /// Below what the block holds, above its closer.
    fn layout(&self, language: &'static Language, testing: &Testing, needs_import: bool) -> Layout {
        let (tests, blanks) = self.content.split_at(self.content.trim_end().len());
        let on_one_line = !blanks.contains(['\n', '\r']);
        let import = format!("{}{}", self.indent, testing.import);
        // Where code stands on the line of the closer, what is added stays in one piece.
        let with_import = match needs_import && !on_one_line {
            true => below_opener(language, tests, &import, testing.blank_lines),
            false => None,
        };
        let mut lead = match tests.trim() {
            "" => "\n".to_owned(),
            _ => "\n".repeat(testing.blank_lines + 1),
        };
        if needs_import && with_import.is_none() {
            lead += &format!("{import}\n\n");
        }
        let tests = with_import.unwrap_or_else(|| tests.to_owned());
        let trail = if on_one_line { format!("\n{}", self.outer) } else { String::new() };
        let [above, below] = [[self.opener, &tests], [blanks, self.closer]].map(|pieces| pieces.concat());
        Layout { above, lead, trail, below }
    }
}

/// The block of tests that reaches `region`: the innermost module round both, and of several there one that has tests,
/// the last of them.
fn block_for(document: &Document, region: &Region) -> Option<TestBlock> {
    let parts = Parts::of(document.language(), document.rope(), document.tree()?)?;
    let reaches =
        |block: &TestBlock| block.parent.start <= region.range.start && region.range.end <= block.parent.end;
    let blocks = parts.tests.into_iter().filter(reaches);
    let has_tests = |block: &TestBlock| {
        let mut tests = document.chunks().iter().filter(|chunk| chunk.kind == ChunkKind::Test);
        tests.any(|test| {
            block
                .body
                .as_ref()
                .is_some_and(|body| body.start <= test.range.start && test.range.end <= body.end)
        })
    };
    blocks.max_by_key(|block| (block.parent.start, has_tests(block), block.range.start))
}

/// A block whose body is another file.
fn elsewhere(
    document: &Document,
    name: &str,
    block: &str,
    path: &str,
    home: &Block,
    existing: &dyn Fn(&str) -> Option<String>,
) -> Place {
    let testing = &document.language().testing;
    let (folder, file) = file::folder_and_file(path);
    let (stem, ending) = file::stem_and_ending(file);
    let stands_for_folder = home.folder_stems.contains(&stem);
    let patterns = if stands_for_folder { home.elsewhere_of_folder } else { home.elsewhere };
    let paths = patterns.iter().map(|pattern| {
        let file = pattern.replace("{stem}", stem).replace("{name}", block).replace("{ext}", ending);
        file::join(folder, &file)
    });
    let paths: Vec<_> = paths.collect();
    let found = paths.iter().find_map(|path| Some((path.clone(), Some(existing(path)?))));
    let (path, existing) = found.unwrap_or_else(|| (paths.first().cloned().unwrap_or_default(), None));
    let text = existing.clone().unwrap_or_default();
    let (above, import) = match has_import(document, testing, &text, name) {
        true => (text, String::new()),
        false => match with_import(document.language(), &text, testing.import, testing.blank_lines) {
            Some(above) => (above, String::new()),
            None => (text, format!("{}\n\n", testing.import)),
        },
    };
    let lead = gap(&above, testing.blank_lines) + &import;
    Place {
        path,
        existing,
        opening: opening(testing, ""),
        layout: Layout { above, lead, trail: "\n".to_owned(), below: String::new() },
    }
}

/// `tests`, which follow the opener of their block, with `import` among them.
fn below_opener(
    language: &'static Language,
    tests: &str,
    import: &str,
    blank_lines: usize,
) -> Option<String> {
    let with_import = with_import(language, tests, import, blank_lines)?;
    let on_opener_line = with_import.starts_with(import);
    Some(if on_opener_line { format!("{}{with_import}", line_break(tests)) } else { with_import })
}

fn has_import(document: &Document, testing: &Testing, text: &str, name: &str) -> bool {
    testing.import.is_empty() || is_imported(document.language(), text, name, testing.import)
}

fn opening(testing: &Testing, indent: &str) -> String {
    let lines: Vec<_> = testing.opening.split('\n').map(|line| format!("{indent}{line}")).collect();
    lines.join("\n")
}

/// The blanks that the first visible line of `content` begins with; one step more than `outer` where there is none,
/// or where it stands on the line of the opener.
fn inner_indent(content: &str, outer: &str, step: &str) -> String {
    let first = content.split(['\n', '\r']).skip(1).find(|line| !line.trim().is_empty());
    match first.map(|line| &line[..line.len() - line.trim_start().len()]) {
        Some(blanks) if blanks.len() > outer.len() => blanks.to_owned(),
        _ => format!("{outer}{step}"),
    }
}

fn blanks_of_line(rope: &Rope, offset: usize) -> String {
    let line = lines::text(rope, rope.byte_to_line(lines::floor(rope, offset)));
    line[..line.len() - line.trim_start().len()].to_owned()
}
