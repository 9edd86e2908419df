//! Tables of answers and what they ask for.

use super::*;
use crate::edit::markers::{Markers, Parser, Stop, Tier};

fn script(tier: Tier, text: &str, stop: Stop) -> EditScript {
    let mut parser = Parser::new(tier, Markers::default());
    parser.push(text);
    EditScript::of(parser.finish(stop))
}

/// An edit with its parts between markers that are left out here.
fn edit(inside: &str) -> String {
    format!("<<<AI_EDIT_START>>>\n{inside}<<<AI_EDIT_END>>>\n")
}

const HUNK: &str = "<<<AI_SEARCH>>>\na\n<<<AI_REPLACE>>>\nb\n";

fn shown(edit: &FileEdit) -> String {
    let body = match &edit.body {
        Body::Whole(text) => format!("{text:?}"),
        Body::Hunks(hunks) => format!("{} hunks", hunks.len()),
    };
    let place = edit.file.clone().or_else(|| edit.region.map(|region| format!("#{region}")));
    let refusal = edit.refusal().map(|refusal| format!(" refused: {}", refusal.code())).unwrap_or_default();
    format!("{} {:?} {body} {:?}{refusal}", place.unwrap_or_default(), edit.op, edit.status)
}

#[test]
fn headers_get_their_meaning() {
    use Tier::{Files, Regions};
    for (tier, text, expected) in [
        (Files, edit("x\n"), &[" Replace \"x\\n\" Ok"][..]),
        (Files, edit("FILE: a\nOP: create\n```py\nx\n```\n"), &["a Create \"x\\n\" Ok"]),
        (Files, edit("FILE: a\nOP: Create\n"), &["a Create \"\" Ok"]),
        (Files, edit("FILE: a\nOP: delete\n"), &["a Delete \"\" Ok"]),
        (Files, edit("FILE: a\nOP: rename\nTO: b\n"), &["a Rename { to: \"b\" } \"\" Ok"]),
        (
            Files,
            edit("FILE: a\nOP: delete\nx\n"),
            &["a Delete \"x\\n\" Malformed(UnexpectedBody) refused: malformed"],
        ),
        (
            Files,
            edit(&format!("FILE: a\nOP: create\n{HUNK}")),
            &["a Create 1 hunks Malformed(UnexpectedBody) refused: malformed"],
        ),
        (
            Files,
            edit("FILE: a\nOP: explode\nx\n"),
            &["a Replace \"x\\n\" Malformed(UnknownOperation) refused: malformed"],
        ),
        (
            Files,
            edit("FILE: a\nOP: rename\n"),
            &["a Rename { to: \"\" } \"\" Malformed(RenameTarget) refused: malformed"],
        ),
        (
            Files,
            edit("FILE: a\nTO: b\nx\n"),
            &["a Replace \"x\\n\" Malformed(RenameTarget) refused: malformed"],
        ),
        (Files, edit("OP: delete\n"), &[" Delete \"\" Malformed(NoFile) refused: malformed"]),
        (Files, edit("FILE: a\n \n"), &["a Replace \"\" Ok refused: empty"]),
        (Regions, edit("REGION: 2 (src/a.rs)\nx\n"), &["#2 Replace \"x\\n\" Ok"]),
        (
            Regions,
            edit("REGION: two\nx\n"),
            &[" Replace \"x\\n\" Malformed(RegionNumber) refused: malformed"],
        ),
        (
            Regions,
            edit("REGION: 99999999999\nx\n"),
            &[" Replace \"x\\n\" Malformed(RegionNumber) refused: malformed"],
        ),
        (
            Regions,
            edit("REGION: 1\nx\n") + &edit("REGION: 2\ny\n") + &edit("REGION: 1\nz\n"),
            &["#1 Replace \"x\\n\" Malformed(RegionNumber) refused: malformed", "#2 Replace \"y\\n\" Ok"],
        ),
        (
            Files,
            edit(&format!("FILE: a\n{HUNK}"))
                + &edit(&format!("FILE: b\n{HUNK}"))
                + &edit(&format!("FILE: a\n{HUNK}")),
            &["a Replace 2 hunks Ok", "b Replace 1 hunks Ok"],
        ),
        (
            Files,
            format!("<<<AI_EDIT_START>>>\nFILE: a\n{HUNK}") + &edit(&format!("FILE: a\n{HUNK}")),
            &["a Replace 2 hunks Implicit"],
        ),
    ] {
        let script = script(tier, &text, Stop::EndOfText);
        let edits: Vec<_> = script.edits.iter().map(shown).collect();
        assert_eq!(edits, expected, "{text}");
    }
}

