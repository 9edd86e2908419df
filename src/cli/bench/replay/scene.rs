//! Which lines are typed again: runs of lines inside functions of real files, the same for the same seed.
//!
//! Runs are drawn from each language alike. The files that stand open beside a run belong to the same project.

use std::ops::Range;

use super::editor::{Editor, OpenFile};
use crate::eval::{Project, SourceFile};
use crate::syntax::ChunkKind;

/// Lines of a run.
const LINES: Range<usize> = 3..31;
/// Files that are open beside the one that is typed into.
const BESIDE: usize = 2;

/// One run: lines that are taken out of a file and typed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Index of the project, and of the file in it.
    pub project: usize,
    pub file: usize,
    /// Bytes that are taken out: from behind the line above to the end of the last line.
    pub taken: Range<usize>,
    /// Indices of the files that are open too.
    pub beside: Vec<usize>,
}

/// So many runs; none where no file has a function of three lines.
pub fn runs(projects: &[Project], count: usize, seed: u64) -> Vec<Run> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut places: Vec<(&str, usize, usize, Vec<Range<usize>>)> = Vec::new();
    for (project, files) in projects.iter().enumerate() {
        for (file, source) in files.files.iter().enumerate() {
            let bodies = bodies(source);
            if !bodies.is_empty() {
                places.push((source.language().id, project, file, bodies));
            }
        }
    }
    let mut languages: Vec<&str> = places.iter().map(|(language, ..)| *language).collect();
    languages.sort_unstable();
    languages.dedup();
    let mut runs = Vec::new();
    for number in 0..count {
        let Some(language) = languages.get(number % languages.len().max(1)) else { break };
        let alike: Vec<_> = places.iter().filter(|(of, ..)| of == language).collect();
        let (_, project, file, bodies) = alike[random.usize(..alike.len())];
        let body = &bodies[random.usize(..bodies.len())];
        // The smaller of two draws: most runs are short, as most visits to a place are.
        let longest = body.len().min(LINES.end - 1);
        let length = random.usize(LINES.start..=longest).min(random.usize(LINES.start..=longest));
        let first = body.start + random.usize(..=body.len() - length);
        let files = &projects[*project].files;
        let mut beside: Vec<usize> =
            (0..files.len()).filter(|other| other != file && is_usable(&files[*other].text)).collect();
        random.shuffle(&mut beside);
        beside.truncate(BESIDE);
        let taken = bytes(&files[*file].text, first..first + length);
        runs.push(Run { project: *project, file: *file, taken, beside });
    }
    runs
}

/// Lines inside functions, without their first line; where there is no grammar, inside any piece of text.
fn bodies(source: &SourceFile) -> Vec<Range<usize>> {
    if !is_usable(&source.text) {
        return Vec::new();
    }
    let rope = source.document.rope();
    let functions = [ChunkKind::Function, ChunkKind::Method, ChunkKind::Test, ChunkKind::Block];
    let inside = source.document.chunks().iter().filter(|chunk| functions.contains(&chunk.kind));
    let lines = inside.map(|chunk| {
        let end = chunk.signature.end.clamp(chunk.range.start, chunk.range.end);
        rope.byte_to_line(end) + 1..rope.byte_to_line(chunk.range.end) + 1
    });
    lines.filter(|lines| lines.len() >= LINES.start).collect()
}

/// Whether lines end as an editor here counts them.
fn is_usable(text: &str) -> bool {
    !text.contains('\r')
}

/// From the end of the line above `lines` to the end of the last of them; `lines` does not hold the first line.
fn bytes(text: &str, lines: Range<usize>) -> Range<usize> {
    let ends: Vec<usize> =
        text.match_indices('\n').map(|(at, _)| at).chain(std::iter::once(text.len())).collect();
    let end = |line: usize| ends.get(line).copied().unwrap_or(text.len());
    end(lines.start - 1)..end(lines.end - 1)
}

impl Run {
    /// The files as they are open when the run begins, and what is to be typed.
    pub fn open(&self, projects: &[Project]) -> (Editor, String) {
        let project = &projects[self.project];
        let open = |file: usize, text: String| {
            let source = &project.files[file];
            let uri = format!("file:///replay/{}/{}", project.name, source.path);
            OpenFile { uri: escaped(&uri), language: source.language().id, text, version: 1 }
        };
        let whole = &project.files[self.file].text;
        let mut text = whole.clone();
        text.replace_range(self.taken.clone(), "");
        let mut files = vec![open(self.file, text)];
        files.extend(self.beside.iter().map(|&file| open(file, project.files[file].text.clone())));
        (Editor { files, focus: 0, cursor: self.taken.start }, whole[self.taken.clone()].to_owned())
    }
}

/// A URI of a path that may hold any character.
fn escaped(uri: &str) -> String {
    url::Url::parse(uri).map_or_else(|_| uri.to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::corpus;

    #[test]
    fn runs_are_the_same_for_the_same_seed_and_lie_inside_functions() {
        let projects = corpus::built_in();
        let first = runs(&projects, 40, 7);
        assert_eq!(first, runs(&projects, 40, 7));
        assert_ne!(first, runs(&projects, 40, 8));
        assert_eq!(first.len(), 40);
        let mut languages = Vec::new();
        for run in &first {
            let source = &projects[run.project].files[run.file];
            languages.push(source.language().id);
            let taken = &source.text[run.taken.clone()];
            assert!(taken.starts_with('\n') && source.text[run.taken.end..].starts_with('\n'), "{taken:?}");
            let lines = taken.matches('\n').count();
            assert!(LINES.contains(&lines), "{lines} lines");
            assert!(run.beside.len() == BESIDE && !run.beside.contains(&run.file));
            let (editor, target) = run.open(&projects);
            let mut text = editor.file().text.clone();
            text.insert_str(editor.cursor, &target);
            assert_eq!(text, source.text);
        }
        assert!(languages.iter().filter(|language| **language == "rust").count() == 20, "{languages:?}");
    }

    #[test]
    fn what_cannot_be_typed_is_left_out() {
        let file = |path: &str, text: &str| SourceFile::of(path, text);
        let one = |files: Vec<SourceFile>| vec![Project { name: "p".into(), files }];
        assert_eq!(runs(&[], 3, 1), []);
        assert_eq!(runs(&one(vec![file("a.rs", "fn f() {}\n")]), 3, 1), []);
        assert_eq!(
            runs(&one(vec![file("a.rs", "fn f() {\r\n    a();\r\n    b();\r\n    c();\r\n}\r\n")]), 3, 1),
            []
        );
        // The last line may have no end, and a file may be alone.
        let found = runs(&one(vec![file("a é.py", "def f():\n    a = 1\n    b = 2\n    return a")]), 2, 1);
        assert_eq!(found.len(), 2);
        assert!(found[0].beside.is_empty());
        let (editor, target) =
            found[0].open(&one(vec![file("a é.py", "def f():\n    a = 1\n    b = 2\n    return a")]));
        assert_eq!(
            (editor.files[0].text.as_str(), &*target),
            ("def f():", "\n    a = 1\n    b = 2\n    return a")
        );
        assert_eq!(editor.files[0].uri, "file:///replay/p/a%20%C3%A9.py");
    }
}
