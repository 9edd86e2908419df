//! 100,000 answers that were cut, doubled, swapped, and strewn with markers and bytes, against small files.
//!
//! None may panic. What comes of each is a refusal, or a text that differs from the file inside the region alone, or by
//! the hunks alone, each of them as it would be by itself: never a part of an edit. The seed is fixed, so what fails
//! once fails again.

use std::ops::Range;

use codesage::edit::guard::{self, Change, Guard, Verdict};
use codesage::edit::markers::{Answer, Body, Hunk, Markers, Parser, Status, Stop, Tier};
use codesage::edit::region::{self, Region};
use codesage::edit::repair::{self, Surroundings};
use codesage::edit::script::EditScript;
use codesage::edit::{Action, diff, hunk};
use codesage::syntax::Language;
use codesage::text::Document;
use fastrand::Rng;

use super::scene::{END, Meanwhile, Scene};
use super::{BETTER, BETTER_AREA, DOUBLED, Ended, PYTHON, RUST};

/// Answers for the parser and the resolver.
const INPUTS: usize = 100_000;
/// Of these one in so many is held against the guards, which parse.
const GUARDED: usize = 20;
/// Answers that go the whole way, with typing meanwhile.
const PLAYED: usize = 2_000;
const SEED: u64 = 0x5A6E;

/// A file, what of it is asked about, and a region of it.
struct File {
    path: &'static str,
    marked: String,
    document: Document,
    region: Region,
}

impl File {
    fn new(path: &'static str, marked: String) -> Self {
        let scene = Scene::new(path, &marked, Action::Edit);
        let document = Document::new(Language::of("", path), 1, &scene.text);
        let region = region::choose(&document, scene.selection, Action::Edit).expect("a region");
        Self { path, marked, document, region }
    }
}

fn files() -> Vec<File> {
    let crlf = PYTHON.replace('\n', "\r\n");
    let tabs = RUST.replace("    ", "\t");
    let open = RUST.trim_end().replace("label", "läbel🦀");
    let markdown = "# Guide\n\n$0```sh\nmake\n```$0\n\nEnd.";
    [
        ("a.rs", RUST.to_owned()),
        ("a.py", PYTHON.to_owned()),
        ("b.py", crlf),
        ("b.rs", tabs),
        ("c.rs", open),
        ("a.md", markdown.to_owned()),
        ("d.py", "x = 1\r$0a = 1\r\nb = 2\n\tc$0".to_owned()),
    ]
    .map(|(path, marked)| File::new(path, marked))
    .into()
}

/// Answers as models write them, each with the index of the file that it is about.
fn answers() -> Vec<(usize, String)> {
    let hunk =
        |search: &str, replace: &str| format!("<<<AI_SEARCH>>>\n{search}\n<<<AI_REPLACE>>>\n{replace}\n");
    let start = "<<<AI_EDIT_START>>>\n";
    let fmt = format!("Sure!\n{start}FILE: a.rs\n{}", hunk("        cents * 2", "        cents"));
    [
        (0, format!("{BETTER}\n{END}\n")),
        (1, format!("{BETTER_AREA}\n{END}\nI made it shorter.\n")),
        (3, format!("```rust\n{BETTER}\n```\n{END}\n")),
        (4, format!("impl Price {{\n{DOUBLED}\n\n    fn label(&self) -> String {{\n{END}\n")),
        (2, format!("def area(radius):\n    # ... existing code ...\n    return 3 * square\n{END}\n")),
        (0, format!("{fmt}{}{END}\n", hunk("use std::fmt;", "use std::io;"))),
        (
            1,
            format!(
                "{start}FILE: a.py\n{}{END}\n",
                hunk(
                    "def area(radius):\n    ...\n    return math.pi * square\n",
                    "def area(r):\n    ...\n    return 3"
                )
            ),
        ),
        (6, format!("{start}{}{}{END}\n", hunk("a = 1", "a = 2"), hunk("b = 2", ""))),
        (
            2,
            format!(
                "{start}{}{}{END}\n",
                hunk("return math.pi * square", "return 3"),
                hunk("import math\n\n\n", "")
            ),
        ),
        (0, format!("{start}REGION: 1\n{BETTER}\n{END}\n{start}REGION: 2\n{BETTER_AREA}\n{END}\n")),
        (
            4,
            format!(
                "{start}FILE: c.rs\nOP: create\nfn main() {{}}\n{END}\n{start}OP: rename\nTO: d.rs\n{END}\n"
            ),
        ),
        (2, format!("{start}OP: delete\nFILE: b.py\n{END}\n")),
        (5, format!("{start}{}{END}\n", hunk("```sh\nmake\n```", "```sh\njust\n```"))),
        (3, format!("{start}{}{END}\n", hunk("let cents = self.0;\ncents * 2", "self.0 * 2"))),
        (6, "a = 3\nb = 4\n\tc".to_owned()),
    ]
    .into()
}

