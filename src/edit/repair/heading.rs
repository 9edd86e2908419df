//! Headers at the head of a body that was to have none.
//!
//! A model that was shown `FILE: src/a.py` may begin its answer with that line, or go on to another file when it is done.
//! Where one region is asked for there are no headers, so to the parser these lines are code; and Python takes them for
//! code too (a name with a type). Its own file's header is taken off; another file's makes the answer one to something
//! else. A line that the region has too is code.

use crate::edit::hunk::lines::{Line, lines};
use crate::edit::markers::{Fault, Header, Tier, header};
use crate::edit::script::Refusal;
use crate::syntax::Language;

/// `body` without the headers that it begins with, if they are those of `path`: relative to the workspace, with `/`.
///
/// # Errors
///
/// [`Fault::AnotherFile`] where a line names a file elsewhere in the body, or another file.
pub fn without<'b>(body: &'b str, region: &str, path: &str) -> Result<&'b str, Refusal> {
    let known = lines(region);
    let is_known = |line: &Line| known.iter().any(|other| other.text.trim() == line.text.trim());
    let all = lines(body);
    let mut rest = all.as_slice();
    while let [first, below @ ..] = rest
        && !is_known(first)
        && (first.is_blank() || is_heading(first, path, rest.len() < all.len()))
    {
        rest = below;
    }
    let has_heading = all[..all.len() - rest.len()].iter().any(|line| !line.is_blank());
    if rest.iter().any(|line| !is_known(line) && file(line).is_some()) {
        return Err(Refusal::Malformed(Fault::AnotherFile));
    }
    let start = rest.first().map_or(body.len(), |line| line.start);
    Ok(if has_heading { &body[start..] } else { body })
}

/// Whether a line names the file of `path`, or is another header below one that does.
fn is_heading(line: &Line, path: &str, is_below: bool) -> bool {
    match file(line) {
        Some(named) => {
            let named = named.trim_start_matches("./");
            let is_end =
                path.strip_suffix(named).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'));
            !named.is_empty() && is_end
        }
        None => is_below && matches!(header(line.text, Tier::Files), Some((Header::Lang | Header::Op, _))),
    }
}

/// The path in a line that is a header of a file, at no indentation and in capitals; a type in its place is none.
fn file<'a>(line: &Line<'a>) -> Option<&'a str> {
    let name = line.text.trim_start_matches('*');
    let (Header::File, value) = header(line.text, Tier::Files).filter(|_| name.starts_with("FILE"))? else {
        return None;
    };
    let is_path = !value.contains(' ') && Language::of("", value).id != Language::plain_text().id;
    is_path.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_its_own_file_go_and_another_file_is_refused() {
        let refused = Err(Refusal::Malformed(Fault::AnotherFile));
        for (body, expected) in [
            ("def f():\n", Ok("def f():\n")),
            ("FILE: src/a.py\ndef f():\n", Ok("def f():\n")),
            ("\nFILE: a.py\nLANG: python\n\ndef f():\n", Ok("def f():\n")),
            ("**FILE:** `./src/a.py`\ndef f():\n", Ok("def f():\n")),
            ("LANG: python\ndef f():\n", Ok("LANG: python\ndef f():\n")),
            ("\ndef f():\n", Ok("\ndef f():\n")),
            ("FILE: src/b.py\ndef f():\n", refused.clone()),
            ("FILE: ba.py\ndef f():\n", refused.clone()),
            ("def f():\nFILE: src/a.py\n", refused.clone()),
            ("def f():\n\n\nFILE: b.rs\n", refused.clone()),
            // Code: a type, a text, a line of the region, a comment.
            ("FILE: str = 1\n", Ok("FILE: str = 1\n")),
            ("FILE: pathlib.Path\n", Ok("FILE: pathlib.Path\n")),
            ("x: 1\nFILE: kept.py\n", Ok("x: 1\nFILE: kept.py\n")),
            ("# FILE: b.py\n", Ok("# FILE: b.py\n")),
            ("File: b.py\n", Ok("File: b.py\n")),
        ] {
            assert_eq!(without(body, "FILE: kept.py", "src/a.py"), expected, "{body}");
        }
    }
}
