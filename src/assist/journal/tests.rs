//! Tests of `journal`, over real folders.

use std::fs;

use expect_test::expect;

use super::*;

const PATIENCE: Duration = Duration::from_secs(300);

fn record(id: impl ToString) -> Record {
    Record {
        time: "2026-11-21T10:33:58.120Z".into(),
        id: id.to_string(),
        action: Action::UnitTest,
        recipe: None,
        workspace: "shop".into(),
        workspace_id: "0a1b2c3d".into(),
        path: "src/a.rs".into(),
        outcome: Outcome::Applied,
        guard: None,
        files: vec!["src/a.rs".into()],
        lines_added: 12,
        lines_removed: 0,
        tokens: 180,
        ms: 2345,
        model: "codesage-mini".into(),
    }
}

#[test]
fn a_record_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    // Made when it is needed, and not before.
    let state = folder.path().join("a/b");
    let journal = Journal::new(Some(state.clone()));
    assert!(!state.exists());
    let refused = Record {
        action: Action::Custom,
        recipe: Some("tidy".into()),
        outcome: Outcome::Refused,
        guard: Some("syntax".into()),
        files: vec![],
        path: "a\n\"b\".rs".into(),
        ..record(8)
    };
    journal.write(record(7));
    journal.write(refused.clone());
    assert!(journal.flush(PATIENCE));
    expect![[r#"
        {"time":"2026-11-21T10:33:58.120Z","id":"7","action":"unitTest","workspace":"shop","workspaceId":"0a1b2c3d","path":"src/a.rs","outcome":"applied","files":["src/a.rs"],"linesAdded":12,"linesRemoved":0,"tokens":180,"ms":2345,"model":"codesage-mini"}
        {"time":"2026-11-21T10:33:58.120Z","id":"8","action":"custom","recipe":"tidy","workspace":"shop","workspaceId":"0a1b2c3d","path":"a\n\"b\".rs","outcome":"refused","guard":"syntax","files":[],"linesAdded":12,"linesRemoved":0,"tokens":180,"ms":2345,"model":"codesage-mini"}
    "#]].assert_eq(&fs::read_to_string(file_in(&state)).unwrap());
    let told = read(&state, 10, "").unwrap();
    assert_eq!(told, Told { records: vec![record(7), refused.clone()], unreadable: 0 });
    assert_eq!(read(&state, 1, "").unwrap().records, [refused]);
    assert_eq!(read(&state, 1, "7").unwrap().records, [record(7)]);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&file_in(&state))), (0o700, 0o600));
    }
}

#[test]
fn writers_at_the_same_time_lose_and_mix_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let journal = Journal::new(Some(folder.path().to_path_buf()));
            scope.spawn(move || {
                for number in 0..EACH {
                    journal.write(record(format!("{writer}.{number}")));
                    // The queue is bounded; this test is about the file.
                    if number % 50 == 0 {
                        assert!(journal.flush(PATIENCE));
                    }
                }
                assert!(journal.flush(PATIENCE));
            });
        }
    });
    let told = read(folder.path(), usize::MAX, "").unwrap();
    assert_eq!((told.records.len(), told.unreadable), (WRITERS * EACH, 0));
    for writer in 0..WRITERS {
        let own = |record: &Record| record.id.strip_prefix(&format!("{writer}."))?.parse::<usize>().ok();
        assert!(told.records.iter().filter_map(own).eq(0..EACH), "in order");
    }
}

