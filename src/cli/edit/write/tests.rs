//! Tests of `write`, over real folders.

use std::path::Path;

use tempfile::TempDir;
use url::Url;

use super::*;

fn change(folder: &TempDir, name: &str, before: Option<&str>, after: &str) -> FileChange {
    FileChange {
        uri: Url::from_file_path(folder.path().join(name)).unwrap(),
        path: name.into(),
        version: None,
        before: before.map(str::to_owned),
        after: after.into(),
    }
}

fn all(files: Vec<FileChange>) -> Result<(), String> {
    write(&Proposal { label: "Edit".into(), files }).map_err(|unwritten| unwritten.sentence)
}

fn put(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

/// All that is in the folder, by path.
fn held(folder: &TempDir) -> Vec<(String, String)> {
    fn collect(top: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.push((name + "/", String::new()));
                collect(top, &path, found);
            } else {
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    collect(folder.path(), folder.path(), &mut found);
    found.sort();
    found
}

fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn texts_are_written_as_they_are() {
    let texts = ["", "x", "\u{feff}a\r\nb\r\n", "a\rb", "no end \u{1f980}", "\0\u{1b}\n"];
    for (before, after) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "a.rs", before);
        assert_eq!(all(vec![change(&folder, "a.rs", Some(before), after)]), Ok(()));
        assert_eq!(held(&folder), named(&[("a.rs", after)]));
    }
    for name in ["with blank.rs", "größe 🦀.rs", "a\nb\".rs", "per%20cent.rs", "-dash"] {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, name, "old");
        assert_eq!(all(vec![change(&folder, name, Some("old"), "new")]), Ok(()));
        assert_eq!(held(&folder), named(&[(name, "new")]));
    }
}

#[test]
fn several_files_are_written_or_none() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.rs", "old");
    let files =
        || vec![change(&folder, "a.rs", Some("old"), "new"), change(&folder, "x/y/b.rs", None, "made")];
    assert_eq!(all(files()), Ok(()));
    let written = named(&[("a.rs", "new"), ("x/", ""), ("x/y/", ""), ("x/y/b.rs", "made")]);
    assert_eq!(held(&folder), written);
    // Again: neither is as it was.
    assert!(all(files()).unwrap_err().contains("`a.rs` was changed meanwhile"));
    put(&folder, "a.rs", "old");
    assert!(all(files()).unwrap_err().contains("`x/y/b.rs` was changed meanwhile"));
    assert_eq!(held(&folder), named(&[("a.rs", "old"), ("x/", ""), ("x/y/", ""), ("x/y/b.rs", "made")]));
    // What cannot be made, behind what can: nothing stays of either, not even a folder.
    fs::remove_dir_all(folder.path().join("x")).unwrap();
    let files = vec![
        change(&folder, "n/m/c.rs", None, "made"),
        change(&folder, "n/m/d.rs", None, "made"),
        change(&folder, "a.rs", Some("old"), "new"),
        change(&folder, "a.rs/b.rs", None, "made"),
    ];
    assert!(all(files).unwrap_err().contains("`a.rs/b.rs` cannot be written"));
    assert_eq!(held(&folder), named(&[("a.rs", "old")]));
}

/// One that changes between the first file's step and its own: what was written is put back.
#[test]
fn what_was_written_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.rs", "old");
    let mut made = Folders::default();
    let (a, b) = (change(&folder, "a.rs", Some("old"), "new"), change(&folder, "x/b.rs", None, "made"));
    let done = [&a, &b].map(|change| Prepared::new(change, &mut made).unwrap().replace().unwrap());
    assert_eq!(held(&folder), named(&[("a.rs", "new"), ("x/", ""), ("x/b.rs", "made")]));
    assert!(done.iter().all(|done| done.undo().is_ok()));
    drop(made);
    assert_eq!(held(&folder), named(&[("a.rs", "old")]));
    // What is no longer ours stays.
    let done = Prepared::new(&a, &mut Folders::default()).unwrap().replace().unwrap();
    put(&folder, "a.rs", "theirs");
    assert!(done.undo().is_err());
    assert_eq!(held(&folder), named(&[("a.rs", "theirs")]));
    // And two changes of one file are no two changes.
    put(&folder, "a.rs", "old");
    let twice =
        vec![change(&folder, "a.rs", Some("old"), "new"), change(&folder, "a.rs", Some("old"), "other")];
    assert!(all(twice).unwrap_err().contains("changed meanwhile"));
    assert_eq!(held(&folder), named(&[("a.rs", "old")]));
}

#[test]
fn what_was_not_seen_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let stale = |before: Option<&str>| {
        let proposal = Proposal { label: "Edit".into(), files: vec![change(&folder, "a.rs", before, "new")] };
        write(&proposal).map_err(|unwritten| unwritten.guard)
    };
    assert_eq!(stale(Some("old")), Err(Some(Guard::Stale)), "gone");
    put(&folder, "a.rs", "other");
    assert_eq!(stale(Some("old")), Err(Some(Guard::Stale)), "changed");
    assert_eq!(stale(None), Err(Some(Guard::Stale)), "made meanwhile");
    put(&folder, "a.rs", "old\r\n");
    assert_eq!(stale(Some("old\n")), Err(Some(Guard::Stale)), "another line end");
    fs::write(folder.path().join("a.rs"), b"old\xff").unwrap();
    assert_eq!(stale(Some("old")), Err(Some(Guard::Stale)), "no text any more");
}

#[cfg(unix)]
#[test]
fn a_file_stays_what_it_is() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rs");
    let mode = || path.metadata().unwrap().permissions().mode() & 0o7777;
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let edit = || all(vec![change(&folder, "a.rs", Some("old"), "new")]);
    for bits in [0o644, 0o600, 0o755, 0o4751, 0o666] {
        put(&folder, "a.rs", "old");
        set(bits);
        assert_eq!((edit(), mode()), (Ok(()), bits), "{bits:o}");
    }
    put(&folder, "a.rs", "old");
    // Only root can give a file away.
    if chown(&path, Some(12_345), Some(54_321)).is_ok() {
        set(0o6755);
        assert_eq!((edit(), mode()), (Ok(()), 0o6755));
        let now = path.metadata().unwrap();
        assert_eq!((now.uid(), now.gid()), (12_345, 54_321));
        put(&folder, "a.rs", "old");
    }
    set(0o444);
    assert!(edit().unwrap_err().contains("`a.rs` is read-only"));
    set(0o644);
    fs::hard_link(&path, folder.path().join("b.rs")).unwrap();
    assert!(edit().unwrap_err().contains("several names"));
    fs::remove_file(folder.path().join("b.rs")).unwrap();
    // A link that took its place since it was followed.
    fs::rename(&path, folder.path().join("b.rs")).unwrap();
    symlink("b.rs", &path).unwrap();
    assert!(edit().unwrap_err().contains("has become a link"));
    assert_eq!(held(&folder), named(&[("a.rs", "old"), ("b.rs", "old")]));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(edit().unwrap_err().contains("is not a file"));
    // Made anew: for others to read, as an editor's files are.
    fs::remove_dir(&path).unwrap();
    assert_eq!(all(vec![change(&folder, "a.rs", None, "made")]), Ok(()));
    assert_eq!(mode(), 0o644);
}
