//! Holes: places in a file where the rest is taken out, of five kinds that people meet while they type.
//!
//! Where a hole may be is told by lines, words and the tree alone, never by what a model is good at. All holes of a
//! kind are found first and the wanted number is drawn from them, at most one a line.

mod line;
mod name;

use std::ops::Range;

use crate::eval::{Project, SourceFile};
use line::Line;
use name::Definitions;

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
                            Kind::Name => name::places(source, file, &defined[project]),
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
        Kind::Line => Some(line.whole()),
        Kind::Inner => line.inner(random),
        Kind::Block => line.block(file),
        // Told by other files (`name`).
        Kind::Name => None,
    })
    .collect()
}

#[cfg(test)]
mod tests;