/// What is strewn into answers.
const PIECES: [&str; 24] = [
    "<<<AI_EDIT_START>>>",
    "<<<AI_EDIT_END>>>",
    "<<<AI_SEARCH>>>",
    "<<<AI_REPLACE>>>",
    "<<<AI_CODE>>>",
    "<<ai edit end>>",
    "<<<AI_EDIT_END:k3>>>",
    "`<<<AI_SEARCH>>>`",
    "<<<AI_EDIT_",
    ">>>",
    "```",
    "~~~rust",
    "FILE: ../../etc/passwd",
    "REGION: 99999999999999999999",
    "OP: explode",
    "TO:",
    "# ... existing code ...",
    "// rest unchanged",
    "...",
    "\t",
    "\r",
    "\u{0}\u{feff}\u{2028}",
    "🦀é\u{301}",
    "\"'{[(",
];

/// An answer, spoilt up to four times, and a file: mostly its own.
fn spoilt<'f>(rng: &mut Rng, answers: &[(usize, String)], files: &'f [File]) -> (String, &'f File) {
    let (file, mut text) = rng.choice(answers).cloned().unwrap_or_default();
    let file = if rng.u8(0..4) == 0 { rng.usize(0..files.len()) } else { file };
    for _ in 0..rng.usize(0..5) {
        let at = border(rng, &text);
        match rng.u8(0..10) {
            0 => text.truncate(at),
            1 => _ = text.drain(..at),
            2 => {
                let end = border(rng, &text);
                let piece = text[at.min(end)..at.max(end)].to_owned();
                text.insert_str(at, &piece);
            }
            3 | 4 => {
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                if !lines.is_empty() {
                    let [a, b] = [rng.usize(0..lines.len()), rng.usize(0..lines.len())];
                    if rng.bool() {
                        lines.swap(a, b);
                    } else {
                        lines.remove(a);
                    }
                }
                text = lines.concat();
            }
            5 => {
                let bytes: Vec<u8> = (0..rng.usize(1..12)).map(|_| rng.u8(..)).collect();
                text.insert_str(at, &String::from_utf8_lossy(&bytes));
            }
            6 => {
                let (_, other) = rng.choice(answers).cloned().unwrap_or_default();
                let from = border(rng, &other);
                text.replace_range(at.., &other[from..]);
            }
            // At the start of a line, and anywhere.
            7 | 8 => {
                let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
                text.insert_str(line, &format!("{}\n", rng.choice(PIECES).unwrap_or_default()));
            }
            _ => text.insert_str(at, rng.choice(PIECES).unwrap_or_default()),
        }
    }
    (text, &files[file])
}

/// A place between two characters.
fn border(rng: &mut Rng, text: &str) -> usize {
    text.floor_char_boundary(rng.usize(0..=text.len()))
}

/// The answer, pushed whole and in pieces: it must be the same.
fn parsed(rng: &mut Rng, text: &str, tier: Tier, stop: Stop) -> Answer {
    let parser = match rng.bool() {
        true => Parser::opened(tier, Markers::default()),
        false => Parser::new(tier, Markers::default()),
    };
    let (mut whole, mut pieces) = (parser.clone(), parser);
    whole.push(text);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.ceil_char_boundary(rng.usize(1..24).min(rest.len()));
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    let answer = pieces.finish(stop);
    assert_eq!(answer, whole.finish(stop), "however it is cut");
    answer
}

