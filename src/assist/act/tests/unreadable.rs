//! What cannot be read, or cannot be parsed, is not taken for what is not there.

use super::*;
use crate::syntax::tree;

const TWO: &str = "def two():\n    return 1 + 1\n";

#[tokio::test(start_paused = true)]
async fn a_test_file_that_cannot_be_added_to_is_left_alone() {
    let unreadable: [(&str, Vec<u8>); 2] = [
        ("not UTF-8", b"# caf\xe9\ndef test_one():\n    assert 1\n".to_vec()),
        ("too large", b"# a comment of sixteen\n".repeat(60_000)),
    ];
    for (what, bytes) in unreadable {
        let place = Place::new(&[("x.py", TWO)], 1, |_| {});
        fs::create_dir(place.root.join("tests")).unwrap();
        fs::write(place.root.join("tests/test_x.py"), &bytes).unwrap();
        let told = place.act(place.job("x.py", Action::UnitTest, "return", false, ""), &[]).await;
        assert_eq!(told.outcome, "refused outside", "{what}");
        assert!(told.sentence.contains("`tests/test_x.py`"), "{what}: {}", told.sentence);
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_of_what_is_no_file_has_no_place() {
    let place = Place::new(&[("x.py", TWO)], 1, |_| {});
    let uri = Url::parse(&format!("untitled:{}", place.root.join("u.py").display())).unwrap();
    place.assistant.open(uri.clone(), "python", 1, TWO);
    let mut job = place.job("x.py", Action::UnitTest, "return", false, "");
    job.document = place.assistant.snapshot(&uri).unwrap();
    job.uri = uri;
    let told = place.act(job, &[]).await;
    assert_eq!(told.outcome, "refused outside", "{}", told.sentence);
}

#[tokio::test(start_paused = true)]
async fn a_file_too_large_for_a_tree_is_shown_first() {
    let line = "x = 1  # one of very many lines\n";
    let text = line.repeat(tree::MAX_BYTES / line.len() + 1);
    let place = Place::new(&[("x.py", &text)], 1, |_| {});
    let job = place.job("x.py", Action::Edit, "x = 1  # one of very many lines", true, "count");
    let told = place.act(job, &["x = 2\n<<<AI_EDIT_END>>>\n"]).await;
    assert!(told.outcome.starts_with("preview") || told.outcome.starts_with("refused"), "{}", told.outcome);
}
