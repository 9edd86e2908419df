//! What is typed in the demo: files, and the lines taken out of them. Data, and the check that it fits.

use std::ops::Range;

/// A file, and where its lines are missing.
pub struct Scene {
    /// Shown, and what the language is told by.
    pub name: &'static str,
    pub text: &'static str,
    /// From the one line that reads so, this many lines; in the order of the file.
    missing: &'static [(&'static str, usize)],
}

pub static SCENES: &[Scene] = &[
    Scene {
        name: "queue.rs",
        text: include_str!("../../../fixtures/demo/queue.rs"),
        missing: &[
            ("            QueueError::UnknownJob(id) => write!(f, \"no job has the number {id}\"),", 2),
            ("    pub fn pages(&self) -> usize {", 3),
            ("    pub fn is_empty(&self) -> bool {", 3),
            ("        if self.jobs.len() >= self.limit {", 3),
            ("impl Default for Queue {", 5),
        ],
    },
    Scene {
        name: "pantry.py",
        text: include_str!("../../../fixtures/demo/pantry.py"),
        missing: &[
            ("        self.wanted = wanted", 2),
            ("    def __contains__(self, name):", 2),
            ("        if name not in self.items:", 2),
            ("        item.amount -= amount", 2),
            ("        return [item for item in self if item.has_expired(today)]", 1),
            ("    return \"\\n\".join(lines)", 1),
        ],
    },
];

impl Scene {
    /// The missing lines, in bytes of the whole text: from the end of the line above to the end of the last one.
    /// The error says which line of the script does not fit its file.
    pub fn holes(&self) -> Result<Vec<Range<usize>>, String> {
        let mut from = 0;
        let mut holes = Vec::new();
        for &(first, count) in self.missing {
            let wrong = || format!("{}: no line `{first}` below byte {from}", self.name);
            let needle = format!("\n{first}\n");
            let rest = self.text.get(from..).ok_or_else(wrong)?;
            let start = from + rest.find(&needle).ok_or_else(wrong)?;
            let end = self
                .text
                .match_indices('\n')
                .map(|(offset, _)| offset)
                .filter(|offset| *offset > start)
                .nth(count.saturating_sub(1))
                .ok_or_else(wrong)?;
            holes.push(start..end);
            from = end;
        }
        Ok(holes)
    }
}