/// Hunks of one file are one edit, and no better than the worst of them.
#[test]
fn hunks_of_one_file_end_as_the_worst_of_them() {
    let first = edit(&format!("FILE: a\n{HUNK}"));
    let open = format!("<<<AI_EDIT_START>>>\nFILE: a\n{}", HUNK.replace('a', "c"));
    let spoilt = edit("FILE: a\n<<<AI_SEARCH>>>\nc\n<<<AI_REPLACE>>>\nd\n<<<AI_REPLACE>>>\ne\n");
    for (text, stop, expected) in [
        (format!("{first}{first}"), Stop::EndOfText, "a Replace 2 hunks Ok"),
        (format!("{first}{open}"), Stop::EndOfText, "a Replace 2 hunks Unterminated"),
        (format!("{open}{first}"), Stop::EndOfText, "a Replace 2 hunks Implicit"),
        (format!("{first}{open}"), Stop::Limit, "a Replace 2 hunks Truncated refused: truncated"),
        (
            format!("{first}{spoilt}"),
            Stop::EndOfText,
            "a Replace 2 hunks Malformed(ReplaceWithoutSearch) refused: malformed",
        ),
    ] {
        let shown: Vec<_> = script(Tier::Files, &text, stop).edits.iter().map(shown).collect();
        assert_eq!(shown, [expected], "{text}");
    }
}

#[test]
fn one_edit_where_one_was_asked_for() {
    for (text, stop, expected) in [
        (edit("x\n"), Stop::EndOfText, "x\n"),
        ("<<<AI_EDIT_START>>>\nx\n".to_owned(), Stop::EndOfText, "x\n"),
        ("<<<AI_EDIT_START>>>\nx\n".to_owned(), Stop::Limit, "truncated"),
        ("I would not.\n".to_owned(), Stop::EndOfText, "malformed"),
        (edit("\n"), Stop::EndOfText, "empty"),
        ("<<<AI_EDIT_START>>>\ny\n".to_owned() + &edit("x\n"), Stop::EndOfText, "malformed"),
        (edit("<<<AI_SEARCH>>>\nx\n"), Stop::EndOfText, "malformed"),
    ] {
        let script = script(Tier::Region, &text, stop);
        let shown = match script.into_single() {
            Ok(FileEdit { body: Body::Whole(text), .. }) => text,
            Ok(edit) => format!("{:?}", edit.body),
            Err(refusal) => refusal.code().to_owned(),
        };
        assert_eq!(shown, expected, "{text}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    for (refusal, code, sentence) in [
        (
            Refusal::Malformed(Fault::EmptySearch),
            "malformed",
            "the answer cannot be used: it looks for nothing; try again",
        ),
        (
            Refusal::Missing { hunk: 0, nearest: Some((3, 5)) },
            "missing",
            "the text that change 1 looks for is not in the file; most like it are lines 3 to 5",
        ),
        (
            Refusal::Ambiguous { hunk: 1, lines: (1..8).collect() },
            "ambiguous",
            "the text that change 2 looks for stands at lines 1, 2, 3, 4, 5 and more; select the one that is meant",
        ),
        (
            Refusal::Overlap { hunk: 0, other: 2 },
            "overlap",
            "changes 1 and 3 touch the same lines; try again",
        ),
    ] {
        assert_eq!((refusal.code(), &*refusal.to_string()), (code, sentence));
    }
}