/// The file with the region rewritten, if the answer can stand there.
fn rewritten(file: &File, body: &str) -> Option<String> {
    let text = file.document.rope().to_string();
    let around = Surroundings::of(&text, file.region.range.clone()).expect("a range of the text");
    let repaired = repair::repair(body, &around).ok()?;
    assert!(!repaired.text.trim().is_empty(), "nothing is never put anywhere");
    let Range { start, end } = file.region.range;
    Some([&text[..start], &repaired.text, &text[end..]].concat())
}

/// What an editor is told makes just that text, in whole characters of the old one.
fn is_told_exactly(old: &str, new: &str) {
    let mut text = old.to_owned();
    let replacements = diff::lines(old, new);
    assert!(replacements.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
    for one in replacements.iter().rev() {
        text.replace_range(one.range.clone(), &one.text);
    }
    assert_eq!(text, new);
}

/// What stands in place of `range` once one hunk is made, and whether nothing else was changed.
fn piece(text: &str, hunk: &Hunk, range: &Range<usize>) -> Option<String> {
    let alone = hunk::apply(text, std::slice::from_ref(hunk), None).ok()?;
    let (before, after) = (&text[..range.start], &text[range.end..]);
    let inside = alone.text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    if inside.is_none() {
        // A last line without a line end went, and the one above it is the last now.
        assert!(after.is_empty() && !text.ends_with(['\n', '\r']), "{hunk:?} changes more than it says");
        assert_eq!(alone.text, before.trim_end_matches(['\n', '\r']), "{hunk:?}");
    }
    inside.map(str::to_owned)
}

/// All hunks or none, and each as it would be alone.
fn replaced(text: &str, hunks: &[Hunk]) -> Option<String> {
    let found: Vec<_> = hunks.iter().map(|one| hunk::find(text, &one.search, None)).collect();
    let applied = hunk::apply(text, hunks, None).ok()?;
    let mut places: Vec<_> = hunks
        .iter()
        .zip(found)
        .map(|(hunk, found)| (found.expect("what is nowhere is not applied").range, hunk))
        .collect();
    places.sort_by_key(|(range, _)| (range.start, range.end));
    assert!(places.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start), "none over another");
    let (mut composed, mut from) = (String::new(), 0);
    for (range, hunk) in &places {
        composed += &text[from..range.start];
        match piece(text, hunk, range) {
            Some(piece) => composed += &piece,
            None => composed.truncate(composed.trim_end_matches(['\n', '\r']).len()),
        }
        from = range.end;
    }
    composed += &text[from..];
    assert_eq!(applied.text, composed);
    Some(applied.text)
}

/// A change that the guards let pass, or why not.
fn guarded(file: &File, text: &str) -> Verdict {
    let change = Change {
        action: Action::Edit,
        brings: Action::Edit.brings(),
        instruction: "Change it.",
        document: &file.document,
        region: file.region.range.clone(),
        text,
        diagnostic: None,
        tested: &[],
    };
    guard::check(&change)
}

#[test]
fn no_answer_panics_and_none_is_applied_in_part() {
    let (mut rng, files, answers) = (Rng::with_seed(SEED), files(), answers());
    let (mut tried, mut refused, mut rewrites, mut replacements) = (0, 0, 0, 0);
    for number in 0..INPUTS {
        let (text, file) = spoilt(&mut rng, &answers, &files);
        let tier =
            rng.choice([Tier::Region, Tier::Region, Tier::Regions, Tier::Files]).unwrap_or(Tier::Region);
        let stop =
            rng.choice([Stop::Marker, Stop::EndOfText, Stop::EndOfText, Stop::Limit]).unwrap_or(Stop::Limit);
        let answer = parsed(&mut rng, &text, tier, stop);
        assert!(tier == Tier::Region || answer.blocks.len() <= text.matches("<<").count() + 1);
        let original = file.document.rope().to_string();
        for edit in &EditScript::of(answer.clone()).edits {
            if matches!(edit.status, Status::Truncated | Status::Malformed(_)) {
                assert!(edit.refusal().is_some(), "{edit:?}");
            }
            if edit.refusal().is_some() {
                refused += 1;
                continue;
            }
            let new = match &edit.body {
                Body::Whole(body) => {
                    let new = rewritten(file, body);
                    rewrites += usize::from(new.is_some());
                    new
                }
                Body::Hunks(hunks) => {
                    let new = replaced(&original, hunks);
                    replacements += usize::from(new.is_some());
                    new
                }
            };
            match new {
                Some(new) => is_told_exactly(&original, &new),
                None => refused += 1,
            }
        }
        if number % GUARDED == 0
            && let Ok(edit) = EditScript::of(answer).into_single()
            && let Body::Whole(body) = &edit.body
            && let Some(new) = rewritten(file, body)
        {
            let reaches_out = matches!(&guarded(file, &new), Verdict::Refuse(Guard::Invariant, _));
            assert!(!reaches_out, "a region's answer stays in it");
        }
        tried += 1;
    }
    assert_eq!(tried, 100_000);
    // Else it would be about nothing.
    for (what, count) in [("refused", refused), ("rewrites", rewrites), ("replacements", replacements)] {
        assert!(count > INPUTS / 20, "{what}: {count}");
    }
}

