//! Changes in files that the model names.

use super::*;

const A: &str = "use crate::b::limit;\n\npub fn take(n: u32) -> u32 {\n    n.min(limit())\n}\n";
const B: &str = "pub fn limit() -> u32 {\n    10\n}\n\npub fn spare() -> u32 {\n    20\n}\n";

fn hunks(path: &str, hunks: &[(&str, &str)]) -> String {
    let hunks: String = hunks
        .iter()
        .map(|(search, replace)| format!("<<<AI_SEARCH>>>\n{search}\n<<<AI_REPLACE>>>\n{replace}\n"))
        .collect();
    format!("<<<AI_EDIT_START>>>\nFILE: {path}\n{hunks}<<<AI_EDIT_END>>>\n")
}

fn hunk(path: &str, search: &str, replace: &str) -> String {
    hunks(path, &[(search, replace)])
}

fn whole(path: &str, op: &str, text: &str) -> String {
    format!("<<<AI_EDIT_START>>>\nFILE: {path}\nOP: {op}\n{text}<<<AI_EDIT_END>>>\n")
}

/// Without what the prompt holds of it.
fn answer(edits: &[String]) -> String {
    edits.concat().strip_prefix("<<<AI_EDIT_START>>>\nFILE:").unwrap().to_owned()
}

fn place(change: impl FnOnce(&mut Settings)) -> Place {
    let files =
        [("src/a.rs", A), ("src/b.rs", B), ("src/closed.rs", "pub fn closed() {}\n"), (".env", "KEY=1\n")];
    let place = Place::new(&files, 1, |settings| {
        settings.edits.format = EditFormat::Files;
        change(settings);
    });
    place.open("src/b.rs");
    place
}

async fn told(edits: &[String]) -> Told {
    let place = place(|_| {});
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    place.act(job, &[&answer(edits)]).await
}

#[tokio::test(start_paused = true)]
async fn two_files_and_a_new_one() {
    let edits = [
        hunk("src/b.rs", "    10", "    100"),
        hunk("src/a.rs", "    n.min(limit())", "    n.min(limit() - 1)"),
        whole("src/c/new.rs", "create", "```rust\npub fn new() {}\n```\n"),
    ];
    for (confirm, expected) in
        [(Confirm::Auto, "preview confirm"), (Confirm::Always, "preview confirm"), (Confirm::Never, "apply")]
    {
        let place = place(|settings| settings.edits.confirm = confirm);
        let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
        let told = place.act(job, &[&answer(&edits)]).await;
        assert_eq!(told.outcome, expected, "{confirm:?}: {}", told.sentence);
        let expected = [
            ("src/b.rs".to_owned(), B.replace("10", "100")),
            ("src/a.rs".to_owned(), A.replace("limit())", "limit() - 1)")),
            ("+src/c/new.rs".to_owned(), "pub fn new() {}\n".to_owned()),
        ];
        assert_eq!(told.files, expected);
        let (Outcome::Apply(proposal) | Outcome::Preview(proposal, ..)) = told.acted.outcome else {
            panic!()
        };
        let versions: Vec<_> = proposal.files.iter().map(|file| file.version).collect();
        assert_eq!(versions, [Some(1), Some(1), None]);
        assert_eq!(proposal.files[0].uri, place.uri("src/b.rs"));
        assert_eq!(proposal.files[0].before.as_deref(), Some(B));
        assert!(!place.root.join("src/c").exists(), "nothing is written here");
        let said = &place.backend.instructs()[0];
        assert!(said.user.starts_with("FILE: src/a.rs\n```rust\nuse crate::b::limit;\n"), "{}", said.user);
        assert!(said.user.contains("FILE: src/b.rs\n```rust\npub fn limit()"), "{}", said.user);
        assert!(!said.user.contains("closed") && !said.user.contains("KEY"), "{}", said.user);
        assert_eq!(said.prefill, "<<<AI_EDIT_START>>>\nFILE:");
    }
}