#[test]
fn it_never_grows_large() {
    const LIMIT: u64 = 4000;
    let folder = tempfile::tempdir().unwrap();
    let line = serde_json::to_vec(&record("0.000")).unwrap().len() as u64 + 1;
    thread::scope(|scope| {
        for writer in 0..4 {
            let journal = Journal::with_limit(Some(folder.path().to_path_buf()), LIMIT);
            scope.spawn(move || {
                for number in 0..200 {
                    journal.write(record(format!("{writer}.{number:03}")));
                }
                assert!(journal.flush(PATIENCE));
            });
        }
    });
    let told = read(folder.path(), usize::MAX, "").unwrap();
    assert_eq!(told.unreadable, 0);
    // Of each writer the last ones are there: a full file was kept, not thrown away.
    assert!(told.records.len() as u64 > LIMIT / line, "{} records", told.records.len());
    for file in [file::NAME, file::OLD] {
        let length = folder.path().join(file).metadata().unwrap().len();
        // Each may find room for one line, and be the second to write there.
        assert!(length <= LIMIT + 4 * line, "{file}: {length}");
    }
}

#[test]
fn what_is_no_record_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path(), 10, "").unwrap(), Told::default());
    let good = serde_json::to_string(&record(1)).unwrap();
    let newer = good.replace("\"applied\"", "\"composted\"");
    let bytes =
        [good.as_bytes(), b"\n\n{\"time\":\"20", b"\n\xff\xfe\n", newer.as_bytes(), b"\n", good.as_bytes()];
    fs::write(file_in(folder.path()), bytes.concat()).unwrap();
    let told = read(folder.path(), 10, "").unwrap();
    assert_eq!((told.records, told.unreadable), (vec![record(1), record(1)], 3));
}

#[test]
fn a_line_that_another_process_left_torn_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let torn = format!("{}\n{{\"time\":\"2026", serde_json::to_string(&record(1)).unwrap());
    fs::write(file_in(folder.path()), torn).unwrap();
    for id in [2, 3] {
        let journal = Journal::new(Some(folder.path().to_path_buf()));
        journal.write(record(id));
        assert!(journal.flush(PATIENCE));
    }
    let told = read(folder.path(), 10, "").unwrap();
    assert_eq!((told.records, told.unreadable), ([1, 2, 3].map(record).to_vec(), 1));
}

/// Before records told their workspace.
#[test]
fn old_records_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"time":"2026-11-21T10:33:58.120Z","id":"7","action":"unitTest","path":"src/a.rs","outcome":"applied","files":["src/a.rs"],"linesAdded":12,"linesRemoved":0,"tokens":180,"ms":2345,"model":"codesage-mini"}"#;
    fs::write(file_in(folder.path()), line).unwrap();
    let old = Record { workspace: String::new(), workspace_id: String::new(), ..record(7) };
    assert_eq!(read(folder.path(), 1, "").unwrap(), Told { records: vec![old], unreadable: 0 });
}

#[test]
fn a_name_cannot_make_a_line_long() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(Some(folder.path().to_path_buf()));
    let long = "é".repeat(1 << 20);
    journal.write(Record { path: long.clone(), files: vec![long; 100], ..record(1) });
    assert!(journal.flush(PATIENCE));
    assert!(file_in(folder.path()).metadata().unwrap().len() < 50_000);
    let told = read(folder.path(), 1, "").unwrap();
    assert_eq!(told.records[0].files.len(), MAX_FILES);
}

#[test]
fn what_cannot_be_written_fails_nothing() {
    let nowhere = Journal::new(None);
    nowhere.write(record(1));
    assert!(nowhere.flush(PATIENCE));

    // A file where the folder should be, and a folder where the file should be.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    fs::create_dir_all(file_in(folder.path())).unwrap();
    for state in [file.clone(), folder.path().to_path_buf()] {
        let journal = Journal::new(Some(state.clone()));
        journal.write(record(1));
        assert!(journal.flush(PATIENCE));
        assert!(read(&state, 1, "").is_err(), "{}", state.display());
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "x");
}

#[cfg(unix)]
#[test]
fn a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "mine\n").unwrap();
    std::os::unix::fs::symlink(&other, file_in(folder.path())).unwrap();
    let journal = Journal::new(Some(folder.path().to_path_buf()));
    journal.write(record(1));
    assert!(journal.flush(PATIENCE));
    assert_eq!(fs::read_to_string(other).unwrap(), "mine\n");
    assert!(read(folder.path(), 1, "").is_err());
}