/// A text with some of its characters taken away or doubled, or something put between them.
fn typed(rng: &mut Rng, text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..rng.usize(1..4) {
        let at = border(rng, &text);
        let end = text.ceil_char_boundary((at + rng.usize(0..6)).min(text.len()));
        match rng.u8(0..4) {
            0 => text.replace_range(at..end, ""),
            1 => text.insert_str(at, rng.choice(PIECES).unwrap_or_default()),
            2 => text.insert_str(text[..at].rfind('\n').map_or(0, |end| end + 1), "new = 1\n"),
            _ => {
                let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
                let copy = text[line..].split_inclusive('\n').next().unwrap_or_default().to_owned();
                text.insert_str(line, &copy);
            }
        }
    }
    text
}

#[test]
fn a_region_is_found_to_the_byte_or_given_up() {
    let (mut rng, files) = (Rng::with_seed(SEED + 1), files());
    let (mut found, mut lost) = (0, 0);
    for _ in 0..INPUTS / 10 {
        let file = rng.choice(&files).expect("there are some");
        let text = typed(&mut rng, &file.document.rope().to_string());
        let now = Document::new(file.document.language(), 2, &text);
        match region::relocate(&file.region, &file.document, &now) {
            Ok(range) => {
                assert_eq!(text.get(range.clone()), Some(&*file.region.text));
                let (before, after) = (&text[..range.start], &text[range.end..]);
                assert!(before.is_empty() || before.ends_with(['\n', '\r']), "{text}");
                assert!(after.is_empty() || after.starts_with(['\n', '\r']), "{text}");
                found += 1;
            }
            Err(refusal) => {
                assert_eq!(refusal.guard, Guard::Stale);
                lost += 1;
            }
        }
    }
    assert!(found > 1000 && lost > 1000, "{found} {lost}");
}

/// The whole way: what is proposed differs from the text as it is by then inside the region alone.
#[tokio::test(start_paused = true)]
async fn no_proposal_reaches_outside_of_its_region() {
    let (mut rng, files, answers) = (Rng::with_seed(SEED + 2), files(), answers());
    let (mut proposed, mut refused) = (0, 0);
    for _ in 0..PLAYED {
        let (first, file) = spoilt(&mut rng, &answers, &files);
        let (second, _) = spoilt(&mut rng, &answers, &files);
        let scene = Scene::new(file.path, &file.marked, Action::Edit).asks("Change it.");
        let mut scene = scene.says(&first).says(&second);
        if rng.bool() {
            let text = typed(&mut rng, &scene.text);
            scene = scene.meanwhile(Meanwhile::Replaced(text));
        }
        let seen = scene.play().await;
        let now = Document::new(file.document.language(), 2, &scene.text_at_the_end().expect("it is open"));
        match &seen.ended {
            Ended::Applied(text) | Ended::Preview(_, _, text) => {
                let range = region::relocate(&file.region, &file.document, &now).expect("it was found");
                let old = now.rope().to_string();
                let inside = text.strip_prefix(&old[..range.start]);
                let inside = inside.and_then(|rest| rest.strip_suffix(&old[range.end..]));
                assert!(inside.is_some(), "{text}");
                proposed += 1;
            }
            Ended::Refused(..) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(proposed > PLAYED / 10 && refused > PLAYED / 10, "{proposed} {refused}");
}
