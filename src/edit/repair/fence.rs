//! The code fence that a model puts round its answer, out of habit.
//!
//! A fence wraps only if its closer is the last line: a Markdown file may begin and end with two different fences, and
//! keeps them. Does not know what the text is for; who does, asks only where a fence can not be meant.

/// A line that opens or closes a fence.
struct Fence<'a> {
    mark: char,
    width: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    /// CommonMark: three or more of a kind; what follows backticks holds none.
    fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let width = line.len() - info.len();
        (width >= 3 && !info.contains('`')).then_some(Self { mark, width, info: info.trim() })
    }
}

/// Whether `line` opens or closes a fence.
pub fn is_fence(line: &str) -> bool {
    Fence::of(line).is_some()
}

/// The lines inside the one fence that stands round all of `text`, blank lines aside; `None` where there is none. A
/// fence that was opened and never closed is taken off too.
pub fn unfence(text: &str) -> Option<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            lines.push((start, line));
        }
        start += line.len();
    }
    let (&(first, line), rest) = lines.split_first()?;
    let opening = Fence::of(line)?;
    let inside = first + line.len();
    let mut depth = 1;
    for (number, (start, line)) in rest.iter().enumerate() {
        match Fence::of(line) {
            Some(fence) if fence.mark == opening.mark && fence.width >= opening.width => {
                if !fence.info.is_empty() {
                    depth += 1;
                    continue;
                }
                depth -= 1;
                if depth == 0 {
                    return (number + 1 == rest.len()).then(|| &text[inside..*start]);
                }
            }
            _ => {}
        }
    }
    (depth == 1).then(|| &text[inside..])
}