#[tokio::test(start_paused = true)]
async fn one_file_is_applied_at_once_if_it_is_this_one() {
    let here = hunk("src/a.rs", "    n.min(limit())", "    n.min(limit() - 1)");
    assert_eq!(told(std::slice::from_ref(&here)).await.outcome, "apply");
    // What stays as it is is no change.
    let same = hunk("src/b.rs", "    10", "    10");
    assert_eq!(told(&[same.clone(), here]).await.outcome, "apply");
    assert_eq!(told(&[hunk("src/b.rs", "    10", "    100")]).await.outcome, "preview confirm");
    let place = place(|_| {});
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    let told = place.act(job, &[&answer(&[same])]).await;
    assert!(told.again[0].contains("nothing to change"), "{:?}", told.again);
}

/// Beside an edit that could be made: nothing of either is.
#[tokio::test(start_paused = true)]
async fn of_a_bad_answer_nothing_is_used() {
    let good = || hunk("src/b.rs", "    10", "    100");
    for (name, edits, guard, says) in [
        (
            "missing",
            vec![hunk("src/a.rs", "    nowhere()", "    x()")],
            "malformed",
            "`src/a.rs`: The text that",
        ),
        ("ambiguous", vec![hunk("src/b.rs", "}", "};")], "malformed", "stands at lines 3, 7"),
        (
            "overlap",
            vec![hunks(
                "src/a.rs",
                &[("    n.min(limit())", "    1"), ("    n.min(limit())\n}", "    2\n}")],
            )],
            "malformed",
            "touch the same lines",
        ),
        (
            "syntax",
            vec![hunk("src/a.rs", "    n.min(limit())", "    n.min(limit(")],
            "syntax",
            "`src/a.rs`: ",
        ),
        ("exists", vec![whole("src/closed.rs", "create", "fn x() {}\n")], "malformed", "is there already"),
        ("open", vec![whole("src/a.rs", "create", "fn x() {}\n")], "malformed", "is there already"),
        ("no such file", vec![hunk("src/none.rs", "a", "b")], "malformed", "OP: create"),
        ("unseen", vec![hunk("src/closed.rs", "pub fn closed() {}", "")], "outside", "was not shown"),
        ("delete", vec![whole("src/a.rs", "delete", "")], "outside", "delete it yourself"),
        ("rename", vec![whole("src/a.rs", "rename\nTO: src/c.rs", "")], "outside", "rename it yourself"),
        ("rename out", vec![whole("src/a.rs", "rename\nTO: ../c.rs", "")], "outside", "upwards"),
        ("up", vec![whole("../a.rs", "create", "fn x() {}\n")], "outside", "upwards"),
        ("absolute", vec![hunk("/etc/passwd", "root", "x")], "outside", "not relative"),
        ("secret", vec![hunk(".env", "KEY=1", "KEY=2")], "outside", "secrets"),
        ("git", vec![whole(".git/hooks/pre-commit", "create", "x\n")], "outside", "Git"),
        ("scheme", vec![whole("https://x/a.rs", "create", "x\n")], "outside", "systems allow"),
        ("escaped", vec![whole("%2e%2e/a.rs", "create", "x\n")], "outside", "upwards"),
        (
            "twice",
            vec![whole("src/a.rs", "replace", "fn a() {}\n"), whole("src/a.rs", "replace", "fn b() {}\n")],
            "malformed",
            "twice",
        ),
        (
            "one in the other",
            vec![whole("src/n.rs", "create", "fn a() {}\n"), whole("src/n.rs/m.rs", "create", "fn b() {}\n")],
            "malformed",
            "cannot both be",
        ),
        (
            "in case only",
            vec![whole("src/n.rs", "create", "fn a() {}\n"), whole("src/N.rs", "create", "fn b() {}\n")],
            "malformed",
            "cannot both be",
        ),
        ("unknown", vec![whole("src/a.rs", "append", "fn a() {}\n")], "malformed", "operation"),
        ("new and broken", vec![whole("src/n.rs", "create", "fn a( {\n")], "syntax", "`src/n.rs`: "),
    ] {
        for edits in [[vec![good()], edits.clone()].concat(), [edits.clone(), vec![good()]].concat()] {
            // The second answer is none.
            let told = told(&edits).await;
            let why = told.again.first().unwrap_or(&told.sentence);
            assert!(why.contains(says), "{name}: {why}");
            let (first, files) = (told.outcome.clone(), told.files.len());
            assert!(first.starts_with("refused"), "{name}: {first}");
            if told.again.is_empty() {
                assert_eq!(told.outcome, format!("refused {guard}"), "{name}");
            } else {
                assert_ne!(guard, "outside", "{name}: what is outside is never asked for again");
            }
            assert_eq!(files, 0, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn eleven_files_are_too_many() {
    let new = |number| whole(&format!("src/n{number}.rs"), "create", "fn n() {}\n");
    let ten: Vec<_> = (0..10).map(new).collect();
    let made = told(&ten).await;
    assert_eq!((made.outcome.as_str(), made.files.len()), ("preview confirm", 10));
    let eleven: Vec<_> = (0..11).map(new).collect();
    let made = told(&eleven).await;
    assert_eq!(made.outcome, "refused outside");
    assert!(made.sentence.contains("11 files, and 10"), "{}", made.sentence);
}

/// Which file is meant has to be said, unless there is but one that it can be; and never is a whole file guessed.
#[tokio::test(start_paused = true)]
async fn edits_without_a_path() {
    let hunk = "<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\n    n.min(limit())\n<<<AI_REPLACE>>>\n    1\n<<<AI_EDIT_END>>>\n";
    let all = "<<<AI_EDIT_START>>>\nfn take() {}\n<<<AI_EDIT_END>>>\n";
    for (is_alone, edit, expected) in [
        (true, hunk, "preview confirm"),
        (false, hunk, "refused malformed"),
        (true, all, "refused malformed"),
    ] {
        let place = place(|_| {});
        if is_alone {
            place.assistant.close(&place.uri("src/b.rs"));
        }
        // Beside one that has a path: the prompt itself has begun the first one's.
        let first = whole("src/n.rs", "create", "fn n() {}\n");
        let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
        let told = place.act(job, &[&answer(&[first, edit.to_owned()])]).await;
        assert_eq!(told.outcome, expected, "{is_alone} {edit}: {}", told.sentence);
    }
}

/// A limit behind the last edit may have cut another one off.
#[tokio::test(start_paused = true)]
async fn an_answer_that_a_limit_ended_is_not_used() {
    let place = place(|_| {});
    let edits = answer(&[hunk("src/a.rs", "    n.min(limit())", "    1")]);
    let mut job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    job.options.max_tokens = Some(u32::try_from(edits.len().div_ceil(4)).unwrap());
    let told = place.act(job, &[&format!("{edits}And the other file:\n")]).await;
    assert_eq!(told.outcome, "refused truncated");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_its_end_is_shown() {
    for end in ["", "Done.\n"] {
        let edit = hunk("src/a.rs", "    n.min(limit())", "    n.min(1)");
        let open = edit.replace("<<<AI_EDIT_END>>>\n", "");
        let (edits, expected) = match end {
            "" => (vec![open], "preview malformed"),
            _ => (vec![edit, end.to_owned()], "apply"),
        };
        assert_eq!(told(&edits).await.outcome, expected, "{end:?}");
    }
    // The start of the next edit ends the one before.
    let open = hunk("src/a.rs", "    n.min(limit())", "    n.min(1)").replace("<<<AI_EDIT_END>>>\n", "");
    let told = told(&[open, hunk("src/b.rs", "    10", "    100")]).await;
    assert_eq!((told.outcome.as_str(), told.files.len()), ("preview malformed", 2));
}

#[tokio::test(start_paused = true)]
async fn a_file_written_anew_is_held_against_what_it_loses() {
    let told = told(&[whole("src/b.rs", "replace", "pub fn limit() -> u32 {\n    10\n}\n")]).await;
    assert_eq!(told.outcome, "preview loss");
    assert!(told.sentence.contains("`spare`"), "{}", told.sentence);
    let lazy =
        "pub fn limit() -> u32 {\n    11\n}\n\npub fn spare() -> u32 {\n    // ... existing code ...\n}\n";
    let told = super::files::told(&[whole("src/b.rs", "replace", lazy)]).await;
    assert_eq!(
        told.files,
        [("src/b.rs".to_owned(), B.replace("10", "11"))],
        "{} {:?}",
        told.sentence,
        told.again
    );
    assert!(told.acted.repairs.iter().any(|step| step.contains("put code back")), "{:?}", told.acted.repairs);
}

/// In the file's own line ends, and empty where it is meant so.
#[tokio::test(start_paused = true)]
async fn new_files() {
    let crlf = A.replace('\n', "\r\n");
    let place = Place::new(&[("src/a.rs", &crlf)], 1, |settings| {
        settings.edits.format = EditFormat::Files;
        settings.edits.confirm = Confirm::Never;
    });
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    let edits = [
        whole("src/n.rs", "create", "fn n() {}"),
        whole("py/__init__.py", "create", ""),
        hunk("src/a.rs", "    n.min(limit())", "    n.min(1)\n        .max(0)"),
    ];
    // A body without a line end of its own cannot be: its end marker has a line to itself.
    let edits = answer(&edits).replace("{}<<<", "{}\n<<<");
    let told = place.act(job, &[&edits]).await;
    let expected = [
        ("+src/n.rs".to_owned(), "fn n() {}\r\n".to_owned()),
        ("+py/__init__.py".to_owned(), String::new()),
        ("src/a.rs".to_owned(), crlf.replace("limit())", "1)\r\n        .max(0)")),
    ];
    assert_eq!(told.files, expected, "{} {:?}", told.sentence, told.again);
    assert_eq!(told.outcome, "apply");
}

#[tokio::test(start_paused = true)]
async fn what_changed_meanwhile_must_still_be_there_to_the_letter() {
    let exact = hunk("src/b.rs", "    10", "    100");
    let nearly = hunk("src/b.rs", "10", "100");
    let above = format!("//! Limits.\n\n{B}");
    for (edit, now, expected, after) in [
        (&exact, above.as_str(), "preview confirm", Some(above.replace("10", "100"))),
        (&exact, &B.replace("10", "11"), "refused stale", None),
        (&exact, &format!("{B}\npub fn ten() -> u32 {{\n    10\n}}\n"), "refused stale", None),
        (&nearly, &above, "refused stale", None),
        (&whole("src/b.rs", "replace", B), &above, "refused stale", None),
    ] {
        let place = place(|_| {});
        let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
        let uri = place.uri("src/b.rs");
        let told = place
            .act_while(job, &[&answer(std::slice::from_ref(edit))], |assistant| {
                Place::type_over(assistant, &uri, now)
            })
            .await;
        assert_eq!(told.outcome, expected, "{now}: {}", told.sentence);
        let after: Vec<_> = after.into_iter().map(|text| ("src/b.rs".to_owned(), text)).collect();
        assert_eq!(told.files, after, "{now}");
    }
    // Closed, and so no longer what the editor would change.
    let place = place(|_| {});
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    let uri = place.uri("src/b.rs");
    let told = place.act_while(job, &[&answer(&[exact])], |assistant| assistant.close(&uri)).await;
    assert_eq!(told.outcome, "refused stale");
}

/// The regions that its hunks are about, in whichever file.
#[tokio::test(start_paused = true)]
async fn a_failed_answer_is_asked_for_by_region() {
    let place = place(|_| {});
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    let first = answer(&[
        hunk("src/b.rs", "pub fn limit() -> u32 {\n    11", "pub fn limit() -> u32 {\n    100"),
        hunk("src/a.rs", "    n.min(limit())", "    n.min(limit() - 1)"),
    ]);
    let second = " 2\npub fn limit() -> u32 {\n    100\n}\n<<<AI_EDIT_END>>>\n";
    let told = place.act(job, &[&first, second]).await;
    assert_eq!(told.again.len(), 1);
    assert_eq!(told.files, [("src/b.rs".to_owned(), B.replace("10", "100"))], "{}", told.sentence);
    let said = &place.backend.instructs()[1];
    assert!(said.user.starts_with("REGION 1 (src/a.rs, take)\n```rust\npub fn take"), "{}", said.user);
    assert!(said.user.contains("REGION 2 (src/b.rs, limit)\n"), "{}", said.user);
    assert!(!said.user.contains("spare"), "{}", said.user);
}

/// A model that cannot say where is told so, in the same form.
#[tokio::test(start_paused = true)]
async fn an_answer_that_names_no_place_is_asked_for_again() {
    let place = place(|_| {});
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
    let first = answer(&[whole("src/b.rs", "create", "pub fn x() {}\n")]);
    let second = answer(&[hunk("src/a.rs", "    n.min(limit())", "    n.min(1)")]);
    let told = place.act(job, &[&first, &second]).await;
    assert_eq!(told.outcome, "apply", "{}", told.sentence);
    let said = &place.backend.instructs()[1];
    assert!(said.prefill.ends_with("FILE:") && said.user.contains("is there already"), "{}", said.user);
}

/// What does not fit is left out, the job's own file last, and the answer's room is kept.
#[tokio::test(start_paused = true)]
async fn what_is_shown_fits() {
    let many = |count: usize| {
        (0..count).map(|n| format!("pub fn limit{n}() -> u32 {{\n    {n}\n}}\n\n")).collect::<String>()
    };
    for (own, other, shows_own, shows_other) in [
        (5, 5, "whole", "whole"),
        (5, 120, "whole", "part"),
        (5, 400, "whole", "part"),
        (400, 5, "part", "whole"),
    ] {
        let (own, other) = (format!("{}{A}", many(own)), format!("{B}\n{}", many(other)));
        let place = Place::new(&[("src/a.rs", &own), ("src/b.rs", &other)], 1, |settings| {
            settings.edits.format = EditFormat::Files;
        });
        place.open("src/b.rs");
        let job = place.job("src/a.rs", Action::Edit, "n.min", false, "raise the limit");
        place.act(job, &[]).await;
        let said = &place.backend.instructs()[0];
        let tokens: usize =
            [&said.system, &said.user, &said.prefill].map(|text| text.len().div_ceil(4)).iter().sum();
        assert!(tokens < 2048 - 2048 / 3, "{tokens}");
        for (path, text, shows) in [("src/a.rs", &own, shows_own), ("src/b.rs", &other, shows_other)] {
            let is_whole = said.user.contains(text.trim_end());
            let is_part = said.user.contains(&format!("FILE: {path} (a part of it)\n"));
            assert_eq!((is_whole, is_part), (shows == "whole", shows == "part"), "{path}: {}", said.user);
        }
    }
    // A file that the person names is shown though it is closed.
    let place = place(|_| {});
    let job = place.job("src/a.rs", Action::Edit, "n.min", false, "as in src/closed.rs");
    place.act(job, &[]).await;
    assert!(place.backend.instructs()[0].user.contains("FILE: src/closed.rs\n```rust\npub fn closed() {}\n"));
}

/// A large model is asked for files only where the words are about more than this one.
#[tokio::test(start_paused = true)]
async fn the_form_follows_the_words() {
    for (billions, words, form) in [
        (14, "raise the limit everywhere", "FILE:"),
        (14, "move it to src/b.rs", "FILE:"),
        (14, "move it to b.rs", "FILE:"),
        (14, "raise the limit", ""),
        (7, "raise the limit everywhere", ""),
    ] {
        let place = Place::new(&[("src/a.rs", A), ("src/b.rs", B), ("b.rs", B)], billions, |_| {});
        place.act(place.job("src/a.rs", Action::Edit, "n.min", false, words), &[]).await;
        let prefill = &place.backend.instructs()[0].prefill;
        assert_eq!(*prefill, format!("<<<AI_EDIT_START>>>\n{form}"), "{billions} {words}");
    }
}
