//! Tables of cases for `explain`.

use super::*;

/// What was printed before the end, and altogether.
fn streamed(pieces: &[&str], answer: &str) -> (String, String) {
    let mut output = Vec::new();
    let mut stream =
        Stream { output: &mut output, waiting: String::new(), printed: String::new(), is_held: false };
    pieces.iter().try_for_each(|piece| stream.push(piece)).unwrap();
    let before = stream.printed.clone();
    stream.end(&unseen::shown(answer)).unwrap();
    (before, String::from_utf8(output).unwrap())
}

#[test]
fn words_come_as_they_are_written() {
    for (pieces, answer, before) in [
        (&["It adds", " one and", " tw", "o."][..], "It adds one and two.", "It adds one and"),
        (&["\n  It ", "adds one. "], "It adds one.", "It adds one."),
        // What ends an answer is no part of it.
        (&["It adds one. ", "\nFILE", ": a.rs"], "It adds one.", "It adds one."),
        (&["It adds one. \n", "\nTASK: x"], "It adds one.", "It adds one."),
        (
            &["One line of it.\n", "Another line of it.\n"],
            "One line of it.\nAnother line of it.",
            "One line of it.\nAnother line of it.",
        ),
        // Nor is an edit that nobody asked for.
        (
            &["It adds.\n<<<AI_", "EDIT_START>>>\nx y z\n<<<AI_EDIT_END>>>\nAnd more.\n"],
            "It adds.\nAnd more.",
            "It adds.",
        ),
        (&["Short"], "Short", ""),
        (&[], "Said at once.", ""),
    ] {
        assert_eq!(streamed(pieces, answer), (before.to_owned(), format!("{answer}\n")), "{pieces:?}");
    }
    // What commands a terminal or turns the writing is shown for what it is, once, however it comes.
    for pieces in [&["It clears \u{1b}[2J the ", "scr", "een \u{202e}now.\rAnd ", "more."][..], &[]] {
        let answer = "It clears \u{1b}[2J the screen \u{202e}now.\rAnd more.";
        let shown = "It clears \u{fffd}[2J the screen \u{fffd}now.\u{fffd}And more.\n";
        assert_eq!(streamed(pieces, answer).1, shown, "{pieces:?}");
    }
    // A stop of the person's own may cut what was printed; nothing is said twice.
    assert_eq!(streamed(&["It adds one and "], "It adds").1, "It adds one and\n");
    assert_eq!(
        streamed(&["It was tried first. "], "Another."),
        ("It was tried first.".into(), "It was tried first.\n\nAnother.\n".into())
    );
}

proptest::proptest! {
    #[test]
    fn however_it_is_cut_the_answer_is_printed(text in r"[a-z<é \n\r\u{1b}]{0,80}", cuts in proptest::collection::vec(0usize..90, 0..8)) {
        let mut places: Vec<usize> = cuts.into_iter().map(|cut| text.floor_char_boundary(cut.min(text.len()))).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let pieces: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let answer = text.trim();
        proptest::prop_assert_eq!(streamed(&pieces, answer).1, format!("{}\n", unseen::shown(answer)));
    }
}
